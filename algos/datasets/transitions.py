"""The prepared dataset as a trainer reads it: one safetensors file of rows and one manifest.

Only numpy and safetensors are imported here, so that training runs where gymnasium, minari and h5py
are not installed.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from recheck.errors import DatasetError
from recheck.files import atomic
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

FORMAT = 1
TRANSITIONS_FILE = "transitions.safetensors"
MANIFEST_FILE = "manifest.json"
MINARI_FOLDER = "minari"

# Name, dtype and rank of every array, in the order in which they are hashed.
ARRAYS: tuple[tuple[str, str, int], ...] = (
    ("observations", "float32", 2),
    ("actions", "float32", 2),
    ("rewards", "float32", 1),
    ("next_observations", "float32", 2),
    ("terminals", "uint8", 1),
    ("episodes", "int64", 1),
)
# Only where the dataset has it; a dataset without it has the content hash that it always had.
OPTIONAL: tuple[tuple[str, str, int], ...] = (("next_actions", "float32", 2),)
ACTIONS: tuple[str, ...] = ("actions", "next_actions")
"""The arrays that are clipped and scaled alike; the second where the dataset has it."""


@dataclass(frozen=True)
class Transitions:
    """The rows of one dataset, n transitions of d-dimensional observations and a-dimensional actions.

    `terminals` is 1 where the episode ended by itself; a time-out is not a terminal. `episodes` is the
    index of the trajectory in the source file, non-decreasing where the rows are in the order in which they
    were played. `manifest` is the content of manifest.json (empty for rows that were made in memory).
    `next_actions` is the action at the next state, where the file has it.
    """

    observations: np.ndarray  # [n, d] float32
    actions: np.ndarray  # [n, a] float32
    rewards: np.ndarray  # [n] float32
    next_observations: np.ndarray  # [n, d] float32
    terminals: np.ndarray  # [n] uint8, 0 or 1
    episodes: np.ndarray  # [n] int64
    manifest: Mapping[str, Any] = field(default_factory=dict)
    next_actions: np.ndarray | None = None  # [n, a] float32

    def __len__(self) -> int:
        return len(self.rewards)

    @property
    def in_order(self) -> bool:
        """Whether the rows follow each other as they were played."""
        return bool(self.manifest.get("next_states", {}).get("row_order", "as played") == "as played")

    @property
    def observation_dim(self) -> int:
        """d, the number of entries of one observation."""
        return int(self.observations.shape[1])

    @property
    def action_dim(self) -> int:
        """a, the number of entries of one action."""
        return int(self.actions.shape[1])

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays by name, in the order of `ARRAYS`; `next_actions` where there are any."""
        found = {name: getattr(self, name) for name, _, _ in (*ARRAYS, *OPTIONAL)}
        return {name: array for name, array in found.items() if array is not None}


def _present(arrays: Mapping[str, np.ndarray]) -> list[tuple[str, str, int]]:
    """Name, dtype and rank of the arrays of a dataset, the optional ones where it has them."""
    return [*ARRAYS, *(entry for entry in OPTIONAL if entry[0] in arrays)]


def check_arrays(arrays: Mapping[str, np.ndarray], where: str) -> None:
    """Refuse arrays whose names, dtypes or shapes are not those of a prepared dataset.

    Raises DatasetError with the array's name and `where` it came from.
    """
    missing = [name for name, _, _ in ARRAYS if name not in arrays]
    if missing:
        raise DatasetError(f"{where} lacks the arrays {', '.join(missing)}; prepare the dataset again.")
    num_rows = len(arrays["rewards"])
    for name, dtype, rank in _present(arrays):
        array = arrays[name]
        if array.dtype != np.dtype(dtype) or array.ndim != rank or len(array) != num_rows:
            raise DatasetError(
                f"{where} holds {name} as {array.dtype} {list(array.shape)}, "
                f"but {dtype} of rank {rank} with {num_rows} rows is expected; prepare the dataset again."
            )
    if arrays["observations"].shape != arrays["next_observations"].shape:
        raise DatasetError(f"{where} holds observations and next_observations of different shapes.")
    if "next_actions" in arrays and arrays["next_actions"].shape != arrays["actions"].shape:
        raise DatasetError(f"{where} holds actions and next_actions of different shapes.")


