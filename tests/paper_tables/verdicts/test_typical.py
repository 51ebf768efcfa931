"""Typical runs: collapsed seeds counted apart, the others judged by the rule."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from paper_tables.verdicts import decision_rule, typical
from paper_tables.verdicts.judge import Comparison, ReportedNumber, judge

M = 5.0


def test_without_a_collapse_it_is_the_plain_verdict():
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(60):
        ours = rng.normal(rng.choice([62, 70]), rng.uniform(0.3, 2), rng.integers(2, 8))
        theirs = rng.normal(70, rng.uniform(0.3, 2), rng.integers(2, 8))
        plain = judge(ReportedNumber.of_runs(theirs), ours, Comparison(M))
        found = typical.judge_typical_runs(ours, theirs, M)
        assert (found.verdict, found.interval_low) == (plain.verdict, plain.interval_low)
        seen.add(found.verdict)
    assert len(seen) == 3


def test_collapsed_seeds_are_set_apart_whatever_their_order():
    ours, theirs = [70.0, 71.0, 30.0, 70.5], [70.2, 20.0, 70.9, 71.1, 70.4]
    found = typical.judge_typical_runs(ours, theirs, M)
    assert found.verdict == decision_rule.REPRODUCED
    assert (found.ours.collapsed, found.reported.collapsed) == (1, 1)
    assert found.difference_percent == pytest.approx(
        np.mean([70, 71, 70.5]) - np.mean([70.2, 70.9, 71.1, 70.4])
    )
    assert typical.judge_typical_runs(ours[::-1], theirs[::-1], M) == found


def test_the_border_is_four_margins_below_the_joint_median():
    theirs = [70.0, 70.5, 71.0, 69.5, 69.0]
    # The median of all eight is 69.75.
    for score, collapsed in ((49.7, 1), (49.8, 0)):
        found = typical.judge_typical_runs([70.0, 69.0, score], theirs, M)
        assert found.ours.collapsed == collapsed


def test_too_few_typical_seeds_claim_nothing():
    found = typical.judge_typical_runs([70.0, 10.0, 12.0], [70.0, 71.0, 70.5, 70.2], M)
    assert (found.verdict, found.difference_percent) == (decision_rule.INCONCLUSIVE, None)
    assert found.ours.collapsed == 2


def test_rates_are_exact():
    rate = typical.collapse_rate(3, 10)
    # Clopper and Pearson by the quantiles of the beta distribution.
    assert (rate.low, rate.high) == pytest.approx((stats.beta.ppf(0.025, 3, 8), stats.beta.ppf(0.975, 4, 7)))
    assert rate.text == "3 of 10 [7%, 65%]"
    assert typical.compare_collapses(typical.collapse_rate(0, 3), typical.collapse_rate(0, 5)) == 1.0


@pytest.mark.parametrize(("one", "n", "other", "m"), [(3, 10, 0, 10), (1, 3, 4, 5), (2, 4, 0, 9)])
def test_rates_are_compared_by_boschloos_test(one: int, n: int, other: int, m: int):
    """By enumeration: Fisher's one-sided p value as the statistic, the worst common rate, both sides."""
    tables = [(a, b) for a in range(n + 1) for b in range(m + 1)]
    rates = np.linspace(0.001, 0.999, 999)
    chances = np.array([stats.binom.pmf(a, n, rates) * stats.binom.pmf(b, m, rates) for a, b in tables])
    one_sided = []
    for side in ("less", "greater"):
        fisher = np.array(
            [stats.fisher_exact([[a, b], [n - a, m - b]], alternative=side).pvalue for a, b in tables]
        )
        as_extreme = fisher <= fisher[tables.index((one, other))] * (1 + 1e-9)
        one_sided.append(chances[as_extreme].sum(axis=0).max())
    found = typical.compare_collapses(typical.collapse_rate(one, n), typical.collapse_rate(other, m))
    assert found == pytest.approx(min(1.0, 2 * min(one_sided)), abs=1e-3)


def test_a_shift_of_few_seeds_may_be_a_collapse_of_all():
    theirs = [70.0, 70.5, 71.0, 69.5, 70.2]
    few = typical.judge_typical_runs([52.0, 52.5, 53.0], theirs, M)
    assert (few.verdict, few.note) == (decision_rule.INCONCLUSIVE, typical.WHOLE)
    assert few.interval_high < -M
    many = typical.judge_typical_runs([52.0, 52.5, 53.0, 52.2, 52.3, 52.1, 52.6, 52.7], theirs, M)
    assert (many.verdict, many.note) == (decision_rule.DIFFERENT_LOWER, "")
    near = typical.judge_typical_runs([60.0, 60.5, 61.0], theirs, M)
    assert (near.verdict, near.note) == (decision_rule.DIFFERENT_LOWER, "")
    # Whose seeds are few matters on the lower side alone.
    higher = typical.judge_typical_runs(theirs[:3], [52.0, 52.5, 53.0, 52.2, 52.3, 52.1, 52.6, 52.7], M)
    assert higher.verdict == decision_rule.DIFFERENT_HIGHER


def test_a_wide_lower_side_may_hold_collapses():
    theirs = [100.0, 100.5, 101.0, 99.5, 100.2]
    ours = [92.0, 91.0, 88.0, 87.0, 84.0, 82.0, 81.0, 80.5]
    narrow = typical.judge_typical_runs(ours, theirs, M)
    assert (narrow.verdict, narrow.note) == (decision_rule.DIFFERENT_LOWER, "")
    wide = typical.judge_typical_runs([95.0, 92.0, 88.0, 86.0, 82.0, 80.0, 78.0, 76.0], theirs, M)
    assert (wide.verdict, wide.note) == (decision_rule.INCONCLUSIVE, typical.WIDE)


def test_the_reason_is_reported():
    two_groups = typical.judge_typical_runs([70.0, 71.0, 52.0, 53.0], [54.0, 53.0, 70.0, 71.0], M)
    assert (two_groups.verdict, two_groups.note) == (decision_rule.INCONCLUSIVE, typical.TWO_GROUPS)
    identical = typical.judge_typical_runs([70.0, 70.0, 10.0], [70.0, 71.0, 70.5, 70.2], M)
    assert (identical.verdict, identical.note) == (decision_rule.INCONCLUSIVE, typical.IDENTICAL)
    number = ReportedNumber.of_runs([70.0, 70.5, 71.0, 69.5, 70.2])
    assert judge(number, [52.0, 52.5, 53.0], Comparison(M)).typical_note == typical.WHOLE
