"""Simulated families: counts of claims by hand, and the procedures against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from paper_tables.verdicts import simulated_families as module
from paper_tables.verdicts.laws import Normal
from paper_tables.verdicts.multiplicity import holm


def test_kept_by_benjamini_and_hochberg_is_scipys():
    rng = np.random.default_rng(0)
    p_values = rng.uniform(0, 1, (200, 9)) ** 4
    kept = module._kept_by_bh(p_values)
    wanted = np.array([stats.false_discovery_control(row) <= 0.05 for row in p_values])
    assert (kept == wanted).all()
    assert 0 < kept.mean() < 1


def test_kept_by_holm_is_holms():
    p_values = np.array([[0.004, 0.02, 0.5], [0.02, 0.03, 0.5]])
    # 0.004 * 3, 0.02 * 2; then 0.02 * 3 is above 0.05, and nothing after it is kept.
    assert module._kept_by_holm(p_values).tolist() == [[True, True, False], [False, False, False]]
    assert holm([0.004, 0.02, 0.5]) == pytest.approx([0.012, 0.04, 0.5])


def test_rates_by_hand():
    true = np.array([[0.0, 5.0, 10.0], [0.0, -5.0, -10.0]])
    difference = np.array([[1.0, 4.0, 11.0], [9.0, -8.0, 12.0]])
    reproduced = np.array([[True, True, False], [False, False, False]])
    different = np.array([[False, False, True], [True, True, True]])
    found = module._family_rates(reproduced, different, difference, true)
    assert found.reproduced == 0.5  # One of the two numbers at 0.
    assert found.different == 1.0  # Both at twice the margin, one of them the wrong way.
    # False: reproduced at 5; different at 0, at -5, and at -10 the wrong way. Claims: six.
    assert found.false_share == pytest.approx(4 / 6)
    assert found.any_false == 0.5


def test_without_claims_nothing_is_false():
    none = np.zeros((2, 2), dtype=bool)
    found = module._family_rates(none, none, np.ones((2, 2)), np.full((2, 2), 5.0))
    assert (found.false_share, found.any_false) == (0.0, 0.0)
    assert np.isnan(found.reproduced)


def test_clear_numbers_are_all_kept():
    true = np.tile([0.0, 10.0, -10.0], (100, 3))
    tiny = [(Normal(0.01), Normal(0.01))]
    for rates in module.simulate_families(tiny, true, (5, 5)).values():
        assert (rates.reproduced, rates.different, rates.false_share) == (1.0, 1.0, 0.0)


def test_families_at_the_margin_are_held_by_the_adjustment():
    rows = {row["variant"]: row for row in module.margin_family_rows((0.3, 0.1), (3, 10), 18_000, 0)}
    # Nine tests at 5% each, apart from their dependence on the shared sign: 1 - 0.95^9.
    assert rows["raw"]["any_false"] == pytest.approx(1 - 0.95**9, abs=0.04)
    assert rows["Benjamini-Hochberg"]["any_false"] <= 0.055
    assert rows["Holm"]["any_false"] <= rows["Benjamini-Hochberg"]["any_false"]
    assert {row["studies"] for row in rows.values()} == {2000}


def test_mixed_families_lose_claims_and_most_errors():
    rows = {row["variant"]: row for row in module.mixed_family_rows(9, (5, 5), 4500, 0)}
    assert rows["Benjamini-Hochberg"]["reproduced"] < rows["raw"]["reproduced"]
    assert rows["Benjamini-Hochberg"]["false_share"] < 0.02 < rows["raw"]["false_share"]
    assert rows["raw"]["law"] == "real runs, 9 numbers"


def test_correct_implementations_are_more_often_different_with_more_seeds():
    few, many = (module.implementation_rows(*seeds, 8000, 0)[0] for seeds in ((3, 5), (20, 20)))
    assert few["different"] + 0.02 < many["different"]
    for row in (few, many):
        assert 0 < row["beyond_band"] < row["different"]
