"""What one document prints, against itself."""

from __future__ import annotations

from paper_tables.audit.copies import Copies
from paper_tables.audit.same_document import printed_twice, revised, sub_task_for_the_group
from tests.paper_tables.audit.printed import printed


def twice(*numbers):
    return list(printed_twice(numbers, Copies(numbers, {})))


def test_a_cell_with_two_values_is_a_contradiction():
    (found,) = twice(printed(score=66.3), printed(score=67.0))
    assert found.explanation == "The table prints Alpha on hopper-medium-v2 twice, as 66.3 and as 67.0."
    assert (found.value, found.other_value) == ("66.3", "67.0")


def test_two_roundings_rules_or_reruns_are_no_contradiction():
    assert twice(printed(score=66.3), printed(score=66.0, decimals=0)) == []
    assert twice(printed(score=66.3), printed(score=70.0, selection="best_online")) == []
    assert twice(printed(score=66.3), printed(score=70.0, table="Table 2")) == []
    assert twice(printed(score=66.3), printed(score=70.0, origin="rerun")) == []


def test_where_one_of_the_two_is_a_wrong_copy_that_is_the_finding():
    original = printed(document="b", score=66.3)
    copied = {"origin": "copied", "copied_from": "b"}
    assert twice(original, printed(score=66.3, **copied), printed(score=63.3, **copied)) == []


def test_a_later_version_that_changed_numbers_is_reported_with_its_count():
    old = {"table": "Table 1, earlier version"}
    numbers = [
        printed("a-v2", 10.0, **old),
        printed("b-v2", 20.0, **old),
        printed("a-v2", 10.0),
        printed("b-v2", 25.0),
        printed("c-v2", 1.0, **old),  # not in the current version
    ]
    (found,) = revised(numbers)
    assert found.explanation.startswith("1 of 2 numbers were changed in a later version")
    assert (found.value, found.other_value, found.task) == ("20.0", "25.0", "1 numbers")
    assert list(revised(numbers[:1] + numbers[2:3])) == []


def test_the_value_of_one_sub_task_for_the_mean_of_its_group():
    rows = [printed(f"maze-task{i}-v0", score, group="maze") for i, score in enumerate((10.0, 50.0, 90.0))]
    mean = {"aggregate": "group_mean", "group": "maze", "document": "b"}
    (found,) = sub_task_for_the_group([*rows, printed("maze MEAN", 90.0, **mean)])
    assert found.explanation == (
        "90.0 is given for maze MEAN but is maze-task2-v0 alone; the mean of the 3 sub-tasks there is 50.00."
    )
    assert found.document == "b"
    # 50.0 is a sub-task's value and the mean as well; 70.0 is neither.
    for right in (50.0, 70.0):
        assert list(sub_task_for_the_group([*rows, printed("maze MEAN", right, **mean)])) == []
    assert list(sub_task_for_the_group([rows[0], printed("maze MEAN", 10.0, **mean)])) == []
