"""The cells of a paper's table: reported numbers, our runs, and the verdicts on them.

A layout names the rows, their order and groups, and which runs of ours are shown with which column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from paper_tables import frames
from paper_tables.rendering.text import marks_of_run
from paper_tables.scores import plausible, provenance
from paper_tables.scores.tables import STATED
from paper_tables.tables.column_layout import reported_of_column, reported_value
from paper_tables.tables.layout_files import RULE_OF

if TYPE_CHECKING:
    from paper_tables.verdicts.looks import SequentialRuns

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


@dataclass(frozen=True)
class Found:
    """Our runs for one cell.

    Attributes:
        runs: their rows of the schema ``scores``, every selection rule; empty where there are none.
        num_updates: their updates of training; 0 where they are not stated.
        problem: why runs that exist are not shown, or empty.
    """

    runs: pd.DataFrame
    num_updates: int = 0
    problem: str = ""


def _of_column(ours: dict[str, Any], runs: pd.DataFrame) -> pd.DataFrame:
    """The runs that a column asks for; a score file of a user's states no variant or sampling setting."""
    steps, sampling = ours.get("diffusion_steps", 0), ours.get("sampling", "default")
    same = (
        (runs["variant"] == ours["variant"])
        & (runs["diffusion_steps"] == steps)
        & (runs["sampling"].str.replace(r"-[0-9a-f]{8}$", "", regex=True) == sampling)
    )
    result: pd.DataFrame = runs[
        (runs["method"] == ours["method"]) & (same | (runs["comparability"] == STATED))
    ]
    return result


def _runs_of(
    ours: dict[str, Any], tasks: Sequence[str], runs: pd.DataFrame, num_updates: int | None
) -> Found:
    """Our runs of a column on the first of `tasks` that has some."""
    of_column = _of_column(ours, runs)
    for task in tasks:
        found = of_column[of_column["task"] == task]
        if found.empty:
            continue
        # The longest row of a run is its last checkpoint, whatever rules there are.
        trained = found.groupby(["digest", "sampling"])["update"].max()
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
    """Why a cell cannot be judged; empty where it can. What is not stated is no reason, but a mark."""
    reasons = []
    if judged["confidence"] != "seen":
        reasons.append("the reported number is unverified")
    ours = found.iloc[0]
    if ours["task"] != task:
        reasons.append(f"ours is of {ours['task']}")
    if ours["comparability"] not in ("original", STATED):
        reasons.append(f"our dataset is {ours['comparability']}")
    if pd.notna(ours["environment_match"]) and ours["environment_match"] not in ("same", "adapted"):
        reasons.append("our environment is another")
    if ours["score_unit"] != "percent":
        reasons.append("our score is a raw return")
    elif unusual := plausible.unusual(str(ours["task"]), found["score_percent"].to_numpy(dtype=float)):
        reasons.append(unusual)
    # A user's runs are compared at their own length, which a mark and the caption state.
    if wanted is not None and trained not in (wanted, 0) and ours["comparability"] != STATED:
        reasons.append(f"ours was trained for {trained:,} updates, the paper's for {wanted:,}")
    return reasons


def _other_selection(selection: str | None, ours: str) -> bool:
    """Whether our checkpoints are selected by another rule than the one that the paper states."""
    return selection in RULE_OF and ours not in RULE_OF[selection]


