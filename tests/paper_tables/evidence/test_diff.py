"""Which verdicts moved, and why."""

from __future__ import annotations

import pandas as pd
import pytest
from recheck.errors import TablesError

from paper_tables.evidence import diff


def _table(**changes):
    row = {
        "id": "a/b/c/d",
        "verdict": "reproduced",
        "basis": "independent",
        "flags": "",
        "score_percent": "70",
    }
    return pd.DataFrame([{**row, **changes}]).set_index("id")


def test_a_corrected_number_is_the_reason():
    (found,) = diff.moved(_table(), _table(verdict="inconclusive", score_percent="78"))
    assert found.before == "reproduced (independent)"
    assert found.why == "the reported number was corrected (70 -> 78)"


def test_without_a_changed_column_the_rule_changed():
    (found,) = diff.moved(_table(), _table(flags="conditional"))
    assert found.after == "reproduced (independent, conditional)"
    assert found.why == diff.RULE_CHANGED


def test_new_and_lost_numbers_are_named_and_equal_tables_are_silent():
    other = _table().rename(index={"a/b/c/d": "x"})
    assert [item.why for item in diff.moved(_table(), other)] == ["the number is new", "the number is gone"]
    assert diff.moved(_table(), _table()) == []


def test_what_is_no_table_of_evidence_is_refused(tmp_path, capsys):
    with pytest.raises(TablesError, match="There is no table of evidence"):
        diff.read_evidence(tmp_path)
    (tmp_path / "evidence.csv").write_text("id,verdict\na,reproduced\n")
    with pytest.raises(TablesError, match=r"lacks the columns basis, flags"):
        diff.read_evidence(tmp_path)
    assert diff.main([str(tmp_path), str(tmp_path)]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_equal_tables_are_said_to_be_equal(tmp_path, capsys):
    _table().reset_index().to_csv(tmp_path / "evidence.csv", index=False)
    assert diff.main([str(tmp_path), str(tmp_path)]) == 0
    assert capsys.readouterr().out == "0 of 1 numbers moved. The tables are equal.\n"
