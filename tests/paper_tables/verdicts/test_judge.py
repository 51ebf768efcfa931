"""The verdict on one reported number: what comes before and after the rule."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from recheck.errors import TablesError
from scipy import stats

from paper_tables.public_runs import reader
from paper_tables.verdicts import decision_rule
from paper_tables.verdicts import judge as module
from paper_tables.verdicts.implementations import Band
from paper_tables.verdicts.judge import Comparison, ReportedNumber
from paper_tables.verdicts.reported_error import SPREAD_KINDS
from paper_tables.verdicts.verdict import Verdict

SD = "standard_deviation_over_seeds"
SE = "standard_error_over_seeds"
POOLED = "standard_error_of_pooled_episodes"
OURS = np.array([78.0, 81.5, 79.0, 80.5, 81.0])
THEIRS = np.array([79.0, 83.0, 80.0, 78.5])
ASKED = Comparison(5.0)


def seeds_with(mean: float, sd: float, count: int) -> np.ndarray:
    """Scores with exactly this mean and sample standard deviation."""
    scores = np.arange(count, dtype=float)
    return mean + sd * (scores - scores.mean()) / scores.std(ddof=1)


def judge(ours, mean: float, sd: float | None = 1.0, asked: Comparison = ASKED, **changed: object) -> Verdict:
    """A number of five stated seeds with a standard deviation, unless said otherwise."""
    fields: dict = {"spread_kind": SD if sd is not None else "none", "seeds": 5, "episodes_per_seed": 10}
    return module.judge(ReportedNumber(mean, sd, **(fields | changed)), ours, asked)


def test_a_number_is_judged_by_its_mean_spread_and_seeds():
    found = judge(OURS, THEIRS.mean(), float(THEIRS.std(ddof=1)), seeds=4)
    runs = module.judge(ReportedNumber.of_runs(THEIRS), OURS, ASKED)
    assert (found.verdict, runs.verdict) == (decision_rule.REPRODUCED, decision_rule.REPRODUCED)
    assert (found.interval_low, found.interval_high) == pytest.approx((runs.interval_low, runs.interval_high))
    assert found.difference_percent == pytest.approx(OURS.mean() - THEIRS.mean())
    assert found.flags == ()


def test_an_interval_without_zero_is_a_footnote_only():
    found = judge(seeds_with(72.5, 0.3, 5), 70.0, 0.3)
    assert found.verdict == decision_rule.REPRODUCED
    assert found.detectable
    assert not judge(seeds_with(70.1, 1.0, 5), 70.0, 1.0).detectable


# What the paper does not say.


def test_unknown_number_of_seeds_needs_agreement_at_3_5_and_10():
    ours = seeds_with(70.0, 1.0, 5)
    stated = {n: judge(ours, 70.0, 4.0, seeds=n).verdict for n in (3, 5, 10)}
    assert stated == {
        3: decision_rule.INCONCLUSIVE,
        5: decision_rule.REPRODUCED,
        10: decision_rule.REPRODUCED,
    }
    unstated = judge(ours, 70.0, 4.0, seeds=None)
    assert unstated.verdict == decision_rule.INCONCLUSIVE
    assert unstated.interpretations == 3
    assert not unstated.interpretations_agree
    assert "3, 5 and 10" in unstated.reason
    assert judge(ours, 70.0, 1.0, seeds=None).interpretations_agree


def test_unknown_meaning_is_tried_as_deviation_and_as_error():
    ours = seeds_with(70.0, 1.0, 5)
    as_sd, as_error = (judge(ours, 70.0, 2.5, spread_kind=kind) for kind in (SD, SE))
    assert (as_sd.verdict, as_error.verdict) == (decision_rule.REPRODUCED, decision_rule.INCONCLUSIVE)
    unknown = judge(ours, 70.0, 2.5, spread_kind="unknown")
    assert unknown.verdict == decision_rule.INCONCLUSIVE
    assert unknown.interval_high == as_error.interval_high
    assert judge(ours, 70.0, 2.5, spread_kind="unknown", seeds=None).interpretations == 6


def test_population_deviation_is_widened():
    ours = seeds_with(70.0, 1.0, 5)
    kind = "population_standard_deviation_over_seeds"
    population = judge(ours, 70.0, 2.0, spread_kind=kind, seeds=4)
    sample = judge(ours, 70.0, 2.0 * math.sqrt(4 / 3), seeds=4)
    assert population.interval_high == pytest.approx(sample.interval_high)


def test_pooled_standard_error_is_between_itself_and_root_episodes_times_it():
    ours = seeds_with(70.0, 0.5, 5)
    wide = judge(ours, 70.0, 3.0, spread_kind=SE)
    pooled = judge(ours, 70.0, 1.0, spread_kind=POOLED, episodes_per_seed=9)
    assert pooled.verdict == wide.verdict == decision_rule.INCONCLUSIVE
    assert pooled.interval_high == pytest.approx(wide.interval_high)
    unbounded = judge(ours, 70.0, 0.1, spread_kind=POOLED, episodes_per_seed=None)
    assert unbounded.verdict == decision_rule.INCONCLUSIVE
    assert unbounded.interval_high is None
    assert unbounded.seeds_needed == "never"
    assert "nothing bounds" in unbounded.reason


def test_no_spread_assumes_up_to_three_times_ours_and_is_conditional():
    ours = seeds_with(70.0, 1.0, 5)
    found = judge(ours, 70.0, None, seeds=10)
    assert found.flags == (decision_rule.CONDITIONAL,)
    assert found.interpretations == 3
    assert "3 times ours" in found.reason
    # Three times ours: the pooled error is the larger one; the degrees of freedom are our four.
    pooled = math.sqrt((4 * 1 + 9 * 9) / 13 * (1 / 5 + 1 / 10))
    assert found.interval_high == pytest.approx(stats.t.ppf(0.95, 4) * pooled)
    assert judge(ours, 70.0, 2.0).flags == ()


def test_the_largest_known_spread_replaces_the_factor():
    ours = seeds_with(70.0, 1.0, 5)
    known = judge(ours, 70.0, None, replace(ASKED, largest_known_sd_percent=1.5), seeds=10)
    assert known.flags == (decision_rule.CONDITIONAL,)
    assert "1.5 points" in known.reason
    assert known.interval_high < judge(ours, 70.0, None, seeds=10).interval_high
    # Ours counts where it is larger.
    small = judge(ours, 70.0, None, replace(ASKED, largest_known_sd_percent=0.1), seeds=10)
    assert small.interval_high == pytest.approx(stats.t.ppf(0.95, 4) * math.sqrt(1 / 5 + 1 / 10))


def test_ranks_are_told_where_no_spread_is_printed_and_claim_nothing():
    ours = seeds_with(80.0, 8.0, 53)
    found = judge(ours, 42.5, None, seeds=3)
    assert found.ranks == "all 53 seeds are above the reported number"
    assert judge(ours, 42.5, 5.0, seeds=3).ranks == ""
    assert "27 of 53" in judge(ours, 79.9, None, seeds=3).ranks


def test_a_spread_over_one_training_seed_is_no_spread():
    kind = "population_standard_deviation_over_evaluations"
    found = judge(seeds_with(70.0, 1.0, 5), 70.0, 2.0, spread_kind=kind)
    assert found.flags == (decision_rule.CONDITIONAL,)
    assert "over one training seed" in found.reason


def test_a_printed_zero_is_no_spread_but_at_the_bounds():
    found = judge(seeds_with(70.0, 1.0, 5), 70.0, 0.0)
    assert found.flags == (decision_rule.CONDITIONAL,)
    assert "spread is 0" in found.reason
    bound = judge(seeds_with(60.0, 3.0, 5), 0.0, 0.0)
    assert (bound.verdict, bound.flags) == (decision_rule.DIFFERENT_HIGHER, ())


def test_contradictory_numbers_of_seeds_are_all_tried():
    found = judge(OURS, 80.0, 1.0, seeds=[5, 6])
    assert found.interpretations == 2
    assert found.interval_high == pytest.approx(judge(OURS, 80.0, 1.0).interval_high)


# What cannot be judged.


@pytest.mark.parametrize(("ours", "seeds"), [([70.0], 5), ([70.0, 70.1, 69.9], 1), ([70.0, 71.0], [1, 5])])
def test_one_seed_on_a_side_is_inconclusive(ours: list[float], seeds: object):
    found = judge(ours, 70.0, 0.1, seeds=seeds)
    assert found.verdict == decision_rule.INCONCLUSIVE
    assert found.p_reproduced is None
    assert "seed" in found.reason


def test_identical_seeds_are_not_judged():
    for sides in (([70.0] * 5, OURS), (OURS, [70.0] * 5)):
        found = module.judge(ReportedNumber.of_runs(sides[1]), sides[0], ASKED)
        assert found.verdict == decision_rule.NOT_JUDGED
        assert "identical" in found.reason
    assert judge([70.0] * 5, 70.0, 2.0).verdict == decision_rule.NOT_JUDGED
    assert judge([70.0] * 5, 30.0, 2.0).verdict == decision_rule.NOT_JUDGED


def test_seeds_at_a_bound_can_differ_but_are_never_reproduced():
    assert judge([100.0] * 5, 99.0, 0.5).verdict == decision_rule.INCONCLUSIVE
    assert "bound" in judge([100.0] * 5, 99.0, 0.5).reason
    assert judge([100.0] * 5, 60.0, 5.0).verdict == decision_rule.DIFFERENT_HIGHER
    assert judge([100.0] * 5, 100.0, 0.0).verdict == decision_rule.NOT_JUDGED


def test_near_the_random_policy_every_number_is_uninformative():
    low, reference = seeds_with(3.0, 0.5, 5), seeds_with(4.0, 0.5, 5)
    assert judge(low, 4.0, 0.5).verdict == decision_rule.UNINFORMATIVE
    assert module.judge(ReportedNumber.of_runs(reference), low, ASKED).verdict == decision_rule.UNINFORMATIVE
    assert judge(low, 24.0, 0.5).verdict == decision_rule.DIFFERENT_LOWER
    assert judge(low + 6.9, 4.0, 0.5).verdict == decision_rule.UNINFORMATIVE
    assert judge(low + 7.1, 4.0, 0.5).verdict != decision_rule.UNINFORMATIVE
    assert judge([0.0] * 5, 0.0, 0.0).verdict == decision_rule.UNINFORMATIVE
    narrow = replace(ASKED, uninformative_within_percent=2.0)
    assert judge(low, 4.0, 0.5, narrow).verdict == decision_rule.REPRODUCED
    elsewhere = replace(ASKED, random_policy_percent=50.0)
    assert judge(low + 50, 54.0, 0.5, elsewhere).verdict == decision_rule.UNINFORMATIVE


def test_a_reason_not_to_judge_wins():
    found = judge(OURS, 80.0, 1.0, replace(ASKED, not_judged_reason="The dataset is re-collected"))
    assert (found.verdict, found.adjusted_verdict) == (decision_rule.NOT_JUDGED, decision_rule.NOT_JUDGED)
    assert found.reason == "The dataset is re-collected."
    assert found.p_reproduced is None
    assert found.difference_percent == pytest.approx(0.0)


def test_no_runs_are_no_evidence():
    found = judge([], 80.0)
    assert found.verdict == decision_rule.NO_EVIDENCE
    assert found.difference_percent is None


@pytest.mark.parametrize(("ours", "reported"), [(OURS / 100, 71.0), (OURS, 0.71)])
def test_fractions_against_percent_are_not_judged(ours: np.ndarray, reported: float):
    found = judge(ours, reported, 0.01 * reported)
    assert found.verdict == decision_rule.NOT_JUDGED
    assert "fraction" in found.reason
    confirmed = replace(ASKED, units_confirmed=True)
    assert judge(ours, reported, 0.01 * reported, confirmed).verdict.startswith("different")
    # Too small for either unit: the verdict is the same in both.
    assert judge([0.1, 0.0, 0.12], 71.0).verdict == decision_rule.DIFFERENT_LOWER


@pytest.mark.parametrize(
    ("ours", "mean", "sd", "words"),
    [
        # In percent `different (lower)`, as fractions `reproduced`.
        ([0.12, 0.115, 0.125], 12.0, 0.5, "Our score of 0.12 looks like a fraction"),
        ([12.0, 11.5, 12.5], 0.12, 0.005, "The reported score of 0.12 looks like a fraction"),
        ([0.9, 0.92, 0.88], 12.0, 0.5, "looks like a fraction"),
        ([1.0, 1.02, 0.98], 90.0, 2.0, "looks like a fraction"),
        # In percent `reproduced`, with a spread of 5 points `inconclusive`.
        ([69.0, 70.0, 71.5], 70.0, 0.05, "The reported spread of 0.05 looks like a fraction"),
    ],
)
def test_two_units_are_not_judged_where_the_verdict_depends_on_them(
    ours: list[float], mean: float, sd: float, words: str
):
    found = judge(ours, mean, sd)
    assert found.verdict == decision_rule.NOT_JUDGED
    assert words in found.reason
    assert judge(ours, mean, sd, replace(ASKED, units_confirmed=True)).verdict != decision_rule.NOT_JUDGED


@pytest.mark.parametrize(
    ("ours", "mean", "sd", "verdict"),
    [
        # Near the random policy nothing is said about the number.
        ([0.1, 0.2, 0.15], 2.3, 0.5, decision_rule.UNINFORMATIVE),
        # A small spread next to one of ours that is as small.
        ([70.0, 70.2, 69.9], 70.0, 0.1, decision_rule.REPRODUCED),
        # Both in fractions are one unit, whatever the margin makes of them.
        ([0.70, 0.72, 0.69], 0.7, 0.01, decision_rule.UNINFORMATIVE),
        # Far away in both units.
        ([30.0, 27.0, 33.0, 29.0, 31.0], 90.0, 0.05, decision_rule.DIFFERENT_LOWER),
    ],
)
def test_small_figures_that_decide_nothing_are_judged(
    ours: list[float], mean: float, sd: float, verdict: str
):
    assert judge(ours, mean, sd).verdict == verdict


def test_seeds_that_are_identical_up_to_rounding_are_identical():
    for seeds in ([70.0, 70.0 + 1e-13, 70.0], [70.1] * 3, [70.0, 70.00001, 70.0]):
        found = judge(seeds, 70.0, 1.0)
        assert (found.verdict, found.our_sd_percent) == (decision_rule.NOT_JUDGED, 0.0)
        assert "identical" in found.reason
        assert module.judge(ReportedNumber.of_runs(seeds), OURS, ASKED).verdict == decision_rule.NOT_JUDGED
    assert judge([70.0, 70.01, 70.0], 70.0, 1.0).verdict == decision_rule.REPRODUCED
    # At a bound of the score they may be; a spread of rounding alone is none.
    assert judge([100.0, 100.0 - 1e-13, 100.0], 60.0, 5.0).verdict == decision_rule.DIFFERENT_HIGHER
    assert judge(OURS, 80.0, 1e-13).flags == (decision_rule.CONDITIONAL,)


def test_other_settings_and_selection_are_flags_of_the_question():
    asked = replace(ASKED, other_settings=True, other_selection=True)
    assert judge(OURS, 80.0, None, asked).flags == (
        decision_rule.CONDITIONAL,
        decision_rule.OTHER_SETTINGS,
        decision_rule.OTHER_SELECTION,
    )
    assert judge([], 80.0, 1.0, asked).flags == (decision_rule.OTHER_SETTINGS, decision_rule.OTHER_SELECTION)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda: ReportedNumber(80.0, 1.0, "stdev"), "allowed are standard_deviation_over_seeds"),
        (lambda: ReportedNumber(80.0, -1.0, SD), "0 or more"),
        (lambda: ReportedNumber(80.0, 1.0, SD, 0), "1 or more"),
        (lambda: ReportedNumber(80.0, 1.0, SD, []), "1 or more"),
        (lambda: ReportedNumber(80.0, 1.0, SD, 5, 0), "1 or more"),
        (lambda: ReportedNumber(math.nan), "finite"),
        (lambda: ReportedNumber(1e12), "not a figure in percent"),
        (lambda: ReportedNumber("80"), "must be a number"),
        (lambda: ReportedNumber(80.0, math.nan, SD), "spread is nan; it must be a finite number"),
        (lambda: ReportedNumber(80.0, math.inf, SD), "finite"),
        (lambda: ReportedNumber(80.0, 1.0, SD, math.nan), "seeds is nan; it must be a whole number"),
        (lambda: ReportedNumber(80.0, 1.0, SD, math.inf), "whole number"),
        (lambda: ReportedNumber(80.0, 1.0, SD, 2.9), "seeds is 2.9; it must be a whole number"),
        (lambda: ReportedNumber(80.0, 1.0, SD, [5, math.nan]), "whole number"),
        (lambda: ReportedNumber(80.0, 1.0, SD, 5, math.nan), "episodes per seed is nan"),
        (lambda: ReportedNumber(80.0, 1.0, SD, 5, 2.5), "whole number"),
        (lambda: ReportedNumber(80.0, scores_percent=(1.0, math.nan)), "finite"),
        (lambda: Comparison(math.inf), "finite"),
        (lambda: Comparison(5.0, random_policy_percent=math.nan), "random policy is nan"),
        (lambda: Comparison(5.0, uninformative_within_percent=math.nan), "random policy is nan"),
        (lambda: Comparison(5.0, uninformative_within_percent=-1.0), "0 or more"),
        (lambda: Comparison(5.0, largest_known_sd_percent=math.nan), "known standard deviation is nan"),
        (lambda: Comparison(5.0, largest_known_sd_percent=-1.0), "0 or more"),
        (lambda: judge([1e12, 1.0], 80.0), "not a figure in percent"),
        (lambda: judge(["a", "b"], 80.0), "in numbers"),
        (lambda: Comparison(0.0), "above 0"),
        (lambda: Comparison(-5.0), "above 0"),
        (lambda: Comparison(math.nan), "above 0"),
        (lambda: judge([1.0, math.nan], 80.0), "finite"),
        (lambda: judge([1.0, math.inf], 80.0), "finite"),
        (lambda: judge([[1.0, 2.0]], 80.0), "one score per seed"),
        (lambda: ReportedNumber.of_runs([]), "at least one"),
        (lambda: ReportedNumber.of_runs([math.nan]), "finite"),
    ],
)
def test_what_has_no_meaning_is_refused(made, words: str):
    with pytest.raises(TablesError, match=words):
        made()


def test_every_kind_of_spread_is_judged():
    for kind in SPREAD_KINDS:
        assert judge(OURS, 80.0, 0.5, spread_kind=kind).verdict in decision_rule.VERDICTS


def test_a_word_outside_the_vocabulary_is_a_fault():
    with pytest.raises(ValueError, match="vocabulary"):
        Verdict("not comparable")


# Next to the verdict.


def test_smallest_margin_is_where_the_verdict_turns():
    margin = judge(OURS, 77.0, 3.0).smallest_margin_percent
    assert judge(OURS, 77.0, 3.0, Comparison(margin * 1.0001)).verdict == decision_rule.REPRODUCED
    assert judge(OURS, 77.0, 3.0, Comparison(margin * 0.9999)).verdict != decision_rule.REPRODUCED


def test_seeds_needed():
    assert judge(OURS, 80.0, 6.0).seeds_needed == "never"
    assert judge(seeds_with(80.0, 50.0, 5), 80.0, 1.0).seeds_needed == "never"
    assert judge(seeds_with(80.0, 50.0, 5), 80.0, 1.0, seeds=1000).seeds_needed == ">100"
    assert int(judge(OURS, 80.0, 1.0).seeds_needed) <= 10
    # The most demanding interpretation decides.
    assert judge(OURS, 80.0, 3.0, spread_kind="unknown").seeds_needed == "never"
    assert judge(OURS, 80.0, 3.0).seeds_needed != "never"
    assert judge(OURS, 80.0, 1.0, replace(ASKED, with_seeds_needed=False)).seeds_needed == ""


def test_the_second_line_says_whether_implementations_differ_as_much():
    band = Band("hopper", 12.5, 0.8, 18, "18 differences between re-runs in a, b")
    asked = replace(ASKED, band=band)
    inside = judge(seeds_with(70.0, 1.0, 5), 80.0, 1.0, asked)
    assert inside.verdict == decision_rule.DIFFERENT_LOWER
    assert inside.flags == (decision_rule.WITHIN_IMPLEMENTATION_SPREAD,)
    assert inside.implementation_spread == "within"
    assert "does not show that the reported number is wrong" in inside.reason
    beyond = judge(seeds_with(50.0, 1.0, 5), 80.0, 1.0, asked)
    assert (beyond.flags, beyond.implementation_spread) == ((), "outside")
    assert "beyond the spread" in beyond.reason
    border = judge(seeds_with(68.0, 1.0, 5), 80.0, 1.0, asked)
    assert (border.flags, border.implementation_spread) == (
        (decision_rule.WITHIN_IMPLEMENTATION_SPREAD,),
        "open",
    )
    same = judge(seeds_with(80.0, 1.0, 5), 80.0, 1.0, asked)
    assert (same.verdict, same.implementation_spread) == (decision_rule.REPRODUCED, "within")
    assert same.implementation_band_source == band.source
    # A band narrower than the margin is the margin.
    narrow = judge(
        seeds_with(73.0, 0.5, 5), 80.0, 0.5, replace(ASKED, band=replace(band, half_width_percent=3))
    )
    assert narrow.implementation_band_percent == 5.0
    assert narrow.implementation_spread == "outside"


def test_collapses_are_told_where_every_seed_is_known():
    ours = [70.0, 71.0, 70.5, 71.5, 30.0]
    found = module.judge(ReportedNumber.of_runs([70.2, 71.2, 70.8, 69.9, 70.6]), ours, ASKED)
    assert found.verdict == decision_rule.INCONCLUSIVE
    assert found.typical_verdict == decision_rule.REPRODUCED
    assert found.our_collapsed.startswith("1 of 5 [1%, 72%]")
    assert found.reported_collapsed.startswith("0 of 5")
    assert judge(ours, 70.5).typical_verdict == ""


# On real seeds without a true difference.


@pytest.mark.parametrize("floor", [False, True])
def test_halves_of_the_same_real_runs_are_never_different(floor: bool):
    """d3rlpy's ten seeds of every algorithm and task, the file's first five against its last five."""
    sources = reader.read_sources()
    runs = reader.read_source(sources[sources["source"] == "d3rlpy"].iloc[0])
    runs = runs[runs["selection"] == "last"]
    asked = replace(ASKED, with_seeds_needed=False, units_confirmed=True)
    if not floor:
        asked = replace(asked, random_policy_percent=-1000.0)
    found = []
    for _, cell in runs.groupby(["method", "task"]):
        scores = cell["score_percent"].to_numpy(dtype=float)
        found.append(module.judge(ReportedNumber.of_runs(scores[5:]), scores[:5], asked).verdict)
    counts = {name: found.count(name) for name in sorted(set(found))}
    if floor:
        assert counts == {"inconclusive": 69, "reproduced": 42, "uninformative": 30}
    else:
        assert counts == {"inconclusive": 78, "reproduced": 63}
