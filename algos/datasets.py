"""Every dataset of the papers, prepared alike: read, checked, filtered and written once.

    python -m algos.datasets prepare --task-json <row of tasks.csv> --output results/datasets/<task>
    python -m algos.datasets list
    python -m algos.datasets check <file.hdf5>

`read_d4rl_hdf5` reads and checks one D4RL-format file, `load_transitions` is what a trainer needs. A
prepared dataset is `transitions.safetensors` (the rows), `minari/` (the same rows for exchange) and
`manifest.json` (what they are, written last). Loading needs numpy and safetensors only.
"""

from __future__ import annotations

import argparse
import errno
import fcntl
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError

from algos.d4rl_hdf5 import check_signature, check_widths, read_d4rl_hdf5
from algos.downloads import download, host_of, sha256_file
from algos.preparation import (
    Filtered,
    clip_to_bounds,
    maze_jumps,
    qlearning_rows,
    return_ranges,
    return_statistics,
    states_before,
    with_fixed_timeouts,
)
from algos.stored_rewards import check_rewards
from algos.tasks import TASKS_FILE, Task, load_tasks, task_from_json
from algos.trajectories import official_ends, returns_at
from algos.transitions import (
    FORMAT,
    MANIFEST_FILE,
    MINARI_FOLDER,
    TRANSITIONS_FILE,
    DatasetError,
    Transitions,
    load_transitions,
    read_manifest,
    save_transitions,
    write_json,
)

__all__ = [
    "DatasetError",
    "Task",
    "Transitions",
    "load_tasks",
    "load_transitions",
    "prepare",
    "read_d4rl_hdf5",
    "read_manifest",
]

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# What Minari's file takes beside its arrays: HDF5's records of each episode, and chunks that are not filled.
# Measured: 21 kB an episode of 20 steps, 41 kB one of 1,000.
MINARI_EPISODE_BYTES = 48 * 1024
MINARI_CHUNK_FACTOR = 1.25

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


# --- Preparing ---


def prepare(
    task: Task,
    output: str | Path,
    *,
    data_folder: str | Path | None = None,
    downloads: str | Path | None = None,
) -> dict[str, Any]:
    """Bring one task's data to `output` (`results/datasets/<task>`) and return its manifest.

    Everything is written into a folder aside and moved when it is complete, the manifest last; a run that
    was killed leaves nothing under `output` that counts as a dataset, and the next one starts clean. The
    same source gives the same arrays and manifest.

    Args: data_folder: where files are looked for by their name before anything is downloaded; downloads:
    where downloaded files are kept (default: `downloads` beside `output`).

    Raises DatasetError: one sentence about what is wrong with the task, its file, or the disk.
    """
    output = Path(output)
    places = Places(
        downloads=Path(downloads) if downloads is not None else output.parent / "downloads",
        hashes=output.parent / "hashes",
        data_folder=Path(data_folder) if data_folder is not None else None,
    )
    try:
        with _workspace(output) as work:
            limit = _check_environment(task)
            source = _read_source(task, places, limit)
            manifest = _write(task, source, work)
            _move(work, output)
    except (OSError, SafetensorError) as error:
        raise DatasetError(_disk_sentence(output, error)) from None
    return manifest


def _disk_sentence(output: Path, error: Exception) -> str:
    number = getattr(error, "errno", None)
    text = " ".join(str(error).split())
    if number in DISK_FULL or "No space left" in text or "too large" in text:
        return f"The disk of {output} is full; free some space and run again, nothing was changed."
    return f"{output} cannot be written ({text}); nothing was changed."


@contextmanager
def _workspace(output: Path) -> Iterator[Path]:
    """An empty folder beside `output`, ours alone while it lasts; what a killed run left is removed."""
    output.parent.mkdir(parents=True, exist_ok=True)
    work = output.parent / f".{output.name}.part"
    work.mkdir(exist_ok=True)
    handle = os.open(work, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DatasetError(f"{output} is being prepared by another process; wait for it.") from None
        try:
            for left in work.iterdir():
                shutil.rmtree(left) if left.is_dir() else left.unlink()
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)
    finally:
        os.close(handle)


def _move(work: Path, output: Path) -> None:
    """Put the finished files in place; a folder without a manifest is no dataset."""
    output.mkdir(parents=True, exist_ok=True)
    (output / MANIFEST_FILE).unlink(missing_ok=True)
    shutil.rmtree(output / MINARI_FOLDER, ignore_errors=True)
    for name in (TRANSITIONS_FILE, MINARI_FOLDER, MANIFEST_FILE):
        os.replace(work / name, output / name)


