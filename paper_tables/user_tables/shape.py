"""The shape of a table: tasks along rows or columns, headings of several lines, labels in two cells."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from paper_tables import task_table
from paper_tables.score_files.run_names import method_key
from paper_tables.user_tables.grid import PrintedCell
from paper_tables.user_tables.spreads import (
    IS_SPREAD,
    Grid,
    columns_of_spreads,
    join_columns,
    joined,
    with_spread,
)

MOST_LABEL_COLUMNS = 3
_AGGREGATE = re.compile(r"\b(total|sum|average|avg|mean|overall|all)\b", re.IGNORECASE)
_TOTAL = re.compile(r"\b(total|sum)\b", re.IGNORECASE)


class ShapeError(Exception):
    """A table whose labels cannot be told apart; the message begins with the line."""


@dataclass(frozen=True)
class Row:
    """A row of numbers.

    Attributes:
        label: its text, for people.
        names: texts that could be its task's name, the likeliest first.
        kind: `total`, `average`, or empty for a row that is not an aggregate.
        cells: column -> cell.
    """

    label: str
    names: tuple[str, ...]
    kind: str
    cells: dict[str, PrintedCell]
    line: int


@dataclass(frozen=True)
class Shape:
    """A table with its tasks in rows.

    Attributes:
        methods: column -> texts that could be its method's name.
        rows: in the order of the table.
        without_heading: cells that no heading is above.
    """

    methods: dict[str, tuple[str, ...]]
    rows: list[Row]
    without_heading: tuple[PrintedCell, ...] = ()


def shape_of(grid: Grid) -> Shape:
    """Find tasks and headings.

    Args:
        grid: rows as they were read; need not be equally long.

    Raises:
        ShapeError: a label is in the middle of the rows that it is for.
    """
    upright = _below_each_other(_even(grid))
    turned = [list(column) for column in zip(*upright)]
    tables = [join_columns(upright), join_columns(_with_sections(upright)), join_columns(turned)]
    choices = [
        (_count_tasks(_labels(table, count)), -turn, -count, table, count)
        for turn, table in enumerate(tables)
        for count in range(1, min(MOST_LABEL_COLUMNS, len(table[0]) - 1) + 1)
    ]
    *_, table, count = max(choices, key=lambda choice: choice[:3])
    return _read(table, count)


def _even(grid: Grid) -> Grid:
    """Rows of one length."""
    width = max(map(len, grid))
    return [row + [PrintedCell("", row[0].line)] * (width - len(row)) for row in grid]


def _below_each_other(table: Grid) -> Grid:
    """Tables that stand next to each other, each with its column of tasks, one below the other."""
    columns = list(zip(*table))
    starts = [0]
    for place in range(2, len(columns)):
        names = [cell.text for cell in columns[place] if cell.text and task_table.is_name(cell.text)]
        numbers = (any(cell.number is not None for cell in columns[at]) for at in (place - 1, place))
        if len(names) > 1 and tuple(numbers) == (True, False):
            starts.append(place)
    ends = [*starts[1:], len(columns)]
    parts = [row[start:end] for start, end in zip(starts, ends) for row in table]
    return _even([row for row in parts if any(cell.text for cell in row)])


def _with_sections(table: Grid) -> Grid:
    """A table with its sections (a text alone in its row) as labels of the rows below them."""
    rows: Grid = []
    section = ""
    for row in table:
        texts = list(dict.fromkeys(cell.text for cell in row if cell.text))
        numbers = any(cell.number is not None for cell in row)
        if len(texts) == 1 and not numbers:
            # A row of a task without any number is no section.
            section = section if known_name(_names([section, *texts])) else texts[0]
            continue
        label = section if numbers and not _is_aggregate(row[:MOST_LABEL_COLUMNS]) else ""
        rows.append([replace(row[0], text=label), *row])
    return rows or table


def _filled(table: Grid, count: int) -> Grid:
    """Labels that span several rows, repeated in each: the last label column is never filled."""
    filled: Grid = []
    above = [PrintedCell("", 0)] * count
    for row in table:
        labels = list(row[:count])
        for place in range(count - 1):
            starts = bool(labels[place].text) or _is_aggregate(labels)
            if starts or not labels[count - 1].text:
                above[place : count - 1] = labels[place : count - 1]
            labels[place] = replace(above[place], line=row[0].line)
        filled.append([*labels, *row[count:]])
    return filled


def _is_aggregate(labels: Sequence[PrintedCell]) -> bool:
    return any(_AGGREGATE.search(cell.text) for cell in labels)


def _labels(table: Grid, count: int) -> list[list[str]]:
    return [[cell.text for cell in row[:count] if cell.text] for row in _filled(table, count)]


def _names(parts: Sequence[str]) -> tuple[str, ...]:
    """Texts that the parts of a label can mean: all of them in any order, then each alone."""
    orders = [
        "-".join(order) for size in range(len(parts), 0, -1) for order in itertools.permutations(parts, size)
    ]
    return tuple(dict.fromkeys(orders))


def known_name(names: Iterable[str]) -> str | None:
    """The first text that is a task's name, with or without its version."""
    return next((name for name in names if task_table.is_name(name)), None)


