"""Printed numbers: what is printed, when two agree, and rows as numbers."""

from __future__ import annotations

import pandas as pd
import pytest
from recheck.errors import TablesError

from paper_tables.audit.numbers import (
    agree,
    grouped_by,
    numbers_of,
    places_of,
    read_in,
    same_selection,
)
from tests.paper_tables.audit.printed import printed


@pytest.mark.parametrize(
    ("first", "second", "equal"),
    [
        ((66.3, 1), (66.3, 1), True),
        ((66.3, 1), (66.4, 1), False),
        # 66.25 to 66.35 are printed as 66.3, both ways of rounding a half; 66 is any of 65.5 to 66.5.
        ((66.3, 1), (66.25, 2), True),
        ((66.3, 1), (66.36, 2), False),
        ((66.0, 0), (66.5, 1), True),
        ((66.0, 0), (66.51, 2), False),
    ],
)
def test_two_printed_numbers_agree_when_one_can_be_the_others_rounding(first, second, equal):
    one, other = (printed(score=score, decimals=decimals) for score, decimals in (first, second))
    assert agree(one, other) is equal
    assert agree(other, one) is equal


def test_a_number_is_shown_with_the_decimals_that_are_printed():
    assert printed(score=66.0, decimals=2).text == "66.00"
    assert printed(table="Table 5").place == "a, Table 5"


def test_the_version_is_the_last_part_of_a_task():
    assert printed("antmaze-medium-play-v2").base_and_version == ("antmaze-medium-play", "2")
    assert printed("door-human-v1-v10").base_and_version == ("door-human-v1", "10")
    assert printed("TOTAL(9)").base_and_version is None
    assert printed(table="Table 1, earlier version").is_superseded
    assert not printed().is_superseded


def test_an_unstated_rule_can_be_any():
    last, best, unknown = (printed(selection=rule) for rule in ("last", "best_online", "unknown"))
    assert same_selection(last, unknown)
    assert same_selection(unknown, unknown)
    assert not same_selection(last, best)


def test_places_are_named_once():
    numbers = [printed(), printed("walker2d-medium-v2"), printed(method="Beta", source="a, page 9")]
    assert places_of(numbers) == "a, Table 1 (Alpha); a, Table 1 (Beta)"
    assert read_in(*numbers) == "a, page 1 | a, page 9"
    assert {key: len(group) for key, group in grouped_by(numbers, "method", "suite").items()} == {
        ("Alpha", "gym-locomotion"): 2,
        ("Beta", "gym-locomotion"): 1,
    }


def test_a_finding_is_about_the_number_but_for_what_is_said_otherwise():
    found = printed(score=12.0).finding(
        "totals", "doubt", "Why.", other_source="b", other_value="13.0", task="2 rows"
    )
    assert (found.document, found.source, found.value, found.read_in) == (
        "a",
        "a, Table 1",
        "12.0",
        "a, page 1",
    )
    assert (found.task, found.other_value, found.certainty) == ("2 rows", "13.0", "certain")


def test_missing_values_and_columns_are_none():
    values = vars(printed()) | {"num_seeds": "5"}
    rows = pd.DataFrame([values, values | {"num_seeds": float("nan"), "task": "b-v0"}])
    first, second = numbers_of(rows.drop(columns=["note", "group"]))
    assert (first.num_seeds, second.num_seeds, second.task, second.note) == ("5", None, "b-v0", None)
    with pytest.raises(TablesError, match=r"^The reported numbers lack the columns suite, decimals\.$"):
        numbers_of(rows.drop(columns=["suite", "decimals"]))
