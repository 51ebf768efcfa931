"""The verdict rule, cell by cell and table by table."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from recheck.errors import TablesError
from scipy import stats

from paper_tables.config import load, load_margins
from paper_tables.scores.d3rlpy import read_d3rlpy_runs
from paper_tables.verdicts import multiplicity, rule
from paper_tables.verdicts.judge import judge_against_runs, judge_cell
from paper_tables.verdicts.loss_ratio import judge_ratio
from paper_tables.verdicts.reported_error import SPREAD_KINDS, readings_of_report
from paper_tables.verdicts.rule import (
    DIFFERENT_HIGHER,
    DIFFERENT_LOWER,
    INCONCLUSIVE,
    NOT_COMPARABLE,
    REPRODUCED,
    UNINFORMATIVE,
    Verdict,
)
from paper_tables.verdicts.table import judge_table

SD = "standard_deviation_over_seeds"
POOLED = "standard_error_of_pooled_episodes"
OURS = np.array([78.0, 81.5, 79.0, 80.5, 81.0])
THEIRS = np.array([79.0, 83.0, 80.0, 78.5])


def seeds_with(mean: float, sd: float, count: int) -> np.ndarray:
    """Scores with exactly this mean and sample standard deviation."""
    scores = np.arange(count, dtype=float)
    return mean + sd * (scores - scores.mean()) / scores.std(ddof=1)


def judge(ours: np.ndarray, mean: float, sd: float | None = 1.0, **changed: object) -> Verdict:
    """A cell of five stated seeds with a standard deviation, unless said otherwise."""
    arguments: dict = {
        "reported_spread": sd,
        "spread_kind": SD if sd is not None else "none",
        "reported_seeds": 5,
        "reported_episodes_per_seed": 10,
        "margin_percent": 5.0,
    }
    return judge_cell(ours, mean, **(arguments | changed))


def test_interval_is_scipys_welch_interval_at_90_percent():
    found = judge(OURS, THEIRS.mean(), float(THEIRS.std(ddof=1)), reported_seeds=4)
    expected = stats.ttest_ind(OURS, THEIRS, equal_var=False).confidence_interval(0.90)
    assert (found.interval_low, found.interval_high) == pytest.approx((expected.low, expected.high))
    assert found.difference_percent == pytest.approx(OURS.mean() - THEIRS.mean())
    assert found.verdict == REPRODUCED


def test_p_values_are_scipys_two_one_sided_tests():
    found = judge(OURS, THEIRS.mean(), float(THEIRS.std(ddof=1)), reported_seeds=4, margin_percent=2.0)
    above = stats.ttest_ind(OURS + 2, THEIRS, equal_var=False, alternative="greater").pvalue
    below = stats.ttest_ind(OURS - 2, THEIRS, equal_var=False, alternative="less").pvalue
    assert found.p_reproduced == pytest.approx(max(above, below))
    far = judge(OURS + 9, THEIRS.mean(), float(THEIRS.std(ddof=1)), reported_seeds=4)
    assert far.p_different == pytest.approx(
        stats.ttest_ind(OURS + 9 - 5, THEIRS, equal_var=False, alternative="greater").pvalue
    )
    assert far.verdict == DIFFERENT_HIGHER


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-4.9, 4.9, REPRODUCED),
        (-5.0, 4.0, INCONCLUSIVE),
        (-4.0, 5.0, INCONCLUSIVE),
        (5.0, 9.0, INCONCLUSIVE),
        (5.1, 9.0, DIFFERENT_HIGHER),
        (-9.0, -5.0, INCONCLUSIVE),
        (-9.0, -5.1, DIFFERENT_LOWER),
        (-20.0, 20.0, INCONCLUSIVE),
        (1.0, 9.0, INCONCLUSIVE),
    ],
)
def test_the_rule_and_its_borders(low: float, high: float, expected: str):
    assert rule.verdict_of_interval(low, high, 5.0) == expected


def test_verdict_and_p_values_never_disagree():
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(300):
        ours = rng.normal(rng.uniform(60, 80), rng.uniform(0.1, 4), rng.integers(2, 8))
        found = judge(ours, 70.0, float(rng.uniform(0.1, 4)), reported_seeds=int(rng.integers(2, 11)))
        assert (found.verdict == REPRODUCED) == (found.p_reproduced < 0.05)
        assert (found.verdict in (DIFFERENT_HIGHER, DIFFERENT_LOWER)) == (found.p_different < 0.05)
        if found.verdict == DIFFERENT_LOWER:
            assert found.difference_percent < -5
        seen.add(found.verdict)
    assert seen == {REPRODUCED, DIFFERENT_HIGHER, DIFFERENT_LOWER, INCONCLUSIVE}


def test_an_interval_without_zero_is_a_footnote_only():
    found = judge(seeds_with(72.5, 0.3, 5), 70.0, 0.3)
    assert found.verdict == REPRODUCED
    assert found.detectable
    assert not judge(seeds_with(70.1, 1.0, 5), 70.0, 1.0).detectable


# What the paper does not say.


def test_unknown_number_of_seeds_needs_agreement_at_3_5_and_10():
    ours = seeds_with(70.0, 1.0, 5)
    stated = {n: judge(ours, 70.0, 4.0, reported_seeds=n).verdict for n in (3, 5, 10)}
    assert stated == {3: INCONCLUSIVE, 5: REPRODUCED, 10: REPRODUCED}
    unstated = judge(ours, 70.0, 4.0, reported_seeds=None)
    assert unstated.verdict == INCONCLUSIVE
    assert unstated.grid_points == 3
    assert not unstated.grid_agrees
    assert "3, 5 and 10" in unstated.note
    agreed = judge(ours, 70.0, 1.0, reported_seeds=None)
    assert agreed.verdict == REPRODUCED
    assert agreed.grid_agrees


def test_unknown_meaning_is_tried_as_deviation_and_as_error():
    ours = seeds_with(70.0, 1.0, 5)
    as_sd, as_error = (judge(ours, 70.0, 2.5, spread_kind=kind) for kind in (SD, "standard_error_over_seeds"))
    assert (as_sd.verdict, as_error.verdict) == (REPRODUCED, INCONCLUSIVE)
    unknown = judge(ours, 70.0, 2.5, spread_kind="unknown")
    assert unknown.verdict == INCONCLUSIVE
    assert (unknown.interval_low, unknown.interval_high) == (as_error.interval_low, as_error.interval_high)
    assert unknown.grid_points == 2
    both = judge(ours, 70.0, 2.5, spread_kind="unknown", reported_seeds=None)
    assert both.grid_points == 6


def test_population_deviation_is_widened():
    ours = seeds_with(70.0, 1.0, 5)
    population = judge(
        ours, 70.0, 2.0, spread_kind="population_standard_deviation_over_seeds", reported_seeds=4
    )
    sample = judge(ours, 70.0, 2.0 * math.sqrt(4 / 3), reported_seeds=4)
    assert population.interval_high == pytest.approx(sample.interval_high)


def test_pooled_standard_error_lies_between_itself_and_root_episodes_times_it():
    ours = seeds_with(70.0, 0.5, 5)
    readings, _ = readings_of_report(1.0, POOLED, 5, 9, 0.5)
    errors = [reading.error_percent for reading in readings]
    assert (min(errors), max(errors)) == pytest.approx((1.0, 3.0))
    narrow, wide = (judge(ours, 70.0, error, spread_kind="standard_error_over_seeds") for error in (1.0, 3.0))
    assert (narrow.verdict, wide.verdict) == (REPRODUCED, INCONCLUSIVE)
    pooled = judge(ours, 70.0, 1.0, spread_kind=POOLED, reported_episodes_per_seed=9)
    assert pooled.verdict == INCONCLUSIVE
    assert pooled.interval_high == pytest.approx(wide.interval_high)
    assert judge(ours, 70.0, 0.1, spread_kind=POOLED, reported_episodes_per_seed=9).verdict == REPRODUCED


def test_pooled_standard_error_without_episodes_bounds_nothing():
    found = judge(seeds_with(70.0, 0.5, 5), 70.0, 0.1, spread_kind=POOLED, reported_episodes_per_seed=None)
    assert found.verdict == INCONCLUSIVE
    assert found.interval_high is None
    assert found.smallest_margin_percent is None
    assert "nothing bounds" in found.note


def test_no_spread_assumes_one_and_two_times_ours():
    ours = seeds_with(70.0, 2.0, 5)
    found = judge(ours, 70.0, None, reported_seeds=10)
    assert found.assumed
    assert found.grid_points == 2
    # Twice ours: error 2 sqrt(1/5 + 4/10). The assumption adds no degrees of freedom to our four.
    half = stats.t.ppf(0.95, 4) * 2 * math.sqrt(1 / 5 + 4 / 10)
    assert found.interval_high == pytest.approx(half)
    assert found.verdict == REPRODUCED
    assert not judge(ours, 70.0, 2.0).assumed
    assert judge(ours, 70.0, float("nan")).assumed


def test_assumed_interval_is_never_narrower_than_welchs():
    for ours_n in (2, 3, 5, 10):
        for theirs_n in (3, 5, 10):
            ours = seeds_with(70.0, 2.0, ours_n)
            assumed = judge(ours, 70.0, None, reported_seeds=theirs_n)
            stated = judge(ours, 70.0, 4.0, reported_seeds=theirs_n)
            assert assumed.interval_high >= stated.interval_high - 1e-12


@pytest.mark.parametrize(("ours", "reported_seeds"), [([70.0], 5), ([70.0, 70.1, 69.9], 1)])
def test_one_seed_on_a_side_is_inconclusive(ours: list[float], reported_seeds: int):
    found = judge(np.array(ours), 70.0, 0.1, reported_seeds=reported_seeds)
    assert found.verdict == INCONCLUSIVE
    assert found.p_reproduced is None
    assert found.power == ""
    assert "seed" in found.note


def test_contradictory_numbers_of_seeds_are_all_tried():
    found = judge(OURS, 80.0, 1.0, reported_seeds=[5, 6])
    assert found.grid_points == 2
    assert found.interval_high == pytest.approx(judge(OURS, 80.0, 1.0).interval_high)


# Beside the verdict.


def test_holds_as_printed_needs_no_spread():
    ours = seeds_with(70.0, 1.0, 5)
    error = 1 / math.sqrt(5)
    assert judge(ours, 70.0, None, reported_seeds=1).holds_as_printed == "yes"
    assert judge(ours, 80.0, 50.0).holds_as_printed == "no (lower)"
    assert judge(ours, 60.0, 50.0).holds_as_printed == "no (higher)"
    assert judge(ours, 65.0, 1.0).holds_as_printed == "open"
    limit = 5 - stats.t.ppf(0.95, 4) * error
    assert judge(ours, 70 - limit + 1e-6, 1.0).holds_as_printed == "yes"
    assert judge(ours, 70 - limit - 1e-6, 1.0).holds_as_printed == "open"


def test_as_printed_p_value_is_scipys():
    found = judge(OURS, 78.7, 1.0)
    assert found.as_printed_p_value == pytest.approx(stats.ttest_1samp(OURS, 78.7).pvalue)


def test_smallest_margin_is_where_the_verdict_turns():
    margin = judge(OURS, 77.0, 3.0).smallest_margin_percent
    assert margin is not None
    assert judge(OURS, 77.0, 3.0, margin_percent=margin * 1.0001).verdict == REPRODUCED
    assert judge(OURS, 77.0, 3.0, margin_percent=margin * 0.9999).verdict != REPRODUCED


def test_power_column():
    assert judge(OURS, 80.0, 6.0).power == "never"
    many = judge(seeds_with(80.0, 50.0, 5), 80.0, 1.0)
    assert (many.power, many.power_n) == (">100", None)
    few = judge(OURS, 80.0, 1.0)
    assert few.power == str(few.power_n)
    # The worst reading decides.
    assert judge(OURS, 80.0, 3.0, spread_kind="unknown").power == "never"
    assert judge(OURS, 80.0, 3.0).power != "never"


def test_no_spread_on_either_side_is_said():
    found = judge(np.full(3, 0.0), 0.0, 0.0)
    assert found.verdict == REPRODUCED
    assert "no width" in found.note
    assert judge(np.full(3, 0.0), 6.0, 0.0).verdict == DIFFERENT_LOWER


# Not every pair of numbers can be judged.


def test_not_comparable_whatever_the_scores():
    found = judge(OURS, 80.0, 1.0, not_comparable_reason="The dataset is re-collected")
    assert (found.verdict, found.adjusted_verdict) == (NOT_COMPARABLE, NOT_COMPARABLE)
    assert found.note == "The dataset is re-collected."
    assert found.p_reproduced is None
    assert found.power == ""
    assert found.difference_percent == pytest.approx(0.0)


def test_uninformative_only_against_reference_runs_near_the_random_policy():
    low, reference = seeds_with(3.0, 0.5, 5), seeds_with(4.0, 0.5, 5)
    assert judge_against_runs(low, reference, 5.0).verdict == UNINFORMATIVE
    assert judge(low, 4.0, 0.5).verdict == REPRODUCED
    assert judge_against_runs(low, reference + 20, 5.0).verdict == DIFFERENT_LOWER
    assert judge_against_runs(low + 6.9, reference, 5.0).verdict == UNINFORMATIVE
    assert judge_against_runs(low + 7.1, reference, 5.0).verdict != UNINFORMATIVE
    narrow: dict = {"against_reference_runs": True, "random_policy_points": 2.0}
    assert judge(low, 4.0, 0.5, **narrow).verdict == REPRODUCED
    assert (
        judge_against_runs(low + 50, reference + 50, 5.0, random_policy_percent=50.0).verdict == UNINFORMATIVE
    )


def test_reference_runs_are_judged_as_their_mean_and_deviation():
    found = judge_against_runs(OURS, THEIRS, 5.0)
    expected = stats.ttest_ind(OURS, THEIRS, equal_var=False).confidence_interval(0.90)
    assert (found.interval_low, found.interval_high) == pytest.approx((expected.low, expected.high))
    assert judge_against_runs(OURS, [80.0], 5.0).verdict == INCONCLUSIVE


def test_halves_of_the_same_real_runs_are_seldom_different():
    """d3rlpy's ten seeds of every algorithm and task, five held against five: no true difference."""
    runs = read_d3rlpy_runs()
    found = []
    for _, cell in runs[runs["selection"] == "last"].groupby(["method", "task"]):
        scores = cell.sort_values("seed")["score_percent"].to_numpy(dtype=float)
        assert len(scores) == 10
        verdict = judge_against_runs(scores[:5], scores[5:], 5.0, random_policy_percent=-1000.0)
        expected = stats.ttest_ind(scores[:5], scores[5:], equal_var=False).confidence_interval(0.90)
        assert (verdict.interval_low, verdict.interval_high) == pytest.approx((expected.low, expected.high))
        inside = expected.low > -5 and expected.high < 5
        outside = expected.low > 5 or expected.high < -5
        assert (verdict.verdict == REPRODUCED) == inside
        assert verdict.verdict.startswith("different") == outside
        found.append(verdict.verdict)
    assert len(found) == 141
    assert sum(verdict.startswith("different") for verdict in found) <= 0.05 * len(found)
    # Most cells cannot be settled with five seeds a side, and some can.
    assert found.count(INCONCLUSIVE) > len(found) / 3
    assert found.count(REPRODUCED) > len(found) / 5


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"spread_kind": "stdev"}, "allowed are standard_deviation_over_seeds"),
        ({"reported_spread": -1.0}, "0 or more"),
        ({"reported_seeds": 0}, "1 or more"),
        ({"reported_episodes_per_seed": 0}, "1 or more"),
        ({"margin_percent": 0.0}, "above 0"),
        ({"our_scores_percent": []}, "at least one"),
        ({"our_scores_percent": [1.0, math.inf]}, "finite"),
    ],
)
def test_what_cannot_be_judged_is_refused(changed: dict, words: str):
    arguments: dict = {
        "our_scores_percent": OURS,
        "reported_mean": 80.0,
        "reported_spread": 1.0,
        "spread_kind": SD,
        "reported_seeds": 5,
        "reported_episodes_per_seed": 10,
        "margin_percent": 5.0,
    }
    with pytest.raises(TablesError, match=words):
        judge_cell(**(arguments | changed))


