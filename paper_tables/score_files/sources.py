"""The rows of a table in a file, in batches: CSV, TSV, Parquet. No file is read whole."""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from recheck.errors import TablesError
from recheck.words import ended

BATCH_BYTES = 1 << 22
"""Of a text file that are parsed at a time."""
BATCH_ROWS = 100_000
SNIFFED_ROWS = 20
"""First rows that are looked at for decimal commas where another sign separates the columns."""
DECIMAL_COMMA = re.compile(r"^[+-]?\d+,\d+$")
DELIMITERS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}
TEXT_SUFFIXES = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
# Signs without width that come with copied text: byte order marks, joiners, soft hyphens; control signs.
_INVISIBLE = dict.fromkeys(
    [*map(ord, "\ufeff\u200b\u200c\u200d\u2060\u00ad"), *range(9), *range(14, 32), 127]
)


@dataclass(frozen=True)
class Rows:
    """The rows of one file.

    Attributes:
        path: the file.
        names: its columns.
        batches: the named columns alone, as record batches of pyarrow; texts are not trimmed.
        unit: what a place counts: `line` or `row`.
        line_of: the line (or row) of the n-th row, counted from 0 over all batches.
    """

    path: Path
    names: list[str]
    batches: Callable[[Sequence[str]], Iterator[Any]]
    unit: str = "line"
    line_of: Callable[[int], int] = lambda number: number + 1


def suffix_of(path: Path) -> str:
    """The ending that says the format; that before `.gz`, which is read through."""
    suffixes = [ending.lower() for ending in path.suffixes]
    return suffixes[-2] if len(suffixes) > 1 and suffixes[-1] == ".gz" else (suffixes or [""])[-1]


def clean(text: str) -> str:
    """A text without white space around it and without signs that have no width."""
    return text.translate(_INVISIBLE).strip()


def read_text(path: Path, delimiter: str | None = None) -> Rows:
    """A CSV or TSV file, in UTF-8, or in UTF-16 with its byte order mark.

    Raises:
        TablesError: the file is empty, is not text, or its columns are separated by another sign.
    """
    sign = delimiter or TEXT_SUFFIXES.get(suffix_of(path), ",")
    header = _header(path, sign)

    def batches(names: Sequence[str]) -> Iterator[Any]:
        return _text_batches(path, sign, header, names)

    def line_of(number: int) -> int:
        return _line_of(path, sign, len(header), number)

    return Rows(path, header, batches, "line", line_of)


def open_text(path: Path) -> TextIO:
    """A text file to read, also one that is compressed with gzip.

    Raises:
        TablesError: it cannot be opened.
    """
    try:
        if path.suffix.lower() == ".gz":
            return gzip.open(path, "rt", encoding=_encoding(path), newline="")
        return path.open(encoding=_encoding(path), newline="")
    except OSError as error:
        raise TablesError(f"{path} cannot be read: {error.strerror or error}.") from None


def _encoding(path: Path) -> str:
    opened = gzip.open if path.suffix.lower() == ".gz" else open
    try:
        with opened(path, "rb") as stream:
            start = stream.read(2)
    except (OSError, EOFError) as error:
        raise TablesError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from None
    return "utf-16" if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"


def no_text(path: Path) -> TablesError:
    """The error about a file that is not text, with the first line that is none."""
    opened = gzip.open if path.suffix.lower() == ".gz" else open
    number = 0
    with opened(path, "rb") as stream:
        for line in stream:
            number += 1
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                break
    return TablesError(f"{path}, line {number} is not UTF-8 text; save the file as UTF-8.")


def _first_line(path: Path) -> str:
    try:
        with open_text(path) as stream:
            line = stream.readline()
    except UnicodeError:
        raise no_text(path) from None
    except (OSError, EOFError) as error:
        raise TablesError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from None
    if re.fullmatch(r"sep=.", clean(line)):
        raise TablesError(f"{path}, line 1 is Excel's '{clean(line)}'; delete this line.")
    if not clean(line):
        raise TablesError(f"{path} is empty, or its first line is; line 1 has the column names.")
    return line.rstrip("\r\n")


