"""What the evidence says about the field: implementations, contradicted numbers, and drift of a baseline."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from paper_tables import frames
from paper_tables.evidence.tables import DIFFERENT, distinct, interval_text, number_cell, signed
from paper_tables.rendering.table import Cell, Table
from paper_tables.rendering.text import NOTHING
from paper_tables.verdicts import rule

LEAST_IMPLEMENTATIONS = 2
LEAST_TASKS = 3


def implementation_spread(runs: pd.DataFrame) -> pd.DataFrame:
    """For each method and task with two or more implementations: the spread between them and between seeds.

    The variance between implementations is the sample variance of their means less the mean squared standard
    error of those means, at least 0; that between seeds is the mean of the implementations' variances.

    Args:
        runs: rows of the schema ``public_runs``; last evaluations on D4RL's data are used.

    Returns:
        `method`, `task`, `settings` (usual, or any where runs tuned for each task take part),
        `implementations`, `means`, `between_sd`, `seed_sd`, `gap`, in points; one row per cell and settings.
    """
    last = runs[(runs["datasets"] == "d4rl") & (runs["selection"] == "last") & (runs["settings"] != "other")]
    rows = []
    for (method, task), part in last.groupby(["method", "task"], sort=True):
        usual = part[part["settings"] == "usual"]
        for settings, chosen in (("usual", usual), ("any", part)):
            if settings == "any" and len(usual) == len(part):
                continue
            row = _spread_of(chosen)
            if row is not None:
                rows.append({"method": method, "task": task, "settings": settings, **row})
    columns = ["method", "task", "settings", "implementations", "means", "between_sd", "seed_sd", "gap"]
    return pd.DataFrame(rows, columns=columns)


def _spread_of(part: pd.DataFrame) -> dict[str, Any] | None:
    groups = {
        f"{implementation}" + ("" if settings == "usual" else f" ({str(settings).replace('_', ' ')})"): scores
        for (implementation, settings), scores in part.groupby(["implementation", "settings"])[
            "score_percent"
        ]
        if len(scores) > 1
    }
    if len(groups) < LEAST_IMPLEMENTATIONS:
        return None
    means = np.array([scores.mean() for scores in groups.values()])
    variances = np.array([scores.var(ddof=1) for scores in groups.values()])
    errors = variances / np.array([len(scores) for scores in groups.values()])
    return {
        "implementations": len(groups),
        "means": "; ".join(f"{name} {mean:.1f}" for name, mean in zip(groups, means)),
        "between_sd": math.sqrt(max(0.0, float(means.var(ddof=1) - errors.mean()))),
        "seed_sd": math.sqrt(float(variances.mean())),
        "gap": float(np.ptp(means)),
    }


def implementations_table(spread: pd.DataFrame) -> Table:
    """The spread between implementations next to that between seeds, by method."""
    table = Table(
        "Spread between implementations and between seeds",
        ["Method", "Settings", "Tasks", "Between implementations", "Between seeds", "Largest gap"],
        text_columns=2,
        notes=[
            "Medians over tasks of standard deviations in points, last evaluation, tasks with runs of two or "
            "more public implementations; the seeds' noise of the means is taken out of the first.",
            "Settings: usual, or any where runs tuned for each task count as an implementation of their own.",
            "Largest gap: the highest minus the lowest mean of two implementations, and where.",
        ],
    )
    for (method, settings), part in spread.groupby(["method", "settings"], sort=True):
        widest = part.iloc[int(part["gap"].argmax())]
        table.rows.append(
            [
                Cell(str(method)),
                Cell(str(settings)),
                Cell(str(len(part))),
                Cell(f"{part['between_sd'].median():.1f}"),
                Cell(f"{part['seed_sd'].median():.1f}"),
                Cell(f"{widest['gap']:.1f} ({widest['task']}: {widest['means']})"),
            ]
        )
    return table


def contradicted(frame: pd.DataFrame) -> pd.DataFrame:
    """Numbers, each once, that independent runs or other reports contradict, the largest difference first.

    Numbers that are different and lie within the spread of independent re-runs are left out: these
    implementations differ, which does not show that the number is wrong.
    """
    rows = distinct(frame)
    flags = rows["flags"].str.split("; ")
    plain = flags.map(
        lambda names: (
            not {rule.OTHER_SETTINGS, rule.OTHER_SELECTION, rule.WITHIN_IMPLEMENTATION_SPREAD} & set(names)
        )
    )
    wrong = rows["verdict"].isin(DIFFERENT) & plain
    chosen = rows[wrong | (rows["reports_place"] == "outside")]
    order = chosen["difference_percent"].abs().sort_values(ascending=False, kind="stable").index
    return chosen.loc[order]


def contradicted_table(frame: pd.DataFrame) -> Table:
    """The numbers that the evidence contradicts."""
    rows = contradicted(frame)
    table = Table(
        "Numbers that the evidence contradicts",
        ["Number", "Reported", "Evidence minus reported", "90% interval", "Who", "Other reports"],
        notes=[
            "Different by runs without a mark for settings or selection and not within the spread of "
            "independent re-runs, or outside the 95% prediction interval of other reports.",
            "Where one implementation disagrees and other reports agree, it is the exception, not they.",
        ],
    )
    for row in frames.records(rows):
        who = row.get(f"{row['basis']}_implementations") or "other reports"
        table.rows.append(
            [
                Cell(str(row["id"])),
                number_cell(row),
                Cell(signed(row["difference_percent"])),
                Cell(interval_text(row)),
                Cell(str(who)),
                Cell(str(row["reports_words"]) or NOTHING),
            ]
        )
    return table


def drift(frame: pd.DataFrame) -> pd.DataFrame:
    """How a method's numbers in later documents differ from those of its own authors.

    For each method and document that ran it again (copies left out): the mean over common tasks and versions
    of its number minus the authors' own, checkpoints selected by the best score left out.

    Returns:
        `method_key`, `document`, `year`, `tasks`, `mean_difference`, `largest_difference`, in points.
    """
    cells = frame[
        (frame["aggregate"] == "cell")
        & (frame["origin"] != "copied")
        & (frame["selection"] != "best_online")
        & (frame["confidence"] == "seen")
    ]
    rows: list[dict[str, Any]] = []
    for method, part in cells.groupby("method_key", sort=True):
        own = part[part["origin"] == "own"].drop_duplicates("task").set_index("task")
        for document, again in part[part["origin"] == "rerun"].groupby("document", sort=True):
            theirs = again.drop_duplicates("task").set_index("task")
            both = (theirs["score_percent"] - own["score_percent"]).dropna()
            if len(both) >= LEAST_TASKS:
                rows.append(
                    {
                        "method_key": method,
                        "document": document,
                        "year": again["year"].iloc[0],
                        "tasks": len(both),
                        "mean_difference": float(both.mean()),
                        "largest_difference": float(both.iloc[int(both.abs().argmax())]),
                        "largest_task": str(both.abs().idxmax()),
                    }
                )
    columns = [
        "method_key",
        "document",
        "year",
        "tasks",
        "mean_difference",
        "largest_difference",
        "largest_task",
    ]
    return pd.DataFrame(rows, columns=columns).sort_values(["method_key", "year", "document"])


def drift_table(found: pd.DataFrame) -> Table:
    """Drift of baselines over the years."""
    table = Table(
        "A method's numbers in later documents minus its authors' own",
        ["Method", "Document", "Year", "Tasks", "Mean difference", "Largest", "Where"],
        text_columns=2,
        notes=[
            "In points, over the tasks and versions that both print; copies and best checkpoints left out."
        ],
    )
    for row in frames.records(found):
        year = row["year"]
        table.rows.append(
            [
                Cell(str(row["method_key"])),
                Cell(str(row["document"])),
                Cell(NOTHING if year is None or pd.isna(year) else str(int(year))),
                Cell(str(row["tasks"])),
                Cell(signed(row["mean_difference"])),
                Cell(signed(row["largest_difference"])),
                Cell(str(row["largest_task"])),
            ]
        )
    return table
