"""The list of known errors: what counts as shown, and its table."""

from __future__ import annotations

import pandas as pd
import pytest
from recheck.errors import TablesError

from paper_tables.audit.known_errors import known_errors_table, read_known_errors, shows

FINDINGS = pd.DataFrame(
    {
        "rule": ["totals", "totals_of_rows", "totals"],
        "severity": ["impossible", "impossible", "doubt"],
        "method": ["IQL", "IQL", "CQL (ours)"],
        "value": ["692.4", "1", "2"],
    }
)


def test_rule_and_severity_are_equal_and_other_columns_contain_the_text():
    assert list(shows(FINDINGS, {"rule": "totals"}).index) == [0, 2]
    assert list(shows(FINDINGS, {"rule": "totals", "severity": "doubt"}).index) == [2]
    # Text, not a pattern: a bracket and a point stand for themselves.
    assert list(shows(FINDINGS, {"method": "CQL (o"}).index) == [2]
    assert list(shows(FINDINGS, {"value": "692.4"}).index) == [0]
    assert list(shows(FINDINGS, {"value": "6.2.4"}).index) == []
    assert list(shows(FINDINGS, {}).index) == [0, 1, 2]


def test_the_table_names_each_rule_once_and_why_not():
    entries = [
        {
            "number": 1,
            "error": "E",
            "shown": "yes",
            "findings": [{"rule": "b"}, {"rule": "a"}, {"rule": "b"}],
        },
        {"number": 2, "error": "F", "shown": "partly", "findings": [{"rule": "a"}], "reason": "No rows"},
        {"number": 3, "error": "G", "shown": "no", "reason": "Code only."},
    ]
    assert known_errors_table(entries)[2:] == [
        "| 1 | E | yes | a, b |",
        "| 2 | F | partly | a. No rows |",
        "| 3 | G | no | Code only. |",
    ]


def test_a_file_that_breaks_the_schema_is_refused(tmp_path):
    path = tmp_path / "errors.yaml"
    path.write_text("- number: one\n", encoding="utf-8")
    with pytest.raises(TablesError, match=r"errors\.yaml"):
        read_known_errors(path)
