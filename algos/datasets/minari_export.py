"""Every prepared dataset as a Minari dataset, for exchange."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from recheck.tasks import Task

NAMESPACE = "recheck"
VERSION = re.compile(r"-v[0-9]+$")
AUTHOR = "Recheck"
# HDF5 keeps 20 kB for each episode: rows that belong to no trajectory would fill a disk.
MOST_SINGLE_STEP_EPISODES = 20_000
NOT_EXPORTED = "README.txt"


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

    Args:
        root: as MINARI_DATASETS_PATH, from which `minari.load_dataset` reads it.
        task: names the dataset and its reference scores.
        arrays: the six of a prepared dataset, the rows of each episode together.
        states: `qpos`, `qvel`, `goal` [n, ...], kept as infos.
        notes: the dataset's description.
    """
    import gymnasium
    import minari
    from minari.data_collector import EpisodeBuffer
    from minari.dataset.minari_storage import MinariStorage

    def box(width: int, bound: float) -> gymnasium.spaces.Box:
        return gymnasium.spaces.Box(-bound, bound, shape=(width,), dtype=np.float32)

    slices = episode_slices(arrays["episodes"])
    if len(slices) > MOST_SINGLE_STEP_EPISODES and len(slices) > len(arrays["episodes"]) // 2:
        root.mkdir(parents=True)
        (root / NOT_EXPORTED).write_text(
            "The rows of this dataset are independent transitions that belong to no trajectories, so there "
            "are no episodes to write for Minari.\n",
            encoding="utf-8",
        )
        return
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
        for start, stop in slices:
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
    """(first row, row after the last) of each episode; the rows of an episode [n] are together."""
    starts = np.concatenate([[0], np.flatnonzero(np.diff(episodes)) + 1, [len(episodes)]])
    return [(int(start), int(stop)) for start, stop in pairwise(starts)]
