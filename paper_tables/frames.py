"""Tables with a schema that is checked on every write and every read.

A schema is a JSON Schema file in ``paper_tables/schemas``: an array of row objects, one property per
column, units in the descriptions. Values are checked by ``recheck.schema``; because a column repeats few
values or is a number with bounds, it is enough to check the distinct values of a text column and the
two extremes of a numeric one, so that a table of a million rows costs no more than one of a hundred.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from recheck import checksums, files
from recheck import schema as json_schema
from recheck.errors import TablesError
from recheck.former_names import RENAMED_VALUES, VALUE_COLUMNS, current_columns
from recheck.words import ended, named

SCHEMA_FOLDER = Path(__file__).parent / "schemas"
_NUMBERS = ("integer", "number")


@cache
def load_schema(name: str) -> dict[str, Any]:
    """The schema ``<name>.schema.json``.

    Raises:
        TablesError: there is no such schema.
    """
    path = SCHEMA_FOLDER / f"{name}.schema.json"
    if not path.is_file():
        known = ", ".join(sorted(p.name.removesuffix(".schema.json") for p in SCHEMA_FOLDER.glob("*.json")))
        raise TablesError(f"There is no schema '{name}'; known are {known}.")
    schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return schema


def columns(name: str) -> list[str]:
    """The columns of a table in their order."""
    return list(load_schema(name)["items"]["properties"])


def with_current_names(table: pd.DataFrame) -> pd.DataFrame:
    """A table with today's names of its columns, selection rules and purposes of episodes."""
    table = table.rename(columns=current_columns(list(table.columns)))
    values = {column: table[column].replace(RENAMED_VALUES) for column in table if column in VALUE_COLUMNS}
    return table.assign(**values)


def row_number(which: np.ndarray | pd.Series) -> int:
    """The number of the first true row, counted from 1 as a person counts the rows below the header.

    Args:
        which: `[rows]` of truth values, at least one of them true.
    """
    return int(np.flatnonzero(np.asarray(which, dtype=bool))[0]) + 1


def _types(column: dict[str, Any]) -> tuple[str, bool]:
    """The one type of a column that is not null, and whether null is allowed."""
    types = column["type"] if isinstance(column["type"], list) else [column["type"]]
    named = [item for item in types if item != "null"]
    return named[0], "null" in types


def check(table: pd.DataFrame, name: str, where: str) -> pd.DataFrame:
    """Compare a table with its schema and give it the schema's column order and types.

    Args:
        table: [rows, columns].
        name: of the schema.
        where: what to call the table in an error, usually its path.

    Raises:
        TablesError: a column is missing or unknown, a value is not allowed, or two rows share a key.
    """
    schema = load_schema(name)
    properties: dict[str, Any] = schema["items"]["properties"]
    table = with_current_names(table)
    missing = [column for column in schema["items"].get("required", []) if column not in table.columns]
    if missing:
        raise TablesError(f"{where} lacks the {named('column', missing)} that the schema '{name}' requires.")
    unknown = [str(column) for column in table.columns if column not in properties]
    if unknown and not schema["items"].get("additionalProperties", True):
        raise TablesError(
            f"{where} has the unknown {named('column', unknown)}; the schema '{name}' knows "
            f"{', '.join(properties)}."
        )
    checked: dict[str, pd.Series] = {}
    for column, rule in properties.items():
        kind, nullable = _types(rule)
        if column in table.columns:
            values = table[column]
        else:
            values = pd.Series([None] * len(table), index=table.index, dtype="object")
        checked[column] = _check_column(values, column, rule, kind, nullable, where)
    result = pd.DataFrame(checked, index=table.index)
    for column in unknown:
        result[column] = table[column]
    key = schema.get("x-key")
    if key:
        repeated = result[result.duplicated(key, keep=False)]
        if len(repeated):
            row = ", ".join(f"{column} {repeated.iloc[0][column]}" for column in key)
            raise TablesError(f"{where} has more than one row for {row}; its key is {', '.join(key)}.")
    return result.reset_index(drop=True)


