"""Seeds one after the other: levels, futility, and no looking in between."""

from __future__ import annotations

import numpy as np
import pytest
from recheck.errors import TablesError

from paper_tables.verdicts import decision_rule, sequential
from paper_tables.verdicts.judge import Comparison, ReportedNumber
from paper_tables.verdicts.sequential import SequentialPlan, sequential_verdict

SD = "standard_deviation_over_seeds"
REPORTED = ReportedNumber(70.0, 1.0, SD, 10)
ASKED = Comparison(5.0)


def seeds(mean: float, sd: float, count: int = 10) -> np.ndarray:
    """Every look has nearly this mean and spread."""
    return mean + sd * np.tile([0.9, -0.8, 0.0, 0.7, -0.9], 2)[:count]


def test_the_levels_sum_to_five_percent():
    plan = SequentialPlan()
    assert plan.looks == (3, 5, 10)
    assert sum(plan.levels.values()) == pytest.approx(0.05)
    assert "0.004 at 3" in plan.text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"levels": {3: 0.02, 5: 0.04}}, "sum to at most 0.05"),
        ({"levels": {5: 0.01, 3: 0.01}}, "ascending"),
        ({"levels": {1: 0.01, 3: 0.01}}, "from 2 on"),
        ({"levels": {3: 0.0, 5: 0.01}}, "above 0"),
        ({"levels": {}}, "ascending"),
        ({"futile_below": 1.5}, "below 1"),
    ],
)
def test_a_design_that_does_not_keep_its_error_is_refused(fields: dict, words: str):
    with pytest.raises(TablesError, match=words):
        SequentialPlan(**fields)


@pytest.mark.parametrize("count", [1, 2, 4, 7, 11])
def test_looking_in_between_is_refused_in_words(count: int):
    with pytest.raises(TablesError, match="not a planned look: this design looks at 3, 5, 10 seeds"):
        sequential_verdict(REPORTED, np.linspace(69, 71, count), ASKED)
    with pytest.raises(TablesError, match="not a planned look"):
        sequential.sequential_p({count: 0.01})


def test_a_clear_case_stops_at_the_first_look():
    look = sequential_verdict(REPORTED, seeds(70.0, 0.5, 3), ASKED)
    assert (look.verdict.verdict, look.state, look.next_seeds) == (decision_rule.REPRODUCED, "claim", None)
    assert look.p_reproduced < 0.05
    lower = sequential_verdict(REPORTED, seeds(40.0, 0.5, 3), ASKED)
    assert (lower.verdict.verdict, lower.state) == (decision_rule.DIFFERENT_LOWER, "claim")


def test_an_unclear_case_goes_on_and_a_hopeless_one_is_given_up():
    unclear = sequential_verdict(REPORTED, seeds(70.0, 2.5, 3), ASKED)
    assert (unclear.verdict.verdict, unclear.state, unclear.next_seeds) == (
        decision_rule.INCONCLUSIVE,
        "continue",
        5,
    )
    hopeless = sequential_verdict(REPORTED, seeds(71.0, 15.0, 3), ASKED)
    assert (hopeless.verdict.verdict, hopeless.state, hopeless.next_seeds) == (
        decision_rule.INCONCLUSIVE,
        "futile",
        None,
    )
    assert hopeless.chance_of_claim < 0.10
    last = sequential_verdict(ReportedNumber(70.0, 4.0, SD, 10), seeds(72.5, 3.5), ASKED)
    assert (last.state, last.next_seeds, last.chance_of_claim) == ("last look", None, None)


def test_what_was_decided_earlier_stays_decided():
    """Later seeds do not change the answer of a study that has stopped."""
    stopped = np.concatenate([seeds(70.0, 0.5, 3), [10.0, 20.0]])
    look = sequential_verdict(REPORTED, stopped, ASKED)
    assert (look.verdict.verdict, look.looked_at) == (decision_rule.REPRODUCED, (3,))
    given_up = np.concatenate([seeds(71.0, 15.0, 3), [75.0, 75.1]])
    look = sequential_verdict(REPORTED, given_up, ASKED)
    assert (look.verdict.verdict, look.state, look.looked_at) == (decision_rule.INCONCLUSIVE, "futile", (3,))


def test_p_values_over_looks_are_below_five_percent_exactly_where_a_look_claims():
    rng = np.random.default_rng(0)
    states = set()
    for _ in range(300):
        runs = rng.normal(rng.uniform(62, 78), rng.uniform(0.3, 5), 10)
        look = sequential_verdict(REPORTED, runs, ASKED)
        states.add(look.state)
        claimed = look.state == "claim"
        assert (min(look.p_reproduced, look.p_different) < 0.05) == claimed
        if look.state == "futile":
            assert look.verdict.verdict == decision_rule.INCONCLUSIVE
    assert states == {"claim", "futile", "last look"}


def test_near_the_random_policy_more_seeds_are_not_asked_for():
    look = sequential_verdict(ReportedNumber(3.0, 0.5, SD, 5), [2.0, 2.5, 3.0], ASKED)
    assert (look.verdict.verdict, look.next_seeds) == (decision_rule.UNINFORMATIVE, None)
