"""Where episodes end and what is terminal: the one place that decides it, for every reader.

A terminal is a row after which nothing can follow: its target is the reward alone. A time-out ends an episode
that could have continued: its next state has a value. A flag that is read wrongly changes the learning target
without a trace, so whatever a file leaves open is refused unless the task's `ends` decides it.

`algos.datasets.episode_flags` has the names that files use.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from recheck.errors import DatasetError

from algos.datasets.episode_flags import END_KEYS, TERMINAL_KEYS, Flags

# A time limit that was stored as terminal: so many terminals, and so large a share of all, are at the longest
# episode's length. Real terminals spread: of 33 falls of a random hopper no more than two have one length.
REPEATED_LENGTH_COUNT = 3
REPEATED_LENGTH_SHARE = 0.25
SHORTEST_TIME_LIMIT = 10
# Where all terminals are at the longest episode's length, two are enough from so many steps on, and one if
# the length is a multiple of it.
ROUND_LENGTH = 100
CHOICES = (
    "ends=terminal (such a row is a terminal), ends=timeout (it is a time-out) or ends=horizon (a time-out "
    "where the episode has the horizon's length, else a terminal)"
)


@dataclass(frozen=True)
class EpisodeEnds:
    """The decision, n rows.

    Attributes:
        terminals: [n] bool.
        timeouts: [n] bool; with `rule` d4rl a row may be both, otherwise never.
        rule: d4rl, terminal, timeout, horizon, or `as flagged` where nothing had to be decided.
        counts: what was found, for the manifest.
    """

    terminals: np.ndarray
    timeouts: np.ndarray
    rule: str
    counts: dict[str, Any]

    def put_back(self, order: np.ndarray) -> EpisodeEnds:
        """The decision with the rows in the file's order, where it was made in the order `order` [n]."""
        terminals, timeouts = np.empty_like(self.terminals), np.empty_like(self.timeouts)
        terminals[order], timeouts[order] = self.terminals, self.timeouts
        return replace(self, terminals=terminals, timeouts=timeouts)

    @property
    def last_rows(self) -> np.ndarray:
        """[n] bool, rows after which another episode begins."""
        result: np.ndarray = self.terminals | self.timeouts
        return result


def decide(
    flags: Flags, rule: str | None, horizon: int | None, where: str, strict: bool = True
) -> EpisodeEnds:
    """Decide where episodes end and what is terminal.

    Args:
        flags: as from `read_flags`.
        rule: the task's `ends`; None where nothing was chosen.
        horizon: steps after which an episode of the task is cut, None where it is not known.
        where: the file, for messages.
        strict: refuse what the flags leave open; False (data that are named in tasks.csv) counts it only.

    Raises:
        DatasetError: the flags leave open what the learning target is, and no rule decides it.
    """
    if flags.terminals is None and flags.ends is None:
        raise DatasetError(
            f"{where} does not say where episodes end: it needs terminals (and timeouts), or one of "
            f"{', '.join((*TERMINAL_KEYS[1:], *END_KEYS))}."
        )
    if flags.terminals is None and flags.timeouts is None:
        terminals, flagged = _split_ends(flags, rule, horizon, where)
    else:
        terminals, flagged = _combined(flags, where)
    by_horizon = 0
    if flagged is None:
        begun = terminals if flags.breaks is None else terminals | flags.breaks
        timeouts = timeouts_by_horizon(begun, horizon, rule == "d4rl") & ~(begun & ~terminals)
        by_horizon = int(timeouts.sum())
    else:
        timeouts = flagged
        if rule == "horizon" and horizon is not None:
            # Whoever chooses the horizon has episodes cut there, flagged or not.
            begun = terminals | timeouts if flags.breaks is None else terminals | timeouts | flags.breaks
            cut = timeouts_by_horizon(begun, horizon, d4rl=False) & ~begun
            by_horizon = int(cut.sum())
            timeouts = timeouts | cut
    if strict and rule is None and 2 * int(terminals.sum()) > len(terminals):
        raise DatasetError(
            f"{where} flags {int(terminals.sum()):,} of {len(terminals):,} rows as terminals: inverted "
            "flags, it seems (1 where an episode continues). If most episodes do have a single step, give "
            "ends=terminal."
        )
    both = terminals & timeouts
    counts: dict[str, Any] = {
        "convention": flags.convention,
        "rule": rule or "as flagged",
        "rows": len(terminals),
        "terminals_flagged": int(terminals.sum()),
        "timeouts_flagged": int(timeouts.sum()),
        "flagged_both": int(both.sum()),
        "timeouts_by_horizon": by_horizon,
    }
    if both.any() and strict and rule is None:
        raise DatasetError(
            f"{where} flags {int(both.sum()):,} of {int(terminals.sum()):,} terminals as time-outs too "
            f"(the first in row {int(np.flatnonzero(both)[0])}): say what these rows are, {CHOICES}."
        )
    if rule == "d4rl":
        resolved = terminals, timeouts
    else:
        resolved = _resolve_both(terminals, timeouts, rule, horizon)
    breaks = np.zeros_like(terminals) if flags.breaks is None else flags.breaks
    limit = time_limit_terminals(resolved[0], resolved[1] | breaks, horizon)
    counts["terminals_at_time_limit"] = len(limit)
    if len(limit) and rule in ("timeout", "horizon"):
        resolved[0][limit], resolved[1][limit] = False, True
    elif len(limit) and strict and rule is None:
        flagged_only = np.zeros_like(terminals) if flagged is None else timeouts
        length = int(_steps(resolved[0] | flagged_only | breaks)[limit[0]])
        raise DatasetError(
            f"{where} flags {len(limit):,} of {int(terminals.sum()):,} terminals exactly after {length:,} "
            f"steps, the length of its longest episodes: a time limit that was stored as terminal, it seems. "
            f"Say what these rows are, {CHOICES}."
        )
    return _decided(*resolved, breaks, counts, horizon)


