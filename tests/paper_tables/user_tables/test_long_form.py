"""A list of method, task and score as a table."""

from __future__ import annotations

from pathlib import Path

import pytest
from recheck.errors import TablesError

from paper_tables.user_tables.numbers import read_table

LIST = """Algorithm,Environment,Score,Std
IQL,hopper-medium-v2,66.3,
CQL,hopper-medium-v2,58.5,
Ours,walker2d-medium-v2,80.0,1.5
IQL,walker2d-medium-v2,78.3,
"""


def test_a_list_is_a_table_with_the_lines_of_its_file(tmp_path: Path):
    (tmp_path / "t.csv").write_text(LIST)
    table = read_table(tmp_path / "t.csv")
    found = {key: (places[0].cell.number, places[0].cell.line) for key, places in table.places.items()}
    assert found == {
        ("IQL", "hopper-medium-v2"): ((66.3, None, 1), 2),
        ("CQL", "hopper-medium-v2"): ((58.5, None, 1), 3),
        ("IQL", "walker2d-medium-v2"): ((78.3, None, 1), 5),
        ("Ours", "walker2d-medium-v2"): ((80.0, 1.5, 1), 4),
    }


def test_a_list_of_runs_is_refused_with_the_command_that_reads_it(tmp_path: Path):
    (tmp_path / "t.csv").write_text(
        "method,task,seed,score\nIQL,hopper-medium-v2,0,66\nIQL,hopper-medium-v2,1,67\n"
    )
    with pytest.raises(
        TablesError, match=r"line 3: IQL on hopper-medium-v2 is there already in line 2; .*recheck check"
    ):
        read_table(tmp_path / "t.csv")
