"""One dataset from its source to `results/datasets/<task>`."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from recheck.errors import DatasetError
from recheck.files import atomic_folder, remove_leftovers, write_json
from recheck.tasks import Task, load_tasks

from algos.datasets import file_lock
from algos.datasets.d4rl_rows import Bounds
from algos.datasets.manifest import manifest_document
from algos.datasets.published import identify
from algos.datasets.sources import Places, Source, papers_rows, read_source
from algos.datasets.transitions import (
    ACTIONS,
    MANIFEST_FILE,
    MINARI_FOLDER,
    TRANSITIONS_FILE,
    save_transitions,
)

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# What Minari's file takes on top of its arrays: HDF5's records of each episode, and chunks that are not
# filled. Measured: 21 kB an episode of 20 steps, 41 kB one of 1,000.
MINARI_EPISODE_BYTES = 48 * 1024
MINARI_CHUNK_FACTOR = 1.25
NO_ENVIRONMENT: Bounds = (np.array([-1.0]), np.array([1.0]))


def prepare(
    task: Task,
    output: str | Path,
    *,
    data_folder: str | Path | None = None,
    downloads: str | Path | None = None,
) -> dict[str, Any]:
    """Bring one task's data to `output` (`results/datasets/<task>`) and return its manifest.

    Everything is written into a temporary folder, which replaces `output` when it is complete. A process that
    was killed leaves the dataset that was there, or none; the next one removes its temporary folder. The same
    source gives the same arrays and manifest.

    Args:
        task: what is read, and how.
        output: the folder of the dataset.
        data_folder: where files are looked for by their name before anything is downloaded.
        downloads: where downloaded files are kept (default: `downloads` in the same folder as `output`).

    Raises:
        DatasetError: what is wrong with the task, its file, its environment, or the disk.
    """
    output = Path(output)
    places = Places(
        downloads=Path(downloads) if downloads is not None else output.parent / "downloads",
        hashes=output.parent / "hashes",
        data_folder=Path(data_folder) if data_folder is not None else None,
    )
    lock = output.with_name(f".{output.name}.lock")
    with file_lock.held(lock, f"{output} is being prepared by another process; wait for it."):
        remove_leftovers(output)
        with atomic_folder(output, DatasetError) as work:
            task, bounds = _with_environment(task)
            source = read_source(task, places, bounds if task.environment_id else 1.0)
            source = _in_unit_actions(source, bounds)
            return _write(task, source, work, bounds)


def _with_environment(task: Task) -> tuple[Task, Bounds]:
    """The task with the widths and horizon of its environment where it names none; the actions' bounds.

    Raises:
        DatasetError: the environment is unknown, or has other widths or another horizon than the task.
    """
    if task.environment_id is None:
        return task, NO_ENVIRONMENT
    from algos.envs import make

    environment = make.make(
        task.environment_id,
        task.adapter,
        task.horizon,
        observation_dim=task.observation_dim,
        action_dim=task.action_dim,
    )
    try:
        shapes: list[Any] = [environment.observation_space.shape, environment.action_space.shape]
        task = replace(
            task,
            observation_dim=int(shapes[0][0]),
            action_dim=int(shapes[1][0]),
            horizon=task.horizon if task.horizon is not None else make.step_limit(task.environment_id),
        )
        return task, make.action_bounds(environment)
    finally:
        environment.close()


def _in_unit_actions(source: Source, bounds: Bounds) -> Source:
    """Actions scaled to [-1, 1] where the environment has other bounds, as its policies will act."""
    from algos.envs.spaces import to_unit_actions

    arrays = source.filtered.arrays
    actions = {key: arrays[key] for key in ACTIONS if key in arrays}
    scaled = {key: to_unit_actions(values, bounds) for key, values in actions.items()}
    if scaled["actions"] is arrays["actions"]:
        return source
    filtered = replace(source.filtered, arrays={**arrays, **scaled})
    note = "Actions are scaled from the environment's bounds to [-1, 1]; the environment scales them back."
    return replace(source, filtered=filtered, notes=[*source.notes, note])


def _environment_check(task: Task, source: Source) -> dict[str, Any] | None:
    """Stored steps made again in the environment, before anything is trained; None where there are no states.

    Raises:
        DatasetError: own data that are not the environment's.
    """
    if task.environment_id is None:
        return None
    from algos.envs import observed_states, replay

    following = source.following.counts["source"] == "following"
    rows = replay.of_arrays(source.filtered.arrays, source.states, following)
    if isinstance(rows, str):
        found = None
        if not papers_rows(task) and task.adapter in (None, "none"):
            found = observed_states.check_observations(
                source.filtered.arrays,
                task.environment_id,
                following,
                source.name,
                _of_equal_widths(task),
                ends_chosen=task.ends == "terminal",
            )
        unchecked = {"verdict": replay.CANNOT, "reason": rows, "conclusion": f"cannot be checked: {rows}"}
        return found or unchecked
    if task.ends == "terminal":
        # The user has said that these rows are terminals; only the states are compared.
        rows = replace(rows, terminals=np.zeros_like(rows.terminals))
    return replay.before_training(
        rows, task.environment_id, task.adapter, source.name, strict=not papers_rows(task)
    )


def _of_equal_widths(task: Task) -> list[str]:
    """The environments of tasks.csv whose observations and actions are as wide as the task's."""
    widths = (task.observation_dim, task.action_dim)
    found = {
        other.environment_id
        for other in load_tasks().values()
        if (other.observation_dim, other.action_dim) == widths and other.adapter in (None, "none")
    }
    return sorted(name for name in found if name not in (None, task.environment_id))


