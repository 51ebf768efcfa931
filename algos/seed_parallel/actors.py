"""Actors that several methods share: a Gaussian one (IQL, BC) and a deterministic one (TD3+BC, ReBRAC)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from algos.seed_parallel.batches import ProblemSpec
from algos.seed_parallel.networks import MLP
from algos.seed_parallel.parameters import ParameterGroup, initialise
from algos.seed_parallel.random_streams import RandomInput, SeedStreams


def gaussian_log_density(actions: Tensor, mean: Tensor, log_std: Tensor) -> Tensor:
    """Log N(actions; mean, diag(exp(log_std))^2), summed over the last axis."""
    standardised = (actions - mean) * torch.exp(-log_std)
    return (-0.5 * standardised.square() - log_std - 0.5 * math.log(2.0 * math.pi)).sum(dim=-1)


@dataclass(frozen=True)
class GaussianSpec:
    """How a Gaussian actor is built.

    Attributes:
        hidden_sizes: widths of the hidden layers.
        dropout: probability of a zero after each hidden relu; None for no dropout.
        log_std_range: the log standard deviation is clipped to it where it is used.
        initialiser: name in `algos.seed_parallel.parameters.INITIALISERS`.
        squashed: whether the mean is the tanh of the network's output.
    """

    hidden_sizes: Sequence[int]
    dropout: float | None
    log_std_range: tuple[float, float]
    initialiser: str
    squashed: bool = True

    @classmethod
    def from_hyperparameters(cls, values: Mapping[str, Any]) -> GaussianSpec:
        """From the hyperparameters that IQL and BC share."""
        log_std_range = (values["log_std_min"], values["log_std_max"])
        return cls(values["hidden_sizes"], values["dropout"], log_std_range, values["initialiser"])


class GaussianActor:
    """tanh mean, one free log-std vector, no squashing (released policy.py:29-63, learner.py:77-83).

    Args:
        problem: widths of the task.
        spec: how it is built.
        streams: that its weights are drawn from, on the CPU.
        device: where the parameters are.
    """

    def __init__(
        self, problem: ProblemSpec, spec: GaussianSpec, streams: SeedStreams, device: torch.device
    ) -> None:
        sizes = (problem.observation_dim, *spec.hidden_sizes, problem.action_dim)
        self.network = MLP(sizes, "relu")
        shapes = {**self.network.shapes(), "log_std": (problem.action_dim,)}
        self.group = ParameterGroup(shapes, len(streams), device)
        initialise(self.group, streams, spec.initialiser)
        self.hidden_sizes = tuple(spec.hidden_sizes)
        self.dropout = spec.dropout or 0.0
        self.squashed = spec.squashed
        self.log_std_range = spec.log_std_range

    def random_inputs(self, batch_size: int) -> list[RandomInput]:
        """Dropout masks of one update."""
        if not self.dropout:
            return []
        return [
            RandomInput(f"dropout{i}", "bernoulli", (batch_size, width), probability=1.0 - self.dropout)
            for i, width in enumerate(self.hidden_sizes)
        ]

    def log_density(self, observations: Tensor, actions: Tensor, draw: Mapping[str, Tensor]) -> Tensor:
        """Log pi(a | s), ``[K, B]``, with dropout as in training."""
        masks = [draw[f"dropout{i}"] for i in range(len(self.hidden_sizes))] if self.dropout else None
        outputs = self.network(self.group.parameters, observations, masks, 1.0 - self.dropout)
        log_std = self.group["log_std"].clamp(*self.log_std_range).unsqueeze(1)
        return gaussian_log_density(actions, self._mean(outputs), log_std)

    def _mean(self, outputs: Tensor) -> Tensor:
        return torch.tanh(outputs) if self.squashed else outputs

    @torch.no_grad()
    def sample(self, observations: Tensor, noise: Tensor) -> Tensor:
        """Actions ``[K, B, a]``, clipped to [-1, 1], from standard normal noise of that shape."""
        mean = self._mean(self.network(self.group.frozen, observations))
        log_std = self.group.frozen["log_std"].clamp(*self.log_std_range).unsqueeze(1)
        return (mean + torch.exp(log_std) * noise).clamp(-1.0, 1.0)

    @torch.no_grad()
    def mode(self, observations: Tensor) -> Tensor:
        """The mean action, which is evaluated (released evaluation.py:16, learner.py:124)."""
        return self._mean(self.network(self.group.frozen, observations)).clamp(-1.0, 1.0)


class TanhActor:
    """A deterministic actor, tanh of a relu network, and its target (TD3+BC, ReBRAC).

    Args:
        problem: widths of the task.
        hidden_sizes: widths of the hidden layers.
        initialisers: names in `algos.seed_parallel.parameters.INITIALISERS`, of the hidden layers and of the
            last.
        streams: that the weights are drawn from, on the CPU.
        device: where the parameters are.
    """

    def __init__(
        self,
        problem: ProblemSpec,
        hidden_sizes: Sequence[int],
        initialisers: tuple[str, str],
        streams: SeedStreams,
        device: torch.device,
    ) -> None:
        self.network = MLP((problem.observation_dim, *hidden_sizes, problem.action_dim), "relu")
        self.group = ParameterGroup(self.network.shapes(), len(streams), device)
        initialise(self.group, streams, initialisers[0], self.network.names[:-1])
        initialise(self.group, streams, initialisers[1], self.network.names[-1:])
        self.target_group = self.group.duplicate()

    def __call__(self, parameters: Mapping[str, Tensor], observations: Tensor) -> Tensor:
        """Actions ``[K, B, a]`` in (-1, 1)."""
        return torch.tanh(self.network(parameters, observations))

    def groups(self) -> dict[str, ParameterGroup]:
        """What training changes, by the names in a run's state."""
        return {"actor": self.group, "target_actor": self.target_group}

    def smoothed_target(self, observations: Tensor, noise: Tensor, scale: float, clip: float) -> Tensor:
        """TD3's next action: the target actor's, plus clipped noise, clipped to [-1, 1].

        Args:
            observations: ``[K, B, d]``.
            noise: standard normal, ``[K, B, a]``.
            scale: of the noise.
            clip: largest noise after scaling.
        """
        actions = self(self.target_group.frozen, observations)
        return (actions + (noise * scale).clamp(-clip, clip)).clamp(-1.0, 1.0)
