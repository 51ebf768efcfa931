"""The planned statistic against values known by hand."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from paper_tables.faithfulness import compare
from paper_tables.faithfulness.compare import AGREES, DIFFERS, INCOMPLETE, INCONCLUSIVE

TASK, OTHER = "hopper-sac-tqc-v0", "halfcheetah-mixed-v0"


def test_welch_by_hand():
    """Means 3 and 8, variances 1 and 4, three runs each: error sqrt(5/3), Welch's degrees 25/8.5."""
    found = compare.welch([2, 3, 4], [6, 8, 10], 0.95)
    assert found.means == (3, 8)
    assert found.deviations == pytest.approx((1, 2))
    assert found.estimate == -5
    assert found.standard_error == pytest.approx(math.sqrt(5 / 3))
    assert found.degrees == pytest.approx((5 / 3) ** 2 / ((1 / 3) ** 2 / 2 + (4 / 3) ** 2 / 2))
    # t quantile 0.975 at 2.941 degrees of freedom: between those of 2 (4.303) and 3 (3.182).
    half = (found.high - found.low) / 2
    assert (found.high + found.low) / 2 == pytest.approx(-5)
    assert 3.182 < half / found.standard_error < 4.303
    assert 0.025 < found.p_value < 0.05  # t = 3.873: p is 0.030 at 3 and 0.061 at 2 degrees


def test_the_interval_covers_and_p_is_uniform_under_equal_means():
    generator = np.random.default_rng(3)
    found = [
        compare.welch(generator.normal(50, 14, 10), generator.normal(50, 16, 10), 0.95) for _ in range(1500)
    ]
    covered = np.mean([item.low <= 0 <= item.high for item in found])
    assert 0.93 < covered < 0.97
    assert np.mean([item.p_value < 0.5 for item in found]) == pytest.approx(0.5, abs=0.04)


def test_mean_difference_of_two_equal_ones_has_the_error_over_root_two():
    one = compare.welch([1, 2, 3, 4], [2, 3, 4, 5], 0.95)
    estimate, low, high = compare.mean_difference([one, one], 0.95)
    assert estimate == -1
    half_one, half_both = (one.high - one.low) / 2, (high - low) / 2
    # One: t(6) sd; both: t(12) sd / sqrt 2.
    assert half_both / half_one == pytest.approx(2.1788 / 2.4469 / math.sqrt(2), rel=1e-4)


def test_a_run_counts_by_its_mean_from_the_first_averaged_checkpoint_on(plan, a_run):
    runs = pd.concat([a_run("recheck", TASK, 5, [90, 10, 20]), a_run("recheck", TASK, 4, [80, 40, 50])])
    assert compare.scores(runs, "recheck", TASK, plan.averaged_from_update) == pytest.approx([45, 15])
    assert compare.scores(runs, "recheck", TASK, plan.num_updates) == pytest.approx([50, 20])


def whole(a_run, task, ours, theirs):
    return [
        a_run(program, task, seed, [0, score, score])
        for program, values in (("recheck", ours), ("corl", theirs))
        for seed, score in zip((4, 5, 6), values, strict=True)
    ]


def test_an_incomplete_task_is_not_looked_at(plan, a_run):
    runs = pd.concat(whole(a_run, TASK, (10, 11, 12), (30, 31, 32))[:-1])
    assert compare.compare(runs, plan, 20) == {}
    row = compare.table(runs, plan).rows[0]
    assert [cell.text for cell in row[2:]] == ["3 of 3 runs", "2 of 3 runs", "–", "–", "–", "–", INCOMPLETE]


def test_one_complete_task_of_two_is_judged_by_holms_stricter_step(plan, a_run):
    found = compare.compare(pd.concat(whole(a_run, TASK, (10, 11, 12), (13, 14, 15))), plan, 20)
    assert compare.adjusted(found, plan) == {TASK: pytest.approx(2 * found[TASK].p_value)}


def test_the_larger_p_of_two_is_left_as_it_is(plan, a_run):
    runs = pd.concat(
        whole(a_run, TASK, (10, 11, 12), (13, 14, 15)) + whole(a_run, OTHER, (10, 11, 12), (10, 11, 14))
    )
    found = compare.compare(runs, plan, 20)
    adjusted = compare.adjusted(found, plan)
    assert adjusted[OTHER] == pytest.approx(found[OTHER].p_value)
    assert adjusted[TASK] == pytest.approx(2 * found[TASK].p_value)
    assert "Mean of the differences over all files: -1.8" in compare.table(runs, plan).notes[-1]


@pytest.mark.parametrize(
    ("low", "high", "p", "expected"),
    [
        (-9.9, 9.9, 0.9, AGREES),
        (-10.1, 5, 0.9, INCONCLUSIVE),
        (-5, 10.1, 0.9, INCONCLUSIVE),
        (1, 9, 0.01, DIFFERS),
        (1, 9, 0.05, DIFFERS),
        (0.5, 9, 0.051, AGREES),
    ],
)
def test_decisions(plan, low, high, p, expected):
    difference = replace(compare.welch([1, 2], [1, 2], 0.95), low=low, high=high)
    assert compare.decision(difference, p, plan) == expected