def _header(path: Path, sign: str) -> list[str]:
    line = _first_line(path)
    names = [clean(name) for name in next(csv.reader([line], delimiter=sign))]
    if len(names) == 1:
        others = [other for other in DELIMITERS if other != sign and line.count(other) > 0]
        if others and (comma := _decimal_comma(path, others[0])):
            raise TablesError(
                f"{path}, line 1: the columns are separated by {DELIMITERS[others[0]]}, not by "
                f"{DELIMITERS.get(sign, repr(sign))}, and line {comma[0]} has the decimal comma "
                f"'{comma[1]}'; save the file with commas between its columns and points in its numbers."
            )
        if others:
            raise TablesError(
                f"{path}, line 1: the columns are separated by {DELIMITERS[others[0]]}, not by "
                f"{DELIMITERS.get(sign, repr(sign))}; write a CSV file with commas, or give "
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


def _decimal_comma(path: Path, sign: str) -> tuple[int, str] | None:
    """Line and text of the first number with a decimal comma in the first lines; None without one."""
    if sign == ",":
        return None
    with contextlib.suppress(UnicodeError, csv.Error), open_text(path) as stream:
        rows = islice(csv.reader(stream, delimiter=sign), SNIFFED_ROWS)
        for number, cells in enumerate(rows, 1):
            found = next((clean(cell) for cell in cells if DECIMAL_COMMA.match(clean(cell))), None)
            if found:
                return number, found
    return None


def _is_blank(text: str, sign: str, width: int) -> bool:
    """Whether a row of another width than the header is an empty line."""
    return width > 1 and not clean(text.replace('"', "")) and sign not in text


def _text_batches(path: Path, sign: str, header: list[str], names: Sequence[str]) -> Iterator[Any]:
    import pyarrow
    from pyarrow import csv as arrow_csv

    def of_other_width(row: Any) -> str:
        return "skip" if _is_blank(str(row.text), sign, len(header)) else "error"

    places = [str(place) for place in range(len(header))]
    wanted = [places[header.index(name)] for name in names]
    encoding = _encoding(path)
    try:
        with (
            pyarrow.input_stream(str(path), compression="detect") as stream,
            arrow_csv.open_csv(
                stream,
                arrow_csv.ReadOptions(
                    use_threads=False,
                    block_size=BATCH_BYTES,
                    skip_rows=1,
                    # Numbers, since two columns of a file may have one name.
                    column_names=places,
                    encoding="utf-16" if encoding == "utf-16" else "utf8",
                ),
                arrow_csv.ParseOptions(
                    delimiter=sign, newlines_in_values=True, invalid_row_handler=of_other_width
                ),
                arrow_csv.ConvertOptions(
                    include_columns=wanted, column_types=dict.fromkeys(wanted, pyarrow.string())
                ),
            ) as reader,
        ):
            for batch in reader:
                yield batch.rename_columns(list(names))
    except pyarrow.ArrowInvalid as error:
        if "UTF8" in str(error):
            raise no_text(path) from None
        if "Empty CSV file" in str(error):
            return
        raise _unreadable(path, sign, len(header), str(error)) from None
    except UnicodeError:
        raise no_text(path) from None
    except (OSError, EOFError) as error:
        raise TablesError(f"{path} cannot be read: {' '.join(str(error).split())}.") from None


def _physical_rows(path: Path, sign: str, width: int) -> Iterator[tuple[int, int]]:
    """Line and number of cells of each row below the header, empty lines left out."""
    with open_text(path) as stream:
        reader = csv.reader(stream, delimiter=sign)
        next(reader, None)
        last = 1
        for cells in reader:
            first, last = last + 1, reader.line_num
            if cells and not (len(cells) != width and _is_blank("".join(cells), sign, width)):
                yield first, len(cells)


def _line_of(path: Path, sign: str, width: int, number: int) -> int:
    """The line of the n-th row; counted again, since lines may be empty and cells may hold line ends."""
    for place, (line, _) in enumerate(_physical_rows(path, sign, width)):
        if place == number:
            return line
    return number + 2


def _unreadable(path: Path, sign: str, width: int, reason: str) -> TablesError:
    """The error about the first row of another width than the header, or whatever else it is."""
    try:
        for line, cells in _physical_rows(path, sign, width):
            if cells != width:
                return TablesError(f"{path}, line {line} has {cells} cells; the header has {width}.")
    except (csv.Error, UnicodeError) as error:
        reason = str(error)
    return TablesError(f"{path} cannot be read as a table: {ended(reason)}")


def read_parquet(path: Path) -> Rows:
    """A Parquet file; a null is an empty cell, a NaN is a NaN.

    Raises:
        TablesError: it is not a Parquet file or has no row.
    """
    import pyarrow
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(path)
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise TablesError(f"{path} cannot be read as a Parquet file: {ended(error)}") from None
    if not file.metadata.num_rows:
        raise TablesError(f"{path} is empty; it holds no row.")
    # pandas stores its index as a column of this name.
    names = [str(name) for name in file.schema_arrow.names if not str(name).startswith("__index_level_")]
    return Rows(
        path,
        names,
        lambda wanted: file.iter_batches(BATCH_ROWS, columns=list(wanted), use_threads=False),
        "row",
    )
