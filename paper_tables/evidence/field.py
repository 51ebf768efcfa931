"""What the evidence says about the field: implementations, contradicted numbers, and drift of a baseline."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from paper_tables import frames
from paper_tables.evidence.direct import named_groups
from paper_tables.evidence.judgement import NumberEvidence
from paper_tables.evidence.tables import DIFFERENT, distinct, interval_text, number_cell, signed
from paper_tables.rendering.table import Cell, Table
from paper_tables.rendering.text import NOTHING, with_spread
from paper_tables.verdicts import decision_rule
from paper_tables.verdicts.judge import Comparison, ReportedNumber, judge

LEAST_IMPLEMENTATIONS = 2
LEAST_TASKS = 3
LEAST_SEEDS = 3


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

    Numbers that are different and within the spread of independent re-runs are left out: these
    implementations differ, which does not show that the number is wrong.
    """
    rows = distinct(frame)
    flags = rows["flags"].str.split("; ")
    plain = flags.map(
        lambda names: (
            not {
                decision_rule.OTHER_SETTINGS,
                decision_rule.OTHER_SELECTION,
                decision_rule.WITHIN_IMPLEMENTATION_SPREAD,
            }
            & set(names)
        )
    )
    wrong = rows["verdict"].isin(DIFFERENT) & plain
    chosen = rows[wrong | (rows["reports_place"] == "outside")]
    order = chosen["difference_percent"].abs().sort_values(ascending=False, kind="stable").index
    return chosen.loc[order]


def contradicted_table(frame: pd.DataFrame) -> Table:
    """The numbers that the evidence contradicts; below a line those that another report agrees with."""
    table = Table(
        "Numbers that the evidence contradicts",
        ["Number", "Reported", "Evidence minus reported", "90% interval", "Who", "Other reports"],
        notes=[
            "Different by runs without a mark for settings or selection and not within the spread of "
            "independent re-runs, or outside the 95% prediction interval of other reports.",
            "Below the line: another document that ran the method is within the margin of the number. There "
            "one implementation disagrees with the others, and it is the exception, not they.",
            "Other reports: documents that ran the method, with their number minus this one.",
        ],
    )
    alone: list[list[Cell]] = []
    agreed: list[list[Cell]] = []
    scores = frame.set_index("id")["score_percent"].to_dict()
    for row in frames.records(contradicted(frame)):
        others = [
            (name.split("/")[0], scores[name] - row["score_percent"])
            for name in str(row["reports"]).split("; ")
            if name
        ]
        agrees = any(abs(difference) <= row["margin_percent"] for _, difference in others)
        (agreed if agrees else alone).append(
            [
                Cell(str(row["id"])),
                number_cell(row),
                Cell(signed(row["difference_percent"])),
                Cell(interval_text(row)),
                Cell(str(row.get(f"{row['basis']}_implementations") or "other reports")),
                Cell(", ".join(f"{name} {signed(difference)}" for name, difference in others) or NOTHING),
            ]
        )
    table.rows = [*alone, *([None] if alone and agreed else []), *agreed]
    return table


FEWER_THAN_TWO = "fewer than two"
AGREE, OPEN, DISAGREE = "reproduce each other", "undecided", "disagree"


def agreement(entry: NumberEvidence) -> str:
    """Whether the implementations with runs of a number agree with each other, whatever the number is.

    The last evaluations of every two are judged against each other by the verdict rule with the number's
    margin, settings chosen per task among them.

    Returns:
        `DISAGREE` where two are different, `AGREE` where all reproduce each other, otherwise `OPEN`;
        `FEWER_THAN_TWO` without two that have three seeds.
    """
    groups = [group for group in entry.direct.groups if len(group.scores_percent) >= LEAST_SEEDS]
    usual = [group for group in groups if group.selection == "last"]
    if len(usual) < LEAST_IMPLEMENTATIONS:
        return FEWER_THAN_TWO
    asked = Comparison(margin_percent=entry.verdict.margin_percent or 5.0, units_confirmed=True)
    verdicts = {
        judge(ReportedNumber.of_runs(one.scores_percent), other.scores_percent, asked).verdict
        for one, other in itertools.combinations(usual, 2)
    }
    if verdicts & set(DIFFERENT):
        return DISAGREE
    return AGREE if verdicts == {decision_rule.REPRODUCED} else OPEN


def disagreements_table(found: Sequence[NumberEvidence]) -> Table:
    """Numbers whose implementations disagree with each other: all are shown, none is chosen."""
    table = Table(
        "Implementations that disagree with each other",
        ["Number", "Reported", "Implementation", "Evidence", "Seeds", "Mean", "Verdict alone"],
        notes=[
            "Runs of two implementations of one method, task and version that are different from each other "
            "by the verdict rule. None is chosen: each class of runs is judged for itself, and a claim of a "
            "class needs that its implementations agree.",
            "Evidence: independent, the document's own code, or settings chosen for each task.",
        ],
    )
    seen: set[tuple[str, str]] = set()
    for entry in found:
        number = entry.number
        cell = str(number["method_key"]), str(number["task"])
        if cell in seen or entry.is_copy or agreement(entry) != DISAGREE:
            continue
        seen.add(cell)
        table.rows += [] if not table.rows else [None]
        spread = None if number["spread_kind"] == "none" else number["spread_percent"]
        printed = with_spread(number["score_percent"], spread, int(number["decimals"]))
        named = [Cell(str(number["id"])), Cell(printed)]
        for kind, judged in entry.direct.judged.items():
            groups = named_groups([group for group in entry.direct.groups if group.kind == kind])
            for name, verdict in judged.single.items():
                scores = groups[name].scores_percent
                table.rows.append(
                    [
                        *named,
                        Cell(groups[name].implementation),
                        Cell(kind.replace("_", " ")),
                        Cell(str(len(scores))),
                        Cell(f"{sum(scores) / len(scores):.1f}"),
                        Cell(verdict.verdict),
                    ]
                )
                named = [Cell(""), Cell("")]
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
            "In points, over the tasks and versions that both print; copies and best checkpoints left out.",
            "Year: in which the document first appeared; the version that was read may be a later one.",
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
