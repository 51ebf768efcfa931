"""The rule: worked cases, statsmodels as oracle, and what must hold for any scores."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.weightstats import ttost_ind

from paper_tables.verdicts import decision_rule
from paper_tables.verdicts.reported_error import Interpretation

M = 5.0


def of_runs(ours, theirs, margin=M, **options) -> decision_rule.Bounds:
    """The rule's bounds where every seed of both sides is known."""
    ours, theirs = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    known = [Interpretation(len(theirs), theirs.std(ddof=1) / np.sqrt(len(theirs)))]
    return decision_rule.bounds_of_difference(
        ours.mean() - theirs.mean(), ours.std(ddof=1), len(ours), known, margin, **options
    )


def some_runs(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    n, m = rng.integers(2, 11, 2)
    sds = np.exp(rng.uniform(np.log(0.05), np.log(6), 2))
    return rng.normal(rng.uniform(55, 85), sds[0], n), rng.normal(70, sds[1], m)


def test_worked_case_of_equal_sides():
    unequal, equal = decision_rule.two_error_estimates(1.0, 3, 1.0, 3)
    assert (float(unequal.error_percent), float(unequal.df)) == pytest.approx((0.81650, 3.55556), abs=5e-6)
    assert (float(equal.error_percent), float(equal.df)) == pytest.approx((0.81650, 4.0), abs=5e-6)
    bounds = of_runs([70, 71, 72], [70, 71, 72])
    assert float(bounds.half_width_percent) == pytest.approx(1.80508, abs=5e-6)
    assert float(bounds.p_reproduced) == pytest.approx(0.002624, abs=5e-7)


def test_worked_case_of_unequal_sides():
    ours, theirs = [70, 71, 72], [76, 79, 82, 80, 78]
    unequal, equal = decision_rule.two_error_estimates(1.0, 3, np.var(theirs, ddof=1), 5)
    assert (float(unequal.error_percent), float(unequal.df)) == pytest.approx((1.15470, 5.09904), abs=5e-6)
    assert (float(equal.error_percent), float(equal.df)) == pytest.approx((1.39841, 6.0), abs=5e-6)
    bounds = of_runs(ours, theirs)
    assert float(bounds.half_width_percent) == pytest.approx(2.71737, abs=5e-6)
    assert float(bounds.p_different) == pytest.approx(0.037798, abs=5e-7)
    half = float(bounds.half_width_percent)
    assert decision_rule.verdict_of_interval(-8 - half, -8 + half, M) == decision_rule.DIFFERENT_LOWER


def test_without_caution_it_is_the_larger_p_value_of_both_two_one_sided_tests():
    rng = np.random.default_rng(0)
    for _ in range(100):
        ours, theirs = some_runs(rng)
        found = float(of_runs(ours, theirs, strictness=decision_rule.Strictness(0.05, 0.0)).p_reproduced)
        expected = max(ttost_ind(ours, theirs, -M, M, usevar=usevar)[0] for usevar in ("unequal", "pooled"))
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_every_claim_is_one_of_welchs_and_the_interval_is_the_wider_one():
    rng = np.random.default_rng(1)
    claims = 0
    for _ in range(400):
        ours, theirs = some_runs(rng)
        half = float(of_runs(ours, theirs).half_width_percent)
        for equal_var in (True, False):
            test = stats.ttest_ind(ours, theirs, equal_var=equal_var)
            interval = test.confidence_interval(0.90)
            assert half >= (interval.high - interval.low) / 2 - 1e-9
        difference = ours.mean() - theirs.mean()
        verdict = decision_rule.verdict_of_interval(difference - half, difference + half, M)
        if verdict in decision_rule.CLAIMS:
            claims += 1
            assert decision_rule.verdict_of_interval(interval.low, interval.high, M) == verdict
    assert claims > 100


@pytest.mark.parametrize("level", [0.05, 0.011])
def test_p_values_are_below_the_level_exactly_where_the_interval_claims(level: float):
    rng = np.random.default_rng(2)
    seen = set()
    for _ in range(400):
        ours, theirs = some_runs(rng)
        bounds = of_runs(ours, theirs, strictness=decision_rule.Strictness(level, 1.25))
        half, difference = float(bounds.half_width_percent), ours.mean() - theirs.mean()
        verdict = decision_rule.verdict_of_interval(difference - half, difference + half, M)
        assert (float(bounds.p_reproduced) < level) == (verdict == decision_rule.REPRODUCED)
        assert (float(bounds.p_different) < level) == verdict.startswith("different")
        seen.add(verdict)
    assert seen == {
        decision_rule.REPRODUCED,
        decision_rule.DIFFERENT_HIGHER,
        decision_rule.DIFFERENT_LOWER,
        decision_rule.INCONCLUSIVE,
    }


def test_exchanging_the_sides_turns_the_sign_and_a_unit_changes_nothing():
    rng = np.random.default_rng(3)
    for _ in range(50):
        ours, theirs = some_runs(rng)
        one, other = of_runs(ours, theirs), of_runs(theirs, ours)
        assert float(one.half_width_percent) == pytest.approx(float(other.half_width_percent))
        assert float(one.p_different) == pytest.approx(float(other.p_different))
        scaled = of_runs(0.01 * ours, 0.01 * theirs, 0.01 * M)
        assert float(scaled.half_width_percent) == pytest.approx(0.01 * float(one.half_width_percent))
        assert float(scaled.p_reproduced) == pytest.approx(float(one.p_reproduced))


def test_a_lower_level_is_never_easier():
    rng = np.random.default_rng(4)
    for _ in range(100):
        ours, theirs = some_runs(rng)
        raw = of_runs(ours, theirs)
        cautious = of_runs(ours, theirs, strictness=decision_rule.CAUTIOUS)
        for name in ("p_reproduced", "p_different"):
            if float(getattr(cautious, name)) < 0.05:
                assert float(getattr(raw, name)) <= float(getattr(cautious, name)) + 1e-15


def test_an_assumed_spread_has_our_degrees_of_freedom():
    assumed = [Interpretation(5, factor * 2.0 / np.sqrt(5), assumed=True) for factor in (1.0, 2.0, 3.0)]
    estimates = list(decision_rule.error_estimates(2.0, 4, assumed))
    assert [float(estimate.df) for estimate in estimates] == [3.0, 3.0, 3.0]
    unequal, equal = decision_rule.two_error_estimates(4.0, 4, 36.0, 5)
    largest = max(float(unequal.error_percent), float(equal.error_percent))
    assert float(estimates[2].error_percent) == pytest.approx(largest)


def test_nothing_bounds_an_unbounded_error():
    bounds = decision_rule.bounds_of_difference(0.0, 1.0, 5, [Interpretation(5, np.inf)], M)
    assert (float(bounds.half_width_percent), float(bounds.p_reproduced)) == (np.inf, 1.0)
    assert float(bounds.p_different) == 1.0


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-4.9, 4.9, decision_rule.REPRODUCED),
        (-5.0, 4.0, decision_rule.INCONCLUSIVE),
        (-4.0, 5.0, decision_rule.INCONCLUSIVE),
        (5.0, 9.0, decision_rule.INCONCLUSIVE),
        (5.1, 9.0, decision_rule.DIFFERENT_HIGHER),
        (-9.0, -5.0, decision_rule.INCONCLUSIVE),
        (-9.0, -5.1, decision_rule.DIFFERENT_LOWER),
        (-20.0, 20.0, decision_rule.INCONCLUSIVE),
        (-np.inf, np.inf, decision_rule.INCONCLUSIVE),
    ],
)
def test_the_borders_belong_to_no_claim(low: float, high: float, expected: str):
    assert decision_rule.verdict_of_interval(low, high, M) == expected


