"""The cells of a user's table as reported numbers: a task, a method and a score each."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from recheck.errors import TablesError

from paper_tables import frames, literature, task_table
from paper_tables.score_files.run_names import method_key
from paper_tables.user_tables.grid import PrintedCell, read_grid
from paper_tables.user_tables.sources import source_of

DOCUMENT = "your_table"
_TOTAL = re.compile(r"\b(total|sum)\b", re.IGNORECASE)
_AVERAGE = re.compile(r"\b(average|avg\.?|mean)\b", re.IGNORECASE)
# A column of the document's own runs is no copy, whatever the method.
_RERUN = re.compile(r"\b(ours?|re-?run|reproduced|reimplementation|our implementation)\b", re.IGNORECASE)
_EMPTY = ("", "-", "–", "—", "n/a", "na", "nan", "/", "?")


@dataclass(frozen=True)
class Place:
    """Where a number is in the user's file."""

    row: str
    column: str
    cell: PrintedCell


@dataclass
class UserTable:
    """A user's table.

    Attributes:
        numbers: rows of the schema ``reported``, the document is `DOCUMENT`.
        places: (method heading, task or label) -> place in the file.
        messages: what was guessed and what is not used.
        path: the file.
    """

    numbers: pd.DataFrame
    places: dict[tuple[str, str], Place]
    messages: list[str] = field(default_factory=list)
    path: Path = Path()


def read_table(path: Path, version: str | None = None, seeds: int | None = None) -> UserTable:
    """Read a table: tasks in rows, methods in columns (or the other way round).

    Args:
        path: CSV, Markdown or LaTeX.
        version: of tasks whose names have none.
        seeds: training seeds of the numbers, where the user states them.

    Raises:
        TablesError: no row is a task, or a name has no version; the message has the line.
    """
    grid = read_grid(path)
    if _count_tasks([row[0].text for row in grid[1:]]) < _count_tasks([cell.text for cell in grid[0][1:]]):
        width = max(map(len, grid))
        filled = [row + [PrintedCell("", row[0].line)] * (width - len(row)) for row in grid]
        grid = [list(column) for column in zip(*filled)]
    headings = [cell.text for cell in grid[0]]
    messages: list[str] = []
    unused: list[str] = []
    rows: list[dict[str, object]] = []
    places: dict[tuple[str, str], Place] = {}
    labelled = _labelled_rows(grid[1:], version, path)
    for row in labelled:
        if row.name is None:
            unused.append(f"'{row.cells[0].text}' (line {row.cells[0].line})")
            continue
        if row.name != row.cells[0].text and "(" not in row.name:
            messages.append(f"'{row.cells[0].text}' is {row.name}.")
        for place, cell in enumerate(row.cells[1 : len(headings)], 1):
            if cell.number is not None:
                rows.append(_row(row.name, row.suite, headings[place], cell.number, seeds, path))
                places[(headings[place], row.name)] = Place(row.cells[0].text, headings[place], cell)
            elif cell.text.lower() not in _EMPTY:
                unused.append(f"'{cell.text}' (line {cell.line}, column '{headings[place]}')")
    if not rows:
        raise TablesError(
            f"{path} holds no number of a task: the first column (or row) must name D4RL tasks."
        )
    if unused:
        more = f" and {len(unused) - 8} more" if len(unused) > 8 else ""
        messages.append(f"Not used ({len(unused)}): {', '.join(unused[:8])}{more}.")
    numbers = _with_sources(pd.DataFrame(rows), messages)
    numbers = frames.check(numbers, "reported", str(path))
    return UserTable(numbers, places, messages, path)


@dataclass(frozen=True)
class _LabelledRow:
    """A row with its task or aggregate (None where it is neither) and its suite."""

    name: str | None
    suite: str
    cells: list[PrintedCell]


def _labelled_rows(grid: list[list[PrintedCell]], version: str | None, path: Path) -> list[_LabelledRow]:
    """Rows with the name of their task or the label of their aggregate, which spans the rows of its suite."""
    suite, spanned = "", 0
    found = []
    for cells in grid:
        label = cells[0].text
        kind = "TOTAL" if _TOTAL.search(label) else "AVERAGE" if _AVERAGE.search(label) else ""
        if kind:
            found.append(_LabelledRow(f"{kind}({spanned})" if spanned else None, suite, cells))
            continue
        task = _task(label, version, f"{path}, line {cells[0].line}")
        if task is None:
            found.append(_LabelledRow(None, suite, cells))
            continue
        spanned = spanned + 1 if task.suite == suite else 1
        suite = task.suite
        found.append(_LabelledRow(task.name, suite, cells))
    return found


def _with_sources(numbers: pd.DataFrame, messages: list[str]) -> pd.DataFrame:
    """State the document that each column was copied from, as far as its numbers show it."""
    known = literature.read_all()
    known = known[known["aggregate"] == "cell"]
    numbers = numbers.astype({"copied_from": object, "num_seeds": object})
    for heading, rows in numbers.groupby("method", sort=False):
        if set(rows["origin"]) != {"copied"}:
            continue
        column = rows[rows["aggregate"] == "cell"]
        found = source_of(column, known[known["method_key"] == rows["method_key"].iloc[0]])
        if found is None:
            numbers.loc[rows.index, "origin"] = "rerun"
            messages.append(f"Column '{heading}' agrees with no document: taken for runs of your own.")
            continue
        messages.append(
            f"Column '{heading}' is compared with {found.document}: {found.agreeing} of {found.compared} "
            "agree."
        )
        numbers.loc[rows.index, "copied_from"] = found.document
        numbers.loc[rows.index, "selection"] = found.selection
        printed = rows.index[rows["spread_percent"].notna()]
        if found.spread_kind != "none":
            numbers.loc[printed, "spread_kind"] = found.spread_kind
        unstated = rows.index[rows["num_seeds"].isna()]
        numbers.loc[unstated, "num_seeds"] = found.seeds
    return numbers


def _count_tasks(labels: list[str]) -> int:
    stems = {re.sub(r"-v\d+$", "", task_table.normal_form(name)) for name in task_table.tasks()}
    return sum(re.sub(r"-v\d+$", "", task_table.normal_form(label)) in stems for label in labels)


def _task(label: str, version: str | None, where: str) -> task_table.Task | None:
    """The task of a row's label; None where it is none."""
    if not label.strip():
        return None
    try:
        return task_table.resolve(label, version)
    except TablesError as error:
        if "has no version" in str(error):
            raise TablesError(f"{where}: {error}") from None
        close = task_table.nearest(label, most=1)[0]
        if task_table.similarity(label, close) >= task_table.SLIP:
            raise TablesError(f"{where}: {error}") from None
        return None


def _row(
    task: str,
    suite: str,
    heading: str,
    number: tuple[float, float | None, int],
    seeds: int | None,
    path: Path,
) -> dict[str, object]:
    mean, spread, decimals = number
    known = method_key(_RERUN.sub("", heading).strip(" ()[]"))
    origin = "rerun" if known and _RERUN.search(heading) else "copied" if known else "own"
    own_key = re.sub(r"[^a-z0-9]+", "_", heading.lower()).strip("_") or "method"
    aggregate = re.fullmatch(r"(TOTAL|AVERAGE)\((\d+)\)", task)
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
        "suite": suite,
        "task": task,
        "aggregate": aggregate[1].lower() if aggregate else "cell",
        "group": None,
        "num_rows": int(aggregate[2]) if aggregate else None,
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
