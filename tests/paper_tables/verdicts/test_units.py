"""Percent against fractions: refused where the verdict would depend on the unit."""

from __future__ import annotations

import numpy as np
import pytest

from paper_tables.verdicts import decision_rule, units
from paper_tables.verdicts.judge import ReportedNumber

SD = "standard_deviation_over_seeds"


def by_means(scores: np.ndarray, number: ReportedNumber) -> str:
    """A stand-in for the rule: means within 5 points are the same."""
    difference = float(scores.mean()) - number.mean_percent
    if abs(difference) < 5:
        return decision_rule.REPRODUCED
    return decision_rule.DIFFERENT_HIGHER if difference > 0 else decision_rule.DIFFERENT_LOWER


@pytest.mark.parametrize(
    ("ours", "mean", "refused"),
    [
        ([0.7, 0.7], 70.0, "Our"),
        ([70.0, 70.0], 0.7, "The reported"),
        ([0.12, 0.12], 12.0, "Our"),
        ([0.9, 0.9], 12.0, "Our"),
        # Surely two units, though both choices give the same verdict.
        ([0.2, 0.2], 90.0, "Our"),
        ([0.05, 0.05], 60.0, ""),
        ([0.7, 0.7], 0.7, ""),
        ([70.0, 71.0], 12.0, ""),
        ([-0.5, 0.3], 60.0, ""),
    ],
)
def test_scores(ours: list[float], mean: float, refused: str):
    found = units.two_units(np.array(ours), ReportedNumber(mean), by_means)
    assert found.startswith(refused)
    assert bool(found) == bool(refused)


def test_reference_runs_are_scaled_seed_by_seed():
    seen = []

    def judged(scores: np.ndarray, number: ReportedNumber) -> str:
        seen.append((number.mean_percent, number.spread_percent, number.scores_percent))
        return by_means(scores, number)

    runs = ReportedNumber.of_runs([0.11, 0.13])
    assert units.two_units(np.array([12.0, 12.5]), runs, judged)
    mean, spread, scores = seen[-1]
    assert (mean, spread) == pytest.approx((12.0, 100 * runs.spread_percent))
    assert scores == pytest.approx((11.0, 13.0))


@pytest.mark.parametrize(("spread", "refused"), [(0.05, True), (0.005, False), (0.5, False), (2.0, False)])
def test_a_spread_in_fractions(spread: float, refused: bool):
    """Ours is 3 points: 0.05 is 60 times smaller, 0.005 600 times, 0.5 six times."""

    def by_spread(_: np.ndarray, number: ReportedNumber) -> str:
        return decision_rule.REPRODUCED if number.spread_percent < 4 else decision_rule.INCONCLUSIVE

    ours = np.array([67.0, 70.0, 73.0])
    found = units.two_units(ours, ReportedNumber(70.0, spread, SD, 5), by_spread)
    assert ("spread" in found) == refused
