"""Intervals over training seeds: Welch, t over tasks, and the stratified bootstrap.

The unit that is resampled is always the training seed, within its task, never the episode. Score matrices
are `[seeds, tasks]`, in percent. Nothing here touches the global random state: rliable 1.2.0 draws from
`np.random` whatever `random_state` it is given (library.py:117-122), so the bootstrap here is our own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from paper_tables.errors import TablesError

TRIMMED_SHARE = 0.25
"""Share cut from either end by the interquartile mean."""

REPLICATES = 50_000
"""Bootstrap replicates, rliable's default (library.py:211-218)."""

_CHUNK_VALUES = 1_000_000
"""Values resampled at a time, so that memory stays near 10 MB whatever the number of replicates."""

METRICS = ("mean", "median", "iqm", "optimality_gap")


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


# What the intervals are worth.


@dataclass(frozen=True)
class Coverage:
    """Simulated coverage of one interval.

    Attributes:
        metric: name out of `METRICS`.
        interval: `percentile` or `small_sample`.
        seeds: number of seeds per task in the simulated studies.
        nominal: what the interval promises.
        simulated: share of simulated studies whose interval held the true value.
        monte_carlo_error: standard error of `simulated`.
        mean_width: mean width of the interval, in the unit of the scores.
    """

    metric: str
    interval: str
    seeds: int
    nominal: float
    simulated: float
    monte_carlo_error: float
    mean_width: float


def simulate_coverage(
    designs: list[np.ndarray],
    num_seeds: int,
    metrics: tuple[str, ...] = METRICS,
    studies: int = 400,
    replicates: int = 500,
    level: float = 0.95,
    seed: int = 0,
    sampler: Callable[[np.random.Generator, np.ndarray, np.ndarray, tuple[int, ...]], np.ndarray]
    | None = None,
) -> list[Coverage]:
    """Coverage of both intervals in the design at hand.

    Every simulated study takes the task means and the standard deviations between seeds of one of the
    given matrices as the truth, in turn, and draws `num_seeds` normal scores per task.

    The truth that an interval must hold is the value of the aggregate with endlessly many seeds.

    Args:
        designs: matrices `[seeds, tasks]` of the actual study, at least 2 seeds each.
        num_seeds: seeds per task in the simulated studies.
        metrics: names out of `METRICS`.
        studies: number of simulated studies.
        replicates: bootstrap replicates in each.
        level: nominal coverage.
        seed: of everything drawn here.
        sampler: `(rng, means [tasks], sds [tasks], shape) -> scores [..., tasks]`; normal by default.
    """
    draw = _normal_scores if sampler is None else sampler
    truths = []
    moments = []
    for index, design in enumerate(designs):
        matrix = check_matrix(design, least_seeds=2)
        means, sds = matrix.mean(axis=0), matrix.std(axis=0, ddof=1)
        many = draw(np.random.default_rng([seed, index]), means, sds, (20_000, len(means)))
        truths.append({metric: float(point_estimate(many, metric)) for metric in metrics})
        if sampler is None:
            truths[-1]["mean"] = float(means.mean())
            truths[-1]["median"] = float(np.median(means))
        moments.append((means, sds))
    held = {(metric, kind): 0 for metric in metrics for kind in ("percentile", "small_sample")}
    width = dict.fromkeys(held, 0.0)
    rng = np.random.default_rng([seed, num_seeds, len(designs)])
    for study in range(studies):
        means, sds = moments[study % len(designs)]
        truth = truths[study % len(designs)]
        scores = draw(rng, means, sds, (num_seeds, len(means)))
        parts: dict[str, list[np.ndarray]] = {metric: [] for metric in metrics}
        for drawn in resamples(scores, replicates, rng):
            for metric in metrics:
                parts[metric].append(metric_of_resamples(drawn, metric))
        for metric in metrics:
            distribution = np.concatenate(parts[metric])
            estimate = point_estimate(scores, metric)
            both = {
                "percentile": percentile_interval(distribution, level),
                "small_sample": small_sample_interval(scores, estimate, distribution, metric, level),
            }
            for kind, interval in both.items():
                held[metric, kind] += interval.low <= truth[metric] <= interval.high
                width[metric, kind] += interval.high - interval.low
    result = []
    for metric, kind in held:
        share = held[metric, kind] / studies
        error = math.sqrt(max(share * (1 - share), 0.25 / studies) / studies)
        result.append(Coverage(metric, kind, num_seeds, level, share, error, width[metric, kind] / studies))
    return result


def point_estimate(scores: np.ndarray, metric: str) -> float:
    """One aggregate of a `[seeds, tasks]` matrix, by the code that serves the replicates."""
    return float(metric_of_resamples(np.asarray(scores, dtype=float).T[:, :, None], metric)[0])


def _normal_scores(
    rng: np.random.Generator, means: np.ndarray, sds: np.ndarray, shape: tuple[int, ...]
) -> np.ndarray:
    return means + sds * rng.standard_normal(shape)
