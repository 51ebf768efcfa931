"""Records out of rows: which row each is from, and a chart's export."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recheck.errors import TablesError

from paper_tables.score_files import sources
from paper_tables.score_files.options import ScoreOptions
from paper_tables.score_files.read import read_scores
from paper_tables.score_files.records import Records, records_of
from paper_tables.score_files.sources import read_text


def records(tmp_path: Path, text: str, **stated) -> Records:
    path = tmp_path / "s.csv"
    path.write_text(text)
    return records_of(read_text(path), ScoreOptions.of(stated))


def test_combinations_of_texts_are_numbered_in_the_order_of_their_first_row(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "BATCH_BYTES", 32)  # several batches know the same combinations
    lines = ["b,t,1,1.5", "a,t,1,2.5", "b,t,1,3.5", "b,t,2,4.5", "a,t,1,5.5"]
    found = records(tmp_path, "method,task,seed,score\n" + "\n".join(lines) + "\n")
    assert found.keys[["method", "seed"]].to_numpy().tolist() == [["b", "1"], ["a", "1"], ["b", "2"]]
    assert found.key.tolist() == [0, 1, 0, 2, 1]
    assert found.value.tolist() == [1.5, 2.5, 3.5, 4.5, 5.5]
    assert (found.place_of_key(2), found.line(4)) == (f"{tmp_path / 's.csv'}, line 5", "line 6")
    assert found.is_absent("run")
    assert not found.is_absent("seed")


def test_empty_cells_are_counted_but_for_lines_of_nothing(tmp_path):
    found = records(tmp_path, "method,task,score\na,t,1\nb,t,\n,,\n")
    assert found.value.tolist() == [1.0]
    assert "1 empty cells not used: no score is in them." in found.messages
    # A combination of an unused row is not a run.
    assert found.keys["method"].tolist() == ["a"]


def test_the_unit_is_that_of_the_columns_name(tmp_path):
    assert records(tmp_path, "method,task,score\na,t,1\n").unit == "score"
    assert records(tmp_path, "method,task,return\na,t,1\n").unit == "return"


def test_a_file_without_a_number_or_with_a_text_for_one(tmp_path):
    with pytest.raises(TablesError, match="has no score; it holds column names and no row with a number"):
        records(tmp_path, "method,task,score\n")
    with pytest.raises(TablesError, match=r"s\.csv, line 3.*'high'"):
        records(tmp_path, "method,task,score\na,t,1\nb,t,high\n")


CHART = "Step,r1 - eval/score,r1 - eval/score__MIN,r1 - eval/score__MAX,r2 - eval/score,r2 - loss\n"


def test_a_charts_export_has_a_column_for_each_run(tmp_path):
    found = records(tmp_path, CHART + "10,1,0,2,5,9\n20,3,2,4,,9\n", columns="score:eval/score")
    rows = zip(found.keys["run"].iloc[found.key], found.step, found.value)
    assert sorted(rows) == [("r1", 10.0, 1.0), ("r1", 20.0, 3.0), ("r2", 10.0, 5.0)]
    assert "A chart's export: 2 runs, metric 'eval/score', step 'Step'." in found.messages


@pytest.mark.parametrize(
    ("header", "stated", "words"),
    [
        ("Step,r1 - one,r1 - two", {}, "the runs have the metrics 'one', 'two'; give columns=score:one"),
        ("Step,r1 - x", {"columns": "score:y"}, "line 1 has no metric 'y'; it has x"),
        (
            "Step,r1 - loss",
            {},
            "metric 'loss' is neither a score nor a return by its name; give columns=score:loss",
        ),
        (
            "Step,r1 - score,r1 - score",
            {},
            "the column 'r1 - score' appears twice, as of two runs of one name",
        ),
        ("Step,r1 - score__MIN,r1 - score__MAX", {}, "has only the ranges of 'score'; export its values too"),
    ],
)
def test_a_chart_whose_metric_is_open(tmp_path, header, stated, words):
    with pytest.raises(TablesError, match=words):
        records(tmp_path, f"{header}\n{','.join('1' for _ in header.split(','))}\n", **stated)


def test_records_of_a_small_table():
    table = pd.DataFrame(
        {"method": ["a", "a", "b"], "step": [1, 2, None], "value": [1, 2, 3], "line": [7, 8, 9]}
    )
    found = Records.of_table(table, "score", Path("x.npz"), [], "run")
    assert found.key.tolist() == [0, 0, 1]
    assert found.place(2) == "x.npz, run 9"
    assert np.isnan(found.step[2])
    assert found.is_absent("task")


OVER_AN_AXIS = (
    "{axis},IQL-hopper-medium-v2-seed0 - eval/score,IQL-hopper-medium-v2-seed0 - eval/score__MIN,"
    "IQL-hopper-medium-v2-seed0 - eval/score__MAX\n10,60,60,60\n20,66,66,66\n"
)


def test_a_charts_axis_is_its_step_or_is_stated(tmp_path: Path):
    path = tmp_path / "chart.csv"
    path.write_text(OVER_AN_AXIS.format(axis="Relative Time (Process)"))
    with pytest.raises(
        TablesError, match=r"line 1: this chart's axis is 'Relative Time \(Process\)'; export it over"
    ):
        read_scores(path)
    path.write_text(OVER_AN_AXIS.format(axis="train/grad"))
    found = read_scores(path, ScoreOptions(columns={"step": "train/grad"})).runs
    assert found[["update", "score_percent"]].to_numpy().tolist() == [[20, 66.0]]


def test_a_chart_of_groups_says_that_its_runs_are_means(tmp_path: Path):
    path = tmp_path / "chart.csv"
    path.write_text("Step,algo: IQL env: hopper-medium-v2 - eval/score\n10,60\n")
    found = read_scores(path)
    assert list(found.runs["method"]) == ["iql"]
    assert any("grouped: each is a mean over runs" in message for message in found.messages)


def test_a_runs_name_in_a_chart_may_hold_the_sign_between_name_and_metric(tmp_path: Path):
    found = records(tmp_path, "Step,IQL - hopper-medium-v2 - 0 - eval/score\n10,60\n")
    assert found.keys["run"].tolist() == ["IQL - hopper-medium-v2 - 0"]
    assert found.value.tolist() == [60.0]


def test_scores_of_runs_that_crashed_are_named(tmp_path: Path):
    table = "Name,State,score\na,finished,1\nb,crashed,2\nc,crashed,\nd,running,3\n"
    found = records(tmp_path, table)
    assert found.value.tolist() == [1.0, 2.0, 3.0]
    assert (
        "Scores of runs that are not finished, by the column 'State': 1 crashed, 1 running; they are used."
        in found.messages
    )
    all_finished = records(tmp_path, table.replace("crashed", "finished").replace("running", "finished"))
    assert not any("not finished" in message for message in all_finished.messages)


@pytest.mark.parametrize(("first", "second"), [("loss", "score"), ("loss", "loss"), ("score", "return")])
def test_rows_of_other_metrics_are_refused(first: str, second: str, tmp_path: Path):
    table = f"method,task,seed,metric,value\na,t,0,{first},1\na,t,1,{second},2\n"
    with pytest.raises(TablesError, match=rf"the rows are of the metrics '{first}'.* \(column 'metric'\)"):
        records(tmp_path, table)
    one = records(tmp_path, table.replace(first, "score").replace(second, "score").replace("return", "score"))
    assert one.value.tolist() == [1.0, 2.0]
    # Next to a column that is called a score, a tag is the author's own.
    own = records(tmp_path, table.replace("metric,value", "tag,score"))
    assert own.value.tolist() == [1.0, 2.0]
