"""Losses of the toy against plain code."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from algos.bandit import networks

# --- Losses ---


def test_vae_loss_by_hand() -> None:
    actions = torch.tensor([[[0.5, -0.5]]])
    reconstruction = torch.tensor([[[0.0, 0.5]]])
    mean = torch.tensor([[[1.0, 0.0]]])
    log_std = torch.tensor([[[0.0, math.log(2.0)]]])
    squared = (0.25 + 1.0) / 2
    divergence = (0.5 * 1.0 + 0.5 * (4.0 - 1.0 - 2.0 * math.log(2.0))) / 2
    loss = networks.vae_loss(reconstruction, actions, mean, log_std, 0.5)
    assert loss.tolist() == pytest.approx([squared + 0.5 * divergence])


def test_mmd_against_loops() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 3, 2)), rng.normal(size=(2, 4, 2))

    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        return math.exp(-float(np.abs(x - y).sum()) / (2 * 1.5))

    expected = []
    for a, b in zip(first, second):
        within_a = np.mean([kernel(x, y) for x in a for y in a])
        within_b = np.mean([kernel(x, y) for x in b for y in b])
        between = np.mean([kernel(x, y) for x in a for y in b])
        expected.append(math.sqrt(within_a + within_b - 2 * between + 1e-6))
    mmd = networks.laplacian_mmd(torch.tensor(first), torch.tensor(second), 1.5)
    assert mmd.tolist() == pytest.approx(expected)
    same = networks.laplacian_mmd(torch.tensor(first), torch.tensor(first), 1.5)
    assert same.tolist() == pytest.approx([1e-3, 1e-3])


def test_q_loss_is_normalised_by_the_other_critic_without_gradient() -> None:
    values = torch.tensor([[[1.0, -3.0], [2.0, 6.0]], [[1.0, -3.0], [2.0, 6.0]]], requires_grad=True)
    loss = networks.normalised_q_loss(values, torch.tensor([1.0, 0.0]), eta=2.5)
    assert loss.tolist() == pytest.approx([-2.5 * -1.0 / 4.0, -2.5 * 4.0 / 2.0])
    (gradient,) = torch.autograd.grad(loss.sum(), values)
    expected = [[[-2.5 / 4 / 2] * 2, [0.0] * 2], [[0.0] * 2, [-2.5 / 2 / 2] * 2]]
    assert gradient.tolist() == expected


# --- Policies ---


def test_sinusoidal_embedding_by_hand() -> None:
    rows = networks.sinusoidal_embedding(3, 4).tolist()
    for step, row in enumerate(rows):
        expected = [math.sin(step), math.sin(1e-4 * step), math.cos(step), math.cos(1e-4 * step)]
        assert row == pytest.approx(expected, abs=1e-7)