def _decided(
    terminals: np.ndarray,
    timeouts: np.ndarray,
    breaks: np.ndarray,
    counts: dict[str, Any],
    horizon: int | None,
) -> EpisodeEnds:
    ends = terminals | timeouts
    last_rows = np.flatnonzero(np.append((ends | breaks)[:-1], True))
    lengths = np.diff(last_rows, prepend=-1)
    counts |= {
        "terminals": int((terminals & ~timeouts).sum() if counts["rule"] == "d4rl" else terminals.sum()),
        "timeouts": int(timeouts.sum()),
        "open_episodes": int((~ends[last_rows]).sum()),
        "episodes": len(lengths),
        "longest_episode": int(lengths.max()),
        "episodes_beyond_horizon": 0 if horizon is None else int((lengths > horizon).sum()),
    }
    return EpisodeEnds(terminals, timeouts, counts["rule"], counts)


def _split_ends(
    flags: Flags, rule: str | None, horizon: int | None, where: str
) -> tuple[np.ndarray, np.ndarray | None]:
    """Terminals and time-outs where only ends of either kind are flagged."""
    ends = flags.ends
    assert ends is not None
    if rule in (None, "d4rl"):
        raise DatasetError(
            f"{where} flags {int(ends.sum()):,} ends of episodes ({flags.convention}) without saying "
            "which are "
            f"terminals and which are time limits; say {CHOICES}."
        )
    if rule == "horizon":
        if horizon is None:
            raise DatasetError(f"{where}: ends=horizon needs the task's horizon, which is not known.")
        timeouts = ends & (_steps(ends) >= horizon)
        return ends & ~timeouts, timeouts
    nothing = np.zeros_like(ends)
    return (ends.copy(), nothing) if rule == "terminal" else (nothing, ends.copy())


