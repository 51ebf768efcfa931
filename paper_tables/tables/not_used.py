"""Which of the scores that were read a table does not show, and why; nothing is left out silently."""

from __future__ import annotations

from typing import Any

import pandas as pd
from recheck.words import first_of

from paper_tables import task_table
from paper_tables.scores.spellings import near_name
from paper_tables.scores.tables import RUN_COLUMNS

MOST_NAMED = 8
_RUN = [*RUN_COLUMNS, "sampling", "seed", "selection"]


def not_used(layout: dict[str, Any], runs: pd.DataFrame, shown: pd.DataFrame) -> dict[str, int]:
    """Reason -> number of score rows that a paper's table does not show.

    Rows of another selection rule than the table's are counted only where their run is shown by no rule.

    Args:
        layout: as `read_layout` gives it.
        runs: the score rows that were read.
        shown: those that the table shows.
    """
    runs_shown = set(shown[_RUN[:-1]].itertuples(index=False, name=None)) if len(shown) else set()
    rest = runs[[run not in runs_shown for run in runs[_RUN[:-1]].itertuples(index=False, name=None)]]
    listed = {
        task
        for group in layout["groups"]
        for row in group["rows"]
        for task in (row["task"], *row.get("our_tasks", []))
    }
    methods = {column["ours"]["method"] for column in layout["columns"] if "ours" in column}
    reasons: dict[str, int] = {}
    for (task, method), rows in rest.groupby(["task", "method"], sort=True):
        reason = _reason(str(task), str(method), listed, methods)
        reasons[reason] = reasons.get(reason, 0) + len(rows)
    return reasons


def _reason(task: str, method: str, listed: set[str], methods: set[str]) -> str:
    if task not in listed:
        if task not in task_table.tasks() and (close := near_name(task)):
            return f"there is no task '{task}', the nearest is {close}"
        return f"task {task} is not in this table"
    if method not in methods:
        same = [name for name in methods if task_table.normal_form(name) == task_table.normal_form(method)]
        if same:
            return f"method '{method}' is not spelled '{same[0]}'"
        return f"method {method} has no column"
    return f"other settings of {method} than the column's"


def not_used_note(layout: dict[str, Any], runs: pd.DataFrame, shown: pd.DataFrame) -> str:
    """The same as one message, or empty where all is used."""
    reasons = not_used(layout, runs, shown)
    if not reasons:
        return ""
    reasons = _gathered(reasons)
    # A likely slip first, then what concerns most rows.
    ordered = sorted(reasons, key=lambda reason: (" not in this table" in reason, -reasons[reason], reason))
    named = "; ".join(f"{reason} ({reasons[reason]})" for reason in ordered[:MOST_NAMED])
    rest = ordered[MOST_NAMED:]
    more = f"; {len(rest)} more reasons ({sum(reasons[reason] for reason in rest)})" if rest else ""
    return f"{sum(reasons.values())} rows not used: {named}{more}."


def _gathered(reasons: dict[str, int]) -> dict[str, int]:
    """The same, with several tasks that are not in the table as one reason."""
    start, end = "task ", " is not in this table"
    tasks = [reason for reason in reasons if reason.startswith(start) and reason.endswith(end)]
    if len(tasks) < 2:
        return reasons
    names = [reason.removeprefix(start).removesuffix(end) for reason in tasks]
    rest = {reason: count for reason, count in reasons.items() if reason not in tasks}
    return rest | {f"tasks {first_of(names, 3)} are not in this table": sum(reasons[t] for t in tasks)}
