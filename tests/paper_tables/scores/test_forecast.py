"""The forecast compared with what was measured."""

import json

import pandas as pd
import pytest

from paper_tables.scores import forecast

RUN = {"method": "iql", "task": "t", "variant": "paper", "digest": "00000000", "diffusion_steps": 0}


def job(stage, seeds, seconds, sampling=None):
    # All of a job's work is more than what it records.
    work = [None if each is None else 2 * each for each in seconds]
    found = {**RUN, "stage": stage, "seeds": seeds, "sampling": sampling}
    return {**found, "recorded_seconds": seconds, "work_seconds": work}


def measured(**changes):
    rows = []
    for seeds, wall, cpu in (("0-0", 90.0, 30.0), ("1-1", 100.0, 40.0)):
        for states in (1, 10):
            rows.append(
                {
                    **RUN,
                    "seeds": seeds,
                    "sampling": "default-1",
                    "num_states": states,
                    "device": "CPU: Mine",
                    "train_wall_seconds": wall,
                    "train_cpu_seconds": cpu,
                    "evaluation_cpu_seconds": 7.0,
                    **changes,
                }
            )
    return pd.DataFrame(rows)


JOBS = [
    job("train", "0-0", [20.0, 25.0, 50.0]),
    job("train", "1-1", [20.0, 25.0, 50.0]),
    job("train", "2-2", [20.0, 25.0, 50.0]),
    job("train", "3-3", [None, None, None]),
    job("evaluate", "0-0", [5.0, 7.0, 9.0], "default-1"),
    job("evaluate", "0-0", [5.0, 7.0, 9.0], "other-2"),
]


def test_each_job_is_compared_once_with_its_own_time():
    rows = forecast.comparison(JOBS, measured())
    train = rows[(rows["stage"] == "train") & (rows["method"] == "together")].iloc[0]
    assert (train["jobs"], train["forecast"], train["measured"], train["kind"]) == (
        2,
        50.0,
        70.0,
        "processor",
    )
    assert train["ratio"] == pytest.approx(1.4)
    evaluate = rows[(rows["stage"] == "evaluate") & (rows["method"] == "iql")].iloc[0]
    assert (evaluate["jobs"], evaluate["measured"], evaluate["ratio"]) == (1, 7.0, 1.0)
    assert "| train | iql | - | 2 | 50 | 40 to 100 | 70 | processor | 1.40 |" in forecast.markdown(rows)


def test_wall_time_counts_on_a_gpu_and_where_no_processor_time_is_known():
    for changes in ({"device": "NVIDIA"}, {"train_cpu_seconds": None}):
        rows = forecast.comparison(JOBS, measured(**changes))
        train = rows[rows["stage"] == "train"]
        assert set(train["kind"]) == {"wall"}
        assert set(train["measured"]) == {190.0}


def test_tables_of_earlier_versions_and_nothing_at_all():
    former = measured().drop(columns=["train_cpu_seconds", "evaluation_cpu_seconds"])
    assert set(forecast.comparison(JOBS, former)["stage"]) == {"train"}
    assert forecast.comparison([], measured()).empty
    assert forecast.comparison(JOBS[2:3], measured()).empty


def test_the_command_says_nothing_before_a_run(tmp_path, capsys):
    cost, table = tmp_path / "cost.json", tmp_path / "cost.parquet"
    cost.write_text(json.dumps({"jobs": JOBS}))
    assert forecast.main([str(cost), "--measured", str(table)]) == 0
    assert capsys.readouterr().out == ""
    measured().to_parquet(table)
    assert forecast.main([str(cost), "--measured", str(table)]) == 0
    assert "| train | together |" in capsys.readouterr().out
