"""Rules: whole columns that repeat another column."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from paper_tables.audit.copies import Copies
from paper_tables.audit.numbers import Finding, PrintedNumber, grouped_by, read_in

LEAST_EQUAL_ROWS = 5
SHARE_OF_EQUAL_ROWS = 0.8
"""Rows of two columns that are equal to the last digit: so many and such a share are no chance."""


def columns_that_repeat(numbers: Iterable[PrintedNumber], copies: Copies) -> Iterator[Finding]:
    """Two columns of one table, headed differently, with the same numbers in all rows of a suite."""
    cells = [number for number in numbers if number.aggregate == "cell"]
    for _, rows in sorted(grouped_by(cells, "document", "table", "suite").items()):
        columns: dict[tuple[str, str], dict[str, PrintedNumber]] = defaultdict(dict)
        for row in rows:
            columns[(row.method, row.selection)][row.task] = row
        names = list(columns)
        for position, name in enumerate(names):
            for other_name in names[position + 1 :]:
                if name[0] != other_name[0] and _repeats(columns[name], columns[other_name]):
                    found = _repetition(columns[name], columns[other_name], copies)
                    if found:
                        yield found


# Fewer different numbers than this, repeated, may be chance or a table of zeros; whole numbers repeat sooner.
LEAST_REPEATED_NUMBERS = 3
LEAST_REPEATED_WHOLE_NUMBERS = 4


def _repeats(first: Mapping[str, PrintedNumber], second: Mapping[str, PrintedNumber]) -> bool:
    """Whether two columns are equal where both have rows; one of them may have more."""
    common = [task for task in first if task in second]
    if len(common) < min(len(first), len(second)):
        return False
    different = {first[task].score_percent for task in common}
    whole = max((first[task].decimals for task in common), default=0) == 0
    if len(different) < (LEAST_REPEATED_WHOLE_NUMBERS if whole else LEAST_REPEATED_NUMBERS):
        return False
    return all(first[task].score_percent == second[task].score_percent for task in common)


def _repetition(
    first: Mapping[str, PrintedNumber], second: Mapping[str, PrintedNumber], copies: Copies
) -> Finding | None:
    """The finding about the column that is the repetition; None where it is reported as a wrong copy."""
    common = [task for task in first if task in second]
    if any(column[task] in copies.wrong for column in (first, second) for task in common):
        return None
    original, repetition = first[common[0]], second[common[0]]
    printed = ", ".join(first[task].text for task in common)
    return repetition.finding(
        "columns_that_repeat",
        "contradiction",
        f"The column {repetition.method} repeats the column {original.method} in all {len(common)} rows.",
        task=f"{len(common)} rows",
        value=printed,
        other_source=f"{original.place} ({original.method})",
        other_value=printed,
        read_in=read_in(repetition, original),
    )


def column_equals_another(numbers: Sequence[PrintedNumber]) -> Iterator[Finding]:
    """A rerun that equals another document's column in nearly all rows: a copy that is called a rerun.

    The later document, by arXiv number, is the copy. Two runs of one method agree to the last digit in one
    row of dozens; `SHARE_OF_EQUAL_ROWS` of at least `LEAST_EQUAL_ROWS` different numbers is no chance.
    """
    columns: dict[tuple[str, str], dict[tuple[str, str, str], dict[str, PrintedNumber]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    for number in numbers:
        if number.aggregate == "cell" and number.origin != "copied":
            place = (number.document, number.table, number.method)
            columns[number.method_key, number.suite][place][number.task] = number
    for _, places in sorted(columns.items()):
        for place, column in sorted(places.items()):
            if any(number.origin != "rerun" for number in column.values()):
                continue
            for other_place, other in sorted(places.items()):
                first, second = next(iter(column.values())), next(iter(other.values()))
                if other_place[0] == place[0] or not _may_be_the_copy(first, second):
                    continue
                common = [task for task in column if task in other and column[task].score_percent]
                equal = [task for task in common if column[task].score_percent == other[task].score_percent]
                if (
                    len({column[task].score_percent for task in equal}) < LEAST_EQUAL_ROWS
                    or len(equal) < SHARE_OF_EQUAL_ROWS * len(common)
                    or max(column[task].decimals for task in equal) == 0
                ):
                    continue
                printed = ", ".join(column[task].text for task in equal)
                yield first.finding(
                    "column_equals_another",
                    "contradiction",
                    (
                        f"The column is called a rerun and equals {second.method} of {second.place} in "
                        f"{len(equal)} of {len(common)} rows."
                    ),
                    value=printed,
                    other_source=f"{second.place} ({second.method})",
                    other_value=printed,
                    task=f"{len(equal)} of {len(common)} rows",
                    read_in=read_in(first, second),
                )


def _may_be_the_copy(number: PrintedNumber, other: PrintedNumber) -> bool:
    """Whether the other is the original: older by arXiv number, or the authors' own where one has none."""
    if number.arxiv and other.arxiv:
        return bool(other.arxiv < number.arxiv)
    return bool(other.origin == "own")
