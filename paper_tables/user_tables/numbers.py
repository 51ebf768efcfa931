"""The cells of a user's table as reported numbers: a task, a method and a score each."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from recheck.errors import TablesError
from recheck.words import first_of

from paper_tables import frames, literature, task_table
from paper_tables.score_files.run_names import method_key
from paper_tables.scores import plausible
from paper_tables.user_tables.grid import PrintedCell, read_grid
from paper_tables.user_tables.long_form import as_table
from paper_tables.user_tables.shape import Row, Shape, ShapeError, known_name, shape_of
from paper_tables.user_tables.sources import Literature, Source

DOCUMENT = "your_table"
# A column of the document's own runs is not a copy, whatever the method.
_RERUN = re.compile(r"\b(ours?|re-?run|reproduced|reimplementation|our implementation)\b", re.IGNORECASE)
_ENDS = " ()[],;:"
_MOST_NAMED = 8
_EMPTY = ("", "-", "--", "---", "–", "—", "n/a", "na", "nan", "/", "?")


@dataclass(frozen=True)
class Place:
    """Where a number is in the user's file.

    Attributes:
        row: label of the task's row.
        column: heading of the method's column.
        cell: as it is printed.
        row_number: the number of the task's row, from 0; in a file with tasks in columns, of the column.
    """

    row: str
    column: str
    cell: PrintedCell
    row_number: int = 0


@dataclass(frozen=True, eq=False)
class TaskRow:
    """A row of a task.

    Attributes:
        task: its name.
        suite: its suite.
        row: as it is printed.
    """

    task: str
    suite: str
    row: Row


@dataclass(frozen=True)
class AggregateRow:
    """A row of totals or averages.

    Attributes:
        row: as it is printed.
        above: the rows of tasks above it, nearest last; None between them is another aggregate.
    """

    row: Row
    above: tuple[TaskRow | None, ...]


@dataclass
class UserTable:
    """A user's table.

    Attributes:
        numbers: cells of tasks as rows of the schema ``reported``, the document is `DOCUMENT`.
        places: (method heading, task) -> places in the file.
        aggregates: rows of totals and averages.
        messages: what was guessed and what is not used.
        path: the file.
    """

    numbers: pd.DataFrame
    places: dict[tuple[str, str], list[Place]]
    aggregates: list[AggregateRow] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    path: Path = Path()

    def place(self, method: str, task: str, text: str = "") -> Place | None:
        """Where a number is; of several the one whose text begins with `text`."""
        found = self.places.get((method, task), [])
        return next((place for place in found if place.cell.text.startswith(text)), next(iter(found), None))


def read_table(path: Path, version: str | None = None, seeds: int | None = None) -> UserTable:
    """Read a table: tasks in rows, methods in columns (or the other way round).

    Args:
        path: CSV, Markdown or LaTeX.
        version: of tasks whose names have none, see `task_table.version_of`.
        seeds: training seeds of the numbers, where the user states them.

    Raises:
        TablesError: no row is a task, or a name has no version; the message has the line.
    """
    task_table.check_version(version)
    if seeds is not None and seeds < 1:
        raise TablesError(f"seeds is {seeds}; at least 1 is allowed.")
    shape = _shape(path)
    messages: list[str] = []
    partly: list[str] = []
    unused = [f"'{cell.text}' (line {cell.line}, below no heading)" for cell in shape.without_heading]
    numbers: list[dict[str, object]] = []
    places: dict[tuple[str, str], list[Place]] = {}
    aggregates: list[AggregateRow] = []
    above: list[TaskRow | None] = []
    renamed: dict[str, str] = {}
    for number, row in enumerate(shape.rows):
        if row.kind:
            aggregates.append(AggregateRow(row, tuple(above)))
            above.append(None)
            continue
        task = _task(row, version, f"{path}, line {row.line}")
        if task is None:
            unused.append(f"'{row.label}' (line {row.line})")
            continue
        above.append(TaskRow(task.name, task.suite, row))
        if task.name != row.label:
            renamed[row.label] = task.name
        for heading, cell in row.cells.items():
            if cell.number is not None:
                names = shape.methods[heading]
                numbers.append(_row(task, heading, names, cell.number, seeds, path))
                places.setdefault((heading, task.name), []).append(Place(row.label, heading, cell, number))
                partly += [f"'{cell.text}' (line {cell.line})"] * cell.has_more
            elif cell.text.lower() not in _EMPTY:
                unused.append(f"'{cell.text}' (line {cell.line}, column '{heading}')")
    if not numbers:
        raise TablesError(
            f"{path} holds no number of a task: the first column (or row) must name D4RL tasks."
        )
    table = pd.DataFrame(numbers)
    _refuse_fractions(table, path)
    messages += _first_of([f"'{label}' is {name}" for label, name in renamed.items()], "Tasks: ")
    messages += _first_of(partly, f"The mean alone is used ({len(partly)}): ")
    messages += _first_of(unused, f"Not used ({len(unused)}): ")
    table = frames.check(_with_sources(table, messages), "reported", str(path))
    return UserTable(table, places, aggregates, messages, path)


def _shape(path: Path) -> Shape:
    try:
        return shape_of(as_table(read_grid(path), path))
    except ShapeError as error:
        raise TablesError(f"{path}, {error}") from None


def _first_of(items: list[str], before: str) -> list[str]:
    return [f"{before}{first_of(items, _MOST_NAMED)}."] if items else []


def _refuse_fractions(table: pd.DataFrame, path: Path) -> None:
    if plausible.looks_like_fractions(table["score_percent"].to_numpy(dtype=float)):
        raise TablesError(
            f"{path}: the numbers look like fractions; a table is compared in percent, 66.3 and not 0.663."
        )


def _with_sources(numbers: pd.DataFrame, messages: list[str]) -> pd.DataFrame:
    """State the document that each column was copied from, as far as its numbers show it."""
    known = Literature(literature.read_all())
    numbers = numbers.astype({"copied_from": object, "num_seeds": object})
    columns = {str(name): rows for name, rows in numbers.groupby("method", sort=False)}
    copied = {name for name, rows in columns.items() if set(rows["origin"]) == {"copied"}}
    sources = {
        name: known.source_of(rows) if name in copied else known.same_heading(rows)
        for name, rows in columns.items()
        if set(rows["origin"]) != {"own"}
    }
    messages += _first_of(
        [f"'{name}'" for name, rows in columns.items() if set(rows["origin"]) == {"own"}],
        "Not compared, no document has a method of this name: ",
    )
    most = Counter(source.document for source in sources.values() if source).most_common(1)
    for heading, found in sources.items():
        if found is None and heading in copied and most:
            found = known.of_document(columns[heading], most[0][0])
        if found is not None:
            messages.append(
                f"Column '{heading}' is compared with {found.document}: {found.agreeing} of "
                f"{found.compared} agree."
            )
            _state(numbers, columns[heading], found)
        elif heading in copied:
            numbers.loc[columns[heading].index, "origin"] = "rerun"
            messages.append(f"Column '{heading}' agrees with no document: taken for runs of your own.")
    return numbers


def _state(numbers: pd.DataFrame, rows: pd.DataFrame, found: Source) -> None:
    """State what is known of a column that was copied."""
    numbers.loc[rows.index, "origin"] = "copied"
    numbers.loc[rows.index, "copied_from"] = found.document
    numbers.loc[rows.index, "selection"] = found.selection
    printed = rows.index[rows["spread_percent"].notna()]
    if found.spread_kind != "none":
        numbers.loc[printed, "spread_kind"] = found.spread_kind
    unstated = rows.index[rows["num_seeds"].isna()]
    numbers.loc[unstated, "num_seeds"] = found.seeds


def _task(row: Row, version: str | None, where: str) -> task_table.Task | None:
    """The task of a row; None where it is none."""
    name = known_name(row.names)
    if name is not None:
        try:
            return task_table.resolve(name, version)
        except TablesError as error:
            raise TablesError(f"{where}: {error}") from None
    for text in row.names:
        close = task_table.nearest(text, most=1)[0]
        if task_table.similarity(text, close) >= task_table.SLIP:
            near = ", ".join(task_table.nearest(text))
            raise TablesError(f"{where}: There is no task '{text}'; the nearest names are {near}.")
    return None


def _row(
    task: task_table.Task,
    heading: str,
    names: tuple[str, ...],
    number: tuple[float, float | None, int],
    seeds: int | None,
    path: Path,
) -> dict[str, object]:
    mean, spread, decimals = number
    known = next((key for name in names if (key := _method_of(name))), None)
    origin = "rerun" if known and _RERUN.search(heading) else "copied" if known else "own"
    own_key = re.sub(r"[^a-z0-9]+", "_", heading.lower()).strip("_") or "method"
    return {
        "document": DOCUMENT,
        "document_kind": "paper",
        "paper": path.name,
        "arxiv": None,
        "table": path.name,
        "method": heading,
        "method_key": known or own_key,
        "origin": origin,
        "copied_from": None,
        "reported_by": "your table",
        "suite": task.suite,
        "task": task.name,
        "aggregate": "cell",
        "group": None,
        "num_rows": None,
        "score_percent": mean,
        "decimals": decimals,
        "spread_percent": spread,
        "spread_kind": "none" if spread is None else "unknown",
        "num_seeds": None if seeds is None else str(seeds),
        "seeds_stated": None,
        "episodes_per_seed": None,
        "selection": "unknown",
        "selection_stated": None,
        "selection_inferred": False,
        "source": str(path.name),
        "confidence": "seen",
        "note": None,
    }


def _method_of(heading: str) -> str | None:
    """The key of a method that a heading names, without references, numbers in brackets and "(ours)"."""
    text = _RERUN.sub("", re.sub(r"\[[^\[\]]*\]", "", heading))
    return method_key(text.strip(_ENDS)) or method_key(re.sub(r"\([^()]*\)", "", text).strip(_ENDS))
