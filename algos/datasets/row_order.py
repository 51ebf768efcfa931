"""What the observations themselves say about the order of a file's rows and where its episodes begin.

Flags can be missing, and `next_observations` can be of other rows. Both then give transitions that nobody
played. The measures here see that from the states alone; they say nothing where there are too few rows.
"""

from __future__ import annotations

import numpy as np

# Fewer rows inside episodes than these say nothing of their order.
FEWEST_ROWS = 200
# Median step to the following row over the median distance of two rows. Measured: 0.04 to 0.76 in files that
# are in order (door, Hopper, Ant, HalfCheetah), 0.99 to 1.01 in shuffled ones.
UNORDERED_RATIO = 0.9
# Median distance to the nearest other row, over the same with each entry's values mixed among the rows.
# Measured: 0.05 to 0.60 for states of simulators, also of random policies and of 300 rows only, 0.94 to 1.16
# for noise.
STRUCTURE_RATIO = 0.85
STRUCTURE_QUERIES = 64
STRUCTURE_ROWS = 20_000
# Starting states are known where so many episodes are flagged.
FEWEST_STARTS = 5
# Rows that would be in the starting states' box by chance, at most: a wider box says nothing.
CHANCE_ROWS = 1e-3
# A row was elsewhere before if it is so many widths outside of the starting states' box.
ELSEWHERE_WIDTHS = 4.0
# A state after a time-out that is not further away than usual was reached, not reset.
CONTINUED_RATIO = 1.5

# The step after a last row is longer than so many usual ones, where episodes begin elsewhere.
RESET_RATIO = 3.0
# Flags that are a row off are so for nearly every episode.
SHIFTED_SHARE = 0.9


def distances(observations: np.ndarray, others: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """[m] mean over the entries of |observations - others| [m, d] in units of `scale` [d]."""
    result: np.ndarray = np.abs((others.astype(np.float64) - observations) / scale).mean(axis=1)
    return result


def spread(observations: np.ndarray) -> np.ndarray:
    """[d] standard deviation of each entry; 1 where it never changes."""
    found = observations.std(axis=0, dtype=np.float64)
    result: np.ndarray = np.where(found > 0, found, 1.0)
    return result


def step_ratio(observations: np.ndarray, inside: np.ndarray) -> float | None:
    """Median distance to the following row, over that of two rows of the file; None for too few rows.

    Args:
        observations: [n, d].
        inside: rows [m] that an episode's end does not separate from the following one.
    """
    if len(inside) < FEWEST_ROWS:
        return None
    scale = spread(observations)
    other = np.random.default_rng(0).permutation(len(observations))[: len(inside)]
    two_rows = np.median(distances(observations[inside], observations[other], scale))
    if two_rows == 0:
        return None
    return float(np.median(distances(observations[inside], observations[inside + 1], scale)) / two_rows)


def has_structure(observations: np.ndarray) -> bool:
    """Whether rows are near each other as states of trajectories do; independent noise has no order to lose.

    Args:
        observations: [n, d].
    """
    chosen = np.linspace(0, len(observations) - 1, min(len(observations), STRUCTURE_ROWS)).astype(np.int64)
    rows = observations[chosen].astype(np.float64) / spread(observations)
    mixed = np.random.default_rng(0).permuted(rows, axis=0)
    nearest, without = _nearest(rows), _nearest(mixed)
    return without > 0 and nearest / without < STRUCTURE_RATIO


def _nearest(rows: np.ndarray) -> float:
    """Median over some rows [n, d] of the distance to the nearest other row."""
    queries = np.linspace(0, len(rows) - 1, min(len(rows), STRUCTURE_QUERIES)).astype(np.int64)
    found = []
    for query in queries:
        apart = np.abs(rows - rows[query]).mean(axis=1)
        apart[query] = np.inf
        found.append(apart.min())
    return float(np.median(found))


def share_nearer(observations: np.ndarray, stored: np.ndarray, inside: np.ndarray) -> float | None:
    """Share of rows whose stored next state is nearer than the following row; None for too few rows.

    Args:
        observations: [n, d].
        stored: [n, d], the file's next states.
        inside: rows [m] that an episode's end does not separate from the following one.
    """
    if len(inside) < FEWEST_ROWS:
        return None
    scale = spread(observations)
    own = observations[inside]
    nearer = distances(own, stored[inside], scale) < distances(own, observations[inside + 1], scale)
    return float(nearer.mean())


def hidden_starts(observations: np.ndarray, last_rows: np.ndarray) -> np.ndarray:
    """Rows inside episodes that are starting states, though nothing ended before them.

    Starting states of most simulators are in a small box around one state. A row in that box whose
    predecessor is far outside was reset, not reached. Where starting states differ widely nothing is said.

    Args:
        observations: [n, d].
        last_rows: [n] bool, rows that end an episode.

    Returns:
        Row numbers, ascending.
    """
    starts = np.append(0, np.flatnonzero(last_rows[:-1]) + 1)
    nothing = np.empty(0, dtype=np.int64)
    if len(starts) < FEWEST_STARTS:
        return nothing
    first = observations[starts].astype(np.float64)
    low, high = first.min(axis=0), first.max(axis=0)
    width = np.maximum(high - low, 1e-6 * np.maximum(1.0, np.abs(high)))
    changing = observations.std(axis=0, dtype=np.float64) > 0
    # A normal distribution has at most 0.4 / deviation of its mass in a unit of length; the box is two wide.
    mass = np.minimum(1.0, 0.8 * width[changing] / spread(observations)[changing])
    if len(observations) * float(np.prod(mass)) > CHANCE_ROWS:
        return nothing
    inside = ((observations >= low - width / 2) & (observations <= high + width / 2)).all(axis=1)
    far = ELSEWHERE_WIDTHS * width
    elsewhere = ((observations < low - far) | (observations > high + far)).any(axis=1)
    found: np.ndarray = np.flatnonzero(inside[1:] & elsewhere[:-1] & ~last_rows[:-1]) + 1
    return found


def resets_stored_as_next(
    observations: np.ndarray, stored: np.ndarray, timeouts: np.ndarray, inside: np.ndarray
) -> np.ndarray:
    """Time-outs whose stored next state is the next episode's first one; none where it continued there.

    Args:
        observations: [n, d].
        stored: [n, d], the file's next states.
        timeouts: [n] bool.
        inside: rows [m] that no end separates from the following one: their steps are the usual ones.

    Returns:
        Row numbers, ascending.
    """
    rows = np.flatnonzero(timeouts[:-1])
    reset: np.ndarray = rows[(stored[rows] == observations[rows + 1]).all(axis=1)]
    if len(reset) == 0 or len(inside) == 0:
        return reset[:0]
    scale = spread(observations)
    usual = np.median(distances(observations[inside], stored[inside], scale))
    moved = np.median(distances(observations[reset], stored[reset], scale))
    return reset if moved > CONTINUED_RATIO * usual else reset[:0]


def repeated_rows(observations: np.ndarray, actions: np.ndarray) -> int:
    """How many rows are there already, with the same observation and action: episodes joined twice.

    Args:
        observations: [n, d] float32.
        actions: [n, a] float32.
    """
    rows = np.ascontiguousarray(np.concatenate([observations, actions], axis=1) + np.float32(0))  # -0 is 0
    keys = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1])))
    return len(rows) - len(np.unique(keys))


