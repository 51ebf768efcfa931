"""Rules: printed totals and averages against the rows that they add up."""

from __future__ import annotations

from collections.abc import Iterator

from paper_tables.audit.copies import Copies
from paper_tables.audit.numbers import (
    EPSILON,
    Finding,
    PrintedNumber,
    grouped_by,
    number_text,
    read_in,
    same_selection,
)


def rows_of(aggregate: PrintedNumber, numbers: list[PrintedNumber]) -> list[PrintedNumber] | None:
    """The rows that a total, average or group mean is printed over; None where they are not all here.

    They are the cells of the same document, column and suite (or group). The same table is looked in
    first, then the whole document, because a paper may print averages in one table and rows in another;
    the same selection rule first, then any that can be the same because one of the two is not stated.
    """
    column = [
        number
        for number in numbers
        if number.document == aggregate.document
        and number.method == aggregate.method
        and number.suite == aggregate.suite
        and number.aggregate == "cell"
        and (aggregate.aggregate != "group_mean" or number.group == aggregate.group)
    ]
    exactly = [number for number in column if number.selection == aggregate.selection]
    possibly = [number for number in column if same_selection(number, aggregate)]
    if len({number.selection for number in possibly} - {"unknown"}) > 1:
        possibly = []
    for cells, here in ((exactly, True), (possibly, True), (exactly, False), (possibly, False)):
        rows = [cell for cell in cells if not here or cell.table == aggregate.table]
        tasks = {row.task for row in rows}
        complete = len(rows) == aggregate.num_rows if aggregate.num_rows else len(rows) >= 2
        if complete and len(tasks) == len(rows):
            return rows
    return None


def totals(numbers: list[PrintedNumber], copies: Copies) -> Iterator[Finding]:
    """A total or average against its printed rows.

    ``impossible``: farther off than half a last digit per row and the aggregate's own rounding can explain.
    ``not_the_sum_of_the_printed_rows``: within that, yet not what the printed rows give. A total that fits
    the originals of its rows is right: the wrong row is a finding of its own.
    """
    by_document = grouped_by(numbers, "document")
    for number in numbers:
        if number.aggregate == "cell":
            continue
        rows = rows_of(number, by_document[(number.document,)])
        if rows is None:
            continue
        total = number.aggregate == "total"
        divisor = 1 if total else len(rows)
        computed = sum(row.score_percent for row in rows) / divisor
        corrected = [copies.corrected(row) for row in rows]
        if corrected != rows and _fits(number, corrected):
            continue
        own = 0.5 * 10.0**-number.decimals
        # A total printed with the rows' decimals is their sum exactly; only a coarser one is rounded.
        finest = max(row.decimals for row in rows)
        exact = total and number.decimals >= finest
        from_rows = sum(0.5 * 10.0**-row.decimals for row in rows) / divisor
        difference = abs(number.score_percent - computed)
        if difference <= (0.0 if exact else own) + EPSILON:
            continue
        impossible = difference > own + from_rows + EPSILON
        name = {"total": "total", "average": "average", "group_mean": "mean"}[number.aggregate]
        yield number.finding(
            "totals",
            "impossible" if impossible else "not_the_sum_of_the_printed_rows",
            (
                f"The printed {name} is {number.text}; the {len(rows)} printed rows give "
                f"{number_text(computed, number.decimals + (0 if total else 2))}, which rounding "
                f"{'cannot' if impossible else 'can'} explain."
            ),
            other_source=f"{rows[0].place}, its {len(rows)} rows",
            other_value=number_text(computed, number.decimals + (0 if total else 2)),
            read_in=read_in(number, rows[0]),
        )


def _fits(number: PrintedNumber, rows: list[PrintedNumber]) -> bool:
    """Whether a total or average can be that of these rows, all rounding allowed."""
    divisor = 1 if number.aggregate == "total" else len(rows)
    computed = sum(row.score_percent for row in rows) / divisor
    rounding = sum(0.5 * 10.0**-row.decimals for row in rows) / divisor + 0.5 * 10.0**-number.decimals
    return abs(number.score_percent - computed) <= rounding + EPSILON
