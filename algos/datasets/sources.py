"""Where a dataset comes from: a file, Minari or a re-collection; what is checked when it is read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from recheck.errors import DatasetError

from algos.datasets.d4rl_rows import (
    Filtered,
    clip_to_bounds,
    maze_jumps,
    qlearning_rows,
    return_statistics,
    states_before,
    with_fixed_timeouts,
)
from algos.datasets.downloads import download, sha256_file
from algos.datasets.hdf5 import check_signature, check_widths, read_d4rl_hdf5
from algos.datasets.stored_rewards import check_rewards
from algos.datasets.trajectories import returns_at
from algos.datasets.transitions import write_json
from algos.tasks import Task

# How far return statistics may lie from the published ones, which are rounded to three decimals and do not
# say whether their standard deviation divides by n or n - 1.
STATISTICS_TOLERANCE = {"mean": 1e-4, "std": 5e-3, "min": 1e-4, "max": 1e-4}
STATISTICS_FLOOR = 0.01


@dataclass(frozen=True)
class Source:
    """What a source gave: filtered rows, the simulator's states beside them, and what to say about it."""

    filtered: Filtered
    states: dict[str, np.ndarray]  # `qpos`, `qvel`, `goal` [m, ...], where the source has them
    name: str
    sha256: str
    num_clipped: int = 0
    maze_jumps: int | None = None
    reward_check: dict[str, Any] | None = None
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Places:
    """Where downloads and recorded hashes are kept, and where else files are looked for."""

    downloads: Path
    hashes: Path
    data_folder: Path | None = None


def _dims(task: Task) -> tuple[int | None, int | None]:
    """The widths that the data must have: the task's, or those of its environment."""
    if task.environment_id is None or None not in (task.observation_dim, task.action_dim):
        return task.observation_dim, task.action_dim
    from algos.envs import make

    environment = make.make(task.environment_id, task.adapter, task.horizon)
    try:
        shapes: list[Any] = [environment.observation_space.shape, environment.action_space.shape]
        return int(shapes[0][0]), int(shapes[1][0])
    finally:
        environment.close()


def read_source(task: Task, places: Places, limit: float) -> Source:
    if task.source_kind == "minari":
        return _read_minari(task, places, limit)
    if task.source_kind == "recollected":
        return _recollect(task, limit)
    path = _locate(task, places)
    rows = read_d4rl_hdf5(path)
    source = _from_rows(task, rows, path.name, sha256_file(path), limit, str(path))
    _check_published(task, source)
    if task.urls:
        _check_recorded_hash(task, places, source.sha256)
    return source


def _locate(task: Task, places: Places) -> Path:
    """The task's file on this machine, downloaded if need be, with the hash that tasks.csv names."""
    name = file_name(task)
    candidates = [Path(task.path)] if task.path else []
    if places.data_folder is not None and name:
        candidates.insert(0, places.data_folder / name)
    for path in candidates:
        if path.exists():
            check_signature(path)
            if task.sha256 is not None and (found := sha256_file(path)) != task.sha256:
                raise DatasetError(
                    f"{path} has the SHA-256 {found}, but {task.task} needs {task.sha256}: "
                    "it is another or a damaged file."
                )
            return path
    if task.path:
        raise DatasetError(
            f"{task.path} does not exist; {task.task} needs that file, give its path, "
            "or the folder it lies in as data_folder."
        )
    if not task.urls:
        raise DatasetError(f"{task.task} has neither a path nor an address; give the path of its file.")
    expected = task.sha256 or recorded_hash(task, places.hashes)
    destination = places.downloads / name
    size = task.size_bytes
    return download(task.urls, destination, sha256=expected, size_bytes=size, check=check_signature)


def file_name(task: Task) -> str:
    """The name of a task's file, from its path or its first address."""
    where = task.path or (task.urls[0] if task.urls else "")
    return where.rstrip("/").rsplit("/", 1)[-1]


