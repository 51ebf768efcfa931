"""The chance of a claim: brute force, and the rule for `never`."""

from __future__ import annotations

import math

import numpy as np
import pytest
from recheck.errors import TablesError

from paper_tables.verdicts import decision_rule, power
from paper_tables.verdicts.power import ASSUMED, HYPOTHETICAL, PRINTED, TwoSides
from paper_tables.verdicts.reported_error import Interpretation


@pytest.mark.parametrize(
    ("seeds", "expected"),
    [((3, 3), 0.14), ((5, 5), 0.51), ((3, 10), 0.31), ((5, 10), 0.69), ((10, 10), 0.95)],
)
def test_power_at_equal_means_is_that_of_the_simulation(seeds: tuple[int, int], expected: float):
    found = power.chances_of_claims(TwoSides(*seeds, 3.0, 3.0), 5.0)
    assert found.reproduced == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("spread", [HYPOTHETICAL, PRINTED, ASSUMED])
@pytest.mark.parametrize("true", [1.0, 9.0])
def test_chances_equal_brute_force(spread: str, true: float):
    rng = np.random.default_rng(0)
    sides, margin, count = TwoSides(4, 6, 2.0, 3.0, spread), 5.0, 200_000
    sd = 2.0 * np.sqrt(rng.chisquare(3, count) / 3)
    error = {
        HYPOTHETICAL: 3.0 * np.sqrt(rng.chisquare(5, count) / 5 / 6),
        PRINTED: np.full(count, 3.0 / math.sqrt(6)),
        ASSUMED: 1.5 * sd / math.sqrt(6),
    }[spread]
    difference = rng.normal(true, sides.true_error_percent, count)
    known = [Interpretation(6, error, assumed=spread == ASSUMED)]
    half = decision_rule.bounds_of_difference(difference, sd, 4, known, margin).half_width_percent
    found = power.chances_of_claims(sides, margin, true)
    assert found.reproduced == pytest.approx(np.mean(np.abs(difference) + half < margin), abs=0.005)
    assert found.different == pytest.approx(np.mean(np.abs(difference) - half > margin), abs=0.005)


def test_without_any_spread_the_truth_is_seen():
    assert power.chances_of_claims(TwoSides(3, 3, 0.0, 0.0), 5.0, 4.9).reproduced == 1.0
    assert power.chances_of_claims(TwoSides(3, 3, 0.0, 0.0), 5.0, 5.1).different == 1.0


def test_never_is_where_many_seeds_of_ours_do_not_help():
    known = Interpretation(5, 6.0 / math.sqrt(5))
    least = power.least_half_width(1.0, known)
    many = decision_rule.bounds_of_difference(0.0, 1.0, 100_000, [known], 5.0)
    assert float(many.half_width_percent) == pytest.approx(least, rel=1e-3)
    assert power.seeds_needed(1.0, known, least * 0.999) == "never"
    assert power.seeds_needed(1.0, known, least * 1.5) != "never"
    # Equal variances count too: our own spread, divided by the paper's number of seeds, fills the margin.
    assert power.seeds_needed(20.0, Interpretation(3, 0.1), 5.0) == "never"
    assert power.seeds_needed(1.0, Interpretation(5, math.inf), 5.0) == "never"


def test_seeds_needed_is_the_smallest_number():
    known = Interpretation(10, 2.0 / math.sqrt(10))
    found = int(power.seeds_needed(4.0, known, 5.0))

    def chance(seeds: int) -> float:
        return power.chances_of_claims(TwoSides(seeds, 10, 4.0, 2.0, PRINTED), 5.0).reproduced

    assert chance(found) >= 0.8 > chance(found - 1)
    assert int(power.seeds_needed(4.0, known, 5.0, 0.01)) > found
    assert power.seeds_needed_by_all(4.0, [known, Interpretation(10, 3.0)], 5.0) == "never"


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda: TwoSides(1, 5, 1.0, 1.0), "at least 2 seeds"),
        (lambda: TwoSides(3, 5, -1.0, 1.0), "0 or more"),
        (lambda: TwoSides(3, 5, 1.0, 1.0, "guessed"), "printed, assumed, hypothetical"),
        (lambda: power.chances_of_claims(TwoSides(3, 5, 1.0, 1.0), 0.0), "above 0"),
    ],
)
def test_what_has_no_meaning_is_refused(made, words: str):
    with pytest.raises(TablesError, match=words):
        made()
