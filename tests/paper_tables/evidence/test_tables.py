"""Tables of the evidence, from a few made-up rows."""

from __future__ import annotations

import pandas as pd
import pytest

from paper_tables.evidence import tables
from paper_tables.evidence.direct import INDEPENDENT, SAME_CODE
from paper_tables.evidence.judgement import NO_BASIS, RE_REPORTED
from paper_tables.rendering.text import NOTHING
from paper_tables.verdicts import decision_rule


def row(**changes):
    return {
        "id": "a/table-1/m/t",
        "document": "a",
        "table": "Table 1",
        "method": "M",
        "suite": "gym",
        "task": "t",
        "score_percent": 50.0,
        "decimals": 1,
        "spread_percent": 2.0,
        "spread_kind": "standard_deviation_over_seeds",
        "flags": "",
        "basis": INDEPENDENT,
        "judged_at": "",
        "arithmetic": "fits",
        "verdict": decision_rule.REPRODUCED,
        "adjusted_verdict": decision_rule.REPRODUCED,
        "difference_percent": 1.26,
        "interval_low": -1.0,
        "interval_high": 3.5,
        "reason": "Because.",
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "marks"),
    [
        ({}, ()),
        ({"flags": "conditional; other_selection"}, ("cond", "sel")),
        ({"basis": SAME_CODE}, ("own",)),
        ({"basis": RE_REPORTED, "judged_at": "x"}, ("rep", "cp")),
        ({"arithmetic": "impossible"}, ("dig",)),
        ({"adjusted_verdict": decision_rule.INCONCLUSIVE}, ("bh",)),
        # Without a basis there is no claim to keep.
        ({"basis": NO_BASIS, "adjusted_verdict": decision_rule.INCONCLUSIVE}, ()),
    ],
)
def test_raised_letters_of_a_number(changes, marks):
    assert tables.marks_of(row(**changes)) == marks
    assert [note.partition(":")[0] for note in tables.mark_notes(marks)] == sorted(marks)


def test_a_number_is_shown_as_it_is_printed():
    assert tables.number_cell(row()).text == "50.0 ± 2.0"
    assert tables.number_cell(row(spread_kind="none")).text == "50.0"
    assert tables.number_cell(row(decimals=0, score_percent=-0.2, spread_percent=None)).text == "0"
    assert tables.number_cell(row()).verdict == decision_rule.REPRODUCED


def test_differences_have_a_sign_and_what_is_absent_a_dash():
    assert [tables.signed(value) for value in (1.26, -0.04, None, float("nan"))] == [
        "+1.3",
        "+0.0",
        NOTHING,
        NOTHING,
    ]
    assert tables.interval_text(row()) == "[-1.0, 3.5]"
    assert tables.interval_text(row(interval_low=-0.04)) == "[0.0, 3.5]"
    assert tables.interval_text(row(interval_low=None)) == NOTHING


def test_signs_are_counted_in_the_order_of_the_verdicts():
    verdicts = [decision_rule.INCONCLUSIVE, decision_rule.REPRODUCED, decision_rule.INCONCLUSIVE]
    assert tables.sign_note(verdicts) == "Verdicts: 1 reproduced (✓), 2 inconclusive (?)."


def test_a_papers_table_has_its_rows_and_columns():
    frame = pd.DataFrame(
        [
            row(),
            row(method="N", score_percent=60.0),
            row(task="u", suite="maze", score_percent=70.0),
            row(task="u", suite="maze", score_percent=71.0),  # printed twice
            row(document="b", table="Table 2 (a)"),
        ]
    )
    found = tables.paper_tables(frame, {"a": "First", "b": "Second"})
    assert list(found) == ["a_table_1", "b_table_2_a"]
    table = found["a_table_1"]
    assert table.title == "First, Table 1"
    assert [None if cells is None else [cell.text for cell in cells] for cells in table.rows] == [
        ["t", "50.0 ± 2.0", "60.0 ± 2.0"],
        None,
        ["u", "70.0 ± 2.0", NOTHING],
        ["u", "71.0 ± 2.0", NOTHING],
    ]


def frame_of_verdicts():
    return pd.DataFrame(
        [
            row(),
            row(flags="conditional", verdict=decision_rule.DIFFERENT_LOWER),
            row(document="b", verdict=decision_rule.INCONCLUSIVE, basis=SAME_CODE),
            row(document="b", verdict=decision_rule.UNINFORMATIVE, basis=RE_REPORTED, flags="conditional"),
            row(document="b", verdict=decision_rule.NO_EVIDENCE, basis=NO_BASIS),
            row(document="b", verdict=decision_rule.NOT_JUDGED, basis=NO_BASIS),
            row(document="c", judged_at="a/table-1/m/t"),
        ]
    )


def test_numbers_are_counted_once():
    rows = tables.distinct(frame_of_verdicts())
    assert tables.counts_of(rows) == {
        "numbers": 6,
        "judged": 4,
        "reproduced": 1,
        "different": 1,
        "open": 2,
        "without": 2,
    }
    table = tables.summary_by(frame_of_verdicts(), "document", "Document", "By document")
    assert [None if cells is None else [cell.text for cell in cells] for cells in table.rows] == [
        ["a", "2", "2", "1", "1", "0", "0"],
        ["b", "4", "2", "0", "0", "2", "2"],
        None,
        ["all", "6", "4", "1", "1", "2", "2"],
    ]


def test_the_first_screen_counts_by_basis():
    table = tables.first_screen(frame_of_verdicts())
    found = {cells[0].text: [cell.text for cell in cells[1:6]] for cells in table.rows}
    assert found["Independent runs, spread printed"] == ["1", "1", "0", "0", "0"]
    assert found["Independent runs, spread assumed (conditional)"] == ["1", "0", "1", "0", "0"]
    assert found["Runs of the document's own code"] == ["1", "0", "0", "1", "0"]
    assert found["Three or more other documents' reports"] == ["1", "0", "0", "0", "1"]
    assert found["No public run, and fewer than three other documents' reports"] == ["1", "0", "0", "0", "0"]
    assert found["Not judged: a sum over tasks, or a number that could not be looked up"] == [
        "1",
        "0",
        "0",
        "0",
        "0",
    ]
    assert len(table.rows) == 8


def test_each_number_has_its_evidence_in_a_row():
    frame = pd.DataFrame(
        [
            row(),
            row(
                basis=NO_BASIS, verdict=decision_rule.NO_EVIDENCE, interval_low=None, difference_percent=None
            ),
        ]
    )
    table = tables.numbers_table(frame, "1.abc")
    assert table.title == "Evidence for 2 reported numbers, version 1.abc"
    assert [cell.text for cell in table.rows[0]] == [
        "a/table-1/m/t",
        "50.0 ± 2.0",
        "+1.3",
        "[-1.0, 3.5]",
        "independent runs",
        "Because.",
    ]
    assert [cell.text for cell in table.rows[1]][2:5] == [NOTHING] * 3
