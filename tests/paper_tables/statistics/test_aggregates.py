"""Tables of aggregates on a few scores that can be counted by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from paper_tables.statistics import aggregates
from paper_tables.statistics.configurations import EQUAL_LENGTHS, OWN_LENGTHS, Design, LeftOut


def design(label, scores, updates=None, lengths=EQUAL_LENGTHS):
    """Tasks t0, t1, ... with one list of scores each."""
    return Design(
        label,
        [f"t{place}" for place in range(len(scores))],
        [list(range(len(column))) for column in scores],
        [np.array(column, dtype=float) for column in scores],
        [1000] * len(scores) if updates is None else updates,
        lengths,
    )


def labelled(scores):
    return pd.DataFrame(
        {
            "label": "iql",
            "method": "iql",
            "variant": "paper",
            "diffusion_steps": 0,
            "sampling": "default",
            "task": "t",
            "digest": "0123abcd",
            "num_updates": 1000,
            "selection": "last",
            "comparability": "original",
            "score_unit": "percent",
            "score_percent": scores,
        }
    )


def test_a_cell_has_students_interval_from_three_seeds_on():
    """10, 20, 30: mean 20, deviation 10; t of 2 degrees at 97.5% is 4.30265."""
    (row,) = aggregates.cell_table(labelled([10.0, 20.0, 30.0])).to_dict("records")
    assert (row["num_seeds"], row["mean_percent"], row["sd_percent"]) == (3, 20.0, 10.0)
    assert row["high_percent"] - 20.0 == pytest.approx(4.302653 * 10 / math.sqrt(3), abs=1e-4)
    assert 20.0 - row["low_percent"] == pytest.approx(row["high_percent"] - 20.0)
    (two,) = aggregates.cell_table(labelled([10.0, 20.0])).to_dict("records")
    assert two["sd_percent"] == pytest.approx(math.sqrt(50))
    assert math.isnan(two["low_percent"])
    (one,) = aggregates.cell_table(labelled([10.0])).to_dict("records")
    assert math.isnan(one["sd_percent"])


def test_sets_of_tasks_have_letters_by_use_then_size():
    small, large = design("a", [[1.0]]), design("b", [[1.0], [2.0]])
    other = design("c", [[1.0]], updates=[5])
    names = aggregates.task_set_names([small, small, large, other])
    assert [names[d.task_set] for d in (small, large, other)] == ["A", "B", "C"]
    many = [design("x", [[1.0]], updates=[place]) for place in range(28)]
    assert list(aggregates.task_set_names(many).values())[25:] == ["Z", "AA", "AB"]
    # At their own lengths the updates are not part of the set.
    own = [design("x", [[1.0]], updates=[place], lengths=OWN_LENGTHS) for place in range(3)]
    assert list(aggregates.task_set_names(own).values()) == ["A"]


def test_estimates_and_intervals_of_a_design():
    """Six scores 10 to 60; the middle half of them is 20 to 50 with half of 20 and 50: (10+30+40+25)/3."""
    found = design("iql", [[10.0, 20.0, 30.0], [40.0, 50.0, 60.0]])
    names = aggregates.task_set_names([found])
    table = aggregates.aggregate_table({"last": [found]}, names, 200, 0).set_index("metric")
    assert table.loc["mean", "estimate_percent"] == pytest.approx(35.0)
    assert table.loc["median", "estimate_percent"] == pytest.approx(35.0)
    # rliable's trimmed mean cuts whole scores: int(0.25 x 6) = 1 at each end, of 20, 30, 40, 50.
    assert table.loc["iqm", "estimate_percent"] == pytest.approx(35.0)
    assert table.loc["optimality_gap", "estimate_percent"] == pytest.approx(65.0)
    for kind in ("percentile", "small_sample"):
        assert (table[f"{kind}_low_percent"] < table["estimate_percent"]).all()
        assert (table[f"{kind}_high_percent"] > table["estimate_percent"]).all()
    assert set(table["task_set"]) == {"A"}
    few = aggregates.aggregate_table({"last": [design("iql", [[1.0, 2.0]])]}, {(("t0", 1000),): "A"}, 200, 0)
    assert few["percentile_low_percent"].isna().all()
    assert few["estimate_percent"].notna().all()


def test_thresholds_of_a_profile_hold_all_scores():
    thresholds = aggregates.profile_thresholds([design("a", [[3.0, 52.0]])])
    assert (thresholds[0], thresholds[-1], len(thresholds)) == (0.0, 55.0, 101)
    wide = aggregates.profile_thresholds([design("a", [[-7.0, 50.0]]), design("b", [[111.0]])])
    assert (wide[0], wide[-1]) == (-10.0, 115.0)
    negative = aggregates.profile_thresholds([design("a", [[-7.0, -6.0]])])
    assert (negative[0], negative[-1]) == (-10.0, -5.0)


def test_a_profile_of_small_scores_falls_where_the_scores_are():
    """Three runs that score 1.0 to 1.1: all are above 0.95, none is above 1.15."""
    found = design("bc", [[1.0, 1.05, 1.1]])
    table = aggregates.profile_table({"last": [found]}, {found.task_set: "A"}, 0)
    share = table["share"].to_numpy()
    thresholds = table["threshold_percent"].to_numpy()
    assert (share[thresholds < 0.99] == 1.0).all()
    assert (share[thresholds > 1.11] == 0.0).all()


def test_a_profile_is_the_share_of_runs_above():
    found = design("iql", [[10.0, 20.0, 30.0, 80.0], [100.0] * 4])
    names = aggregates.task_set_names([found])
    table = aggregates.profile_table({"last": [found], "best_online": []}, names, 0)
    share = table.set_index("threshold_percent")["share"]
    # Each task has half of the weight.
    assert [share[level] for level in (0.0, 10.0, 25.0, 80.0, 100.0)] == [1.0, 0.875, 0.75, 0.5, 0.0]
    assert set(table["selection"]) == {"last"}
    assert table["low"].notna().all()
    two = design("iql", [[10.0, 20.0]])
    assert aggregates.profile_table({"last": [two]}, {two.task_set: "A"}, 0)["low"].isna().all()
    assert len(aggregates.profile_table({}, names, 0)) == 0


def test_improvement_counts_pairs_and_ties_half():
    """3 x 3 pairs: 1 beats none of 1, 2, 3 and ties one; 2 beats one; 5 beats three: 4 wins, 2 ties."""
    first, second = design("a", [[1.0, 2.0, 5.0]]), design("b", [[1.0, 2.0, 3.0]])
    names = aggregates.task_set_names([first, second])
    left_out = LeftOut()
    table = aggregates.improvement_table({"last": [first, second]}, names, left_out, 200, 0)
    one, other = table.to_dict("records")
    assert (one["label"], one["other"], one["probability"]) == ("a", "b", pytest.approx(5 / 9))
    assert other["probability"] == pytest.approx(4 / 9)
    assert (other["low"], other["high"]) == (pytest.approx(1 - one["high"]), pytest.approx(1 - one["low"]))
    assert left_out.rows == []


def test_improvement_is_over_shared_tasks_of_equal_length_alone():
    first = design("a", [[1.0, 2.0, 3.0], [10.0, 10.0, 10.0]], updates=[1000, 5])
    second = design("b", [[0.0, 0.0, 0.0], [20.0, 20.0, 20.0]])
    names = aggregates.task_set_names([first, second])
    table = aggregates.improvement_table({"last": [first, second]}, names, LeftOut(), 200, 0)
    assert table["num_tasks"].tolist() == [1, 1]
    assert table["probability"].tolist() == [1.0, 0.0]
    third = design("c", [[1.0] * 3], updates=[7])
    left_out = LeftOut()
    names = aggregates.task_set_names([second, third])
    assert aggregates.improvement_table({"last": [second, third]}, names, left_out, 200, 0).empty
    assert left_out.rows == [
        (
            "improvement between methods of the task sets A and B",
            "They share no task at equal numbers of updates.",
        )
    ]


def test_coverage_is_simulated_at_the_designs_own_seeds_too():
    found = design("a", [[50.0, 52.0, 54.0, 56.0], [20.0, 21.0, 22.0, 23.0]])
    names = aggregates.task_set_names([found])
    table = aggregates.coverage_table([found], names, studies=10, replicates=100, seed=0)
    assert set(table["num_seeds"]) == {3, 4, 5, 10}
    assert set(table.loc[table["actual_design"], "num_seeds"]) == {4}
    assert table["simulated"].between(0, 1).all()
    assert aggregates.coverage_table([design("a", [[1.0, 2.0]])], names, 10, 100, 0).empty
