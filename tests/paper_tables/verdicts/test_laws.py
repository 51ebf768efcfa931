"""The laws of simulated seeds: mean 0, and the spread that their names say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from paper_tables.verdicts import laws

COUNT = 200_000


def drawn(law: laws.Law) -> np.ndarray:
    return law.draw(np.random.default_rng(0), (COUNT, 1)).ravel()


@pytest.mark.parametrize(
    ("law", "mean", "variance"),
    [
        (laws.Normal(3.0), 0.0, 9.0),
        # A share p loses c points: the variance between the two groups is c^2 p (1 - p).
        (laws.Collapse(0.1), 0.0, 9.0 + 1600 * 0.09),
        (laws.Collapse(0.5, 1.0, 10.0), 0.0, 1.0 + 25.0),
        (laws.TypicalWithCollapse(0.2), -8.0, 9.0 + 1600 * 0.16),
        (laws.Exponential(2.0), 0.0, 4.0),
        (laws.Exponential(-2.0), 0.0, 4.0),
        (laws.StudentT(2.0, df=10), 0.0, 4 * 10 / 8),
        # Residuals with replacement have the divisor n; smoothing adds (0.2 sd)^2.
        (laws.Residuals((-1.0, 0.0, 1.0)), 0.0, 2 / 3 + 0.04),
    ],
)
def test_mean_and_variance(law: laws.Law, mean: float, variance: float):
    scores = drawn(law)
    assert scores.mean() == pytest.approx(mean, abs=5 * math.sqrt(variance / COUNT))
    assert scores.var() == pytest.approx(variance, rel=0.05)


def test_the_long_tail_is_on_the_side_of_the_sign():
    for sign in (1, -1):
        scores = drawn(laws.Exponential(sign * 2.0))
        assert np.sign((scores**3).mean()) == sign
        assert (sign * scores).min() >= -2.0
    assert drawn(laws.StudentT(1.0)).std() > 1.5


def test_a_share_collapses():
    scores = drawn(laws.Collapse(0.3, sd_percent=1.0))
    assert (scores < -8.0).mean() == pytest.approx(0.3, abs=0.005)


def test_the_real_laws_are_ten_runs_each():
    found = laws.real_laws()
    assert len(found) == 141
    for law in found.values():
        assert len(law.residuals_percent) == 10
        assert sum(law.residuals_percent) == pytest.approx(0.0, abs=1e-9)


def test_the_public_groups_are_large_and_centred():
    found = laws.public_groups()
    assert min(map(len, found.values())) == laws.LEAST_PUBLIC_RUNS
    assert all(scores.mean() == pytest.approx(0.0, abs=1e-9) for scores in found.values())


def test_a_mixture_gives_each_study_one_law():
    parts = tuple(laws.Residuals((middle - 1.0, middle + 1.0)) for middle in (-50.0, 0.0, 50.0))
    scores = laws.Mixture(parts).draw(np.random.default_rng(0), (7, 4))
    assert np.round(scores.mean(axis=1) / 50).tolist() == [-1, 0, 1, -1, 0, 1, -1]


def test_the_promised_laws_are_all_there():
    """Ratios of standard deviations from 1/8 to 8; collapses of 10 to 50% and the others on both sides."""
    ratios = {
        ours.sd_percent / theirs.sd_percent
        for ours, theirs in laws.MADE_UP.values()
        if isinstance(ours, laws.Normal)
    }
    assert {round(ratio, 6) for ratio in ratios} >= {0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0}
    same = [ours for ours, theirs in laws.MADE_UP.values() if ours == theirs]
    chances = {law.chance for law in same if isinstance(law, laws.Collapse)}
    assert chances >= {0.1, 0.2, 0.3, 0.4, 0.5}
    assert any(isinstance(law, laws.StudentT) and law.df == 3 for law in same)
    assert {law.scale_percent > 0 for law in same if isinstance(law, laws.Exponential)} == {True, False}
