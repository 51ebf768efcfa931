"""A paper's own table, as data in ``layouts/``, with ours beside it.

A layout names the rows, their order and groups, totals or averages, the bold rule, and which runs of ours
stand beside which column. `layout_cells` puts numbers and verdicts into its places, `layout_table` writes
them down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from paper_tables import frames
from paper_tables.rendering.table import Cell, Table
from paper_tables.rendering.text import NOTHING, mark_notes, marks_of_run, number, our_text, with_spread
from paper_tables.rendering.verdicts import verdict_marks, verdict_notes
from paper_tables.scores import provenance
from paper_tables.tables.layout import RULE_OF, reported_value, reported_values

if TYPE_CHECKING:
    from paper_tables.verdicts.looks import SequentialRuns


@dataclass(frozen=True)
class Found:
    """Our runs for one cell.

    Attributes:
        runs: their rows of the schema ``scores``, every selection rule; empty where there are none.
        num_updates: their updates of training.
        problem: why runs that exist are not shown, or empty.
    """

    runs: pd.DataFrame
    num_updates: int = 0
    problem: str = ""


def _runs_of(
    ours: dict[str, Any], tasks: Sequence[str], runs: pd.DataFrame, num_updates: int | None
) -> Found:
    """Our runs of a column on the first of `tasks` that has some."""
    steps, sampling = ours.get("diffusion_steps", 0), ours.get("sampling", "default")
    of_column = runs[
        (runs["method"] == ours["method"])
        & (runs["variant"] == ours["variant"])
        & (runs["diffusion_steps"] == steps)
        & (runs["sampling"].str.replace(r"-[0-9a-f]{8}$", "", regex=True) == sampling)
    ]
    for task in tasks:
        found = of_column[of_column["task"] == task]
        if found.empty:
            continue
        trained = found[found["selection"] == "last"].groupby(["digest", "sampling"])["update"].max()
        # The paper's own length first, else the longest.
        length = num_updates if num_updates in set(trained) else trained.max()
        wanted = trained[trained == length]
        if len(wanted) != 1:
            listed = ", ".join(f"{digest} ({name})" for digest, name in wanted.index)
            return Found(
                runs.iloc[:0],
                problem=f"several runs of {ours['method']} {ours['variant']} on {task} "
                f"fit one column: {listed}",
            )
        digest, name = wanted.index[0]
        return Found(found[(found["digest"] == digest) & (found["sampling"] == name)], int(wanted.iloc[0]))
    return Found(runs.iloc[:0])


def _why_not_judged(
    judged: dict[str, Any], task: str, found: pd.DataFrame, trained: int, wanted: int | None
) -> list[str]:
    """Why a cell cannot be judged; empty where it can."""
    reasons = []
    if judged["confidence"] != "seen":
        reasons.append("the reported number is unverified")
    ours = found.iloc[0]
    if ours["task"] != task:
        reasons.append(f"ours is of {ours['task']}")
    if ours["comparability"] != "original":
        reasons.append(f"our dataset is {ours['comparability']}")
    if pd.isna(ours["environment_standing"]):
        reasons.append("the environment of our runs is not stated")
    elif ours["environment_standing"] not in ("same", "adapted"):
        reasons.append("our environment is another")
    if ours["score_unit"] != "percent":
        reasons.append("our score is a raw return")
    if wanted is not None and trained != wanted:
        reasons.append(f"ours was trained for {trained:,} updates, the paper's for {wanted:,}")
    return reasons


def _other_selection(selection: str, layout: dict[str, Any]) -> bool:
    """Whether our checkpoints are selected by another rule than the one that the paper states."""
    return selection in RULE_OF and layout["our_selection"] not in RULE_OF[selection]


def layout_cells(
    layout: dict[str, Any],
    runs: pd.DataFrame | None = None,
    allowed: Sequence[str] = (),
    sequential: SequentialRuns | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every cell of a paper's table with its reported number, our scores and the verdict.

    Args:
        layout: as `read_layout` gives it.
        runs: rows of the schema ``scores``; None for the paper's side alone.
        allowed: provenance fields in which the runs of a row may differ, beside those of the layout.
        sequential: the runs that are judged by a sequential design.

    Returns:
        The cells, hidden rows too, with the columns of ``verdicts.table.judge_table``, and the score rows
        shown. ``printed_*`` is what this table prints, ``reported_*`` what is judged: a copy's origin.

    Raises:
        TablesError: mixed provenance.
    """
    from paper_tables.config import load_margins
    from paper_tables.verdicts import background
    from paper_tables.verdicts.table import judge_table

    known = background.of_the_literature()
    numbers = reported_values(layout)
    runs = _no_runs() if runs is None else runs
    margins = load_margins()
    allowed = [*allowed, *layout.get("allow_mixed_provenance", [])]
    cells: list[dict[str, Any]] = []
    shown: list[pd.DataFrame] = []
    for group in layout["groups"]:
        for row in group["rows"]:
            in_row: list[pd.DataFrame] = []
            for column in layout["columns"]:
                reported = reported_value(numbers, column["reported"], group["suite"], row["task"])
                ours = column.get("ours")
                cell: dict[str, Any] = {
                    "table": layout["name"],
                    "group": group["name"],
                    "suite": group["suite"],
                    "task": row["task"],
                    "column": column["heading"],
                    "hidden": row.get("hidden", False),
                    "printed_mean": None if reported is None else reported["score_percent"],
                    "printed_spread": None if reported is None else reported["spread_percent"],
                    "printed_spread_kind": "none" if reported is None else reported["spread_kind"],
                    **(NO_QUESTION if reported is None else known.question(reported)),
                    "margin_percent": margins.of_suite(group["suite"]),
                    "our_scores_percent": (),
                    "not_judged_reason": None,
                    "other_selection": False,
                    "our_task": None,
                    "our_digest": None,
                    "not_shown": "",
                    "marks": (),
                }
                if ours is not None:
                    wanted = row.get("num_updates") or group.get("num_updates") or ours.get("num_updates")
                    tasks = [row["task"], *row.get("our_tasks", [])]
                    fitting = _runs_of(ours, tasks, runs, wanted)
                    trained = fitting.num_updates
                    found = fitting.runs[fitting.runs["selection"] == layout["our_selection"]]
                    cell["not_shown"] = fitting.problem
                    if len(found):
                        in_row.append(found)
                        cell["our_scores_percent"] = tuple(found.sort_values("seed")["score_percent"])
                        cell["our_task"] = found.iloc[0]["task"]
                        cell["our_digest"] = found.iloc[0]["digest"]
                        cell["marks"] = marks_of_run(found.iloc[0], row["task"], trained, wanted)
                        if reported is not None:
                            reasons = _why_not_judged(cell, row["task"], found, trained, wanted)
                            cell["not_judged_reason"] = "; ".join(reasons) or None
                            cell["other_selection"] = _other_selection(cell["reported_selection"], layout)
                cells.append(cell)
            if in_row:
                together = pd.concat(in_row, ignore_index=True)
                provenance.refuse_mixed(together, f"Row {row['task']} of {layout['name']}", allowed)
                shown.append(together)
    table = pd.DataFrame(cells)
    judged = judge_table(table[table["reported_mean"].notna()], known.bands, sequential)
    result = table.join(judged[[name for name in judged.columns if name not in table.columns]])
    return result, pd.concat(shown, ignore_index=True) if shown else runs.iloc[:0]


