"""Stratified bootstrap of the aggregates: seeds are drawn within their task.

Seeds of different tasks are independent runs, so their labels pair nothing. A task may have more seeds than
another; every task then has the same weight in every aggregate.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from recheck.errors import TablesError

from paper_tables.statistics.intervals import Interval, satterthwaite_df, satterthwaite_interval
from paper_tables.statistics.samples import Scores, equal_length, per_task

TRIMMED_SHARE = 0.25
"""Share cut from either end by the interquartile mean."""
REPLICATES = 50_000
"""Bootstrap replicates, rliable's default (library.py:211-218)."""
_CHUNK_VALUES = 1_000_000
"""Values resampled at a time, so that memory stays near 10 MB whatever the number of replicates."""
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


def resamples_by_task(
    columns: Sequence[np.ndarray], replicates: int, rng: np.random.Generator
) -> Iterator[list[np.ndarray]]:
    """As `resamples`, for tasks with different numbers of seeds.

    Args:
        columns: `[tasks]` vectors `[seeds of the task]`.
        replicates: how many in all.
        rng: the only source of randomness.

    Yields:
        One array `[seeds of the task, chunk]` for each task.
    """
    step = max(1, _CHUNK_VALUES // sum(len(column) for column in columns))
    for start in range(0, replicates, step):
        count = min(step, replicates - start)
        yield [column[rng.integers(0, len(column), size=(len(column), count))] for column in columns]


def metric_by_task(drawn: Sequence[np.ndarray], metric: str, optimum_percent: float = 100.0) -> np.ndarray:
    """As `metric_of_resamples`, for tasks with different numbers of seeds; every task has equal weight.

    The interquartile mean cuts a quarter of the weight off either end: a score of a task with n seeds weighs
    1 / n. With equal numbers of seeds rliable cuts whole scores, `int(0.25 * number of scores)` of them.

    Args:
        drawn: one array `[seeds of the task, replicates]` for each task.
        metric: name out of `METRICS`.
        optimum_percent: of the optimality gap.

    Returns:
        `[replicates]`, in the unit of the scores.
    """
    result: np.ndarray
    if metric == "mean":
        result = np.mean([task.mean(axis=0) for task in drawn], axis=0)
        return result
    if metric == "median":
        result = np.median([task.mean(axis=0) for task in drawn], axis=0)
        return result
    if metric == "optimality_gap":
        result = optimum_percent - np.mean(
            [np.minimum(task, optimum_percent).mean(axis=0) for task in drawn], axis=0
        )
        return result
    if metric == "iqm":
        flat = np.concatenate(drawn)
        weights = np.concatenate([np.full(len(task), 1 / len(task) / len(drawn)) for task in drawn])
        order = np.argsort(flat, axis=0, kind="stable")
        upper = np.cumsum(weights[order], axis=0)
        lower = upper - weights[order]
        kept = np.minimum(upper, 1 - TRIMMED_SHARE) - np.maximum(lower, TRIMMED_SHARE)
        kept = np.maximum(kept, 0.0)
        result = (np.take_along_axis(flat, order, axis=0) * kept).sum(axis=0) / kept.sum(axis=0)
        return result
    raise TablesError(f"There is no aggregate '{metric}'; known are {', '.join(METRICS)}.")


def point_estimate(scores: Scores, metric: str, optimum_percent: float = 100.0) -> float:
    """One aggregate, by the code that serves the replicates.

    Args:
        scores: `[seeds, tasks]`, or one vector per task.
        metric: name out of `METRICS`.
        optimum_percent: of the optimality gap.
    """
    columns = per_task(scores)
    matrix = equal_length(columns)
    if matrix is not None:
        return float(metric_of_resamples(matrix.T[:, :, None], metric, optimum_percent)[0])
    return float(metric_by_task([column[:, None] for column in columns], metric, optimum_percent)[0])


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
    result: np.ndarray
    if metric == "mean":
        result = drawn.mean(axis=(0, 1))
        return result
    if metric == "median":
        result = np.median(drawn.mean(axis=1), axis=0)
        return result
    if metric == "iqm":
        # Rows of replicates: a sort along the last, contiguous axis is several times faster.
        flat = np.ascontiguousarray(drawn.reshape(num_tasks * num_seeds, count).T)
        flat.sort(axis=1)
        cut = int(TRIMMED_SHARE * flat.shape[1])
        result = flat[:, cut : flat.shape[1] - cut].mean(axis=1)
        return result
    if metric == "optimality_gap":
        result = optimum_percent - np.minimum(drawn, optimum_percent).mean(axis=(0, 1))
        return result
    raise TablesError(f"There is no aggregate '{metric}'; known are {', '.join(METRICS)}.")


def bootstrap(
    scores: Scores,
    metrics: tuple[str, ...] = METRICS,
    replicates: int = REPLICATES,
    seed: int = 0,
    optimum_percent: float = 100.0,
) -> dict[str, np.ndarray]:
    """Bootstrap distributions of several aggregates from the same resamples.

    Args:
        scores: `[seeds, tasks]` in percent, or one vector of seeds per task.
        metrics: names out of `METRICS`.
        replicates: number of resamples.
        seed: equal seeds give equal intervals, whatever else was drawn before.
        optimum_percent: of the optimality gap.

    Returns:
        metric -> `[replicates]`, in the unit of the scores.

    Raises:
        TablesError: scores are not a finite matrix, or a metric is unknown.
    """
    columns = per_task(scores)
    matrix = equal_length(columns)
    rng = np.random.default_rng(seed)
    parts: dict[str, list[np.ndarray]] = {metric: [] for metric in metrics}
    if matrix is not None:
        for drawn in resamples(matrix, replicates, rng):
            for metric in metrics:
                parts[metric].append(metric_of_resamples(drawn, metric, optimum_percent))
    else:
        for by_task in resamples_by_task(columns, replicates, rng):
            for metric in metrics:
                parts[metric].append(metric_by_task(by_task, metric, optimum_percent))
    return {metric: np.concatenate(chunks) for metric, chunks in parts.items()}


def percentile_interval(distribution: np.ndarray, level: float = 0.95) -> Interval:
    """The middle `level` of a bootstrap distribution `[replicates]`."""
    low, high = np.quantile(distribution, [0.5 - level / 2, 0.5 + level / 2])
    return Interval(float(low), float(high))


def small_sample_interval(
    scores: Scores, estimate: float, distribution: np.ndarray, metric: str, level: float = 0.95
) -> Interval:
    """An interval meant for three to ten seeds, where the percentile interval is too narrow.

    The mean has an exact tool, `satterthwaite_interval`. For the others the bootstrap standard error is
    widened by sqrt(n / (n - 1)), because resampling n values understates their variance by (n - 1) / n,
    and multiplied by a t quantile with the Satterthwaite degrees of freedom over tasks. Where tasks have
    different numbers of seeds, the factor is that of the variance of the mean.

    Args:
        scores: `[seeds, tasks]`, or one vector of seeds per task; at least 2 seeds of every task.
        estimate: the aggregate of `scores`.
        distribution: its bootstrap distribution, `[replicates]`.
        metric: name out of `METRICS`.
        level: of confidence.
    """
    from scipy import special

    if metric == "mean":
        return satterthwaite_interval(scores, level)
    columns = per_task(scores, least_seeds=2)
    df = satterthwaite_df(columns)
    error = float(np.std(distribution)) * math.sqrt(_understated(columns))
    half = float(special.stdtrit(df, 0.5 + level / 2)) * error
    return Interval(estimate - half, estimate + half, df)


def _understated(columns: Sequence[np.ndarray]) -> float:
    """By which factor the bootstrap's variance of the mean over tasks is too small."""
    sizes = np.array([len(column) for column in columns], dtype=float)
    if len(set(sizes)) == 1:
        return float(sizes[0] / (sizes[0] - 1))
    variances = np.array([column.var(ddof=1) for column in columns]) / sizes
    drawn = float((variances * (sizes - 1) / sizes).sum())
    return float(variances.sum()) / drawn if drawn > 0 else float(sizes.min() / (sizes.min() - 1))


# Two methods.
def improvement_bootstrap(scores: Scores, other: Scores, replicates: int = 2000, seed: int = 0) -> np.ndarray:
    """Bootstrap distribution of the probability of improvement, averaged over tasks.

    Both sides are resampled, each within its task. For one task the probability is the share of pairs
    of seeds in which the first method scores higher, ties counting one half (the Mann-Whitney statistic
    over n m, rliable metrics.py:73-95).

    Args:
        scores: `[seeds, tasks]` of the first method, or one vector of seeds per task.
        other: the same of the second, the same tasks in the same order.
        replicates: number of resamples.
        seed: of the draw.

    Returns:
        `[replicates]`, between 0 and 1.
    """
    first, second = per_task(scores), per_task(other)
    if len(first) != len(second):
        raise TablesError(f"Both methods need the same tasks, not {len(first)} and {len(second)} of them.")
    rng = np.random.default_rng(seed)
    total = np.zeros(replicates)
    for mine, theirs in zip(first, second, strict=True):
        counts = multiplicities(rng, len(mine), replicates)
        other_counts = multiplicities(rng, len(theirs), replicates)
        pairs = len(mine) * len(theirs)
        total += ((counts @ pairwise_wins(mine, theirs)) * other_counts).sum(axis=1) / pairs
    return total / len(first)


def pairwise_wins(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """`[seeds, other seeds]` of one task: 1 where the first is higher, 0.5 at a tie, else 0."""
    result: np.ndarray = (np.sign(first[:, None] - second[None, :]) + 1) / 2
    return result


def multiplicities(rng: np.random.Generator, num_seeds: int, replicates: int) -> np.ndarray:
    """How often each seed is drawn, `[replicates, seeds]`."""
    picked = rng.integers(0, num_seeds, size=(replicates, num_seeds))
    picked += num_seeds * np.arange(replicates)[:, None]
    counts = np.bincount(picked.ravel(), minlength=replicates * num_seeds)
    return counts.reshape(replicates, num_seeds).astype(float)