def test_every_kind_of_spread_is_judged():
    for kind in SPREAD_KINDS:
        assert judge(OURS, 80.0, 0.5, spread_kind=kind).verdict in rule.VERDICTS


# Tables.


def test_holm_is_statsmodels():
    from statsmodels.stats.multitest import multipletests

    rng = np.random.default_rng(0)
    for count in (1, 2, 9):
        values = rng.uniform(0, 0.1, count)
        assert multiplicity.holm(values) == pytest.approx(multipletests(values, method="holm")[1])
    assert multiplicity.holm([]).shape == (0,)


def test_holm_runs_apart_for_the_two_claims():
    base = Verdict(INCONCLUSIVE, INCONCLUSIVE)
    cells = [
        replace(base, verdict=REPRODUCED, adjusted_verdict=REPRODUCED, p_reproduced=0.02, p_different=0.9),
        replace(base, verdict=REPRODUCED, adjusted_verdict=REPRODUCED, p_reproduced=0.04, p_different=0.9),
        replace(
            base,
            verdict=DIFFERENT_LOWER,
            adjusted_verdict=DIFFERENT_LOWER,
            p_reproduced=1.0,
            p_different=0.01,
        ),
        replace(base, verdict=NOT_COMPARABLE, adjusted_verdict=NOT_COMPARABLE),
    ]
    found = [cell.adjusted_verdict for cell in multiplicity.adjust(cells)]
    # Three cells are tested: 0.02 * 3 fails, so both fail; 0.01 * 3 stands in its own family.
    assert found == [INCONCLUSIVE, INCONCLUSIVE, DIFFERENT_LOWER, NOT_COMPARABLE]
    assert [cell.verdict for cell in multiplicity.adjust(cells)] == [cell.verdict for cell in cells]


