"""The columns of a paper's table: order, headings, where their numbers are from, bold."""

import numpy as np
import pandas as pd
import pytest
from recheck.errors import TablesError

from paper_tables.tables import column_layout, layout_files
from paper_tables.tables.column_layout import ColumnLayout

BOTH = {"heading": "IQL", "reported": "IQL", "ours": {"method": "iql"}}
REPORTED = {"heading": "BC", "reported": "BC"}
OURS = {"heading": "Mine", "ours": {"method": "mine"}}


def columns(*listed, **layout):
    return ColumnLayout(
        {"columns": list(listed), "decimals": 1, "bold": {"rule": "highest"}} | layout, {}, {}
    )


def place(mean=None, scores=(), **more):
    cell = {
        "printed_mean": mean,
        "printed_spread": None,
        "confidence": "printed",
        "our_scores_percent": scores,
    }
    return cell | {"verdict": None, "marks": ()} | more


def test_the_header_is_the_task_and_each_columns_parts_from_left_to_right():
    assert columns(REPORTED, BOTH, OURS).header() == ["Task", "BC", "IQL", "IQL (ours)", "Mine"]
    assert columns(OURS, BOTH).header() == ["Task", "Mine", "IQL", "IQL (ours)"]


def test_a_row_has_a_cell_for_each_heading_but_the_task():
    laid = columns(REPORTED, BOTH)
    group, row = {"name": "all"}, {"task": "hopper"}
    laid.by_place.update({
        ("all", "hopper", "BC"): place(52.93),
        ("all", "hopper", "IQL"): place(66.3, (64.0, 66.0), confidence="from_memory"),
    })  # fmt: skip
    cells = column_layout.row_cells(laid, group, row)
    assert [(cell.text, cell.bold, cell.marks) for cell in cells] == [
        ("52.9", False, ()),
        ("66.3", True, ("m",)),
        ("65.0 ± 1.4 (2)", False, ()),
    ]
    assert len(cells) == len(laid.header()) - 1


def test_an_empty_place_is_a_dash():
    laid = columns(BOTH)
    laid.by_place[("all", "hopper", "IQL")] = place()
    cells = column_layout.row_cells(laid, {"name": "all"}, {"task": "hopper"})
    assert [cell.text for cell in cells] == ["–", "–"]
    assert not any(cell.bold for cell in cells)


def test_a_column_of_ours_is_weighed_with_the_rest_only_where_the_layout_says_so():
    group, row = {"name": "all"}, {"task": "hopper"}
    for over, bold in (({}, [True, False]), ({"over": "all"}, [False, True])):
        laid = columns(REPORTED, OURS, bold={"rule": "highest"} | over)
        laid.by_place.update(
            {("all", "hopper", "BC"): place(50.0), ("all", "hopper", "Mine"): place(None, (70.0, 71.0))}
        )
        assert [cell.bold for cell in column_layout.row_cells(laid, group, row)] == bold


def test_a_column_names_its_own_document_or_the_layouts():
    layout = layout_files.read_layout("idql_table_1")
    own = {"heading": "X", "reported": "IQL", "document": "iql", "tables": ["Table 1"]}
    numbers = column_layout.reported_of_column(layout, own)
    assert set(numbers["document"]) == {"iql"}
    value = column_layout.reported_value(numbers, "IQL", "gym-locomotion", "hopper-medium-v2")
    assert value["score_percent"] == 66.3
    assert column_layout.documents_of(layout | {"columns": [*layout["columns"], own]}) == ["idql", "iql"]
    assert column_layout.reported_value(numbers, "IQL", "gym-locomotion", "hopper-random-v2") is None
    with pytest.raises(TablesError, match="a column has no document"):
        column_layout.reported_of_column({"name": "mine"}, REPORTED)


def test_a_number_that_is_there_twice_is_refused():
    numbers = pd.DataFrame({"method": ["A", "A"], "task": ["t", "t"], "suite": ["s", "s"]})
    with pytest.raises(TablesError, match="A on t is reported 2 times in one table"):
        column_layout.reported_value(numbers, "A", "s", "t")


@pytest.mark.parametrize(
    ("rule", "bold"),
    [
        ({"rule": "highest"}, [False, True, False, True]),
        ({"rule": "within_percent_of_highest", "percent": 5}, [True, True, False, True]),
        ({"rule": "none"}, [False] * 4),
    ],
)
def test_bold_rules(rule, bold):
    assert column_layout.bold_values([95.0, 100.0, 94.9, 100.0], rule) == bold
    assert column_layout.bold_values([None, np.nan], rule) == [False, False]
