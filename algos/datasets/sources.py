"""Where a dataset comes from: a file, Minari or a re-collection; what is checked when it is read."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from recheck.errors import DatasetError
from recheck.files import sha256
from recheck.tasks import Task, found_by_name

from algos.datasets import next_actions, next_states
from algos.datasets.d4rl_rows import (
    Bounds,
    Filtered,
    clip_to_bounds,
    maze_jumps,
    states_before,
    transition_rows,
    with_fixed_timeouts,
)
from algos.datasets.declared_counts import check_declared
from algos.datasets.downloads import download
from algos.datasets.episode_ends import EpisodeEnds, decide
from algos.datasets.episode_flags import Flags, read_flags
from algos.datasets.published import (
    Content,
    check_published,
    check_recorded_hash,
    hash_record,
    recorded_hash,
)
from algos.datasets.readers import check_format, read_rows
from algos.datasets.row_checks import FileRows, check_widths
from algos.datasets.row_order import repeated_rows
from algos.datasets.stored_rewards import check_rewards
from algos.datasets.trajectories import returns_at


@dataclass(frozen=True)
class Source:
    """What a source gave.

    Attributes:
        filtered: the rows to train on.
        states: the simulator's `qpos`, `qvel`, `goal` [m, ...] of these rows, where the source has them.
        name: of the file, the Minari id, or the re-collection.
        sha256: of the file's bytes.
        ends: what was decided about the ends of episodes.
        following: where next states come from.
        observations: [n, d] of all time steps of the source.
        num_clipped: action entries that were clipped.
        maze_jumps: transitions that jump across a maze, for antmaze.
        reward_check: stored rewards compared with the environment's, where those can be computed.
        notes: for the manifest.
    """

    filtered: Filtered
    states: dict[str, np.ndarray]
    name: str
    sha256: str
    ends: EpisodeEnds
    following: next_states.NextStates
    observations: np.ndarray
    num_clipped: int = 0
    maze_jumps: int | None = None
    reward_check: dict[str, Any] | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def content(self) -> Content:
        """For the comparison with published files."""
        transitions = int((~self.ends.timeouts[:-1]).sum())
        return Content(self.name, self.sha256, self.filtered, self.observations, transitions)


@dataclass(frozen=True)
class Places:
    """Where downloads and recorded hashes are kept, and where else files are looked for."""

    downloads: Path
    hashes: Path
    data_folder: Path | None = None


def read_source(task: Task, places: Places, limit: float | Bounds) -> Source:
    """Read and check the data of a task.

    Args:
        task: what is read, and how; its widths and horizon are those of its environment.
        places: of files.
        limit: the bounds of the environment's actions.

    Raises:
        DatasetError: whatever is wrong with the file, or with what the task says of it.
    """
    if task.source_kind == "recollected":
        return _recollect(task, limit)
    if task.source_kind == "minari":
        return _read_minari(task, places, limit)
    if not task.path and any(_is_folder(url) for url in task.urls) and task.sha256 is None:
        return _read_minari(replace(task, source=_id_of(task.urls[0])), places, limit, named=False)
    path = _locate(task, places)
    if path.is_dir():
        located = replace(places, data_folder=None)
        return _read_minari(replace(task, path=str(path), source=""), located, limit)
    found = read_rows(path)
    source = _from_file(task, found, path, limit)
    check_published(task, source.filtered)
    if task.urls:
        check_recorded_hash(task, places.hashes, source.sha256)
    return source


def papers_rows(task: Task) -> bool:
    """Whether the rows are those that D4RL's `qlearning_dataset` makes: the papers' data and look-alikes."""
    return task.comparability in ("original", "recollected")


def _locate(task: Task, places: Places) -> Path:
    """The task's file on this machine, downloaded if need be, with the hash that tasks.csv names."""
    from algos.datasets.minari_format import is_dataset

    name = file_name(task)
    candidates = [Path(task.path)] if task.path else []
    if places.data_folder is not None and name and found_by_name(task.source, task.sha256):
        candidates.insert(0, places.data_folder / name)
    for path in candidates:
        if path.exists():
            if is_dataset(path):
                return path
            check_format(path)
            _check_hash(task, path, sha256(path, DatasetError))
            return path
    if task.path:
        raise DatasetError(
            f"{task.path} does not exist; {task.task} needs that file, give its path, "
            "or the folder that holds it as data_folder."
        )
    if not task.urls:
        raise DatasetError(f"{task.task} has neither a path nor an address; give the path of its file.")
    expected = task.sha256 or recorded_hash(task, places.hashes)
    destination, *earlier = download_places(task, places)
    for path in earlier:
        if not destination.exists() and path.is_file() and sha256(path, DatasetError) == expected:
            return path
    size = task.size_bytes
    return download(task.urls, destination, sha256=expected, size_bytes=size, check=check_format)


