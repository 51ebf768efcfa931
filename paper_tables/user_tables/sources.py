"""Which document a column of a user's table was copied from: the one whose numbers it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from paper_tables.audit.causes import CAUSES, Library, Mismatch, digits_changed
from paper_tables.audit.numbers import PrintedNumber, numbers_of

LEAST_SHARE = 0.5
"""A column that agrees with no document in this share of its cells was not copied as it is."""
NEARLY = 0.6
"""An original with this share of the best agreement goes before a copy of it that agrees more."""
LEAST_EXPLAINED, SHARE_EXPLAINED = 3, 0.75
"""So many cells, and such a share, that are a document's numbers in wrong places: a wrong copy."""
SAME_COLUMN = 0.6
"""A column headed as a document's, "(ours)" included, with this share of its numbers is its copy."""


@dataclass(frozen=True)
class Source:
    """The printed column that a user's column was copied from.

    Attributes:
        document: short name.
        selection: its selection rule.
        spread_kind: what its +/- means.
        seeds: its number of seeds, as printed.
        agreeing: cells that agree.
        compared: cells that both have.
    """

    document: str
    selection: str
    spread_kind: str
    seeds: str | None
    agreeing: int
    compared: int


@dataclass(frozen=True)
class _Column:
    """One column of a document, with how well it agrees with the user's."""

    rows: pd.DataFrame
    agreeing: int
    compared: int
    spreads: int

    @property
    def first(self) -> Any:
        return self.rows.iloc[0]

    @property
    def share(self) -> float:
        return self.agreeing / max(self.compared, 1)

    def source(self) -> Source:
        seeds = self.first["num_seeds"] if isinstance(self.first["num_seeds"], str) else None
        kinds = [kind for kind in self.rows["spread_kind"] if kind != "none"]
        return Source(
            str(self.first["document"]),
            str(self.first["selection"]),
            kinds[0] if kinds else "none",
            seeds,
            self.agreeing,
            self.compared,
        )


