"""Point estimates by rliable, and the constants of the statistics."""

from __future__ import annotations

import numpy as np
import pandas as pd
from recheck.errors import TablesError

from paper_tables.statistics import bootstrap, intervals

LEVEL = 0.95
PROFILE_REPLICATES = 2000
COVERAGE_SEEDS = (3, 5, 10)
COVERAGE_STUDIES = 400
COVERAGE_REPLICATES = 300
LAST_CHECKPOINTS = 5
DECIMALS = 4


# Point estimates, rliable's.
def point_estimates(scores_percent: np.ndarray) -> dict[str, float]:
    """Mean, median, IQM and optimality gap by rliable, in percent.

    Args:
        scores_percent: `[seeds, tasks]`.

    Returns:
        metric -> estimate in percent. The optimality gap is that to a score of 100.

    Raises:
        TablesError: the scores are not a finite matrix.
    """
    matrix = intervals.check_matrix(scores_percent)
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
    scores_percent: np.ndarray,
    thresholds_percent: np.ndarray,
    replicates: int = PROFILE_REPLICATES,
    seed: int = 0,
    level: float = LEVEL,
) -> pd.DataFrame:
    """Share of runs and tasks with a score above each threshold, with a pointwise bootstrap interval.

    Args:
        scores_percent: `[seeds, tasks]`.
        thresholds_percent: `[thresholds]`.
        replicates: of the bootstrap.
        seed: of the bootstrap.
        level: of confidence, at each threshold alone.

    Returns:
        Columns `threshold_percent`, `share`, `low`, `high`.
    """
    matrix = intervals.check_matrix(scores_percent)
    thresholds = np.asarray(thresholds_percent, dtype=float)
    from rliable import library

    share = np.asarray(library.score_distributions(matrix, thresholds), dtype=float)
    num_seeds, num_tasks = matrix.shape
    rng = np.random.default_rng(seed)
    # Per task: how many seeds lie above each threshold in every replicate.
    above = (matrix.T[:, :, None] > thresholds).astype(float)
    total = np.zeros((replicates, len(thresholds)))
    for task in range(num_tasks):
        total += bootstrap.multiplicities(rng, num_seeds, replicates) @ above[task]
    total /= num_seeds * num_tasks
    low, high = np.quantile(total, [0.5 - level / 2, 0.5 + level / 2], axis=0)
    return pd.DataFrame({"threshold_percent": thresholds, "share": share, "low": low, "high": high})


def probability_of_improvement(
    scores_percent: np.ndarray,
    other_percent: np.ndarray,
    replicates: int = PROFILE_REPLICATES,
    seed: int = 0,
    level: float = LEVEL,
) -> tuple[float, intervals.Interval]:
    """Probability that a run of the first method beats one of the second, averaged over tasks (rliable).

    Args:
        scores_percent: `[seeds, tasks]` of the first method.
        other_percent: `[other seeds, tasks]` of the second, same tasks in the same order.
        replicates: of the bootstrap.
        seed: of the bootstrap.
        level: of confidence.
    """
    first, second = intervals.check_matrix(scores_percent), intervals.check_matrix(other_percent)
    distribution = bootstrap.improvement_bootstrap(first, second, replicates, seed)
    from rliable import metrics

    estimate = float(metrics.probability_of_improvement(first, second))
    return estimate, bootstrap.percentile_interval(distribution, level)


def sample_efficiency_curve(
    scores_percent: np.ndarray,
    replicates: int = PROFILE_REPLICATES,
    seed: int = 0,
    level: float = LEVEL,
) -> pd.DataFrame:
    """IQM at every checkpoint; a whole run is resampled at once, so that its curve stays together.

    Args:
        scores_percent: `[seeds, tasks, checkpoints]`, as rliable's frames.
        replicates: of the bootstrap.
        seed: of the bootstrap.
        level: of confidence, at each checkpoint alone.

    Returns:
        One row per checkpoint, columns `iqm_percent`, `low_percent`, `high_percent` and, with two seeds or
        more, `small_low_percent`, `small_high_percent`.
    """
    frames = np.asarray(scores_percent, dtype=float)
    if frames.ndim != 3 or not np.isfinite(frames).all():
        raise TablesError(
            "Sample efficiency needs finite scores [seeds, tasks, checkpoints], "
            f"not an array of shape {list(frames.shape)}."
        )
    rows = []
    for checkpoint in range(frames.shape[2]):
        matrix = frames[:, :, checkpoint]
        # The same seed of the generator picks the same runs at every checkpoint.
        distribution = bootstrap.bootstrap(matrix, ("iqm",), replicates, seed)["iqm"]
        estimate = point_estimates(matrix)["iqm"]
        interval = bootstrap.percentile_interval(distribution, level)
        row = {"iqm_percent": estimate, "low_percent": interval.low, "high_percent": interval.high}
        if len(matrix) > 1:
            small = bootstrap.small_sample_interval(matrix, estimate, distribution, "iqm", level)
            row |= {"small_low_percent": small.low, "small_high_percent": small.high}
        rows.append(row)
    return pd.DataFrame(rows)
