"""Figures of the evidence, and the document that shows them."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from paper_tables.evidence.__main__ import write_tables
from paper_tables.evidence.judgement import Inputs
from paper_tables.figures import evidence
from paper_tables.figures.style import Figures
from paper_tables.publish import readme
from paper_tables.rendering import names
from paper_tables.rendering.text import FLAG_MARKS
from paper_tables.verdicts import decision_rule

REPOSITORY = Path(__file__).parents[3]


def test_the_document_shows_what_the_data_give(found, tmp_path):
    done = Figures(tmp_path / "figures")
    evidence.draw_first_forest(evidence.with_evidence(found), done)
    write_tables(found, Inputs.read(), tmp_path)
    assert readme.differences(REPOSITORY / "docs" / "evidence.md", [tmp_path], [tmp_path / "figures"]) == []


def test_the_first_forest_has_independent_runs_of_authors_numbers(found):
    rows = evidence.first_forest_rows(evidence.with_evidence(found))
    assert len(rows) == evidence.FIRST_ROWS
    assert {entry.number["origin"] for entry in rows} == {"own"}
    assert all(entry.direct.groups for entry in rows)


def test_the_matrix_has_every_document_and_task_with_evidence(found):
    drawn = evidence.with_evidence(found)
    axis = evidence.draw_matrix(drawn).axes[0]
    documents = {names.document_name(entry.number["document"]) for entry in drawn}
    assert {label.get_text() for label in axis.get_xticklabels()} == documents
    assert len(axis.get_yticklabels()) == len({entry.number["task"] for entry in drawn})


def test_parts_of_a_square_have_room_for_their_signs_and_fill_it():
    """Ten numbers of five verdicts: a part of one number would otherwise be too narrow for its sign."""
    verdicts = ["reproduced"] * 6 + [
        "different (lower)",
        "different (higher)",
        "inconclusive",
        "uninformative",
    ]
    parts = evidence.matrix_segments(verdicts)
    assert parts[0][:2] == ("reproduced", 6)
    assert {count for _, count, _ in parts[1:]} == {1}
    assert min(width for _, _, width in parts) >= evidence.CHARACTER_SHARE
    assert sum(width for _, _, width in parts) == pytest.approx(evidence.SQUARE_SHARE)
    assert evidence.matrix_segments(["inconclusive"] * 3) == [
        ("inconclusive", 3, pytest.approx(evidence.SQUARE_SHARE))
    ]


def test_no_text_of_the_matrix_is_wider_than_its_part(found):
    """Drawn: the words of a square must not touch its neighbours'."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = evidence.draw_matrix(evidence.with_evidence(found))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    axis, renderer = figure.axes[0], canvas.get_renderer()
    boxes = sorted(
        (round(text.get_position()[1], 6), box.x0, box.x1)
        for text in axis.texts
        if text.get_text()
        for box in [text.get_window_extent(renderer)]
    )
    assert len(boxes) > 200
    overlapping = [
        (one, other)
        for one, other in itertools.pairwise(boxes)
        if one[0] == other[0] and one[2] + 1 > other[1]
    ]
    assert overlapping == []


@pytest.mark.slow
def test_no_text_of_any_figure_is_cut_or_over_other_text(found, tmp_path, checked_saves):
    """Every forest plot, page by page, and the matrix, whose signs are small: a square has many parts."""
    evidence.evidence_figures(found, tmp_path)
    assert sum(name.startswith("forest_") for name in checked_saves) > 20
    matrix = [fault for fault in checked_saves.pop("matrix") if not fault.startswith("small: ")]
    assert matrix == []
    assert {name: faults for name, faults in checked_saves.items() if faults} == {}


def test_two_flags_are_both_named_next_to_the_verdict(found):
    by_flags = {len(entry.verdict.flags): entry for entry in evidence.with_evidence(found)}
    words = evidence._verdict_words(by_flags[2])
    flags = by_flags[2].verdict.flags
    assert all(
        FLAG_MARKS[flag][0] in words for flag in flags if flag != decision_rule.WITHIN_IMPLEMENTATION_SPREAD
    )


def test_the_legend_explains_the_marks_of_several_flags_and_no_others(found):
    """Words next to a verdict need no explanation; marks do."""
    numbers = evidence.with_evidence(found)
    several = [entry for entry in numbers if len(evidence._flags_of(entry)) > 1][:2]
    one = [entry for entry in numbers if len(evidence._flags_of(entry)) == 1][:2]
    assert several
    assert one
    wanted = {
        f"{FLAG_MARKS[flag][0]}: {flag.replace('_', ' ')}"
        for entry in several
        for flag in evidence._flags_of(entry)
    }
    for rows, marks in ((several + one, wanted), (one, set())):
        [legend] = evidence.draw_forest(rows, "title").legends
        assert {text.get_text() for text in legend.get_texts() if ": " in text.get_text()} - {
            "other reports (open: less comparable)"
        } == marks


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