def _write(task: Task, source: Source, work: Path, bounds: Bounds) -> dict[str, Any]:
    from algos.datasets import minari_format

    environment_check = _environment_check(task, source)
    arrays = source.filtered.arrays
    identity = identify(task, source.content)
    _reserve(work, arrays, source.states)
    content = save_transitions(work / TRANSITIONS_FILE, arrays, task.task)
    manifest = manifest_document(task, source, content)
    manifest |= {
        "environment_check": environment_check,
        "action_bounds": None if task.environment_id is None else [side.tolist() for side in bounds],
        "identity": None if identity is None else identity.document(),
    }
    if identity is not None and (identity.differences or manifest["comparability"] == "unverified"):
        manifest |= {"comparability": "unverified", "comparability_reason": identity.sentence}
    claim = f"{task.task}: {manifest['comparability']} ({manifest['comparability_reason']})."
    description = f"{claim} {task.notes or ''}".strip()
    order = source.filtered.order
    states = source.states if order is None else {key: rows[order] for key, rows in source.states.items()}
    try:
        minari_format.export(work / MINARI_FOLDER, task, source.filtered.as_played(), states, description)
    except RuntimeError as error:  # how HDF5 says that a file could not be closed
        raise OSError(" ".join(str(error).split())) from None
    write_json(work / MANIFEST_FILE, manifest, DatasetError)
    return manifest


def _reserve(work: Path, arrays: Mapping[str, np.ndarray], states: Mapping[str, np.ndarray]) -> None:
    """Ask for the space of all files before the first is written.

    HDF5 cannot bear a full disk: where a write fails it brings the whole process down on its way out.

    Raises:
        OSError: the disk, a quota or a limit on files does not allow that much.
    """
    plain = sum(array.nbytes for array in arrays.values())
    episodes = len(np.unique(arrays["episodes"]))
    stored = plain + sum(array.nbytes for array in states.values())
    needed = (plain, int(MINARI_CHUNK_FACTOR * stored) + MINARI_EPISODE_BYTES * episodes)
    places = [work / f"reserved{number}" for number in range(len(needed))]
    try:
        for place, size in zip(places, needed):
            with place.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        if error.errno in DISK_FULL:
            raise
        # A file system that cannot reserve: then writing has to show it.
    finally:
        for place in places:
            place.unlink(missing_ok=True)
