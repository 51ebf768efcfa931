"""Momentum against TensorFlow's formula, by hand."""

import pytest
import torch

from algos.seed_parallel.momentum import Momentum
from algos.seed_parallel.parameters import ParameterGroup


def stepped(group, optimiser, gradients):
    for gradient in gradients:
        group.gradient.fill_(gradient)
        optimiser.step()


def test_two_steps_by_hand():
    group = ParameterGroup({"x": (1,)}, 1)
    stepped(group, Momentum(group, 0.1, 0.5), [1.0, 2.0])
    # v: 1, then 0.5 + 2; x: -0.1, then -0.1 - 0.25.
    assert group.frozen["x"].item() == pytest.approx(-0.35)


def test_a_state_carries_the_velocity():
    whole, half = (ParameterGroup({"x": (3,)}, 2) for _ in "12")
    one, other = Momentum(whole, 0.3, 0.9), Momentum(half, 0.3, 0.9)
    stepped(whole, one, [1.0, -2.0, 0.5])
    stepped(half, other, [1.0, -2.0])
    again = Momentum(half, 0.3, 0.9)
    again.load(other.state())
    stepped(half, again, [0.5])
    assert torch.equal(whole.flat, half.flat)
