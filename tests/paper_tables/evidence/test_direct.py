"""Public runs for one number: in which class, and what is not evidence."""

from __future__ import annotations

import pandas as pd
import pytest

from paper_tables.evidence.direct import (
    INDEPENDENT,
    SAME_CODE,
    DirectRuns,
    comparison_of,
    judge_number,
    named_groups,
    reported_number,
)
from paper_tables.evidence.numbers import with_ids
from paper_tables.verdicts import decision_rule
from paper_tables.verdicts.background import Background
from tests.paper_tables.evidence.small import DOCUMENTS, public_runs, reported

NUMBER = with_ids(reported({}))[0]


def groups_of(table, *parts):
    found, same = DirectRuns(pd.concat(parts, ignore_index=True), table, DOCUMENTS).groups(with_ids(table)[0])
    return {group.implementation: group.kind for group in found}, same


def test_runs_are_apart_by_code_rule_and_settings():
    kinds, same = groups_of(
        reported({}),
        public_runs([50, 51]),
        public_runs([50, 51], implementation="A/Code"),  # the document's own, whatever the case
        public_runs([50, 51], implementation="x/best", selection="best_online"),
        public_runs([50, 51], implementation="x/tuned", settings="tuned_per_task"),
    )
    assert kinds == {
        "somebody/code": INDEPENDENT,
        "A/Code": SAME_CODE,
        "x/best": decision_rule.OTHER_SELECTION,
        "x/tuned": decision_rule.OTHER_SETTINGS,
    }
    assert same == ()


def test_a_code_that_has_only_another_rule_is_judged_under_it():
    best = public_runs([60, 61], implementation="x/best", selection="best_online")
    kinds, _ = groups_of(reported({}), best, public_runs([50, 51, 52]))
    assert kinds == {"somebody/code": INDEPENDENT, "x/best": decision_rule.OTHER_SELECTION}
    # Where it has the number's rule too, that is taken.
    last = public_runs([50, 51], implementation="x/best")
    (group,), _ = DirectRuns(pd.concat([best, last]), reported({}), DOCUMENTS).groups(NUMBER)
    assert (group.kind, group.selection, group.scores_percent) == (INDEPENDENT, "last", (50.0, 51.0))


def test_an_unstated_rule_is_compared_with_the_last_evaluation():
    both = [public_runs([50, 51]), public_runs([60, 61], selection="best_online")]
    table = reported({"selection": "unknown"})
    (group,), _ = DirectRuns(pd.concat(both), table, DOCUMENTS).groups(with_ids(table)[0])
    assert (group.kind, group.scores_percent) == (INDEPENDENT, (50.0, 51.0))
    table = reported({"selection": "best_online"})
    (group,), _ = DirectRuns(pd.concat(both), table, DOCUMENTS).groups(with_ids(table)[0])
    assert (group.kind, group.scores_percent) == (INDEPENDENT, (60.0, 61.0))


def test_the_very_runs_of_a_number_and_other_data_are_no_evidence():
    very = public_runs([49, 51], source="themselves", printed_in="a")
    assert groups_of(reported({}), very) == ({}, ("themselves",))
    for changes in ({"datasets": "other"}, {"settings": "other"}, {"method": "n"}, {"task": "ant-v2"}):
        assert groups_of(reported({}), public_runs([50, 51], **changes)) == ({}, ())


def test_settings_that_the_methods_authors_chose_per_task_are_the_methods():
    tuned = {"settings": "tuned_per_task", "implementation": "x/code", "printed_in": "b"}
    number_of_c = {"document": "c", "origin": "rerun"}
    table = reported(number_of_c, {"document": "b", "origin": "own"})
    assert groups_of(table, public_runs([50, 51], **tuned))[0] == {"x/code": INDEPENDENT}
    table = reported(number_of_c, {"document": "b", "origin": "rerun"})
    assert groups_of(table, public_runs([50, 51], **tuned))[0] == {"x/code": decision_rule.OTHER_SETTINGS}


def test_a_group_says_where_its_runs_are():
    parts = [
        public_runs([50], commit=None),
        public_runs([51], variant="wide", source="other", licence="none"),
    ]
    (group,), _ = DirectRuns(pd.concat(parts), reported({}), DOCUMENTS).groups(NUMBER)
    assert group.scores_percent == (50.0, 51.0)
    assert group.addresses == ("somebody/runs", "somebody/runs@abc1234")
    assert group.variants == ("usual", "wide")
    assert (group.sources, group.licences) == (("other", "somebody"), ("MIT", "none"))
    two = {"settings": "tuned_per_task"}
    pair, _ = DirectRuns(
        pd.concat([public_runs([50]), public_runs([51], **two)]), reported({}), DOCUMENTS
    ).groups(NUMBER)
    assert set(named_groups(pair)) == {"somebody/code (usual)", "somebody/code (tuned_per_task)"}
    assert set(named_groups(pair[:1])) == {"somebody/code"}


def test_each_class_is_judged_for_itself():
    table = reported({"score_percent": 50.0})
    runs = pd.concat(
        [
            public_runs([49.0, 50.0, 51.0]),
            public_runs([79.0, 80.0, 81.0], implementation="a/code"),
            public_runs([19.0, 20.0, 21.0], implementation="x/tuned", settings="tuned_per_task"),
        ]
    )
    found = judge_number(NUMBER, DirectRuns(runs, table, DOCUMENTS), Background.of(table))
    verdicts = {kind: judged.verdict for kind, judged in found.judged.items()}
    assert {kind: verdict.verdict for kind, verdict in verdicts.items()} == {
        INDEPENDENT: decision_rule.REPRODUCED,
        SAME_CODE: decision_rule.DIFFERENT_HIGHER,
        decision_rule.OTHER_SETTINGS: decision_rule.DIFFERENT_LOWER,
    }
    assert verdicts[SAME_CODE].difference_percent == pytest.approx(30.0)
    assert verdicts[decision_rule.OTHER_SETTINGS].flags == (decision_rule.OTHER_SETTINGS,)
    assert verdicts[INDEPENDENT].flags == ()


def test_an_unverified_number_is_not_judged():
    table = reported({"confidence": "from_memory"})
    runs = DirectRuns(public_runs([49, 50, 51]), table, DOCUMENTS)
    found = judge_number(with_ids(table)[0], runs, Background.of(table))
    assert found.judged[INDEPENDENT].verdict.verdict == decision_rule.NOT_JUDGED
    assert "unverified" in found.judged[INDEPENDENT].verdict.reason


def test_a_row_as_the_rule_takes_it():
    number = with_ids(reported({"num_seeds": "5|6", "spread_percent": None, "spread_kind": "none"}))[0]
    taken = reported_number(number)
    assert (taken.mean_percent, taken.spread_percent, taken.episodes_per_seed) == (50.0, None, 10)
    comparison = comparison_of(NUMBER, Background.of(reported({})), selection="best_online")
    assert comparison.other_selection
    assert comparison.largest_known_sd_percent == 2.0
    assert not comparison_of(NUMBER, Background.of(reported({})), selection="last").other_selection
