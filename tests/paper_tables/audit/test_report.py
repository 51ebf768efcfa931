"""The audit's report: counts, one table for each rule, what could not be checked."""

from __future__ import annotations

from dataclasses import asdict

import pandas as pd

from paper_tables import frames
from paper_tables.audit.report import report, unchecked_totals
from tests.paper_tables.audit.printed import column, printed


def frame(rows, name):
    return pd.DataFrame([asdict(row) for row in rows], columns=frames.columns(name))


def test_totals_whose_rows_are_not_all_here_are_listed_with_their_columns():
    rows = column([1.0, 2.0])
    totals = [
        printed("TOTAL", 3.0, aggregate="total", num_rows=2),
        printed("TOTAL(9)", 9.0, aggregate="total", num_rows=9),
        printed("TOTAL(9)", 9.0, aggregate="total", num_rows=9, method="Beta"),
    ]
    assert unchecked_totals(frame([*rows, *totals], "reported")) == [
        "a, Table 1, gym-locomotion TOTAL(9): Alpha, Beta"
    ]


def test_the_report_counts_and_tells_each_finding():
    rows = [printed(), printed("walker2d-medium-v2", document="b", confidence="from_memory")]
    found = [
        printed(score=7.0, table="Table | 2").finding(
            "totals", "impossible", "Because.", other_source="b", other_value="8.0"
        ),
        printed(method="Beta").finding(
            "spread_absent", "remark", "None.", other_source="-", other_value="none"
        ),
    ]
    text = report(frame(rows, "reported"), frame(found, "findings"), [])
    assert "2 numbers of 2 documents; 1 of them are unverified" in text
    for line in (
        "| impossible | 1 |",
        "| not the sum of the printed rows | 0 |",
        "| remark | 1 |",
        "### Totals",
        "A total or average against its printed rows.",
        # A bar would end the cell.
        "| a, Table / 2 | Alpha | hopper-medium-v2 | 7.0 | b | 8.0 | Because. |",
        "No +/- at all for a document's own numbers.",
    ):
        assert line in text.splitlines()
    assert text.index("## Impossible") < text.index("## Remark")
    assert "## Doubt" not in text
    assert "## Not checked" not in text
    rows.append(printed("TOTAL", 9.0, aggregate="total", num_rows=9))
    assert "- a, Table 1, gym-locomotion TOTAL: Alpha" in report(
        frame(rows, "reported"), frame(found, "findings"), []
    )
