"""Other documents' reports of one number: which count, and what they say together."""

from __future__ import annotations

import math

import pytest

from paper_tables.evidence.numbers import with_ids
from paper_tables.evidence.rereports import OTHER_RULE, PER_TASK, Literature, judge_by_reports
from paper_tables.verdicts import decision_rule
from paper_tables.verdicts.background import Background
from tests.paper_tables.evidence.small import public_runs, reported


def literature(table, runs=None):
    numbers = with_ids(table)
    runs = (
        public_runs(
            [],
        )
        if runs is None
        else runs
    )
    return numbers[0], Literature(numbers, table, runs), Background.of(table)


def others(table, runs=None):
    number, index, known = literature(table, runs)
    return index.others(number, known)


def test_a_document_is_one_report_and_a_copy_is_none():
    found = others(
        reported(
            {},
            {"table": "Table 9", "score_percent": 1.0},  # of the same document
            {"document": "b", "score_percent": 60.0},
            {"document": "b", "table": "Table 2", "score_percent": 70.0},
            {"document": "c", "origin": "copied", "copied_from": "a"},
            {"document": "d", "task": "ant-v2"},
            {"document": "e", "method_key": "n"},
        )
    )
    assert [(report.document, report.score_percent) for report in found] == [("b", 60.0)]
    assert found[0].id == "b/table-1/m/hopper-medium-v2"


def test_the_error_is_the_printed_spread_over_the_root_of_the_seeds():
    table = reported({}, {"document": "b", "spread_percent": 3.0, "num_seeds": "9"})
    (report,) = others(table)
    assert report.error_percent == pytest.approx(1.0)
    assert not report.assumed
    # No smaller than the rounding to one decimal, uniform on 0.1; a spread of 0 bounds nothing.
    (report,) = others(reported({}, {"document": "b", "spread_percent": 0.01, "num_seeds": "9"}))
    assert report.error_percent == pytest.approx(0.05 / math.sqrt(3))
    (report,) = others(reported({}, {"document": "b", "spread_percent": 0.0, "num_seeds": "9"}))
    assert (report.error_percent, report.assumed) == (pytest.approx(2.0 / 3.0), True)


def test_without_a_printed_spread_the_largest_known_one_is_assumed():
    silent = {"document": "b", "spread_percent": None, "spread_kind": "none", "num_seeds": "4"}
    (report,) = others(reported({"spread_percent": 6.0}, silent))
    assert report.error_percent == pytest.approx(3.0)
    assert report.assumed
    nothing = {"spread_percent": None, "spread_kind": "none"}
    (report,) = others(reported(nothing, silent))
    assert report.error_percent is None
    # No number of seeds either: three are the fewest that are tried.
    (report,) = others(reported({"spread_percent": 6.0}, silent | {"num_seeds": None}))
    assert report.error_percent == pytest.approx(6.0 / math.sqrt(3))


def test_reports_that_are_not_comparable_say_why():
    table = reported(
        {},
        {"document": "b", "selection": "best_online"},
        {"document": "c", "confidence": "from_memory"},
        {"document": "d"},
    )
    tuned = public_runs([50.0], settings="tuned_per_task", printed_in="d")
    assert [report.left_out for report in others(table, tuned)] == [OTHER_RULE, "unverified", PER_TASK]


def test_of_two_numbers_of_a_document_the_one_of_the_same_rule_is_its_report():
    best = {"document": "b", "selection": "best_online", "score_percent": 60.0}
    table = reported({}, best, {"document": "b", "table": "Table 2", "score_percent": 55.0})
    (report,) = others(table)
    assert (report.score_percent, report.left_out) == (55.0, "")


def test_fewer_than_three_reports_are_only_stated():
    number, index, known = literature(reported({}, {"document": "b", "score_percent": 48.0}))
    found = judge_by_reports(number, index, known)
    assert (found.pooled, found.verdict, found.inside) == (None, None, None)
    assert found.words == "One other report, too few for an interval: b has 48 (-2.0)."
    number, index, known = literature(reported({}))
    assert judge_by_reports(number, index, known).words == ""


def three(*scores, **changes):
    return reported(
        {"spread_percent": 0.1, **changes},
        *({"document": name, "score_percent": score} for name, score in zip("bcd", scores)),
    )


def test_three_equal_reports_are_pooled_to_their_mean():
    """Errors of 1 point each: the pooled one is 1 / sqrt(3); t of 2 degrees of freedom at 97.5% is 4.303."""
    number, index, known = literature(three(52.0, 52.0, 52.0))
    found = judge_by_reports(number, index, known)
    assert found.pooled.mean_percent == pytest.approx(52.0)
    assert found.pooled.between_sd_percent == 0.0
    half = 4.302653 / math.sqrt(3)
    assert found.pooled.prediction_high == pytest.approx(52.0 + half, abs=1e-5)
    assert found.inside  # 49.52 is the lower end
    assert found.verdict.difference_percent == pytest.approx(2.0)
    assert found.verdict.detectable == (not found.verdict.interval_low <= 0 <= found.verdict.interval_high)
    assert "3 other reports (b, c, d) pooled by random effects: mean 52.0" in found.words
    assert found.words.endswith("the number is inside.")


def test_reports_far_from_the_number_say_different():
    number, index, known = literature(three(80.0, 80.5, 79.5))
    found = judge_by_reports(number, index, known)
    assert found.verdict.verdict == decision_rule.DIFFERENT_HIGHER
    assert found.inside is False
    assert found.verdict.flags == ()
    assert found.verdict.interval_low > 5.0
    assert found.verdict.detectable
    assert found.verdict.p_different < 0.05 < found.verdict.p_reproduced


def test_the_verdict_says_what_it_depends_on():
    number, index, known = literature(three(50.0, 50.0, 50.0, spread_percent=None, spread_kind="none"))
    assert decision_rule.CONDITIONAL in judge_by_reports(number, index, known).verdict.flags
    table = reported(
        {},
        {"document": "b"},
        {"document": "c"},
        {"document": "d", "selection": "best_online"},
    )
    number, index, known = literature(table)
    found = judge_by_reports(number, index, known)
    assert found.pooled.implementations == 3
    assert found.verdict.flags == (decision_rule.OTHER_SELECTION,)


def test_what_cannot_be_judged():
    number, index, known = literature(three(50.0, 50.0, 50.0))
    refused = judge_by_reports(number, index, known, refusal="It is not known.")
    assert (refused.verdict.verdict, refused.verdict.reason) == (decision_rule.NOT_JUDGED, "It is not known.")
    assert refused.verdict.p_reproduced is None
    number, index, known = literature(three(50.0, 50.0, 50.0, num_seeds="1"))
    single = judge_by_reports(number, index, known).verdict
    assert (single.verdict, single.reason) == (
        decision_rule.INCONCLUSIVE,
        "The reported number is of one seed: nothing can be said about its error.",
    )
    number, index, known = literature(three(0.2, 0.1, 0.3, score_percent=0.5))
    assert judge_by_reports(number, index, known).verdict.verdict == decision_rule.UNINFORMATIVE
