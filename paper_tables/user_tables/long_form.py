"""A list of numbers, one row for each method and task, as a table with a column for each method."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from recheck.errors import TablesError

from paper_tables.score_files.columns import NAMES, plain
from paper_tables.user_tables.grid import PrintedCell
from paper_tables.user_tables.spreads import IS_MEAN, IS_SPREAD, Grid, joined


def as_table(grid: Grid, path: Path) -> Grid:
    """A list with the headings method, task and score (and a spread) as a table; any other grid as it is.

    Args:
        grid: rows as they were read.
        path: the file, for an error.

    Raises:
        TablesError: a method has a task several times, as in a list of runs.
    """
    heads = [cell.text for cell in grid[0]]
    places = {role: [i for i, text in enumerate(heads) if plain(text) in NAMES[role]] for role in NAMES}
    scores = [i for i, text in enumerate(heads) if IS_MEAN.match(text) or plain(text) in NAMES["score"]]
    if not (len(places["method"]) == len(places["task"]) == len(scores) == 1):
        return grid
    method, task, score = places["method"][0], places["task"][0], scores[0]
    spread = next((i for i, text in enumerate(heads) if IS_SPREAD.match(text)), None)
    cells: dict[str, dict[str, PrintedCell]] = {}
    methods: dict[str, PrintedCell] = {}
    labels: dict[str, PrintedCell] = {}
    for row in grid[1:]:
        full = [*row, *[PrintedCell("", row[0].line)] * (len(heads) - len(row))]
        name, label = full[method], full[task]
        methods.setdefault(name.text, replace(name, line=grid[0][0].line))
        labels.setdefault(label.text, label)
        found = cells.setdefault(label.text, {})
        if name.text in found:
            raise TablesError(
                f"{path}, line {name.line}: {name.text} on {label.text} is there already in line "
                f"{found[name.text].line}; a table has one number for each method and task. Runs of several "
                "seeds are read by `recheck check`."
            )
        found[name.text] = joined(full[score], None if spread is None else full[spread])
    empty = PrintedCell("", 0)
    return [
        [replace(empty, line=grid[0][0].line), *methods.values()],
        *[[label, *[cells[text].get(name, empty) for name in methods]] for text, label in labels.items()],
    ]