def shifted_ends(observations: np.ndarray, last_rows: np.ndarray) -> int:
    """How many rows too late (1) or too early (-1) ends are flagged; 0 where they are right or nothing shows.

    The step from an episode's last row to the next one's first leads elsewhere. Where nearly every such step
    is not after the flagged row but after the one before or behind it, the flags are a row off. Measured in
    Hopper, Walker2d and door: 5 to 38 usual steps after the right row, 0.5 to 2.2 after its neighbours.

    Args:
        observations: [n, d].
        last_rows: [n] bool, rows that end an episode.
    """
    rows = np.flatnonzero(last_rows)
    rows = rows[(rows >= 1) & (rows < len(observations) - 2)]
    if len(rows) < FEWEST_STARTS:
        return 0
    steps = distances(observations[:-1], observations[1:], spread(observations))
    usual = float(np.median(steps[~last_rows[:-1]]))
    found = 0
    largest = RESET_RATIO * usual
    for shift in (1, -1):
        neighbour = steps[rows - shift]
        if np.mean(neighbour > 2 * steps[rows]) >= SHIFTED_SHARE and np.median(neighbour) > largest:
            found, largest = shift, float(np.median(neighbour))
    return found


def without_step(actions: np.ndarray, rewards: np.ndarray, last_rows: np.ndarray) -> np.ndarray:
    """Last rows of episodes that hold a final observation alone: no action was taken there, nothing earned.

    Args:
        actions: [n, a].
        rewards: [n].
        last_rows: [n] bool, rows that end an episode.

    Returns:
        Row numbers, ascending; none unless all but the last of the file are so, and few other rows.
    """
    empty = (actions == 0).all(axis=1) & (rewards == 0)
    ends = np.flatnonzero(last_rows)
    inside = empty[~last_rows]
    found: np.ndarray = ends[empty[ends]]
    enough = len(found) >= 2 and len(found) >= len(ends) - 1
    return found if enough and (len(inside) == 0 or inside.mean() < 0.5) else found[:0]
