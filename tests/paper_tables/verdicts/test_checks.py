"""What no verdict can be computed from is refused in words."""

from __future__ import annotations

import math

import numpy as np
import pytest
from recheck.errors import TablesError

from paper_tables.verdicts import (
    checks,
    decision_rule,
    implementations,
    loss_ratio,
    multiplicity,
    planning,
    power,
    reported_error,
    sequential,
    typical,
)
from paper_tables.verdicts.reported_error import Interpretation

KNOWN = [Interpretation(5, 1.0)]
NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda: checks.finite([1.0, NAN], "The score"), "The score is nan; it must be a finite number"),
        (lambda: checks.finite(-2e9, "The score"), "not a figure in percent"),
        (lambda: checks.finite("many", "The score"), "'many'; it must be a number"),
        (lambda: checks.not_negative(-0.1, "The spread"), "The spread is -0.1; it must be 0 or more"),
        (lambda: checks.margin([5.0, 0.0]), "The margin is 0 points; it must be above 0"),
        (lambda: checks.level(0.5), "below 0.5"),
        (lambda: checks.count(True, "The number"), "whole number"),
        (lambda: checks.count("5", "The number"), "whole number"),
        (lambda: checks.count(1, "The number", 2), "The number is 1; it must be a whole number, 2 or more"),
        (lambda: checks.counts(np.array([3, 1]), "The number", 2), "The number is 1"),
        (lambda: checks.counts([], "The number", 2), "not given"),
        (lambda: checks.scores([[1.0]], "ours"), "shape"),
        (lambda: checks.scores([1.0], "ours", 2), "at least 2 seed"),
        # The rule.
        (lambda: decision_rule.bounds_of_difference(0.0, 1.0, 5, [], 5.0), "at least one interpretation"),
        (lambda: decision_rule.bounds_of_difference(0.0, 1.0, 5, KNOWN, 0.0), "above 0"),
        (lambda: decision_rule.bounds_of_difference(0.0, 1.0, 5, KNOWN, -5.0), "above 0"),
        (lambda: decision_rule.bounds_of_difference(0.0, 1.0, 5, KNOWN, NAN), "above 0"),
        (lambda: decision_rule.bounds_of_difference(0.0, 1.0, 1, KNOWN, 5.0), "Our number of seeds is 1"),
        (lambda: decision_rule.bounds_of_difference(0.0, 1.0, 2.5, KNOWN, 5.0), "whole number"),
        (lambda: decision_rule.bounds_of_difference(0.0, -1.0, 5, KNOWN, 5.0), "0 or more"),
        (lambda: decision_rule.bounds_of_difference(0.0, NAN, 5, KNOWN, 5.0), "finite"),
        (lambda: decision_rule.bounds_of_difference(NAN, 1.0, 5, KNOWN, 5.0), "finite"),
        (
            lambda: decision_rule.bounds_of_difference(0.0, 1.0, 5, [Interpretation(1, 1.0)], 5.0),
            "seeds is 1",
        ),
        (lambda: decision_rule.two_error_estimates(-1.0, 5, 1.0, 5), "0 or more"),
        (lambda: decision_rule.two_error_estimates(NAN, 5, 1.0, 5), "0 or more"),
        (lambda: decision_rule.claims_of_intervals(-1.0, 1.0, -5.0), "above 0"),
        (lambda: decision_rule.Strictness(0.0), "above 0 and below 0.5"),
        (lambda: decision_rule.Strictness(0.05, NAN), "finite"),
        (
            lambda: decision_rule.half_width(decision_rule.ErrorEstimate(np.array(1.0), np.array(4.0)), NAN),
            "level",
        ),
        (
            lambda: decision_rule.p_values(
                0.0, decision_rule.ErrorEstimate(np.array(1.0), np.array(4.0)), -5.0
            ),
            "above 0",
        ),
        (
            lambda: decision_rule.p_values(
                NAN, decision_rule.ErrorEstimate(np.array(1.0), np.array(4.0)), 5.0
            ),
            "finite",
        ),
        # What a paper prints.
        (lambda: Interpretation(0, 1.0), "1 or more"),
        (lambda: Interpretation(5, NAN), "0 or more"),
        (lambda: reported_error.assumed_interpretations(5, NAN), "finite"),
        (lambda: reported_error.assumed_interpretations([], 1.0), "empty list"),
        # Typical runs.
        (lambda: typical.judge_typical_runs([1.0], [1.0, 2.0], 5.0), "at least 2 seed"),
        (lambda: typical.judge_typical_runs([1.0, NAN], [1.0, 2.0], 5.0), "finite"),
        (lambda: typical.judge_typical_runs([1.0, 2.0], [1.0, 2.0], 0.0), "above 0"),
        (lambda: typical.collapse_rate(4, 3), "4 of 3 seeds"),
        (lambda: typical.collapse_rate(-1, 3), "0 or more"),
        # Losses.
        (lambda: loss_ratio.judge_ratio([1.0, 2.0], [1.0, 2.0], 0.0), "above 0 and below 1"),
        (lambda: loss_ratio.judge_ratio([1.0, 2.0], [1.0, 2.0], NAN), "above 0 and below 1"),
        # Many numbers.
        (lambda: multiplicity.benjamini_hochberg([0.1, NAN]), "p value is nan"),
        (lambda: multiplicity.holm([0.1, 1.2]), "from 0 to 1"),
        (lambda: multiplicity.level_within_family([], 0), "no member 0"),
        (lambda: multiplicity.level_within_family([0.1], 1), "no member 1"),
        (lambda: multiplicity.level_within_family([0.1, 0.2], 0.5), "whole number"),
        # Sequential seeds.
        (lambda: sequential.SequentialPlan({3: NAN, 5: 0.01}), "above 0"),
        (lambda: sequential.SequentialPlan({3: INF}), "at most 0.05"),
        (lambda: sequential.SequentialPlan({2.5: 0.01}), "whole number"),
        (lambda: sequential.SequentialPlan(futile_below=NAN), "below 1"),
        (lambda: sequential.sequential_p({3: NAN}), "p value is nan"),
        # Power and planning.
        (lambda: power.TwoSides(3, 5, NAN, 1.0), "finite"),
        (lambda: power.TwoSides(3, 5.5, 1.0, 1.0), "whole number"),
        (lambda: power.chances_of_claims(power.TwoSides(3, 5, 1.0, 1.0), INF), "finite"),
        (lambda: power.chances_of_claims(power.TwoSides(3, 5, 1.0, 1.0), 5.0, NAN), "finite"),
        (lambda: power.seeds_needed(1.0, KNOWN[0], NAN), "above 0"),
        (lambda: power.seeds_needed(1.0, KNOWN[0], 5.0, wanted_chance=1.0), "below 1"),
        (lambda: power.seeds_needed_by_all(1.0, [], 5.0), "at least one interpretation"),
        (lambda: planning.Components(NAN, 1.0, 1.0), "variance between seeds is nan"),
        (lambda: planning.Components(1.0, 1.0, 1.0).sd_of_score(NAN), "must be a finite number"),
        (lambda: planning.Components(1.0, 1.0, 1.0).best_episodes(NAN, 1.0), "above 0 seconds"),
        (lambda: planning.seeds_for_margin(1.0, 5.0, largest=1), "2 or more"),
        # Implementations.
        (lambda: implementations.Band("hopper", NAN, 0.8, 18, ""), "finite"),
        (lambda: implementations.Estimate.of_runs("a", [1.0, NAN]), "finite"),
        (lambda: implementations.Estimate.of_runs("a", [70.1, 70.1, 70.1]), "seeds that differ"),
        (
            lambda: implementations.pool([implementations.Estimate(name, 1.0, 1.0) for name in "abc"], NAN),
            "above 0 and below 1",
        ),
        (
            lambda: implementations.pool([implementations.Estimate(name, 1.0, 1e-300) for name in "abc"]),
            "must be above 0",
        ),
        (
            lambda: implementations.pool([implementations.Estimate(name, 1.0, INF) for name in "abc"]),
            "finite",
        ),
    ],
)
def test_what_has_no_meaning_is_refused(made, words: str):
    with pytest.raises(TablesError, match=words):
        made()