def _check_environment(task: Task) -> float:
    """Hold the task's widths and horizon against its environment; the bound of the actions."""
    if task.environment_id is None:
        return 1.0
    from algos import envs

    environment = envs.make(
        task.environment_id,
        task.adapter,
        task.horizon,
        observation_dim=task.observation_dim,
        action_dim=task.action_dim,
    )
    try:
        return envs.action_limit(environment)
    finally:
        environment.close()


def _dims(task: Task) -> tuple[int | None, int | None]:
    """The widths that the data must have: the task's, or those of its environment."""
    if task.environment_id is None or None not in (task.observation_dim, task.action_dim):
        return task.observation_dim, task.action_dim
    from algos import envs

    environment = envs.make(task.environment_id, task.adapter, task.horizon)
    try:
        shapes: list[Any] = [environment.observation_space.shape, environment.action_space.shape]
        return int(shapes[0][0]), int(shapes[1][0])
    finally:
        environment.close()


def _read_source(task: Task, places: Places, limit: float) -> Source:
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


# --- Sources: files ---


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


# --- Sources: Minari, re-collections ---


def _read_minari(task: Task, places: Places, limit: float) -> Source:
    from algos import minari_io

    keys: tuple[str, ...] = ()
    if task.adapter_name == "flatten":
        from algos.adapters import parse

        keys = tuple(part.strip() for part in parse(task.adapter)[1]["keys"].split(","))
    roots = [Path(task.path)] if task.path else []
    if places.data_folder is not None and (places.data_folder / task.source).is_dir():
        roots.insert(0, places.data_folder)
    if roots:
        folder = minari_io.find(roots[0], task.source)
    else:
        folder = minari_io.fetch(task.source, places.downloads / "minari")
    found = minari_io.read(folder, task.source, keys)
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
    from algos import recollect
    from algos.progress import Progress

    size = task.recollect_transitions
    if size is None:
        raise DatasetError(f"{task.task} is recollected and needs recollect_transitions, a number of steps.")
    spec = recollect.load_recollection(task.source)
    bar = Progress(size, f"collecting {task.source}")
    rows = recollect.recollect(spec, size, task.recollect_seed or 0, lambda done, _: bar.update(done))
    print(recollect.describe(spec, rows))
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


# --- What is written ---


def _write(task: Task, source: Source, work: Path) -> dict[str, Any]:
    from algos import minari_io

    arrays = source.filtered.arrays
    _reserve(work, arrays, source.states)
    content = save_transitions(work / TRANSITIONS_FILE, arrays, task.task)
    manifest = _manifest(task, source, content)
    standing = f"{task.task}: {manifest['comparability']} ({manifest['comparability_reason']})."
    description = f"{standing} {task.notes or ''}".strip()
    try:
        minari_io.export(work / MINARI_FOLDER, task, arrays, source.states, description)
    except RuntimeError as error:  # how HDF5 says that a file could not be closed
        raise OSError(" ".join(str(error).split())) from None
    write_json(work / MANIFEST_FILE, manifest)
    return manifest


