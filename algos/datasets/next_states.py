"""Where a row's next state comes from: the file's `next_observations`, or the row that follows.

D4RL's `qlearning_dataset` pairs each row with the following one and never reads `next_observations`. For a
file in the order in which it was played both are the same; for a shuffled replay buffer every pair would be
invented. So the two are compared inside episodes before one is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from recheck.errors import DatasetError

from algos.datasets import row_order
from algos.datasets.episode_ends import EpisodeEnds

# |next - following| / max(1, |following|): the two may have been stored in different types.
AGREEMENT = 1e-5
# The same where one of the two was stored as float16, which has 11 bits.
AGREEMENT_FLOAT16 = 2**-9
# In a shuffled buffer nearly every next state is nearer than whatever row follows; next states of other rows
# are nearer in half of the rows or fewer.
SHUFFLED_NEARER = 0.75
# A shuffled buffer agrees in next to no row (about one, whatever its size); a file in order agrees in all.
SHUFFLED_SHARE = 0.01
SHUFFLED_COUNT = 5


@dataclass(frozen=True)
class NextStates:
    """Where the next states of n rows come from.

    Attributes:
        from_file: use the file's `next_observations`; otherwise the following row.
        in_order: the rows follow each other as they were played.
        counts: for the manifest.
    """

    from_file: bool
    in_order: bool
    counts: dict[str, Any]


def decide(
    rows: Mapping[str, np.ndarray], ends: EpisodeEnds, choice: str | None, where: str, strict: bool = True
) -> NextStates:
    """Compare both sources of next states and choose one.

    Args:
        rows: `observations` [n, d] and, where the file has them, `next_observations` [n, d].
        ends: where episodes end.
        choice: the task's `next_observations`, `file` or `following`; None where nothing was chosen.
        where: the file, for messages.
        strict: refuse a file that contradicts itself; False (its hash is the published one) counts only.

    Raises:
        DatasetError: the file has no `next_observations` though the task asks for them, or they disagree
            with the following row in some rows and nothing was chosen.
    """
    stored = rows.get("next_observations")
    if strict and choice is None and ends.rule != "d4rl":
        _refuse_rows_without_step(rows, ends, where)
    if stored is None:
        if choice == "file":
            raise DatasetError(
                f"{where} holds no next_observations, so next_observations=file cannot be used."
            )
        if strict and choice is None and ends.rule != "d4rl":
            _refuse_invented_pairs(rows["observations"], ends, where)
        return NextStates(False, True, _counts("following", 0, 0, ends))
    inside = np.flatnonzero(~ends.last_rows[:-1])
    apart = disagree(stored[inside], rows["observations"][inside + 1])
    different, compared = int(apart.sum()), len(inside)
    if choice == "following" or (choice is None and ends.rule == "d4rl"):
        if different and strict and choice is None:
            raise _refusal(where, different, compared, int(inside[apart][0]))
        return NextStates(False, True, _counts("following", compared, different, ends))
    _refuse_unmoved(rows["observations"], stored, choice, where)
    shuffled = _is_shuffled(compared, different)
    if different and not shuffled and choice is None:
        raise _refusal(where, different, compared, int(inside[apart][0]))
    if shuffled and choice is None:
        _refuse_next_states_of_other_rows(rows["observations"], stored, inside, where)
    elif choice is None:
        _refuse_resets(rows["observations"], stored, ends, inside, where)
    return NextStates(True, different == 0, _counts("file", compared, different, ends))


def trajectories_of_mixed_rows(
    rows: Mapping[str, np.ndarray], last_rows: np.ndarray, choice: str | None
) -> tuple[np.ndarray, np.ndarray] | None:
    """The trajectories of rows that are in no order; None where they are in order or have no next states.

    Args:
        rows: `observations` and, where the file has them, `next_observations`, both [n, d].
        last_rows: [n] bool, rows that end an episode by the file's flags.
        choice: the task's `next_observations`.

    Returns:
        order: [n] the rows trajectory by trajectory.
        breaks: [n] bool, where in that order a trajectory is left without an end.
    """
    stored = rows.get("next_observations")
    if stored is None or choice == "following":
        return None
    inside = np.flatnonzero(~last_rows[:-1])
    apart = disagree(stored[inside], rows["observations"][inside + 1])
    different = int(apart.sum())
    if not different or (choice != "file" and not _is_shuffled(len(inside), different)):
        return None
    episodes, order = linked_episodes(rows["observations"], stored, last_rows)
    changes = np.append(np.diff(episodes[order]) != 0, False)
    return order, changes & ~last_rows[order]


def _is_shuffled(compared: int, different: int) -> bool:
    chance = max(SHUFFLED_SHARE * compared, min(SHUFFLED_COUNT, 0.2 * compared))
    return different > 0 and compared - different <= chance


def disagree(stored: np.ndarray, following: np.ndarray) -> np.ndarray:
    """Which rows [n] of two arrays [n, d] differ by more than what storing them in other types changes."""
    scale = np.maximum(1.0, np.abs(following))
    tolerance = AGREEMENT_FLOAT16 if _is_float16(stored) or _is_float16(following) else AGREEMENT
    different: np.ndarray = (np.abs(stored - following) > tolerance * scale).any(axis=1)
    return different


def _is_float16(values: np.ndarray) -> bool:
    """Whether float16 holds all values exactly: they were stored in it, or could have been."""
    with np.errstate(over="ignore"):
        return bool((values.astype(np.float16).astype(values.dtype) == values).all())


def _refusal(where: str, different: int, compared: int, first: int) -> DatasetError:
    return DatasetError(
        f"{where}: next_observations differs from the following row's observation in {different:,} of "
        f"{compared:,} rows inside episodes (the first is row {first}). Say which to believe: "
        "next_observations=file (each row is a transition of its own, no row is lost) or "
        "next_observations=following (rows are in order; the file's next_observations are not used)."
    )


def _refuse_unmoved(observations: np.ndarray, stored: np.ndarray, choice: str | None, where: str) -> None:
    """Refuse next states that are the states themselves: a column that was filled by mistake."""
    same = int((observations == stored).all(axis=1).sum())
    if choice is None and same > len(observations) // 2:
        raise DatasetError(
            f"{where}: next_observations equals observations in {same:,} of {len(observations):,} rows, "
            "as if "
            "nothing moved; give next_observations=following to use the following row, or "
            "next_observations=file if this is right."
        )


def _refuse_next_states_of_other_rows(
    observations: np.ndarray, stored: np.ndarray, inside: np.ndarray, where: str
) -> None:
    """Refuse next states that differ from the following row everywhere, but are no nearer to their states.

    Then it is not the rows that were shuffled: the column is shifted, of other rows, or not filled.
    """
    nearer = row_order.share_nearer(observations, stored, inside)
    if nearer is not None and nearer < SHUFFLED_NEARER and row_order.has_structure(observations):
        raise DatasetError(
            f"{where}: next_observations differs from the following row's observation in nearly all of "
            f"{len(inside):,} rows inside episodes, and is nearer to its own row's observation in only "
            f"{nearer:.0%} of them: it does not belong to these rows (shifted, of other rows, or not "
            "filled). Give next_observations=following to use the following row, or "
            "next_observations=file if this is right."
        )


def _refuse_resets(
    observations: np.ndarray, stored: np.ndarray, ends: EpisodeEnds, inside: np.ndarray, where: str
) -> None:
    """Refuse time-outs whose next state is the next episode's first one, as vector environments give it."""
    reset = row_order.resets_stored_as_next(observations, stored, ends.timeouts, inside)
    if len(reset):
        raise DatasetError(
            f"{where}: next_observations of {len(reset):,} of {int(ends.timeouts.sum()):,} time-outs is the "
            f"next episode's first observation (the first is row {int(reset[0])}): the value of a time-out "
            "would be that of another episode. Give next_observations=following, which leaves time-outs out, "
            "or next_observations=file if this is right."
        )


