"""A paper's own table, as data in ``layouts/``, with our scores next to the reported ones.

A layout names the rows, their order and groups, totals or averages, the bold rule, and which runs of ours
are shown with which column. `layout_files` reads it, `paper_cells.layout_cells` fills its places,
`column_layout` lays out its columns, and `layout_table` puts the rows, totals and notes together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from paper_tables import frames
from paper_tables.rendering.table import Cell, Table
from paper_tables.rendering.text import NOTHING, mark_notes, number, with_spread
from paper_tables.rendering.verdicts import by_reason, verdict_notes
from paper_tables.scores import provenance
from paper_tables.scores.tables import STATED
from paper_tables.tables.column_layout import (
    ColumnLayout,
    bold_values,
    documents_of,
    reported_of_column,
    reported_value,
    row_cells,
)
from paper_tables.tables.not_used import not_used_note
from paper_tables.tables.paper_cells import layout_cells
from paper_tables.verdicts import decision_rule

__all__ = ["layout_cells", "layout_table"]


def layout_table(
    layout: dict[str, Any], cells: pd.DataFrame, runs: pd.DataFrame, all_runs: pd.DataFrame | None = None
) -> Table:
    """The paper's table with our scores next to the reported ones.

    Args:
        layout: as `read_layout` gives it.
        cells: as `layout_cells` gives them.
        runs: the score rows that are shown.
        all_runs: the score rows that were read; those that are not shown are named in a note.
    """
    columns = ColumnLayout(
        layout,
        {c["heading"]: reported_of_column(layout, c) for c in layout["columns"] if "reported" in c},
        {(c["group"], c["task"], c["column"]): c for c in frames.records(cells)},
    )
    title = f"{layout['title']}: reported and ours"
    table = Table(title if not columns.over_all else layout["title"], columns.header())
    for position, group in enumerate(layout["groups"]):
        if position:
            table.rows.append(None)
        for row in group["rows"]:
            if not row.get("hidden"):
                table.rows.append([Cell(row.get("label", row["task"])), *row_cells(columns, group, row)])
        for aggregate in group.get("aggregates", []):
            table.rows.append([Cell(aggregate["label"]), *_aggregates(columns, group, aggregate)])
    used = {mark for line in table.rows if line is not None for cell in line for mark in cell.marks}
    table.notes = _layout_notes(layout, cells, runs, used)
    if all_runs is not None and (note := not_used_note(layout, all_runs, runs)):
        table.notes.append(note)
    return table


def _aggregates(columns: ColumnLayout, group: dict[str, Any], aggregate: dict[str, Any]) -> list[Cell]:
    """Each column's total or average, without the label."""
    pieces: list[tuple[float | None, Cell]] = []
    for column in columns.listed:
        spanned = [
            other
            for other in columns.layout["groups"]
            if other["name"] in aggregate.get("over", [group["name"]])
        ]
        cells = [columns.place(other, row, column) for other in spanned for row in other["rows"]]
        if "reported" in column:
            pieces.append(_reported_aggregate(columns, group, aggregate, column, cells))
        if "ours" in column:
            value, cell = _our_aggregate(aggregate["kind"], cells, columns.decimals, columns.over_all)
            pieces.append((value if columns.over_all else None, cell))
    weights = bold_values([value for value, _ in pieces], columns.layout["bold"])
    return [replace(cell, bold=weight) for (_, cell), weight in zip(pieces, weights)]


def _combine(kind: str, values: Sequence[float]) -> float:
    return float(np.sum(values) if kind == "total" else np.mean(values))


def _reported_aggregate(
    columns: ColumnLayout,
    group: dict[str, Any],
    aggregate: dict[str, Any],
    column: dict[str, Any],
    cells: list[dict[str, Any]],
) -> tuple[float | None, Cell]:
    """The printed total or average, or that of the printed rows."""
    printed = None
    if "reported" in aggregate:
        numbers = columns.numbers[column["heading"]]
        printed = reported_value(numbers, column["reported"], group["suite"], aggregate["reported"])
    values = [cell["printed_mean"] for cell in cells if pd.notna(cell["printed_mean"])]
    if printed is not None:
        value: float | None = printed["score_percent"]
        marks: tuple[str, ...] = ("m",) if printed["confidence"] == "from_memory" else ()
    elif values and len(values) == len(cells):
        value, marks = _combine(aggregate["kind"], values), ("c",)
    else:
        value, marks = None, ()
    if value is None:
        return None, Cell(NOTHING)
    return value, Cell(number(value, columns.decimals), False, "", marks)


