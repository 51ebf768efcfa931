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
