"""Numbers and texts out of the cells of a column; a cell that is not a number is refused with its place."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from recheck.errors import TablesError

from paper_tables.score_files.sources import DECIMAL_COMMA, clean

_THOUSANDS = re.compile(r"^[+-]?\d{1,3}(?:[,\u00a0\u202f '’_]\d{3})+(?:\.\d+)?$")
_SPREAD = re.compile(r"±|\+/-|\+-|\\pm")
_MINUS = "\u2212\u2013\u2010\u2011"


def to_texts(cells: Any) -> tuple[np.ndarray, list[str]]:
    """The texts of a column as numbers into a list of them; `''` where a cell is empty.

    Args:
        cells: an array of pyarrow of any type.

    Returns:
        Codes, one for each cell, and the distinct texts.
    """
    import pyarrow

    cells = _decoded(cells)
    if pyarrow.types.is_nested(cells.type):
        cells = _as_strings(cells)
    encoded = cells.dictionary_encode(null_encoding="encode")
    return encoded.indices.to_numpy(), [_text(value) for value in encoded.dictionary.to_pylist()]


def _decoded(cells: Any) -> Any:
    import pyarrow

    return cells.dictionary_decode() if isinstance(cells, pyarrow.DictionaryArray) else cells


def _as_strings(cells: Any) -> Any:
    """A column as strings; lists and other values that are not text are written as Python has them."""
    import pyarrow

    if pyarrow.types.is_string(cells.type) or pyarrow.types.is_large_string(cells.type):
        return cells.cast(pyarrow.string())
    return pyarrow.array([_text(value) for value in cells.to_pylist()], pyarrow.string())


def _text(value: object) -> str:
    # A column of whole numbers with gaps is one of floats in pandas, and its gaps are NaN.
    return "" if value is None or value != value else clean(str(value))


def to_numbers(cells: Any, place: Callable[[int], str], column: str = "") -> np.ndarray:
    """Numbers of a column; NaN where a cell is empty.

    Args:
        cells: an array of pyarrow of any type.
        place: the file and line of the n-th cell, for an error.
        column: its name.

    Raises:
        TablesError: a cell holds something else than a finite number; the message has the line.
    """
    import pyarrow
    from pyarrow import compute

    cells = _decoded(cells)
    kind = cells.type
    if pyarrow.types.is_integer(kind) or pyarrow.types.is_floating(kind):
        empty = cells.is_null()
        numbers = cells.cast(pyarrow.float64())
    else:
        text = compute.utf8_trim_whitespace(_as_strings(cells))
        empty = compute.fill_null(compute.equal(text, ""), True)
        filled = compute.if_else(empty, pyarrow.scalar(None, pyarrow.string()), text)
        try:
            numbers = filled.cast(pyarrow.float64())
        except pyarrow.ArrowInvalid:
            texts = pd.Series([clean(value or "") for value in text.to_pylist()], dtype=object)
            empty = pyarrow.array(texts == "")
            numbers = pyarrow.array(pd.to_numeric(texts, errors="coerce").to_numpy(dtype=float))
    found: np.ndarray = numbers.to_numpy(zero_copy_only=False)
    bad = ~np.isfinite(found) & ~empty.to_numpy(zero_copy_only=False)
    if bad.any():
        number = int(np.flatnonzero(bad)[0])
        text = clean(str(cells[number].as_py()))
        raise TablesError(f"{place(number)}, column '{column}': '{text}' {_reason(text)}.")
    return found


def _reason(text: str) -> str:
    if text.endswith("%"):
        return f"has a percent sign; write {text.rstrip('% ')}"
    if _THOUSANDS.match(text) and (text.count(",") != 1 or "." in text):
        return f"has signs between thousands; write {re.sub('[^0-9.+-]', '', text)}"
    if DECIMAL_COMMA.match(text):
        thousands = _THOUSANDS.match(text) and text.lstrip("+-")[0] != "0"
        other = f", or {text.replace(',', '')} where it is between thousands" if thousands else ""
        return f"has a decimal comma; write {text.replace(',', '.')}{other}"
    if _SPREAD.search(text):
        return "is a mean with its spread; a score is that of one seed"
    if text.lower().lstrip("+-") in ("nan", "inf", "infinity", "none", "null", "n/a", "na"):
        return "is not a finite number; leave the cell empty where a run is missing"
    if text[:1] in "=+@" or text.strip(f"-{_MINUS}—") == "":
        return "is not a number; write the number itself, and leave the cell empty where a run is missing"
    if text[:1] in _MINUS:
        return f"has a dash for a minus; write -{text[1:]}"
    return "is not a number; write it as 66.3 or 1e6, and leave the cell empty where a run is missing"