@pytest.fixture
def cells() -> pd.DataFrame:
    """Two tables; in one a borderline cell stands among many."""
    borderline = seeds_with(72.8, 1.5, 5)
    rows = [
        ("one", borderline, 70.0, 1.5, None),
        ("two", borderline, 70.0, 1.5, None),
        *[("two", seeds_with(70.0, 9.0, 5), 70.0, 9.0, None) for _ in range(5)],
        ("two", seeds_with(30.0, 1.0, 5), 70.0, 1.0, None),
        ("two", OURS, 80.0, 1.0, "Another selection rule"),
        ("two", None, 80.0, 1.0, None),
    ]
    table = pd.DataFrame(
        rows,
        columns=["table", "our_scores_percent", "reported_mean", "reported_spread", "not_comparable_reason"],
    )
    return table.assign(
        spread_kind=SD, reported_seeds="5|6", reported_episodes_per_seed=np.nan, margin_percent=5.0, task="t"
    )


def test_judge_table_adjusts_within_each_table(cells: pd.DataFrame):
    found = judge_table(cells)
    assert list(found["verdict"]) == [
        REPRODUCED,
        REPRODUCED,
        *[INCONCLUSIVE] * 5,
        DIFFERENT_LOWER,
        NOT_COMPARABLE,
        "",
    ]
    # Alone in its table the borderline cell stands; among seven tested ones it does not.
    assert list(found["adjusted_verdict"])[:2] == [REPRODUCED, INCONCLUSIVE]
    assert found["adjusted_verdict"][7] == DIFFERENT_LOWER
    assert list(found["task"]) == ["t"] * len(cells)
    assert set(rule.VERDICT_COLUMNS) <= set(found.columns)
    assert found.columns.is_unique
    assert found["note"].iloc[-1] == "No runs of ours."


