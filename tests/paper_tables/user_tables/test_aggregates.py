"""Totals and averages of a user's table: over which rows, and whether they add up."""

from __future__ import annotations

import pytest

from paper_tables.user_tables.aggregates import misfits
from paper_tables.user_tables.numbers import read_table

ROWS = "hopper-medium-v2,{a}\nwalker2d-medium-v2,{b}\nhalfcheetah-medium-v2,{c}\n"
MAZES = "antmaze-umaze-v2,50.0\nantmaze-medium-play-v2,60.0\n"


def found(tmp_path, text, corrected=None):
    path = tmp_path / "table.csv"
    path.write_text("Task,Mine\n" + text, encoding="utf-8")
    misfit, messages = misfits(read_table(path), corrected or {})
    return [(one.cell.text, one.computed, one.num_rows, one.impossible) for one in misfit], messages


def three(aggregate, a=10.2, b=20.4, c=30.3):
    return ROWS.format(a=a, b=b, c=c) + aggregate


@pytest.mark.parametrize(
    ("aggregate", "wanted"),
    [
        ("total,60.9", []),
        ("total,61.1", [("61.1", "60.9", 3, False)]),  # four half digits are 0.2
        ("total,61.2", [("61.2", "60.9", 3, True)]),
        ("total,61", []),  # coarser than its rows: rounded
        ("average,20.3", []),
        ("average,20.35", [("20.35", "20.3000", 3, False)]),  # 0.05 of the rows and 0.005 of its own
        ("average,20.4", [("20.4", "20.300", 3, False)]),
        ("average,20.5", [("20.5", "20.300", 3, True)]),
    ],
)
def test_an_aggregate_is_right_within_its_rounding_or_impossible(tmp_path, aggregate, wanted):
    assert found(tmp_path, three(f"{aggregate}\n"))[0] == wanted


def test_a_suites_average_is_over_its_rows(tmp_path):
    text = three("gym average,20.3\n") + MAZES + "antmaze average,55.0\ntotal,170.9\n"
    assert found(tmp_path, text) == ([], [])
    wrong = three("gym average,20.3\n") + MAZES + "antmaze average,58.0\n"
    assert found(tmp_path, wrong)[0] == [("58.0", "55.000", 2, True)]


def test_a_stated_number_of_rows_counts(tmp_path):
    text = three("") + MAZES + "average (2),55.0\naverage (5),34.2\n"
    assert found(tmp_path, text) == ([], [])
    _, messages = found(tmp_path, three("average (9),20.3\n"))
    assert messages == ["Not checked: 'average (9)' (line 5): its rows are not all here."]


def test_a_missing_cell_leaves_a_column_unchecked(tmp_path):
    misfit, messages = found(tmp_path, three("total,99.0\n", b="-"))
    assert misfit == []
    assert messages == ["Not checked: 'total' (line 5): its rows are not all here."]


def test_a_total_of_the_right_numbers_does_not_blame_the_sum(tmp_path):
    """One cell is wrong (12.0 for 10.2); the total is that of the right ones."""
    text = three("total,60.9\n", a=12.0)
    assert found(tmp_path, text)[0] == [("60.9", "62.7", 3, True)]
    corrected = {("Mine", "hopper-medium-v2"): 10.2}
    assert found(tmp_path, text, corrected)[0] == []
    assert found(tmp_path, three("total,65.0\n", a=12.0), corrected)[0] == [("65.0", "62.7", 3, True)]
