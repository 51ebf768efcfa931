"""A column under another checkpoint rule than its table."""

from __future__ import annotations

import pytest
from recheck.errors import TablesError

from paper_tables.user_tables.numbers import UserTable
from paper_tables.user_tables.selections import other_rules
from tests.paper_tables.evidence.small import reported

TASKS = ("hopper-medium-v2", "walker2d-medium-v2", "halfcheetah-medium-v2")


def column(document, method, scores, selection, **changes):
    return [
        {
            "document": document,
            "method": method.upper(),
            "method_key": method,
            "task": task,
            "score_percent": score,
            "selection": selection,
            **changes,
        }
        for task, score in zip(TASKS, scores)
    ]


LAST = {"m": (50.0, 60.0, 40.0), "n": (51.0, 61.0, 41.0), "k": (52.0, 62.0, 42.0)}
BEST = {name: tuple(score + 10 for score in scores) for name, scores in LAST.items()}


@pytest.fixture
def cells():
    """Document `a` prints three methods under both rules."""
    rows = []
    for selection, scores in (("last", LAST), ("best_online", BEST)):
        for method, own in scores.items():
            rows += column("a", method, own, selection)
    return reported(*rows)


def table(*columns):
    rows = [
        row
        for method, scores, selection, source in columns
        for row in column("your_table", method, scores, selection, origin="copied", copied_from=source)
    ]
    return UserTable(reported(*rows), {})


def found(user, cells, stated=None):
    return [(one.heading, one.rule, one.wanted, one.certainty) for one in other_rules(user, cells, stated)]


def test_one_best_column_among_last_ones_of_the_same_document(cells):
    user = table(
        ("m", LAST["m"], "last", "a"), ("n", LAST["n"], "last", "a"), ("k", BEST["k"], "best_online", "a")
    )
    assert found(user, cells) == [("K", "best_online", "last", "likely")]
    (one,) = other_rules(user, cells)
    assert one.reason == "as the other columns of a here are"
    assert one.rows[["task", "score_percent_x", "score_percent_y"]].to_numpy().tolist() == [
        [task, best, last] for task, best, last in zip(TASKS, BEST["k"], LAST["k"])
    ]


def test_of_two_columns_the_optimistic_one_is_the_other(cells):
    user = table(("m", LAST["m"], "last", "a"), ("k", BEST["k"], "best_online", "a"))
    assert found(user, cells) == [("K", "best_online", "last", "likely")]


def test_what_the_user_states_goes_before(cells):
    user = table(("m", LAST["m"], "last", "a"), ("k", BEST["k"], "best_online", "a"))
    assert found(user, cells, "best") == [("M", "last", "best_online", "likely")]
    assert found(user, cells, "last") == [("K", "best_online", "last", "likely")]
    with pytest.raises(TablesError, match="select is 'average'; allowed are last and best"):
        found(user, cells, "average")


def test_columns_of_other_documents_say_the_rule_where_they_are_two_and_agree(cells):
    others = [("n", LAST["n"], "last", "b"), ("m", LAST["m"], "last", "c")]
    user = table(("k", BEST["k"], "best_online", "a"), *others)
    assert found(user, cells) == [("K", "best_online", "last", "possible")]
    assert found(table(("k", BEST["k"], "best_online", "a"), others[0]), cells) == []
    mixed = [others[0], ("m", BEST["m"], "best_online", "c")]
    assert all(
        heading != "K" for heading, *_ in found(table(("k", BEST["k"], "best_online", "a"), *mixed), cells)
    )


def test_without_the_documents_numbers_under_the_tables_rule_nothing_is_reported(cells):
    user = table(
        ("m", LAST["m"], "last", "a"), ("n", LAST["n"], "last", "a"), ("k", BEST["k"], "best_online", "a")
    )
    only_best = cells[(cells["selection"] == "best_online") | (cells["method_key"] != "k")]
    assert found(user, only_best) == []
    # One of its three cells is too few to say.
    one = cells[(cells["method_key"] != "k") | (cells["selection"] != "last") | (cells["task"] == TASKS[0])]
    assert found(user, one) == []


def test_equal_numbers_under_both_rules_are_no_mistake(cells):
    same = cells.assign(score_percent=50.0)
    equal = tuple([50.0] * 3)
    user = table(("m", equal, "last", "a"), ("n", equal, "last", "a"), ("k", equal, "best_online", "a"))
    assert found(user, same) == []
