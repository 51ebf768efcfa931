"""Copies of real tables with one planted error each: one finding, about the copy; and clean copies: none."""

from __future__ import annotations

import math
from collections.abc import Callable

import pandas as pd
import pytest

from paper_tables import literature
from paper_tables.audit import rules
from paper_tables.audit.numbers import Finding

MINE = "my_paper"
# Gaps of the copy that are not errors of copying: the copied table has them itself.
NO_COPYING = (
    "spread_absent",
    "spread_unknown",
    "spreads_differ",
    "seeds_unclear",
    "unverified",
    "versions_differ",
    "versions_mixed",
    "selections_mixed",
    "kind_of_spread_proven",
    "out_of_range",
)


@pytest.fixture(scope="module")
def reported() -> pd.DataFrame:
    return literature.read_all()


def copy_of(reported: pd.DataFrame, document: str, table: str) -> pd.DataFrame:
    """A user's table: every number of a published table, said to be copied from it."""
    rows = reported[(reported["document"] == document) & (reported["table"] == table)].copy()
    rows["document"] = rows["paper"] = MINE
    rows["origin"], rows["copied_from"], rows["arxiv"] = "copied", document, None
    return rows.reset_index(drop=True)


def row(table: pd.DataFrame, method: str, task: str) -> int:
    found = table.index[(table["method"] == method) & (table["task"] == task)]
    assert len(found) == 1, (method, task)
    return int(found[0])


def errors(table: pd.DataFrame, reported: pd.DataFrame) -> list[Finding]:
    return [found for found in rules.audit_table(table, reported)[0] if found.rule not in NO_COPYING]


def places(reported: pd.DataFrame) -> list[tuple[str, str]]:
    return sorted(set(zip(reported["document"], reported["table"], strict=True)))


def test_a_clean_copy_of_every_table_has_no_error_of_copying(reported):
    """What the original itself has wrong (a total, a stale copy) is found, and nothing else."""
    originals = rules.find_errors(reported)
    for document, table in places(reported):
        for found in errors(copy_of(reported, document, table), reported):
            if "earlier version" in table:
                assert found.rule == "copied_from_an_earlier_version"
                continue
            same = [other for other in originals if (other.rule, other.document) == (found.rule, document)]
            assert any(other.value == found.value for other in same), (document, table, found)


# --- Planted errors: each changes a clean copy of IQL's, CORL's or Diffusion-QL's table ---


def change_digit(table: pd.DataFrame) -> None:
    table.loc[row(table, "IQL", "hopper-medium-v2"), "score_percent"] = 66.8


def exchange_digits(table: pd.DataFrame) -> None:
    table.loc[row(table, "IQL", "walker2d-medium-v2"), "score_percent"] = 73.8


def move_the_point(table: pd.DataFrame) -> None:
    table.loc[row(table, "IQL", "halfcheetah-medium-v2"), "score_percent"] = 4.74


def lose_the_sign(table: pd.DataFrame) -> None:
    index = row(table, "10%BC", "walker2d-medium-v2")
    table.loc[index, "score_percent"] = -table.loc[index, "score_percent"]


def exchange_two_rows(table: pd.DataFrame) -> None:
    first, second = row(table, "IQL", "hopper-medium-v2"), row(table, "IQL", "walker2d-medium-v2")
    values = table.loc[[first, second], "score_percent"].tolist()
    table.loc[[first, second], "score_percent"] = values[::-1]


def shift_a_column(table: pd.DataFrame) -> None:
    index = table.index[
        (table["method"] == "TD3+BC")
        & table["task"].str.contains("hopper|walker2d|halfcheetah")
        & (table["aggregate"] == "cell")
    ]
    values = table.loc[index, "score_percent"].tolist()
    table.loc[index, "score_percent"] = [*values[1:], values[0]]


def take_the_next_column(table: pd.DataFrame) -> None:
    for task in ("hopper-medium-v2", "walker2d-medium-v2", "hopper-medium-replay-v2"):
        table.loc[row(table, "IQL", task), "score_percent"] = table.loc[
            row(table, "CQL", task), "score_percent"
        ]


def wrong_total(table: pd.DataFrame) -> None:
    index = table.index[(table["method"] == "CQL") & (table["aggregate"] == "total")]
    table.loc[index[:1], "score_percent"] += 30


def swap_mean_and_spread(table: pd.DataFrame) -> None:
    index = row(table, "IQL", "hopper-medium-v2")
    mean, spread = table.loc[index, "score_percent"], table.loc[index, "spread_percent"]
    table.loc[index, "score_percent"], table.loc[index, "spread_percent"] = spread, mean


def halve_the_spreads(table: pd.DataFrame) -> None:
    rows = table["method"] == "IQL"
    table.loc[rows, "spread_percent"] = (table.loc[rows, "spread_percent"] / 2).round(2)


def standard_errors(table: pd.DataFrame) -> None:
    rows = table["method"] == "CQL"
    table.loc[rows, "spread_percent"] = (table.loc[rows, "spread_percent"] / math.sqrt(4)).round(2)


def exchange_spreads(table: pd.DataFrame) -> None:
    first, second = row(table, "IQL", "hopper-medium-v2"), row(table, "IQL", "walker2d-medium-v2")
    values = table.loc[[first, second], "spread_percent"].tolist()
    table.loc[[first, second], "spread_percent"] = values[::-1]


def one_wrong_spread(table: pd.DataFrame) -> None:
    table.loc[row(table, "IQL", "hopper-medium-v2"), "spread_percent"] += 7.77


