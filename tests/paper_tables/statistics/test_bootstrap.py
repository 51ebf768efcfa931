"""Bootstrap intervals against rliable's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from paper_tables.statistics import bootstrap, intervals


@pytest.mark.parametrize("metric", bootstrap.METRICS)
def test_aggregates_of_resamples_are_rliables(metric: str, matrix: np.ndarray):
    from rliable import metrics as rliable_metrics

    rng = np.random.default_rng(0)
    drawn = np.concatenate(list(bootstrap.resamples(matrix, 30, rng)), axis=2)
    assert drawn.shape == (5, 4, 30)
    ours = bootstrap.metric_of_resamples(drawn, metric)
    name = {"iqm": "aggregate_iqm"}.get(metric, f"aggregate_{metric}")
    theirs = [100 * getattr(rliable_metrics, name)(drawn[:, :, i].T / 100) for i in range(30)]
    assert ours == pytest.approx(theirs, abs=1e-9)


def test_resampling_stays_within_the_task(matrix: np.ndarray):
    drawn = np.concatenate(list(bootstrap.resamples(matrix, 200, np.random.default_rng(0))), axis=2)
    for task in range(5):
        assert set(np.unique(drawn[task])) == set(matrix[:, task])


@pytest.mark.parametrize("metric", bootstrap.METRICS)
def test_percentile_interval_is_rliables(metric: str, matrix: np.ndarray):
    """The same estimand by two bootstraps: equal within the Monte Carlo error of the replicates."""
    from rliable import library
    from rliable import metrics as rliable_metrics

    name = {"iqm": "aggregate_iqm"}.get(metric, f"aggregate_{metric}")
    function = getattr(rliable_metrics, name)
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002 (rliable draws from the global generator)
    try:
        _, theirs = library.get_interval_estimates(
            {"x": matrix / 100}, lambda scores: np.array([function(scores)]), reps=4000
        )
    finally:
        np.random.set_state(state)  # noqa: NPY002
    distribution = bootstrap.bootstrap(matrix, (metric,), 20_000, seed=0)[metric]
    ours = bootstrap.percentile_interval(distribution)
    assert [ours.low, ours.high] == pytest.approx(
        100 * theirs["x"][:, 0], abs=0.12 * float(distribution.std())
    )


def test_bootstrap_standard_error_is_the_known_one(matrix: np.ndarray):
    # Of a mean it is sqrt(sum of population variances / n) / tasks, without drawing anything.
    distribution = bootstrap.bootstrap(matrix, ("mean",), 40_000)["mean"]
    exact = np.sqrt((matrix.var(axis=0) / 4).sum()) / 5
    assert distribution.std() == pytest.approx(exact, rel=0.02)


def test_equal_seeds_give_equal_intervals_whatever_the_global_state(matrix: np.ndarray):
    np.random.seed(5)  # noqa: NPY002 (the global state must not matter)
    first = bootstrap.bootstrap(matrix, replicates=3000, seed=7)
    np.random.seed(6)  # noqa: NPY002
    second = bootstrap.bootstrap(matrix, replicates=3000, seed=7)
    other = bootstrap.bootstrap(matrix, replicates=3000, seed=8)
    for metric in bootstrap.METRICS:
        assert np.array_equal(first[metric], second[metric])
        assert not np.array_equal(first[metric], other[metric])


def test_memory_chunks_cover_every_replicate():
    scores = np.arange(200.0).reshape(10, 20)
    assert bootstrap.bootstrap(scores, ("mean",), 12_345)["mean"].shape == (12_345,)


def test_improvement_bootstrap_centres_on_the_mann_whitney_share():
    rng = np.random.default_rng(0)
    first, second = rng.normal(1, 1, (10, 4)).round(1), rng.normal(0, 1, (7, 4)).round(1)
    wins = np.array([bootstrap.pairwise_wins(first[:, task], second[:, task]) for task in range(4)])
    for task in range(4):
        statistic = stats.mannwhitneyu(first[:, task], second[:, task], alternative="greater").statistic
        assert wins[task].sum() == pytest.approx(statistic)
    distribution = bootstrap.improvement_bootstrap(first, second, 20_000)
    assert distribution.mean() == pytest.approx(wins.mean(), abs=0.005)
    assert distribution.min() >= 0
    assert distribution.max() <= 1


def test_small_sample_interval_of_one_task_is_the_t_interval_in_width():
    scores = np.random.default_rng(2).normal(50, 5, (5, 1))
    distribution = bootstrap.bootstrap(scores, ("optimality_gap",), 100_000)["optimality_gap"]
    estimate = bootstrap.point_estimate(scores, "optimality_gap")
    ours = bootstrap.small_sample_interval(scores, estimate, distribution, "optimality_gap")
    exact = intervals.mean_interval(scores[:, 0])
    assert ours.high - ours.low == pytest.approx(exact.high - exact.low, rel=0.02)
