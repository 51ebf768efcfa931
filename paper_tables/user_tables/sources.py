"""Which document a column of a user's table was copied from: the one whose numbers it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

LEAST_SHARE = 0.5
"""A column that agrees with no document in this share of its cells is taken for the user's own runs."""


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


def source_of(column: pd.DataFrame, numbers: pd.DataFrame) -> Source | None:
    """The source of one column; None where it agrees with none.

    The column with most agreeing cells; of equals the method's own authors, then the one that shares most
    cells. A cell agrees where the number printed with fewer decimals is a rounding of the other.

    Args:
        column: cells of one heading, rows of the schema ``reported``.
        numbers: cells of all documents, of the same method.
    """
    best: tuple[tuple[float, ...], Source] | None = None
    mine = {row["task"]: row for row in column.to_dict("records")}
    keys = ["document", "table", "method", "selection"]
    for (document, _, _, selection), rows in numbers.groupby(keys, sort=True):
        theirs = {row["task"]: row for row in rows.to_dict("records")}
        shared = [task for task in mine if task in theirs]
        if not shared:
            continue
        agreeing = sum(_agree(mine[task], theirs[task]) for task in shared)
        spreads = sum(_same_spread(mine[task], theirs[task]) for task in shared)
        first = rows.iloc[0]
        rank = (agreeing, spreads, first["origin"] == "own", first["origin"] == "rerun", len(shared))
        if best is None or rank > best[0]:
            seeds = first["num_seeds"] if isinstance(first["num_seeds"], str) else None
            kinds = [kind for kind in rows["spread_kind"] if kind != "none"]
            kind = kinds[0] if kinds else "none"
            found = Source(str(document), str(selection), kind, seeds, agreeing, len(shared))
            best = (tuple(float(part) for part in rank), found)
    if best is None or best[1].agreeing < LEAST_SHARE * best[1].compared:
        return None
    return best[1]


def _agree(one: Mapping[Any, Any], other: Mapping[Any, Any]) -> bool:
    decimals = min(one["decimals"], other["decimals"])
    difference = abs(one["score_percent"] - other["score_percent"])
    return bool(difference <= 0.5 * 10.0**-decimals * (one["decimals"] != other["decimals"]) + 1e-9)


def _same_spread(one: Mapping[Any, Any], other: Mapping[Any, Any]) -> bool:
    first, second = one["spread_percent"], other["spread_percent"]
    if pd.isna(first) or pd.isna(second):
        return bool(pd.isna(first) and pd.isna(second))
    return bool(abs(first - second) < 1e-9)