class Literature:
    """The cells of all documents, to look for a column in.

    Args:
        numbers: rows of the schema ``reported``.
    """

    def __init__(self, numbers: pd.DataFrame) -> None:
        self.cells = numbers[numbers["aggregate"] == "cell"]

    @cached_property
    def _library(self) -> Library:
        return Library(numbers_of(self.cells))

    def source_of(self, column: pd.DataFrame) -> Source | None:
        """The source of one column; None where it has the numbers of none.

        The column with most agreeing cells, an original before its copies; of equals the method's own
        authors. A cell agrees where the number printed with fewer decimals is a rounding of the other. Where
        no column agrees, the one whose numbers are in wrong places: other rows, columns, versions.

        Args:
            column: cells of one heading, rows of the schema ``reported``.
        """
        columns = self._columns(column)
        fitting = [item for item in columns if item.agreeing and item.share >= LEAST_SHARE]
        if fitting:
            most = max(item.agreeing for item in fitting)
            near = [item for item in fitting if item.agreeing >= NEARLY * most]
            return max(near, key=_rank).source()
        return self._misplaced(column, columns)

    def same_heading(self, column: pd.DataFrame) -> Source | None:
        """The document's column of this very heading, where nearly all numbers are equal."""
        heading = _plain(str(column["method"].iloc[0]))
        found = [
            item
            for item in self._columns(column)
            if _plain(str(item.first["method"])) == heading and item.share >= SAME_COLUMN
        ]
        return max(found, key=_rank).source() if found else None

    def of_document(self, column: pd.DataFrame, document: str) -> Source | None:
        """A document's column whose numbers these are but for mistakes that copying explains; else None.

        Args:
            column: cells of one heading, too few or too wrong to show their source by themselves.
            document: that most other columns of the table were copied from.
        """
        mine = {number.task: number for number in numbers_of(column)}
        for item in self._columns(column):
            theirs = {number.task: number for number in numbers_of(item.rows)}
            pairs = [(mine[task], theirs[task]) for task in mine if task in theirs]
            if item.first["document"] == document and len(pairs) == len(mine):
                slips = [digits_changed(Mismatch(*pair), self._library) for pair in pairs]
                explained = [self._is_explained(*pair) or slip for pair, slip in zip(pairs, slips)]
                if all(explained):
                    return item.source()
        return None

    def prints_both(self, first: Mapping[Any, Any], second: Mapping[Any, Any]) -> bool:
        """Whether one table of a document prints both numbers of a row, as the user's does."""
        row = self.cells[self.cells["task"] == first["task"]]
        places = [
            {
                (item["document"], item["table"])
                for item in row[row["method_key"] == number["method_key"]].to_dict("records")
                if cells_agree(item, number)
            }
            for number in (first, second)
        ]
        return bool(places[0] & places[1])

    def _columns(self, column: pd.DataFrame) -> list[_Column]:
        mine = {row["task"]: row for row in column.to_dict("records")}
        numbers = self.cells[self.cells["method_key"] == column["method_key"].iloc[0]]
        found = []
        for _, rows in numbers.groupby(["document", "table", "method", "selection"], sort=True):
            theirs = {row["task"]: row for row in rows.to_dict("records")}
            shared = [task for task in mine if task in theirs]
            agreeing = sum(cells_agree(mine[task], theirs[task]) for task in shared)
            spreads = sum(_same_spread(mine[task], theirs[task]) for task in shared)
            found.append(_Column(rows, agreeing, len(shared), spreads))
        return found

    def _misplaced(self, column: pd.DataFrame, columns: list[_Column]) -> Source | None:
        """The column whose numbers the user has in other places; None without one."""
        best: tuple[tuple[float, ...], _Column] | None = None
        mine = {number.task: number for number in numbers_of(column)}
        for item in columns:
            theirs = {number.task: number for number in numbers_of(item.rows)}
            shared = [task for task in mine if task in theirs]
            explained = sum(self._is_explained(mine[task], theirs[task]) for task in shared)
            enough = explained >= max(LEAST_EXPLAINED, SHARE_EXPLAINED * len(shared))
            rank = (float(explained), *_rank(item))
            if enough and (best is None or rank > best[0]):
                best = (rank, item)
        return None if best is None else best[1].source()

    def _is_explained(self, number: PrintedNumber, original: PrintedNumber) -> bool:
        mismatch = Mismatch(number, original)
        same = abs(number.score_percent - original.score_percent) < 1e-9
        return same or any(cause(mismatch, self._library) for cause in CAUSES if cause is not digits_changed)


def _rank(item: _Column) -> tuple[float, ...]:
    origin = item.first["origin"]
    superseded = "earlier version" in str(item.first["table"])
    place = {"own": 2.0, "rerun": 1.0}.get(origin, 0.0)
    # Of copies that agree as well the oldest.
    arxiv = item.first["arxiv"]
    age = -float(arxiv) if isinstance(arxiv, str) and arxiv.replace(".", "", 1).isdigit() else float("-inf")
    return (float(place > 0), item.agreeing, item.spreads, place, float(not superseded), item.compared, age)


def _plain(heading: str) -> str:
    return "".join(letter for letter in heading.lower() if letter.isalnum())


def cells_agree(one: Mapping[Any, Any], other: Mapping[Any, Any]) -> bool:
    """Whether two printed numbers are equal, or one is a rounding of the other to fewer decimals."""
    decimals = min(one["decimals"], other["decimals"])
    difference = abs(one["score_percent"] - other["score_percent"])
    return bool(difference <= 0.5 * 10.0**-decimals * (one["decimals"] != other["decimals"]) + 1e-9)


def _same_spread(one: Mapping[Any, Any], other: Mapping[Any, Any]) -> bool:
    first, second = one["spread_percent"], other["spread_percent"]
    if pd.isna(first) or pd.isna(second):
        return bool(pd.isna(first) and pd.isna(second))
    return bool(abs(first - second) < 1e-9)