def _combined(flags: Flags, where: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Terminals and time-outs where one of them is flagged, with what ends of either kind add."""
    timeouts = None if flags.timeouts is None else flags.timeouts.copy()
    ends = flags.ends
    if flags.terminals is None:
        assert ends is not None
        assert timeouts is not None
        # dones next to timeouts: an end that is not a time-out is a terminal.
        terminals = ends & ~timeouts
    else:
        terminals = flags.terminals.copy()
    for more in (ends, flags.last_rows):
        if more is None or (more is ends and np.array_equal(more, terminals)):
            continue
        known = terminals if timeouts is None else terminals | timeouts
        added, lost = more & ~known, known & ~more
        if added.any() and lost.any() and more is ends:
            raise DatasetError(
                f"{where} contradicts itself ({flags.convention}): {int(added.sum()):,} rows end an episode "
                f"by one key only and {int(lost.sum()):,} by the others only; remove the key that is wrong."
            )
        if more is flags.last_rows and lost.any():
            raise DatasetError(
                f"{where} flags {int(lost.sum()):,} terminals or time-outs inside episodes as it numbers "
                f"them ({flags.convention}); the first is in row {int(np.flatnonzero(lost)[0])}."
            )
        # Whatever ends an episode without being a terminal is a time-out.
        timeouts = added if timeouts is None else timeouts | added
    return terminals, timeouts


def _resolve_both(
    terminals: np.ndarray, timeouts: np.ndarray, rule: str | None, horizon: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Rows that are flagged as both become one of the two."""
    both = terminals & timeouts
    if rule == "timeout":
        return terminals & ~both, timeouts.copy()
    if rule == "horizon":
        cut = both & (_steps(terminals | timeouts) >= (horizon or np.inf))
        return terminals & ~cut, timeouts & ~(both & ~cut)
    # A terminal at the time limit is a terminal (Gymnasium: `terminated` decides whether a value follows).
    return terminals.copy(), timeouts & ~both


def _steps(ends: np.ndarray) -> np.ndarray:
    """[n] the number of each row within its episode, from 1."""
    rows = np.arange(len(ends))
    starts = np.where(np.append(True, ends[:-1]), rows, 0)
    return rows - np.maximum.accumulate(starts) + 1


def time_limit_terminals(terminals: np.ndarray, timeouts: np.ndarray, horizon: int | None) -> np.ndarray:
    """Rows whose terminal looks like a time limit.

    Terminals after exactly the horizon's steps, or in the row after (where a file keeps the last observation
    in a row of its own), if there are two or nothing else; else terminals at the length of the longest
    episode, if they repeat it as real terminals do not.

    Args:
        terminals: [n] bool.
        timeouts: [n] bool.
        horizon: steps, None where not known.

    Returns:
        Row numbers, ascending.
    """
    rows = np.flatnonzero(terminals)
    if len(rows) == 0:
        return rows
    ends = terminals | timeouts
    steps = _steps(ends)
    lengths = steps[rows]
    if horizon is not None and horizon > 1:
        after_cut = (lengths == 1) & (rows > 0) & timeouts[rows - 1] & (steps[rows - 1] == horizon)
        at_horizon = rows[(lengths == horizon) | after_cut]
        if len(at_horizon) >= 2 or len(at_horizon) == len(rows):
            result: np.ndarray = at_horizon
            return result
    longest = int(steps.max())
    repeated: np.ndarray = rows[lengths == longest]
    enough = len(rows) >= 2 or longest % ROUND_LENGTH == 0
    if len(repeated) == len(rows) and longest >= ROUND_LENGTH and enough:
        return repeated
    needed = max(REPEATED_LENGTH_COUNT, REPEATED_LENGTH_SHARE * len(rows))
    return repeated if longest >= SHORTEST_TIME_LIMIT and len(repeated) >= needed else rows[:0]


def timeouts_by_horizon(terminals: np.ndarray, horizon: int | None, d4rl: bool) -> np.ndarray:
    """Time-outs of a file that flags terminals only: every episode is cut at the horizon.

    Args:
        terminals: [n] bool.
        horizon: steps, at least 1.
        d4rl: count as D4RL's `qlearning_dataset` does: after a terminal its step counter starts at 1, not 0,
            so that the cut comes a row early.

    Returns:
        [n] bool; a terminal at the horizon is a time-out with `d4rl`, else it stays a terminal.

    Raises:
        DatasetError: the horizon is not known.
    """
    if horizon is None:
        raise DatasetError(
            "Without a timeouts key the task needs a horizon, so that it is known where episodes end."
        )
    timeouts = np.zeros(len(terminals), dtype=bool)
    if d4rl:
        step = 0
        for row in range(len(terminals)):
            if step == horizon - 1:
                timeouts[row] = True
                step = 0
                continue
            if terminals[row]:
                step = 0
            step += 1  # after a terminal too, as in D4RL
        return timeouts
    result: np.ndarray = (_steps(terminals) % horizon == 0) & ~terminals
    return result


def describe(manifest: Mapping[str, Any]) -> list[str]:
    """The two lines that are printed before training: where episodes end, and where next states are from.

    Args:
        manifest: of a prepared dataset; empty for one of an earlier version, which holds no counts.
    """
    ends, following = manifest.get("episode_ends"), manifest.get("next_states")
    if not ends or not following:
        return []
    parts = [f"{ends['terminals']:,} terminals", f"{ends['timeouts']:,} time-outs"]
    for name, text in (
        ("flagged_both", "rows flagged as both"),
        ("terminals_at_time_limit", "terminals at a time limit"),
        ("timeouts_by_horizon", "time-outs set at the horizon"),
        ("episodes_beyond_horizon", "episodes longer than the horizon"),
    ):
        if ends[name]:
            parts.append(f"{ends[name]:,} {text}")
    if ends["open_episodes"]:
        open_count = ends["open_episodes"]
        parts.append("the last episode is open" if open_count == 1 else f"{open_count:,} episodes are open")
    first = (
        f"Episode ends ({ends['convention']}; rule: {ends['rule']}): {', '.join(parts)}; "
        f"{ends['episodes']:,} episodes, the longest of {ends['longest_episode']:,} steps."
    )
    return [first, f"Next states: {following['sentence']}"]
