"""Which printed number a copy should equal."""

from __future__ import annotations

from paper_tables.audit.origins import Origins
from tests.paper_tables.audit.printed import printed

COPY = {"origin": "copied"}


def origin(number, *others, years=None):
    return Origins([number, *others], years or {}).of(number)


def test_the_document_that_the_copy_names_is_certain():
    stated, own = printed(document="b", score=1.0, **COPY), printed(document="c", score=2.0)
    found = origin(printed(copied_from="b", **COPY), stated, own)
    assert (found.numbers, found.why, found.certainty) == ((stated,), "stated", "certain")
    # It names one that does not print the number: nothing is known.
    assert origin(printed(copied_from="d", **COPY), stated, own) is None


def test_the_authors_own_number_comes_before_copies():
    own, copy = printed(document="c"), printed(document="b", **COPY)
    found = origin(printed(**COPY), copy, own, years={"b": 2020, "a": 2024})
    assert (found.numbers, found.why, found.certainty) == ((own,), "authors", "likely")


def test_an_earlier_version_of_a_document_is_the_original_only_where_it_is_all_there_is():
    old, new = printed(document="c", table="Table 1, earlier version"), printed(document="c")
    assert origin(printed(**COPY), old, new).numbers == (new,)
    assert origin(printed(**COPY), old).numbers == (old,)


def test_among_copies_the_earliest_year_is_the_original_and_never_a_later_one():
    first, later = printed(document="b", **COPY), printed(document="c", **COPY)
    years = {"b": 2020, "c": 2022, "a": 2023}
    found = origin(printed(**COPY), later, first, years=years)
    assert (found.numbers, found.why, found.certainty) == ((first,), "earliest", "likely")
    assert origin(printed(**COPY), later, first, years=years | {"a": 2020}) is None


def test_other_tasks_methods_and_rules_are_no_original():
    number = printed(copied_from="b", **COPY)
    assert origin(number, printed("walker2d-medium-v2", document="b")) is None
    assert origin(number, printed(document="b", method_key="beta")) is None
    assert origin(number, printed(document="b", selection="best_online")) is None
    assert origin(number, printed(document="b", selection="unknown")) is not None


def undated(*scores):
    return [printed(document=f"d{i}", score=score, **COPY) for i, score in enumerate(scores)]


def test_without_years_the_value_of_more_than_half_of_the_places():
    number = printed(score=9.0, **COPY)
    found = origin(number, *undated(50.0, 50.0, 50.0, 7.0))  # three of five places
    assert ({other.text for other in found.numbers}, found.why) == ({"50.0"}, "commonest")
    assert len(found.numbers) == 3
    assert found.certainty == "possible"


def test_a_tie_has_no_commonest_value():
    number = printed(score=9.0, **COPY)
    assert origin(number, *undated(50.0, 50.0, 60.0, 60.0)) is None
    assert origin(number, *undated(50.0)) is None
    assert origin(number, *undated(50.0, 9.0)) is None
    # Two of five agree on 50.0, the others on nothing: no majority.
    assert origin(number, *undated(50.0, 50.0, 60.0, 70.0)) is None


def test_a_number_of_a_dated_document_has_no_undated_original():
    assert origin(printed(score=9.0, **COPY), *undated(50.0, 50.0), years={"a": 2020}) is None
