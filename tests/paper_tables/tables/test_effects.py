"""The effects of an ablation: differences, their intervals, and the figure of them."""

import json
import zlib

import numpy as np
import pandas as pd
import pytest
from recheck.errors import TablesError
from scipy import stats

from paper_tables.rendering.table import markdown
from paper_tables.tables import effects

# IQL's expectile is 0.7 on one task and 0.9 on the other.
OWN = {"hopper-medium-v2": 0.7, "antmaze-umaze-v0": 0.9}
VALUES = (0.5, 0.7, 0.9)


def cell(task, value):
    return {
        "method": "iql",
        "task": task,
        "variant": "paper" if value == OWN[task] else f"expectile_{value}",
        "digest": f"{zlib.crc32(f'{task} {value}'.encode()):08x}",
        "diffusion_steps": 0,
        "sampling": "default-5efa5fc0",
    }


def case(num_seeds=5, tasks=tuple(OWN)):
    random = np.random.default_rng(1)
    points, rows = [], []
    for task in tasks:
        for value in sorted(VALUES, key=lambda value, task=task: value != OWN[task]):
            place = cell(task, value)
            points.append({**place, "family": "paper", "value": value, "reference": value == OWN[task]})
            for seed in range(num_seeds):
                score = 50 + 40 * value + random.normal() * 3
                row = {**place, "seed": seed, "score_percent": score, "score_unit": "percent"}
                rows += [
                    {**row, "selection": "last"},
                    {**row, "selection": "best_online", "score_percent": 0},
                ]
    return pd.DataFrame(rows), {"name": "expectile", "points": points}


def of(runs, task, value):
    rows = runs[(runs["task"] == task) & (runs["variant"] == cell(task, value)["variant"])]
    return rows.loc[rows["selection"] == "last", "score_percent"].to_numpy()


def row_of(table, task, value):
    (row,) = table[(table["task"] == task) & (table["value"] == json.dumps(value))].to_dict("records")
    return row


def test_an_effect_is_the_difference_to_the_own_value_and_covers_welchs_interval():
    runs, variation = case()
    table = effects.effects(runs, variation)
    for task, own in OWN.items():
        for value in VALUES:
            row = row_of(table, task, value)
            ours, reference = of(runs, task, value), of(runs, task, own)
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


def test_the_mean_over_tasks_and_a_task_whose_own_value_it_is():
    runs, variation = case()
    table = effects.effects(runs, variation)
    half = row_of(table, effects.ALL_TASKS, 0.5)
    single = [row_of(table, task, 0.5)["effect_percent"] for task in OWN]
    assert half["effect_percent"] == pytest.approx(np.mean(single))
    # The own value of hopper: its part is zero, and only antmaze's error counts.
    own = row_of(table, effects.ALL_TASKS, 0.7)
    antmaze = of(runs, "antmaze-umaze-v0", 0.7), of(runs, "antmaze-umaze-v0", 0.9)
    welch = stats.ttest_ind(*antmaze, equal_var=False).confidence_interval(0.95)
    assert own["effect_percent"] == pytest.approx((antmaze[0].mean() - antmaze[1].mean()) / 2)
    width = own["effect_high_percent"] - own["effect_low_percent"]
    assert width == pytest.approx((welch.high - welch.low) / 2)
    assert list(table.loc[table["task"] == effects.ALL_TASKS, "value"]) == ["0.5", "0.7", "0.9"]


def test_one_seed_has_no_interval_and_the_table_says_so():
    runs, variation = case(num_seeds=1, tasks=("hopper-medium-v2",))
    table = effects.effects(runs, variation)
    assert table["low_percent"].isna().all()
    text = markdown(effects.effects_table(table, "mine"))
    assert "One seed has no interval." in text
    assert "| IQL | hopper-medium-v2 | 0.7 (own) |" in text
    assert "all tasks" not in text


def test_a_value_without_scores_is_refused():
    runs, variation = case()
    with pytest.raises(TablesError, match="no score of iql on antmaze-umaze-v0 with"):
        effects.effects(runs[runs["task"] != "antmaze-umaze-v0"], variation)
    variation["points"] = [point for point in variation["points"] if not point["reference"]]
    with pytest.raises(TablesError, match="with the hyperparameter's own value"):
        effects.effects(runs, variation)


def test_the_index_says_what_is_varied(tmp_path):
    assert effects.read_variation(tmp_path) is None
    _, variation = case()
    index = {"format": 1, "experiment": "mine", "blocks": [{}], "vary": {**variation, "name": ""}}
    (tmp_path / "index.json").write_text(json.dumps(index))
    with pytest.raises(TablesError):
        effects.read_variation(tmp_path)
