"""Computations that show claims in prose, against values known by hand."""

import math

import numpy as np
import pytest
from scipy.stats import expectile as scipy_expectile

from paper_tables.evidence import claim_checks


@pytest.mark.parametrize("level", [0.5, 0.7, 0.9, 0.99])
def test_the_expectile_is_scipys(level):
    rng = np.random.default_rng(3)
    for values in (np.arange(1.0, 6.0), rng.normal(size=17), np.array([2.0, 2.0, 2.0])):
        assert claim_checks.expectile(values, level) == pytest.approx(scipy_expectile(values, level))


def test_the_expectiles_of_the_example():
    """By hand: 0.7 (4 + 5 - 2m) = 0.3 (3m - 6) gives 8.1 / 2.3; 0.9 (5 - m) = 0.1 (4m - 10), 5.5 / 1.3."""
    numbers = claim_checks.expectile_of_one_to_five().numbers
    assert numbers["expectile_0.7"] == pytest.approx(8.1 / 2.3)
    assert numbers["expectile_0.9"] == pytest.approx(5.5 / 1.3)


def test_the_learning_rate_after_forty_of_two_thousand_steps():
    shown = claim_checks.learning_rate_hardly_decays()
    assert shown.numbers["steps"] == 40
    assert shown.numbers["last_rate"] == pytest.approx(0.99901, abs=5e-6)
    # Called once an epoch it would decay to nothing.
    assert claim_checks.learning_rate_hardly_decays(epochs_per_call=1).holds


def test_the_released_selection_is_the_inverse_permutation():
    """Ranks of 0.9 0.5 0.7 0.3 0.4 are 4 2 3 0 1; argsort is 3 4 1 2 0."""
    losses = np.array([0.9, 0.5, 0.7, 0.3, 0.4])
    assert [claim_checks.released_selection(losses, rank) for rank in range(5)] == [4, 2, 3, 0, 1]
    numbers = claim_checks.inverted_selection().numbers
    assert numbers == {"intended_loss": 0.4, "picked_loss": 0.7}
    # On sorted losses both agree, which is why it is easily missed.
    assert claim_checks.released_selection(np.sort(losses), 1) == 1


def test_linear_means_two_things():
    numbers = claim_checks.linear_schedules_differ(5).numbers
    assert numbers["kept"] == pytest.approx(0.9507, abs=1e-4)
    assert numbers["largest_scaled_beta"] == pytest.approx(4.0)
    assert math.isnan(numbers["kept_scaled"])
    hundred = claim_checks.linear_schedules_differ(100).numbers
    assert hundred["kept"] == pytest.approx(0.364, abs=1e-3)
    assert hundred["kept_scaled"] < 1e-4
    assert claim_checks.linear_schedules_differ(1000).holds


def test_the_released_implicit_weights():
    shown = claim_checks.implicit_weights_are_no_probabilities()
    assert shown.numbers["smallest_quantile_weight"] < 0
    assert shown.numbers["exponential_sum"] == pytest.approx(4 * 0.49)
    positive = claim_checks.released_implicit_weights(np.array([1.0, 2.0]), 0.7, "quantile")
    assert positive == pytest.approx([2 / 3, 1 / 3])


def test_windows_drift_only_where_a_row_was_dropped():
    shown = claim_checks.windows_of_thousand_rows_drift()
    assert shown.numbers == {"window_range": 500.0, "episode_range": 999.0}
    rewards = np.repeat([0.0, 1.0, 0.0], 1000)
    ends = np.zeros(3000, dtype=bool)
    ends[999::1000] = True
    assert claim_checks.ranges_of_returns(rewards, ends, 1000) == (1000.0, 1000.0)


def test_the_stated_spread_of_diffusion_ql_is_impossible():
    assert claim_checks.pooled_standard_error_is_impossible().numbers == {"impossible": 9, "tested": 9}
