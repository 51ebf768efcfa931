"""Training runs of others, seed by seed, in one form.

A source is one file ``<source>.csv`` of this folder and one line in ``sources.csv``; the columns are those of
``schemas/public_runs.schema.json``. ``docs/evidence.md`` says of each source what it is and what it may be
compared with. A source that cannot be used is refused whole, in one message that names the line.
"""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any

import pandas as pd
from recheck import schema
from recheck.errors import TablesError
from recheck.words import named

from paper_tables import frames, literature
from paper_tables.public_runs.checks import check_scores, check_seeds, check_tasks

FOLDER = Path(__file__).parent

THIS_REPOSITORY = "this repository"

_WHOLE = re.compile(r"-?[0-9]{1,15}")
_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]{1,2})?")

# Column of reference_runs -> of public_runs.
_REFERENCE_COLUMNS = {
    "method": "method",
    "task": "task",
    "seed": "seed",
    "update": "updates",
    "num_episodes": "episodes",
    "score_percent": "score_percent",
}


def read_sources(folder: Path = FOLDER) -> pd.DataFrame:
    """The sources, one row each, in the order of their lines.

    Raises:
        TablesError: the file is absent or a line breaks ``schemas/public_run_sources.schema.json``; the
            message names the line.
    """
    path = folder / "sources.csv"
    sources = _read_lines(path, "public_run_sources")
    documents = set(literature.documents())
    for line, row in enumerate(sources.to_dict("records"), start=2):
        if row["repository"] != THIS_REPOSITORY and not row["commit"]:
            raise TablesError(f"{path}, line {line}: 'commit' is empty; {row['repository']} needs one.")
        if row["printed_in"] and row["printed_in"] not in documents:
            raise TablesError(
                f"{path}, line {line}: 'printed_in' is '{row['printed_in']}', which is not a document of "
                f"{literature.FOLDER}; its documents are {', '.join(sorted(documents))}."
            )
    return sources


def read_source(source: pd.Series, folder: Path = FOLDER) -> pd.DataFrame:
    """The runs of one source, every row checked.

    Args:
        source: its row of `read_sources`.
        folder: of its file.

    Returns:
        Rows of the schema ``public_runs``, in the order of the file.

    Raises:
        TablesError: the header is another one, a value is not allowed, a task is not D4RL's (or is, where
            the source says that its data are others), a seed appears twice in a group, scores look like
            fractions or returns, or the number of rows is not the stated one. The message names the line.
    """
    if source["form"] == "reference_runs":
        path = literature.REFERENCE_RUNS
        table = _from_reference_runs(path)
    else:
        path = folder / f"{source['source']}.csv"
        table = _read_lines(path, "public_runs", columns_of_a_file())
    for column in frames.load_schema("public_runs")["x-of-the-source"]:
        table[column] = source[column]
    check_seeds(table, path)
    table = frames.check(table, "public_runs", str(path))
    check_tasks(table, str(source["datasets"]), path)
    check_scores(table, path)
    if len(table) != source["num_rows"]:
        raise TablesError(
            f"{path} has {len(table)} rows; {folder / 'sources.csv'} states {source['num_rows']} for "
            f"'{source['source']}'."
        )
    return table


def read_runs(folder: Path = FOLDER) -> pd.DataFrame:
    """The runs of all sources as one table of the schema ``public_runs``.

    Raises:
        TablesError: a source cannot be used, a file has no line in ``sources.csv`` or a line no file.
    """
    sources = read_sources(folder)
    named = {f"{name}.csv" for name in sources["source"]} | {"sources.csv"}
    strangers = sorted(path.name for path in folder.glob("*.csv") if path.name not in named)
    if strangers:
        raise TablesError(f"{folder / strangers[0]} has no line in {folder / 'sources.csv'}; add one.")
    return pd.concat([read_source(row, folder) for _, row in sources.iterrows()], ignore_index=True)


# --- Lines ---


def columns_of_a_file() -> list[str]:
    """The columns of a source's file: all of the schema that its line in ``sources.csv`` does not give."""
    of_the_source = frames.load_schema("public_runs")["x-of-the-source"]
    return [column for column in frames.columns("public_runs") if column not in of_the_source]


