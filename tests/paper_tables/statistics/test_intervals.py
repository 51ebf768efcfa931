"""Intervals: hand-computed values, scipy's and rliable's own results, reproducibility, coverage."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from recheck.errors import TablesError
from scipy import stats

from paper_tables.statistics import bootstrap, coverage, intervals


@pytest.fixture
def matrix() -> np.ndarray:
    """Four seeds, five tasks, one of them without spread."""
    return np.random.default_rng(3).normal([20, 50, 80, 100, 110], [2, 10, 3, 5, 0], size=(4, 5))


def test_mean_interval_equals_scipy():
    scores = np.array([71.0, 74, 69, 80, 75])
    expected = stats.ttest_1samp(scores, 0).confidence_interval(0.9)
    found = intervals.mean_interval(scores, 0.9)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.df == pytest.approx(4)


def test_satterthwaite_by_hand():
    # Two tasks, three seeds: variances 1 and 4, so v = (1 + 4) / 3 / 4 and df = 2 * 5^2 / 17.
    scores = np.array([[9.0, 18], [10, 20], [11, 22]])
    found = intervals.satterthwaite_interval(scores)
    assert found.df == pytest.approx(50 / 17)
    half = stats.t.ppf(0.975, 50 / 17) * np.sqrt(5 / 12)
    assert (found.low, found.high) == pytest.approx((15 - half, 15 + half))


def test_satterthwaite_of_two_tasks_is_welch():
    # The mean over two tasks and Welch's difference have the same error, up to the factor 2, and the same df.
    scores = np.random.default_rng(0).normal(size=(6, 2)) * [1, 3]
    mirrored = scores * [1, -1]
    result = stats.ttest_ind(scores[:, 0], scores[:, 1], equal_var=False).confidence_interval(0.95)
    found = intervals.satterthwaite_interval(mirrored)
    assert (2 * found.low, 2 * found.high) == pytest.approx((result.low, result.high))


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


@pytest.mark.parametrize("num_seeds", [3, 5, 10])
def test_coverage(num_seeds: int):
    """The small-sample interval keeps its promise at 3, 5 and 10 seeds; the percentile one does not at 3."""
    rng = np.random.default_rng(0)
    design = rng.normal(0, 1, (10, 6)) * [1, 2, 4, 8, 3, 2] + [20, 40, 60, 80, 90, 105]
    found = {
        (row.metric, row.interval): row
        for row in coverage.simulate_coverage(
            [design], num_seeds, settings=coverage.SimulationSettings(400, 400, seed=1)
        )
    }
    for metric in ("mean", "iqm", "optimality_gap"):
        row = found[metric, "small_sample"]
        assert row.simulated >= 0.95 - 4 * row.monte_carlo_error
        assert row.simulated > found[metric, "percentile"].simulated
    # The median over six tasks is not smooth: its interval is short by a few points, and the report says so.
    assert found["median", "small_sample"].simulated >= 0.86
    if num_seeds == 3:
        assert found["mean", "percentile"].simulated < 0.90


def test_simulated_coverage_is_reproducible():
    design = np.random.default_rng(0).normal(50, 5, (5, 3))
    runs = [
        coverage.simulate_coverage([design], 3, settings=coverage.SimulationSettings(20, 50, seed=4))
        for _ in range(2)
    ]
    assert runs[0] == runs[1]


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        (np.zeros(3), "matrix"),
        (np.array([[1.0, np.nan], [1.0, 2.0]]), "finite"),
        (np.zeros((1, 4)), "at least 2 seeds"),
    ],
)
def test_bad_scores_are_refused(scores: np.ndarray, words: str):
    with pytest.raises(TablesError, match=words):
        intervals.satterthwaite_interval(scores)


def test_unknown_metric_is_refused(matrix: np.ndarray):
    with pytest.raises(TablesError, match="known are mean, median, iqm, optimality_gap"):
        bootstrap.bootstrap(matrix, ("mode",), 10)


def test_import_is_light():
    """Reading a module must not wait for torch, rliable or matplotlib."""
    program = (
        "import importlib, pkgutil, sys; import paper_tables;"
        "modules = pkgutil.walk_packages(paper_tables.__path__, 'paper_tables.');"
        "[importlib.import_module(m.name) for m in modules if not m.name.endswith('__main__')];"
        "print([m for m in ('torch', 'rliable', 'matplotlib', 'arch', 'seaborn') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
