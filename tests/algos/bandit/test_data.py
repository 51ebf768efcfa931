"""The toy's data: where they are, and whose."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from algos.bandit import data as data_module
from algos.bandit import results
from algos.bandit import settings as settings_module
from tests.algos.bandit.small import SMALL


def test_data_lie_where_the_paper_puts_them() -> None:
    data = data_module.make_data(settings_module.Settings())
    assert data.actions.shape == (10_000, 2)
    assert data.actions.abs().max() <= 1.0
    expected = [((-0.8, 0.8), 3.0), ((-0.8, -0.8), 0.0), ((0.8, 0.8), 1.5), ((0.8, -0.8), 5.0)]
    for quarter, (centre, reward) in enumerate(expected):
        rows = slice(2_500 * quarter, 2_500 * (quarter + 1))
        mean, sd = data.actions[rows].mean(dim=0), data.actions[rows].std(dim=0)
        assert torch.allclose(mean, torch.tensor(centre), atol=4 * 0.05 / 50)
        assert torch.allclose(sd, torch.tensor(0.05), atol=4 * 0.05 / math.sqrt(5_000))
        assert abs(data.rewards[rows].mean() - reward) < 4 * 0.5 / 50
        assert abs(data.rewards[rows].std() - 0.5) < 4 * 0.5 / math.sqrt(5_000)


def test_actions_are_clipped_to_the_unit_square(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_module, "ACTION_SD", 0.5)
    actions = data_module.make_data(settings_module.Settings()).actions
    assert actions.max() == 1.0
    assert actions.min() == -1.0


def test_data_belong_to_their_seed() -> None:
    first, again, other = (data_module.make_data(replace(SMALL, seed=seed)).actions for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_data_are_on_the_modes() -> None:
    numbers = results.sample_numbers(data_module.make_data(settings_module.Settings()).actions.numpy())
    assert numbers["share_off_modes"] < 0.002  # exp(-8) = 0.0003 of a Gaussian is beyond 4 sd in 2-D
    assert numbers["mean_true_reward"] == pytest.approx(2.375, abs=0.005)