def _count_tasks(labels: list[list[str]]) -> int:
    return sum(known_name(_names(parts)) is not None for parts in labels if parts)


def _read(table: Grid, count: int) -> Shape:
    heads: list[list[PrintedCell]] = []
    methods: dict[str, tuple[str, ...]] = {}
    columns: dict[int, str] = {}
    spreads: dict[int, int] = {}
    section = ""
    rows: list[Row] = []
    bare: list[PrintedCell] = []
    _refuse_labels_in_the_middle(table, count)
    for row in _filled(table, count):
        label, body = list(dict.fromkeys(cell.text for cell in row[:count] if cell.text)), row[count:]
        numbers = sum(cell.number is not None for cell in body)
        if numbers == 0 and not (rows and known_name(_names(label))):
            texts = {cell.text for cell in row if cell.text}
            above = [cell.text for cell in heads[-1][:count] if cell.text] if heads else []
            # A second table of the same file may have one column: its heading has the first's label.
            starts = (not heads or (columns and label == above)) and len(texts) > 1
            if len({cell.text for cell in body if cell.text}) > 1 or starts:
                heads = [row] if heads and columns else [*heads, row]
                columns = {}
            elif texts and columns:
                section = min(texts, key=len)
            continue
        if not columns:
            columns, spreads, found = _columns(heads, count, len(body), set(methods))
            methods |= found
        cells = {
            name: with_spread(body, place, spreads) for place, name in columns.items() if place < len(body)
        }
        if label and IS_SPREAD.match(label[-1]) and rows:
            rows[-1] = _row_with_spreads(rows[-1], cells)
            continue
        bare += [
            cell
            for place, cell in enumerate(body)
            if cell.text and place not in (*columns, *spreads.values())
        ]
        whole = " ".join(label)
        parts = [*label, section] if section and section not in label else label
        kind = _kind(label)
        line = next((cell.line for cell in row if cell.line), 0)
        rows.append(Row(whole, (*_names(label), *_names(parts)), kind, cells, line))
    return Shape(methods, rows, tuple(bare))


def _refuse_labels_in_the_middle(table: Grid, count: int) -> None:
    """Refuse labels over several rows that are not in the first of them: whose they are is open."""
    rows = [row for row in table if any(cell.number is not None for cell in row[count:])]
    own = [cell.text for cell in rows[0][:count] if cell.text] if rows else []
    for place in range(count - 1):
        labels = [row[place] for row in rows if row[place].text]
        if not labels or rows[0][place].text or known_name(_names(own)) or _is_aggregate(rows[0]):
            continue
        raise ShapeError(
            f"line {rows[0][0].line}: the label of '{' '.join(own)}' is empty, and '{labels[0].text}' is in "
            f"line {labels[0].line}; write the label of several rows in the first of them, or in each."
        )


def _kind(label: Sequence[str]) -> str:
    text = " ".join(label)
    if not _AGGREGATE.search(text) or known_name(_names(label)):
        return ""
    return "total" if _TOTAL.search(text) else "average"


def _columns(
    heads: list[list[PrintedCell]], count: int, width: int, taken: set[str]
) -> tuple[dict[int, str], dict[int, int], dict[str, tuple[str, ...]]]:
    """The columns of numbers: place -> heading, place -> place of its spread, heading -> possible methods."""
    lines = [[cell.text for cell in head[count:]] for head in heads]
    parts = [
        list(dict.fromkeys(line[place] for line in lines if place < len(line) and line[place]))
        for place in range(width)
    ]
    spreads = columns_of_spreads(parts)
    columns: dict[int, str] = {}
    methods: dict[str, tuple[str, ...]] = {}
    lasts = [part[-1] for part in parts if part]
    for place in range(width):
        if place in spreads.values() or not parts[place]:
            continue
        part = parts[place]
        known = [text for text in reversed(part) if method_key(text)]
        unique = lasts.count(part[-1]) == 1
        heading = part[-1] if unique and (known[:1] == [part[-1]] or not known) else " ".join(part)
        name, number = heading, 1
        while name in methods or name in taken:
            number += 1
            name = f"{heading} [{number}]"
        columns[place] = name
        methods[name] = tuple(dict.fromkeys([*known, " ".join(part), part[-1]]))
    return columns, spreads, methods


def _row_with_spreads(row: Row, spreads: dict[str, PrintedCell]) -> Row:
    """A row of means with the row of its spreads below it."""
    return replace(row, cells={name: joined(cell, spreads.get(name)) for name, cell in row.cells.items()})
