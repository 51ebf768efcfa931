"""Rules: copied numbers against their originals. One error is one finding, about the copy."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from statistics import median

from paper_tables.audit.causes import (
    CAUSES,
    Cause,
    Library,
    Mismatch,
    another_row,
    another_version,
    equal_spreads,
    is_multiple,
    ratio_meaning,
)
from paper_tables.audit.numbers import (
    Finding,
    PrintedNumber,
    agree,
    grouped_by,
    places_of,
    read_in,
)
from paper_tables.audit.origins import Origins

# So many copied numbers of one column, none of them the original's, are one error: another column.
LEAST_WRONG_COLUMN = 3


class Copies:
    """The copied numbers that are not their originals, and what each is a copy of.

    Args:
        numbers: all printed numbers.
        years: document -> year in which it came out.
        followed: documents whose numbers are compared with the original of what they copied, where that is a
            wrong copy itself: a known wrong number clears nothing.
    """

    def __init__(
        self,
        numbers: Sequence[PrintedNumber],
        years: Mapping[str, int | None],
        followed: Set[str] = frozenset(),
    ) -> None:
        self.numbers = numbers
        self._origins = Origins(numbers, years)
        self._library = Library(numbers)
        self.wrong: dict[PrintedNumber, Mismatch] = {}
        self._certainty: dict[PrintedNumber, str] = {}
        self._right: dict[PrintedNumber, PrintedNumber] = {}
        for number in numbers:
            if number.origin == "copied":
                self._compare(number)
        for number, taken in list(self._right.items()):
            if number.document in followed and taken in self.wrong:
                self.wrong[number] = Mismatch(number, self.wrong[taken].original)
                self._certainty[number] = self._certainty[taken]
                del self._right[number]

    def _compare(self, number: PrintedNumber) -> None:
        origin = self._origins.of(number)
        if origin is None:
            self._look_in_other_versions(number)
            return
        equal = [other for other in origin.numbers if agree(number, other)]
        if equal:
            self._right[number] = equal[0]
            return
        nearest = min(
            origin.numbers,
            key=lambda other: (abs(other.score_percent - number.score_percent), other.place, other.method),
        )
        self.wrong[number] = Mismatch(number, nearest)
        self._certainty[number] = origin.certainty

    def _look_in_other_versions(self, number: PrintedNumber) -> None:
        """A copy whose original is unknown here, and which equals the authors' number of another version."""
        same_cell = self._library.cells[(number.suite, number.aggregate, number.task)]
        if any(
            other.method_key == number.method_key
            and other.origin != "copied"
            and other.document != number.document
            and agree(number, other)
            for other in same_cell
        ):
            return
        cause = another_version(Mismatch(number, number), self._library)
        if cause and cause.place:
            self.wrong[number] = Mismatch(number, cause.place)
            self._certainty[number] = "likely"

    def corrected(self, number: PrintedNumber) -> PrintedNumber:
        """The number that should be printed: the original of a wrong copy, else the number itself."""
        return self.wrong[number].original if number in self.wrong else number

    def findings(self) -> Iterator[Finding]:
        """One finding for each error in a copied column."""
        cells = {number: found for number, found in self.wrong.items() if number.aggregate == "cell"}
        of_column: dict[tuple[str, ...], list[Mismatch]] = defaultdict(list)
        for number, mismatch in cells.items():
            of_column[number.column].append(mismatch)
        yield from self._exchanged_over_suites(of_column)
        for column, mismatches in sorted(of_column.items()):
            yield from self._column(mismatches, self._copied_cells(column))
        wrong_columns = {number.column[:3] for number in cells}
        for number, mismatch in self.wrong.items():
            # A total over a wrong row is wrong because of the row; that error is reported already.
            if number.aggregate != "cell" and number.column[:3] not in wrong_columns:
                yield self._finding([mismatch], self._first_cause(mismatch))
        yield from self._spreads()

    def _exchanged_over_suites(self, of_column: dict[tuple[str, ...], list[Mismatch]]) -> Iterator[Finding]:
        """Pairs of numbers that changed places between suites; they are taken out of their columns."""
        of_table: dict[tuple[str, ...], list[Mismatch]] = defaultdict(list)
        for column, mismatches in sorted(of_column.items()):
            of_table[column[:3]] += mismatches
        for mismatches in of_table.values():
            for one, other in itertools.combinations(mismatches, 2):
                cause = _exchanged(one, other)
                if cause and one.number.column != other.number.column:
                    yield self._finding([one, other], cause)
                    for mismatch in (one, other):
                        of_column[mismatch.number.column].remove(mismatch)

    def _copied_cells(self, column: tuple[str, ...]) -> int:
        return sum(
            number.column == column and number.aggregate == "cell" and number in (self._right | self.wrong)
            for number in self.numbers
        )

    def _column(self, mismatches: list[Mismatch], num_copied: int) -> Iterator[Finding]:
        """The errors of one column: a cause that explains several numbers first."""
        left = sorted(mismatches, key=lambda mismatch: (mismatch.number.task, mismatch.number.text))
        exchanged = {
            one.number: cause
            for one, other in itertools.permutations(left, 2)
            if (cause := _exchanged(one, other))
        }
        while left:
            groups: dict[tuple[int, str, str], list[tuple[Mismatch, Cause]]] = defaultdict(list)
            for mismatch in left:
                if mismatch.number in exchanged and not another_row(mismatch, self._library):
                    cause = exchanged[mismatch.number]
                    groups[(CAUSES.index(another_row), cause.rule, cause.group)].append((mismatch, cause))
                for rank, cause_of in enumerate(CAUSES):
                    cause = cause_of(mismatch, self._library)
                    if cause:
                        groups[(rank, cause.rule, cause.group)].append((mismatch, cause))
            if not groups:
                break
            key = min(groups, key=lambda name: (-len(groups[name]), name))
            explained = [mismatch for mismatch, _ in groups[key]]
            yield self._finding(explained, groups[key][0][1])
            left = [mismatch for mismatch in left if mismatch not in explained]
        if len(left) >= LEAST_WRONG_COLUMN and len(left) == num_copied:
            text = f"none of its {len(left)} numbers is the original's"
            yield self._finding(left, Cause("column_is_not_the_original", None, "", text))
            return
        for mismatch in left:
            yield self._finding([mismatch], Cause("copy_differs", None, "", "no cause is found"))

    def _first_cause(self, mismatch: Mismatch) -> Cause:
        causes = (cause_of(mismatch, self._library) for cause_of in CAUSES)
        return next(
            (cause for cause in causes if cause), Cause("copy_differs", None, "", "no cause is found")
        )

    def _finding(self, mismatches: Sequence[Mismatch], cause: Cause) -> Finding:
        first = mismatches[0]
        number, original = first.number, first.original
        others = [
            other
            for other in self.wrong
            if other.document != number.document
            and (other.method_key, other.task, other.aggregate)
            == (number.method_key, number.task, number.aggregate)
            and agree(other, number)
        ]
        repeated = f" It is repeated by {places_of(others)}, which is no evidence for it." if others else ""
        more = f" and {len(mismatches) - 1} more" if len(mismatches) > 1 else ""
        compared = [mismatch.original for mismatch in mismatches]
        place = cause.place if cause.place != original else None
        taken = f"; {place.place} ({place.method})" if place else ""
        return number.finding(
            cause.rule,
            # A copy of an earlier version was right when it was made.
            "doubt" if cause.rule == "copied_from_an_earlier_version" else "contradiction",
            f"{number.method} on {number.task}{more}: {number.text} here, {original.text} in "
            f"{original.place} ({original.method}); {cause.text}.{repeated}",
            task=", ".join(mismatch.number.task for mismatch in mismatches),
            value=", ".join(mismatch.number.text for mismatch in mismatches),
            other_source=f"{places_of(compared)}{taken}",
            other_value=", ".join(other.text for other in compared),
            read_in=read_in(number, original),
            certainty=self._certainty[number],
        )

    # --- Spreads of numbers whose mean is right ---

    def _spreads(self) -> Iterator[Finding]:
        pairs = {
            number: original
            for number, original in self._right.items()
            if number.aggregate == "cell"
            and number.spread_percent is not None
            and original.spread_percent is not None
            and not equal_spreads(number.spread_percent, original.spread_percent)
        }
        columns = grouped_by(pairs, "document", "table", "method")
        for _, group in sorted(columns.items()):
            yield from self._spread_column(group, pairs)

    def _spread_column(
        self, group: list[PrintedNumber], pairs: Mapping[PrintedNumber, PrintedNumber]
    ) -> Iterator[Finding]:
        group = sorted(group, key=lambda number: number.task)
        of_original = {number: _spread(pairs[number]) for number in group}
        scaled = {
            number: _spread(number) / value
            for number, value in of_original.items()
            if value and _spread(number)
        }
        usual = median(scaled.values()) if len(scaled) > 1 else None
        alike = [
            number for number in group if usual and is_multiple(_spread(number), of_original[number], usual)
        ]
        if usual and len(alike) > 1:
            meaning = ratio_meaning(usual, _seeds(pairs[alike[0]])) or f"{usual:.2f} times the original"
            yield self._spread_finding(alike, pairs, "spread_of_another_kind", f"it is {meaning}")
            group = [number for number in group if number not in alike]
        exchanged = [
            number
            for number in group
            if any(
                equal_spreads(_spread(number), of_original[other]) for other in group if other is not number
            )
        ]
        if len(exchanged) > 1:
            yield self._spread_finding(exchanged, pairs, "spread_of_another_row", "rows are exchanged")
            group = [number for number in group if number not in exchanged]
        for number in group:
            ratio = scaled.get(number)
            likely = ratio_meaning(ratio, _seeds(pairs[number])) if ratio else None
            text = f"it is {likely}" if likely else "no cause is found"
            yield self._spread_finding([number], pairs, "spread_differs", text)

    @staticmethod
    def _spread_finding(
        group: Sequence[PrintedNumber],
        pairs: Mapping[PrintedNumber, PrintedNumber],
        rule: str,
        text: str,
    ) -> Finding:
        number, original = group[0], pairs[group[0]]
        more = f" and {len(group) - 1} more" if len(group) > 1 else ""
        return number.finding(
            rule,
            "contradiction",
            f"The spread of {number.method} on {number.task}{more} is {_spread(number):g} here and "
            f"{_spread(original):g} in {original.place}: {text}.",
            task=", ".join(item.task for item in group),
            value=", ".join(f"{item.text} +/- {_spread(item):g}" for item in group),
            other_source=places_of(pairs[item] for item in group),
            other_value=", ".join(f"{pairs[item].text} +/- {_spread(pairs[item]):g}" for item in group),
            read_in=read_in(number, original),
            certainty="likely",
        )


def _exchanged(one: Mismatch, other: Mismatch) -> Cause | None:
    """The cause of the first where two numbers of a column have changed places."""
    if not (agree(one.number, other.original) and agree(other.number, one.original)):
        return None
    text = f"it is the number of {other.number.task}"
    return Cause("copied_from_another_row", other.original, "rows", text)


def _spread(number: PrintedNumber) -> float:
    assert number.spread_percent is not None
    return number.spread_percent


def _seeds(number: PrintedNumber) -> int | None:
    return int(number.num_seeds) if number.num_seeds and number.num_seeds.isdigit() else None
