"""Rows out of JSON."""

from __future__ import annotations

import gzip
import json

import pandas as pd
import pytest
from recheck.errors import TablesError

from paper_tables.score_files.json_rows import (
    flat,
    read_json_lines,
    records_of_columns,
    rows_of_records,
)


def values(rows, *names):
    return [tuple(row.values()) for batch in rows.batches(names) for row in batch.to_pylist()]


def test_nested_objects_are_paths_and_null_is_empty():
    nested = {"eval": {"score": 1.5, "deep": {"x": None}}, "task": "t", "flag": True, "list": [1]}
    assert flat(nested) == {
        "eval/score": "1.5",
        "eval/deep/x": "",
        "task": "t",
        "flag": "True",
        "list": "[1]",
    }


def test_a_line_may_lack_a_name_that_others_have(tmp_path):
    path = tmp_path / "s.jsonl"
    path.write_text('{"a": 1}\n\n{"b": {"c": 2}, "a": 3}\n')
    rows = read_json_lines(path)
    assert rows.names == ["a", "b/c"]
    assert values(rows, "b/c", "a") == [("", "1"), ("2", "3")]
    assert [rows.line_of(number) for number in (0, 1)] == [1, 3]
    packed = tmp_path / "s.jsonl.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert values(read_json_lines(packed), "a") == [("1",), ("3",)]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"a": 1}\n{"a": \n', r"line 2 is not valid JSON \(Expecting value"),
        ('{"a": 1}\n[1, 2]\n', "line 2 is not a JSON object; each line is one row"),
        ("\n\n", "is empty; it needs one JSON object a line"),
        ("[" * 100_000 + "\n", "line 1 is not valid JSON"),
    ],
)
def test_a_line_that_is_no_object_is_named(tmp_path, content, words):
    path = tmp_path / "s.jsonl"
    path.write_text(content)
    with pytest.raises(TablesError, match=words):
        read_json_lines(path)


def test_a_list_of_objects_is_rows_in_its_order(tmp_path):
    rows = rows_of_records(tmp_path / "s.json", [{"a": 1}, {"b": None, "a": {"x": 2}}])
    assert rows.names == ["a", "b", "a/x"]
    assert values(rows, "a", "a/x") == [("1", ""), ("", "2")]
    assert (rows.unit, rows.line_of(0)) == ("row", 1)


@pytest.mark.parametrize("orient", ["columns", "split", "list"])
def test_a_table_by_columns_is_its_rows(orient: str):
    table = pd.DataFrame({"task": ["a", "b"], "score": [1.5, None]})
    text = json.dumps(table.to_dict("list")) if orient == "list" else table.to_json(orient=orient)
    found = records_of_columns(json.loads(text.replace("NaN", "null")))
    assert found == [{"task": "a", "score": 1.5}, {"task": "b", "score": None}]


@pytest.mark.parametrize(
    "content",
    [
        {"IQL": {"hopper-medium-v2": [1, 2]}},
        {"score": {"hopper-medium-v2": [1, 2]}},
        {"task": ["a", "b"], "score": [1.0]},
        {"task": "a", "score": 1.0},
        {"columns": ["task"], "data": [[1, 2]]},
    ],
)
def test_what_is_no_table_by_columns(content: dict[str, object]):
    assert records_of_columns(content) == []
