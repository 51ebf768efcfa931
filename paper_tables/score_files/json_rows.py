"""Rows out of JSON: one object a line, or a list of objects; nested objects become `outer/inner`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from recheck.errors import TablesError

from paper_tables.score_files.columns import NAMES, plain
from paper_tables.score_files.sources import BATCH_ROWS, Rows, no_text, open_text


def read_json_lines(path: Path) -> Rows:
    """One JSON object a line.

    Raises:
        TablesError: a line is not a JSON object, or there is none.
    """
    names: dict[str, None] = {}
    lines: list[int] = []
    for line, row in _lines(path):
        names |= dict.fromkeys(row)
        lines.append(line)
    if not lines:
        raise TablesError(f"{path} is empty; it needs one JSON object a line.")

    def batches(wanted: Sequence[str]) -> Iterator[Any]:
        return _batches((row for _, row in _lines(path)), wanted)

    return Rows(path, list(names), batches, "line", lines.__getitem__)


def rows_of_records(path: Path, records: Sequence[Mapping[str, Any]]) -> Rows:
    """A list of JSON objects, one row each."""
    names = list(dict.fromkeys(name for record in records for name in flat(record)))
    return Rows(path, names, lambda wanted: _batches(map(flat, records), wanted), "row")


def records_of_columns(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of a table that is stored by columns, as pandas writes JSON; empty where it is none.

    Args:
        content: column -> index -> value, column -> list, or `columns` and `data` (a list of rows).
    """
    if {"columns", "data"} <= set(content):
        names, rows = content["columns"], content["data"]
        lists = isinstance(names, list) and isinstance(rows, list)
        if lists and all(isinstance(row, list) and len(row) == len(names) for row in rows):
            return [dict(zip(map(str, names), row)) for row in rows]
        return []
    roles = {role for role, names in NAMES.items() for name in content if plain(str(name)) in names}
    if not roles & {"score", "return"} or not roles & {"task", "run"}:
        return []
    indices = [
        list(values) if isinstance(values, Mapping) else list(range(len(values)))
        for values in content.values()
        if isinstance(values, (Mapping, list))
    ]
    if len(indices) < len(content) or any(index != indices[0] for index in indices):
        return []
    return [{name: values[index] for name, values in content.items()} for index in indices[0]]


def _batches(rows: Iterable[Mapping[str, str]], names: Sequence[str]) -> Iterator[Any]:
    import pyarrow

    source = iter(rows)
    while chunk := list(islice(source, BATCH_ROWS)):
        columns = [pyarrow.array([row.get(name, "") for row in chunk], pyarrow.string()) for name in names]
        yield pyarrow.RecordBatch.from_arrays(columns, names=list(names))


def _lines(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with open_text(path) as stream:
            for number, line in enumerate(stream, 1):
                if line.strip():
                    yield number, _row(line, f"{path}, line {number}")
    except UnicodeError:
        raise no_text(path) from None
    except (OSError, EOFError) as error:
        raise TablesError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from None


def _row(line: str, where: str) -> dict[str, str]:
    try:
        content = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise TablesError(f"{where} is not valid JSON ({error}).") from None
    if not isinstance(content, dict):
        raise TablesError(f"{where} is not a JSON object; each line is one row.")
    return flat(content)


def flat(content: Mapping[str, Any], before: str = "") -> dict[str, str]:
    """A nested mapping as `outer/inner` -> text; null is an empty text."""
    found: dict[str, str] = {}
    for key, value in content.items():
        name = f"{before}{key}"
        if isinstance(value, Mapping):
            found |= flat(value, f"{name}/")
        else:
            found[name] = "" if value is None else str(value)
    return found
