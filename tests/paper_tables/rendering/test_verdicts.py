"""How verdicts are shown in tables."""

from __future__ import annotations

import pandas as pd
import pytest

from paper_tables.rendering import verdicts


def cell(**changes):
    return {
        "verdict": "reproduced",
        "adjusted_verdict": "reproduced",
        "flags": "",
        "detectable": False,
        "task": "t",
        "column": "M",
        "number": "n1",
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "marks"),
    [
        ({}, ()),
        ({"flags": None, "detectable": None, "adjusted_verdict": None}, ()),
        ({"flags": "conditional; within_implementation_spread", "detectable": True}, ("cond", "impl", "d")),
        ({"adjusted_verdict": "inconclusive"}, ("bh",)),
        ({"adjusted_verdict": ""}, ()),
    ],
)
def test_letters_of_a_verdict(changes, marks):
    assert verdicts.verdict_marks(cell(**changes)) == marks


def test_flags_and_detectable_are_explained_and_other_letters_left_to_others():
    notes = verdicts.mark_notes_of_verdicts({"d", "cond", "v2"})
    assert [note.partition(":")[0] for note in notes] == ["cond", "d"]


def test_a_number_that_is_shown_twice_is_counted_once():
    cells = pd.DataFrame(
        [
            cell(),
            cell(column="M, copied"),
            cell(number="n2", verdict="inconclusive", adjusted_verdict="inconclusive"),
            cell(number=None, verdict="reproduced"),
            cell(number=None, verdict="reproduced"),  # without a name each is its own
            cell(number="n3", verdict=""),
        ]
    )
    notes = verdicts.verdict_notes(cells)
    assert notes[0] == "Verdicts by the 90% interval: 3 reproduced (✓), 1 inconclusive (?)."
    assert notes[-1] == "5 places show 4 numbers: a copied number is judged once, at its origin."
    assert verdicts.verdict_notes(cells.iloc[5:]) == []


def test_claims_that_are_not_kept_are_listed_up_to_twelve():
    rows = [cell(number=f"n{i}", task=f"t{i}", adjusted_verdict="inconclusive") for i in range(14)]
    (note,) = [note for note in verdicts.verdict_notes(pd.DataFrame(rows)) if note.startswith("Not kept")]
    assert note.startswith("Not kept (bh): M on t0, M on t1, ")
    assert note.endswith("M on t11 and 2 more.")
    few = verdicts.verdict_notes(pd.DataFrame(rows[:1]))
    assert "Not kept (bh): M on t0." in few
    kept = verdicts.verdict_notes(pd.DataFrame([cell()]))
    assert not any(note.startswith("Not kept") for note in kept)
