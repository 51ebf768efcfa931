"""The files of d3rlpy 2 (`d3rlpy/dataset/io.py`): one array of each kind for each episode.

`columns` names the kinds, `num_episodes` counts the episodes, and episode i is in `observations_<i>` [t, d],
`actions_<i>` [t, a], `rewards_<i>` [t, 1] and `terminated_<i>`, one flag for its last row. An episode that is
not terminated was cut: its last row is a time-out, and what was observed after it is not kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from recheck.errors import DatasetError

from algos.datasets.row_checks import FileRows

if TYPE_CHECKING:
    import h5py

ARRAYS = ("observations", "actions", "rewards")
_OWN = ("columns", "num_episodes", "version")


def is_layout(file: h5py.File) -> bool:
    """Whether a file is of this layout: it counts its episodes and holds the first one."""
    return "num_episodes" in file and "columns" in file and "observations" not in file


def read(file: h5py.File, where: str) -> FileRows:
    """The episodes of a file joined to time steps, not checked yet.

    Args:
        file: as d3rlpy 2.1 writes it.
        where: the file, for messages.

    Returns:
        `observations` [n, d], `actions` [n, a], `rewards` [n, 1], `terminals` [n], `episode_index` [n].

    Raises:
        DatasetError: an episode lacks an array, holds another number of steps in one of them, or is not
            made of numbers.
    """
    declared = {"num_episodes": file["num_episodes"][()]}
    count = _count(declared["num_episodes"], where)
    if any(f"{name}_{count}" in file for name in ARRAYS):
        raise DatasetError(
            f"{where} counts {count:,} episodes (num_episodes), but holds more; correct the count."
        )
    parts: dict[str, list[np.ndarray]] = {name: [] for name in (*ARRAYS, "terminals", "episode_index")}
    for number in range(count):
        episode = {name: _array(file, f"{name}_{number}", where) for name in ARRAYS}
        lengths = {name: len(values) for name, values in episode.items()}
        steps = lengths["rewards"]
        if len(set(lengths.values())) > 1 or steps == 0:
            listed = ", ".join(f"{name} {length}" for name, length in lengths.items())
            raise DatasetError(
                f"{where} holds {listed} steps in episode {number}, but each needs one row per time step."
            )
        for name, values in episode.items():
            parts[name].append(values)
        terminals = np.zeros(steps, dtype=np.float64)
        terminals[-1] = float(_array(file, f"terminated_{number}", where, rank=0))
        parts["terminals"].append(terminals)
        parts["episode_index"].append(np.full(steps, number))
    for name in ARRAYS:
        _require_one_width(parts[name], name, where)
    rows = {name: np.concatenate(values) for name, values in parts.items()}
    used = {f"{name}_{number}" for name in (*ARRAYS, "terminated") for number in range(count)}
    unread = [name for name in file if name not in used and name not in _OWN]
    return FileRows(rows, unread, declared)


def _count(value: Any, where: str) -> int:
    if np.ndim(value) or not np.issubdtype(np.asarray(value).dtype, np.integer) or int(value) < 1:
        raise DatasetError(
            f"{where} declares {value} episodes (num_episodes); it has to be a whole number from 1."
        )
    return int(value)


def _array(file: h5py.File, key: str, where: str, rank: int | None = None) -> np.ndarray:
    import h5py

    node = file.get(key)
    if not isinstance(node, h5py.Dataset):
        several = " (observations of several parts are not read)" if f"{key}_0" in file else ""
        raise DatasetError(
            f"{where} counts {file['num_episodes'][()]} episodes, but holds no {key}{several}."
        )
    if node.shape is None or node.dtype.kind not in "fiub" or (rank is None and not node.shape):
        raise DatasetError(
            f"{where} holds {key} with the type {node.dtype}, but only arrays of numbers are read."
        )
    values = np.asarray(node[()])
    if rank == 0 and values.size != 1:
        raise DatasetError(
            f"{where} holds {key} with the shape {list(values.shape)}, but one flag is expected."
        )
    return values.reshape(()) if rank == 0 else values


def _require_one_width(arrays: list[np.ndarray], name: str, where: str) -> None:
    shapes = {values.shape[1:] for values in arrays}
    if len(shapes) > 1:
        raise DatasetError(f"{where} holds {name} of different widths in its episodes; all need the same.")
