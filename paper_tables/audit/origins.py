"""Where a copied number comes from: the direction of every comparison between documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from paper_tables.audit.numbers import PrintedNumber, grouped_by, same_selection


@dataclass(frozen=True)
class Origin:
    """The number that a copy should equal.

    Attributes:
        numbers: printed places of the original; a copy that agrees with one of them is right.
        why: how the original is known: `stated`, `authors`, `earliest` or `commonest`.
    """

    numbers: tuple[PrintedNumber, ...]
    why: str

    @property
    def certainty(self) -> str:
        """How sure the direction is."""
        return {"stated": "certain", "authors": "likely", "earliest": "likely"}.get(self.why, "possible")


class Origins:
    """Finds the original of a copied number.

    The order: the document that the copy names; the method's own authors; the earliest other document that
    prints the number; where no year is known, the value that more than half of the places print. A document
    never is the original of one that came out before it.

    Args:
        numbers: all printed numbers.
        years: document -> year in which it came out; a document without a year counts as the newest.
    """

    def __init__(self, numbers: Sequence[PrintedNumber], years: Mapping[str, int | None]) -> None:
        self._years = years
        self._cells = grouped_by(numbers, "method_key", "suite", "aggregate", "task")

    def of(self, number: PrintedNumber) -> Origin | None:
        """The original of a copied number; None where nothing is known of it."""
        group = [
            other
            for other in self._cells[(number.method_key, number.suite, number.aggregate, number.task)]
            if other.document != number.document and same_selection(number, other)
        ]
        if number.copied_from:
            stated = [other for other in group if other.document == number.copied_from]
            current = [other for other in stated if not other.is_superseded]
            return Origin(tuple(current or stated), "stated") if stated else None
        own = [other for other in group if other.origin == "own"]
        if own:
            current = [other for other in own if not other.is_superseded]
            return Origin(tuple(current or own), "authors")
        copies = [other for other in group if other.origin == "copied"]
        return self._earliest(number, copies) or self._commonest(number, copies)

    def _year(self, document: str) -> float:
        year = self._years.get(document)
        return float("inf") if year is None else year

    def _earliest(self, number: PrintedNumber, copies: list[PrintedNumber]) -> Origin | None:
        if not copies:
            return None
        year = min(self._year(other.document) for other in copies)
        if year >= self._year(number.document):
            return None
        first = [other for other in copies if self._year(other.document) == year]
        return Origin(tuple(first), "earliest")

    def _commonest(self, number: PrintedNumber, copies: list[PrintedNumber]) -> Origin | None:
        """The value that a strict majority of undated places print."""
        if self._year(number.document) != float("inf"):
            return None
        undated = [other for other in copies if self._year(other.document) == float("inf")]
        counts = Counter(other.text for other in undated).most_common(1)
        # Of all places, this one included: two values that are printed equally often decide nothing.
        if not counts or 2 * counts[0][1] <= len(undated) + 1:
            return None
        return Origin(tuple(other for other in undated if other.text == counts[0][0]), "commonest")
