"""Is it the file that its name says? What was read, compared with what is published of D4RL's files.

A name proves nothing. A file with the published SHA-256 is the file; any other is compared by what survives
another encoding (Minari, Parquet): counts, returns, moments of the observations, and whether the actions are
those of a policy at all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from recheck import shipped
from recheck.errors import DatasetError
from recheck.files import read_json, write_json
from recheck.tasks import TASKS_FILE, Task, load_tasks

from algos.datasets.d4rl_rows import Filtered, return_statistics

FILES = shipped.ROOT / "workflow" / "config" / "d4rl_files.json"
# How far return statistics may be from the published ones, which are rounded to three decimals and do not
# say whether their standard deviation divides by n or n - 1.
STATISTICS_TOLERANCE = {"mean": 1e-4, "std": 5e-3, "min": 1e-4, "max": 1e-4}
STATISTICS_FLOOR = 0.01
# Moments: in units of the published standard deviation. The published ones are of all rows, or of those of
# complete episodes (up to a thousandth of the rows fewer), which moves them by a few thousandths.
MOMENTS_TOLERANCE = 0.01
# Another encoding may lack the last, open episode.
COUNT_TOLERANCE = 0.005
# Kolmogorov-Smirnov distance from the uniform distribution on [-1, 1]: 0.016 is the 1% point for 10,000 rows;
# policies are far beyond.
UNIFORM_DISTANCE = 0.03
UNIFORM_ROWS = 10_000
FEWEST_UNIFORM_ROWS = 500


@dataclass(frozen=True)
class Content:
    """What was read of a source.

    Attributes:
        name: of the file or the Minari dataset.
        sha256: of the file.
        filtered: the rows to train on.
        observations: [n, d] of all time steps.
        transitions: rows that D4RL's `qlearning_dataset` would make of the time steps.
    """

    name: str
    sha256: str
    filtered: Filtered
    observations: np.ndarray
    transitions: int


@dataclass(frozen=True)
class Identity:
    """A file that is named like a published one, and what a comparison of their contents gave.

    Attributes:
        named_like: the published file.
        compared: what was compared.
        differences: what is different, one message each; empty where everything compared agrees.
    """

    named_like: str
    compared: list[str]
    differences: list[str] = field(default_factory=list)

    @property
    def sentence(self) -> str:
        """What may be said of the name."""
        if self.differences:
            return f"named like {self.named_like}, but it is not that file: {'; '.join(self.differences)}"
        if not self.compared:
            return f"named like {self.named_like}, of which nothing is published to compare it with"
        return f"its {', '.join(self.compared)} equal those published of {self.named_like}"

    def document(self) -> dict[str, Any]:
        """For the manifest."""
        return {
            "named_like": self.named_like,
            "compared": self.compared,
            "differences": self.differences,
        }


@cache
def published_files(path: Path = FILES) -> dict[str, dict[str, Any]]:
    """What is published of each of D4RL's files, by the name of its task.

    Raises:
        DatasetError: the list cannot be read.
    """
    content = read_json(path, DatasetError)
    if not isinstance(content, dict) or not isinstance(content.get("files"), dict):
        raise DatasetError(f"{path} lists no files.")
    files: dict[str, dict[str, Any]] = content["files"]
    return files


def famous_name(names: list[str], famous: list[str]) -> str | None:
    """The published file that one of these names is like, with or without its version; None for none."""
    for name in names:
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name)
        plain = re.sub(r"[^a-z0-9]+", "-", words.lower()).replace("half-cheetah", "halfcheetah")
        matches = [known for known in famous if _within(known, plain)]
        if not matches and not re.search(r"-v\d+(-|$)", plain):
            stems = [known for known in famous if _within(re.sub(r"-v\d+$", "", known), plain)]
            longest = max(map(len, stems), default=0)
            best = [known for known in stems if len(known) == longest]
            matches = best if len(best) == 1 else []
        if matches:
            return max(matches, key=len)
    return None


@cache
def published_hashes(path: Path = TASKS_FILE) -> dict[str, str]:
    """SHA-256 of each of D4RL's files as tasks.csv has it, by the name of its task."""
    return {
        name: task.sha256
        for name, task in load_tasks(path).items()
        if task.sha256 is not None and task.comparability == "original"
    }


@cache
def _file_names(path: Path = TASKS_FILE) -> dict[str, str]:
    """D4RL's own names of its files, without the ending, and their tasks: kitchen's and antmaze's differ."""
    tasks = load_tasks(path)
    return {Path(url).stem: name for name in published_hashes(path) for url in tasks[name].urls}


def _within(known: str, name: str) -> bool:
    return re.search(rf"(?:^|-){re.escape(known)}(?:-|$)", name) is not None


def identify(task: Task, content: Content) -> Identity | None:
    """Compare data that are named like a published file with what is published of it.

    Args:
        task: whose name counts too.
        content: what was read.

    Returns:
        The comparison; None where no name is like a published file's, the data do not claim to be one, or
        their hash says all.
    """
    if task.comparability == "recollected" or (task.sha256 is not None and content.sha256 == task.sha256):
        return None
    known, hashes = published_files(), published_hashes()
    name = _named_like(task, content, [*known, *(other for other in hashes if other not in known)])
    if name is None:
        return None
    if content.sha256 == hashes.get(name):
        return Identity(name, ["SHA-256"])
    entry = known.get(name, {})
    compared: list[str] = [key for key in ("transitions", "rows") if key in entry]
    differences = _count_differences(entry, content)
    if "return_mean" in entry:
        compared.append("returns")
        differences += _return_differences(entry, content)
    if "observation_mean" in entry:
        compared.append("observation moments")
        differences += moment_differences(entry, content.observations)
    if not compared and name in hashes:
        # Nothing that survives another encoding is published, only the hash of the bytes.
        compared.append("SHA-256")
        differences.append("its SHA-256 is not the published one")
    if not entry.get("uniform_actions"):
        differences += uniform_actions(content.filtered.arrays["actions"])
    return Identity(name, compared, differences)


