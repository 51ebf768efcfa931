"""The cells of a user's table as reported numbers."""

from __future__ import annotations

import pytest
from recheck.errors import TablesError

from paper_tables import literature
from paper_tables.user_tables.numbers import DOCUMENT, UserTable, read_table

TABLE = """Task,IQL,My method,CQL (ours)
hopper-medium-v2,66.3,90.5 (4.6),55.0
walker2d-medium-v2,78.3,-,60.0
halfcheetah-medium-v2,47.4,55.1 (0.5),40
total,192.0,,155.0
A remark,,1.0,
"""


def read(tmp_path, text, **stated) -> UserTable:
    path = tmp_path / "table.csv"
    path.write_text(text, encoding="utf-8")
    return read_table(path, **stated)


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> UserTable:
    return read(tmp_path_factory.mktemp("table"), TABLE, seeds=5)


def test_each_cell_with_a_number_is_one(table):
    rows = table.numbers.set_index(["method", "task"])
    assert len(rows) == 8
    mine = rows.loc[("My method", "hopper-medium-v2")]
    assert (mine["score_percent"], mine["spread_percent"], mine["decimals"]) == (90.5, 4.6, 1)
    assert (mine["origin"], mine["method_key"], mine["spread_kind"]) == ("own", "my_method", "unknown")
    assert (mine["num_seeds"], mine["suite"], mine["document"]) == ("5", "gym-locomotion", DOCUMENT)
    assert rows.loc[("CQL (ours)", "halfcheetah-medium-v2"), "decimals"] == 0


def test_a_column_of_a_documents_numbers_is_copied_and_one_of_none_a_rerun(table):
    origins = table.numbers.groupby("method")["origin"].first().to_dict()
    assert origins == {"IQL": "copied", "My method": "own", "CQL (ours)": "rerun"}
    iql = table.numbers[table.numbers["method"] == "IQL"]
    printed = literature.read_document("iql")
    assert set(iql["copied_from"]) == {"iql"}
    assert set(iql["selection"]) == set(printed.loc[printed["method"] == "IQL", "selection"])
    assert "Column 'IQL' is compared with iql: 3 of 3 agree." in table.messages


def test_sums_have_the_rows_above_them_and_the_rest_is_reported(table):
    (aggregate,) = table.aggregates
    assert (aggregate.row.label, aggregate.row.kind) == ("total", "total")
    assert [row.task for row in aggregate.above] == [
        "hopper-medium-v2",
        "walker2d-medium-v2",
        "halfcheetah-medium-v2",
    ]
    assert any("'A remark' (line 6)" in message for message in table.messages)


def test_a_place_is_the_cell_in_the_file(table):
    place = table.place("My method", "hopper-medium-v2")
    assert (place.row, place.column, place.cell.line, place.row_number) == (
        "hopper-medium-v2",
        "My method",
        2,
        0,
    )
    assert table.place("My method", "walker2d-medium-v2") is None
    assert table.place("IQL", "halfcheetah-medium-v2", "47").cell.text == "47.4"


@pytest.mark.parametrize("seeds", [0, -3])
def test_a_number_is_of_one_seed_at_least(seeds, tmp_path):
    with pytest.raises(TablesError, match=f"seeds is {seeds}; at least 1 is allowed"):
        read(tmp_path, TABLE, seeds=seeds)


def test_versions_are_stated_where_names_have_none(tmp_path):
    text = TABLE.replace("-v2", "")
    with pytest.raises(TablesError, match=r"line 2: Task 'hopper-medium' has no version; there are .*-v2"):
        read(tmp_path, text)
    found = read(tmp_path, text, version="v2")
    assert set(found.numbers["task"]) == {
        f"{name}-medium-v2" for name in ("hopper", "walker2d", "halfcheetah")
    }
    assert any(message.startswith("Tasks: 'hopper-medium' is hopper-medium-v2") for message in found.messages)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            TABLE.replace("hopper-medium-v2", "hoper-medium-v2"),
            "line 2: There is no task 'hoper-medium-v2'; the nearest",
        ),
        ("Task,IQL\nfirst,1.0\nsecond,2.0\n", "holds no number of a task: the first column"),
        ("Task,IQL\nhopper-medium-v2,-\nwalker2d-medium-v2,-\n", "holds no number of a task"),
        (
            "Task,IQL,CQL\nhopper-medium-v2,0.663,0.585\nwalker2d-medium-v2,0.783,0.725\n"
            "halfcheetah-medium-v2,0.474,0.44\n",
            r"the numbers look like fractions; a table is compared in percent, 66\.3 and not 0\.663",
        ),
    ],
)
def test_what_is_no_table_of_percent_is_refused(tmp_path, text, words):
    with pytest.raises(TablesError, match=words):
        read(tmp_path, text)


def test_what_is_not_compared_and_not_used_of_a_cell_is_named(tmp_path):
    found = read(tmp_path, "Task,IQL,Mine\nhopper-medium-v2,66.3,90.5 (+4.6)\nwalker2d-medium-v2,78.3,80\n")
    assert "Not compared, no document has a method of this name: 'Mine'." in found.messages
    assert "The mean alone is used (1): '90.5 (+4.6)' (line 2)." in found.messages
    assert len(found.numbers) == 4