@dataclass(frozen=True)
class _Sources:
    """What the cells of one layout are filled from."""

    layout: dict[str, Any]
    numbers: dict[str, pd.DataFrame]
    runs: pd.DataFrame
    known: Any
    margins: Any

    def cell(self, group: dict[str, Any], row: dict[str, Any], column: dict[str, Any]) -> tuple[Any, Any]:
        """One cell, and our score rows in it (None without)."""
        reported = None
        if "reported" in column:
            numbers = self.numbers[column["heading"]]
            reported = reported_value(numbers, column["reported"], group["suite"], row["task"])
        cell: dict[str, Any] = {
            "table": self.layout["name"],
            "group": group["name"],
            "suite": group["suite"],
            "task": row["task"],
            "column": column["heading"],
            "hidden": row.get("hidden", False),
            "printed_mean": None if reported is None else reported["score_percent"],
            "printed_spread": None if reported is None else reported["spread_percent"],
            "printed_spread_kind": "none" if reported is None else reported["spread_kind"],
            **(NO_QUESTION if reported is None else self.known.question(reported)),
            "margin_percent": self.margins.of_suite(group["suite"]),
            "our_scores_percent": (),
            "not_judged_reason": None,
            "other_selection": False,
            # Fractions are refused where scores are read.
            "units_confirmed": True,
            "our_task": None,
            "our_digest": None,
            "not_shown": "",
            "marks": (),
        }
        ours = column.get("ours")
        if ours is None:
            return cell, None
        wanted = row.get("num_updates") or group.get("num_updates") or ours.get("num_updates")
        fitting = _runs_of(ours, [row["task"], *row.get("our_tasks", [])], self.runs, wanted)
        cell["not_shown"] = fitting.problem
        rule = self.layout["our_selection"]
        found = fitting.runs[fitting.runs["selection"] == rule]
        if found.empty and len(fitting.runs) and set(fitting.runs["comparability"]) == {STATED}:
            # A user's file has the one rule that its author states.
            rule = str(fitting.runs["selection"].iloc[0])
            found = fitting.runs[fitting.runs["selection"] == rule]
        if found.empty:
            if len(fitting.runs):
                cell["not_shown"] = (
                    f"{ours['method']} on {row['task']} has no score by the rule {rule}, only "
                    f"{', '.join(sorted(set(fitting.runs['selection'])))}"
                )
            return cell, None
        cell["our_scores_percent"] = tuple(found.sort_values("seed")["score_percent"])
        cell["our_task"] = found.iloc[0]["task"]
        cell["our_digest"] = found.iloc[0]["digest"]
        cell["marks"] = marks_of_run(found.iloc[0], row["task"], fitting.num_updates, wanted)
        if reported is not None:
            reasons = _why_not_judged(cell, row["task"], found, fitting.num_updates, wanted)
            cell["not_judged_reason"] = "; ".join(reasons) or None
            cell["other_selection"] = _other_selection(cell["reported_selection"], rule)
        return cell, found


def layout_cells(
    layout: dict[str, Any],
    runs: pd.DataFrame | None = None,
    allowed: Sequence[str] = (),
    sequential: SequentialRuns | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every cell of a paper's table with its reported number, our scores and the verdict.

    Args:
        layout: as `read_layout` gives it.
        runs: rows of the schema ``scores``; None for the paper's own table.
        allowed: provenance fields in which the runs of a row may differ, with those of the layout.
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
    runs = _no_runs() if runs is None else runs
    numbers = {
        column["heading"]: reported_of_column(layout, column)
        for column in layout["columns"]
        if "reported" in column
    }
    sources = _Sources(layout, numbers, runs, known, load_margins())
    allowed = [*allowed, *layout.get("allow_mixed_provenance", [])]
    cells: list[dict[str, Any]] = []
    shown: list[pd.DataFrame] = []
    for group in layout["groups"]:
        for row in group["rows"]:
            in_row: list[pd.DataFrame] = []
            for column in layout["columns"]:
                cell, found = sources.cell(group, row, column)
                cells.append(cell)
                if found is not None:
                    in_row.append(found)
            if in_row:
                together = pd.concat(in_row, ignore_index=True)
                provenance.refuse_mixed(together, f"Row {row['task']} of {layout['name']}", allowed)
                shown.append(together)
    table = pd.DataFrame(cells)
    judged = judge_table(table[table["reported_mean"].notna()], known.bands, sequential)
    result = table.join(judged[[name for name in judged.columns if name not in table.columns]])
    return result, pd.concat(shown, ignore_index=True) if shown else runs.iloc[:0]


def _no_runs() -> pd.DataFrame:
    return pd.DataFrame(columns=frames.columns("scores")).astype({"sampling": "object"})
