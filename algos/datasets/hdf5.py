"""One D4RL-format HDF5 file, read as data and checked before anything is done with it.

The format (d4rl/offline_env.py): flat arrays over all time steps, `observations`, `actions`, `rewards`,
`terminals`, later also `timeouts` and `next_observations`, and under `infos/` whatever the collector kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from recheck.errors import DatasetError

if TYPE_CHECKING:
    import h5py

REQUIRED = ("observations", "actions", "rewards", "terminals")
OPTIONAL = ("timeouts", "next_observations")
# Simulator states and goals, read where they are there: replay and reward checks need them.
INFOS = ("infos/qpos", "infos/qvel", "infos/goal")
SIGNATURE = b"\x89HDF\r\n\x1a\n"
# A declared shape costs nothing in the file but memory here; the largest D4RL array holds 0.5 GB.
LARGEST_ARRAY_BYTES = 32 * 2**30


def read_d4rl_hdf5(
    path: str | Path, *, observation_dim: int | None = None, action_dim: int | None = None
) -> dict[str, np.ndarray]:
    """Read and check one D4RL-format file of n time steps.

    Returns a flat dictionary with D4RL's keys: `observations` [n, d], `actions` [n, a], `rewards` [n] and
    where the file has it `next_observations` [n, d], all float32; `terminals` [n] and, where the file has
    it, `timeouts` [n], bool; `infos/qpos`, `infos/qvel`, `infos/goal` [n, ...] as stored, where they have
    n rows. Other keys are left unread. Rewards, terminals and timeouts of shape [n, 1] are flattened, as
    D4RL does.

    Args: observation_dim, action_dim: the widths that the task's environment has, where known.

    Raises DatasetError (one sentence) for a missing, truncated or foreign file, a missing key, shapes that
    disagree with each other or the environment, NaN or infinite values, flags other than 0 and 1, object
    arrays (under any key), links and external storage. Nothing in the file is executed.
    """
    import h5py

    path = Path(path)
    check_signature(path)
    try:
        with h5py.File(path, "r") as file:
            rows = _read(file, path)
    except DatasetError:
        raise
    except MemoryError:
        raise DatasetError(f"{path} declares more data than fits into this machine's memory.") from None
    except (OSError, RuntimeError, KeyError, TypeError, ValueError, AttributeError) as error:
        # h5py raises any of these for damaged metadata: names that are no text, types that nothing can hold.
        reason = " ".join(str(error).split())
        raise DatasetError(
            f"{path} cannot be read as HDF5 ({reason}): it is truncated or damaged; fetch it again."
        ) from None
    _check_rows(rows, path)
    check_widths(rows, str(path), observation_dim, action_dim)
    return rows


def check_signature(path: Path) -> None:
    """Refuse a file that does not begin like HDF5, saying what it is instead. Raises DatasetError."""
    try:
        if path.exists() and not path.is_file():  # reading a pipe would wait for ever
            what = "it is a folder" if path.is_dir() else "it is no regular file"
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
        raise DatasetError(f"{str(path)!r} is no path: {error}.") from None
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
    raise DatasetError(f"{path} is no HDF5 file: it {what}; fetch the file again.")


def _read(file: h5py.File, path: Path) -> dict[str, np.ndarray]:
    import h5py

    refuse_outside_references(file, path, object_arrays=False)
    missing = [key for key in REQUIRED if key not in file]
    if missing:
        found = ", ".join(sorted(file)) or "nothing"
        raise DatasetError(
            f"{path} lacks {', '.join(missing)}: a D4RL file needs {', '.join(REQUIRED)}, it holds {found}."
        )
    rows: dict[str, np.ndarray] = {}
    for key in (*REQUIRED, *OPTIONAL, *INFOS):
        if key not in file:
            continue
        node = file[key]
        if not isinstance(node, h5py.Dataset):
            if key in INFOS:
                continue
            raise DatasetError(f"{path} holds {key} as a group, but an array is expected.")
        if node.shape is None:
            raise DatasetError(f"{path} holds {key} without any data, but an array is expected.")
        if node.dtype.kind not in "fiub":
            if key in INFOS:
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
    return rows


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


def _check_rows(rows: dict[str, np.ndarray], path: Path) -> None:
    """Shapes, flags and finiteness; brings every array to the type that `read_d4rl_hdf5` promises."""
    for key in ("rewards", "terminals", "timeouts"):
        if key in rows and rows[key].ndim == 2 and rows[key].shape[1] == 1:
            rows[key] = rows[key][:, 0]
    for key in (*REQUIRED, *OPTIONAL):
        if key not in rows:
            continue
        rank = 2 if key in ("observations", "actions", "next_observations") else 1
        shape = rows[key].shape
        if len(shape) != rank or (rank == 2 and shape[1] == 0):
            wanted = "[time steps, width]" if rank == 2 else "[time steps]"
            raise DatasetError(f"{path} holds {key} with the shape {list(shape)}, but {wanted} is expected.")
    shapes = {key: list(rows[key].shape) for key in (*REQUIRED, *OPTIONAL) if key in rows}
    num_rows = len(rows["observations"])
    if len({shape[0] for shape in shapes.values()}) > 1:
        listed = ", ".join(f"{key} {shape}" for key, shape in shapes.items())
        raise DatasetError(
            f"{path} holds arrays of different lengths ({listed}), but each needs one row per time step."
        )
    if num_rows < 2:
        raise DatasetError(f"{path} holds {num_rows} time steps; at least 2 are needed for one transition.")
    if "next_observations" in rows and rows["next_observations"].shape != rows["observations"].shape:
        raise DatasetError(f"{path} holds observations and next_observations of different widths.")
    for key in ("observations", "actions", "rewards", "next_observations"):
        if key in rows:
            rows[key] = finite_float32(rows[key], key, str(path))
    for key in ("terminals", "timeouts"):
        if key in rows:
            rows[key] = as_flags(rows[key], key, str(path))
    for key in INFOS:
        if key in rows and len(rows[key]) != num_rows:
            del rows[key]  # only initial states, for example: of no use row by row


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
