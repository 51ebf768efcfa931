"""Rules about selection, spread, seeds and ranges, each on a few printed numbers."""

from __future__ import annotations

import pandas as pd
import pytest

from paper_tables import task_table
from paper_tables.audit import protocol
from tests.paper_tables.audit.printed import column, printed

BEST = {"selection": "best_online", "table": "Table 5"}


def test_a_best_below_the_last_is_impossible_and_below_an_offline_rule_a_contradiction():
    (found,) = protocol.best_below_its_average([printed(score=60.0), printed(score=55.0, **BEST)])
    assert (found.severity, found.value, found.other_value) == ("impossible", "55.0", "60.0")
    offline = printed(score=60.0, selection="offline")
    (found,) = protocol.best_below_its_average([offline, printed(score=55.0, **BEST)])
    assert found.severity == "contradiction"


@pytest.mark.parametrize(
    ("usual", "best"),
    [
        ({"score": 50.0}, {"score": 55.0}),
        ({"score": 55.0}, {"score": 55.0}),
        ({"score": 55.0, "decimals": 0}, {"score": 54.6}),  # 54.6 is printed as 55
        ({"score": 60.0, "origin": "copied"}, {"score": 55.0}),
        ({"score": 60.0, "method": "Beta"}, {"score": 55.0}),
        ({"score": 60.0, "selection": "unknown"}, {"score": 55.0}),
    ],
)
def test_a_best_that_may_be_right(usual, best):
    assert list(protocol.best_below_its_average([printed(**usual), printed(**BEST, **best)])) == []


def test_two_rules_in_one_table():
    numbers = [printed(), printed("b-v2", 7.0, selection="best_online"), printed("c-v2", selection="unknown")]
    (found,) = protocol.selections_mixed(numbers)
    assert (found.value, found.other_value) == ("50.0 (last)", "7.0 (best_online)")
    assert list(protocol.selections_mixed([numbers[0], numbers[2]])) == []


def test_an_inferred_rule_against_the_one_of_another_table():
    inferred = printed(selection_inferred=True)
    (found,) = protocol.selections_mixed([inferred, printed(score=70.0, **BEST)])
    assert found.explanation == (
        "a, Table 1 does not state its rule and follows last, while a, Table 5 follows best_online."
    )
    # Another task, or the same rule, says nothing.
    assert list(protocol.selections_mixed([inferred, printed("b-v2", **BEST)])) == []
    assert list(protocol.selections_mixed([inferred, printed(table="Table 5")])) == []


def test_a_copied_column_from_two_rules_of_its_original():
    original = [
        printed("a-v2", 10.0),
        printed("a-v2", 15.0, **BEST),
        printed("b-v2", 20.0),
        printed("b-v2", 25.0, **BEST),
    ]
    copied = {"document": "b", "origin": "copied", "selection": "unknown"}
    mixed = [printed("a-v2", 10.0, **copied), printed("b-v2", 25.0, **copied)]
    (found,) = protocol.selections_mixed([*original, *mixed])
    assert found.explanation == "The copied column takes b-v2 from the rule best_online and a-v2 from last."
    one_rule = [printed("a-v2", 10.0, **copied), printed("b-v2", 20.0, **copied)]
    assert list(protocol.selections_mixed([*original, *one_rule])) == []


def test_a_spread_without_a_meaning_and_none_at_all():
    unknown = [printed(spread_percent=2.0, spread_kind="unknown"), printed("b-v2", spread_percent=1.0)]
    (found,) = protocol.spreads(unknown)
    assert (found.rule, found.severity, found.task) == ("spread_unknown", "doubt", "1 numbers")
    assert found.value == "50.0 +/- 2"
    (found,) = protocol.spreads(column([1.0, 2.0]))
    assert (found.rule, found.task) == ("spread_absent", "2 numbers")
    assert list(protocol.spreads(column([1.0, 2.0], origin="copied"))) == []  # not its own
    # One own number with a spread: the document prints them.
    given = printed("c-v2", spread_percent=1.0, spread_kind="standard_deviation_over_seeds")
    assert list(protocol.spreads([*column([1.0, 2.0]), given])) == []


def test_documents_whose_spreads_mean_different_things():
    deviation = {"spread_percent": 1.0, "spread_kind": "standard_deviation_over_seeds"}
    error = {"spread_percent": 1.0, "spread_kind": "standard_error_over_seeds", "document": "b"}
    (found,) = protocol.spreads([*column([1.0, 2.0], **deviation), *column([1.0, 2.0, 3.0], **error)])
    assert found.rule == "spreads_differ"
    assert found.explanation == (
        "+/- is a standard deviation over seeds in a and a standard error over seeds in b, in 2 common tasks."
    )
    assert list(protocol.spreads([printed("x-v0", **deviation), printed("y-v0", **error)])) == []


def test_seeds_that_are_stated_in_two_ways():
    two = column([1.0, 2.0], num_seeds="5|6", seeds_stated="5/6")
    (found,) = protocol.seeds_unclear(two)
    assert found.explanation == "The number of training seeds is given as '5/6' (2 numbers)."
    assert list(protocol.seeds_unclear(column([1.0], num_seeds="5", seeds_stated="5"))) == []
    assert list(protocol.seeds_unclear(column([1.0]))) == []


SUITES = pd.DataFrame(
    {
        "min_percent": [0.0, None],
        "max_percent": [100.0, None],
        "warn_below_percent": [None, -5.0],
        "warn_above_percent": [None, 130.0],
    },
    index=["antmaze", "gym-locomotion"],
)


@pytest.mark.parametrize(
    ("suite", "score", "severity"),
    [
        ("antmaze", 100.0, []),
        ("antmaze", 100.1, ["impossible"]),
        ("antmaze", -0.1, ["impossible"]),
        ("gym-locomotion", 130.0, []),
        ("gym-locomotion", 161.0, ["doubt"]),
        ("gym-locomotion", -6.0, ["doubt"]),
        ("another", 1e6, []),
    ],
)
def test_scores_outside_the_range_of_their_suite(suite, score, severity):
    found = list(protocol.out_of_range([printed(score=score, suite=suite)], SUITES))
    assert [finding.severity for finding in found] == severity
    total = printed(score=score, suite=suite, aggregate="total")
    assert list(protocol.out_of_range([total], SUITES)) == []


def test_numbers_from_memory_are_listed_by_column_in_the_order_of_tasks():
    memory = {"confidence": "from_memory"}
    (found,) = protocol.unverified(
        [printed("b-v2", 2.0, **memory), printed("a-v2", 1.0, **memory), printed()]
    )
    assert (found.task, found.value) == ("a-v2, b-v2", "1.0, 2.0")
    assert found.explanation.startswith("2 numbers, noted from memory")


def test_a_name_that_only_one_document_has_and_is_one_slip_from_a_known_one():
    known = "hopper-medium-v2"
    assert known in task_table.tasks()
    (found,) = protocol.unknown_names([printed("hoper-medium-v2")])
    assert (found.value, found.other_value) == ("hoper-medium-v2", known)
    # Two documents that print it make it a task.
    assert (
        list(protocol.unknown_names([printed("hoper-medium-v2"), printed("hoper-medium-v2", document="b")]))
        == []
    )
    spelt = [printed(method_key="TD3-BC"), printed(document="b", method_key="td3_bc")]
    first, _ = protocol.unknown_names(spelt)
    assert (first.value, first.other_value) == ("TD3-BC", "td3_bc")
