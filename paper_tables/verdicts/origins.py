"""Where a reported number was printed first: a copy is judged once, at its origin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

EPSILON = 1e-9
# Between the parts of a name.
SEPARATOR = " | "


class Origins:
    """The numbers of all documents, ready to look up the origin of a copy.

    A copied number's origin is the number of the same method on the same task and version that the document
    it names prints, or the method's own authors, if the two agree to the digits of the coarser one. A copy
    without such an origin, or with another value, is judged where it is.
    """

    def __init__(self, numbers: pd.DataFrame) -> None:
        """Index the numbers that were not copied.

        Args:
            numbers: reported numbers, all documents, in the columns of ``schemas/reported.schema.json``.
        """
        self._first: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for row in numbers[numbers["origin"] != "copied"].to_dict("records"):
            record = {str(name): value for name, value in row.items()}
            self._first.setdefault((str(row["method_key"]), str(row["task"])), []).append(record)

    def of(self, number: Mapping[str, Any]) -> dict[str, Any]:
        """The row of the number's origin; the number itself where it is not a copy or has none.

        Args:
            number: a row of the reported numbers.
        """
        itself = dict(number)
        if number["origin"] != "copied":
            return itself
        named = number["copied_from"]
        candidates = [
            other
            for other in self._first.get((str(number["method_key"]), str(number["task"])), [])
            if other["document"] != number["document"]
            and (other["document"] == named if isinstance(named, str) and named else other["origin"] == "own")
            and _agree(number, other)
        ]
        return candidates[0] if candidates else itself


def identity(number: Mapping[str, Any]) -> str:
    """A stable name of a reported number: document, table, method, task and selection rule."""
    parts = ("document", "table", "method", "task", "selection")
    return SEPARATOR.join(str(number[part]) for part in parts)


def printed_in(name: str) -> tuple[str, str]:
    """Document and table of a number, from its `identity`."""
    document, table, *_ = name.split(SEPARATOR)
    return document, table


def family(number: Mapping[str, Any]) -> str:
    """The numbers that are judged together: one document's for one method under one selection rule."""
    return SEPARATOR.join(str(number[part]) for part in ("document", "method", "selection"))


def _agree(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two printed numbers are the same to the digits of the coarser one."""
    decimals = int(min(one["decimals"], other["decimals"]))
    result: bool = (
        abs(float(one["score_percent"]) - float(other["score_percent"]))
        <= 0.5 * 10**-decimals * (one["decimals"] != other["decimals"]) + EPSILON
    )
    return result