def test_the_vocabulary_is_closed():
    assert decision_rule.VERDICTS == (
        "reproduced",
        "different (lower)",
        "different (higher)",
        "inconclusive",
        "uninformative",
        "not_judged",
        "no_evidence",
    )
    assert tuple(decision_rule.FLAGS) == (
        "conditional",
        "other_settings",
        "other_selection",
        "within_implementation_spread",
    )


def test_without_caution_the_unequal_reading_is_scipys_welch():
    ours, other = np.array([71.0, 74, 69, 80, 75]), np.array([60.0, 90, 75])
    unequal, _ = decision_rule.two_error_estimates(ours.var(ddof=1), 5, other.var(ddof=1), 3, caution=0.0)
    result = stats.ttest_ind(ours, other, equal_var=False)
    assert unequal.df == pytest.approx(result.df, rel=1e-12)
    assert (ours.mean() - other.mean()) / unequal.error_percent == pytest.approx(result.statistic, rel=1e-12)


def test_without_spread_the_degrees_of_freedom_stay_finite():
    ours, other = np.array([0.0, 0.0, 1e-250]), np.array([0.0, 4.0, 0.0])
    unequal, equal = decision_rule.two_error_estimates(ours, 5, other, 3)
    assert unequal.error_percent[0] == equal.error_percent[0] == 0
    assert unequal.df == pytest.approx([unequal.df[0], 2, 4])
    assert np.isfinite(unequal.df).all()
