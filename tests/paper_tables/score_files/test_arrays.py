"""Arrays of rliable's form and CORL's pickles as records."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from recheck.errors import TablesError

from paper_tables.score_files.arrays import read_json, read_npz, read_pickle
from paper_tables.score_files.options import ScoreOptions
from paper_tables.score_files.read import read_scores
from paper_tables.score_files.sources import Rows

TASKS = ("hopper-medium-v2", "walker2d-medium-v2")
NAMED = ScoreOptions(tasks=TASKS)


def rows_of(records):
    keys = records.keys.iloc[records.key]
    return list(zip(keys["method"], keys["task"], keys["seed"], records.step, records.value))


def as_json(tmp_path, content):
    path = tmp_path / "s.json"
    path.write_text(json.dumps(content))
    return path


def test_runs_are_seeds_and_the_second_axis_tasks(tmp_path):
    path = tmp_path / "s.npz"
    np.savez(path, IQL=np.array([[1.0, 2.0], [3.0, np.nan]]))
    records = read_npz(path, NAMED)
    assert [row[:3] + row[4:] for row in rows_of(records)] == [
        ("IQL", TASKS[0], "0", 1.0),
        ("IQL", TASKS[1], "0", 2.0),
        ("IQL", TASKS[0], "1", 3.0),
    ]
    assert np.isnan(records.step).all()
    assert "1 NaN not used: these runs are missing." in records.messages
    assert records.place(2) == f"{path}, run 2"


def test_a_third_axis_is_checkpoints_and_the_file_may_name_its_tasks(tmp_path):
    content = {"tasks": list(TASKS), "IQL": [[[1.0, 2.0], [3.0, 4.0]]]}
    assert rows_of(read_json(as_json(tmp_path, content), ScoreOptions())) == [
        ("IQL", TASKS[0], "0", 1.0, 1.0),
        ("IQL", TASKS[0], "0", 2.0, 2.0),
        ("IQL", TASKS[1], "0", 1.0, 3.0),
        ("IQL", TASKS[1], "0", 2.0, 4.0),
    ]


def test_one_task_needs_no_second_axis(tmp_path):
    only = ScoreOptions(tasks=TASKS[:1])
    found = rows_of(read_json(as_json(tmp_path, {"IQL": [5.0, 6.0]}), only))
    assert [(row[2], row[4]) for row in found] == [("0", 5.0), ("1", 6.0)]
    # A dictionary of tasks: [runs] or [runs, checkpoints].
    content = {"IQL": {TASKS[0]: [5.0, 6.0], TASKS[1]: [[7.0, 8.0]]}}
    found = rows_of(read_json(as_json(tmp_path, content), ScoreOptions()))
    assert [(row[1], row[2], row[4]) for row in found] == [
        (TASKS[0], "0", 5.0),
        (TASKS[0], "1", 6.0),
        (TASKS[1], "0", 7.0),
        (TASKS[1], "0", 8.0),
    ]


def test_runs_of_several_lengths_have_their_own_steps(tmp_path):
    path = tmp_path / "s.pickle"
    path.write_bytes(pickle.dumps({"IQL": {TASKS[0]: [[1.0], [2.0, 3.0], []], TASKS[1]: []}}))
    assert rows_of(read_pickle(path, ScoreOptions())) == [
        ("IQL", TASKS[0], "0", 1.0, 1.0),
        ("IQL", TASKS[0], "1", 1.0, 2.0),
        ("IQL", TASKS[0], "1", 2.0, 3.0),
    ]


def test_a_list_of_objects_is_rows(tmp_path):
    found = read_json(as_json(tmp_path, [{"method": "IQL", "score": 1}]), ScoreOptions())
    assert isinstance(found, Rows)
    assert found.names == ["method", "score"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"IQL": [[1.0, 2.0, 3.0]]}, "'IQL' has 3 tasks, and 2 are named; name them in the file as 'tasks'"),
        ({"IQL": [1.0, 2.0]}, r"'IQL' has the shape \[2\]; \[runs, tasks\] or .* is needed"),
        ({"IQL": [[1.0, 2.0], [3.0]]}, "'IQL' is not an array of numbers .* with equally long rows"),
        ({"IQL": [["high", "low"]]}, "'IQL' is not an array of numbers"),
        ({"IQL": [[True, False]]}, "'IQL' is not an array of numbers"),
        ({"IQL": [[1.0, float("inf")]]}, "'IQL' holds an infinite score; a finite number or NaN is allowed"),
        ({"tasks": ["a"]}, "holds no array of scores"),
        ({"IQL": [[float("nan"), float("nan")]]}, "holds no score: every value is NaN"),
        ({}, "is empty or neither a list of rows nor a dictionary of arrays"),
        ([1.0], "is empty or neither"),
    ],
)
def test_what_is_no_array_of_runs_and_tasks(tmp_path, content, words):
    with pytest.raises(TablesError, match=words):
        read_json(as_json(tmp_path, content), NAMED)


def test_files_that_are_not_what_their_name_says(tmp_path):
    path = tmp_path / "s.npz"
    np.savez(path, IQL=np.array([{"a": 1}], dtype=object))
    with pytest.raises(TablesError, match="cannot be read as arrays: it holds pickled objects"):
        read_npz(path, NAMED)
    path.write_bytes(b"PK\x03\x04 cut")
    with pytest.raises(TablesError, match=r"s\.npz is not an \.npz file: it is no zip archive"):
        read_npz(path, NAMED)
    np.savez(path, IQL=np.arange(100.0).reshape(10, 10))
    damaged = bytearray(path.read_bytes())
    damaged[400] ^= 255
    path.write_bytes(damaged)
    with pytest.raises(TablesError, match=r"s\.npz is a damaged \.npz file: Bad CRC-32"):
        read_npz(path, NAMED)
    path = tmp_path / "s.json"
    path.write_text("{")
    with pytest.raises(TablesError, match=r"s\.json is not valid JSON"):
        read_json(path, NAMED)
    path = tmp_path / "s.pickle"
    path.write_bytes(pickle.dumps([1.0]))
    with pytest.raises(TablesError, match="is not a dictionary method -> task -> scores"):
        read_pickle(path, NAMED)
    with pytest.raises(TablesError, match="'IQL' has 2 tasks, and none is named"):
        read_json(as_json(tmp_path, {"IQL": [[1.0, 2.0]]}), ScoreOptions())


def test_task_before_method_is_method_before_task(tmp_path: Path):
    scores = {
        "hopper-medium-v2": {"IQL": [66, 67], "Mine": [70, 71]},
        "walker2d-medium-v2": {"IQL": [78, 79]},
    }
    (tmp_path / "s.json").write_text(json.dumps(scores))
    runs = read_scores(tmp_path / "s.json").runs
    found = runs.groupby(["method", "task"])["score_percent"].apply(list).to_dict()
    assert found == {
        ("Mine", "hopper-medium-v2"): [70.0, 71.0],
        ("iql", "hopper-medium-v2"): [66.0, 67.0],
        ("iql", "walker2d-medium-v2"): [78.0, 79.0],
    }


def test_scores_may_be_by_seed(tmp_path: Path):
    scores = {
        "Mine": {"hopper-medium-v2": {"7": 66, "9": 67.5}, "walker2d-medium-v2": {"7": [70, 71], "9": None}}
    }
    runs = read_scores(as_json(tmp_path, scores)).runs
    found = runs[["task", "seed", "score_percent"]].to_numpy().tolist()
    assert found == [
        ["hopper-medium-v2", 7, 66.0],
        ["hopper-medium-v2", 9, 67.5],
        ["walker2d-medium-v2", 7, 71.0],
    ]
    with pytest.raises(TablesError, match="'std' is no seed but computed"):
        read_scores(as_json(tmp_path, {"Mine": {"hopper-medium-v2": {"0": 66, "std": 3}}}))
    with pytest.raises(TablesError, match="'Mine' is not an array of numbers"):
        read_scores(as_json(tmp_path, {"Mine": {"hopper-medium-v2": {"0": "high"}}}))