def _refuse_invented_pairs(observations: np.ndarray, ends: EpisodeEnds, where: str) -> None:
    """Refuse rows that the following row does not continue though no end is flagged between them."""
    accept = "Correct the flags, or give next_observations=following to pair these rows anyway."
    beyond = ends.counts["episodes_beyond_horizon"]
    if beyond:
        raise DatasetError(
            f"{where} has {beyond:,} episodes that are longer than the environment's limit (the longest of "
            f"{ends.counts['longest_episode']:,} steps): ends are missing in its flags, and rows would be "
            f"paired across episodes. Give ends=horizon to cut them at the limit. {accept}"
        )
    ratio = row_order.step_ratio(observations, np.flatnonzero(~ends.last_rows[:-1]))
    unordered = ratio is not None and ratio > row_order.UNORDERED_RATIO
    if unordered and row_order.has_structure(observations):
        raise DatasetError(
            f"{where}: the following row is as far away as any other row (median distances' ratio "
            f"{ratio:.2f}, below {row_order.UNORDERED_RATIO:g} in files that are in order): the rows are "
            "shuffled, and the file has no next_observations to pair them with. Store next_observations, or "
            "give next_observations=following if the rows are in order."
        )
    shift = row_order.shifted_ends(observations, ends.last_rows)
    if shift:
        raise DatasetError(
            f"{where} flags the ends of its episodes a row too {'late' if shift > 0 else 'early'} "
            f"({ends.counts['convention']}): the states of nearly every episode jump "
            f"{'before' if shift > 0 else 'one row after'} the flagged row, not after it. {accept}"
        )
    hidden = row_order.hidden_starts(observations, ends.last_rows)
    if len(hidden):
        raise DatasetError(
            f"{where} has {len(hidden):,} rows inside episodes that are starting states like those after its "
            f"flagged ends (the first is row {int(hidden[0])}): ends are missing in its flags "
            f"({ends.counts['convention']}), and rows would be paired across episodes. {accept}"
        )