def test_judge_table_names_the_row_that_is_wrong(cells: pd.DataFrame):
    with pytest.raises(TablesError, match=r"Row 2 .*'five'"):
        judge_table(cells.assign(reported_seeds=["5", "5", "five", *["5"] * 7]))
    with pytest.raises(TablesError, match=r"lacks the column.*margin_percent"):
        judge_table(cells.drop(columns="margin_percent"))


# Margins and curves.


def test_margins_are_data():
    margins = load_margins()
    assert margins.of_suite("gym-locomotion") == 5
    assert margins.of_suite("something else") == margins.default_percent == 5
    assert margins.curve_ratio == 0.10
    assert margins.uninformative_within_percent == 10


def test_a_wrong_setting_is_named(tmp_path):
    file = tmp_path / "margins.yaml"
    file.write_text(
        "format: 1\ndefault_margin_percent: 5\nsuites: {kitchen: {margin_percent: -1}}\n"
        "uninformative_within_percent: 10\ncurve_margin_ratio: 0.1\n"
    )
    with pytest.raises(TablesError, match=r"suites\.kitchen\.margin_percent"):
        load_margins(file)
    with pytest.raises(TablesError, match="There is no file"):
        load("margins", tmp_path / "absent.yaml")
    file.write_text("a: [")
    with pytest.raises(TablesError, match="cannot be read as YAML"):
        load_margins(file)


