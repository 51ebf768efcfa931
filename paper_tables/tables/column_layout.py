"""How a paper's table lays out its columns: their order, headings and sources, and what a row has in each.

A layout (``layouts/<name>.yaml``) lists the columns under ``columns``. Each gives the table one column with
the document's reported numbers (`reported`), one with our scores (`ours`), or both next to each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from recheck.errors import TablesError

from paper_tables import literature
from paper_tables.rendering.table import Cell
from paper_tables.rendering.text import NOTHING, our_text, with_spread
from paper_tables.rendering.verdicts import verdict_marks


@dataclass(frozen=True)
class ColumnLayout:
    """The columns of one table, and what its cells are written from.

    Attributes:
        layout: as `read_layout` gives it.
        numbers: heading -> reported numbers of the column's tables; absent for a column of ours alone.
        by_place: (group, task, heading) -> cell.
    """

    layout: dict[str, Any]
    numbers: dict[str, pd.DataFrame]
    by_place: dict[tuple[str, str, str], dict[str, Any]]

    @property
    def listed(self) -> list[dict[str, Any]]:
        """The layout's columns, from left to right."""
        return list(self.layout["columns"])

    @property
    def decimals(self) -> int:
        """Digits after the point."""
        return int(self.layout["decimals"])

    @property
    def over_all(self) -> bool:
        """Whether bold, totals and marks take our columns in as they take the paper's."""
        result: bool = self.layout["bold"].get("over") == "all"
        return result

    def header(self) -> list[str]:
        """Task, then each column's reported numbers and ours."""
        names = ["Task"]
        for column in self.listed:
            if "reported" in column:
                names.append(column["heading"])
            if "ours" in column:
                names.append(f"{column['heading']} (ours)" if "reported" in column else column["heading"])
        return names

    def place(self, group: dict[str, Any], row: dict[str, Any], column: dict[str, Any]) -> dict[str, Any]:
        """The cell of a row and column."""
        return self.by_place[(group["name"], row["task"], column["heading"])]


def row_cells(columns: ColumnLayout, group: dict[str, Any], row: dict[str, Any]) -> list[Cell]:
    """The cells of one row, without its label."""
    pieces: list[tuple[float | None, Cell, tuple[float, ...]]] = []
    for column in columns.listed:
        cell = columns.place(group, row, column)
        if "reported" in column:
            pieces.append((cell["printed_mean"], _reported_cell(cell, columns.decimals), ()))
        if "ours" in column:
            scores = tuple(cell["our_scores_percent"])
            mean = float(np.mean(scores)) if scores and columns.over_all else None
            pieces.append((mean, _our_cell(cell, columns.decimals), scores))
    values = [value for value, _, _ in pieces]
    weights = bold_values(values, columns.layout["bold"])
    present = [value for value in values if value is not None and not np.isnan(value)]
    written = []
    for (value, text, scores), weight in zip(pieces, weights):
        near = columns.over_all and _reaches(value, scores, max(present, default=0.0))
        written.append(replace(text, bold=weight, marks=(*text.marks, *(("w",) if near else ()))))
    return written


def _reaches(mean: float | None, scores: Sequence[float], highest: float) -> bool:
    """Whether the 95% interval of a mean below the row's highest reaches it."""
    if mean is None or len(scores) < 2 or mean >= highest:
        return False
    from paper_tables.statistics.intervals import mean_interval

    return mean_interval(np.asarray(scores)).high >= highest


def _reported_cell(cell: dict[str, Any], decimals: int) -> Cell:
    if cell["printed_mean"] is None or pd.isna(cell["printed_mean"]):
        return Cell(NOTHING)
    marks = ("m",) if cell["confidence"] == "from_memory" else ()
    return Cell(with_spread(cell["printed_mean"], cell["printed_spread"], decimals), False, "", marks)


def _our_cell(cell: dict[str, Any], decimals: int) -> Cell:
    if not len(cell["our_scores_percent"]):
        return Cell(NOTHING)
    verdict = cell["verdict"] if isinstance(cell["verdict"], str) else ""
    marks = tuple(cell["marks"]) + (verdict_marks(cell) if verdict else ())
    return Cell(our_text(cell["our_scores_percent"], decimals), False, verdict, marks)


def bold_values(values: Sequence[float | None], rule: dict[str, Any]) -> list[bool]:
    """Which reported numbers of a row the paper's rule sets in bold."""
    present = [value for value in values if value is not None and not np.isnan(value)]
    if not present or rule["rule"] == "none":
        return [False] * len(values)
    highest = max(present)
    least = highest
    if rule["rule"] == "within_percent_of_highest":
        least = highest - abs(highest) * rule.get("percent", 5) / 100
    return [value is not None and not np.isnan(value) and value >= least - 1e-9 for value in values]


def reported_of_column(layout: dict[str, Any], column: dict[str, Any]) -> pd.DataFrame:
    """The reported numbers that a column is taken from: its own document's, or the layout's."""
    return _numbers(
        layout["name"],
        column.get("document", layout.get("document")),
        column.get("tables", layout.get("tables", [])),
    )


def documents_of(layout: dict[str, Any]) -> list[str]:
    """The documents that a layout's columns are taken from."""
    named = [
        column.get("document", layout.get("document")) for column in layout["columns"] if "reported" in column
    ]
    return list(dict.fromkeys(str(name) for name in named))


def _numbers(name: str, document: str | None, tables: list[str]) -> pd.DataFrame:
    if not document:
        raise TablesError(f"Layout {name}: a column has no document; give it to the column or the layout.")
    numbers = literature.read_document(document)
    unknown = sorted(set(tables) - set(numbers["table"]))
    if unknown:
        raise TablesError(
            f"Layout {name}: {document} has no table {', '.join(unknown)}; it has "
            f"{', '.join(sorted(set(numbers['table'])))}."
        )
    return numbers[numbers["table"].isin(tables)]


def reported_value(numbers: pd.DataFrame, method: str, suite: str, task: str) -> dict[str, Any] | None:
    """The row of one reported number; None where the table has none.

    Raises:
        TablesError: the table reports it more than once.
    """
    found = numbers[(numbers["method"] == method) & (numbers["task"] == task) & (numbers["suite"] == suite)]
    if len(found) > 1:
        raise TablesError(f"{method} on {task} is reported {len(found)} times in one table.")
    return None if found.empty else {str(key): value for key, value in found.iloc[0].items()}
