"""The effects of an ablation: differences, their intervals, and the figure of them."""

import json

import numpy as np
import pytest
from recheck.errors import TablesError
from scipy import stats

from paper_tables.rendering.table import markdown
from paper_tables.tables import effects


def row_of(table, task, value):
    (row,) = table[(table["task"] == task) & (table["value"] == json.dumps(value))].to_dict("records")
    return row


def test_an_effect_is_the_difference_to_the_own_value_and_covers_welchs_interval(ablation):
    runs, variation = ablation.case()
    table = effects.effects(runs, variation)
    for task, own in ablation.own.items():
        for value in ablation.values:
            row = row_of(table, task, value)
            ours, reference = ablation.of(runs, task, value), ablation.of(runs, task, own)
            assert row["mean_percent"] == pytest.approx(ours.mean())
            interval = stats.t.interval(0.95, 4, ours.mean(), stats.sem(ours))
            assert (row["low_percent"], row["high_percent"]) == pytest.approx(interval)
            if value == own:
                assert row["reference"]
                assert np.isnan(row["effect_percent"])
                continue
            assert row["effect_percent"] == pytest.approx(ours.mean() - reference.mean())
            welch = stats.ttest_ind(ours, reference, equal_var=False).confidence_interval(0.95)
            pooled = stats.ttest_ind(ours, reference).confidence_interval(0.95)
            assert row["effect_low_percent"] <= min(welch.low, pooled.low) + 1e-9
            assert row["effect_high_percent"] >= max(welch.high, pooled.high) - 1e-9


def test_the_mean_over_tasks_and_a_task_whose_own_value_it_is(ablation):
    runs, variation = ablation.case()
    table = effects.effects(runs, variation)
    half = row_of(table, effects.ALL_TASKS, 0.5)
    single = [row_of(table, task, 0.5)["effect_percent"] for task in ablation.own]
    assert half["effect_percent"] == pytest.approx(np.mean(single))
    # The own value of hopper: its part is zero, and only antmaze's error counts.
    own = row_of(table, effects.ALL_TASKS, 0.7)
    antmaze = ablation.of(runs, "antmaze-umaze-v0", 0.7), ablation.of(runs, "antmaze-umaze-v0", 0.9)
    welch = stats.ttest_ind(*antmaze, equal_var=False).confidence_interval(0.95)
    assert own["effect_percent"] == pytest.approx((antmaze[0].mean() - antmaze[1].mean()) / 2)
    width = own["effect_high_percent"] - own["effect_low_percent"]
    assert width == pytest.approx((welch.high - welch.low) / 2)
    assert list(table.loc[table["task"] == effects.ALL_TASKS, "value"]) == ["0.5", "0.7", "0.9"]


@pytest.mark.parametrize("num_seeds", [1, 2])
def test_fewer_than_three_seeds_have_no_interval_and_the_table_says_so(ablation, num_seeds: int):
    runs, variation = ablation.case(num_seeds=num_seeds, tasks=("hopper-medium-v2",))
    table = effects.effects(runs, variation)
    assert table["low_percent"].isna().all()
    assert table["effect_low_percent"].isna().all()
    text = markdown(effects.effects_table(table, "mine"))
    assert "Fewer than 3 seeds have no interval." in text
    assert "| IQL | hopper-medium-v2 | 0.7 (own) |" in text
    assert "all tasks" not in text


def test_an_interval_that_covers_too_little_is_marked_and_the_mean_over_tasks_is_not(ablation):
    """89% with five seeds, 91% with ten (docs/statistics.md)."""
    shown = effects.effects_table(effects.effects(*ablation.case()), "mine")
    marks = {row[1].text: row[3].marks for row in shown.rows if row}
    assert marks == {**dict.fromkeys(ablation.own, ("low",)), effects.ALL_TASKS: ()}
    assert any(note.startswith("Simulated coverage of one interval") for note in shown.notes)
    ten = effects.effects_table(effects.effects(*ablation.case(num_seeds=10)), "mine")
    assert not any(cell.marks for row in ten.rows if row for cell in row)


def test_a_value_without_scores_is_refused(ablation):
    runs, variation = ablation.case()
    with pytest.raises(TablesError, match="no score of iql on antmaze-umaze-v0 with"):
        effects.effects(runs[runs["task"] != "antmaze-umaze-v0"], variation)
    variation["points"] = [point for point in variation["points"] if not point["reference"]]
    with pytest.raises(TablesError, match="with the hyperparameter's own value"):
        effects.effects(runs, variation)


def test_the_index_says_what_is_varied(tmp_path, ablation):
    assert effects.read_variation(tmp_path) is None
    _, variation = ablation.case()
    index = {"format": 1, "experiment": "mine", "blocks": [{}], "vary": {**variation, "name": ""}}
    (tmp_path / "index.json").write_text(json.dumps(index))
    with pytest.raises(TablesError):
        effects.read_variation(tmp_path)