def _reserve(work: Path, arrays: Mapping[str, np.ndarray], states: Mapping[str, np.ndarray]) -> None:
    """Ask for the space of all files before the first is written.

    HDF5 cannot bear a full disk: where a write fails it brings the whole process down on its way out.
    Raises OSError where the disk, a quota or a limit on files does not allow that much.
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


def _manifest(task: Task, source: Source, content: str) -> dict[str, Any]:
    arrays = source.filtered.arrays
    comparability, reason = _comparability(task, source)
    ends = official_ends(arrays["observations"], arrays["next_observations"], arrays["terminals"])
    notes = [note for note in (task.notes, *source.notes) if note]
    return {
        "format": FORMAT,
        "task": task.task,
        "suite": task.suite,
        "source": {"kind": task.source_kind, "name": source.name},
        "source_sha256": source.sha256,
        "content_sha256": content,
        "num_transitions": len(arrays["rewards"]),
        "num_episodes": len(np.unique(arrays["episodes"])),
        "num_official_trajectories": len(ends),
        "num_dropped": source.filtered.num_dropped,
        "observation_dim": int(arrays["observations"].shape[1]),
        "action_dim": int(arrays["actions"].shape[1]),
        "return_statistics": return_statistics(source.filtered),
        "return_ranges": return_ranges(source.filtered),
        "max_abs_action": round(float(np.abs(arrays["actions"]).max()), 6),
        "action_clip": task.action_clip,
        "num_clipped_action_entries": source.num_clipped,
        "maze_jumps": source.maze_jumps,
        "fix_timeouts": task.fix_timeouts,
        "reward_check": source.reward_check,
        "environment_id": task.environment_id,
        "adapter": task.adapter,
        "environment_standing": task.environment_standing if task.environment_id else "none",
        "horizon": task.horizon,
        "reference_min_score": task.reference_min_score,
        "reference_max_score": task.reference_max_score,
        "comparability": comparability,
        "comparability_reason": reason,
        "hyperparameters_like": task.hyperparameters_like,
        "notes": notes,
    }


def _comparability(task: Task, source: Source) -> tuple[str, str]:
    """What may be said of the data, and why: `original` has to be shown, not claimed."""
    if task.comparability == "original":
        if task.fix_timeouts:
            return "unverified", "the time-outs were changed, so these are not the rows of the papers"
        if task.sha256 is not None and source.sha256 == task.sha256:
            return "original", "SHA-256 equal to the published one"
        count = task.expected_transitions is not None
        if count and all(
            getattr(task, f"expected_return_{name}") is not None for name in STATISTICS_TOLERANCE
        ):
            return "original", "transition count and return statistics equal to the published ones"
        if count:
            return (
                "unverified",
                "transition count equal to the published one, nothing else to hold it against",
            )
        return "unverified", "claims to be the D4RL file, nothing published to hold it against"
    reasons = {
        "unverified": "a file of unknown origin",
        "recollected": "collected again, with other policies or another simulator; not the papers' file",
        "toy": "made for tests",
    }
    return task.comparability, reasons[task.comparability]


# --- Listing ---


def state_of(task: Task, folder: Path, data_folder: Path | None = None) -> str:
    """`present`, `downloadable` or `needs a path`.

    Present means prepared, here as a file, or collected here with no download.
    """
    if (folder / task.task / MANIFEST_FILE).is_file() or task.source_kind == "recollected":
        return "present"
    name = file_name(task)
    here = [Path(task.path)] if task.path else []
    if name:
        here.append(folder / "downloads" / name)
        here += [data_folder / name] if data_folder is not None else []
    if any(path.exists() for path in here):
        return "present"
    return "downloadable" if task.urls or (task.source_kind == "minari" and not task.path) else "needs a path"


def overview(
    tasks: Mapping[str, Task], folder: Path, data_folder: Path | None = None
) -> list[dict[str, str]]:
    """One row per task: source, state, comparability, environment standing and return statistics as text."""
    rows = []
    for task in tasks.values():
        manifest: dict[str, Any] = {}
        if (folder / task.task / MANIFEST_FILE).is_file():
            manifest = read_manifest(folder / task.task)
        rows.append(
            {
                "task": task.task,
                "source": _source_text(task),
                "state": state_of(task, folder, data_folder) + (", prepared" if manifest else ""),
                "comparability": manifest.get("comparability") or _claim(task),
                "environment": f"{task.environment_id or '-'} ({task.environment_standing})",
                **_statistics_text(task, manifest),
            }
        )
    return rows


def _claim(task: Task) -> str:
    """What the data claim to be, before they were held against anything."""
    return "original, if it holds" if task.comparability == "original" else task.comparability


def _source_text(task: Task) -> str:
    if task.source_kind == "recollected":
        return f"collected here ({task.source})"
    if task.source_kind == "minari":
        return f"Minari {task.source}"
    return f"{task.source or 'file'} {file_name(task)}".strip()


def _statistics_text(task: Task, manifest: Mapping[str, Any]) -> dict[str, str]:
    """Transitions and returns: measured where the dataset is prepared, else as published."""
    if manifest:
        statistics = manifest["return_statistics"]
        values = [statistics[name] for name in ("mean", "std", "min", "max")]
        count, origin = manifest["num_transitions"], "measured"
    else:
        values = [getattr(task, f"expected_return_{name}") for name in ("mean", "std", "min", "max")]
        count = task.expected_transitions or task.recollect_transitions
        origin = "published" if values[0] is not None or (count and task.source == "D4RL") else ""
    mean, std, smallest, largest = values
    return {
        "transitions": f"{count:,}" if count else "-",
        "return mean +- std [min, max]": "-"
        if mean is None
        else f"{_short(mean)} +- {_short(std)} [{_short(smallest)}, {_short(largest)}]",
        "statistics": origin or "-",
    }


def _short(value: float) -> str:
    """A return with three digits at least, so that a line of the table fits a terminal."""
    return f"{value:,.{0 if abs(value) >= 100 else 2}f}"


LEGEND = """\
present: prepared, here as a file, or collected here with no download. needs a path: give it (docs/data.md).
original, if it holds: the papers' data, once a file has the published SHA-256 or statistics.
transitions and returns of complete episodes: measured where prepared, else as published; - not known.
Files, ids and environments: python -m algos.datasets list --sources. More: docs/data.md."""


def format_overview(tasks: Mapping[str, Task], rows: list[dict[str, str]]) -> str:
    """The rows of `overview` as text, one table for each kind of source, at most 120 characters wide."""
    groups: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        groups.setdefault(_heading(tasks[row["task"]]), []).append(row)
    shown = ("task", "state", "comparability", "transitions", "return mean +- std [min, max]")
    parts = []
    for heading, members in groups.items():
        table = format_table([{key: row[key] for key in shown} for row in members])
        parts.append(f"source: {heading}\n{table}")
    return "\n\n".join([*parts, LEGEND])


def _heading(task: Task) -> str:
    """What the tasks of one source have in common."""
    if task.source_kind == "recollected":
        return "collected here by small policies of workflow/behaviors or a planner, with no download"
    if task.source_kind == "minari":
        return "Minari's remote, by id"
    if task.urls:
        return f"{task.source or 'downloaded'} files, from {' or '.join(host_of(url) for url in task.urls)}"
    return f"{task.source}s beside the repository" if task.source else "files by path"


def format_sources(rows: list[dict[str, str]]) -> str:
    """Where each task's data come from, by file name or id, and its environment."""
    return format_table([{key: row[key] for key in ("task", "environment", "source")} for row in rows])


