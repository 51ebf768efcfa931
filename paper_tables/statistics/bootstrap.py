"""Stratified bootstrap of the aggregates."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from recheck.errors import TablesError

from paper_tables.statistics.intervals import Interval, check_matrix, satterthwaite_df, satterthwaite_interval

TRIMMED_SHARE = 0.25
REPLICATES = 50_000
_CHUNK_VALUES = 1_000_000
METRICS = ("mean", "median", "iqm", "optimality_gap")


def resamples(matrix: np.ndarray, replicates: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Draw seeds with replacement within each task, in chunks of replicates.

    Args:
        matrix: `[seeds, tasks]`.
        replicates: how many in all.
        rng: the only source of randomness.

    Yields:
        `[tasks, seeds, chunk]`, the replicate last, so that every reduction over seeds and tasks runs
        over whole contiguous rows of replicates.
    """
    num_seeds, num_tasks = matrix.shape
    step = max(1, _CHUNK_VALUES // matrix.size)
    columns = np.ascontiguousarray(matrix.T)
    small = np.uint8 if num_seeds <= 256 else np.int64
    for start in range(0, replicates, step):
        count = min(step, replicates - start)
        picked = rng.integers(0, num_seeds, size=(num_tasks, num_seeds, count), dtype=small)
        drawn = np.empty((num_tasks, num_seeds, count))
        for task in range(num_tasks):
            np.take(columns[task], picked[task], out=drawn[task])
        yield drawn


def metric_of_resamples(drawn: np.ndarray, metric: str, optimum_percent: float = 100.0) -> np.ndarray:
    """One aggregate of every replicate.

    The definitions are rliable's (metrics.py), here over many replicates at once; a test holds the two equal.

    Args:
        drawn: `[tasks, seeds, replicates]`.
        metric: `mean` or `median` over tasks of the mean over seeds; `iqm`, the mean of the middle half
            of all scores of all tasks; `optimality_gap`, how far scores fall short of the optimum on average.
        optimum_percent: the optimum of the gap, 100 (rliable's gamma of 1).

    Returns:
        `[replicates]`, in the unit of the scores.
    """
    num_tasks, num_seeds, count = drawn.shape
    if metric == "mean":
        return drawn.mean(axis=(0, 1))
    if metric == "median":
        return np.median(drawn.mean(axis=1), axis=0)
    if metric == "iqm":
        # Rows of replicates: a sort along the last, contiguous axis is several times faster.
        flat = np.ascontiguousarray(drawn.reshape(num_tasks * num_seeds, count).T)
        flat.sort(axis=1)
        cut = int(TRIMMED_SHARE * flat.shape[1])
        return flat[:, cut : flat.shape[1] - cut].mean(axis=1)
    if metric == "optimality_gap":
        return optimum_percent - np.minimum(drawn, optimum_percent).mean(axis=(0, 1))
    raise TablesError(f"There is no aggregate '{metric}'; known are {', '.join(METRICS)}.")


def bootstrap(
    scores: np.ndarray,
    metrics: tuple[str, ...] = METRICS,
    replicates: int = REPLICATES,
    seed: int = 0,
    optimum_percent: float = 100.0,
) -> dict[str, np.ndarray]:
    """Bootstrap distributions of several aggregates from the same resamples.

    Args:
        scores: `[seeds, tasks]` in percent.
        metrics: names out of `METRICS`.
        replicates: number of resamples.
        seed: equal seeds give equal intervals, whatever else was drawn before.
        optimum_percent: of the optimality gap.

    Returns:
        metric -> `[replicates]`, in the unit of the scores.

    Raises:
        TablesError: scores are not a finite matrix, or a metric is unknown.
    """
    matrix = check_matrix(scores)
    rng = np.random.default_rng(seed)
    parts: dict[str, list[np.ndarray]] = {metric: [] for metric in metrics}
    for drawn in resamples(matrix, replicates, rng):
        for metric in metrics:
            parts[metric].append(metric_of_resamples(drawn, metric, optimum_percent))
    return {metric: np.concatenate(chunks) for metric, chunks in parts.items()}


def percentile_interval(distribution: np.ndarray, level: float = 0.95) -> Interval:
    """The middle `level` of a bootstrap distribution `[replicates]`."""
    low, high = np.quantile(distribution, [0.5 - level / 2, 0.5 + level / 2])
    return Interval(float(low), float(high))


def small_sample_interval(
    scores: np.ndarray, estimate: float, distribution: np.ndarray, metric: str, level: float = 0.95
) -> Interval:
    """An interval meant for three to ten seeds, where the percentile interval is too narrow.

    The mean has an exact tool, `satterthwaite_interval`. For the others the bootstrap standard error is
    widened by sqrt(n / (n - 1)), because resampling n values understates their variance by (n - 1) / n,
    and multiplied by a t quantile with the Satterthwaite degrees of freedom over tasks.

    Args:
        scores: `[seeds, tasks]`, at least 2 seeds.
        estimate: the aggregate of `scores`.
        distribution: its bootstrap distribution, `[replicates]`.
        metric: name out of `METRICS`.
        level: of confidence.
    """
    from scipy import special

    if metric == "mean":
        return satterthwaite_interval(scores, level)
    matrix = check_matrix(scores, least_seeds=2)
    num_seeds = matrix.shape[0]
    df = satterthwaite_df(matrix)
    error = float(np.std(distribution)) * math.sqrt(num_seeds / (num_seeds - 1))
    half = float(special.stdtrit(df, 0.5 + level / 2)) * error
    return Interval(estimate - half, estimate + half, df)


# Two methods.
def improvement_bootstrap(
    scores: np.ndarray, other: np.ndarray, replicates: int = 2000, seed: int = 0
) -> np.ndarray:
    """Bootstrap distribution of the probability of improvement, averaged over tasks.

    Both sides are resampled, each within its task. For one task the probability is the share of pairs
    of seeds in which the first method scores higher, ties counting one half (the Mann-Whitney statistic
    over n m, rliable metrics.py:73-95).

    Args:
        scores: `[seeds, tasks]` of the first method.
        other: `[other seeds, tasks]` of the second, the same tasks in the same order.
        replicates: number of resamples.
        seed: of the draw.

    Returns:
        `[replicates]`, between 0 and 1.
    """
    first, second = check_matrix(scores), check_matrix(other)
    if first.shape[1] != second.shape[1]:
        raise TablesError(
            f"Both methods need the same tasks, not {first.shape[1]} and {second.shape[1]} of them."
        )
    wins = pairwise_wins(first, second)
    rng = np.random.default_rng(seed)
    total = np.zeros(replicates)
    for task in range(first.shape[1]):
        counts = multiplicities(rng, first.shape[0], replicates)
        other_counts = multiplicities(rng, second.shape[0], replicates)
        total += ((counts @ wins[task]) * other_counts).sum(axis=1)
    return total / (first.shape[1] * first.shape[0] * second.shape[0])


def pairwise_wins(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """`[tasks, seeds, other seeds]`: 1 where the first is higher, 0.5 at a tie, else 0."""
    difference = first.T[:, :, None] - second.T[:, None, :]
    return (np.sign(difference) + 1) / 2


def multiplicities(rng: np.random.Generator, num_seeds: int, replicates: int) -> np.ndarray:
    """How often each seed is drawn, `[replicates, seeds]`."""
    picked = rng.integers(0, num_seeds, size=(replicates, num_seeds))
    picked += num_seeds * np.arange(replicates)[:, None]
    counts = np.bincount(picked.ravel(), minlength=replicates * num_seeds)
    return counts.reshape(replicates, num_seeds).astype(float)