def content_sha256(arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 over name, dtype, shape and bytes (little-endian, row by row) of every array in `ARRAYS`.

    `next_actions` enters where it is there.
    Two datasets are the same data exactly when this is equal; the file's own bytes do not enter.
    """
    digest = hashlib.sha256()
    for name, dtype, _ in _present(arrays):
        array = np.ascontiguousarray(arrays[name], dtype=np.dtype(dtype).newbyteorder("<"))
        digest.update(f"{name} {dtype} {list(array.shape)}\n".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def load_transitions(folder: str | Path, verify: bool = True) -> Transitions:
    """Read `results/datasets/<task>/` into memory.

    Args:
        folder: of the prepared dataset.
        verify: compute the content hash and compare it with the manifest's, so that a file that was damaged
            or exchanged since its preparation is refused.

    Raises:
        DatasetError: the files are absent, damaged, or do not belong to each other; the message names the
            command that makes them again.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    path = folder / TRANSITIONS_FILE
    again = how_to_prepare(folder)
    arrays: dict[str, np.ndarray] = {}
    try:
        with safe_open(str(path), framework="numpy") as file:
            for name in file.keys():  # noqa: SIM118  (safe_open is not a mapping)
                arrays[name] = file.get_tensor(name)
    except FileNotFoundError:
        raise DatasetError(f"{folder} holds no {TRANSITIONS_FILE}. {again}") from None
    except (SafetensorError, OSError) as error:
        raise DatasetError(f"{path} cannot be read ({error}). {again}") from None
    check_arrays(arrays, str(path))
    if verify and content_sha256(arrays) != manifest.get("content_sha256"):
        raise DatasetError(
            f"{path} does not hold the data that its {MANIFEST_FILE} describes (content_sha256 "
            f"differs). {again}"
        )
    counted = {
        "num_transitions": len(arrays["rewards"]),
        "num_episodes": len(np.unique(arrays["episodes"])),
        "observation_dim": arrays["observations"].shape[1],
        "action_dim": arrays["actions"].shape[1],
    }
    for name, value in counted.items():
        if name in manifest and manifest[name] != value:
            raise DatasetError(
                f"{folder / MANIFEST_FILE} declares {name} {manifest[name]:,}, but the rows have "
                f"{value:,}. {again}"
            )
    return Transitions(**{name: arrays[name] for name, _, _ in _present(arrays)}, manifest=manifest)


def how_to_prepare(folder: Path) -> str:
    """What to do about a prepared dataset that cannot be used: the commands that make it again."""
    return f"To prepare it again: `rm -r {folder}`, then the same command; the same data train nothing again."


def read_manifest(folder: str | Path) -> dict[str, Any]:
    """The manifest of a prepared dataset.

    Raises:
        DatasetError: there is none of this format; the message names the command that makes it.
    """
    path = Path(folder) / MANIFEST_FILE
    again = how_to_prepare(Path(folder))
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DatasetError(
            f"{folder} is not a prepared dataset: it has no {MANIFEST_FILE}; "
            "prepare it with `python -m algos.datasets prepare`, or through snakemake."
        ) from None
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} cannot be read ({error}). {again}") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise DatasetError(f"{path} is not of format {FORMAT}. {again}")
    return manifest


def save_transitions(path: Path, arrays: Mapping[str, np.ndarray], task: str) -> str:
    """Write the arrays as one safetensors file, whole or not at all; returns their content hash.

    Raises:
        DatasetError: the arrays are not those of a prepared dataset, or the file cannot be written.
    """
    check_arrays(arrays, str(path))
    digest = content_sha256(arrays)
    metadata = {"format": str(FORMAT), "task": task, "content_sha256": digest}
    with atomic(path, DatasetError) as temporary:
        ordered = {name: np.ascontiguousarray(arrays[name]) for name, _, _ in _present(arrays)}
        save_file(ordered, str(temporary), metadata=metadata)
        sort_metadata(temporary)
    return digest


def sort_metadata(path: Path) -> None:
    """Order the metadata of a safetensors file by key, in place.

    safetensors writes them in an order that changes from call to call, so the same content would have
    other bytes. The header's length stays, and with it every tensor's place.
    """
    with path.open("r+b") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        if "__metadata__" in header:
            header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
        if len(text) > length:
            raise OSError(f"the header of {path.name} does not fit its place any more")
        file.seek(8)
        file.write(text.ljust(length))