NO_QUESTION: dict[str, Any] = {
    "reported_mean": None,
    "reported_spread": None,
    "spread_kind": "none",
    "reported_seeds": None,
    "reported_episodes_per_seed": None,
    "reported_selection": None,
    "confidence": None,
    "number": None,
    "family": None,
    "judged_at": "",
    "largest_known_sd_percent": None,
}
"""The columns of a place where the paper prints nothing."""


def _no_runs() -> pd.DataFrame:
    return pd.DataFrame(columns=frames.columns("scores")).astype({"sampling": "object"})


def _bold(values: Sequence[float | None], rule: dict[str, Any]) -> list[bool]:
    """Which reported numbers of a row the paper's rule sets in bold."""
    present = [value for value in values if value is not None and not np.isnan(value)]
    if not present or rule["rule"] == "none":
        return [False] * len(values)
    highest = max(present)
    least = highest
    if rule["rule"] == "within_percent_of_highest":
        least = highest - abs(highest) * rule.get("percent", 5) / 100
    return [value is not None and not np.isnan(value) and value >= least - 1e-9 for value in values]


def layout_table(layout: dict[str, Any], cells: pd.DataFrame, runs: pd.DataFrame) -> Table:
    """The paper's table with ours beside it.

    Args:
        layout: as `read_layout` gives it.
        cells: as `layout_cells` gives them.
        runs: the score rows that are shown.
    """
    numbers = reported_values(layout)
    decimals = layout["decimals"]
    header = ["Task"]
    for column in layout["columns"]:
        header += [column["heading"]] + ([f"{column['heading']} (ours)"] if "ours" in column else [])
    table = Table(f"{layout['title']}: reported and ours", header)
    by_place = {(c["group"], c["task"], c["column"]): c for c in frames.records(cells)}
    used: set[str] = set()

    def add_row(label: str, pairs: list[tuple[Cell, Cell | None]]) -> None:
        row = [Cell(label)]
        for reported, ours in pairs:
            row.append(reported)
            if ours is not None:
                row.append(ours)
        used.update(mark for cell in row for mark in cell.marks)
        table.rows.append(row)

    for position, group in enumerate(layout["groups"]):
        if position:
            table.rows.append(None)
        for row in group["rows"]:
            if row.get("hidden"):
                continue
            in_row = [
                by_place[(group["name"], row["task"], column["heading"])] for column in layout["columns"]
            ]
            bold = _bold([cell["printed_mean"] for cell in in_row], layout["bold"])
            pairs = [
                (
                    _reported_cell(cell, decimals, weight),
                    _our_cell(cell, decimals) if "ours" in column else None,
                )
                for cell, column, weight in zip(in_row, layout["columns"], bold)
            ]
            add_row(row.get("label", row["task"]), pairs)
        for aggregate in group.get("aggregates", []):
            summaries = [
                _aggregate(aggregate, group, layout["groups"], column, by_place, numbers, decimals)
                for column in layout["columns"]
            ]
            bold = _bold([value for value, _, _ in summaries], layout["bold"])
            pairs = [
                (Cell(cell.text, weight, "", cell.marks), ours)
                for (_, cell, ours), weight in zip(summaries, bold)
            ]
            add_row(aggregate["label"], pairs)
    table.notes = _layout_notes(layout, cells, runs, used)
    return table


