"""Stable names of reported numbers."""

from __future__ import annotations

import pytest

from paper_tables.evidence.numbers import by_place, place_of, slug, stable_ids, with_ids
from tests.paper_tables.evidence.small import reported


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Table 1", "table-1"),
        ("TD3+BC", "td3-plus-bc"),
        ("10%BC", "10-percent-bc"),
        ("IQL (ours)", "iql-ours"),
        ("a__b  c", "a-b-c"),
        ("0.5 BC", "0.5-bc"),
    ],
)
def test_slugs(text, wanted):
    assert slug(text) == wanted


def test_a_place_that_is_printed_twice_is_counted_and_means_have_their_suite():
    table = reported(
        {},
        {"score_percent": 51.0},
        {"aggregate": "total", "task": "TOTAL(9)", "num_rows": 9},
        {"aggregate": "total", "task": "TOTAL(9)", "num_rows": 9, "suite": "antmaze"},
    )
    assert stable_ids(table) == [
        "a/table-1/m/hopper-medium-v2",
        "a/table-1/m/hopper-medium-v2~2",
        "a/table-1/m/gym-locomotion/total/total-9",
        "a/table-1/m/antmaze/total/total-9",
    ]


def test_rows_with_names_have_none_for_what_is_absent():
    (number,) = with_ids(reported({"spread_percent": None, "spread_kind": "none", "num_seeds": None}))
    assert number["spread_percent"] is None
    assert number["num_seeds"] is None
    assert number["score_percent"] == 50.0


def test_numbers_by_the_place_where_they_are_printed():
    first, second, other = with_ids(reported({}, {"score_percent": 51.0}, {"table": "Table 2"}))
    assert by_place([first, second, other]) == {
        ("a", "Table 1", "M", "gym-locomotion", "hopper-medium-v2"): [first, second],
        place_of(other): [other],
    }
