"""The tasks: ``workflow/config/tasks.csv``, one row each, checked against its schema."""

import csv
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from . import schema
from .errors import ConfigError

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


@lru_cache(maxsize=None)
def read(root: Path) -> Mapping[str, Mapping[str, Any]]:
    """All rows of tasks.csv by task name, typed as the schema says.

    Raises ConfigError for a row that breaks the schema, a task named twice, or a `hyperparameters_like` that is no
    task.
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
    for name, row in rows.items():
        like = row.get("hyperparameters_like")
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
