"""Simulated coverage of the intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from paper_tables.statistics.bootstrap import (
    METRICS,
    metric_of_resamples,
    percentile_interval,
    point_estimate,
    resamples,
    small_sample_interval,
)
from paper_tables.statistics.samples import Scores, per_task


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


Sampler = Callable[[np.random.Generator, np.ndarray, np.ndarray, tuple[int, ...]], np.ndarray]


@dataclass(frozen=True)
class SimulationSettings:
    """How coverage is simulated.

    Attributes:
        studies: number of simulated studies.
        replicates: bootstrap replicates in each.
        level: nominal coverage.
        seed: of everything drawn here.
        sampler: `(rng, means [tasks], sds [tasks], shape) -> scores [..., tasks]`; normal where None.
    """

    studies: int = 400
    replicates: int = 500
    level: float = 0.95
    seed: int = 0
    sampler: Sampler | None = None


def simulate_coverage(
    designs: Sequence[Scores],
    num_seeds: int,
    metrics: tuple[str, ...] = METRICS,
    settings: SimulationSettings = SimulationSettings(),
) -> list[Coverage]:
    """Coverage of both intervals in the experiment's own design.

    Every simulated study takes the task means and the standard deviations between seeds of one of the
    given matrices as the truth, in turn, and draws `num_seeds` scores per task.

    The truth that an interval must hold is the value of the aggregate with endlessly many seeds.

    Args:
        designs: scores of the actual study, `[seeds, tasks]` or one vector of seeds per task, at least 2
            seeds of every task.
        num_seeds: seeds per task in the simulated studies.
        metrics: names out of `METRICS`.
        settings: numbers of studies and replicates, level, seed and law.
    """
    studies, replicates, level, seed = settings.studies, settings.replicates, settings.level, settings.seed
    sampler = settings.sampler
    draw = _normal_scores if sampler is None else sampler
    truths = []
    moments = []
    for index, design in enumerate(designs):
        columns = per_task(design, least_seeds=2)
        means = np.array([column.mean() for column in columns])
        sds = np.array([column.std(ddof=1) for column in columns])
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


def _normal_scores(
    rng: np.random.Generator, means: np.ndarray, sds: np.ndarray, shape: tuple[int, ...]
) -> np.ndarray:
    return means + sds * rng.standard_normal(shape)