def _check_column(
    values: pd.Series, column: str, rule: dict[str, Any], kind: str, nullable: bool, where: str
) -> pd.Series:
    """One column as the schema's type, every value allowed."""
    absent = values.isna()
    if absent.any() and not nullable:
        raise TablesError(
            f"{where}, row {row_number(absent)}: column '{column}' is empty; a {kind} is required."
        )
    present = values[~absent]
    distinct: list[Any]
    if kind in _NUMBERS:
        numeric = pd.to_numeric(present, errors="coerce")
        bad = present[numeric.isna() | ~np.isfinite(numeric.astype("float64"))]
        if len(bad):
            row = row_number(values.index == bad.index[0])
            raise TablesError(
                f"{where}, row {row}: column '{column}' holds '{bad.iloc[0]}'; a finite {kind} is required."
            )
        if kind == "integer" and len(numeric) and (numeric % 1 != 0).any():
            worst = numeric[numeric % 1 != 0]
            row = row_number(values.index == worst.index[0])
            raise TablesError(
                f"{where}, row {row}: column '{column}' holds {worst.iloc[0]}; an integer is required."
            )
        convert = int if kind == "integer" else float
        distinct = [convert(numeric.min()), convert(numeric.max())] if len(numeric) else []
        if "enum" in rule:
            distinct = [convert(value) for value in numeric.unique()]
        result = pd.to_numeric(values, errors="coerce")
        result = result.astype(
            "Int64" if kind == "integer" and nullable else "float64" if kind == "number" else "int64"
        )
    elif kind == "boolean":
        distinct = [bool(value) for value in present.unique()]
        result = values.astype("boolean" if nullable else "bool")
    else:
        if pd.api.types.infer_dtype(present, skipna=False) not in ("string", "empty"):
            present = present.map(str)
        distinct = list(present.unique())
        result = present.astype("object").reindex(values.index)
        result = result.where(~absent, None)
    validator = json_schema.validator({**rule, "type": kind})
    for value in distinct:
        for fault in validator.iter_errors(value):
            raise TablesError(json_schema.message(fault, f"{where}: column '{column}'"))
    return result


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as dictionaries by column name."""
    return [{str(column): value for column, value in row.items()} for row in table.to_dict("records")]


def read_csv(path: Path, name: str) -> pd.DataFrame:
    """Read a CSV file and check it; text stays text (a task called ``nan`` is not missing).

    Raises:
        TablesError: the file is absent, is not a table, or breaks the schema.
    """
    if not path.is_file():
        raise TablesError(f"There is no file {path}.")
    properties = load_schema(name)["items"]["properties"]
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""], encoding="utf-8")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise TablesError(f"{path} cannot be read as a CSV table: {ended(error)}") from error
    for column in table.columns:
        rule = properties.get(column)
        if rule is not None and _types(rule)[0] == "boolean":
            table[column] = table[column].map({"true": True, "false": False}, na_action="ignore")
    return check(table, name, str(path))


def read_parquet(path: Path, name: str) -> pd.DataFrame:
    """Read a parquet file, compare it with its checksum if it has one, and check it against its schema.

    Raises:
        TablesError: the file is absent, is not parquet, is not what was written, or breaks the schema.
    """
    return check(read_plain_parquet(path), name, str(path))


def read_plain_parquet(path: Path, advice: str = "Bring the file back, or make it again.") -> pd.DataFrame:
    """Read a parquet file that has no schema here; columns and values have today's names.

    Args:
        path: the file, compared with its checksum if it has one.
        advice: what to do where it is not what was written.

    Raises:
        TablesError: the file is absent, is not parquet or is not what was written.
    """
    import pyarrow as arrow
    from pyarrow import parquet

    if not path.is_file():
        raise TablesError(f"There is no file {path}.")
    checksums.compare(path, advice, TablesError)
    try:
        # From memory and without threads: a thread of Arrow's that is still there when the interpreter ends
        # aborts the process now and then, after its work is done (apache/arrow#34314).
        file = parquet.ParquetFile(arrow.BufferReader(path.read_bytes()))
        table = file.read(use_threads=False).to_pandas(use_threads=False)
    except (arrow.ArrowInvalid, OSError) as error:
        raise TablesError(f"{path} cannot be read as a parquet file: {ended(error)}") from error
    return with_current_names(table)


def read_yaml(path: Path, name: str) -> Any:
    """Read a YAML file and check it against the schema ``name``.

    Raises:
        TablesError: the file is absent, is not YAML, names a key twice or breaks the schema.
    """
    content = json_schema.read_yaml(path, TablesError)
    json_schema.check(content, load_schema(name), str(path), TablesError)
    return content


def write_parquet(table: pd.DataFrame, path: Path, name: str) -> None:
    """Check a table and write it as parquet, whole or not at all.

    Raises:
        TablesError: the table breaks its schema or the path cannot be written; nothing is written.
    """
    checked = check(table, name, str(path))
    with files.atomic(path, TablesError) as temporary:
        checked.to_parquet(temporary, index=False)


def write_text(text: str, path: Path) -> None:
    """Write a text file whole or not at all.

    Raises:
        TablesError: the path cannot be written.
    """
    files.write_text(path, text, TablesError)
