"""Formulas of what printed digits allow, against brute force."""

import itertools
import math

import numpy as np
import pytest

from paper_tables.audit import arithmetic
from paper_tables.audit.arithmetic import Design


@pytest.mark.parametrize(
    ("episodes", "decimals", "step"), [(7, 1, 100), (40, 1, 100), (12, 0, 25), (30, 2, 25)]
)
def test_a_mean_fits_exactly_where_some_count_is_printed_so(episodes, decimals, step):
    printed = {round(step * k / episodes, decimals) for k in range(round(100 / step) * episodes + 1)}
    for number in np.round(np.arange(0, 100.01, 10.0**-decimals), decimals):
        nearest = min(abs(number - step * k / episodes) for k in range(round(100 / step) * episodes + 1))
        fits = nearest <= 0.5 * 10.0**-decimals + 1e-9
        assert arithmetic.mean_fits(float(number), decimals, episodes, step) == fits
        assert fits or number not in printed


def test_the_chance_that_a_mean_fits():
    """4 percent at 400 episodes and two decimals, 15 at 150 and one, 50 at 500 and one, none at 1,000."""
    chances = [(2, 400), (1, 150), (1, 500), (1, 1000)]
    assert [arithmetic.chance_that_a_mean_fits(*case) for case in chances] == [0.04, 0.15, 0.5, 1.0]
    assert arithmetic.chance_that_a_mean_fits(1, 150, 25.0) == pytest.approx(0.6)


@pytest.mark.parametrize("kind", arithmetic.KINDS)
@pytest.mark.parametrize("groups", [2, 3])
def test_every_spread_of_real_counts_fits_and_others_do_not(groups, kind):
    """Brute force over all counts of two and three groups of six episodes."""
    design = Design(groups, 6)
    possible = set()
    for counts in itertools.product(range(7), repeat=groups):
        means = np.array(counts) * 100 / 6
        spread = {
            "population_standard_deviation": means.std(),
            "standard_deviation": means.std(ddof=1),
            "standard_error": means.std(ddof=1) / math.sqrt(groups),
        }[kind]
        possible.add((round(float(means.mean()), 2), round(float(spread), 2)))
    for mean, spread in possible:
        assert arithmetic.spread_fits(mean, spread, 2, design, kind), (mean, spread)
    means_printed = sorted({mean for mean, _ in possible})
    for mean in means_printed:
        for spread in np.round(np.arange(0, 20, 0.37), 2):
            near = any(abs(spread - other) <= 0.011 for m, other in possible if m == mean)
            assert arithmetic.spread_fits(mean, float(spread), 2, design, kind) <= near


def test_more_groups_are_a_superset_of_the_truth():
    rng = np.random.default_rng(5)
    for _ in range(200):
        means = rng.integers(0, 101, 4).astype(float)
        args = (round(float(means.mean()), 2), round(float(means.std()), 2), 2, Design(4, 100))
        assert arithmetic.spread_fits(*args, "population_standard_deviation")


def test_bhatia_and_davis():
    rng = np.random.default_rng(6)
    assert arithmetic.largest_deviation(50.0) == 50.0
    assert arithmetic.largest_deviation(0.0) == 0.0
    for _ in range(200):
        scores = rng.uniform(0, 100, 9)
        assert scores.std() <= arithmetic.largest_deviation(float(scores.mean())) + 1e-9
    successes = (rng.random(150) < 0.3) * 100.0
    error = successes.std(ddof=1) / math.sqrt(150)
    assert error == pytest.approx(arithmetic.largest_deviation(successes.mean()) / math.sqrt(149))
    assert error <= arithmetic.largest_standard_error(round(successes.mean(), 1), 1, 150)