def download_places(task: Task, places: Places) -> list[Path]:
    """Where a task's file is downloaded to, and where an earlier version may have put it.

    Two addresses may end with the same name. So each file has a folder of its own: by its hash where the task
    names it, else by its address. The earlier place had the name alone; it counts only where a known hash
    says whose file it is.
    """
    name = file_name(task)
    places_of_file = [places.downloads / (task.sha256 or _hash_of(task.urls[0]))[:16] / name]
    if task.sha256 is not None or hash_record(task, places.hashes).is_file():
        places_of_file.append(places.downloads / name)
    return places_of_file


def _check_hash(task: Task, path: Path, found: str) -> None:
    if task.sha256 is not None and found != task.sha256:
        raise DatasetError(
            f"{path} has the SHA-256 {found}, but {task.task} needs {task.sha256}: "
            "it is a different or a damaged file."
        )


def file_name(task: Task) -> str:
    """The name of a task's file, from its path or its first address."""
    where = task.path or (task.urls[0] if task.urls else "")
    return where.rstrip("/").rsplit("/", 1)[-1]


def _from_file(task: Task, found: FileRows, path: Path, limit: float | Bounds) -> Source:
    """The rows of one file."""
    digest = sha256(path, DatasetError)
    where = str(path)
    rows = found.rows
    widths = rows["observations"].shape[1], rows["actions"].shape[1]
    flags = read_flags(rows, where)
    numbered = None if flags.last_rows is None else int(flags.last_rows.sum())
    steps = len(rows["rewards"])
    check_declared(found.declared, where, steps=steps, episodes=numbered, widths=widths)
    source = _from_rows(task, rows, flags, limit, where, verified=digest == task.sha256)
    if numbered is None:
        counted = source.ends.counts["episodes"]
        check_declared(found.declared, where, steps=steps, episodes=counted, widths=widths)
    notes = list(source.notes)
    if found.unread:
        notes.append(f"Not used of the file: {', '.join(sorted(found.unread))}.")
    return replace(source, name=path.name, sha256=digest, notes=notes)


def _from_rows(
    task: Task,
    rows: dict[str, np.ndarray],
    flags: Flags,
    limit: float | Bounds,
    where: str,
    verified: bool = False,
) -> Source:
    """Checked time steps as training rows; name and hash are the caller's to add."""
    check_widths(rows, where, task.observation_dim, task.action_dim)
    rows, num_clipped = clip_to_bounds(rows, where, limit, task.action_clip)
    notes = []
    if task.fix_timeouts:
        rows = with_fixed_timeouts({**rows, "terminals": np.zeros(len(rows["rewards"]), dtype=bool)})
        flags = replace(flags, timeouts=rows["timeouts"], convention="time-outs set at jumps in the maze")
        notes.append("Time-outs were set where the agent is put elsewhere, not where the file has them.")
    papers = papers_rows(task)
    rule = task.ends or ("d4rl" if papers else None)
    mixed = None
    if rule != "d4rl" or task.next_observations == "file":
        mixed = next_states.trajectories_of_mixed_rows(rows, flags.any_end(), task.next_observations)
    ordered = flags if mixed is None else flags.in_order(*mixed)
    ends = decide(ordered, rule, task.horizon, where, strict=not papers)
    if mixed is not None:
        ends = ends.put_back(mixed[0])
    if ends.counts["timeouts_by_horizon"] or flags.without_timeouts():
        notes.append(f"The file has no timeouts; episodes are cut after {task.horizon} steps.")
    following = next_states.decide(rows, ends, task.next_observations, where, strict=not verified)
    stored = next_actions.check_stored(rows, ends, following.in_order, where, strict=not verified)
    notes += [stored] if stored else []
    filtered = transition_rows(rows, ends, following)
    repeated = 0 if papers else repeated_rows(rows["observations"], rows["actions"])
    if repeated:
        notes.append(
            f"{repeated:,} of {len(rows['rewards']):,} rows are there more than once (observation and "
            "action)."
        )
    rows = {**rows, "terminals": ends.terminals, "timeouts": ends.timeouts}
    last_rows = ends.last_rows
    jumps = None
    if task.adapter_name == "antmaze":
        jumps = int(maze_jumps(rows["observations"], last_rows)[filtered.kept].sum())
    states = {name: values[filtered.kept] for name, values in states_before(rows).items()}
    if states and "infos/goal" in rows:
        states["goal"] = rows["infos/goal"][filtered.kept]
    return Source(
        filtered=filtered,
        states=states,
        name="",
        sha256="",
        ends=ends,
        following=following,
        observations=rows["observations"],
        num_clipped=num_clipped,
        maze_jumps=jumps,
        reward_check=check_rewards(task, rows, last_rows) if following.in_order else None,
        notes=notes,
    )