def _refuse_rows_without_step(rows: Mapping[str, np.ndarray], ends: EpisodeEnds, where: str) -> None:
    """Refuse episodes that end with a row for their final observation, as RLDS keeps them."""
    found = row_order.without_step(rows["actions"], rows["rewards"], ends.last_rows)
    if len(found):
        raise DatasetError(
            f"{where} has {len(found):,} last rows of episodes with neither action nor reward (the first is "
            f"row {int(found[0])}): final observations in rows of their own, as RLDS keeps them, it seems. "
            "Leave these rows out and flag the row before each; if these steps were taken, give "
            "next_observations=following, or =file where it holds them."
        )


def _counts(source: str, compared: int, different: int, ends: EpisodeEnds) -> dict[str, Any]:
    in_order = source == "following" or different == 0
    if source == "file" and in_order:
        sentence = (
            f"the file's next_observations, equal to the following row in all {compared:,} rows inside "
        )
        sentence += "episodes; no row is left out."
    elif source == "file":
        sentence = (
            f"the file's next_observations; they differ from the following row in {different:,} of "
            f"{compared:,} rows inside episodes, so each row is a transition of its own; none is left out."
        )
    else:
        kept_last = ends.rule != "d4rl" and bool(ends.terminals[-1])
        left_out = int(ends.timeouts[:-1].sum()) + int(not kept_last)
        sentence = f"the following row; {left_out:,} rows without one (time-outs, the last row) are left out"
        if different:
            sentence += (
                f"; the file's next_observations differ in {different:,} of {compared:,} rows inside "
                "episodes "
                "and are not used"
            )
        sentence += "."
    return {
        "source": source,
        "row_order": "as played" if in_order else "independent",
        "rows_compared": compared,
        "rows_different": different,
        "sentence": sentence,
    }


def linked_episodes(
    observations: np.ndarray, next_observations: np.ndarray, last_rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Trajectories of rows in any order: each row is followed by the one that observes its next state.

    A next state that several rows observe, or none, ends a trajectory, and so does a terminal or time-out.

    Args:
        observations: [n, d] float32.
        next_observations: [n, d] float32.
        last_rows: [n] bool, rows that end an episode.

    Returns:
        episodes: [n] int64, the trajectory of each row, numbered by its first row's place in the file.
        order: [n] int64, the rows trajectory by trajectory, each as it was played.
    """
    count = len(observations)
    both = np.ascontiguousarray(np.concatenate([observations, next_observations]) + np.float32(0))  # -0 is 0
    _, keys = np.unique(
        both.view(np.dtype((np.void, both.dtype.itemsize * both.shape[1]))), return_inverse=True
    )
    keys = keys.reshape(-1)
    own, following = keys[:count], keys[count:]
    observers = np.bincount(own, minlength=keys.max() + 1)
    arrivals = np.bincount(following[~last_rows], minlength=keys.max() + 1)
    row_of = np.zeros(keys.max() + 1, dtype=np.int64)
    row_of[own] = np.arange(count)
    linked = ~last_rows & (observers[following] == 1) & (arrivals[following] == 1)
    linked &= row_of[following] != np.arange(count)
    successor = np.where(linked, row_of[following], -1)
    has_predecessor = np.zeros(count, dtype=bool)
    has_predecessor[successor[linked]] = True
    episodes = np.full(count, -1, dtype=np.int64)
    order = np.empty(count, dtype=np.int64)
    place = number = 0
    # Rows without a predecessor first; what is left then are loops, begun at their first row.
    for start in np.concatenate([np.flatnonzero(~has_predecessor), np.flatnonzero(has_predecessor)]):
        row = int(start)
        if episodes[row] >= 0:
            continue
        while row >= 0 and episodes[row] < 0:
            episodes[row] = number
            order[place] = row
            place += 1
            row = int(successor[row])
        number += 1
    return episodes, order
