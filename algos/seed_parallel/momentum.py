"""Gradient descent with momentum for K networks at once."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from algos.seed_parallel.parameters import ParameterGroup


class Momentum:
    """Heavy-ball descent over a group's flat buffer, as TensorFlow's `MomentumOptimizer` does it.

    ``v <- momentum v + g; x <- x - rate v``. Elementwise: stacked seeds are stepped as each would be alone.

    Args:
        group: whose parameters are stepped.
        learning_rate: of every step.
        momentum: share of the last step's velocity that is kept, in [0, 1).
    """

    def __init__(self, group: ParameterGroup, learning_rate: float, momentum: float) -> None:
        self.group = group
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.velocity = torch.zeros_like(group.flat)

    @torch.no_grad()
    def step(self) -> None:
        """One step along `group.gradient`."""
        self.velocity.mul_(self.momentum).add_(self.group.gradient)
        self.group.flat.add_(self.velocity, alpha=-self.learning_rate)

    def state(self) -> dict[str, Tensor]:
        """A copy of the velocity, on the CPU."""
        return {"velocity": self.velocity.cpu()}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Continue from `state`."""
        self.velocity.copy_(tensors["velocity"])
