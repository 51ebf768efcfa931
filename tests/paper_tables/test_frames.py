"""Schemas of tables: valid, described, and checked as `jsonschema` would check every row."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from jsonschema import Draft202012Validator
from recheck.errors import TablesError

from paper_tables import frames

NAMES = sorted(path.name.removesuffix(".schema.json") for path in frames.SCHEMA_FOLDER.glob("*.json"))
TABLES = [
    "cost",
    "d4rl_tasks",
    "episodes",
    "findings",
    "losses",
    "public_run_sources",
    "public_runs",
    "reference_runs",
    "reported",
    "scores",
    "suites",
]


@pytest.mark.parametrize("name", NAMES)
def test_every_schema_is_a_valid_json_schema(name):
    Draft202012Validator.check_schema(frames.load_schema(name))


@pytest.mark.parametrize("name", TABLES)
def test_every_column_is_described(name):
    for column, rule in frames.load_schema(name)["items"]["properties"].items():
        assert rule["description"], column


def a_row() -> dict[str, object]:
    return {
        "method": "iql",
        "task": "a-v0",
        "variant": "paper",
        "digest": "0123abcd",
        "diffusion_steps": 0,
        "seed": 3,
        "update": 1000,
        "loss": "value_loss",
        "value": 0.5,
        "value_since_checkpoint": 0.25,
    }


@pytest.mark.parametrize("value", [None, np.inf, "high"])
def test_a_row_is_counted_from_1_whatever_its_index(value):
    """Row 3 is the third below the header, also where the table is a part of another one."""
    rows = [a_row() | {"seed": seed} for seed in (1, 2, 3)]
    rows[2]["update"] = value
    with pytest.raises(TablesError, match=r"^table, row 3: column 'update'"):
        frames.check(pd.DataFrame(rows, index=[7, 5, 0]), "losses", "table")


def test_a_row_with_a_fraction_for_an_integer_is_counted_from_1():
    rows = [a_row() | {"seed": 1}, a_row() | {"seed": 1.5}]
    with pytest.raises(TablesError, match=r"^table, row 2: column 'seed' holds 1\.5; an integer"):
        frames.check(pd.DataFrame(rows), "losses", "table")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("digest", "XYZ"),
        ("digest", "0123abcde"),
        ("seed", -1),
        ("seed", 1.5),
        ("seed", None),
        ("update", 0),
        ("loss", ""),
        ("loss", None),
        ("value", np.inf),
        ("value", "high"),
        ("diffusion_steps", -1),
    ],
)
def test_refused_here_where_jsonschema_refuses_the_row(column, value):
    row = a_row() | {column: value}
    good, bad = pd.DataFrame([a_row()]), pd.DataFrame([a_row() | {"seed": 9}, row])
    frames.check(good, "losses", "table")
    plain = row | {column: float("nan") if value is np.inf else value}
    if value is not np.inf:
        assert list(Draft202012Validator(frames.load_schema("losses")["items"]).iter_errors(plain))
    with pytest.raises(TablesError, match=f"table.*{column}"):
        frames.check(bad, "losses", "table")


@pytest.mark.parametrize("value", [None, np.nan])
def test_an_empty_value_is_allowed_where_the_schema_says_so(value):
    checked = frames.check(pd.DataFrame([a_row() | {"value": value}]), "losses", "table")
    assert checked["value"].isna().all()
    assert checked["seed"].dtype == "int64"


def test_missing_nullable_columns_are_added_in_the_schemas_order():
    row = a_row()
    del row["value"]
    checked = frames.check(pd.DataFrame([dict(reversed(row.items()))]), "losses", "table")
    assert list(checked.columns) == frames.columns("losses")


@pytest.mark.parametrize("name", TABLES)
def test_an_empty_table_goes_through(name, tmp_path):
    empty = pd.DataFrame(columns=frames.columns(name))
    frames.write_parquet(empty, tmp_path / "empty.parquet", name)
    assert len(frames.read_parquet(tmp_path / "empty.parquet", name)) == 0


def test_two_rows_with_one_key_are_refused():
    with pytest.raises(TablesError, match="more than one row for method iql, task a-v0"):
        frames.check(pd.DataFrame([a_row(), a_row()]), "losses", "table")


def test_a_refused_table_leaves_nothing_behind(tmp_path):
    with pytest.raises(TablesError):
        frames.write_parquet(pd.DataFrame([a_row() | {"seed": -1}]), tmp_path / "x.parquet", "losses")
    assert list(tmp_path.iterdir()) == []


def test_reading_parquet_leaves_no_thread_that_could_abort_the_process_at_its_end(tmp_path):
    """As pandas reads it: the same values and types. Threads are counted in a process of its own."""
    table = pd.DataFrame(
        {"number": [1.5, float("nan")], "count": [1, 2], "word": ["a", None], "yes": [True, False]}
    )
    path = tmp_path / "t.parquet"
    table.to_parquet(path, index=False)
    pd.testing.assert_frame_equal(frames.read_plain_parquet(path), pd.read_parquet(path))
    code = (
        "import os, sys, pathlib, pyarrow.parquet\n"
        "from paper_tables import frames\n"
        "threads = lambda: len(os.listdir('/proc/self/task'))\n"
        "before = threads()\n"
        "frames.read_plain_parquet(pathlib.Path(sys.argv[1]))\n"
        "print(threads() - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"


def test_an_unknown_schema_is_refused_with_the_known_ones():
    with pytest.raises(TablesError, match="losses"):
        frames.load_schema("no_such_table")


def test_schemas_are_written_in_one_style():
    for path in frames.SCHEMA_FOLDER.glob("*.json"):
        text = path.read_text(encoding="utf-8")
        assert json.loads(text)["title"]
        assert text.endswith("}\n")


def test_a_folder_that_cannot_be_made_is_one_message(tmp_path, capsys):
    """A file is where the folder should be; every command that writes says so and leaves nothing."""
    from paper_tables.audit import __main__ as audit
    from paper_tables.scores import d3rlpy

    (tmp_path / "file").write_text("")
    with pytest.raises(TablesError, match=r"out\.csv cannot be written: "):
        frames.write_text("text", tmp_path / "file" / "out.csv")
    for command in (audit, d3rlpy):
        assert command.main(["--output", str(tmp_path / "file" / "folder")]) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert "cannot be written" in said
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
