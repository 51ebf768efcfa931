"""Tables of cells: rows, families, copies, and what a second table must not change."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from recheck.errors import TablesError

from paper_tables.verdicts import decision_rule
from paper_tables.verdicts.implementations import Band
from paper_tables.verdicts.table import adjust_together, judge_rows, judge_table
from paper_tables.verdicts.verdict import VERDICT_COLUMNS

SD = "standard_deviation_over_seeds"
OURS = np.array([78.0, 81.5, 79.0, 80.5, 81.0])


def seeds_with(mean: float, sd: float, count: int) -> np.ndarray:
    scores = np.arange(count, dtype=float)
    return mean + sd * (scores - scores.mean()) / scores.std(ddof=1)


def table_of(rows: list[tuple], **fields: object) -> pd.DataFrame:
    """Rows of (family, our scores, reported mean, reported spread)."""
    cells = pd.DataFrame(rows, columns=["family", "our_scores_percent", "reported_mean", "reported_spread"])
    return cells.assign(
        spread_kind=SD,
        reported_seeds="5|6",
        reported_episodes_per_seed=np.nan,
        margin_percent=5.0,
        task="hopper-medium-v2",
    ).assign(**fields)


@pytest.fixture
def cells() -> pd.DataFrame:
    """Two families; in one a borderline number is among many."""
    borderline = seeds_with(72.8, 1.4, 5)
    return table_of(
        [
            ("one", borderline, 70.0, 1.4),
            ("two", borderline, 70.0, 1.4),
            *[("two", seeds_with(70.0, 9.0, 5), 70.0, 9.0) for _ in range(5)],
            ("two", seeds_with(30.0, 1.0, 5), 70.0, 1.0),
            ("two", OURS, 80.0, 1.0),
            ("two", None, 80.0, 1.0),
        ],
        not_judged_reason=[None] * 8 + ["Another dataset", None],
    )


def test_rows_are_adjusted_within_their_family(cells: pd.DataFrame):
    found = judge_table(cells)
    assert list(found["verdict"]) == [
        *[decision_rule.REPRODUCED] * 2,
        *[decision_rule.INCONCLUSIVE] * 5,
        decision_rule.DIFFERENT_LOWER,
        decision_rule.NOT_JUDGED,
        decision_rule.NO_EVIDENCE,
    ]
    # Alone in its family the borderline claim is kept; among seven it is not.
    assert list(found["adjusted_verdict"])[:2] == [decision_rule.REPRODUCED, decision_rule.INCONCLUSIVE]
    assert found["adjusted_verdict"][7] == decision_rule.DIFFERENT_LOWER
    assert list(found["family_size"]) == [1, *[7] * 7, 0, 0]
    assert set(VERDICT_COLUMNS) <= set(found.columns)
    assert found.columns.is_unique
    # Under adjustment the margin is wider and the seeds are more.
    assert found["adjusted_smallest_margin_percent"][1] > found["smallest_margin_percent"][1]
    assert int(found["adjusted_seeds_needed"][1]) >= int(found["seeds_needed"][1])


def test_one_number_at_two_places_is_one_test(cells: pd.DataFrame):
    numbers = [f"n{place}" for place in range(len(cells))]
    once = judge_table(cells.assign(number=numbers))
    copies = pd.concat([cells, cells.iloc[[1, 1, 7]]], ignore_index=True)
    found = judge_table(copies.assign(number=[*numbers, "n1", "n1", "n7"]))
    pd.testing.assert_frame_equal(found.iloc[: len(cells)], once)
    columns = list(VERDICT_COLUMNS)
    for place, original in ((10, 1), (11, 1), (12, 7)):
        pd.testing.assert_series_equal(
            found.iloc[place][columns], found.iloc[original][columns], check_names=False
        )


def test_other_settings_and_conditional_verdicts_are_families_of_their_own(cells: pd.DataFrame):
    first = judge_table(cells)
    extra = table_of([("two", seeds_with(71.0, 1.0, 5), 70.0, 1.0)] * 6)
    conditional = table_of([("two", seeds_with(70.0, 1.0, 5), 70.0, None)] * 6, spread_kind="none")
    for more, flag in (
        (extra.assign(other_settings=True), decision_rule.OTHER_SETTINGS),
        (extra.assign(other_selection=True), decision_rule.OTHER_SELECTION),
        (conditional, decision_rule.CONDITIONAL),
        (extra.assign(family="three"), ""),
    ):
        rows = [*cells.to_dict("records"), *more.to_dict("records")]
        found = judge_table(pd.DataFrame(rows))
        pd.testing.assert_frame_equal(
            found.iloc[: len(cells)][list(VERDICT_COLUMNS)], first[list(VERDICT_COLUMNS)], check_dtype=False
        )
        assert set(found["flags"].iloc[len(cells) :]) == {flag}
        assert set(found["family_size"].iloc[len(cells) :]) == {6}


def test_two_tables_are_adjusted_together(cells: pd.DataFrame):
    numbered = cells.assign(number=[f"n{place}" for place in range(len(cells))])
    whole = judge_table(numbered)
    parts = [judge_table(numbered.iloc[:4]), judge_table(numbered.iloc[4:]), judge_table(numbered.iloc[1:3])]
    found = adjust_together(parts)
    pd.testing.assert_frame_equal(
        pd.concat(found[:2])[list(VERDICT_COLUMNS)], whole[list(VERDICT_COLUMNS)], check_dtype=False
    )
    assert list(found[2]["adjusted_verdict"]) == list(whole["adjusted_verdict"][1:3])
    assert [len(part) for part in found] == [4, 6, 2]


def test_the_conditional_mark_is_in_the_row(cells: pd.DataFrame):
    found = judge_table(table_of([("f", OURS, 80.0, np.nan)]))
    assert list(found["flags"]) == ["conditional"]
    assert "assumed" in found["reason"][0]


def test_reference_runs_are_judged_seed_by_seed():
    rows = table_of([("f", OURS, np.nan, np.nan)]).assign(reference_scores_percent=[(79.0, 83.0, 80.0, 78.5)])
    found = judge_table(rows)
    assert found["verdict"][0] == decision_rule.REPRODUCED
    assert found["typical_verdict"][0] == decision_rule.REPRODUCED


def test_the_band_of_the_domain_is_used(cells: pd.DataFrame):
    bands = {"hopper": Band("hopper", 60.0, 0.8, 20, "made up")}
    found = judge_rows(cells, bands)
    assert found["flags"][7] == decision_rule.WITHIN_IMPLEMENTATION_SPREAD
    assert found["implementation_spread"][7] == "within"
    assert judge_rows(cells.assign(task="walker2d-medium-v2"), bands)["implementation_spread"][7] == ""


def test_the_row_that_is_wrong_is_named(cells: pd.DataFrame):
    with pytest.raises(TablesError, match=r"Row 3 .*'five'"):
        judge_table(cells.assign(reported_seeds=["5", "5", "five", *["5"] * 7]))
    with pytest.raises(TablesError, match=r"lacks the column.*margin_percent"):
        judge_table(cells.drop(columns="margin_percent"))
    with pytest.raises(TablesError, match=r"Row 1 .*above 0"):
        judge_table(cells.assign(margin_percent=0.0))