def format_table(rows: list[dict[str, str]]) -> str:
    """Rows of equal keys as aligned text."""
    header = list(rows[0])
    widths = [max(len(name), *(len(row[name]) for row in rows)) for name in header]
    lines = ["  ".join(name.ljust(width) for name, width in zip(header, widths)).rstrip()]
    lines.append("  ".join("-" * width for width in widths))
    lines += ["  ".join(row[n].ljust(w) for n, w in zip(header, widths)).rstrip() for row in rows]
    return "\n".join(lines)


# --- Command line ---


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m algos.datasets", description=__doc__.split("\n\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("prepare", help="bring one task's data to results/datasets/<task>")
    one.add_argument("--task-json", required=True, help="a row of tasks.csv as JSON, or a file with it")
    one.add_argument("--output", required=True, type=Path)
    one.add_argument("--data-folder", type=Path, help="where files are looked for by their name")
    one.add_argument("--downloads", type=Path, help="where downloads are kept (default: beside the output)")
    several = commands.add_parser("list", help="every task: source, state, comparability, statistics")
    several.add_argument("--tasks", type=Path, default=TASKS_FILE, help="tasks.csv")
    several.add_argument("--datasets", type=Path, default=Path("results/datasets"))
    several.add_argument("--data-folder", type=Path)
    several.add_argument("--sources", action="store_true", help="each task's file or id, and environment")
    several.add_argument("--json", action="store_true", help="everything as JSON")
    check = commands.add_parser("check", help="read and check one D4RL-format file")
    check.add_argument("path", type=Path)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; 0, or 2 after one sentence about a user's mistake."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "prepare":
            manifest = prepare(
                task_from_json(options.task_json),
                options.output,
                data_folder=options.data_folder,
                downloads=options.downloads,
            )
            print(
                f"{manifest['task']}: {manifest['num_transitions']:,} transitions, "
                f"{manifest['comparability']} ({manifest['comparability_reason']})"
            )
        elif options.command == "list":
            tasks = load_tasks(options.tasks)
            rows = overview(tasks, options.datasets, options.data_folder)
            if options.json:
                print(json.dumps(rows, indent=1))
            else:
                print(format_sources(rows) if options.sources else format_overview(tasks, rows))
        else:
            for key, values in read_d4rl_hdf5(options.path).items():
                print(f"{key}: {list(values.shape)} {values.dtype}")
    except DatasetError as error:
        print(f"datasets: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
