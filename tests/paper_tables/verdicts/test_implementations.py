"""The band of independent re-runs, and pooling over implementations."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from recheck.errors import TablesError

from paper_tables import literature
from paper_tables.verdicts.implementations import (
    Estimate,
    bands_of_reruns,
    domain_of,
    largest_known_sd,
    pool,
    rerun_differences,
)


def numbers(**changed: object) -> pd.DataFrame:
    """Two documents that ran one method on twelve hopper tasks, 1, 2, ..., 12 points apart."""
    rows = [
        {
            "document": document,
            "method_key": "iql",
            "task": f"hopper-kind{place}-v2",
            "aggregate": "cell",
            "origin": origin,
            "confidence": "seen",
            "selection": "last",
            "score_percent": 50.0 + place * far,
            "spread_percent": 2.0,
            "spread_kind": "standard_deviation_over_seeds",
            "num_seeds": "5",
        }
        for document, origin, far in (("one", "own", 0), ("two", "rerun", 1))
        for place in range(1, 13)
    ]
    return pd.DataFrame(rows).assign(**changed)


def test_the_band_holds_its_share_of_the_differences():
    band = bands_of_reruns(numbers())["hopper"]
    assert band.pairs == 12
    assert band.half_width_percent == pytest.approx(np.quantile(np.arange(1, 13), 0.8))
    assert "one, two" in band.source


@pytest.mark.parametrize(
    "changed",
    [
        {"origin": "copied"},
        {"confidence": "from_memory"},
        {"selection": "best_online"},
        {"aggregate": "total"},
        # Equal to the last digit: a copy that does not say so.
        {"score_percent": 50.0},
    ],
)
def test_what_is_no_independent_rerun_gives_no_band(changed: dict):
    assert bands_of_reruns(numbers(**changed)) == {}


def test_few_differences_give_no_band():
    few = numbers()
    assert bands_of_reruns(few[few["task"] < "hopper-kind5"]) == {}


def test_the_bands_of_the_literature_come_from_real_reruns():
    found = literature.read_all()
    bands = bands_of_reruns(found)
    assert bands["hopper"].half_width_percent > max(
        bands["halfcheetah"].half_width_percent, bands["walker2d"].half_width_percent
    )
    differences = [d for task, d in rerun_differences(found) if domain_of(task) == "hopper"]
    inside = np.mean(np.array(differences) <= bands["hopper"].half_width_percent)
    assert 0.78 <= inside <= 0.85


def test_the_largest_spread_is_of_standard_deviations_over_seeds():
    found = numbers()
    found.loc[0, ["spread_percent", "spread_kind"]] = [3.0, "standard_error_over_seeds"]
    found.loc[1, ["spread_percent", "spread_kind"]] = [2.0, "population_standard_deviation_over_seeds"]
    found.loc[2, ["spread_percent", "spread_kind"]] = [9.0, "standard_error_of_pooled_episodes"]
    known = largest_known_sd(found)
    assert known["iql", "hopper-kind1-v2"] == pytest.approx(3.0 * 5**0.5)
    assert known["iql", "hopper-kind2-v2"] == pytest.approx(2.0 * (5 / 4) ** 0.5)
    assert known["iql", "hopper-kind3-v2"] == 2.0


def test_pooling_is_random_effects_by_paule_and_mandel():
    rng = np.random.default_rng(0)
    estimates = [
        Estimate.of_runs(str(i), rng.normal(80 + shift, 2, 5)) for i, shift in enumerate((-6, 0, 7, 2))
    ]
    found = pool(estimates)
    means = np.array([e.mean_percent for e in estimates])
    weights = 1 / (np.array([e.error_percent for e in estimates]) ** 2 + found.between_sd_percent**2)
    # Paule and Mandel's equation: the weighted sum of squares equals its degrees of freedom.
    assert (weights * (means - found.mean_percent) ** 2).sum() == pytest.approx(3, rel=1e-3)
    assert found.mean_percent == pytest.approx((weights * means).sum() / weights.sum())
    assert found.df == 3
    assert found.holds(80.0)
    assert not found.holds(200.0)
    assert found.prediction_high - found.prediction_low > 2 * found.between_sd_percent


def test_equal_implementations_have_no_spread_between_them():
    found = pool([Estimate(str(i), 80.0, 2.0) for i in range(4)])
    assert found.between_sd_percent == pytest.approx(0, abs=1e-6)
    # Hartung and Knapp's error of 0 is not believed.
    assert found.error_percent == pytest.approx(1.0)


def test_two_implementations_are_not_pooled():
    with pytest.raises(TablesError, match="at least 3"):
        pool([Estimate("a", 80.0, 1.0), Estimate("b", 82.0, 1.0)])
    with pytest.raises(TablesError, match="above 0"):
        pool([Estimate("a", 80.0, 0.0), Estimate("b", 82.0, 1.0), Estimate("c", 81.0, 1.0)])
    with pytest.raises(TablesError, match="2 seeds"):
        Estimate.of_runs("a", [80.0])
