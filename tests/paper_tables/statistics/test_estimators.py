"""Point estimates, improvement and profiles against rliable and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from paper_tables.statistics import bootstrap, configurations, estimators

# Four seeds, two tasks: task means 50 and 50, sorted 0 20 20 40 50 60 70 140.
HAND = np.array([[0.0, 50.0], [20.0, 60.0], [40.0, 70.0], [140.0, 20.0]])


# Point estimates.


def test_point_estimates_by_hand():
    found = estimators.point_estimates(HAND)
    assert found["mean"] == pytest.approx(50.0)
    assert found["median"] == pytest.approx(50.0)
    assert found["iqm"] == pytest.approx((20 + 40 + 50 + 60) / 4)
    # Only 140 is above 100: 100 - (0 + 20 + 40 + 100 + 50 + 60 + 70 + 20) / 8.
    assert found["optimality_gap"] == pytest.approx(100 - 360 / 8)


def test_point_estimates_of_the_fixture_are_rliables_and_scipys(
    d3rlpy_designs: dict[str, configurations.Design],
):
    from rliable import metrics

    assert len(d3rlpy_designs) == 5
    for design in d3rlpy_designs.values():
        assert design.matrix.shape == (10, 12)
        found = estimators.point_estimates(design.matrix)
        assert found["iqm"] == pytest.approx(stats.trim_mean(design.matrix, 0.25, axis=None))
        assert found["mean"] == pytest.approx(design.matrix.mean())
        assert found["median"] == pytest.approx(np.median(design.matrix.mean(axis=0)))
        assert found["optimality_gap"] == pytest.approx(
            100 * metrics.aggregate_optimality_gap(design.matrix / 100)
        )
        for metric in bootstrap.METRICS:
            assert found[metric] == pytest.approx(bootstrap.point_estimate(design.matrix, metric))


def test_probability_of_improvement_is_rliables(d3rlpy_designs: dict[str, configurations.Design]):
    from rliable import metrics

    first, second = d3rlpy_designs["IQL"].matrix, d3rlpy_designs["CQL"].matrix
    estimate, interval = estimators.probability_of_improvement(first, second)
    assert estimate == pytest.approx(metrics.probability_of_improvement(first, second))
    shares = [
        stats.mannwhitneyu(first[:, task], second[:, task], alternative="greater").statistic / 100
        for task in range(12)
    ]
    assert estimate == pytest.approx(np.mean(shares))
    assert interval.low < estimate < interval.high


def test_performance_profile_is_rliables(d3rlpy_designs: dict[str, configurations.Design]):
    from rliable import library

    matrix, thresholds = d3rlpy_designs["IQL"].matrix, np.linspace(0, 110, 23)
    found = estimators.performance_profile(matrix, thresholds)
    state = np.random.get_state()  # noqa: NPY002 (rliable draws from the global generator)
    np.random.seed(0)  # noqa: NPY002
    try:
        profile, bounds = library.create_performance_profile({"IQL": matrix}, thresholds, reps=1000)
    finally:
        np.random.set_state(state)  # noqa: NPY002
    assert found["share"].to_numpy() == pytest.approx(profile["IQL"])
    assert found["low"].to_numpy() == pytest.approx(bounds["IQL"][0], abs=0.02)
    assert found["high"].to_numpy() == pytest.approx(bounds["IQL"][1], abs=0.02)


def test_a_profile_counts_scores_strictly_above():
    found = estimators.performance_profile(HAND, np.array([20.0, 19.9]))
    assert list(found["share"]) == [5 / 8, 7 / 8]
