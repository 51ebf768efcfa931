"""Training curves: Fieller's set under both variance assumptions."""

from __future__ import annotations

import numpy as np
import pytest
from recheck.errors import TablesError

from paper_tables.verdicts import decision_rule
from paper_tables.verdicts.loss_ratio import judge_ratio
from paper_tables.verdicts.reported_error import Interpretation


def seeds_with(mean: float, sd: float, count: int) -> np.ndarray:
    scores = np.arange(count, dtype=float)
    return mean + sd * (scores - scores.mean()) / scores.std(ddof=1)


def test_ratio_is_fiellers_set_by_inversion():
    """At either end the test of mean(ours) - r mean(reference) is exactly at its 5% border."""
    rng = np.random.default_rng(0)
    ours, reference = rng.normal(0.95, 0.05, 4), rng.normal(1.0, 0.08, 5)
    found = judge_ratio(ours, reference, 0.5)
    for end in (found.interval_low, found.interval_high):
        scaled = end * reference
        known = [Interpretation(5, scaled.std(ddof=1) / np.sqrt(5))]
        bounds = decision_rule.bounds_of_difference(0.0, ours.std(ddof=1), 4, known, 1.0)
        assert abs(ours.mean() - scaled.mean()) == pytest.approx(float(bounds.half_width_percent), abs=1e-9)
    assert found.ratio == pytest.approx(ours.mean() / reference.mean())
    assert found.verdict == decision_rule.REPRODUCED


def test_ratio_verdicts():
    near, far = seeds_with(1.0, 0.01, 3), seeds_with(1.3, 0.01, 3)
    assert judge_ratio(near, near).verdict == decision_rule.REPRODUCED
    assert judge_ratio(far, near).verdict == decision_rule.DIFFERENT_HIGHER
    assert judge_ratio(near, far).verdict == decision_rule.DIFFERENT_LOWER
    assert judge_ratio(-near, -near).verdict == decision_rule.REPRODUCED
    assert judge_ratio(near, seeds_with(1.0, 0.3, 3)).verdict == decision_rule.INCONCLUSIVE
    assert judge_ratio(near, seeds_with(0.0, 1.0, 3)).interval_low is None
    assert judge_ratio([1.0], near).note == "One seed on a side."
    with pytest.raises(TablesError, match="finite"):
        judge_ratio([np.nan, 1.0], near)
