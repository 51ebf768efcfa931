"""The tasks: ``workflow/config/tasks.csv``, one row each, and one task given as JSON.

A task is a dataset, where it comes from, and the environment in which its policies are evaluated. The schema
(``workflow/schemas/tasks.schema.json``) says what each column means; every row is checked against it. The
plan reads rows (`read`), commands take one task (`Task`).
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from recheck import paths, schema, shipped
from recheck.errors import ConfigError, DatasetError, RecheckError

FILE = Path("workflow/config/tasks.csv")
SCHEMA_FILE = shipped.ROOT / schema.SCHEMAS / "tasks.schema.json"
TASKS_FILE = shipped.ROOT / FILE
# The `source` of a row that a user's dataset= or datasets= makes.
OWN_SOURCE = "your data"
# Also understood in one task given as JSON.
_ALIASES = {"environment": "environment_id", "url": "urls"}


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
    environment_match: str = "none"
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


def task_from_mapping(content: Mapping[str, Any], where: str = "the task") -> Task:
    """A task from column names and values, as text (a CSV row) or typed (JSON).

    `url` and `environment` are understood for `urls` and `environment_id`; an empty value is the column's
    default.

    Raises:
        DatasetError: an unknown column, or a value that the schema does not allow.
    """
    rules = schema.read(SCHEMA_FILE)["properties"]
    values: dict[str, Any] = {}
    for given, value in content.items():
        name = _ALIASES.get(given, given)
        if name not in rules:
            raise DatasetError(f"{where} has no column {given!r}; it has {', '.join(rules)}.")
        if value is None or value == "" or value == []:
            continue
        values[name] = _converted(value, rules[name])
    for name in ("task", "source_kind"):
        if name not in values:
            raise DatasetError(f"{where} needs a value for {name}.")
    schema.check(values, {"type": "object", "properties": rules}, where, DatasetError)
    if "urls" in values:
        values["urls"] = tuple(values["urls"].split())
    for name, rule in rules.items():
        if name in values and "number" in schema.kinds(rule):
            values[name] = float(values[name])
    return Task(**values)


def _converted(value: Any, rule: Mapping[str, Any]) -> Any:
    """A cell or a JSON value as the schema's type wants it; what cannot be one stays as it is."""
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    if isinstance(value, float) and value.is_integer() and "integer" in schema.kinds(rule):
        return int(value)
    if isinstance(value, str) and rule.get("pattern") == "^[0-9a-f]{64}$":
        return value.lower()
    return _typed(value, rule) if isinstance(value, str) else value


def task_from_json(text: str) -> Task:
    """A task from JSON: a row of tasks.csv with overrides, or the path of a file with one.

    Raises:
        DatasetError: the text is not a JSON object, or no task.
    """
    if not text.lstrip().startswith("{") and Path(text).is_file():
        text = Path(text).read_text(encoding="utf-8")
    try:
        content = json.loads(text)
    except ValueError as error:
        raise DatasetError(f"The task is not valid JSON ({error}); give one row of tasks.csv.") from None
    if not isinstance(content, dict):
        raise DatasetError("The task is not a JSON object; give a row of tasks.csv.")
    return task_from_mapping(content)


def load_tasks(path: Path = TASKS_FILE) -> dict[str, Task]:
    """All tasks by name, in the order of the file.

    Raises:
        DatasetError: a row breaks the schema, or a task appears twice.
    """
    rows = _rows(path, schema.read(SCHEMA_FILE), DatasetError)
    return {name: task_from_mapping(row, path.name) for name, row in rows.items()}


def _typed(text: str, rule: Mapping[str, Any]) -> Any:
    """A cell as the schema's type wants it; an empty cell is None where the schema allows null."""
    kinds = schema.kinds(rule)
    if text == "":
        return None if "null" in kinds else ""
    if "integer" in kinds:
        try:
            return int(text)
        except ValueError:
            pass
    if "number" in kinds:
        try:
            return float(text)
        except ValueError:
            pass
    if "boolean" in kinds and text in ("true", "false"):
        return text == "true"
    return text


@cache
def read(root: Path) -> Mapping[str, Mapping[str, Any]]:
    """All rows of tasks.csv by task name, typed as the schema says.

    Raises:
        ConfigError: a row breaks the schema, a task appears twice, `hyperparameters_like` names no task.
    """
    rows = _rows(root / FILE, schema.load(root, "tasks"), ConfigError)
    for name, row in rows.items():
        like = row.get("hyperparameters_like")
        if like and like not in rows:
            raise ConfigError(
                f"{FILE}: task '{name}' takes hyperparameters like '{like}', which is not a task; "
                f"known are {schema.listed(sorted(rows))}."
            )
    return MappingProxyType(rows)


def _rows(path: Path, rules: Mapping[str, Any], error: type[RecheckError]) -> dict[str, Mapping[str, Any]]:
    """The checked rows of a table of tasks by name."""
    rows: dict[str, Mapping[str, Any]] = {}
    for line, cells in _cells(path, error):
        where = f"{path.name}, line {line}"
        row = {key: _typed(text or "", rules["properties"].get(key, {})) for key, text in cells.items()}
        schema.check(row, rules, where, error)
        if row["task"] in rows:
            raise error(f"{where}: the task {row['task']} appears twice; keep one.")
        rows[row["task"]] = MappingProxyType(row)
    return rows


def _cells(path: Path, error: type[RecheckError]) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            for cells in reader:
                if None in cells or None in cells.values():
                    raise error(
                        f"{path.name}, line {reader.line_num} has more or fewer cells than the header."
                    )
                yield reader.line_num, cells
    except FileNotFoundError:
        raise error(f"{path} does not exist.") from None
    except OSError as problem:
        raise error(f"{path} cannot be read: {problem.strerror}.") from None


def likes(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, str | None]:
    """Task -> the task whose hyperparameters it takes, where it has none of its own."""
    return {name: row.get("hyperparameters_like") or None for name, row in rows.items()}


def found_by_name(source: str | None, sha256: str | None) -> bool:
    """Whether a file of the right name may be taken for the task's.

    Own data are named by their path's content or their address. Another file of that name is another dataset,
    unless a given hash shows that it is the same.
    """
    return source != OWN_SOURCE or bool(sha256)


def local_file(row: Mapping[str, Any], root: Path, data_folder: str | None) -> str | None:
    """The path of a task's file on this machine, relative to the root; None where it is nowhere named.

    A file of the same name in ``data_folder`` comes before the row's own path, except for own data (see
    `found_by_name`).
    """
    path = row.get("path")
    if data_folder and found_by_name(row.get("source"), row.get("sha256")):
        names = [path] if path else str(row.get("urls") or "").split()
        for name in names:
            # The address of a server alone names no file: it is not the folder itself.
            last = name.rstrip("/").rsplit("/", 1)[-1]
            candidate = Path(data_folder) / last
            if last and (root / candidate).exists():
                return str(candidate)
    return path or None


def missing_file(row: Mapping[str, Any], root: Path, data_folder: str | None) -> str | None:
    """A message if the task's file has to be brought and is not there; None if the task can be run.

    A file that can be downloaded is never missing, nor is one whose rows are prepared already.
    """
    if row["source_kind"] != "hdf5" or row.get("urls"):
        return None
    path = local_file(row, root, data_folder)
    if path and (root / path).exists():
        return None
    if all((root / paths.dataset(row["task"]) / name).is_file() for name in paths.DATASET_FILES):
        return None
    return (
        f"Task '{row['task']}' is left out: its file {path} is not there; put it there, or give the "
        "folder that holds it as data_folder=."
    )
