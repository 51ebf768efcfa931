"""Which document a column was copied from, among a few made-up documents."""

from __future__ import annotations

import pandas as pd
import pytest

from paper_tables.user_tables.sources import Literature, cells_agree
from tests.paper_tables.evidence.small import reported

TASKS = ("hopper-medium-v2", "walker2d-medium-v2", "halfcheetah-medium-v2", "hopper-expert-v2")
SCORES = (66.3, 78.3, 47.4, 109.5)


def column(document, scores=SCORES, **changes):
    return [
        {"document": document, "task": task, "score_percent": score, **changes}
        for task, score in zip(TASKS, scores)
    ]


def mine(*scores, **changes):
    return reported(*column("your_table", scores, origin="copied", **changes))


def found(user, *columns):
    return Literature(reported(*(row for own in columns for row in own))).source_of(user)


@pytest.mark.parametrize(
    ("first", "second", "agree"),
    [
        ((66.3, 1), (66.3, 1), True),
        ((66.3, 1), (66.4, 1), False),
        ((66.3, 1), (66.0, 0), True),
        ((66.5, 1), (66.0, 0), True),  # both ways of rounding a half
        ((66.6, 1), (66.0, 0), False),
        ((66.25, 2), (66.3, 1), True),
    ],
)
def test_a_rounding_agrees(first, second, agree):
    one, other = ({"score_percent": score, "decimals": decimals} for score, decimals in (first, second))
    assert cells_agree(one, other) is agree
    assert cells_agree(other, one) is agree


def test_the_column_with_most_agreeing_cells_is_the_source():
    near = (66.3, 78.3, 47.4, 1.0)
    source = found(mine(*SCORES), column("a"), column("b", near, origin="own"))
    assert (source.document, source.agreeing, source.compared) == ("a", 4, 4)
    assert source.spread_kind == "standard_deviation_over_seeds"
    assert (source.selection, source.seeds) == ("last", "4")


def test_an_original_goes_before_a_copy_that_agrees_more():
    """Four of four cells of the copy agree and three of the original: the copy has a changed digit."""
    copy = column("b", (66.3, 78.3, 47.4, 109.9), origin="copied", copied_from="a")
    user = mine(66.3, 78.3, 47.4, 109.9)
    assert found(user, column("a"), copy).document == "a"
    # Below three fifths of the best agreement it is not an original of these numbers.
    other = column("a", (66.3, 78.3, 1.0, 2.0), origin="own")
    assert found(user, other, copy).document == "b"


def test_of_equal_columns_the_authors_is_the_source():
    assert found(mine(*SCORES), column("b"), column("a", origin="own"), column("c")).document == "a"
    dated = [
        column("b", origin="copied", arxiv="2301.00001"),
        column("c", origin="copied", arxiv="2101.00001"),
    ]
    assert found(mine(*SCORES), *dated).document == "c"
    old = column("a", origin="own", table="Table 1, earlier version")
    assert found(mine(*SCORES), old, column("d", origin="own")).document == "d"


def test_less_than_half_of_the_cells_is_no_source():
    assert found(mine(66.3, 1.0, 2.0, 3.0), column("a")) is None
    assert found(mine(66.3, 78.3, 2.0, 3.0), column("a")).agreeing == 2
    assert found(mine(*SCORES, method_key="other"), column("a")) is None


def test_numbers_in_wrong_rows_are_a_wrong_copy():
    shifted = (78.3, 47.4, 109.5, 66.3)
    source = found(mine(*shifted), column("a"))
    assert source is not None
    assert (source.document, source.agreeing) == ("a", 0)
    assert found(mine(10.0, 20.0, 30.0, 40.0), column("a")) is None


def test_a_rerun_is_compared_with_the_column_of_its_heading():
    literature = Literature(reported(*column("a", method="M (ours)"), *column("b", method="Other")))
    rerun = mine(*SCORES, method="M (Ours)")
    assert literature.same_heading(rerun).document == "a"
    assert literature.same_heading(mine(1.0, 2.0, 3.0, 109.5, method="M (ours)")) is None
    assert literature.same_heading(mine(*SCORES, method="M2")) is None


def test_two_methods_in_one_table_of_a_document():
    second = column("a", (1.0, 2.0, 3.0, 4.0), method_key="n", method="N")
    literature = Literature(reported(*column("a"), *second, *column("b", (1.0,), method_key="n", method="N")))
    first = {"task": TASKS[0], "method_key": "m", "score_percent": 66.3, "decimals": 1}
    assert literature.prints_both(first, {**first, "method_key": "n", "score_percent": 1.0})
    assert not literature.prints_both(first, {**first, "method_key": "n", "score_percent": 2.0})


def test_sums_are_no_cells():
    rows = reported(*column("a"), {"document": "b", "aggregate": "total", "task": TASKS[0]})
    assert set(Literature(rows).cells["document"]) == {"a"}
    assert isinstance(Literature(rows).cells, pd.DataFrame)
