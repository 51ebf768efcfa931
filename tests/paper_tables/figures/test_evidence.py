"""Figures of the evidence, and the document that shows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from paper_tables.evidence import frame, tables
from paper_tables.evidence.judgement import Inputs, judge_all
from paper_tables.figures import evidence
from paper_tables.figures.style import Figures
from paper_tables.publish import readme
from paper_tables.rendering import table as table_module

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def found():
    return judge_all(Inputs.read())


def test_the_document_shows_what_the_data_give(found, tmp_path):
    done = Figures(tmp_path)
    evidence.draw_first_forest(evidence.with_evidence(found), done)
    table_module.write(tables.first_screen(frame.evidence_frame(found)), tmp_path, "first_screen")
    assert readme.differences(REPOSITORY / "docs" / "evidence.md", [tmp_path], [tmp_path]) == []


def test_the_first_forest_has_independent_runs_of_authors_numbers(found):
    rows = evidence.first_forest_rows(evidence.with_evidence(found))
    assert len(rows) == evidence.FIRST_ROWS
    assert {entry.number["origin"] for entry in rows} == {"own"}
    assert all(entry.direct.groups for entry in rows)


def test_the_matrix_has_every_document_and_task_with_evidence(found):
    drawn = evidence.with_evidence(found)
    axis = evidence.draw_matrix(drawn).axes[0]
    documents = {entry.number["document"].replace("_", " ") for entry in drawn}
    assert {label.get_text() for label in axis.get_xticklabels()} == documents
    assert len(axis.get_yticklabels()) == len({entry.number["task"] for entry in drawn})


def test_no_evidence_draws_nothing(tmp_path):
    assert evidence.evidence_figures([], tmp_path).captions == {}


def test_the_axis_holds_margins_spreads_and_runs_and_ends_long_bands_in_arrows(found):
    """One number alone must not look far from reports that are within its margin."""
    drawn = {entry.number["id"]: entry for entry in evidence.with_evidence(found)}
    for name in ("srpo/table-1/diffusion-ql/hopper-medium-replay-v2", *list(drawn)[:40:8]):
        if name not in drawn:
            continue
        entry = drawn[name]
        low, high = evidence.draw_forest([entry], "one").axes[0].get_xlim()
        score, margin = entry.number["score_percent"], entry.verdict.margin_percent
        assert low < score - margin < score + margin < high
        for group in entry.direct.groups:
            assert low < min(group.scores_percent)
            assert max(group.scores_percent) < high
