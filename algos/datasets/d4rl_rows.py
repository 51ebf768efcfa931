"""From a source's time steps to training rows: as the papers' code saw them, or as a file's own pairs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from recheck.errors import DatasetError

from algos.datasets.episode_ends import EpisodeEnds, timeouts_by_horizon
from algos.datasets.next_states import NextStates, linked_episodes
from algos.datasets.trajectories import CORL_MAX_EPISODE_STEPS, corl_ends, official_ends, returns_at
from algos.datasets.transitions import ACTIONS, OPTIONAL

# A point of a maze further from its successor than this was not walked: an ant covers under 0.6 per step,
# mazes measure 12 and more.
MAZE_JUMP_DISTANCE = 1.5


@dataclass(frozen=True)
class Filtered:
    """The kept rows of a source and what the source's episodes looked like before rows were dropped.

    Attributes:
        arrays: those of a prepared dataset, m rows.
        kept: [m] int64, the source row of each kept row.
        unfiltered_returns: [e] returns of all trajectories of the source, the cut last one too.
        complete_returns: [c] returns of those that ended at a terminal or a time-out.
        num_dropped: rows of the source that were left out.
        order: [m] int64, the kept rows trajectory by trajectory; None where they are in that order already.
    """

    arrays: dict[str, np.ndarray]
    kept: np.ndarray
    unfiltered_returns: np.ndarray
    complete_returns: np.ndarray
    num_dropped: int
    order: np.ndarray | None = None

    def as_played(self) -> dict[str, np.ndarray]:
        """The arrays with the rows of each trajectory together and in order."""
        if self.order is None:
            return self.arrays
        return {name: values[self.order] for name, values in self.arrays.items()}


def qlearning_rows(rows: Mapping[str, np.ndarray], horizon: int | None) -> Filtered:
    """D4RL's `qlearning_dataset` (d4rl/__init__.py), vectorised.

    For i in 0..n-2: a row flagged as time-out is dropped even where it is terminal too; the next state is
    the following row, at a terminal as well; the last row is lost. Without a `timeouts` key the row at
    `horizon` - 1 steps counts as time-out (and after a terminal D4RL's step counter starts at 1, not 0).

    Args:
        rows: as from `read_d4rl_hdf5`, n time steps.
        horizon: steps after which an episode is cut, None where not known.

    Raises:
        DatasetError: nothing is left, or neither time-outs nor a horizon are known.
    """
    terminals = rows["terminals"]
    timeouts = rows.get("timeouts")
    if timeouts is None:
        timeouts = timeouts_by_horizon(terminals, horizon, d4rl=True)
    keep = ~timeouts
    keep[-1] = False
    return _following_rows(rows, terminals, timeouts, keep)


def transition_rows(rows: Mapping[str, np.ndarray], ends: EpisodeEnds, following: NextStates) -> Filtered:
    """The rows of a file as training rows, by what was decided about its ends and next states.

    Args:
        rows: as from a reader, n time steps.
        ends: where episodes end; with the rule d4rl the rows are those of `qlearning_rows`.
        following: where next states come from.

    Raises:
        DatasetError: nothing is left.
    """
    if following.from_file:
        return _file_pairs(rows, ends, following)
    keep = ~ends.timeouts
    # A terminal's next state is never used, so the last row can be kept; D4RL loses it.
    keep[-1] &= bool(ends.terminals[-1]) and ends.rule != "d4rl"
    return _following_rows(rows, ends.terminals, ends.timeouts, keep)


def _following_rows(
    rows: Mapping[str, np.ndarray], terminals: np.ndarray, timeouts: np.ndarray, keep: np.ndarray
) -> Filtered:
    """Each kept row with the row that follows it (the last one, a terminal, with itself)."""
    num_rows = len(terminals)
    kept = np.flatnonzero(keep)
    if len(kept) == 0:
        raise DatasetError(f"No transition is left of {num_rows} time steps: every row is a time-out.")
    ends = terminals | timeouts
    episodes = np.concatenate([[0], np.cumsum(ends)[:-1]]).astype(np.int64)
    arrays = {
        "observations": rows["observations"][kept],
        "actions": rows["actions"][kept],
        "rewards": rows["rewards"][kept],
        "next_observations": rows["observations"][np.minimum(kept + 1, num_rows - 1)],
        "terminals": terminals[kept].astype(np.uint8),
        "episodes": episodes[kept],
        **{name: rows[name][kept] for name, _, _ in OPTIONAL if name in rows},
    }
    complete = np.flatnonzero(ends)
    everything = complete if ends[-1] else np.append(complete, num_rows - 1)
    return Filtered(
        arrays=arrays,
        kept=kept.astype(np.int64),
        unfiltered_returns=returns_at(rows["rewards"], everything),
        complete_returns=returns_at(rows["rewards"], complete),
        num_dropped=num_rows - len(kept),
    )


def _file_pairs(rows: Mapping[str, np.ndarray], ends: EpisodeEnds, following: NextStates) -> Filtered:
    """Every row with the file's own next state; where rows are mixed, states link the trajectories."""
    num_rows = len(ends.terminals)
    order = None
    if following.in_order:
        episodes = np.concatenate([[0], np.cumsum(ends.last_rows)[:-1]]).astype(np.int64)
    else:
        episodes, order = linked_episodes(rows["observations"], rows["next_observations"], ends.last_rows)
    arrays = {
        "observations": rows["observations"],
        "actions": rows["actions"],
        "rewards": rows["rewards"],
        "next_observations": rows["next_observations"],
        "terminals": ends.terminals.astype(np.uint8),
        "episodes": episodes,
        **{name: rows[name] for name, _, _ in OPTIONAL if name in rows},
    }
    returns = np.bincount(episodes, weights=rows["rewards"].astype(np.float64))
    complete = np.zeros(len(returns), dtype=bool)
    complete[episodes[ends.last_rows]] = True
    return Filtered(
        arrays=arrays,
        kept=np.arange(num_rows, dtype=np.int64),
        unfiltered_returns=returns,
        complete_returns=returns[complete],
        num_dropped=0,
        order=order,
    )


def maze_jumps(observations: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Rows whose successor is elsewhere in the maze although no episode ended there.

    Args: observations [n, d] with x and y first; ends [n] bool, rows flagged as terminal or time-out.
    Returns [n] bool; the last row never counts.
    """
    jumps = np.zeros(len(observations), dtype=bool)
    distance = np.linalg.norm(np.diff(observations[:, :2], axis=0), axis=1)
    jumps[:-1] = (distance > MAZE_JUMP_DISTANCE) & ~ends[:-1]
    return jumps


def with_fixed_timeouts(rows: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The rows with time-outs where the agent is put elsewhere, and nowhere else.

    Antmaze-v0 files flag other rows than those before a reset. Raises DatasetError for observations
    without a position.
    """
    if rows["observations"].shape[1] < 2:
        raise DatasetError("fix_timeouts needs observations that begin with x and y.")
    nowhere = np.zeros(len(rows["terminals"]), dtype=bool)
    fixed = maze_jumps(rows["observations"], nowhere)
    fixed[-1] = True
    return {**rows, "timeouts": fixed}


def states_before(rows: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The simulator's states from which the rows' steps were taken: `qpos` and `qvel` [n, ...].

    D4RL's antmaze generator stores a row's state after its step (generate_ant_maze_datasets.py), so there
    row i's own state is row i - 1's, and an episode's first one is not known (NaN). This is seen from the
    observation where it begins with the position; elsewhere states are taken as stored. Empty where the
    rows hold no states.
    """
    if any(key not in rows or rows[key].ndim != 2 for key in ("infos/qpos", "infos/qvel")):
        return {}
    qpos, qvel = rows["infos/qpos"], rows["infos/qvel"]
    ends = rows["terminals"] | rows.get("timeouts", np.zeros_like(rows["terminals"]))
    if not _states_come_after(rows["observations"], qpos, ends):
        return {"qpos": qpos, "qvel": qvel}
    unknown = np.append(True, ends[:-1])[:, None]
    shifted = {"qpos": np.roll(qpos, 1, axis=0), "qvel": np.roll(qvel, 1, axis=0)}
    return {name: np.where(unknown, values.dtype.type(np.nan), values) for name, values in shifted.items()}


def _states_come_after(observations: np.ndarray, qpos: np.ndarray, ends: np.ndarray) -> bool:
    width = qpos.shape[1]
    inside = np.flatnonzero(~ends[:-1])
    if observations.shape[1] < width or len(inside) == 0:
        return False
    own = np.abs(observations[inside, :width] - qpos[inside]).max(axis=1)
    following = np.abs(observations[inside + 1, :width] - qpos[inside]).max(axis=1)
    return bool(np.median(following) < 1e-5 < np.median(own))


def return_ranges(filtered: Filtered) -> dict[str, list[float] | None]:
    """Smallest and largest trajectory return by each rule of `transforms.return_range`."""
    arrays = filtered.as_played()
    ends = official_ends(arrays["observations"], arrays["next_observations"], arrays["terminals"])
    windows = corl_ends(arrays["terminals"], CORL_MAX_EPISODE_STEPS)
    return {
        "official": _extremes(returns_at(arrays["rewards"], ends)),
        "corl": _extremes(returns_at(arrays["rewards"], windows)),
        "unfiltered": _extremes(filtered.unfiltered_returns),
    }


def _extremes(returns: np.ndarray) -> list[float] | None:
    if len(returns) == 0:
        return None
    return [round(float(returns.min()), 6), round(float(returns.max()), 6)]


def return_statistics(filtered: Filtered) -> dict[str, Any]:
    """Mean, standard deviation (n), minimum and maximum over the complete episodes of the source.

    Where no episode was completed the four numbers are None.
    """
    returns = filtered.complete_returns
    statistics: dict[str, Any] = {"complete_episodes": len(returns)}
    for name in ("mean", "std", "min", "max"):
        statistics[name] = round(float(getattr(returns, name)()), 6) if len(returns) else None
    return statistics


Bounds = tuple[np.ndarray, np.ndarray]


def clip_to_bounds(
    rows: dict[str, np.ndarray], where: str, limit: float | Bounds, action_clip: float | None
) -> tuple[dict[str, np.ndarray], int]:
    """Actions within the environment's bounds: clipped where the task names a clip, refused otherwise.

    Args:
        rows: `actions` [n, a] and, where the file has them, `next_actions` [n, a].
        where: the file, for messages.
        limit: the environment's bound in every direction, or its (low [a], high [a]).
        action_clip: the bound to which actions are clipped, at most the environment's; None for none.

    Returns:
        The rows, and the number of action entries that were clipped.

    Raises:
        DatasetError: actions outside the bounds and no clip, or a clip that is not a bound.
    """
    keys = [key for key in ACTIONS if key in rows]
    width = rows["actions"].shape[1]
    low, high = (np.full(width, -limit), np.full(width, limit)) if isinstance(limit, int | float) else limit
    largest = float(np.abs([low, high]).max())
    if action_clip is not None:
        if not 0 < action_clip <= largest * (1 + 1e-6):
            raise DatasetError(
                f"action_clip={action_clip:g} is not a bound of the actions here; allowed are numbers "
                "above 0 up "
                f"to {largest:g}."
            )
        bounds = np.maximum(low, -action_clip), np.minimum(high, action_clip)
        clipped = {key: np.clip(rows[key], *bounds).astype(np.float32) for key in keys}
        outside = {key: int((np.abs(clipped[key] - rows[key]) > 0).sum()) for key in keys}
        return ({**rows, **clipped} if any(outside.values()) else rows), outside["actions"]
    # Actions stored in float32 may round a last bit past the bound.
    margin = 1e-6 * np.maximum(np.abs(low), np.abs(high))
    for key in keys:
        actions = rows[key]
        outside_rows = np.flatnonzero(((actions > high + margin) | (actions < low - margin)).any(axis=1))
        if not len(outside_rows):
            continue
        common = np.allclose(high, largest) and np.allclose(low, -largest)
        allowed = f"[-{largest:g}, {largest:g}]" if common else "the environment's bounds"
        raise DatasetError(
            f"{where} holds {key} outside {allowed} in {len(outside_rows)} rows, "
            f"the first in row {int(outside_rows[0])} (largest {float(np.abs(actions).max()):g}); "
            f"where that is meant, action_clip={largest:g} (own data: an option; a task: its column in "
            "tasks.csv) clips them and says how many."
        )
    return rows, 0
