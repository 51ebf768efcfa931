"""Point estimates by rliable, and the constants of the statistics."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from recheck.errors import TablesError

from paper_tables.statistics import bootstrap, intervals
from paper_tables.statistics.samples import Scores, equal_length, per_task

LEVEL = 0.95
LEAST_SEEDS = 3
"""Fewer seeds get no interval: with two a t interval is 12.7 standard errors wide on either side."""
LEAST_COVERAGE = 0.90
"""A printed interval whose simulated coverage is below this is marked."""
PROFILE_REPLICATES = 2000
COVERAGE_SEEDS = (3, 5, 10)
COVERAGE_STUDIES = 400
COVERAGE_REPLICATES = 300
LAST_CHECKPOINTS = 5
DECIMALS = 4


# Point estimates, rliable's.
def point_estimates(scores_percent: Scores) -> dict[str, float]:
    """Mean, median, IQM and optimality gap by rliable, in percent.

    rliable takes equally many seeds of every task. With different numbers every task has equal weight, see
    `bootstrap.metric_by_task`.

    Args:
        scores_percent: `[seeds, tasks]`, or one vector of seeds per task.

    Returns:
        metric -> estimate in percent. The optimality gap is that to a score of 100.

    Raises:
        TablesError: the scores are not a finite matrix.
    """
    columns = per_task(scores_percent)
    matrix = equal_length(columns)
    if matrix is None:
        return {metric: bootstrap.point_estimate(columns, metric) for metric in bootstrap.METRICS}
    from rliable import metrics

    # rliable's scores are shares: the optimum of its gap is 1.
    shares = matrix / 100
    return {
        "mean": 100 * float(metrics.aggregate_mean(shares)),
        "median": 100 * float(metrics.aggregate_median(shares)),
        "iqm": 100 * float(metrics.aggregate_iqm(shares)),
        "optimality_gap": 100 * float(metrics.aggregate_optimality_gap(shares)),
    }


def performance_profile(
    scores_percent: Scores,
    thresholds_percent: np.ndarray,
    replicates: int = PROFILE_REPLICATES,
    seed: int = 0,
    level: float = LEVEL,
) -> pd.DataFrame:
    """Share of runs and tasks with a score above each threshold, with a pointwise bootstrap interval.

    Args:
        scores_percent: `[seeds, tasks]`, or one vector of seeds per task; every task has equal weight.
        thresholds_percent: `[thresholds]`.
        replicates: of the bootstrap.
        seed: of the bootstrap.
        level: of confidence, at each threshold alone.

    Returns:
        Columns `threshold_percent`, `share`, `low`, `high`.
    """
    columns = per_task(scores_percent)
    thresholds = np.asarray(thresholds_percent, dtype=float)
    # Per task: which seeds are above each threshold.
    above = [(column[:, None] > thresholds).astype(float) for column in columns]
    share = np.mean([task.mean(axis=0) for task in above], axis=0)
    rng = np.random.default_rng(seed)
    total = np.zeros((replicates, len(thresholds)))
    for task in above:
        total += bootstrap.multiplicities(rng, len(task), replicates) @ task / len(task)
    total /= len(columns)
    low, high = np.quantile(total, [0.5 - level / 2, 0.5 + level / 2], axis=0)
    return pd.DataFrame({"threshold_percent": thresholds, "share": share, "low": low, "high": high})


def probability_of_improvement(
    scores_percent: Scores,
    other_percent: Scores,
    replicates: int = PROFILE_REPLICATES,
    seed: int = 0,
    level: float = LEVEL,
) -> tuple[float, intervals.Interval]:
    """Probability that a run of the first method beats one of the second, averaged over tasks (rliable).

    Args:
        scores_percent: `[seeds, tasks]` of the first method, or one vector of seeds per task.
        other_percent: the same of the second, same tasks in the same order.
        replicates: of the bootstrap.
        seed: of the bootstrap.
        level: of confidence.
    """
    first, second = per_task(scores_percent), per_task(other_percent)
    distribution = bootstrap.improvement_bootstrap(first, second, replicates, seed)
    estimate = float(
        np.mean([bootstrap.pairwise_wins(mine, theirs).mean() for mine, theirs in zip(first, second)])
    )
    return estimate, bootstrap.percentile_interval(distribution, level)


def sample_efficiency_curve(
    scores_percent: np.ndarray | Sequence[np.ndarray],
    replicates: int = PROFILE_REPLICATES,
    seed: int = 0,
    level: float = LEVEL,
) -> pd.DataFrame:
    """IQM at every checkpoint; a whole run is resampled at once, so that its curve stays together.

    Args:
        scores_percent: `[seeds, tasks, checkpoints]`, as rliable's frames, or one matrix
            `[seeds, checkpoints]` per task.
        replicates: of the bootstrap.
        seed: of the bootstrap.
        level: of confidence, at each checkpoint alone.

    Returns:
        One row per checkpoint, columns `iqm_percent`, `low_percent`, `high_percent` and, with two seeds or
        more, `small_low_percent`, `small_high_percent`.

    Raises:
        TablesError: the scores have another shape or are not finite.
    """
    if isinstance(scores_percent, np.ndarray) and scores_percent.ndim == 3:
        curves = list(scores_percent.swapaxes(0, 1))
    else:
        curves = list(scores_percent)
    wrong = [curve for curve in curves if np.ndim(curve) != 2 or not np.isfinite(curve).all()]
    if wrong or len({curve.shape[1] for curve in curves}) != 1:
        raise TablesError("Sample efficiency needs finite scores [seeds, tasks, checkpoints].")
    rows = []
    for checkpoint in range(curves[0].shape[1]):
        columns = [curve[:, checkpoint] for curve in curves]
        # The same seed of the generator picks the same runs at every checkpoint.
        distribution = bootstrap.bootstrap(columns, ("iqm",), replicates, seed)["iqm"]
        estimate = point_estimates(columns)["iqm"]
        interval = bootstrap.percentile_interval(distribution, level)
        row = {"iqm_percent": estimate, "low_percent": interval.low, "high_percent": interval.high}
        if min(map(len, columns)) > 1:
            small = bootstrap.small_sample_interval(columns, estimate, distribution, "iqm", level)
            row |= {"small_low_percent": small.low, "small_high_percent": small.high}
        rows.append(row)
    return pd.DataFrame(rows)
