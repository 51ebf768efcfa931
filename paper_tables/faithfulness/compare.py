"""The planned statistic: difference of means over seeds, Welch's test, Holm's adjustment over the tasks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from paper_tables.faithfulness.runs import OURS, THEIRS, Plan
from paper_tables.rendering.table import Cell, Table
from paper_tables.rendering.text import NOTHING
from paper_tables.verdicts.multiplicity import holm

DIFFERS, AGREES = "the programs differ", "the programs agree"
INCONCLUSIVE, INCOMPLETE = "inconclusive", "not complete"


@dataclass(frozen=True)
class Difference:
    """Ours - theirs, in points of the normalised score.

    Attributes:
        means: over seeds, ours and theirs.
        deviations: standard deviations over seeds (n - 1), ours and theirs.
        estimate: difference of the means.
        standard_error: of it.
        degrees: of freedom, Welch's.
        low: lower end of the interval.
        high: upper end.
        p_value: two-sided, of equal means.
    """

    means: tuple[float, float]
    deviations: tuple[float, float]
    estimate: float
    standard_error: float
    degrees: float
    low: float
    high: float
    p_value: float


def welch(ours: Sequence[float], theirs: Sequence[float], level: float) -> Difference:
    """Welch's t-test of two samples of independent runs (Biometrika 34, 1947).

    Args:
        ours: one score per seed, at least two.
        theirs: likewise.
        level: of the interval, 0 to 1.
    """
    from scipy import stats

    a, b = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    result = stats.ttest_ind(a, b, equal_var=False)
    interval = result.confidence_interval(level)
    error = math.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))
    return Difference(
        means=(float(a.mean()), float(b.mean())),
        deviations=(float(a.std(ddof=1)), float(b.std(ddof=1))),
        estimate=float(a.mean() - b.mean()),
        standard_error=error,
        degrees=float(result.df),
        low=float(interval.low),
        high=float(interval.high),
        p_value=float(result.pvalue),
    )


def mean_difference(found: Sequence[Difference], level: float) -> tuple[float, float, float]:
    """The mean of independent differences and its interval, degrees of freedom by Welch and Satterthwaite.

    Args:
        found: one per task.
        level: of the interval.

    Returns:
        Estimate, lower and upper end.
    """
    from scipy import stats

    count = len(found)
    estimate = sum(item.estimate for item in found) / count
    variances = [item.standard_error**2 for item in found]
    degrees = sum(variances) ** 2 / sum(v**2 / item.degrees for v, item in zip(variances, found, strict=True))
    half = float(stats.t.ppf((1 + level) / 2, degrees)) * math.sqrt(sum(variances)) / count
    return estimate, estimate - half, estimate + half


def scores(runs: pd.DataFrame, program: str, task: str, first_update: int) -> list[float]:
    """One score per seed: the mean over the checkpoints from `first_update` on, percent, seeds in order.

    Args:
        runs: rows of the schema ``faithfulness_runs``.
        program: which.
        task: which.
        first_update: first checkpoint that counts.
    """
    rows = runs[(runs["program"] == program) & (runs["task"] == task) & (runs["update"] >= first_update)]
    return [float(value) for value in rows.groupby("seed", sort=True)["score_percent"].mean()]


def is_complete(runs: pd.DataFrame, plan: Plan, task: str) -> bool:
    """Whether both programs have every planned seed on a task."""
    return all(count == len(plan.seeds) for count in counts(runs, task))


def counts(runs: pd.DataFrame, task: str) -> tuple[int, int]:
    """How many runs there are on a task, ours and theirs."""
    rows = runs[runs["task"] == task]
    ours, theirs = (int(rows[rows["program"] == program]["seed"].nunique()) for program in (OURS, THEIRS))
    return ours, theirs


def compare(runs: pd.DataFrame, plan: Plan, first_update: int) -> dict[str, Difference]:
    """The differences on the complete tasks, in the plan's order; the others are not looked at.

    Args:
        runs: rows of the schema ``faithfulness_runs``.
        plan: seeds, tasks, level.
        first_update: first checkpoint that enters a run's mean.
    """
    return {
        task: welch(
            scores(runs, OURS, task, first_update),
            scores(runs, THEIRS, task, first_update),
            plan.interval_level,
        )
        for task in plan.tasks
        if is_complete(runs, plan, task)
    }


def adjusted(found: dict[str, Difference], plan: Plan) -> dict[str, float]:
    """Holm's p-values; a task that is not complete counts as one with p = 1."""
    values = holm([found[task].p_value if task in found else 1.0 for task in plan.tasks])
    return {task: float(p) for task, p in zip(plan.tasks, values, strict=True) if task in found}


def decision(difference: Difference, adjusted_p: float, plan: Plan) -> str:
    """What the plan says of a task's difference."""
    if adjusted_p <= plan.significance_level:
        return DIFFERS
    inside = -plan.margin_percent <= difference.low and difference.high <= plan.margin_percent
    return AGREES if inside else INCONCLUSIVE


def table(runs: pd.DataFrame, plan: Plan) -> Table:
    """The comparison as it is now: complete tasks with their decision, of the others the number of runs."""
    level = f"{plan.interval_level:.0%} interval"
    header = ["File", "Score", "Ours", "CORL", "Difference", level, "p", "p, Holm", "Decision"]
    made = Table("Our IQL and CORL's program", header, text_columns=2)
    planned = compare(runs, plan, plan.averaged_from_update)
    last = compare(runs, plan, plan.num_updates)
    corrected = adjusted(planned, plan)
    for task in plan.tasks:
        if task not in planned:
            ours, theirs = (f"{count} of {len(plan.seeds)} runs" for count in counts(runs, task))
            made.rows.append(
                [Cell(task), Cell("–"), Cell(ours), Cell(theirs), *[Cell(NOTHING)] * 4, Cell(INCOMPLETE)]
            )
            continue
        verdict = decision(planned[task], corrected[task], plan)
        name = f"mean from {plan.averaged_from_update:,} to {plan.num_updates:,} updates"
        made.rows.append(
            [Cell(task), Cell(name), *cells(planned[task]), Cell(f"{corrected[task]:.3f}"), Cell(verdict)]
        )
        made.rows.append(
            [Cell(task), Cell("last checkpoint"), *cells(last[task]), Cell(NOTHING), Cell(NOTHING)]
        )
    made.notes = [
        f"Normalised score in percent, mean over {len(plan.seeds)} seeds (standard deviation over seeds); "
        "difference ours - CORL's, interval and p by Welch's t-test.",
        "The last checkpoint is shown for description; only the mean over checkpoints is decided on.",
    ]
    if len(planned) == len(plan.tasks) > 1:
        estimate, low, high = mean_difference(list(planned.values()), plan.interval_level)
        made.notes.append(f"Mean of the differences over all files: {estimate:+.1f} [{low:.1f}, {high:.1f}].")
    return made


def cells(found: Difference) -> list[Cell]:
    """Both sides, the difference, its interval and p."""
    sides = [f"{mean:.1f} ({sd:.1f})" for mean, sd in zip(found.means, found.deviations, strict=True)]
    interval = f"[{found.low:.1f}, {found.high:.1f}]"
    texts = [*sides, f"{found.estimate:+.1f}", interval, f"{found.p_value:.3f}"]
    return [Cell(text) for text in texts]