def _read_lines(path: Path, name: str, columns: list[str] | None = None) -> pd.DataFrame:
    """A CSV file, each value checked by its column's schema, with the line in the message.

    Args:
        path: of the file.
        name: of the schema.
        columns: header that the file must have, in this order; all columns of the schema by default.

    Returns:
        Text, with None for an empty cell and booleans as such, of the given columns.
    """
    columns = frames.columns(name) if columns is None else columns
    if not path.is_file():
        raise TablesError(f"There is no file {path}.")
    items = frames.load_schema(name)["items"]
    rows: list[dict[str, Any]] = []
    reader = csv.reader(io.StringIO(_text_of(path), newline=""), strict=True)
    try:
        header = next(reader, [])
        if header != columns:
            raise TablesError(f"{path}, line 1: {_wrong_header(header, columns)}")
        checks = [(column, items["properties"][column], column in items["required"]) for column in columns]
        known: dict[tuple[str, str], Any] = {}
        for cells in reader:
            if len(cells) != len(columns):
                raise TablesError(
                    f"{path}, line {reader.line_num}: {len(cells)} values; the header has {len(columns)}."
                )
            row = {}
            for (column, rule, required), text in zip(checks, cells, strict=True):
                if (column, text) not in known:
                    where = f"{path}, line {reader.line_num}: column '{column}'"
                    known[column, text] = _value(text, rule, required, where)
                row[column] = known[column, text]
            rows.append(row)
    except csv.Error as error:
        raise TablesError(f"{path}, line {reader.line_num}: this is not CSV ({error}).") from error
    if not rows:
        raise TablesError(f"{path} has a header and no rows.")
    table = pd.DataFrame(rows, columns=columns, dtype="object")
    return frames.check(table, name, str(path)) if columns == frames.columns(name) else table


def _text_of(path: Path) -> str:
    """The text of a UTF-8 file, without the mark that spreadsheets put in front."""
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise TablesError(f"{path}, line {line}: this is not UTF-8 text ({error.reason}).") from None


def _wrong_header(header: list[str], columns: list[str]) -> str:
    missing = [column for column in columns if column not in header]
    unknown = [column for column in header if column not in columns]
    kinds = (("missing", missing), ("unknown", unknown))
    parts = [f"{state}: {named('column', found)}" for state, found in kinds if found]
    what = "; ".join(parts) or "the columns are in another order"
    return f"{what}; the header is {','.join(columns)}."


def _value(text: str, rule: dict[str, Any], required: bool, where: str) -> Any:
    """One cell as its column's type."""
    types = schema.kinds(rule)
    if text == "":
        if required or "null" not in types:
            raise TablesError(f"{where} is empty; {schema.running(rule['description'])}.")
        return None
    if not text.isprintable() or text != text.strip():
        raise TablesError(
            f"{where} holds {text!r}; a value has no line breaks, no control characters and no blanks "
            "around it."
        )
    value: Any = text
    if "boolean" in types:
        value = {"true": True, "false": False}.get(text, text)
    elif "integer" in types:
        if not _WHOLE.fullmatch(text):
            raise TablesError(f"{where} holds '{text}'; a whole number in plain digits is required.")
        value = int(text)
    elif "number" in types:
        if not _DECIMAL.fullmatch(text):
            raise TablesError(f"{where} holds '{text}'; a finite number is required, with a decimal point.")
        value = float(text)
    schema.check(value, rule, where, TablesError)
    return value


def _from_reference_runs(path: Path) -> pd.DataFrame:
    """The finished runs of released code on this project's own files, in the columns of a source's file."""
    runs = literature.read_reference_runs(path)
    runs = runs[runs["kind"] == "final"].reset_index(drop=True)
    table = runs[list(_REFERENCE_COLUMNS)].rename(columns=_REFERENCE_COLUMNS)
    code = runs["code"].str.split("@")
    return table.assign(
        implementation=code.str[0],
        method_name=runs["method"],
        variant="default",
        settings="usual",
        selection="last",
        near_zero_checked=None,
        file=path.name,
        settings_note="commit " + code.str[1],
        note=None,
    )
