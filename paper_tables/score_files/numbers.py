"""Numbers out of cells of text; what is none is refused with its place and what is allowed."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from recheck.errors import TablesError

_COMMA = re.compile(r"^[+-]?\d+,\d+$")
_SPREAD = re.compile(r"±|\+/-|\+-|\\pm")


def to_numbers(cells: pd.Series, where: str, unit: str = "line", column: str = "") -> np.ndarray:
    """Numbers of a column; NaN where a cell is empty.

    Args:
        cells: text, indexed by line.
        where: the file, for an error.
        unit: what the index counts.
        column: its name.

    Raises:
        TablesError: a cell holds something else than a finite number; the message has the line.
    """
    text = cells.str.strip()
    empty = text == ""
    numbers = pd.to_numeric(text.where(~empty), errors="coerce").to_numpy(dtype=float)
    bad = ~empty.to_numpy() & ~np.isfinite(numbers)
    if bad.any():
        place = int(np.flatnonzero(bad)[0])
        found = str(text.iloc[place])
        raise TablesError(
            f"{where}, {unit} {cells.index[place]}, column '{column}': '{found}' {_reason(found)}."
        )
    return numbers


def _reason(text: str) -> str:
    if text.endswith("%"):
        return f"has a percent sign; write {text.rstrip('% ')}"
    if _COMMA.match(text):
        return f"has a decimal comma; write {text.replace(',', '.')}"
    if _SPREAD.search(text):
        return "is a mean with its spread; a score is that of one seed"
    if text.lower().lstrip("+-") in ("nan", "inf", "infinity", "none", "null", "n/a", "na"):
        return "is no finite number; leave the cell empty where a run is missing"
    return "is no number"
