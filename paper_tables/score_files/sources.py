"""The rows of a file, in chunks of text: CSV, TSV, Parquet, JSON lines. No file is read whole."""

from __future__ import annotations

import csv
import gzip
import json
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import pandas as pd
from recheck.errors import TablesError

CHUNK_ROWS = 200_000
DELIMITERS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}
TEXT_SUFFIXES = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
_PARSER_LINE = re.compile(r"Expected (\d+) fields in line (\d+), saw (\d+)")


@dataclass(frozen=True)
class Rows:
    """The rows of one file.

    Attributes:
        path: the file.
        names: its columns.
        chunks: data frames of text, `''` where a cell is empty, with the index of the line (or row).
        unit: what an index counts: `line` or `row`.
    """

    path: Path
    names: list[str]
    chunks: Iterator[pd.DataFrame]
    unit: str = "line"

    def close(self) -> None:
        """Close the file, also where not all of it was read."""
        close = getattr(self.chunks, "close", None)
        if close is not None:
            close()


def suffix_of(path: Path) -> str:
    """The ending that says the format; that before `.gz`, which pandas reads through."""
    suffixes = [ending.lower() for ending in path.suffixes]
    return suffixes[-2] if len(suffixes) > 1 and suffixes[-1] == ".gz" else (suffixes or [""])[-1]


def read_text(path: Path, delimiter: str | None = None) -> Rows:
    """A CSV or TSV file.

    Raises:
        TablesError: the file is empty, is no text, or its columns are separated by another sign.
    """
    sign = delimiter or TEXT_SUFFIXES.get(suffix_of(path), ",")
    header = _header(path, sign)
    return Rows(path, header, _text_chunks(path, sign, len(header)))


def open_text(path: Path) -> TextIO:
    """A text file to read, also one that is compressed with gzip."""
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _first_line(path: Path) -> str:
    try:
        with open_text(path) as stream:
            line = stream.readline()
    except UnicodeDecodeError as error:
        raise TablesError(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}.") from None
    except OSError as error:
        raise TablesError(f"{path} cannot be read: {error.strerror or error}.") from None
    if not line.strip():
        raise TablesError(f"{path} is empty, or its first line is; line 1 has the column names.")
    return line.rstrip("\r\n")


def _header(path: Path, sign: str) -> list[str]:
    line = _first_line(path)
    names = [name.strip() for name in next(csv.reader([line], delimiter=sign))]
    if len(names) == 1:
        others = [other for other in DELIMITERS if other != sign and line.count(other) > 0]
        if others:
            raise TablesError(
                f"{path}, line 1: the columns are separated by {DELIMITERS[others[0]]}, not by "
                f"{DELIMITERS.get(sign, repr(sign))}; write a CSV file with commas, or say "
                f"delimiter={'tab' if others[0] == chr(9) else others[0]}."
            )
    values = [name for name in names if re.fullmatch(r"[+-]?\d+\.\d+(?:[eE][+-]?\d+)?", name)]
    if values:
        raise TablesError(
            f"{path}, line 1 holds the number {values[0]}; it needs the names of the columns, such as "
            "method,task,seed,score."
        )
    if any(not name for name in names[1:]):
        place = names.index("", 1) + 1
        raise TablesError(f"{path}, line 1: column {place} has no name.")
    return names


def _text_chunks(path: Path, sign: str, width: int) -> Iterator[pd.DataFrame]:
    counted = False
    try:
        with warnings.catch_warnings():
            # A row with more cells than the header would be cut with this warning.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            with pd.read_csv(
                path,
                sep=sign,
                dtype=str,
                keep_default_na=False,
                encoding="utf-8-sig",
                chunksize=CHUNK_ROWS,
                skip_blank_lines=False,
                index_col=False,
            ) as reader:
                for chunk in reader:
                    chunk.index = chunk.index + 2
                    chunk.columns = pd.Index([str(name).strip() for name in chunk.columns])
                    filled = chunk.fillna("")
                    if not counted and (filled.iloc[:, -1] == "").any():
                        # pandas fills rows that are cut short; an empty last cell may be one of them.
                        counted = True
                        _refuse_short_row(path, sign, width)
                    yield filled[~(filled == "").all(axis=1)]
    except pd.errors.ParserWarning:
        raise TablesError(_long_row(path, sign, width)) from None
    except pd.errors.ParserError as error:
        if match := _PARSER_LINE.search(str(error)):
            raise TablesError(
                f"{path}, line {match[2]} has {match[3]} cells; the header has {match[1]}."
            ) from None
        raise TablesError(f"{path} cannot be read as a table: {' '.join(str(error).split())}.") from None
    except UnicodeDecodeError as error:
        raise TablesError(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}.") from None


