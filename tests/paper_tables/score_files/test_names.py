"""Methods, tasks, seeds and rules of records: what is resolved, guessed and refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recheck.errors import TablesError

from paper_tables.score_files.names import Runs, named, of_runs
from paper_tables.score_files.options import ScoreOptions
from paper_tables.score_files.records import Records


def file(name="s.csv", **columns):
    length = max(len(values) for values in columns.values())
    table = pd.DataFrame({"step": [np.nan] * length, "value": range(length), **columns})
    return Records.of_table(table, "score", Path(name), [], "line")


def resolved(*files, **stated) -> tuple[Runs, list[str]]:
    messages: list[str] = []
    return named(list(files), ScoreOptions.of(stated), messages), messages


def runs_of_rows(found: Runs):
    return [tuple(row) for row in found.runs.iloc[found.run][["method", "task", "seed"]].to_numpy()]


HOPPER = "hopper-medium-v2"


def test_names_of_the_documents_in_any_spelling():
    found, messages = resolved(
        file(method=["IQL", "My  Method"], task=["Hopper-Medium-v2", HOPPER], seed=["0", "seed-1"])
    )
    assert runs_of_rows(found) == [("iql", HOPPER, 0), ("My Method", HOPPER, 1)]
    assert messages == [
        f"Tasks: 'Hopper-Medium-v2' is {HOPPER}.",
        "Methods of the documents: 'IQL' is iql, 'My  Method' is My Method.",
    ]


def test_rows_of_two_files_are_one_table_and_say_where_they_are():
    first = file("a.csv", method=["x", "y"], task=[HOPPER] * 2, seed=["0", "0"])
    second = file("b.csv", method=["x", "x"], task=[HOPPER] * 2, seed=["1", "0"])
    found, _ = resolved(first, second)
    assert runs_of_rows(found) == [("x", HOPPER, 0), ("y", HOPPER, 0), ("x", HOPPER, 1), ("x", HOPPER, 0)]
    assert len(found.runs) == 3
    assert found.place(3) == "b.csv, line 2"
    assert found.file_of(1)[0] is first
    with pytest.raises(IndexError):
        found.place(4)


def test_a_runs_name_has_method_task_and_seed():
    found, messages = resolved(file(run=["IQL-hopper-medium-v2-seed3", "IQL-hopper-medium-v2-seed4"]))
    assert runs_of_rows(found) == [("iql", HOPPER, 3), ("iql", HOPPER, 4)]
    assert "The seed is read from the name of the run." in messages


def test_without_seeds_the_rows_of_one_step_are_seeds():
    table = {"task": [HOPPER] * 4, "step": [1.0, 1.0, 2.0, 2.0]}
    found, messages = resolved(file(**table))
    assert [row[2] for row in runs_of_rows(found)] == [0, 1, 0, 1]
    assert "No column names the method: it is called 'ours' (method=NAME changes it)." in messages
    assert "No column names the seed: rows of one method, task and step are its seeds." in messages


def test_labels_that_are_no_numbers_are_counted_within_method_and_task():
    found, _ = resolved(file(method=["a", "a", "b"], task=[HOPPER] * 3, seed=["red", "blue", "red"]))
    assert [row[2] for row in runs_of_rows(found)] == [1, 0, 0]


@pytest.mark.parametrize("seed", ["7", "seed7", "s-7", "run_7", "7.0", "Seed 7"])
def test_spellings_of_a_seed(seed):
    assert runs_of_rows(resolved(file(task=[HOPPER], seed=[seed]))[0])[0][2] == 7


@pytest.mark.parametrize(
    ("columns", "stated", "words"),
    [
        (
            {"task": [HOPPER], "seed": ["-1"]},
            {},
            "line 1: seed -1; a seed is a whole number from 0",
        ),
        ({"task": [HOPPER], "seed": ["0.5"]}, {}, "seed 0.5"),
        ({"task": [HOPPER] * 2, "seed": ["0", ""]}, {}, "line 2 has no seed, while other rows have one"),
        ({"method": ["a"]}, {}, "line 1 names no task; add a column task, or give task=TASK"),
        (
            {"run": ["IQL-hopper-medium"]},
            {},
            r"\(run 'IQL-hopper-medium'\) names no task with a version",
        ),
        (
            {"task": [HOPPER, ""]},
            {},
            "line 2: the cell of the task is empty, while other rows have one",
        ),
        (
            {"task": ["hoper-medium-v2"]},
            {},
            "line 1: There is no task 'hoper-medium-v2'; the nearest",
        ),
        ({"task": [HOPPER] * 2, "method": ["a", ""]}, {}, "line 2: the cell of the method is empty"),
        (
            {"task": [HOPPER] * 3, "seed": ["0", "1", "Mean"]},
            {},
            "line 3: 'Mean' is no seed but computed from several runs; leave out rows of means and spreads",
        ),
        ({"task": [HOPPER] * 2, "seed": ["0", "std."]}, {}, "line 2: 'std.' is no seed"),
        (
            {"task": [HOPPER] * 2, "seed": ["0", "nan"]},
            {},
            "line 2: 'nan' is no seed but stands for a missing",
        ),
        ({"task": [HOPPER] * 2, "method": ["a", "NaN"]}, {}, "line 2: 'NaN' is no method but stands for"),
        ({"task": [HOPPER] * 2, "method": ["a", "average"]}, {}, "line 2: 'average' is no method"),
    ],
)
def test_a_name_that_cannot_be_resolved_is_refused_with_its_line(columns, stated, words):
    with pytest.raises(TablesError, match=words):
        resolved(file(**columns), **stated)


def test_what_is_stated_fills_empty_cells():
    found, _ = resolved(file(task=[HOPPER, ""], method=["a", ""]), task="walker2d-medium-v2", method="mine")
    assert runs_of_rows(found) == [("a", HOPPER, 0), ("mine", "walker2d-medium-v2", 0)]
    found, _ = resolved(file(task=["hopper-medium"]), version="2")
    assert runs_of_rows(found)[0][1] == HOPPER


def test_a_number_of_each_rows_task():
    found, _ = resolved(file(method=["b", "a", "b"], task=[HOPPER] * 3, seed=["0"] * 3))
    assert of_runs(found, "method", {"a": 1.0, "b": 2.0}.get).tolist() == [2.0, 1.0, 2.0]
    assert np.isnan(of_runs(found, "task", lambda name: None)).all()


def test_seeds_with_names_are_numbered_and_this_is_reported():
    found, messages = resolved(file(method=["x"] * 2, task=[HOPPER] * 2, seed=["blue", "amber"]))
    assert seeds_of(found) == [1, 0]
    assert any(message.startswith("Seeds have names that are not numbers") for message in messages)
    assert not any(
        "Seeds have names" in message
        for message in resolved(file(task=[HOPPER] * 2, seed=["0", "seed-1"]))[1]
    )


def seeds_of(found: Runs) -> list[int]:
    return [int(seed) for seed in found.runs["seed"].iloc[found.run]]


def test_what_is_stated_and_not_used_is_said():
    found, messages = resolved(
        file(method=["x"], task=[HOPPER], seed=["0"]), method="y", task="walker2d-medium-v2"
    )
    assert runs_of_rows(found) == [("x", HOPPER, 0)]
    assert "method=y is not used: every row has its own method." in messages
    assert "task=walker2d-medium-v2 is not used: every row has its own task." in messages
    assert not any("not used" in text for text in resolved(file(task=[HOPPER], seed=["0"]), method="y")[1])


def test_settings_in_the_names_of_runs_are_not_seeds_and_are_named():
    names = [f"IQL-{HOPPER}-lr{rate}-seed{seed}" for rate, seed in (("3e-4", 0), ("1e-4", 1))]
    found, messages = resolved(file(run=names))
    assert runs_of_rows(found) == [("iql", HOPPER, 0), ("iql", HOPPER, 1)]
    settings = "'lr1e-4', 'lr3e-4': runs that differ in it alone count as seeds of one method."
    assert f"Not used of the names of the runs: {settings}" in messages
