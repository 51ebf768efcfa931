"""Minari in both directions: every prepared dataset as a Minari dataset, and Minari's datasets as rows.

Nothing of a Minari dataset is executed: its environment specification is neither read nor run, and what
Minari itself would run while loading (it makes the environment where a space is missing) is refused.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from recheck.errors import DatasetError

from algos.datasets.downloads import sha256_file
from algos.datasets.hdf5 import as_flags, finite_float32, refuse_outside_references
from algos.tasks import Task

NAMESPACE = "recheck"
VERSION = re.compile(r"-v[0-9]+$")
AUTHOR = "Recheck"
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


def dataset_id(task: str) -> str:
    """The Minari id under which a task is exported; ids end with a version, so a task without one gets v0."""
    name = re.sub(r"[^A-Za-z0-9_-]", "-", task)
    return f"{NAMESPACE}/{name if VERSION.search(name) else name + '-v0'}"


def export(
    root: Path, task: Task, arrays: Mapping[str, np.ndarray], states: Mapping[str, np.ndarray], notes: str
) -> None:
    """Write rows as a Minari dataset under `root`, readable with plain `minari.load_dataset`.

    Each episode's T rows become T + 1 observations, the last being the last row's next observation. An
    episode that does not end with a terminal ends with a truncation. Reference scores are stored as they
    are (with `env=None` Minari drops them, with an environment it would replace a missing minimum by the
    mean of 100 random episodes).

    Args: root: as MINARI_DATASETS_PATH; arrays: the six of a prepared dataset; states: `qpos`, `qvel`,
    `goal` [n, ...], kept as infos. To read it: MINARI_DATASETS_PATH=<root>, `minari.load_dataset`.
    """
    import gymnasium
    import minari
    from minari.data_collector import EpisodeBuffer
    from minari.dataset.minari_storage import MinariStorage

    def box(width: int, bound: float) -> gymnasium.spaces.Box:
        return gymnasium.spaces.Box(-bound, bound, shape=(width,), dtype=np.float32)

    bound = max(1.0, float(np.abs(arrays["actions"]).max()))
    # Minari joins a relative path to itself.
    folder = (root / dataset_id(task.task) / "data").absolute()
    folder.mkdir(parents=True)
    storage = MinariStorage.new(
        folder,
        observation_space=box(arrays["observations"].shape[1], np.inf),
        action_space=box(arrays["actions"].shape[1], bound),
        data_format="hdf5",
    )
    metadata: dict[str, Any] = {
        "dataset_id": dataset_id(task.task),
        "minari_version": minari.__version__,
        "author": {AUTHOR},
        "description": notes,
    }
    if task.reference_min_score is not None and task.reference_max_score is not None:
        metadata["ref_min_score"] = task.reference_min_score
        metadata["ref_max_score"] = task.reference_max_score
    storage.update_metadata(metadata)

    def buffers() -> Iterator[Any]:
        for start, stop in episode_slices(arrays["episodes"]):
            rows = slice(start, stop)
            terminations = arrays["terminals"][rows].astype(bool)
            truncations = np.zeros(stop - start, dtype=bool)
            truncations[-1] = not terminations[-1]
            last = arrays["next_observations"][stop - 1 : stop]
            yield EpisodeBuffer(
                observations=np.concatenate([arrays["observations"][rows], last]),
                actions=arrays["actions"][rows],
                rewards=arrays["rewards"][rows],
                terminations=terminations,
                truncations=truncations,
                infos={name: values[rows] for name, values in states.items()} or None,
            )

    storage.update_episodes(buffers())


def episode_slices(episodes: np.ndarray) -> list[tuple[int, int]]:
    """(first row, row after the last) of each episode; episodes [n] is non-decreasing."""
    starts = np.concatenate([[0], np.flatnonzero(np.diff(episodes)) + 1, [len(episodes)]])
    return [(int(start), int(stop)) for start, stop in pairwise(starts)]


@dataclass(frozen=True)
class MinariRows:
    """A Minari dataset as rows, and the returns of its episodes."""

    arrays: dict[str, np.ndarray]
    states: dict[str, np.ndarray]
    returns: np.ndarray  # [e] of all episodes
    complete: np.ndarray  # [e] bool, ended by a termination or a truncation
    sha256: str


def find(root: Path, minari_id: str) -> Path:
    """The folder with the data of a dataset under a Minari root. Raises DatasetError."""
    for folder in (root / minari_id / "data", root / "data", root):
        if (folder / "metadata.json").is_file():
            return folder
    raise DatasetError(f"{root} holds no Minari dataset {minari_id} (no {minari_id}/data/metadata.json).")


@contextmanager
def _datasets_path(root: Path) -> Iterator[None]:
    before = os.environ.get("MINARI_DATASETS_PATH")
    os.environ["MINARI_DATASETS_PATH"] = str(root.absolute())
    try:
        yield
    finally:
        if before is None:
            del os.environ["MINARI_DATASETS_PATH"]
        else:
            os.environ["MINARI_DATASETS_PATH"] = before


def fetch(minari_id: str, root: Path) -> Path:
    """Download a dataset from Minari's remote into `root` unless it is there; the folder with its data.

    Raises DatasetError.
    """
    import minari

    folder = root / minari_id
    if (folder / "data" / "metadata.json").is_file():
        return folder / "data"
    partial = root / ".part"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        with _datasets_path(partial):
            minari.download_dataset(minari_id)
        if not (partial / minari_id / "data" / "metadata.json").is_file():
            raise DatasetError(f"Minari's remote gave no data for {minari_id}.")
        folder.parent.mkdir(parents=True, exist_ok=True)
        os.replace(partial / minari_id, folder)
    except DatasetError:
        raise
    except Exception as error:  # whatever the remote's client raises: one sentence for the user
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise DatasetError(
            f"{minari_id} could not be fetched from Minari's remote ({reason}); download it elsewhere "
            "(`minari download`) and give the folder that holds it as path."
        ) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder / "data"


def read(folder: Path, minari_id: str, keys: tuple[str, ...] = ()) -> MinariRows:
    """Read and check one Minari dataset: T rows per episode of T + 1 observations.

    Args: folder: the one with metadata.json; minari_id: what it has to call itself; keys: entries of
    dictionary observations, one after another (the adapter flatten's).

    Raises DatasetError for damaged or foreign data, empty episodes, ids that are given twice, NaN,
    dictionary observations without keys, and links out of the file.
    """
    from minari.dataset.minari_storage import MinariStorage

    metadata = _metadata(folder, minari_id)
    try:
        for path in sorted(folder.glob("*.hdf5")):
            _check_hdf5(path)
        storage = MinariStorage.read(folder)
        total = int(metadata["total_episodes"])
        _check_ids(storage, total, folder)
        episodes = list(storage.get_episodes(range(total)))
        if not episodes:
            raise DatasetError(f"The Minari dataset {minari_id} holds no episodes.")
        return _rows(episodes, minari_id, keys, _folder_sha256(folder))
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
    if metadata["dataset_id"] != minari_id:
        raise DatasetError(
            f"{path} calls itself {metadata['dataset_id']!r}, but {minari_id!r} was asked for."
        )
    return dict(metadata)


def _check_hdf5(path: Path) -> None:
    import h5py

    with h5py.File(path, "r") as file:
        refuse_outside_references(file, path)


def _check_ids(storage: Any, total: int, folder: Path) -> None:
    ids = [int(entry["id"]) for entry in storage.get_episode_metadata(range(total)) if "id" in entry]
    if len(set(ids)) != len(ids):
        twice = next(number for number in ids if ids.count(number) > 1)
        raise DatasetError(f"The Minari dataset in {folder} gives the episode id {twice} twice.")


def _rows(episodes: list[dict[str, Any]], minari_id: str, keys: tuple[str, ...], sha256: str) -> MinariRows:
    parts: dict[str, list[np.ndarray]] = {}
    returns, complete = [], []
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
        truncations = np.asarray(episode["truncations"])
        row = {
            "observations": observations[:-1],
            "actions": finite_float32(actions, "actions", where),
            "rewards": rewards,
            "next_observations": observations[1:],
            "terminals": terminals,
            "episodes": np.full(steps, number, dtype=np.int64),
        }
        for name in ("qpos", "qvel", "goal"):
            values = (episode.get("infos") or {}).get(name)
            if isinstance(values, np.ndarray) and values.dtype.kind == "f" and len(values) >= steps:
                row[f"infos/{name}"] = values[:steps]
        for name, values in row.items():
            parts.setdefault(name, []).append(values)
        returns.append(float(rewards.astype(np.float64).sum()))
        complete.append(bool(terminals[-1] or truncations[-1]))
    if len({values.shape[1] for values in parts["observations"]}) > 1:
        raise DatasetError(f"The episodes of {minari_id} have observations of different widths.")
    joined = {name: np.concatenate(values) for name, values in parts.items() if len(values) == len(episodes)}
    states = {
        name.removeprefix("infos/"): joined.pop(name) for name in list(joined) if name.startswith("infos/")
    }
    return MinariRows(joined, states, np.array(returns), np.array(complete), sha256)


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
        return sha256_file(files[0])
    lines = [f"{sha256_file(path)}  {path.relative_to(folder)}\n" for path in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
