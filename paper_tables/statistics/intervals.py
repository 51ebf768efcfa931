"""Intervals over training seeds: t over seeds, and t over tasks.

The intervals of verdicts are in ``verdicts/decision_rule.py``, the bootstrap is in ``bootstrap.py``.

The unit that is resampled is always the training seed, within its task, never the episode. Score matrices
are `[seeds, tasks]`, in percent. Nothing here touches the global random state: rliable 1.2.0 draws from
`np.random` whatever `random_state` it is given (library.py:117-122), so the bootstrap here is our own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from paper_tables.statistics.samples import Scores, equal_length, per_task


@dataclass(frozen=True)
class Interval:
    """An interval in the unit of its scores; `df` is None where no t quantile was used."""

    low: float
    high: float
    df: float | None = None


# One mean, and the mean over tasks.
def mean_interval(scores: np.ndarray, level: float = 0.95) -> Interval:
    """Student's t interval of the mean over seeds of one cell.

    Args:
        scores: `[seeds]`, at least 2 of them.
        level: of confidence.

    Raises:
        TablesError: fewer than two seeds, or a score that is not finite.
    """
    return satterthwaite_interval(np.asarray(scores, dtype=float).reshape(-1, 1), level)


def satterthwaite_interval(scores: Scores, level: float = 0.95) -> Interval:
    """t interval of the mean over tasks of the mean over seeds, tasks held fixed.

    The variance of the mean is the sum over tasks of s_k^2 / n_k / tasks^2; its degrees of freedom are
    Satterthwaite's (Biometrics Bulletin 2, 1946), with n seeds of each between n - 1 and tasks (n - 1).

    Args:
        scores: `[seeds, tasks]`, or one vector of seeds per task; at least 2 seeds of every task.
        level: of confidence.
    """
    from scipy import special

    columns = per_task(scores, least_seeds=2)
    matrix = equal_length(columns)
    if matrix is not None:
        num_seeds, num_tasks = matrix.shape
        centre = float(matrix.mean(axis=0).mean())
        total = float((matrix.var(axis=0, ddof=1) / num_seeds / num_tasks**2).sum())
    else:
        centre = float(np.mean([column.mean() for column in columns]))
        total = sum(float(column.var(ddof=1)) / len(column) for column in columns) / len(columns) ** 2
    df = satterthwaite_df(columns)
    half = float(special.stdtrit(df, 0.5 + level / 2)) * math.sqrt(total)
    return Interval(centre - half, centre + half, df)


def satterthwaite_df(scores: Scores) -> float:
    """Satterthwaite's degrees of freedom of the mean over tasks.

    Args:
        scores: `[seeds, tasks]`, or one vector of seeds per task; at least 2 seeds of every task.
    """
    columns = per_task(scores, least_seeds=2)
    matrix = equal_length(columns)
    if matrix is not None:
        num_seeds, num_tasks = matrix.shape
        variances = matrix.var(axis=0, ddof=1)
        largest = float(variances.max())
        if largest == 0:
            return float(num_tasks * (num_seeds - 1))
        relative = variances / largest
        return float(relative.sum() ** 2 * (num_seeds - 1) / (relative**2).sum())
    sizes = np.array([len(column) for column in columns], dtype=float)
    variances = np.array([column.var(ddof=1) for column in columns]) / sizes
    largest = float(variances.max())
    if largest == 0:
        return float((sizes - 1).sum())
    relative = variances / largest
    return float(relative.sum() ** 2 / (relative**2 / (sizes - 1)).sum())
