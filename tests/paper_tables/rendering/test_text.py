"""How numbers, marks and judged cells are written."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from paper_tables.rendering import text


def test_numbers_in_labels_are_compared_as_numbers():
    labels = ["a N=10", "a N=2", "b", "a N=2", "a"]
    assert text.in_order(labels) == ["a", "a N=2", "a N=10", "b"]
    assert text.in_order([2, 10, 1]) == ["1", "2", "10"]
    # Decimals are numbers. Labels whose numbers are equal are in one order too, as sets are not.
    assert text.in_order(["eta_0.1", "eta_10", "eta_0.01", "eta_0"]) == [
        "eta_0",
        "eta_0.01",
        "eta_0.1",
        "eta_10",
    ]
    assert (
        text.in_order(["s1", "s01", "s1.0"]) == text.in_order(["s1.0", "s1", "s01"]) == ["s01", "s1", "s1.0"]
    )
    assert text.in_order(["²", "a²"]) == ["a²", "²"]


@pytest.mark.parametrize(
    ("value", "decimals", "shown"),
    [(-0.04, 1, "0.0"), (66.25, 1, "66.2"), (-0.06, 1, "-0.1"), (99.96, 1, "100.0")],
)
def test_rounded_numbers_have_no_negative_zero(value, decimals, shown):
    assert text.number(value, decimals) == shown


def test_differences_have_their_sign_and_zero_a_plus():
    assert [text.signed(value) for value in (1.26, -0.04, 0.0, -0.06)] == ["+1.3", "+0.0", "+0.0", "-0.1"]
    assert text.signed(-0.004, 2) == "+0.00"


def test_a_spread_is_written_where_there_is_one():
    assert text.with_spread(66.0, 2.0, 1) == "66.0 ± 2.0"
    assert text.with_spread(66.0, None, 1) == text.with_spread(66.0, np.nan, 1) == "66.0"
    assert text.with_spread(66.0, 0.0, 0) == "66 ± 0"


def test_our_scores_have_the_sample_deviation_and_the_number_of_seeds():
    assert text.our_text([1.0, 2.0, 3.0], 2) == "2.00 ± 1.00 (3)"
    assert text.our_text([1.0], 1) == "1.0 (1)"


RUN = {
    "task": "hopper-medium-v2",
    "comparability": "original",
    "environment_match": "same",
    "hyperparameters_like": None,
}


@pytest.mark.parametrize(
    ("changes", "trained", "wanted", "marks"),
    [
        ({}, 1_000_000, 1_000_000, ()),
        ({}, 1_000_000, None, ()),
        ({"task": "hopper-medium-v0"}, 1, 1, ("v0",)),
        ({"comparability": "recollected", "environment_match": "adapted"}, 1, 1, ("r", "a")),
        ({"comparability": "toy", "environment_match": "none"}, 1, 1, ("t", "e")),
        ({"hyperparameters_like": "hopper-medium-v2"}, 1, 1, ()),
        ({"hyperparameters_like": "hopper-expert-v2"}, 1, 1, ("h",)),
        ({"environment_match": None}, 1, 1, ("n",)),
        ({"environment_match": None, "comparability": "stated"}, 1, 1, ("s",)),
        ({}, 20_000, 1_000_000, ("l",)),
        ({}, 0, 1_000_000, ("q",)),
    ],
)
def test_letters_next_to_our_number(changes, trained, wanted, marks):
    assert text.marks_of_run(pd.Series({**RUN, **changes}), "hopper-medium-v2", trained, wanted) == marks


def test_marks_are_explained_and_those_of_all_cells_in_words():
    runs = pd.DataFrame(
        [RUN, {**RUN, "hyperparameters_like": "b-v0"}, {**RUN, "hyperparameters_like": "a-v0"}]
    )
    notes = text.mark_notes({"h", "l", "v0", "v1"}, runs, {"l"})
    assert notes == [
        "h: our hyperparameters are those of a-v0, b-v0.",
        "All cells: ours was trained for another number of updates.",
        "v0, v1: our dataset has this version, the paper's the one in the row.",
    ]
    assert text.mark_notes(set(), runs) == []


def test_cells_as_csv_have_six_digits_and_lists_as_text():
    cells = pd.DataFrame(
        {
            "our_scores_percent": [(1.0, 2.34567), ()],
            "marks": [("a", "b"), ()],
            "difference_percent": [1 / 3, -1e-9],
            "name": ["x", "y"],
        }
    )
    assert text.cells_csv(cells).splitlines() == [
        "our_scores_percent,marks,difference_percent,name",
        "1.0000 2.3457,a b,0.333333,x",
        ",,0.0,y",
    ]
    assert cells["our_scores_percent"].iloc[0] == (1.0, 2.34567)
