"""The evidence of a few numbers as one flat table."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
import pytest

from paper_tables import literature
from paper_tables.evidence.frame import evidence_frame, frame_csv, version_of
from paper_tables.evidence.judgement import Inputs, judge_all
from paper_tables.verdicts import decision_rule
from tests.paper_tables.evidence.small import DOCUMENTS, TASK, public_runs, reported


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """A number with runs of two codes, its copy, one with three other reports, and a sum."""
    numbers = reported(
        {},
        {"document": "b", "origin": "copied", "copied_from": "a"},
        {"method": "N", "method_key": "n", "score_percent": 40.0},
        *({"document": name, "method_key": "n", "method": "N", "score_percent": 41.0} for name in "cde"),
        {"aggregate": "total", "task": "TOTAL", "num_rows": 9, "score_percent": 400.0},
    )
    runs = pd.concat(
        [
            public_runs([49.0, 50.0, 51.0]),
            public_runs([60.0, 61.0, 62.0], implementation="a/code", source="themselves"),
        ]
    )
    return evidence_frame(judge_all(Inputs(numbers, runs, DOCUMENTS, literature.read_suites())))


def test_a_row_for_each_number_in_their_order(frame):
    assert frame["id"].tolist() == [
        f"a/table-1/m/{TASK}",
        f"b/table-1/m/{TASK}",
        f"a/table-1/n/{TASK}",
        *(f"{name}/table-1/n/{TASK}" for name in "cde"),
        "a/table-1/m/gym-locomotion/total/total",
    ]
    assert frame["year"].tolist() == [2020] * 7
    assert frame["judged_at"].tolist() == ["", f"a/table-1/m/{TASK}", "", "", "", "", ""]


def test_runs_are_counted_by_class(frame):
    row = frame.iloc[0]
    assert (row["basis"], row["verdict"]) == ("independent", decision_rule.REPRODUCED)
    assert (row["independent_seeds"], row["same_code_seeds"], row["other_settings_seeds"]) == (3, 3, 0)
    assert row["independent_mean_percent"] == pytest.approx(50.0)
    assert row["same_code_mean_percent"] == pytest.approx(61.0)
    assert row["same_code_verdict"] == decision_rule.DIFFERENT_HIGHER
    assert (row["independent_implementations"], row["same_code_sources"]) == ("somebody/code", "themselves")
    assert row["other_selection_verdict"] == ""
    assert row["difference_percent"] == pytest.approx(0.0)
    # A copy has its origin's verdict.
    copied = frame.iloc[1]
    same = ["verdict", "basis", "interval_low", "independent_seeds", "adjusted_verdict"]
    assert copied[same].tolist() == row[same].tolist()


def test_other_reports_are_pooled_by_name(frame):
    row = frame.iloc[2]
    assert row["basis"] == "re_reported"
    assert row["reports"] == "; ".join(f"{name}/table-1/n/{TASK}" for name in "cde")
    assert (row["reports_pooled"], row["reports_place"]) == (3, "inside")
    assert row["reports_mean_percent"] == pytest.approx(41.0)
    assert row["independent_seeds"] == 0
    # Each of the others has three other reports as well: the two others and the authors'.
    assert frame["reports_pooled"].tolist() == [0, 0, 3, 3, 3, 3, 0]


def test_a_sum_is_not_judged(frame):
    row = frame.iloc[6]
    assert (row["basis"], row["verdict"]) == ("none", decision_rule.NOT_JUDGED)
    assert "A mean or total over tasks" in row["reason"]
    assert pd.isna(row["interval_low"])


def test_the_version_is_that_of_the_text(frame):
    text = frame_csv(frame)
    assert version_of(text) == f"1.{hashlib.sha256(text.encode()).hexdigest()[:10]}"
    assert frame_csv(frame) == text
    moved = frame.assign(difference_percent=np.array(frame["difference_percent"], dtype=float) + 1e-9)
    assert version_of(frame_csv(moved)) == version_of(text)  # beyond the six digits that are written
    assert version_of(frame_csv(moved.assign(verdict="x"))) != version_of(text)
