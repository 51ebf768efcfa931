"""One D4RL-format HDF5 file, read as data and checked before anything is done with it.

The format (d4rl/offline_env.py): flat arrays over all time steps, `observations`, `actions`, `rewards`,
`terminals`, later also `timeouts` and `next_observations`, and under `infos/` whatever the collector kept.
Files of other programs that differ in the names of their flags are read too (`algos.datasets.episode_ends`).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from recheck.errors import DatasetError

from algos.datasets import d3rlpy_episodes
from algos.datasets.declared_counts import declared_in_hdf5
from algos.datasets.row_checks import (
    INFOS,
    PER_ROW,
    READ,
    FileRows,
    check_rows,
    check_widths,
    require_keys,
)

if TYPE_CHECKING:
    import h5py

SIGNATURE = b"\x89HDF\r\n\x1a\n"
# A declared shape costs nothing in the file but memory here; the largest D4RL array holds 0.5 GB.
LARGEST_ARRAY_BYTES = 32 * 2**30


def read_d4rl_hdf5(
    path: str | Path, *, observation_dim: int | None = None, action_dim: int | None = None
) -> dict[str, np.ndarray]:
    """Read and check one D4RL-format file of n time steps.

    Args:
        path: the file.
        observation_dim: the width of the environment's observations, where known.
        action_dim: the width of its actions, where known.

    Returns:
        `FileRows.rows`: with D4RL's own files `observations` [n, d], `actions` [n, a], `rewards` [n] and
        where the file has it `next_observations` [n, d], all float32; `terminals` [n] and, where the file has
        it, `timeouts` [n], bool. Rewards and flags of shape [n, 1] are flattened, as D4RL does.

    Raises:
        DatasetError: a missing, truncated or foreign file, a missing key, shapes that disagree with each
            other or the environment, NaN or infinite values, flags other than 0 and 1, object arrays (under
            any key), links and external storage. Nothing in the file is executed.
    """
    rows = read_hdf5(Path(path)).rows
    check_widths(rows, str(path), observation_dim, action_dim)
    return rows


def read_hdf5(path: Path) -> FileRows:
    """Read and check one file as `read_d4rl_hdf5`, with what it declares and what of it is not used.

    Raises:
        DatasetError: as `read_d4rl_hdf5`.
    """
    import h5py

    check_signature(path)
    try:
        with h5py.File(path, "r") as file:
            found = _read(file, path)
    except DatasetError:
        raise
    except MemoryError:
        raise DatasetError(f"{path} declares more data than fits into this machine's memory.") from None
    except (OSError, RuntimeError, KeyError, TypeError, ValueError, AttributeError) as error:
        # h5py raises any of these for damaged metadata: names that are not text, types that nothing can hold.
        reason = " ".join(str(error).split())
        raise DatasetError(
            f"{path} cannot be read as HDF5 ({reason}): it is truncated or damaged; fetch it again."
        ) from None
    found.unread.extend(check_rows(found.rows, str(path)))
    return found


def check_signature(path: Path) -> None:
    """Refuse a file that does not begin like HDF5, saying what it is instead. Raises DatasetError."""
    try:
        if path.exists() and not path.is_file():  # reading a pipe would wait for ever
            what = "it is a folder" if path.is_dir() else "it is not a regular file"
            raise DatasetError(f"{path} cannot be opened: {what}; give the path of a D4RL-format HDF5 file.")
        with path.open("rb") as file:
            start = file.read(512)
    except FileNotFoundError:
        raise DatasetError(f"{path} does not exist; give the path of a D4RL-format HDF5 file.") from None
    except OSError as error:
        raise DatasetError(f"{path} cannot be opened: {error.strerror}.") from None
    except ValueError as error:
        if isinstance(error, DatasetError):
            raise
        raise DatasetError(f"{str(path)!r} is not a path: {error}.") from None
    if start.startswith(SIGNATURE):
        return
    text = start.lstrip().lower()
    if not start:
        what = "is empty"
    elif text.startswith((b"<!doctype", b"<html", b"<?xml")):
        what = "is a web page, probably a server's error page"
    elif text.startswith(b"version https://git-lfs"):
        what = "is a Git LFS pointer, not the file itself"
    else:
        what = "does not begin like one"
    raise DatasetError(f"{path} is not an HDF5 file: it {what}; fetch the file again.")


def _read(file: h5py.File, path: Path) -> FileRows:  # noqa: C901  (one branch for each kind of bad array)
    import h5py

    if d3rlpy_episodes.is_layout(file):
        refuse_outside_references(file, path)
        return d3rlpy_episodes.read(file, str(path))
    refuse_outside_references(file, path, object_arrays=False)
    groups = {name: list(node) for name, node in file.items() if isinstance(node, h5py.Group)}
    require_keys(list(file), str(path), groups)
    rows: dict[str, np.ndarray] = {}
    for key in READ:
        if key not in file:
            continue
        node = file[key]
        optional = key in (*INFOS, *PER_ROW)
        if not isinstance(node, h5py.Dataset):
            if optional:
                continue
            raise DatasetError(f"{path} holds {key} as a group, but an array is expected.")
        if node.shape is None:
            raise DatasetError(f"{path} holds {key} without any data, but an array is expected.")
        if node.dtype.kind not in "fiub":
            if optional:
                continue
            raise DatasetError(
                f"{path} holds {key} with the type {node.dtype}, but only numbers are read; "
                "object arrays and strings are refused."
            )
        if node.size * node.dtype.itemsize > LARGEST_ARRAY_BYTES:
            raise DatasetError(
                f"{path} declares {key} with the shape {list(node.shape)}, too large to be real."
            )
        rows[key] = node[()]
    _refuse_discrete(file, path)
    declared = declared_in_hdf5(file)
    unread: list[str] = []

    def note(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset) and name not in rows and name not in declared:
            unread.append(name)

    file.visititems(note)
    return FileRows(rows, unread, declared)


def _refuse_discrete(file: h5py.File, path: Path) -> None:
    """Refuse discrete actions; d3rlpy 1 says so in `discrete_action`, and integers would pass for numbers."""
    import h5py

    node = file.get("discrete_action")
    if isinstance(node, h5py.Dataset) and node.shape == () and node.dtype.kind in "biuf" and bool(node[()]):
        raise DatasetError(f"{path} says that its actions are discrete; only continuous actions are read.")


def refuse_outside_references(group: h5py.Group, path: Path, object_arrays: bool = True) -> None:
    """Refuse a file that points at others: external links, external storage, virtual datasets.

    Such a file could make the reader open any file of the machine. With `object_arrays` false, arrays of
    objects or of texts are refused, too; single texts (D4RL's metadata) are let be. Raises DatasetError.
    """
    import h5py

    pending: list[tuple[str, h5py.Group]] = [("", group)]
    seen: set[Any] = set()
    while pending:
        prefix, node = pending.pop()
        for name in node:
            key = f"{prefix}{name}"
            link = node.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink):
                kind = "an external link" if isinstance(link, h5py.ExternalLink) else "a soft link"
                raise DatasetError(f"{path} holds {kind} at {key}; links are refused, copy the data in.")
            child = node[name]
            if isinstance(child, h5py.Group):
                identity = h5py.h5o.get_info(child.id).addr
                if identity not in seen:
                    seen.add(identity)
                    pending.append((f"{key}/", child))
            elif isinstance(child, h5py.Dataset) and (child.external or child.is_virtual):
                raise DatasetError(
                    f"{path} keeps {key} in other files (external storage), which is refused; "
                    "copy the data in."
                )
            elif isinstance(child, h5py.Dataset) and not object_arrays and _holds_objects(child):
                raise DatasetError(
                    f"{path} holds {key} as an array of objects, but only numbers are read; "
                    "object arrays are refused."
                )


def _holds_objects(array: h5py.Dataset) -> bool:
    return bool(array.shape) and array.dtype.hasobject
