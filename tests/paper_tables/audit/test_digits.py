"""What printed digits allow: the known answers of the reported tables."""

import pandas as pd
import pytest

from paper_tables import literature
from paper_tables.audit import arithmetic, rules
from paper_tables.audit.arithmetic import Design


@pytest.fixture(scope="module")
def cells() -> pd.DataFrame:
    reported = literature.read_all()
    return reported[reported["aggregate"] == "cell"]


# --- Known answers ---


def _antmaze(cells: pd.DataFrame, document: str, method: str | None = None) -> pd.DataFrame:
    rows = cells[(cells["document"] == document) & (cells["suite"] == "antmaze")]
    return rows if method is None else rows[rows["method"] == method]


def _count_means(rows: pd.DataFrame, total: int) -> int:
    return sum(
        arithmetic.mean_fits(row["score_percent"], row["decimals"], total) for row in rows.to_dict("records")
    )


def _count_spreads(rows: pd.DataFrame, design: Design, kind: str) -> int:
    return sum(
        arithmetic.spread_fits(row["score_percent"], row["spread_percent"], row["decimals"], design, kind)
        for row in rows.to_dict("records")
    )


def test_corls_antmaze_means_are_of_400_episodes(cells):
    corl = _antmaze(cells, "corl")
    assert {total: _count_means(corl, total) for total in (200, 300, 400, 500)} == {
        200: 77,
        300: 51,
        400: 120,
        500: 51,
    }


def test_corls_antmaze_spreads_are_population_standard_deviations(cells):
    corl = _antmaze(cells, "corl")
    spread = corl[corl["spread_percent"] > 0]
    fits = {kind: _count_spreads(spread, Design(4, 100), kind) for kind in arithmetic.KINDS}
    assert len(spread) == 79
    assert fits == {"population_standard_deviation": 79, "standard_deviation": 5, "standard_error": 50}
    alone = [
        [
            arithmetic.spread_fits(row["score_percent"], row["spread_percent"], 2, Design(4, 100), kind)
            for kind in arithmetic.KINDS
        ]
        == [True, False, False]
        for row in spread.to_dict("records")
    ]
    assert sum(alone) == 25


def test_cleandiffusers_spreads_are_over_three_evaluations(cells):
    rows = _antmaze(cells, "cleandiffuser")
    rows = rows[rows["spread_percent"] > 0]
    assert _count_means(rows, 150) == len(rows) == 22
    fits = {kind: _count_spreads(rows, Design(3, 50), kind) for kind in arithmetic.KINDS}
    assert fits == {"population_standard_deviation": 20, "standard_deviation": 1, "standard_error": 6}
    unfit = [
        row["task"]
        for row in rows.to_dict("records")
        if not arithmetic.spread_fits(
            row["score_percent"], row["spread_percent"], 1, Design(3, 50), "population_standard_deviation"
        )
    ]
    assert sorted(unfit) == ["antmaze-large-diverse-v2", "antmaze-medium-play-v2"]


@pytest.mark.parametrize(
    ("document", "suite", "total", "impossible", "tested"),
    [
        ("cleandiffuser", "antmaze", 150, 15, 22),
        ("cleandiffuser", "kitchen", 150, 2, 11),
        ("diffusion_ql", "antmaze", 500, 12, 12),
        ("diffusion_ql", "antmaze", 600, 12, 12),
        ("diffusion_ql", "antmaze", 50, 11, 12),
        ("diffusion_ql", "kitchen", 500, 6, 6),
        ("diffusion_ql", "kitchen", 600, 6, 6),
    ],
)
def test_stated_standard_errors_that_cannot_be(cells, document, suite, total, impossible, tested):
    rows = cells[(cells["document"] == document) & (cells["suite"] == suite) & (cells["spread_percent"] > 0)]
    too_large = [
        row["spread_percent"] - 0.05 > arithmetic.largest_standard_error(row["score_percent"], 1, total)
        for row in rows.to_dict("records")
    ]
    assert (sum(too_large), len(too_large)) == (impossible, tested)


def test_diffusion_qls_and_dacs_numbers_of_episodes(cells):
    dql = _antmaze(cells, "diffusion_ql", "Diffusion-QL")
    counts = {
        (table, total): _count_means(dql[dql["table"] == table], total)
        for table in ("Table 1", "Table 4")
        for total in (500, 600)
    }
    assert counts == {("Table 1", 500): 6, ("Table 1", 600): 1, ("Table 4", 500): 5, ("Table 4", 600): 6}
    dac = _antmaze(cells, "dac")
    assert (_count_means(dac, 80), _count_means(dac, 400)) == (1, 6)


# --- Rules on the real data ---


def test_the_rules_find_what_the_tables_said_before_their_correction():
    """CleanDiffuser's and Diffusion-QL's stated kinds, EDP's and ReBRAC's columns, DAC's episodes."""
    reported = literature.read_all()
    clean = reported["spread_kind"] == "population_standard_deviation_over_evaluations"
    dql = (reported["document"] == "diffusion_ql") & reported["suite"].isin(["antmaze", "kitchen"])
    stated = clean | (dql & (reported["spread_kind"] == "unknown"))
    reported.loc[stated, "spread_kind"] = "standard_error_of_pooled_episodes"
    columns = (reported["document"] == "edp") & reported["method"].isin(["IQL(FF)", "TD3+BC(FF)"])
    columns |= (reported["document"] == "rebrac") & (reported["method"] == "CQL")
    reported.loc[columns, "origin"] = "rerun"
    dac = (reported["document"] == "dac") & (reported["suite"] == "antmaze")
    reported.loc[dac, "episodes_per_seed"] = 10
    findings = rules.audit(reported)
    spreads = findings[findings["rule"] == "impossible_spread"]
    # Diffusion-QL's kitchen rows state no single design, its Table 4 is from memory.
    assert spreads["source"].value_counts().to_dict() == {
        "cleandiffuser, Table 1": 17,
        "diffusion_ql, Table 1": 6,
    }
    equal = findings[findings["rule"] == "column_equals_another"]
    assert set(zip(equal["source"], equal["method"], equal["task"], strict=True)) == {
        ("edp, Table 2", "IQL(FF)", "9 of 9 rows"),
        ("edp, Table 2", "TD3+BC(FF)", "9 of 9 rows"),
        ("rebrac, Table 2", "CQL", "16 of 18 rows"),
    }
    means = findings[findings["rule"] == "impossible_mean"]
    assert means["source"].value_counts().to_dict() == {"dac, README Results": 5}


def test_after_the_corrections_no_digit_is_impossible():
    findings = rules.audit(literature.read_all())
    alarming = ["impossible_mean", "impossible_spread", "column_equals_another"]
    assert not findings["rule"].isin(alarming).any()
    proven = findings[findings["rule"] == "kind_of_spread_proven"]
    assert set(zip(proven["source"], proven["severity"], proven["value"], strict=True)) == {
        ("corl, Last Scores", "remark", "population standard deviation"),
        ("corl, Best Scores", "remark", "population standard deviation"),
    }