def another_rule(table: pd.DataFrame) -> None:
    best = literature.read_all()
    best = best[
        (best["document"] == "corl") & (best["method"] == "IQL") & (best["selection"] == "best_online")
    ]
    for task in ("hopper-medium-v2", "walker2d-medium-v2", "hopper-medium-replay-v2"):
        value = best.loc[best["task"] == task, "score_percent"].iloc[0]
        table.loc[row(table, "IQL", task), "score_percent"] = value


PLANTED: list[tuple[Callable[[pd.DataFrame], None], tuple[str, str], str]] = [
    (change_digit, ("iql", "Table 1"), "digits_differ"),
    (exchange_digits, ("iql", "Table 1"), "digits_differ"),
    (move_the_point, ("iql", "Table 1"), "digits_differ"),
    (lose_the_sign, ("iql", "Table 1"), "sign_differs"),
    (exchange_two_rows, ("iql", "Table 1"), "copied_from_another_row"),
    (shift_a_column, ("iql", "Table 1"), "copied_from_another_row"),
    (take_the_next_column, ("iql", "Table 1"), "copied_from_another_column"),
    (swap_mean_and_spread, ("corl", "LAST"), "mean_and_spread_swapped"),
    (halve_the_spreads, ("corl", "LAST"), "spread_of_another_kind"),
    (standard_errors, ("corl", "LAST"), "spread_of_another_kind"),
    (exchange_spreads, ("corl", "LAST"), "spread_of_another_row"),
    (one_wrong_spread, ("corl", "LAST"), "spread_differs"),
    (another_rule, ("corl", "LAST"), "copied_under_another_rule"),
]


@pytest.mark.parametrize(
    ("plant", "place", "rule"), PLANTED, ids=lambda value: getattr(value, "__name__", None)
)
def test_one_planted_error_is_one_finding_about_the_copy(plant, place, rule, reported):
    document, table_name = place
    if table_name == "LAST":
        rows = reported[(reported["document"] == document) & (reported["selection"] == "last")]
        table_name = next(name for name in rows["table"] if "hopper-medium-v2" in set(rows["task"]))
    clean = copy_of(reported, document, table_name)
    before = errors(clean, reported)
    plant(clean)
    found = [finding for finding in errors(clean, reported) if finding not in before]
    assert [finding.rule for finding in found] == [rule], found
    assert found[0].document == MINE
    # Nobody else is blamed for it.
    everything = rules.find_errors(pd.concat([reported, clean], ignore_index=True))
    others = {finding for finding in everything if finding.document != MINE}
    blamed = [
        finding
        for finding in others - set(rules.find_errors(reported))
        if finding.rule not in NO_COPYING and MINE not in finding.explanation
    ]
    assert blamed == []


def test_a_document_that_repeats_a_wrong_number_clears_nothing(reported):
    first = copy_of(reported, "iql", "Table 1")
    change_digit(first)
    second = first.assign(document="other_paper", paper="other_paper")
    found = rules.find_errors(pd.concat([reported, first, second], ignore_index=True))
    about = {
        finding.document for finding in found if finding.rule == "digits_differ" and "66.8" in finding.value
    }
    assert about == {MINE, "other_paper"}


def test_repetition_does_not_clear_a_number_without_a_stated_origin(reported):
    """Two undated copies of one wrong number against the authors' own."""
    rows = copy_of(reported, "iql", "Table 1")
    rows["copied_from"] = None
    change_digit(rows)
    both = pd.concat([reported, rows, rows.assign(document="b", paper="b")], ignore_index=True)
    wrong = [found for found in rules.find_errors(both) if found.value == "66.8"]
    assert {found.document for found in wrong} == {MINE, "b"}
    assert all("repeat" in found.explanation for found in wrong)


def test_the_earlier_of_two_documents_is_the_original(reported):
    """CQL's v2 numbers were first printed by IQL (2021); a later copy that differs is the copy."""
    origin = reported[(reported["document"] == "iql") & (reported["method"] == "CQL")]
    assert len(origin)
    found = [f for f in rules.find_errors(reported) if f.method == "CQL" and f.document == "iql"]
    assert [f for f in found if f.rule.startswith(("cop", "digits"))] == []


def test_findings_of_one_document_can_be_asked_for(reported):
    found = rules.audit(reported, document="fql")
    assert set(found["rule"]) >= {"copied_from_another_version"}
    assert found["document"].str.split(", ").map(lambda names: "fql" in names).all()
    with pytest.raises(ValueError, match=r"no document 'fqll'; is fql meant\?"):
        rules.audit(reported, document="fqll")


def test_an_unknown_task_is_named_with_the_nearest(reported):
    rows = copy_of(reported, "iql", "Table 1")
    rows.loc[row(rows, "IQL", "walker2d-medium-v2"), "task"] = "walker2d-medum-v2"
    found = [f for f in rules.audit_table(rows, reported)[0] if f.rule == "unknown_names"]
    assert [(f.value, f.other_value) for f in found] == [("walker2d-medum-v2", "walker2d-medium-v2")]


def test_a_method_in_another_spelling_is_named(reported):
    rows = copy_of(reported, "iql", "Table 1")
    rows.loc[rows["method_key"] == "iql", "method_key"] = "IQL"
    found = [f for f in rules.audit_table(rows, reported)[0] if f.rule == "unknown_names"]
    assert [(f.value, f.other_value) for f in found] == [("IQL", "iql")]
