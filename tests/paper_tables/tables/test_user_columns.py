"""A user's methods in the columns of a paper's layout."""

from __future__ import annotations

import copy

import pandas as pd

from paper_tables.tables.layout_files import read_layout
from paper_tables.tables.user_columns import with_user_methods
from tests.paper_tables.tables.runs import some_runs


def stated(*methods, selection="last"):
    parts = [
        some_runs({"hopper-medium-v2": [60.0, 61.0]}, method=method, comparability="stated", variant="stated")
        for method in methods
    ]
    runs = pd.concat(parts, ignore_index=True)
    return runs[runs["selection"] == selection] if selection else runs


def ours(layout):
    return {column["heading"]: column["ours"]["method"] for column in layout["columns"] if "ours" in column}


def test_without_a_users_scores_the_layout_is_itself():
    layout = read_layout("iql_table_1")
    assert with_user_methods(layout, None) is layout
    assert with_user_methods(layout, stated("iql").iloc[:0]) is layout
    assert with_user_methods(layout, some_runs({"hopper-medium-v2": [60.0]}, method="iql")) is layout


def test_a_method_of_the_paper_is_in_its_column_and_another_at_the_end():
    layout = read_layout("iql_table_1")
    before = copy.deepcopy(layout)
    changed = with_user_methods(layout, stated("iql", "my_method", "cql"))
    assert ours(changed) == {"IQL": "iql", "CQL": "cql", "my_method": "my_method"}
    assert changed["columns"][-1] == {
        "heading": "my_method",
        "ours": {"method": "my_method", "variant": "stated"},
    }
    assert changed["bold"]["over"] == "all"
    assert changed["our_selection"] == "last"
    assert layout == before


def test_a_method_with_a_columns_heading_is_named_yours():
    layout = read_layout("iql_table_1")
    heading = layout["columns"][0]["heading"]
    changed = with_user_methods(layout, stated(heading))
    assert changed["columns"][-1]["heading"] == f"{heading} (yours)"


def test_the_rule_is_one_that_the_scores_have():
    runs = stated("iql", selection=None)
    layout = read_layout("iql_table_1") | {"our_selection": "offline_described"}
    assert with_user_methods(layout, runs)["our_selection"] == "offline_described"
    only = runs[runs["selection"] == "last"]
    assert with_user_methods(layout, only)["our_selection"] == "last"