def _refuse_short_row(path: Path, sign: str, width: int) -> None:
    with open_text(path) as stream:
        for cells in (reader := csv.reader(stream, delimiter=sign)):
            if 0 < len(cells) < width and any(cells):
                raise TablesError(
                    f"{path}, line {reader.line_num} has {len(cells)} cells; the header has {width}."
                )


def _long_row(path: Path, sign: str, width: int) -> str:
    """The message about the first row with more cells than the header."""
    with open_text(path) as stream:
        for cells in (reader := csv.reader(stream, delimiter=sign)):
            if len(cells) > width:
                break
    return f"{path}, line {reader.line_num} has {len(cells)} cells; the header has {width}."


def read_parquet(path: Path) -> Rows:
    """A Parquet file; a null is an empty cell, a NaN is a NaN.

    Raises:
        TablesError: it is no Parquet file or has no row.
    """
    import pyarrow
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(path)
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise TablesError(f"{path} cannot be read as a Parquet file: {error}.") from None
    if not file.metadata.num_rows:
        raise TablesError(f"{path} is empty; it holds no row.")

    def chunks() -> Iterator[pd.DataFrame]:
        start = 1
        for batch in file.iter_batches(CHUNK_ROWS):
            texts = {}
            for name, column in zip(batch.schema.names, batch.columns):
                found = pd.Series(column.to_pandas(), dtype="object")
                found = found.map(str)
                texts[str(name)] = found.where(~pd.Series(column.is_null().to_pandas()), "")
            chunk = pd.DataFrame(texts)
            chunk.index = pd.RangeIndex(start, start + len(chunk))
            start += len(chunk)
            yield chunk

    # pandas stores its index as a column of this name.
    names = [str(name) for name in file.schema_arrow.names if not str(name).startswith("__index_level_")]
    return Rows(path, names, chunks(), "row")


def read_json_lines(path: Path) -> Rows:
    """One JSON object a line; nested objects become `outer/inner`.

    Raises:
        TablesError: a line is no JSON object, or there is none.
    """
    names: dict[str, None] = {}
    chunks: list[pd.DataFrame] = []
    rows: list[dict[str, str]] = []
    lines: list[int] = []

    def flush() -> None:
        if rows:
            chunks.append(pd.DataFrame(rows, index=lines).fillna(""))
            rows.clear()
            lines.clear()

    try:
        with open_text(path) as stream:
            for number, line in enumerate(stream, 1):
                if not line.strip():
                    continue
                row = _json_row(line, f"{path}, line {number}")
                names |= dict.fromkeys(row)
                rows.append(row)
                lines.append(number)
                if len(rows) >= CHUNK_ROWS:
                    flush()
    except UnicodeDecodeError as error:
        raise TablesError(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}.") from None
    except OSError as error:
        raise TablesError(f"{path} cannot be read: {error.strerror or error}.") from None
    flush()
    if not chunks:
        raise TablesError(f"{path} is empty; it needs one JSON object a line.")
    listed = list(names)
    return Rows(path, listed, (chunk.reindex(columns=listed, fill_value="") for chunk in chunks))


def _json_row(line: str, where: str) -> dict[str, str]:
    try:
        content = json.loads(line)
    except ValueError as error:
        raise TablesError(f"{where} is no JSON ({error}).") from None
    if not isinstance(content, dict):
        raise TablesError(f"{where} is no JSON object; each line is one row.")
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


def rows_of_records(path: Path, records: list[Mapping[str, Any]]) -> Rows:
    """A list of JSON objects, one row each."""
    rows = [flat(record) for record in records]
    names = list(dict.fromkeys(name for row in rows for name in row))
    chunk = pd.DataFrame(rows, columns=names, index=pd.RangeIndex(1, len(rows) + 1)).fillna("")
    return Rows(path, names, iter([chunk]), "row")
