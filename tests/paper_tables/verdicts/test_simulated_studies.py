"""Simulated studies of one number: rates by hand, and the tabulated quantile against the exact one."""

from __future__ import annotations

import numpy as np
import pytest
from recheck.errors import TablesError
from scipy import stats

from paper_tables.verdicts import decision_rule
from paper_tables.verdicts import simulated_studies as module
from paper_tables.verdicts.laws import Normal
from paper_tables.verdicts.simulated_studies import Printed, Rates, Scenario


@pytest.mark.parametrize("level", [0.05, 0.035, 0.011, 0.004])
def test_the_tabulated_quantile_is_students(level: float):
    df = np.concatenate([[1.0, 2.0], np.random.default_rng(0).uniform(1, 200, 5000), [1e9]])
    found = module.tabulated_half_width(decision_rule.ErrorEstimate(np.full_like(df, 3.0), df), level)
    assert found == pytest.approx(3 * stats.t.ppf(1 - level, df), rel=1e-6)
    one = module.tabulated_half_width(
        decision_rule.ErrorEstimate(np.array([2.0, np.inf]), np.array([4.0, 4.0])), level
    )
    assert one.tolist() == [pytest.approx(2 * stats.t.ppf(1 - level, 4)), np.inf]


def test_rates_are_the_worst_over_both_signs():
    # Ours is 0, 3 and -9 above theirs; at +5 and -5 they are 5, 8, -4 and -5, -2, -14.
    difference, half = np.array([0.0, 3.0, -9.0]), np.array([1.0, 1.0, 0.5])
    found = module.worst_rates(difference, half, 5.0)
    # At +5 one is reproduced (-4) and one higher (8); at -5 one reproduced (-2) and one lower (-14).
    assert found == Rates(pytest.approx(1 / 3), pytest.approx(1 / 3), pytest.approx(1 / 3))
    assert found.worst_claim == pytest.approx(1 / 3)
    assert found.different == pytest.approx(2 / 3)


def test_beyond_the_margin_different_is_power():
    found = module.worst_rates(np.array([0.0, 0.5, -6.5]), np.full(3, 1.0), 10.0)
    assert (found.reproduced, found.higher, found.lower) == (pytest.approx(1 / 3), pytest.approx(2 / 3), 0.0)


def test_variants_share_their_studies():
    asked = Scenario("", "", Normal(3.0), Normal(1.0), 3, 10)
    both = module.simulate_variants(asked, 2000, 4)
    for variant in (module.RULE, module.WELCH):
        assert module.simulate(asked, 2000, 4, variant) == both[variant]
    # A claim of the rule is one of Welch's at the same level.
    assert both[module.RULE].worst_claim <= both[module.WELCH].worst_claim
    assert module.simulate(asked, 2000, 5) != both[module.RULE]


def test_known_rates():
    """Nearly no noise: at the margin half of the studies are on either side and none is claimed wrongly."""
    clear = Scenario("", "", Normal(1e-3), Normal(1e-3), 5, 5, true_difference_percent=0.0)
    assert module.simulate(clear, 500) == Rates(1.0, 0.0, 0.0)
    far = Scenario("", "", Normal(1e-3), Normal(1e-3), 5, 5, true_difference_percent=10.0)
    assert module.simulate(far, 500) == Rates(0.0, 1.0, 0.0)
    noise = Scenario("", "", Normal(500.0), Normal(500.0), 5, 5)
    assert module.simulate(noise, 4000).reproduced == 0.0


def test_more_runs_than_there_are_cannot_be_drawn():
    with pytest.raises(TablesError, match="7 runs cannot be drawn from 6"):
        module.simulate_public(np.arange(6.0), 3, 4, 400, 0)


def test_public_sides_take_every_run_equally_often(monkeypatch: pytest.MonkeyPatch):
    seen = []

    def keep(difference: np.ndarray, half: np.ndarray, true: float) -> Rates:
        seen.append(difference)
        return Rates(0.0, 0.0, 0.0)

    monkeypatch.setattr(module, "worst_rates", keep)
    scores = np.zeros(20)
    scores[7] = 1.0
    module.simulate_public(scores, 2, 3, 60_000, 0, (module.RULE,))
    # The marked run is in ours in 2 of 20 studies, in theirs in 3 of 20.
    assert (seen[0] > 0).mean() == pytest.approx(2 / 20, abs=0.005)
    assert (seen[0] < 0).mean() == pytest.approx(3 / 20, abs=0.006)


def test_what_the_simulated_paper_prints():
    sd, theirs = np.array([1.0]), np.array([4.0])
    stated, se, nothing = (
        module.interpretations_of_studies(sd, theirs, 4, printed)
        for printed in (Printed(), Printed("se", "unknown"), Printed("nothing", "none"))
    )
    assert [one.error_percent.tolist() for one in stated] == [[2.0]]
    assert [one.error_percent.tolist() for one in se] == [[1.0], [2.0]]
    assert [one.error_percent.tolist() for one in nothing] == [[0.5], [1.0], [1.5]]
    assert Printed("se", "unknown", False).text == "se, meaning not stated, seeds not stated"
    assert Printed("nothing", "none").text == "nothing, seeds stated"


def test_too_few_studies_are_refused():
    asked = Scenario("", "", Normal(1.0), Normal(1.0), 5, 5)
    for made in (
        lambda: module.simulate(asked, 99),
        lambda: module.simulate_sequential(asked, 99),
        lambda: module.simulate_public(np.zeros(30), 5, 5, 99, 0),
    ):
        with pytest.raises(TablesError, match="says nothing"):
            made()


def test_coverage_of_one_mean():
    assert module.coverage_of_one_mean(3) == pytest.approx(0.89, abs=0.02)
    assert module.coverage_of_one_mean(10) == pytest.approx(0.91, abs=0.02)
