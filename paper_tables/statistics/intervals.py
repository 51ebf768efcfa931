"""Intervals over training seeds: Welch, t over tasks, and the stratified bootstrap.

The unit that is resampled is always the training seed, within its task, never the episode. Score matrices
are `[seeds, tasks]`, in percent. Nothing here touches the global random state: rliable 1.2.0 draws from
`np.random` whatever `random_state` it is given (library.py:117-122), so the bootstrap here is our own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from recheck.errors import TablesError

"""Share cut from either end by the interquartile mean."""
"""Bootstrap replicates, rliable's default (library.py:211-218)."""
"""Values resampled at a time, so that memory stays near 10 MB whatever the number of replicates."""


@dataclass(frozen=True)
class Interval:
    """An interval in the unit of its scores; `df` is None where no t quantile was used."""

    low: float
    high: float
    df: float | None = None


# Two means.
def welch_standard_error_and_df(
    our_variance: np.ndarray | float,
    our_seeds: np.ndarray | int,
    other_variance: np.ndarray | float,
    other_seeds: np.ndarray | int,
) -> tuple[np.ndarray, np.ndarray]:
    """Welch's standard error of a difference of two means and its degrees of freedom.

    Welch, "The generalization of Student's problem when several different population variances are
    involved", Biometrika 34 (1947). Arguments broadcast.

    Args:
        our_variance: sample variance between our seeds, points squared.
        our_seeds: our number of seeds, at least 2.
        other_variance: the other side's.
        other_seeds: the other side's number of seeds, at least 2.

    Returns:
        Standard error in points, and degrees of freedom. Where both variances are 0 the error is 0 and
        the degrees of freedom those of equal variances, n + m - 2.
    """
    ours = np.asarray(our_variance, dtype=float) / our_seeds
    other = np.asarray(other_variance, dtype=float) / other_seeds
    total = ours + other
    with np.errstate(divide="ignore", invalid="ignore"):
        # Shares, not squares of small numbers: a variance of 1e-200 must not underflow to 0 / 0.
        share = np.where(total > 0, ours / total, 0.5)
    df_both = 1.0 / (
        share**2 / (np.asarray(our_seeds) - 1) + (1 - share) ** 2 / (np.asarray(other_seeds) - 1)
    )
    df = np.where(total > 0, df_both, np.asarray(our_seeds) + np.asarray(other_seeds) - 2)
    return np.sqrt(total), df


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


def satterthwaite_interval(scores: np.ndarray, level: float = 0.95) -> Interval:
    """t interval of the mean over tasks of the mean over seeds, tasks held fixed.

    The variance of the mean is the sum over tasks of s_k^2 / n / tasks^2; its degrees of freedom are
    Satterthwaite's (Biometrics Bulletin 2, 1946), between n - 1 and tasks (n - 1).

    Args:
        scores: `[seeds, tasks]`, at least 2 seeds.
        level: of confidence.
    """
    from scipy import special

    matrix = check_matrix(scores, least_seeds=2)
    num_seeds, num_tasks = matrix.shape
    centre = float(matrix.mean(axis=0).mean())
    variances = matrix.var(axis=0, ddof=1) / num_seeds / num_tasks**2
    total = float(variances.sum())
    df = satterthwaite_df(matrix)
    half = float(special.stdtrit(df, 0.5 + level / 2)) * math.sqrt(total)
    return Interval(centre - half, centre + half, df)


def satterthwaite_df(matrix: np.ndarray) -> float:
    """Satterthwaite's degrees of freedom of the mean over tasks, of a `[seeds, tasks]` matrix."""
    num_seeds, num_tasks = matrix.shape
    variances = matrix.var(axis=0, ddof=1)
    largest = float(variances.max())
    if largest == 0:
        return float(num_tasks * (num_seeds - 1))
    relative = variances / largest
    return float(relative.sum() ** 2 * (num_seeds - 1) / (relative**2).sum())


# The stratified bootstrap.
def check_matrix(scores: np.ndarray, least_seeds: int = 1) -> np.ndarray:
    """A `[seeds, tasks]` matrix as floats.

    Raises:
        TablesError: it is not a matrix, is too short, or holds a score that is not finite.
    """
    matrix = np.asarray(scores, dtype=float)
    if matrix.ndim != 2 or matrix.shape[1] < 1:
        raise TablesError(
            f"Scores must be a matrix [seeds, tasks], not an array of shape {list(matrix.shape)}."
        )
    if matrix.shape[0] < least_seeds:
        raise TablesError(f"An interval needs at least {least_seeds} seeds, not {matrix.shape[0]}.")
    if not np.isfinite(matrix).all():
        raise TablesError("Every score must be a finite number; leave a task out where a seed is missing.")
    return matrix