def _reported_cell(cell: dict[str, Any], decimals: int, bold: bool) -> Cell:
    if cell["printed_mean"] is None or pd.isna(cell["printed_mean"]):
        return Cell(NOTHING)
    marks = ("m",) if cell["confidence"] == "from_memory" else ()
    return Cell(with_spread(cell["printed_mean"], cell["printed_spread"], decimals), bold, "", marks)


def _our_cell(cell: dict[str, Any], decimals: int) -> Cell:
    if not len(cell["our_scores_percent"]):
        return Cell(NOTHING)
    verdict = cell["verdict"] if isinstance(cell["verdict"], str) else ""
    marks = tuple(cell["marks"]) + verdict_marks(cell)
    return Cell(our_text(cell["our_scores_percent"], decimals), False, verdict, marks)


def _aggregate(
    aggregate: dict[str, Any],
    group: dict[str, Any],
    groups: list[dict[str, Any]],
    column: dict[str, Any],
    by_place: dict[tuple[str, str, str], dict[str, Any]],
    numbers: pd.DataFrame,
    decimals: int,
) -> tuple[float | None, Cell, Cell | None]:
    """A column's total or average: the reported value, its cell, and ours (None without our column)."""
    spanned = [other for other in groups if other["name"] in aggregate.get("over", [group["name"]])]
    in_group = [
        by_place[(other["name"], row["task"], column["heading"])]
        for other in spanned
        for row in other["rows"]
    ]

    def combine(values: list[float]) -> float:
        return float(np.sum(values) if aggregate["kind"] == "total" else np.mean(values))

    printed = None
    if "reported" in aggregate:
        printed = reported_value(numbers, column["reported"], group["suite"], aggregate["reported"])
    values = [cell["printed_mean"] for cell in in_group if pd.notna(cell["printed_mean"])]
    if printed is not None:
        value: float | None = printed["score_percent"]
        marks: tuple[str, ...] = ("m",) if printed["confidence"] == "from_memory" else ()
    elif len(values) == len(in_group):
        value, marks = combine(values), ("c",)
    else:
        value, marks = None, ()
    cell = Cell(NOTHING) if value is None else Cell(number(value, decimals), False, "", marks)
    if "ours" not in column:
        return value, cell, None
    ours = [
        float(np.mean(cell["our_scores_percent"])) for cell in in_group if len(cell["our_scores_percent"])
    ]
    if len(ours) == len(in_group):
        return value, cell, Cell(number(combine(ours), decimals))
    return value, cell, Cell(f"{NOTHING} ({len(ours)} of {len(in_group)} rows)" if ours else NOTHING)


def _layout_notes(
    layout: dict[str, Any], cells: pd.DataFrame, runs: pd.DataFrame, used: set[str]
) -> list[str]:
    kinds = sorted(set(cells.loc[cells["printed_spread"].notna(), "printed_spread_kind"]))
    meaning = ", ".join(kind.replace("_", " ") for kind in kinds) or "not printed"
    notes = [f"The paper's ±: {meaning}. Bold: {layout['bold']['rule'].replace('_', ' ')} of the reported."]
    if runs.empty:
        notes.append("No runs of ours.")
    else:
        with_ours = cells["column"].isin([c["heading"] for c in layout["columns"] if "ours" in c])
        stated = sorted(set(cells.loc[with_ours, "reported_selection"].dropna()))
        notes.append(
            f"Ours: mean ± sample standard deviation over seeds (number of seeds); checkpoint selection "
            f"{layout['our_selection']}, the paper's {', '.join(stated)}."
        )
        if "unknown" in stated:
            notes.append("Where the paper's selection rule is unknown, a verdict takes it to be ours.")
        notes += verdict_notes(cells[[len(scores) > 0 for scores in cells["our_scores_percent"]]])
    notes += [f"Not shown: {problem}." for problem in sorted(set(cells["not_shown"])) if problem]
    return [*notes, *mark_notes(used, runs), *provenance.footnote(runs)]
