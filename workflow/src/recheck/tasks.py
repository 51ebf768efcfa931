"""The tasks: ``workflow/config/tasks.csv``, one row each, checked against its schema."""

import csv
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from recheck import paths, schema
from recheck.errors import ConfigError

FILE = Path("workflow/config/tasks.csv")


def _typed(text: str, rule: Mapping[str, Any]) -> Any:
    """A cell as the schema's type wants it; an empty cell is None where the schema allows null."""
    kinds = rule.get("type", "string")
    kinds = [kinds] if isinstance(kinds, str) else kinds
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

    Raises ConfigError for a row that breaks the schema, a task named twice, or a `hyperparameters_like`
    that is no task.
    """
    path = root / FILE
    properties = schema.load(root, "tasks")["properties"]
    rows: dict[str, Mapping[str, Any]] = {}
    for line, cells in _rows(path):
        where = f"{FILE}, line {line}"
        row = {key: _typed(text or "", properties.get(key, {})) for key, text in cells.items()}
        schema.check(row, root, "tasks", where)
        name = row["task"]
        if name in rows:
            raise ConfigError(f"{where}: task '{name}' stands there twice; keep one.")
        rows[name] = MappingProxyType(row)
    for name, known in rows.items():
        like = known.get("hyperparameters_like")
        if like and like not in rows:
            raise ConfigError(
                f"{FILE}: task '{name}' takes hyperparameters like '{like}', which is no task; "
                f"known are {schema.listed(sorted(rows))}."
            )
    return MappingProxyType(rows)


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            for cells in reader:
                if None in cells or None in cells.values():
                    raise ConfigError(f"{FILE}, line {reader.line_num}: the row has another number of cells.")
                yield reader.line_num, cells
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist.") from None


def likes(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, str | None]:
    """task -> the task whose hyperparameters it takes, where it has none of its own."""
    return {name: row.get("hyperparameters_like") or None for name, row in rows.items()}


def local_file(row: Mapping[str, Any], root: Path, data_folder: str | None) -> str | None:
    """The path of a task's file on this machine, relative to the root; None where it is nowhere named.

    A file of the same name in ``data_folder`` comes before the row's own path.
    """
    path = row.get("path")
    if data_folder:
        names = [path] if path else str(row.get("urls") or "").split()
        for name in names:
            candidate = Path(data_folder) / name.rsplit("/", 1)[-1]
            if (root / candidate).is_file():
                return str(candidate)
    return path or None


def missing_file(row: Mapping[str, Any], root: Path, data_folder: str | None) -> str | None:
    """One sentence if the task's file has to be brought and is not there; None if the task can be run.

    A file that can be downloaded is never missing, nor is one whose rows are prepared already.
    """
    if row["source_kind"] != "hdf5" or row.get("urls"):
        return None
    path = local_file(row, root, data_folder)
    if path and (root / path).is_file():
        return None
    if all((root / paths.dataset(row["task"]) / name).is_file() for name in paths.DATASET_FILES):
        return None
    return (
        f"Task '{row['task']}' is left out: its file {path} is not there; put it there, or give the "
        "folder that "
        "holds it as data_folder=."
    )


def own_row(
    name: str, dataset: str, is_url: bool, sha256: str | None, like: str, reference: Mapping[str, Any]
) -> dict[str, Any]:
    """A row for a user's file: environment, horizon and reference scores from ``reference``, a row with
    the same environment."""
    row: dict[str, Any] = dict.fromkeys(reference)
    copied = (
        "suite",
        "observation_dim",
        "action_dim",
        "environment_id",
        "adapter",
        "environment_standing",
        "horizon",
        "reference_min_score",
        "reference_max_score",
        "action_clip",
        "fix_timeouts",
    )
    row.update({key: reference[key] for key in copied if key in reference})
    row.update(
        task=name,
        source_kind="hdf5",
        source="your file",
        urls=dataset if is_url else None,
        path=None if is_url else dataset,
        sha256=sha256.lower() if sha256 else None,
        sha256_source="given with the file" if sha256 else None,
        comparability="unverified",
        hyperparameters_like=like,
        notes=None
        if row["reference_min_score"] is not None
        else "No reference scores are known for this environment: raw returns are shown.",
    )
    return row
