"""Checks that every reader makes on the arrays that it read, before anything is done with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from recheck.errors import DatasetError

from algos.datasets.episode_ends import EPISODE_KEYS, FLAG_KEYS, TIMEOUT_KEYS

REQUIRED = ("observations", "actions", "rewards")
MATRICES = ("observations", "actions", "next_observations")
# Simulator states and goals, read where they are there: replay and reward checks need them.
INFOS = ("infos/qpos", "infos/qvel", "infos/goal")
READ = (*MATRICES, "rewards", *FLAG_KEYS, *EPISODE_KEYS, *INFOS)


@dataclass(frozen=True)
class FileRows:
    """The time steps of one file.

    Attributes:
        rows: `observations` [n, d], `actions` [n, a], `rewards` [n] and, where the file has them,
            `next_observations` [n, d], all float32; flags [n] bool and episode numbers [n] under the names
            that the file gives them; `infos/qpos`, `infos/qvel`, `infos/goal` [n, ...] as stored.
        unread: names of what else the file holds.
        declared: counts and widths that the file states of itself, by name.
    """

    rows: dict[str, np.ndarray]
    unread: list[str] = field(default_factory=list)
    declared: dict[str, Any] = field(default_factory=dict)


def require_keys(found: list[str], where: str) -> None:
    """Refuse a file without observations, actions, rewards and some flag of episodes' ends.

    Raises:
        DatasetError: naming what is missing and what the file holds.
    """
    missing = [key for key in REQUIRED if key not in found]
    if not any(key in found for key in FLAG_KEYS if key not in TIMEOUT_KEYS):
        missing.append("terminals")
    if missing:
        raise DatasetError(
            f"{where} lacks {', '.join(missing)}: a D4RL file needs {', '.join(REQUIRED)}, terminals (or one "
            f"of {', '.join(key for key in FLAG_KEYS if key not in (*TIMEOUT_KEYS, 'terminals'))}), it holds "
            f"{', '.join(sorted(found)) or 'nothing'}."
        )


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
    num_rows = len(rows["observations"]) if rows["observations"].ndim else 0
    unread = _take_out(rows, num_rows)
    flags = [key for key in FLAG_KEYS if key in rows]
    for key in ("rewards", *flags):
        if rows[key].ndim == 2 and rows[key].shape[1] == 1:
            rows[key] = rows[key][:, 0]
    _check_shapes(rows, [*REQUIRED, *(key for key in ("next_observations", *flags) if key in rows)], where)
    for key in (*MATRICES, "rewards"):
        if key in rows:
            rows[key] = finite_float32(rows[key], key, where)
    for key in flags:
        rows[key] = as_flags(rows[key], key, where)
    return unread


def _take_out(rows: dict[str, np.ndarray], num_rows: int) -> list[str]:
    """Take out optional arrays that are not one value for each row; their names."""
    unread = []
    for key in [key for key in rows if key in (*INFOS, *EPISODE_KEYS)]:
        flat = rows[key].size == num_rows and key in EPISODE_KEYS
        if flat and rows[key].dtype.kind in "iub":
            rows[key] = rows[key].reshape(-1)
        elif key in EPISODE_KEYS or rows[key].ndim == 0 or len(rows[key]) != num_rows:
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