def test_what_is_checked_comes_back():
    assert checks.finite(-1e9, "") == -1e9
    assert checks.count(5.0, "") == 5
    assert isinstance(checks.count(np.float64(5.0), ""), int)
    assert checks.counts(np.array([2, 3]), "", 2).tolist() == [2, 3]
    assert checks.scores((70, 71), "ours").tolist() == [70.0, 71.0]
    assert checks.scores([], "ours", least=0).size == 0
    assert checks.p_values([0.0, 1.0]).tolist() == [0.0, 1.0]


def test_rounding_is_no_spread():
    same = np.array([0.1, 0.1, 0.1])
    assert same.std(ddof=1) > 0
    assert checks.sample_sd(same) == 0.0
    assert checks.identical(np.array([70.0, 70.0 + 1e-13]))
    assert not checks.identical(np.array([70.0, 70.001]))
    assert not checks.identical(np.array([0.0, 1e-6]))
    assert checks.sample_sd(np.array([70.0, 71.0, 72.0])) == pytest.approx(1.0)


def test_bounds_of_the_score():
    assert [checks.at_bound(score) for score in (0.0, 100.0, 100.0 - 1e-13, 99.0, -0.1)] == [
        True,
        True,
        True,
        False,
        False,
    ]


def test_small_and_large_figures_are_judged():
    """A variance that underflows, and the largest figures that are allowed."""
    tiny = decision_rule.bounds_of_difference(0.0, 1e-200, 3, [Interpretation(3, 1e-200)], 5.0)
    assert (tiny.half_width_percent, tiny.p_reproduced) == (pytest.approx(0.0), pytest.approx(0.0))
    large = decision_rule.bounds_of_difference(0.0, 1e9, 3, [Interpretation(3, 1e9)], 5.0)
    assert math.isfinite(large.half_width_percent)
    assert large.p_reproduced == pytest.approx(0.5)


def test_an_error_without_bound_claims_nothing():
    bounds = decision_rule.bounds_of_difference(0.0, 1.0, 5, [Interpretation(5, INF)], 5.0)
    assert (bounds.half_width_percent, bounds.p_reproduced, bounds.p_different) == (INF, 1.0, 1.0)
    assert decision_rule.confidence_interval(0.0, bounds) == (-INF, INF)


def test_identical_losses_claim_nothing():
    found = loss_ratio.judge_ratio([1.0, 1.0, 1.0], [1.0, 1.1, 0.9])
    assert found.verdict == decision_rule.INCONCLUSIVE
    assert "identical" in found.note


def test_no_later_look_after_the_last():
    from paper_tables.verdicts.judge import Comparison, ReportedNumber

    number = ReportedNumber(70.0, 1.0, "standard_deviation_over_seeds", 5)
    with pytest.raises(TablesError, match="no later look"):
        sequential.chance_of_claim(number, np.arange(10.0), Comparison(5.0))
    with pytest.raises(TablesError, match="at least 2"):
        sequential.chance_of_claim(number, [70.0], Comparison(5.0))
