"""One number, several implementations: none is chosen."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from paper_tables.verdicts import decision_rule
from paper_tables.verdicts.judge import Comparison, ReportedNumber, judge
from paper_tables.verdicts.pooled import judge_implementations

REPORTED = ReportedNumber(80.0, 1.0, "standard_deviation_over_seeds", 10)
ASKED = Comparison(5.0)


def seeds(mean: float, sd: float = 0.5, count: int = 5) -> list[float]:
    return [mean + sd * step for step in np.linspace(-1, 1, count)]


def test_one_implementation_is_judged_as_ever():
    found = judge_implementations(REPORTED, {"a": seeds(80.0)}, ASKED)
    assert found.verdict == judge(REPORTED, seeds(80.0), ASKED)
    assert judge_implementations(REPORTED, {}, ASKED).verdict.verdict == decision_rule.NO_EVIDENCE


def test_two_must_agree():
    both = judge_implementations(REPORTED, {"a": seeds(80.0), "b": seeds(81.0)}, ASKED)
    assert both.verdict.verdict == decision_rule.REPRODUCED
    torn = judge_implementations(REPORTED, {"a": seeds(80.0), "b": seeds(47.6)}, ASKED)
    assert torn.verdict.verdict == decision_rule.INCONCLUSIVE
    assert "a: reproduced; b: different (lower)" in torn.verdict.reason
    assert torn.single["b"].verdict == decision_rule.DIFFERENT_LOWER
    assert torn.verdict.p_reproduced is None


def test_three_are_pooled_with_the_spread_between_them():
    near = judge_implementations(REPORTED, {n: seeds(80 + s) for n, s in zip("abcd", (-1, 0, 1, 0.5))}, ASKED)
    assert near.verdict.verdict == decision_rule.REPRODUCED
    assert near.in_prediction
    # Each alone says something, and together they are as far apart as 47.6, 85.5 and 107.4.
    far = judge_implementations(REPORTED, {n: seeds(m) for n, m in zip("abc", (47.6, 85.5, 107.4))}, ASKED)
    assert far.verdict.verdict == decision_rule.INCONCLUSIVE
    assert far.in_prediction
    assert far.pooled.between_sd_percent == pytest.approx(np.std([47.6, 85.5, 107.4], ddof=1), rel=0.01)
    error = np.hypot(far.pooled.error_percent, 1 / np.sqrt(10))
    half = far.verdict.interval_high - far.verdict.difference_percent
    assert half == pytest.approx(stats.t.ppf(0.95, 2) * error, rel=1e-3)
    low = judge_implementations(REPORTED, {n: seeds(50 + s) for n, s in zip("abc", (-1, 0, 1))}, ASKED)
    assert low.verdict.verdict == decision_rule.DIFFERENT_LOWER
    assert not low.in_prediction


def test_no_printed_spread_stays_conditional():
    bare = ReportedNumber(80.0, seeds=10)
    found = judge_implementations(bare, {n: seeds(80 + s) for n, s in zip("abc", (-1, 0, 1))}, ASKED)
    assert found.verdict.flags == (decision_rule.CONDITIONAL,)


def test_near_the_random_policy_pooling_says_nothing_either():
    low = ReportedNumber(3.0, 0.5, "standard_deviation_over_seeds", 5)
    found = judge_implementations(low, {name: seeds(2.0) for name in "abc"}, ASKED)
    assert found.verdict.verdict == decision_rule.UNINFORMATIVE


def test_equal_implementations_are_seldom_called_different():
    """Five implementations whose true means scatter by 3 points about the reported one."""
    rng = np.random.default_rng(0)
    claims = []
    for _ in range(400):
        runs = {str(i): rng.normal(80 + rng.normal(0, 3), 1, 5) for i in range(5)}
        claims.append(judge_implementations(REPORTED, runs, Comparison(5.0, with_seeds_needed=False)).verdict)
    assert np.mean([verdict.verdict.startswith("different") for verdict in claims]) <= 0.01
