"""The flags of a file under the names that programs give them: what it says about the ends of its episodes.

    terminals, terminations, terminated     a terminal (D4RL, Minari, Gymnasium)
    timeouts, truncations, truncated        a time-out (the same)
    episode_terminals, dones, done, ...     an end of either kind (d3rlpy 1, many replay buffers)
    masks, discount, ...                    1 - terminal (JAX programs, OGBench, RLDS)
    not_done, ...                           1 - an end of either kind
    episode, episode_id, episode_index, ... the number of a row's episode
    is_first, episode_starts, ...           the first row of an episode (RLDS)

`algos.datasets.episode_ends` decides from them where episodes end and what is terminal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from recheck.errors import DatasetError

TERMINAL_KEYS = ("terminals", "terminations", "terminated", "terminal", "is_terminal")
TIMEOUT_KEYS = ("timeouts", "truncations", "truncated", "timeout", "truncation")
END_KEYS = ("episode_terminals", "dones", "done", "dones_float", "episode_ends", "is_last")
EPISODE_KEYS = (
    "episode",
    "episodes",
    "episode_id",
    "episode_ids",
    "episode_index",
    "trajectory_id",
    "traj_id",
)
# The row before a first one is a last one.
START_KEYS = ("is_first", "episode_starts", "episode_start")
# 1 - terminal: what the value of the next state is multiplied by (JAX programs, OGBench, RLDS).
CONTINUE_KEYS = ("masks", "discount", "discounts", "nonterminals", "not_terminals")
# 1 - an end of either kind.
NOT_DONE_KEYS = ("not_done", "not_dones")
FLAG_KEYS = (*TERMINAL_KEYS, *TIMEOUT_KEYS, *END_KEYS)
INVERTED_KEYS = (*CONTINUE_KEYS, *NOT_DONE_KEYS)


@dataclass(frozen=True)
class Flags:
    """What a file says about the ends of its episodes, n rows.

    Attributes:
        terminals: [n] bool, None where no key says it.
        timeouts: [n] bool, None where no key says it.
        ends: [n] bool, ends of either kind, None where no key says it.
        last_rows: [n] bool, the last row of each episode, None where the file does not number episodes.
        convention: the keys, for people.
        breaks: [n] bool, rows after which other rows follow than were played, though nothing ended; None
        where rows are in order.
    """

    terminals: np.ndarray | None
    timeouts: np.ndarray | None
    ends: np.ndarray | None
    last_rows: np.ndarray | None
    convention: str
    breaks: np.ndarray | None = None

    def in_order(self, order: np.ndarray, breaks: np.ndarray) -> Flags:
        """The flags with the rows in another order: trajectory by trajectory, for rows that were mixed."""

        def ordered(values: np.ndarray | None) -> np.ndarray | None:
            return None if values is None else values[order]

        return Flags(
            ordered(self.terminals), ordered(self.timeouts), ordered(self.ends), None, self.convention, breaks
        )

    def without_timeouts(self) -> bool:
        """Whether nothing says where an episode ends that is not terminal."""
        return self.timeouts is None and self.ends is None and self.last_rows is None

    def any_end(self) -> np.ndarray:
        """[n] bool, rows that end an episode by any of the keys."""
        found = [
            flags for flags in (self.terminals, self.timeouts, self.ends, self.last_rows) if flags is not None
        ]
        result: np.ndarray = np.logical_or.reduce(found)
        return result


def read_flags(rows: Mapping[str, np.ndarray], where: str) -> Flags:
    """Collect the flags of a file under whatever names it has for them.

    Args:
        rows: the arrays of a file by name; flags are bool [n] as the file has them, episode numbers integers
            [n].
        where: the file, for messages.

    Raises:
        DatasetError: two keys that mean the same disagree, or an episode's rows are not together.
    """
    terminals, first = _same(rows, TERMINAL_KEYS, CONTINUE_KEYS, where)
    timeouts, second = _same(rows, TIMEOUT_KEYS, (), where)
    ends, third = _same(rows, END_KEYS, NOT_DONE_KEYS, where)
    last_rows, fourth = _last_rows(rows, where)
    names = [name for name in (first, second, third, fourth) if name]
    return Flags(terminals, timeouts, ends, last_rows, " + ".join(names) or "no flags")


def _same(
    rows: Mapping[str, np.ndarray], keys: tuple[str, ...], inverted: tuple[str, ...], where: str
) -> tuple[np.ndarray | None, str]:
    """The flag that these keys give, those of `inverted` as 1 - flag, and their names."""
    found = {key: rows[key] for key in keys if key in rows}
    found |= {f"1 - {key}": ~rows[key] for key in inverted if key in rows}
    first = next(iter(found), "")
    for other, values in found.items():
        different = np.flatnonzero(values != found[first])
        if len(different) == 0:
            continue
        advice = "remove the one that is wrong"
        if other.startswith("1 - ") and not first.startswith("1 - ") and not (values & ~found[first]).any():
            advice = f"if {first} are ends of either kind, call them episode_terminals; else {advice}"
        raise DatasetError(
            f"{where} holds {first} and {other}, which mean the same, but they differ in "
            f"{len(different):,} rows, the first in row {different[0]}; {advice}."
        )
    return (found[first], " = ".join(found)) if found else (None, "")


def _last_rows(rows: Mapping[str, np.ndarray], where: str) -> tuple[np.ndarray | None, str]:
    found = [key for key in (*EPISODE_KEYS, *START_KEYS) if key in rows]
    if not found:
        return None, ""
    last: np.ndarray | None = None
    for key in found:
        # The number of an episode is that of its first row among all first rows.
        numbers = np.cumsum(rows[key]) if key in START_KEYS else rows[key]
        changes = np.append(numbers[1:] != numbers[:-1], True)
        if len(np.unique(numbers)) != int(changes.sum()):
            raise DatasetError(
                f"{where} numbers {len(np.unique(numbers)):,} episodes in {key}, but their rows are not "
                f"together ({int(changes.sum()):,} runs of equal numbers); sort the rows by episode."
            )
        if last is not None and not np.array_equal(last, changes):
            raise DatasetError(f"{where} holds {found[0]} and {key}, which number the episodes differently.")
        last = changes
    return last, " = ".join(found)
