"""Which steps of a run count."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recheck.errors import TablesError

from paper_tables.score_files import steps as steps_module
from paper_tables.score_files.names import named
from paper_tables.score_files.options import ScoreOptions
from paper_tables.score_files.records import Records
from paper_tables.score_files.steps import Steps, checkpoints_of, selected


def rows_of(seed, step, value, **columns):
    table = pd.DataFrame({"seed": [str(s) for s in seed], "step": step, "value": value, **columns})
    table["task"] = "hopper-medium-v2"
    records = Records.of_table(table, "score", Path("s.csv"), [], "line")
    return named([records], ScoreOptions(), [])


def select(rows, rule=None):
    messages: list[str] = []
    raw = np.zeros(len(rows.runs), dtype=bool)
    found = selected(rows, Steps.of(rows), raw, ScoreOptions(select=rule), messages)
    return found, messages


# Seed 0 is written out of order; seed 1 ends earlier.
RUNS = ([0, 1, 0, 0, 1], [300.0, 100.0, 100.0, 200.0, 200.0], [30.0, 5.0, 10.0, 50.0, 7.0])


def test_rows_are_in_the_order_of_their_steps():
    rows = rows_of(*RUNS)
    steps = Steps.of(rows)
    assert steps.of_run(0).tolist() == [2, 3, 0]
    assert steps.of_run(1).tolist() == [1, 4]
    assert steps.first_repeated(rows) is None
    repeated = rows_of([0, 0, 1, 1], [1.0, 2.0, 4.0, 4.0], [1, 2, 3, 4])
    assert Steps.of(repeated).first_repeated(repeated) == 3


@pytest.mark.parametrize(
    ("rule", "scores", "updates", "counts"),
    [
        (None, [30.0, 7.0], [300, 200], [1, 1]),
        ("best", [50.0, 7.0], [200, 200], [1, 1]),
        ("mean_last_2", [40.0, 6.0], [300, 200], [2, 2]),
        ("mean_last_3", [30.0, 6.0], [300, 200], [3, 2]),
    ],
)
def test_the_step_that_a_rule_picks(rule, scores, updates, counts):
    found, messages = select(rows_of(*RUNS), rule)
    assert found["score_percent"].tolist() == scores
    assert found["update"].tolist() == updates
    assert found["num_checkpoints"].tolist() == counts
    ends = "Runs end at different steps: ours on hopper-medium-v2 between 200 and 300; did some stop early?"
    assert ends in messages
    few = "1 runs have fewer than 3 steps: the mean of all is taken."
    assert (few in messages) == (rule == "mean_last_3")
    assert any("optimistic" in message for message in messages) == (rule == "best")
    assert any("the last is taken" in message for message in messages) == (rule is None)


def test_steps_that_are_not_known():
    single = rows_of([0, 1], [np.nan, np.nan], [1.0, 2.0])
    found, messages = select(single)
    assert found["update"].tolist() == [0, 0]
    assert messages == []
    with pytest.raises(TablesError, match="no column has the step; give columns=step:COLUMN"):
        select(rows_of([0, 0], [np.nan, np.nan], [1.0, 2.0]))


def test_a_row_without_its_step_among_others_of_its_run_is_refused_with_its_line():
    with pytest.raises(TablesError, match=r"s\.csv, line 2 has no step, while its run has other rows"):
        select(rows_of([0, 0, 1], [1.0, np.nan, 2.0], [1, 2, 3]))
    # A run of one row may lack it.
    assert select(rows_of([0, 0, 1], [1.0, 2.0, np.nan], [1, 2, 3]))[0]["score_percent"].tolist() == [
        2.0,
        3.0,
    ]


def test_a_column_states_the_rule_in_usual_words():
    rows = rows_of([0, 0, 0], [1.0] * 3, [1.0, 2.0, 3.0], selection=["final", "best", "average"])
    found, messages = select(rows, "last")
    assert dict(zip(found["selection"], found["score_percent"])) == {
        "last": 1.0,
        "best_online": 2.0,
        "average_last_k": 3.0,
    }
    assert messages == ["The column of the selection is used; select is not."]
    with pytest.raises(TablesError, match=r"The selection 'worst' is unknown; allowed are last, "):
        select(rows_of([0], [1.0], [1.0], selection=["worst"]))
    with pytest.raises(TablesError, match=r"s\.csv, line 2 has no selection rule, while other rows have one"):
        select(rows_of([0, 1], [1.0] * 2, [1.0, 2.0], selection=["last", ""]))


def test_a_curve_keeps_first_and_last_of_many_steps(monkeypatch):
    monkeypatch.setattr(steps_module, "MOST_CHECKPOINTS", 3)
    rows = rows_of([0] * 9, np.arange(1.0, 10.0), np.arange(9.0))
    raw = np.zeros(1, dtype=bool)
    found = checkpoints_of(rows, Steps.of(rows), raw)
    assert found["update"].tolist() == [1, 5, 9]
    assert found["score_percent"].tolist() == [0.0, 4.0, 8.0]
    two = rows_of([0] * 4 + [1] * 2, [1.0, 2.0, 3.0, 4.0, 7.0, 8.0], np.arange(6.0))
    both = checkpoints_of(two, Steps.of(two), np.zeros(2, dtype=bool))
    # Of four steps the first, one between and the last; two are both kept.
    assert both["update"].tolist() in ([1, 3, 4, 7, 8], [1, 2, 4, 7, 8])
    assert both["seed"].tolist() == [0, 0, 0, 1, 1]
    one = rows_of([0, 1], [5.0, 5.0], [1.0, 2.0])
    assert checkpoints_of(one, Steps.of(one), raw).empty


def test_raw_returns_are_marked_run_by_run():
    rows = rows_of([0, 1], [5.0, 5.0], [1.0, 2.0])
    found = selected(rows, Steps.of(rows), np.array([False, True]), ScoreOptions(), [])
    assert found["score_unit"].tolist() == ["percent", "return"]
    assert set(found["comparability"]) == {"stated"}