def _is_folder(url: str) -> bool:
    """Whether an address is that of a folder: a Minari dataset on a server."""
    return url.endswith("/") or re.search(r"-v\d+(/data)?$", url) is not None


def _id_of(url: str) -> str:
    """A name for a dataset whose own is not known before it is here."""
    return f"server/{_hash_of(url)[:16]}"


def _hash_of(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()


def _read_minari(task: Task, places: Places, limit: float | Bounds, named: bool = True) -> Source:
    """The rows of a Minari dataset; with `named` it has to call itself as the task's source does."""
    from algos.datasets import minari_format, minari_remote

    keys: tuple[str, ...] = ()
    if task.adapter_name == "flatten":
        from algos.envs.adapters import parse

        keys = tuple(part.strip() for part in parse(task.adapter)[1]["keys"].split(","))
    roots = [Path(task.path)] if task.path else []
    brought = places.data_folder
    if brought is not None and (not roots or (brought / task.source).is_dir()) and brought.is_dir():
        roots.insert(0, brought)
    if roots and not roots[0].is_dir():
        raise DatasetError(f"{roots[0]} is not a folder; {task.task} needs the folder of a Minari dataset.")
    if roots and (task.path or minari_format.holds(roots[0], task.source)):
        folder = minari_format.find(roots[0], task.source)
    else:
        folder = minari_remote.fetch(task.source, places.downloads / "minari", task.urls)
    found = minari_format.read(folder, task.source if named else "", keys)
    _check_hash(task, folder, found.sha256)
    where = f"The Minari dataset {found.dataset_id}"
    check_widths(found.arrays, where, task.observation_dim, task.action_dim)
    arrays, num_clipped = clip_to_bounds(found.arrays, where, limit, task.action_clip)
    ends = decide(found.flags, task.ends, task.horizon, where, strict=not papers_rows(task))
    arrays = {**arrays, "terminals": ends.terminals.astype(np.uint8)}
    last_rows = found.flags.last_rows
    assert last_rows is not None
    assert found.flags.timeouts is not None
    assert found.flags.terminals is not None
    complete = (found.flags.terminals | found.flags.timeouts)[last_rows]
    returns = returns_at(arrays["rewards"], np.flatnonzero(last_rows))
    filtered = Filtered(
        arrays=arrays,
        kept=np.arange(len(arrays["rewards"])),
        unfiltered_returns=returns,
        complete_returns=returns[complete],
        num_dropped=0,
    )
    if task.next_observations == "following":
        raise DatasetError(
            f"{where} holds every next state; next_observations=following does not apply to it."
        )
    counts = {
        "source": "file",
        "row_order": "as played",
        "rows_compared": 0,
        "rows_different": 0,
        "sentence": "the episode's next observation; Minari keeps the one after a time-out too, no row "
        "is left out.",
    }
    source = Source(
        filtered=filtered,
        states=found.states,
        name=found.dataset_id,
        sha256=found.sha256,
        ends=ends,
        following=next_states.NextStates(True, True, counts),
        observations=arrays["observations"],
        num_clipped=num_clipped,
        notes=["Every step is kept: Minari stores the observation after a time-out, too."],
    )
    check_published(task, filtered)
    if not task.path:
        check_recorded_hash(task, places.hashes, found.sha256)
    return source


def _recollect(task: Task, limit: float | Bounds) -> Source:
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
    source = _from_rows(task, rows, read_flags(rows, task.task), limit, task.task)
    whole = _whole_episodes(rows, task.horizon)
    filtered = replace(source.filtered, complete_returns=whole)
    return replace(source, filtered=filtered, name=task.source, sha256=digest.hexdigest())


def _whole_episodes(rows: Mapping[str, np.ndarray], horizon: int | None) -> np.ndarray:
    """Returns of the episodes that were played to their end; those cut for size also end with a time-out."""
    ends = np.flatnonzero(rows["terminals"] | rows["timeouts"])
    lengths = np.diff(ends, prepend=-1)
    whole = rows["terminals"][ends] | (lengths == horizon)
    result: np.ndarray = returns_at(rows["rewards"], ends)[whole]
    return result
