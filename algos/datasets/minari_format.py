"""Minari's datasets as rows.

Nothing of a Minari dataset is executed: its environment specification is neither read nor run, and what
Minari itself would run while loading (it makes the environment where a space is missing) is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from recheck.errors import DatasetError
from recheck.files import read_json, sha256

from algos.datasets import minari_arrow
from algos.datasets.declared_counts import check_declared
from algos.datasets.episode_flags import Flags
from algos.datasets.hdf5 import refuse_outside_references
from algos.datasets.minari_export import dataset_id, export
from algos.datasets.row_checks import as_flags, finite_float32, refuse_discrete

__all__ = ["MinariRows", "dataset_id", "export", "find", "holds", "is_dataset", "read"]

# What Minari, h5py and numpy raise for damaged or foreign content.
READING_ERRORS = (
    OSError,
    RuntimeError,
    LookupError,
    ValueError,
    AssertionError,
    TypeError,
    AttributeError,
    NotImplementedError,
)


@dataclass(frozen=True)
class MinariRows:
    """A Minari dataset as rows, n steps in e episodes.

    Attributes:
        arrays: the six of a prepared dataset.
        states: `qpos`, `qvel`, `goal` [n, ...], where every episode has them.
        flags: terminations, truncations and the last row of each episode.
        sha256: of the one data file, or over the hashes of several.
        dataset_id: what the dataset calls itself.
    """

    arrays: dict[str, np.ndarray]
    states: dict[str, np.ndarray]
    flags: Flags
    sha256: str
    dataset_id: str


def find(root: Path, minari_id: str) -> Path:
    """The folder with the data of a dataset under a Minari root, or the folder of the dataset itself.

    Args:
        root: a Minari root, a dataset's folder, or its folder `data`.
        minari_id: the id; empty for the only dataset under `root`.

    Raises:
        DatasetError: there is none, or without an id there are several.
    """
    for folder in (root / minari_id / "data", root / "data", root):
        if (folder / "metadata.json").is_file():
            return folder
    inside = sorted(path.parent for path in root.glob("**/data/metadata.json"))
    if minari_id or not inside:
        asked = minari_id or "dataset"
        raise DatasetError(
            f"{root} holds no Minari {asked if not minari_id else 'dataset ' + minari_id} (no "
            f"{minari_id + '/' if minari_id else ''}data/metadata.json)."
        )
    if len(inside) > 1:
        names = ", ".join(str(path.parent.relative_to(root)) for path in inside)
        raise DatasetError(f"{root} holds several Minari datasets; give the folder of one: {names}.")
    return inside[0]


def holds(root: Path, minari_id: str) -> bool:
    """Whether a folder holds a dataset of this id: below it, or as itself."""
    if (root / minari_id / "data" / "metadata.json").is_file():
        return True
    for path in (root / "data" / "metadata.json", root / "metadata.json"):
        if path.is_file():
            content = read_json(path, DatasetError)
            return isinstance(content, dict) and content.get("dataset_id") == minari_id
    return False


def is_dataset(path: Path) -> bool:
    """Whether a folder is, or holds, a Minari dataset."""
    return path.is_dir() and (
        (path / "metadata.json").is_file() or next(path.glob("**/data/metadata.json"), None) is not None
    )


def read(folder: Path, minari_id: str, keys: tuple[str, ...] = ()) -> MinariRows:
    """Read and check one Minari dataset: T rows per episode of T + 1 observations.

    Args:
        folder: the one with metadata.json.
        minari_id: what it has to call itself; empty for any.
        keys: entries of dictionary observations, one after another (the adapter flatten's).

    Raises:
        DatasetError: damaged or foreign data, counts that are not those of the metadata, empty episodes, ids
            that are given twice, NaN, dictionary observations without keys, and links out of the file.
    """
    from minari.dataset.minari_storage import MinariStorage

    metadata = _metadata(folder, minari_id)
    minari_id = str(metadata["dataset_id"])
    try:
        for path in sorted(folder.glob("*.hdf5")):
            _check_hdf5(path)
        storage = MinariStorage.read(folder)
        total = int(metadata["total_episodes"])
        if total == 0:
            raise DatasetError(f"The Minari dataset {minari_id} holds no episodes.")
        _check_stored_episodes(folder, str(metadata["data_format"]), total)
        entries = _episode_metadata(storage, total, folder)
        if metadata["data_format"] in minari_arrow.FORMATS:
            episodes = list(minari_arrow.episodes(folder, str(metadata["data_format"]), total))
        else:
            episodes = list(storage.get_episodes(range(total)))
        rows = _rows(episodes, minari_id, keys, _folder_sha256(folder))
        _check_counts(rows, metadata, entries, bool(keys))
        return rows
    except DatasetError:
        raise
    except MemoryError:
        raise DatasetError(f"The Minari dataset {minari_id} in {folder} does not fit into memory.") from None
    except READING_ERRORS as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise DatasetError(f"The Minari dataset {minari_id} in {folder} cannot be read ({reason}).") from None


def _metadata(folder: Path, minari_id: str) -> dict[str, Any]:
    path = folder / "metadata.json"
    try:
        metadata = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} cannot be read ({error}).") from None
    needed = ("dataset_id", "total_episodes", "data_format", "observation_space", "action_space")
    missing = [key for key in needed if not isinstance(metadata, dict) or metadata.get(key) in (None, "")]
    if missing:
        # Without a space Minari would make the environment of the stored env_spec, that is run its code.
        raise DatasetError(f"{path} lacks {', '.join(missing)}; such a dataset is not loaded.")
    if minari_id and metadata["dataset_id"] != minari_id:
        raise DatasetError(
            f"{path} names itself {metadata['dataset_id']!r}, but {minari_id!r} was asked for."
        )
    return dict(metadata)


def _check_hdf5(path: Path) -> None:
    import h5py

    with h5py.File(path, "r") as file:
        refuse_outside_references(file, path)


def _check_stored_episodes(folder: Path, form: str, total: int) -> None:
    """Refuse a dataset that holds other episodes than its metadata count: the rest would not be read."""
    if form in minari_arrow.FORMATS:
        stored = sum(path.is_dir() and path.name.isdecimal() for path in folder.iterdir())
    else:
        import h5py

        with h5py.File(folder / "main_data.hdf5", "r") as file:
            stored = sum(re.fullmatch(r"episode_\d+", name) is not None for name in file)
    if stored != total:
        raise DatasetError(
            f"The Minari dataset in {folder} cannot be read whole: it declares {total:,} episodes "
            f"(total_episodes), but holds {stored:,}; fetch it again, or correct its metadata.json."
        )


def _episode_metadata(storage: Any, total: int, folder: Path) -> list[dict[str, Any]]:
    entries = [dict(entry) for entry in storage.get_episode_metadata(range(total))]
    ids = [int(entry["id"]) for entry in entries if "id" in entry]
    if len(set(ids)) != len(ids):
        twice = next(number for number in ids if ids.count(number) > 1)
        raise DatasetError(f"The Minari dataset in {folder} gives the episode id {twice} twice.")
    return entries


def _check_counts(
    rows: MinariRows, metadata: Mapping[str, Any], entries: Iterable[Mapping[str, Any]], joined: bool
) -> None:
    """Compare the steps of the whole and of each episode, and the spaces' shapes, with what was read."""
    arrays, where = rows.arrays, f"The Minari dataset {rows.dataset_id}"
    widths = arrays["observations"].shape[1], arrays["actions"].shape[1]
    lengths = np.bincount(arrays["episodes"])
    declared = {
        key: metadata[key] for key in ("total_steps", "total_episodes") if metadata.get(key) is not None
    }
    for key, name in (("observation_space", "observation_shape"), ("action_space", "action_shape")):
        space = json.loads(metadata[key]) if isinstance(metadata[key], str) else metadata[key]
        if isinstance(space, Mapping) and space.get("shape") and not (joined and "observation" in key):
            declared[name] = space["shape"]
    check_declared(declared, where, steps=int(lengths.sum()), episodes=len(lengths), widths=widths)
    for number, entry in enumerate(entries):
        if "total_steps" in entry and int(entry["total_steps"]) != lengths[number]:
            raise DatasetError(
                f"{where} declares {int(entry['total_steps']):,} steps for episode {number}, but "
                f"{lengths[number]:,} were read: it is incomplete, or was read wrongly; fetch it again."
            )


def _rows(episodes: list[dict[str, Any]], minari_id: str, keys: tuple[str, ...], digest: str) -> MinariRows:
    parts: dict[str, list[np.ndarray]] = {}
    for number, episode in enumerate(episodes):
        where = f"Episode {number} of {minari_id}"
        rewards = np.asarray(episode["rewards"])
        steps = len(rewards)
        if steps == 0:
            raise DatasetError(f"{where} is empty; an episode has at least one step.")
        observations = _observations(episode["observations"], keys, where)
        actions = np.asarray(episode["actions"])
        if actions.ndim != 2 or len(actions) != steps or len(observations) != steps + 1:
            raise DatasetError(
                f"{where} holds {len(observations)} observations and {len(actions)} actions of shape "
                f"{list(actions.shape[1:])} for {steps} rewards; {steps + 1} and {steps} are expected."
            )
        observations = finite_float32(observations, "observations", where)
        rewards = finite_float32(rewards, "rewards", where)
        terminals = as_flags(np.asarray(episode["terminations"]), "terminations", where).astype(np.uint8)
        truncations = as_flags(np.asarray(episode["truncations"]), "truncations", where)
        if terminals.shape != (steps,) or truncations.shape != (steps,):
            raise DatasetError(
                f"{where} holds terminations and truncations of shapes {list(terminals.shape)} and "
                f"{list(truncations.shape)} for {steps} rewards."
            )
        last = np.zeros(steps, dtype=bool)
        last[-1] = True
        row = {
            "observations": observations[:-1],
            "actions": finite_float32(actions, "actions", where),
            "rewards": rewards,
            "next_observations": observations[1:],
            "terminals": terminals,
            "episodes": np.full(steps, number, dtype=np.int64),
            "flags/truncations": truncations,
            "flags/last": last,
        }
        for name in ("qpos", "qvel", "goal"):
            values = (episode.get("infos") or {}).get(name)
            if isinstance(values, np.ndarray) and values.dtype.kind == "f" and len(values) >= steps:
                row[f"infos/{name}"] = values[:steps]
        for name, values in row.items():
            parts.setdefault(name, []).append(values)
    if len({values.shape[1] for values in parts["observations"]}) > 1:
        raise DatasetError(f"The episodes of {minari_id} have observations of different widths.")
    joined = {name: np.concatenate(values) for name, values in parts.items() if len(values) == len(episodes)}
    refuse_discrete(joined["actions"], f"The Minari dataset {minari_id}")
    states = {
        name.removeprefix("infos/"): joined.pop(name) for name in list(joined) if name.startswith("infos/")
    }
    flags = Flags(
        terminals=joined["terminals"].astype(bool),
        timeouts=joined.pop("flags/truncations"),
        ends=None,
        last_rows=joined.pop("flags/last"),
        convention="terminations + truncations of Minari's episodes",
    )
    return MinariRows(joined, states, flags, digest, minari_id)


def _observations(stored: Any, keys: tuple[str, ...], where: str) -> np.ndarray:
    if not keys:
        if isinstance(stored, Mapping | tuple | list):
            raise DatasetError(
                f"{where} has no flat observations; the task needs the adapter flatten:keys=..."
            )
        return np.asarray(stored)
    missing = [key for key in keys if not isinstance(stored, Mapping) or key not in stored]
    if missing:
        raise DatasetError(f"{where} does not observe {', '.join(missing)}.")
    return np.concatenate([np.asarray(stored[key]) for key in keys], axis=1)


def _folder_sha256(folder: Path) -> str:
    """The hash of the one data file, or over the hashes of several."""
    import hashlib

    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "metadata.json"]
    if len(files) == 1:
        return sha256(files[0])
    lines = [f"{sha256(path)}  {path.relative_to(folder)}\n" for path in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