def _named_like(task: Task, content: Content, known: list[str]) -> str | None:
    """The published file that a task, its file or its folder is named like; None for none."""
    names = [task.task, Path(content.name).stem, content.name, Path(task.path or "").name]
    by_file = [name for stem, name in _file_names().items() if stem in names]
    return by_file[0] if by_file else famous_name(names, known)


def _count_differences(entry: Mapping[str, Any], content: Content) -> list[str]:
    """The counts that are not the published ones."""
    return [
        f"{found:,} {key} ({entry[key]:,} published)"
        for key, found in (("transitions", content.transitions), ("rows", len(content.observations)))
        if key in entry and abs(found - entry[key]) > COUNT_TOLERANCE * entry[key]
    ]


def _return_differences(entry: Mapping[str, Any], content: Content) -> list[str]:
    """The first statistic of the returns that is not the published one; empty where all agree."""
    found = return_statistics(content.filtered)
    for key, tolerance in STATISTICS_TOLERANCE.items():
        value = found[key]
        if value is None or _apart(value, entry[f"return_{key}"], tolerance):
            text = "no complete episode" if value is None else f"return {key} {value:,.1f}"
            return [f"{text} ({entry[f'return_{key}']:,.1f} published)"]
    return []


def _apart(value: float, published: float, tolerance: float) -> bool:
    return abs(value - published) > max(STATISTICS_FLOOR, tolerance * abs(published))


def moment_differences(entry: Mapping[str, Any], observations: np.ndarray) -> list[str]:
    """What is different between the moments of observations [n, d] and the published ones."""
    mean, std = np.asarray(entry["observation_mean"]), np.asarray(entry["observation_std"])
    if observations.shape[1] != len(mean):
        return [f"observations of width {observations.shape[1]} ({len(mean)} published)"]
    found_mean = observations.mean(axis=0, dtype=np.float64)
    found_std = observations.std(axis=0, dtype=np.float64)
    apart = np.maximum(np.abs(found_mean - mean), np.abs(found_std - std)) / std
    worst = int(apart.argmax())
    if apart[worst] <= MOMENTS_TOLERANCE:
        return []
    return [
        f"observation {worst} has mean {found_mean[worst]:.4g} and deviation {found_std[worst]:.4g} "
        f"({mean[worst]:.4g} and {std[worst]:.4g} published)"
    ]


def uniform_actions(actions: np.ndarray) -> list[str]:
    """One message if actions [n, a] are uniform random on [-1, 1], which no trained policy's are."""
    rows = np.linspace(0, len(actions) - 1, min(len(actions), UNIFORM_ROWS)).astype(np.int64)
    if len(rows) < FEWEST_UNIFORM_ROWS:
        return []
    ordered = np.sort(actions[rows].astype(np.float64), axis=0)
    expected = (ordered + 1) / 2
    steps = np.arange(1, len(rows) + 1)[:, None] / len(rows)
    distance = np.maximum(np.abs(steps - expected), np.abs(steps - 1 / len(rows) - expected)).max(axis=0)
    if (distance > UNIFORM_DISTANCE).any():
        return []
    return ["its actions are uniform random on [-1, 1]"]


def check_published(task: Task, filtered: Filtered) -> None:
    """Refuse data of a task whose count or returns are not those that tasks.csv gives as published.

    Args:
        task: with what is published of it.
        filtered: the rows.

    Raises:
        DatasetError: naming the first number that differs.
    """
    found = len(filtered.kept)
    if task.expected_transitions is not None and found != task.expected_transitions:
        raise DatasetError(
            f"The file of {task.task} gives {found:,} transitions, but {task.expected_transitions:,} are "
            "published: it is not the file that the task names."
        )
    statistics = return_statistics(filtered)
    for name, tolerance in STATISTICS_TOLERANCE.items():
        published = getattr(task, f"expected_return_{name}")
        if published is None:
            continue
        value = statistics[name]
        if value is None or _apart(value, published, tolerance):
            raise DatasetError(
                f"The file of {task.task} has episode returns with the {name} {value}, but {published:g} is "
                "published: it is not the file that the task names."
            )


def hash_record(task: Task, hashes: Path) -> Path:
    """Where the hash of a task's first file is recorded."""
    return hashes / f"{task.task}.json"


def recorded_hash(task: Task, hashes: Path) -> str | None:
    """The hash that was recorded when the task's file first came, or None.

    Raises:
        DatasetError: the record cannot be read.
    """
    path = hash_record(task, hashes)
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["sha256"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(
            f"The recorded hash of {task.task} cannot be read from {path} ({type(error).__name__}); "
            "delete that file only if the next file is to be trusted."
        ) from None


def check_recorded_hash(task: Task, hashes: Path, sha256: str) -> None:
    """The first file of a task without a published hash fixes the hash; every later one must have it.

    Raises:
        DatasetError: the file is another one.
    """
    if task.sha256 is not None:
        return
    before = recorded_hash(task, hashes)
    if before is None:
        write_json(hash_record(task, hashes), {"task": task.task, "sha256": sha256}, DatasetError)
    elif before != sha256:
        raise DatasetError(
            f"The file of {task.task} has the SHA-256 {sha256}, but the first one had {before} (recorded in "
            f"{hashes.name}/{task.task}.json); it is a different file."
        )