def test_ratio_is_fiellers_set_by_inversion():
    """At either end the test of mean(ours) - r mean(reference) is exactly at its 5% border."""
    rng = np.random.default_rng(0)
    ours, reference = rng.normal(0.95, 0.05, 4), rng.normal(1.0, 0.08, 5)
    found = judge_ratio(ours, reference, 0.5)
    for end, side in ((found.interval_low, "greater"), (found.interval_high, "less")):
        assert stats.ttest_ind(
            ours, end * reference, equal_var=False, alternative=side
        ).pvalue == pytest.approx(0.05, abs=1e-9)
    assert found.ratio == pytest.approx(ours.mean() / reference.mean())
    assert found.verdict == REPRODUCED


def test_ratio_verdicts():
    near, far = seeds_with(1.0, 0.01, 3), seeds_with(1.3, 0.01, 3)
    assert judge_ratio(near, near).verdict == REPRODUCED
    assert judge_ratio(far, near).verdict == DIFFERENT_HIGHER
    assert judge_ratio(near, far).verdict == DIFFERENT_LOWER
    assert judge_ratio(-near, -near).verdict == REPRODUCED
    assert judge_ratio(near, seeds_with(1.0, 0.3, 3)).verdict == INCONCLUSIVE
    assert judge_ratio(near, seeds_with(0.0, 1.0, 3)).interval_low is None
    assert judge_ratio([1.0], near).note == "One seed on a side."
    with pytest.raises(TablesError, match="finite"):
        judge_ratio([math.nan, 1.0], near)
