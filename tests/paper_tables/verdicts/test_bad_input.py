"""Every public function of the rule refuses what is not a number, in one message of one class."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from recheck.errors import TablesError

from paper_tables.verdicts import (
    decision_rule,
    implementations,
    loss_ratio,
    multiplicity,
    planning,
    pooled,
    power,
    reported_error,
    sequential,
    simulated_studies,
    simulated_typical,
    typical,
)
from paper_tables.verdicts.judge import Comparison, ReportedNumber, judge
from paper_tables.verdicts.laws import Normal
from paper_tables.verdicts.reported_error import Interpretation

KNOWN = Interpretation(5, 1.0)
NUMBER = ReportedNumber(70.0, 1.0, "standard_deviation_over_seeds", 5)
ASKED = Comparison(5.0)
SCORES = [70.0, 71.0, 72.0]
COMPONENTS = planning.Components(1.0, 1.0, 1.0)
ESTIMATES = [implementations.Estimate(name, 1.0, 1.0) for name in "abc"]

CALLS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "ReportedNumber": (lambda mean, spread: ReportedNumber(mean, spread, "unknown"), (70.0, 1.0)),
    "ReportedNumber.of_runs": (ReportedNumber.of_runs, (SCORES,)),
    "Comparison": (Comparison, (5.0,)),
    "judge": (judge, (NUMBER, SCORES, ASKED)),
    "two_error_estimates": (decision_rule.two_error_estimates, (1.0, 5, 1.0, 5, 0.5)),
    "bounds_of_difference": (decision_rule.bounds_of_difference, (0.0, 1.0, 5, [KNOWN], 5.0)),
    "claims_of_intervals": (decision_rule.claims_of_intervals, (-1.0, 1.0, 5.0)),
    "Strictness": (decision_rule.Strictness, (0.05, 0.5)),
    "Interpretation": (Interpretation, (5, 1.0)),
    "assumed_interpretations": (lambda sd: reported_error.assumed_interpretations(5, sd), (1.0,)),
    "printed_interpretations": (
        lambda spread: reported_error.printed_interpretations(spread, "unknown", 5, 10),
        (1.0,),
    ),
    "counts_of": (reported_error.counts_of, (5,)),
    "judge_typical_runs": (typical.judge_typical_runs, (SCORES, SCORES, 5.0)),
    "collapse_rate": (typical.collapse_rate, (1, 3)),
    "judge_ratio": (loss_ratio.judge_ratio, ([1.0, 2.0, 1.5], [1.0, 2.0, 1.5], 0.1)),
    "benjamini_hochberg": (multiplicity.benjamini_hochberg, ([0.1, 0.2],)),
    "holm": (multiplicity.holm, ([0.1, 0.2],)),
    "level_within_family": (multiplicity.level_within_family, ([0.1, 0.2], 0, 0.05)),
    "SequentialPlan": (sequential.SequentialPlan, ({3: 0.004, 5: 0.01}, 0.1)),
    "sequential_verdict": (sequential.sequential_verdict, (NUMBER, SCORES, ASKED)),
    "sequential_p": (sequential.sequential_p, ({3: 0.1},)),
    "chance_at_last_look": (sequential.chance_at_last_look, (0.0, 1.0, 1.0, 5.0)),
    "TwoSides": (power.TwoSides, (3, 5, 1.0, 1.0)),
    "chances_of_claims": (
        lambda margin, true: power.chances_of_claims(power.TwoSides(3, 5, 1.0, 1.0), margin, true),
        (5.0, 0.0),
    ),
    "seeds_needed": (power.seeds_needed, (1.0, KNOWN, 5.0, 0.05, 0.8, 100)),
    "seeds_needed_by_all": (power.seeds_needed_by_all, (1.0, [KNOWN], 5.0)),
    "least_half_width": (power.least_half_width, (1.0, KNOWN)),
    "Components": (planning.Components, (1.0, 1.0, 1.0)),
    "sd_of_score": (COMPONENTS.sd_of_score, (10, 1)),
    "best_episodes": (COMPONENTS.best_episodes, (10.0, 1.0)),
    "seeds_for_margin": (planning.seeds_for_margin, (1.0, 5.0, 5, 0.8, 100)),
    "Estimate.of_runs": (lambda scores: implementations.Estimate.of_runs("a", scores), (SCORES,)),
    "Estimate": (lambda mean, error: implementations.Estimate("a", mean, error), (1.0, 1.0)),
    "pool": (implementations.pool, (ESTIMATES, 0.9)),
    "judge_implementations": (
        pooled.judge_implementations,
        (NUMBER, {"a": SCORES, "b": [70.5, 71.0, 70.0]}, ASKED),
    ),
    "simulate": (
        lambda studies: simulated_studies.refuse_few(studies),
        (100,),
    ),
    "simulate_typical": (
        lambda studies: simulated_typical.simulate_typical(Normal(1.0), Normal(1.0), 3, 3, studies),
        (100,),
    ),
}

BAD: dict[str, Any] = {
    "text": "many",
    "text of a number": "70",
    "true": True,
    "too large": 10**400,
    "texts": ["a", "b", "c"],
    "truths": [True, False, True],
}
NOTHING_PRINTED = {("ReportedNumber", 1), ("seeds_for_margin", 2)}
"""Arguments for which None has a meaning: the paper prints no spread, has as many seeds as we."""


@pytest.mark.parametrize("name", CALLS)
def test_the_call_itself_is_right(name: str):
    call, arguments = CALLS[name]
    call(*arguments)


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("name", CALLS)
def test_what_is_no_number_is_refused_in_one_message(name: str, bad: str):
    call, arguments = CALLS[name]
    for place in range(len(arguments)):
        changed = [*arguments[:place], BAD[bad], *arguments[place + 1 :]]
        with pytest.raises(TablesError) as refused:
            call(*changed)
        assert "\n" not in str(refused.value)
        assert len(str(refused.value)) < 250


@pytest.mark.parametrize("name", CALLS)
def test_nothing_and_nan_are_refused(name: str):
    call, arguments = CALLS[name]
    for place in range(len(arguments)):
        may_be_infinite = (name, place) in {("claims_of_intervals", 0), ("claims_of_intervals", 1)}
        no_error_to_pool = name == "Estimate"
        half_width = (name, place) == ("chance_at_last_look", 2)
        for bad in (None, math.nan):
            if bad is None and (name, place) in NOTHING_PRINTED:
                continue
            if bad is not None and (may_be_infinite or no_error_to_pool or half_width):
                continue  # NaN claims nothing; what is pooled is checked by `pool`.
            with pytest.raises(TablesError):
                call(*[*arguments[:place], bad, *arguments[place + 1 :]])
