"""The chance of a verdict: published figures, brute force, and the rule for `never`."""

from __future__ import annotations

import numpy as np
import pytest
from recheck.errors import TablesError
from scipy import stats

from paper_tables.verdicts import power


@pytest.mark.parametrize(
    ("seeds", "sd", "expected"),
    [(5, 3.0, 0.53), (5, 5.0, 0.06), (10, 5.0, 0.38)],
)
def test_expected_power_at_equal_means(seeds: int, sd: float, expected: float):
    assert power.chance_of_reproduced(seeds, seeds, sd, sd, 5.0) == pytest.approx(expected, abs=0.006)


@pytest.mark.parametrize("mode", ["drawn", "printed", "assumed"])
def test_chance_equals_brute_force(mode: str):
    rng = np.random.default_rng(0)
    ours_n, their_n, our_sd, their_sd, margin, count = 4, 6, 2.0, 3.0, 5.0, 200_000
    ours_variance = our_sd**2 * rng.chisquare(ours_n - 1, count) / (ours_n - 1)
    if mode == "drawn":
        their_variance = their_sd**2 * rng.chisquare(their_n - 1, count) / (their_n - 1)
    elif mode == "printed":
        their_variance = np.full(count, their_sd**2)
    else:
        their_variance = ours_variance * (their_sd / our_sd) ** 2
    difference = rng.normal(1.0, np.sqrt(our_sd**2 / ours_n + their_sd**2 / their_n), count)
    first, second = ours_variance / ours_n, their_variance / their_n
    df = (first + second) ** 2 / (first**2 / (ours_n - 1) + second**2 / (their_n - 1))
    if mode == "assumed":
        df = np.minimum(df, ours_n - 1)
    half = stats.t.ppf(0.95, df) * np.sqrt(first + second)
    expected = np.mean((difference - half > -margin) & (difference + half < margin))
    found = power.chance_of_reproduced(
        ours_n,
        their_n,
        our_sd,
        their_sd,
        margin,
        true_difference_percent=1.0,
        reported_spread_is_printed=mode == "printed",
        reported_spread_is_assumed=mode == "assumed",
    )
    assert found == pytest.approx(expected, abs=0.005)


def test_never_is_the_rule_as_written():
    # t(0.95, 4) = 2.1318: 2.3454 is the standard error at which five seeds fill a margin of 5.
    limit = 5 / stats.t.ppf(0.95, 4)
    assert power.never_reproducible(limit, 5, 5.0)
    assert power.never_reproducible(limit + 1e-9, 5, 5.0)
    assert not power.never_reproducible(limit - 1e-9, 5, 5.0)
    assert power.seeds_needed(1.0, limit, 5, 5.0) == power.SeedsNeeded(None, True, "never")


def test_smallest_number_of_seeds_is_smallest():
    needed = power.seeds_needed(4.0, 3.0 / np.sqrt(10), 10, 5.0)
    assert needed.seeds is not None

    def chance(seeds: int) -> float:
        return power.chance_of_reproduced(seeds, 10, 4.0, 3.0, 5.0, reported_spread_is_printed=True)

    assert chance(needed.seeds) >= 0.8
    assert all(chance(seeds) < 0.8 for seeds in range(2, needed.seeds))


def test_more_than_a_hundred_seeds():
    needed = power.seeds_needed(60.0, 0.1, 10, 5.0)
    assert needed == power.SeedsNeeded(None, False, ">100")


def test_no_spread_at_all():
    assert power.chance_of_reproduced(2, 2, 0.0, 0.0, 5.0) == 1.0
    assert power.chance_of_reproduced(2, 2, 0.0, 0.0, 5.0, true_difference_percent=6.0) == 0.0
    assert power.seeds_needed(0.0, 0.0, 3, 5.0).seeds == 2


def test_bad_input_is_refused():
    with pytest.raises(TablesError, match="at least 2 seeds"):
        power.chance_of_reproduced(1, 5, 1.0, 1.0, 5.0)
    with pytest.raises(TablesError, match="margin"):
        power.chance_of_reproduced(3, 5, 1.0, 1.0, 0.0)
