"""The tasks of workflow/config/tasks.csv, and one task given as JSON.

A task is a dataset, where it comes from, and the environment in which its policies are evaluated. The
schema (workflow/schemas/tasks.schema.json) says what each column means.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from recheck.errors import DatasetError

TASKS_FILE = Path(__file__).resolve().parents[1] / "workflow" / "config" / "tasks.csv"
SOURCE_KINDS = ("hdf5", "minari", "recollected")
COMPARABILITIES = ("original", "recollected", "toy", "unverified")
STANDINGS = ("adapted", "none", "same")
# Which flags end an episode where a file leaves it open, and where a row's next state comes from.
ENDS = ("d4rl", "horizon", "terminal", "timeout")
NEXT_OBSERVATIONS = ("file", "following")


@dataclass(frozen=True)
class Task:
    """One row of tasks.csv; None where the cell is empty. Returns are raw, lengths are steps."""

    task: str
    source_kind: str
    suite: str = ""
    source: str = ""
    urls: tuple[str, ...] = ()
    path: str | None = None
    sha256: str | None = None
    sha256_source: str | None = None
    size_bytes: int | None = None
    expected_transitions: int | None = None
    expected_return_mean: float | None = None
    expected_return_std: float | None = None
    expected_return_min: float | None = None
    expected_return_max: float | None = None
    observation_dim: int | None = None
    action_dim: int | None = None
    environment_id: str | None = None
    adapter: str = "none"
    environment_standing: str = "none"
    horizon: int | None = None
    reference_min_score: float | None = None
    reference_max_score: float | None = None
    comparability: str = "unverified"
    hyperparameters_like: str | None = None
    action_clip: float | None = None
    fix_timeouts: bool = False
    recollect_transitions: int | None = None
    recollect_seed: int | None = None
    ends: str | None = None
    next_observations: str | None = None
    notes: str | None = None

    @property
    def adapter_name(self) -> str:
        """The adapter without its options."""
        return self.adapter.partition(":")[0]


_WORDS = {"str", "str | None"}
_INTEGERS = {"int | None"}
_NUMBERS = {"float | None"}
_ALIASES = {"environment": "environment_id", "url": "urls"}


def task_from_mapping(content: Mapping[str, Any], where: str = "the task") -> Task:
    """A task from column names and values, as text (a CSV row) or typed (JSON).

    `url` and `environment` are understood for `urls` and `environment_id`; an empty value is the column's
    default. Raises DatasetError for an unknown column or a value of another kind.
    """
    known = {field.name: str(field.type) for field in fields(Task)}
    values: dict[str, Any] = {}
    for given, value in content.items():
        name = _ALIASES.get(given, given)
        if name not in known:
            raise DatasetError(f"{where} has no column {given!r}; it has {', '.join(known)}.")
        if value is None or value == "":
            continue
        try:
            values[name] = _convert(name, value, known[name])
        except (TypeError, ValueError):
            raise DatasetError(f"{where}: {name} cannot be {value!r}.") from None
    for name in ("task", "source_kind"):
        if name not in values:
            raise DatasetError(f"{where} needs a value for {name}.")
    task = Task(**values)
    for name, allowed in (
        ("source_kind", SOURCE_KINDS),
        ("comparability", COMPARABILITIES),
        ("environment_standing", STANDINGS),
        ("ends", (None, *ENDS)),
        ("next_observations", (None, *NEXT_OBSERVATIONS)),
    ):
        if getattr(task, name) not in allowed:
            raise DatasetError(
                f"{where}: {name} cannot be {getattr(task, name)!r}; allowed are "
                f"{', '.join(value for value in allowed if value)}."
            )
    return task


def _convert(name: str, value: Any, kind: str) -> Any:
    if name == "urls":
        return tuple(value.split()) if isinstance(value, str) else tuple(str(url) for url in value)
    if name == "fix_timeouts":
        if value not in (True, False, "true", "false"):
            raise ValueError
        return value in (True, "true")
    if kind in _INTEGERS:
        if isinstance(value, float) and not value.is_integer():
            raise ValueError
        return int(value)
    if kind in _NUMBERS:
        return float(value)
    if kind in _WORDS and not isinstance(value, str):
        raise TypeError
    return value.lower() if name == "sha256" else value


def task_from_json(text: str) -> Task:
    """A task from JSON: a row of tasks.csv with overrides, or the path of a file with one.

    Raises DatasetError.
    """
    if not text.lstrip().startswith("{") and Path(text).is_file():
        text = Path(text).read_text(encoding="utf-8")
    try:
        content = json.loads(text)
    except ValueError as error:
        raise DatasetError(f"The task is no JSON ({error}); give one object, a row of tasks.csv.") from None
    if not isinstance(content, dict):
        raise DatasetError("The task is no JSON object; give a row of tasks.csv.")
    return task_from_mapping(content)


def load_tasks(path: Path = TASKS_FILE) -> dict[str, Task]:
    """All tasks by name, in the order of the file. Raises DatasetError, for an id given twice too."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}.") from None
    tasks: dict[str, Task] = {}
    for number, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise DatasetError(f"{path.name}, line {number} has another number of cells than the header.")
        task = task_from_mapping(row, f"{path.name}, line {number}")
        if task.task in tasks:
            raise DatasetError(
                f"{path.name}, line {number}: the task {task.task} stands there twice; keep one."
            )
        tasks[task.task] = task
    return tasks
