"""Counts and names with their noun."""

from __future__ import annotations

import pytest
from recheck import words


def test_a_count_has_its_noun_in_one_or_many():
    assert [words.how_many(count, "finding") for count in (0, 1, 2)] == [
        "0 findings",
        "1 finding",
        "2 findings",
    ]
    assert words.how_many(2032, "number") == "2,032 numbers"


def test_names_have_their_noun_in_one_or_many():
    assert words.named("column", ["seed"]) == "column seed"
    assert words.named("column", iter(["seed", "score"])) == "columns seed, score"


@pytest.mark.parametrize("said", ["not a file", "not a file.", ValueError("not a\n  file.")])
def test_what_a_library_says_ends_in_one_full_stop(said):
    assert words.ended(said) == "not a file."


def test_a_long_list_ends_with_how_many_more_there_are():
    assert words.first_of(["a", "b"], 2) == "a, b"
    assert words.first_of(["a", "b", "c", "d"], 2) == "a, b and 2 more"
