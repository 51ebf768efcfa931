"""Columns that repeat another column."""

from __future__ import annotations

from paper_tables.audit.columns import column_equals_another, columns_that_repeat
from paper_tables.audit.copies import Copies
from tests.paper_tables.audit.printed import column

SCORES = [10.1, 20.2, 30.3, 40.4, 50.5]
BETA = {"method": "Beta", "method_key": "beta"}


def repeats(numbers):
    return list(columns_that_repeat(numbers, Copies(numbers, {})))


def equals(numbers):
    return [(found.document, found.task) for found in column_equals_another(numbers)]


def test_two_headings_over_the_same_numbers():
    (found,) = repeats([*column(SCORES[:3]), *column(SCORES[:3], **BETA)])
    assert found.explanation == "The column Beta repeats the column Alpha in all 3 rows."
    assert (found.method, found.value) == ("Beta", "10.1, 20.2, 30.3")


def test_a_longer_column_that_contains_a_shorter_one_repeats_it():
    assert len(repeats([*column(SCORES[:4]), *column(SCORES[:3], **BETA)])) == 1
    # Each has a row that the other has not.
    shifted = [number for number in column([0.0, *SCORES[1:]], **BETA) if number.task != "t0-v2"]
    assert repeats([*column(SCORES[:4]), *shifted]) == []


def test_few_different_numbers_may_be_chance():
    assert repeats([*column([0.0, 0.0, 7.5]), *column([0.0, 0.0, 7.5], **BETA)]) == []
    whole = {"decimals": 0}
    assert repeats([*column([0.0, 10.0, 20.0], **whole), *column([0.0, 10.0, 20.0], **whole, **BETA)]) == []
    four = [0.0, 10.0, 20.0, 30.0]
    assert len(repeats([*column(four, **whole), *column(four, **whole, **BETA)])) == 1
    assert repeats([*column(SCORES), *column([*SCORES[:4], 51.0], **BETA)]) == []


def test_a_column_that_is_reported_as_a_wrong_copy_is_not_reported_twice():
    original = column([1.5, 2.5, 3.5], document="b", **BETA)
    wrong = column(SCORES[:3], origin="copied", copied_from="b", **BETA)
    assert repeats([*original, *column(SCORES[:3]), *wrong]) == []


def test_a_rerun_that_is_another_documents_column_is_a_copy():
    rerun = {"document": "b", "origin": "rerun"}
    older, newer = {"arxiv": "2101.00001"}, {"arxiv": "2301.00001"}
    assert equals([*column(SCORES, **older), *column(SCORES, **rerun, **newer)]) == [("b", "5 of 5 rows")]
    # The original cannot be the later one.
    assert equals([*column(SCORES, **newer), *column(SCORES, **rerun, **older)]) == []
    # Without both arXiv numbers the authors' own is the original.
    assert equals([*column(SCORES), *column(SCORES, **rerun)]) == [("b", "5 of 5 rows")]
    assert equals([*column(SCORES, origin="rerun"), *column(SCORES, **rerun)]) == []


def test_four_fifths_of_five_different_numbers_are_no_chance():
    rerun = {"document": "b", "origin": "rerun"}
    seven = [*SCORES, 60.6, 70.7]
    assert equals([*column(seven), *column([*seven[:6], 1.0], **rerun)]) == [("b", "6 of 7 rows")]
    assert equals([*column(seven), *column([*seven[:5], 1.0, 2.0], **rerun)]) == []  # 5 of 7: 71%
    assert equals([*column(SCORES[:4]), *column(SCORES[:4], **rerun)]) == []
    assert equals([*column([7.0] * 5), *column([7.0] * 5, **rerun)]) == []
    whole = [10.0, 20.0, 30.0, 40.0, 50.0]
    assert equals([*column(whole, decimals=0), *column(whole, decimals=0, **rerun)]) == []
