"""Totals and averages of a user's table: over which rows they are, and whether they add up."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from paper_tables.audit.numbers import EPSILON, number_text
from paper_tables.user_tables.grid import PrintedCell
from paper_tables.user_tables.numbers import AggregateRow, TaskRow, UserTable
from paper_tables.user_tables.shape import known_name

LEAST_FITTING = 1 / 3
"""The rows of an aggregate are those that it adds up to in at least this share of its columns."""
_WORD = re.compile(r"[a-z0-9]{3,}")
Span = tuple[TaskRow, ...]


@dataclass(frozen=True)
class Misfit:
    """A total or average that its rows do not give.

    Attributes:
        aggregate: the row.
        column: heading.
        cell: as printed.
        computed: what the rows give, as text.
        num_rows: how many rows.
        impossible: whether rounding cannot explain it.
    """

    aggregate: AggregateRow
    column: str
    cell: PrintedCell
    computed: str
    num_rows: int
    impossible: bool


def misfits(table: UserTable, corrected: Mapping[tuple[str, str], float]) -> tuple[list[Misfit], list[str]]:
    """Aggregates that do not add up, and those that could not be checked, as messages.

    A total that fits once wrong cells have their source's numbers is right: one error, one finding.

    Args:
        table: as it was read.
        corrected: (method, task) -> the right number of a wrong cell.
    """
    found: list[Misfit] = []
    unchecked: list[str] = []
    for aggregate in table.aggregates:
        span, fitting, checked = _span(aggregate, corrected)
        if not checked:
            # Nothing to add up, or a cell is missing in every column.
            if any(cell.number for cell in aggregate.row.cells.values()):
                unchecked.append(
                    f"'{aggregate.row.label}' (line {aggregate.row.line}): its rows are not all here"
                )
            continue
        if checked > 1 and fitting < LEAST_FITTING * checked:
            unchecked.append(
                f"'{aggregate.row.label}' (line {aggregate.row.line}): it fits no rows above it, in "
                f"{fitting} of {checked} columns"
            )
            continue
        found += _of_span(aggregate, span, corrected)
    messages = [f"Not checked: {'; '.join(unchecked)}."] if unchecked else []
    return found, messages


def _of_span(aggregate: AggregateRow, span: Span, corrected: Mapping[tuple[str, str], float]) -> list[Misfit]:
    found = []
    for column, cell in aggregate.row.cells.items():
        numbers = _numbers(span, column)
        if cell.number is None or numbers is None:
            continue
        printed, _, decimals = cell.number
        divisor = 1 if aggregate.row.kind == "total" else len(span)
        values = [value for value, _ in numbers]
        right = [corrected.get((column, row.task), value) for row, value in zip(span, values)]
        own, rounding = _tolerances(decimals, numbers, divisor)
        if right != values and abs(printed - sum(right) / divisor) <= own + rounding + EPSILON:
            continue
        computed = sum(values) / divisor
        exact = divisor == 1 and decimals >= max(digits for _, digits in numbers)
        if abs(printed - computed) <= (0.0 if exact else own) + EPSILON:
            continue
        impossible = abs(printed - computed) > own + rounding + EPSILON
        text = number_text(computed, decimals + (0 if divisor == 1 else 2))
        found.append(Misfit(aggregate, column, cell, text, len(span), impossible))
    return found


def _numbers(span: Span, column: str) -> list[tuple[float, int]] | None:
    """Value and decimals of a column's cells; None where one is missing."""
    found = []
    for row in span:
        cell = row.row.cells.get(column)
        if cell is None or cell.number is None:
            return None
        found.append((cell.number[0], cell.number[2]))
    return found


def _tolerances(decimals: int, numbers: list[tuple[float, int]], divisor: int) -> tuple[float, float]:
    own = 0.5 * 10.0**-decimals
    return own, sum(0.5 * 10.0**-digits for _, digits in numbers) / divisor


def _span(aggregate: AggregateRow, corrected: Mapping[tuple[str, str], float]) -> tuple[Span, int, int]:
    """The rows that an aggregate is over; in how many columns they fit, and in how many they are whole."""
    best: tuple[Span, int, int] = ((), 0, 0)
    for span in _spans(aggregate):
        fitting = checked = 0
        for column, cell in aggregate.row.cells.items():
            numbers = _numbers(span, column)
            if cell.number is None or numbers is None:
                continue
            checked += 1
            divisor = 1 if aggregate.row.kind == "total" else len(span)
            own, rounding = _tolerances(cell.number[2], numbers, divisor)
            values = [value for value, _ in numbers]
            right = [corrected.get((column, row.task), value) for row, value in zip(span, values)]
            # The rows as printed, or as they should be: a wrong cell must not hide what the total is over.
            near = min(abs(cell.number[0] - sum(found) / divisor) for found in (values, right))
            fitting += near <= own + rounding + EPSILON
        if fitting > best[1] or (not best[0] and checked):
            best = (span, fitting, checked)
    return best


def _spans(aggregate: AggregateRow) -> list[Span]:
    """Rows that an aggregate can be over, the likeliest first."""
    above = [row for row in aggregate.above if row is not None]
    if not above:
        return []
    near: list[TaskRow] = []
    for row in reversed(aggregate.above):
        if row is None and near:
            break
        if row is not None:
            near.insert(0, row)
    suite = [row for row in above if row.suite == above[-1].suite]
    words = [word for word in _WORD.findall(aggregate.row.label.lower()) if known_name([word]) is None]
    named = [row for row in above if any(word in f"{row.suite} {row.task}" for word in words)]
    spans = [tuple(rows) for rows in (named, near, suite, above) if len(rows) > 1]
    stated = re.search(r"\((\d+)\)", aggregate.row.label)
    if stated:
        spans = [span for span in spans if len(span) == int(stated[1])]
    return list(dict.fromkeys(spans))