def recorded_hash(task: Task, hashes: Path) -> str | None:
    """The hash that was recorded when the task's file first came, or None. Raises DatasetError."""
    path = hashes / f"{task.task}.json"
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["sha256"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(
            f"The recorded hash of {task.task} cannot be read from {path} ({type(error).__name__}); "
            "delete that file only if the next file is to be trusted."
        ) from None


def _check_recorded_hash(task: Task, places: Places, sha256: str) -> None:
    """The first file of a task without a published hash fixes the hash; every later one must have it."""
    if task.sha256 is not None:
        return
    before = recorded_hash(task, places.hashes)
    if before is None:
        write_json(places.hashes / f"{task.task}.json", {"task": task.task, "sha256": sha256})
    elif before != sha256:
        raise DatasetError(
            f"The file of {task.task} has the SHA-256 {sha256}, but the first one had {before} (recorded in "
            f"{places.hashes.name}/{task.task}.json); it is another file."
        )


def _from_rows(
    task: Task, rows: dict[str, np.ndarray], name: str, sha256: str, limit: float, where: str
) -> Source:
    """Checked time steps as training rows."""
    check_widths(rows, where, *_dims(task))
    rows, num_clipped = clip_to_bounds(rows, where, limit, task.action_clip)
    notes = []
    if task.fix_timeouts:
        rows = with_fixed_timeouts(rows)
        notes.append("Time-outs were set where the agent is put elsewhere, not where the file has them.")
    if "timeouts" not in rows:
        notes.append(f"The file has no timeouts; episodes are cut after {task.horizon} steps.")
    filtered = qlearning_rows(rows, task.horizon)
    ends = rows["terminals"] | rows["timeouts"] if "timeouts" in rows else rows["terminals"]
    jumps = None
    if task.adapter_name == "antmaze":
        jumps = int(maze_jumps(rows["observations"], ends)[filtered.kept].sum())
    states = {name: values[filtered.kept] for name, values in states_before(rows).items()}
    if states and "infos/goal" in rows:
        states["goal"] = rows["infos/goal"][filtered.kept]
    return Source(
        filtered=filtered,
        states=states,
        name=name,
        sha256=sha256,
        num_clipped=num_clipped,
        maze_jumps=jumps,
        reward_check=check_rewards(task, rows, ends),
        notes=notes,
    )


def _check_published(task: Task, source: Source) -> None:
    """Refuse a file whose transition count or return statistics are not the published ones."""
    found = len(source.filtered.kept)
    if task.expected_transitions is not None and found != task.expected_transitions:
        raise DatasetError(
            f"The file of {task.task} gives {found:,} transitions, but {task.expected_transitions:,} are "
            "published: it is not the file that the task names."
        )
    statistics = return_statistics(source.filtered)
    for name, tolerance in STATISTICS_TOLERANCE.items():
        published = getattr(task, f"expected_return_{name}")
        if published is None:
            continue
        value = statistics[name]
        if value is None or abs(value - published) > max(STATISTICS_FLOOR, tolerance * abs(published)):
            raise DatasetError(
                f"The file of {task.task} has episode returns with the {name} {value}, but {published:g} is "
                "published: it is not the file that the task names."
            )


def _read_minari(task: Task, places: Places, limit: float) -> Source:
    from algos.datasets import minari_format

    keys: tuple[str, ...] = ()
    if task.adapter_name == "flatten":
        from algos.envs.adapters import parse

        keys = tuple(part.strip() for part in parse(task.adapter)[1]["keys"].split(","))
    roots = [Path(task.path)] if task.path else []
    if places.data_folder is not None and (places.data_folder / task.source).is_dir():
        roots.insert(0, places.data_folder)
    if roots:
        folder = minari_format.find(roots[0], task.source)
    else:
        folder = minari_format.fetch(task.source, places.downloads / "minari")
    found = minari_format.read(folder, task.source, keys)
    if task.sha256 is not None and found.sha256 != task.sha256:
        raise DatasetError(f"{folder} has the SHA-256 {found.sha256}, but {task.task} needs {task.sha256}.")
    check_widths(found.arrays, task.source, *_dims(task))
    arrays, num_clipped = clip_to_bounds(found.arrays, task.source, limit, task.action_clip)
    filtered = Filtered(
        arrays=arrays,
        kept=np.arange(len(arrays["rewards"])),
        unfiltered_returns=found.returns,
        complete_returns=found.returns[found.complete],
        num_dropped=0,
    )
    notes = ["Every step is kept: Minari stores the observation after a time-out, too."]
    source = Source(filtered, found.states, task.source, found.sha256, num_clipped, notes=notes)
    if not task.path:
        _check_recorded_hash(task, places, found.sha256)
    return source


def _recollect(task: Task, limit: float) -> Source:
    from recheck.progress import Progress

    from algos.recollect import catalogue, collect

    size = task.recollect_transitions
    if size is None:
        raise DatasetError(f"{task.task} is recollected and needs recollect_transitions, a number of steps.")
    spec = catalogue.load_recollection(task.source)
    bar = Progress(size, f"collecting {task.source}")
    rows = collect.recollect(spec, size, task.recollect_seed or 0, lambda done, _: bar.update(done))
    print(catalogue.describe(spec, rows))
    digest = hashlib.sha256()
    for key in sorted(rows):
        digest.update(f"{key} {rows[key].dtype} {rows[key].shape}\n".encode())
        digest.update(np.ascontiguousarray(rows[key]).tobytes())
    source = _from_rows(task, rows, task.source, digest.hexdigest(), limit, task.task)
    whole = _whole_episodes(rows, task.horizon)
    return replace(source, filtered=replace(source.filtered, complete_returns=whole))


def _whole_episodes(rows: Mapping[str, np.ndarray], horizon: int | None) -> np.ndarray:
    """Returns of the episodes that were played to their end; those cut for size also end with a time-out."""
    ends = np.flatnonzero(rows["terminals"] | rows["timeouts"])
    lengths = np.diff(ends, prepend=-1)
    whole = rows["terminals"][ends] | (lengths == horizon)
    return returns_at(rows["rewards"], ends)[whole]