def _our_aggregate(
    kind: str, cells: list[dict[str, Any]], decimals: int, spread: bool
) -> tuple[float | None, Cell]:
    """Our total or average, with its spread over seeds where that is asked for: tasks are independent."""
    ours = [tuple(cell["our_scores_percent"]) for cell in cells if len(cell["our_scores_percent"])]
    if len(ours) != len(cells):
        return None, Cell(f"{NOTHING} ({len(ours)} of {len(cells)} rows)" if ours else NOTHING)
    value = _combine(kind, [float(np.mean(scores)) for scores in ours])
    sd = None
    if spread and all(len(scores) > 1 for scores in ours):
        sd = float(np.sqrt(sum(np.var(scores, ddof=1) for scores in ours)))
        sd = sd if kind == "total" else sd / len(ours)
    return value, Cell(with_spread(value, sd, decimals))


def _layout_notes(
    layout: dict[str, Any], cells: pd.DataFrame, runs: pd.DataFrame, used: set[str]
) -> list[str]:
    kinds = sorted(set(cells.loc[cells["printed_spread"].notna(), "printed_spread_kind"]))
    meaning = ", ".join(kind.replace("_", " ") for kind in kinds) or "not printed"
    over_all = layout["bold"].get("over") == "all"
    bold = f"{layout['bold']['rule'].replace('_', ' ')} of {'all columns' if over_all else 'the reported'}"
    whose = "The documents'" if "columns" in layout and len(documents_of(layout)) > 1 else "The paper's"
    notes = [f"{whose} ±: {meaning}. Bold: {bold}."]
    if runs.empty:
        notes.append("No runs of ours.")
    else:
        with_ours = cells["column"].isin([c["heading"] for c in layout["columns"] if "ours" in c])
        stated = sorted(set(cells.loc[with_ours, "reported_selection"].dropna()))
        rule = layout["our_selection"]
        if rule not in set(runs["selection"]):
            rule = " and ".join(sorted(set(runs["selection"])))
        theirs = f", the paper's {', '.join(stated)}" if stated else ""
        notes.append(
            f"Ours: mean ± sample standard deviation over seeds (number of seeds); checkpoint selection "
            f"{rule}{theirs}."
        )
        if "unknown" in stated:
            notes.append("Where the paper's selection rule is unknown, a verdict takes it to be ours.")
        notes += verdict_notes(cells[[len(scores) > 0 for scores in cells["our_scores_percent"]]])
        notes += _best_note(runs)
    if STATED in set(runs["comparability"]):
        notes += [*more_seeds(cells), *_why_not_judged(cells)]
    if over_all:
        notes.append("A total's or average's ± is that over seeds; tasks are independent.")
        notes += _length_note(layout, runs)
    notes += [f"Not shown: {problem}." for problem in sorted(set(cells["not_shown"])) if problem]
    return [*notes, *mark_notes(used, runs), *provenance.footnote(runs)]


def more_seeds(cells: pd.DataFrame) -> list[str]:
    """How many more seeds would decide what is inconclusive: one sentence, or none where all is conclusive.

    Args:
        cells: as `layout_cells` gives them.
    """
    rows = [row for row in frames.records(cells) if row["verdict"] == decision_rule.INCONCLUSIVE]
    if not rows:
        return []
    needed: dict[str, list[str]] = {}
    for row in rows:
        text = "" if pd.isna(row["seeds_needed"]) else str(row["seeds_needed"]).removesuffix(".0")
        own = len(row["our_scores_percent"])
        more = f"{max(int(text) - own, 0)} more seeds" if text.isdigit() else _NO_NUMBER.get(text, _UNKNOWN)
        needed.setdefault(more, []).append(f"{row['column']} on {row['task']}")
    named = "; ".join(f"{more}: {', '.join(places)}" for more, places in needed.items())
    return [f"To decide what is inconclusive (80% chance of reproduced if nothing differs): {named}."]


def _why_not_judged(cells: pd.DataFrame) -> list[str]:
    """Why numbers with scores of a user's get no verdict: one sentence for each reason."""
    found = by_reason(cells[cells["verdict"] == decision_rule.NOT_JUDGED], cells)
    return [f"Not judged, {text}" for text in found]


_UNKNOWN = "a spread is needed, of two seeds at least"
_NO_NUMBER = {
    "never": "no number of seeds is enough, the reported number's own error is as wide as the margin",
    ">100": "more than 100 seeds in all",
}


def _best_note(runs: pd.DataFrame) -> list[str]:
    """A warning where ours are the best checkpoints by their own evaluation."""
    if "best_online" not in set(runs["selection"]):
        return []
    return ["Best checkpoint by its own evaluation: higher than a new evaluation would give."]


def _length_note(layout: dict[str, Any], runs: pd.DataFrame) -> list[str]:
    """The lengths of training, where columns of several documents or a user's are compared."""
    named = [
        f"{column['heading']} {column['ours']['num_updates']:,}"
        for column in layout["columns"]
        if "num_updates" in column.get("ours", {}) and "reported" in column
    ]
    trained = {
        str(method): int(rows["update"].max())
        for method, rows in runs.groupby("method")
        if rows["update"].max()
    }
    named += [f"{method} (ours) {updates:,}" for method, updates in trained.items()]
    return [f"Each at its own length of training, in updates: {', '.join(named)}."] if named else []
