"""Aggregates of tasks with different numbers of seeds, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from recheck.errors import TablesError
from scipy import stats

from paper_tables.statistics import bootstrap, estimators, intervals, samples

FEW, MANY = np.array([0.0, 40.0]), np.array([50.0, 60.0, 70.0, 180.0])


def test_every_task_has_equal_weight():
    found = estimators.point_estimates([FEW, MANY])
    assert found["mean"] == pytest.approx((20 + 90) / 2)
    assert found["median"] == pytest.approx(55)
    assert found["optimality_gap"] == pytest.approx(100 - (20 + (50 + 60 + 70 + 100) / 4) / 2)
    # Weights 1/4 for 0 and 40, 1/8 for the rest: a quarter off either end leaves 40, 50 and 60.
    assert found["iqm"] == pytest.approx((40 / 4 + 50 / 8 + 60 / 8) / 0.5)


def test_equal_numbers_give_the_same_by_both_ways():
    matrix = np.random.default_rng(0).normal(50, 10, (4, 3))
    columns = list(matrix.T)
    for metric in bootstrap.METRICS:
        by_task = bootstrap.metric_by_task([column[:, None] for column in columns], metric)[0]
        assert by_task == pytest.approx(bootstrap.point_estimate(matrix, metric))
    assert estimators.point_estimates(columns) == estimators.point_estimates(matrix)


def test_the_interval_of_the_mean_is_satterthwaites():
    found = intervals.satterthwaite_interval([FEW, MANY])
    variances = np.array([FEW.var(ddof=1) / 2, MANY.var(ddof=1) / 4])
    df = variances.sum() ** 2 / (variances**2 / [1, 3]).sum()
    half = stats.t.ppf(0.975, df) * np.sqrt(variances.sum()) / 2
    assert (found.low, found.high) == pytest.approx((55 - half, 55 + half))
    assert found.df == pytest.approx(df)


def test_the_bootstrap_draws_within_each_task():
    drawn = bootstrap.bootstrap([FEW, MANY], replicates=20_000)
    exact = np.sqrt(FEW.var() / 2 + MANY.var() / 4) / 2
    assert drawn["mean"].std() == pytest.approx(exact, rel=0.02)
    again = bootstrap.bootstrap([FEW, MANY], replicates=20_000)
    assert all(np.array_equal(drawn[metric], again[metric]) for metric in bootstrap.METRICS)


def test_profiles_and_improvement_take_different_numbers():
    profile = estimators.performance_profile([FEW, MANY], np.array([45.0]), replicates=200)
    assert profile["share"].iloc[0] == pytest.approx((0 + 1) / 2)
    share, interval = estimators.probability_of_improvement([FEW, MANY], [MANY, FEW], 200)
    assert share == pytest.approx((0 + 1) / 2)
    assert interval.low <= share <= interval.high


@pytest.mark.parametrize(
    ("scores", "words"),
    [([], "at least one task"), ([FEW, np.array([1.0, np.nan])], "finite"), ([np.array([])], "not 0")],
)
def test_bad_scores_are_refused(scores: list[np.ndarray], words: str):
    with pytest.raises(TablesError, match=words):
        samples.per_task(scores)
