"""Totals and averages against the rows that they are printed over."""

from __future__ import annotations

import pytest

from paper_tables.audit.copies import Copies
from paper_tables.audit.totals import rows_of, totals
from tests.paper_tables.audit.printed import column, printed


def total(score, rows, **changes):
    return printed("TOTAL", score, aggregate="total", num_rows=rows, **changes)


def severities(numbers):
    return [found.severity for found in totals(numbers, Copies(numbers, {}))]


@pytest.mark.parametrize(
    ("printed_total", "severity"),
    [
        # 10.2 + 20.4 + 30.3 = 60.9. Unrounded the sum is 60.75 to 61.05, itself printed as 60.7 to 61.1.
        (60.9, []),
        (61.1, ["not_the_sum_of_the_printed_rows"]),
        (60.7, ["not_the_sum_of_the_printed_rows"]),
        (61.2, ["impossible"]),
        (60.6, ["impossible"]),
    ],
)
def test_a_total_is_the_sum_as_printed_or_within_all_rounding_or_wrong(printed_total, severity):
    assert severities([*column([10.2, 20.4, 30.3]), total(printed_total, 3)]) == severity


def test_a_coarser_total_is_rounded():
    rows = column([10.24, 20.43], decimals=2)
    assert severities([*rows, total(31, 2, decimals=0)]) == []  # 30.67
    assert severities([*rows, total(30, 2, decimals=0)]) == ["impossible"]


def test_an_average_divides_by_its_rows_and_says_what_they_give():
    rows = column([10.0, 20.0, 30.1])
    numbers = [*rows, printed("AVERAGE", 21.0, aggregate="average", num_rows=3)]
    (found,) = totals(numbers, Copies(numbers, {}))
    assert found.severity == "impossible"  # 60.1 / 3 = 20.033; 0.05 for each row and 0.05 of its own
    assert (found.other_value, found.other_source) == ("20.033", "a, Table 1, its 3 rows")
    assert (
        "printed average is 21.0; the 3 printed rows give 20.033, which rounding cannot" in found.explanation
    )
    # Half a last digit of its own, and half a last digit of the rows: up to 20.133 rounding can explain.
    for average, severity in (
        (20.0, []),
        (20.1, ["not_the_sum_of_the_printed_rows"]),
        (20.2, ["impossible"]),
    ):
        assert severities([*rows, printed("AVERAGE", average, aggregate="average", num_rows=3)]) == severity


def test_rows_are_those_of_the_same_column_suite_and_rule():
    rows = column([1.0, 2.0])
    others = [
        printed("t2-v2", 3.0, method="Beta"),
        printed("t3-v2", 3.0, suite="antmaze"),
        printed("t4-v2", 3.0, document="b"),
        printed("t5-v2", 3.0, selection="best_online"),
    ]
    assert rows_of(total(3.0, 2), [*rows, *others]) == rows
    assert rows_of(total(3.0, 3), [*rows, *others]) is None
    # Without a stated rule the rows could be of either.
    assert rows_of(total(3.0, 2, selection="unknown"), [*rows, *others]) is None
    assert rows_of(total(3.0, 2, selection="unknown"), rows) == rows


def test_rows_of_another_table_serve_where_the_own_has_none():
    rows = column([1.0, 2.0], table="Table 4")
    assert rows_of(total(3.0, 2), rows) == rows
    here = column([5.0, 6.0])
    assert rows_of(total(11.0, 2), [*rows, *here]) == here
    # The same task twice is not a complete set of rows.
    assert rows_of(total(3.0, 2), [rows[0], rows[0]]) is None


def test_a_mean_of_a_group_has_the_rows_of_its_group():
    rows = [*column([10.0, 20.0], group="maze"), printed("other-v0", 90.0, group="cube")]
    mean = printed("maze MEAN", 15.0, aggregate="group_mean", group="maze", num_rows=2)
    assert severities([*rows, mean]) == []
    assert rows_of(mean, rows) == rows[:2]


def test_a_total_of_the_originals_blames_the_wrong_copy_and_not_the_sum():
    """Row t0 is a copy with a changed digit; the total is that of the right rows."""
    original = column([10.0, 20.0])
    copies = [
        printed(f"t{i}-v2", score, document="b", origin="copied", copied_from="a", source="b, page 1")
        for i, score in enumerate((18.0, 20.0))
    ]
    right = total(30.0, 2, document="b", origin="copied")
    assert severities([*original, *copies, right]) == []
    assert severities([*original, *copies, total(33.0, 2, document="b", origin="copied")]) == ["impossible"]
