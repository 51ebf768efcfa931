"""The dataset's action at a row's next state: the file's `next_actions`, or that of the row that follows.

Methods that regularise their target towards it need it (ReBRAC). At a terminal none is needed.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from recheck.errors import DatasetError

from algos.datasets.episode_ends import EpisodeEnds
from algos.datasets.next_states import disagree, linked_episodes
from algos.datasets.transitions import Transitions


def check_stored(
    rows: Mapping[str, np.ndarray], ends: EpisodeEnds, in_order: bool, where: str, strict: bool = True
) -> str | None:
    """Compare a file's `next_actions` with the following rows' actions, where rows follow each other.

    Args:
        rows: `actions` and, where the file has them, `next_actions`, both [n, a].
        ends: where episodes end.
        in_order: the rows follow each other as they were played.
        where: the file, for messages.
        strict: refuse a file that contradicts itself; False (its hash is the published one) counts only.

    Returns:
        What is used, in one sentence; None where the file has no `next_actions`.

    Raises:
        DatasetError: they differ inside episodes of rows that are in order.
    """
    stored = rows.get("next_actions")
    if stored is None:
        return None
    if not in_order:
        return "Next actions are the file's; its rows are in no order to compare them with."
    inside = np.flatnonzero(~ends.last_rows[:-1])
    apart = disagree(stored[inside], rows["actions"][inside + 1])
    different = int(apart.sum())
    if different and strict:
        raise DatasetError(
            f"{where}: next_actions differs from the following row's action in {different:,} of "
            f"{len(inside):,} rows inside episodes (the first is row {int(inside[apart][0])}), though the "
            "rows are in order: it is shifted or of other rows, it seems. Mend it, or leave it out: then "
            "the following row's action is used."
        )
    return (
        f"Next actions are the file's; they differ from the following row's action in {different:,} of "
        f"{len(inside):,} rows inside episodes."
    )


def known_next_actions(transitions: Transitions) -> tuple[np.ndarray, np.ndarray]:
    """The action at each row's next state, and where it is known.

    The file's `next_actions` where the dataset has them. Otherwise the action of the row that follows in the
    same episode; rows in no order are followed by the one that observes their next state. At a terminal no
    action follows, and none is needed: it is 0. The last row of an episode that was cut has no following row:
    D4RL's rule drops the row of the time-out, and with it the action.

    Returns:
        Actions ``[n, a]`` and whether they may be used ``[n]``.
    """
    if transitions.next_actions is not None:
        return transitions.next_actions, np.ones(len(transitions), dtype=bool)
    actions = np.zeros_like(transitions.actions)
    following = _following_rows(transitions)
    known = following >= 0
    terminal = transitions.terminals.astype(bool)
    taken = known & ~terminal
    actions[taken] = transitions.actions[following[taken]]
    return actions, known | terminal


def _following_rows(transitions: Transitions) -> np.ndarray:
    """[n] the row that follows each row in its episode; -1 where there is none."""
    episodes = transitions.episodes
    order = np.arange(len(transitions))
    if not transitions.in_order:
        # Neighbours of one episode need not follow each other.
        states = transitions.observations, transitions.next_observations
        linked, order = linked_episodes(*states, transitions.terminals.astype(bool))
        same = linked[order[1:]] == linked[order[:-1]]
    else:
        same = np.ones(max(len(order) - 1, 0), dtype=bool)
    same &= episodes[order[1:]] == episodes[order[:-1]]
    following = np.full(len(order), -1, dtype=np.int64)
    following[order[:-1][same]] = order[1:][same]
    return following
