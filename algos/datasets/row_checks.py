"""Checks that every reader makes on the arrays that it read, before anything is done with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from recheck.errors import DatasetError

from algos.datasets.episode_flags import (
    CONTINUE_KEYS,
    EPISODE_KEYS,
    FLAG_KEYS,
    INVERTED_KEYS,
    START_KEYS,
    TIMEOUT_KEYS,
)

REQUIRED = ("observations", "actions", "rewards")
MATRICES = ("observations", "actions", "next_observations", "next_actions")
# Simulator states and goals, read where they are there: replay and reward checks need them.
INFOS = ("infos/qpos", "infos/qvel", "infos/goal")
# Other names of `next_observations`.
NEXT_KEYS = ("next_obs", "next_states", "next_state", "next_observation", "observations_next", "obs_next")
# Read where they are one value for each row, and else left alone.
PER_ROW = (*EPISODE_KEYS, *START_KEYS, *INVERTED_KEYS)
READ = (*MATRICES, *NEXT_KEYS, "rewards", *FLAG_KEYS, *PER_ROW, *INFOS)
# So many rows of zeros at the end are an unfilled buffer, not a state.
FEWEST_UNFILLED = 2
# A message names so many of a file's keys.
LISTED_KEYS = 12


@dataclass(frozen=True)
class FileRows:
    """The time steps of one file.

    Attributes:
        rows: `observations` [n, d], `actions` [n, a], `rewards` [n] and, where the file has them,
            `next_observations` [n, d] and `next_actions` [n, a], all float32; flags [n] bool and episode
            numbers [n] under the names that the file gives them; `infos/qpos`, `infos/qvel` and
            `infos/goal` [n, ...] as stored.
        unread: names of what else the file holds.
        declared: counts and widths that the file states of itself, by name.
    """

    rows: dict[str, np.ndarray]
    unread: list[str] = field(default_factory=list)
    declared: dict[str, Any] = field(default_factory=dict)


def require_keys(found: list[str], where: str, groups: Mapping[str, list[str]] | None = None) -> None:
    """Refuse a file without observations, actions, rewards and some flag of episodes' ends.

    Args:
        found: the names that the file holds.
        where: the file, for messages.
        groups: its groups and the names in each, for the message.

    Raises:
        DatasetError: naming what is missing and what the file holds.
    """
    missing = [key for key in REQUIRED if key not in found]
    ends = [key for key in (*FLAG_KEYS, *INVERTED_KEYS) if key not in TIMEOUT_KEYS]
    if not any(key in found for key in ends):
        missing.append("terminals")
    if missing:
        raise DatasetError(
            f"{where} lacks {', '.join(missing)}: a D4RL file needs {', '.join(REQUIRED)}, terminals (or one "
            f"of {', '.join(key for key in ends if key != 'terminals')}), it holds "
            f"{_some(found)}.{_hint(found, groups or {})}"
        )


def _some(names: list[str]) -> str:
    listed = sorted(names)
    more = f" and {len(listed) - LISTED_KEYS:,} more" if len(listed) > LISTED_KEYS else ""
    return ", ".join(listed[:LISTED_KEYS]) + more or "nothing"


def _hint(found: list[str], groups: Mapping[str, list[str]]) -> str:
    """What a file of a known other layout is, and what to do with it."""
    whole = sorted(name for name, inside in groups.items() if set(REQUIRED) <= set(inside))
    if whole:
        return f" These are in {_some(whole)}: write the arrays of one group as a file of its own."
    if "observations_0" in found and "actions_0" in found:
        return (
            " It holds one array for each episode: join the episodes' arrays, and flag the last row of each "
            "as terminal or time-out."
        )
    return ""


def check_rows(rows: dict[str, np.ndarray], where: str) -> list[str]:
    """Check shapes, flags and finiteness, and bring every array to the type that `FileRows` promises.

    Args:
        rows: the arrays of a file by name; changed in place.
        where: the file, for messages.

    Returns:
        Names of arrays that are not one value for each row, and were taken out: initial states, for example.

    Raises:
        DatasetError: shapes that disagree, NaN or infinite values, flags other than 0 and 1.
    """
    _name_next_observations(rows, where)
    num_rows = len(rows["observations"]) if rows["observations"].ndim else 0
    unread = _take_out(rows, num_rows)
    flags = [key for key in (*FLAG_KEYS, *START_KEYS, *INVERTED_KEYS) if key in rows]
    for key in ("rewards", *flags):
        if rows[key].ndim == 2 and rows[key].shape[1] == 1:
            rows[key] = rows[key][:, 0]
    optional = [key for key in MATRICES if key not in REQUIRED]
    _check_shapes(rows, [*REQUIRED, *(key for key in (*optional, *flags) if key in rows)], where)
    for key in (*MATRICES, "rewards"):
        if key in rows:
            rows[key] = finite_float32(rows[key], key, where)
    refuse_discrete(rows["actions"], where)
    for key in flags:
        values = rows[key]
        if key in CONTINUE_KEYS and len(np.unique(values[values != 0])) == 1:
            values = values != 0  # RLDS: the discount, 0 at a terminal
        rows[key] = as_flags(values, key, where)
    _refuse_unfilled(rows, where)
    return unread


def _name_next_observations(rows: dict[str, np.ndarray], where: str) -> None:
    """Give `next_observations` their name where the file has another; refuse two of them."""
    found = [key for key in ("next_observations", *NEXT_KEYS) if key in rows]
    if len(found) > 1:
        raise DatasetError(f"{where} holds {' and '.join(found)}, which mean the same; remove one.")
    if found:
        rows["next_observations"] = rows.pop(found[0])


def refuse_discrete(actions: np.ndarray, where: str) -> None:
    """Refuse actions [n, a] that are the numbers of choices: whole numbers from 0 on, in whatever type.

    Raises:
        DatasetError: naming the largest of them.
    """
    if actions.size and actions.max() >= 1 and (actions >= 0).all() and (actions == np.floor(actions)).all():
        raise DatasetError(
            f"{where} holds whole numbers from {int(actions.min())} to {int(actions.max())} as actions: "
            "discrete actions, it seems; only continuous actions are read."
        )


def _refuse_unfilled(rows: Mapping[str, np.ndarray], where: str) -> None:
    """Refuse a file whose last rows are all zero: a buffer that was not filled to its end."""
    filled = rows["rewards"] != 0
    for key in ("observations", "actions"):
        filled = filled | (rows[key] != 0).any(axis=1)
    last = int(np.flatnonzero(filled)[-1]) if filled.any() else -1
    empty = len(filled) - 1 - last
    if empty >= FEWEST_UNFILLED:
        raise DatasetError(
            f"{where} ends with {empty:,} of {len(filled):,} rows in which observations, actions and rewards "
            "are all zero: a buffer that was not filled to its end, it seems; leave these rows out."
        )


def _take_out(rows: dict[str, np.ndarray], num_rows: int) -> list[str]:
    """Take out optional arrays that are not one value for each row; their names."""
    unread = []
    for key in [key for key in rows if key in (*INFOS, *PER_ROW)]:
        flat = rows[key].size == num_rows and key in PER_ROW
        if flat and (key not in EPISODE_KEYS or rows[key].dtype.kind in "iub"):
            rows[key] = rows[key].reshape(-1)
        elif key in PER_ROW or rows[key].ndim == 0 or len(rows[key]) != num_rows:
            del rows[key]
            unread.append(key)
    return unread


def _check_shapes(rows: dict[str, np.ndarray], checked: list[str], where: str) -> None:
    """Refuse arrays of the wrong rank, of different lengths or widths, and fewer than two rows."""
    for key in checked:
        rank = 2 if key in MATRICES else 1
        shape = rows[key].shape
        if len(shape) != rank or (rank == 2 and shape[1] == 0):
            wanted = "[time steps, width]" if rank == 2 else "[time steps]"
            raise DatasetError(f"{where} holds {key} with the shape {list(shape)}, but {wanted} is expected.")
    shapes = {key: list(rows[key].shape) for key in checked}
    if len({shape[0] for shape in shapes.values()}) > 1:
        listed = ", ".join(f"{key} {shape}" for key, shape in shapes.items())
        raise DatasetError(
            f"{where} holds arrays of different lengths ({listed}), but each needs one row per time step."
        )
    num_rows = len(rows["observations"])
    if num_rows < 2:
        raise DatasetError(f"{where} holds {num_rows} time steps; at least 2 are needed for one transition.")
    if "next_observations" in rows and rows["next_observations"].shape != rows["observations"].shape:
        raise DatasetError(f"{where} holds observations and next_observations of different widths.")
    if "next_actions" in rows and rows["next_actions"].shape != rows["actions"].shape:
        raise DatasetError(f"{where} holds actions and next_actions of different widths.")


def finite_float32(values: np.ndarray, key: str, where: str) -> np.ndarray:
    """The values as float32; refuses NaN, infinities and what float32 cannot hold, naming the first row."""
    with np.errstate(over="ignore", invalid="ignore"):
        converted = np.ascontiguousarray(values, dtype=np.float32)
    bad = ~np.isfinite(converted)
    if bad.any():
        first = int(np.argwhere(bad)[0][0])
        raise DatasetError(
            f"{where} holds {int(bad.sum())} NaN or infinite values in {key}, the first in row {first}; "
            "only finite numbers are allowed."
        )
    return converted


def as_flags(values: np.ndarray, key: str, where: str) -> np.ndarray:
    """The values as bool; refuses anything but 0 and 1."""
    flags = values.astype(bool)
    if not np.array_equal(flags.astype(np.float64), values.astype(np.float64)):
        raise DatasetError(f"{where} holds values other than 0 and 1 in {key}.")
    return flags


def check_widths(
    rows: Mapping[str, np.ndarray], where: str, observation_dim: int | None, action_dim: int | None
) -> None:
    """Refuse rows whose widths are not the environment's. Raises DatasetError."""
    for key, wanted in (("observations", observation_dim), ("actions", action_dim)):
        found = rows[key].shape[1]
        if wanted is not None and found != wanted:
            raise DatasetError(
                f"{where} holds {key} of width {found}, but the task's environment has {wanted}: "
                "the file was made in another environment."
            )
