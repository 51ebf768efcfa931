"""A pair of critics Q(s, a) with their targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from algos.seed_parallel.batches import ProblemSpec
from algos.seed_parallel.networks import MLP
from algos.seed_parallel.parameters import ParameterGroup, initialise, repeat_copies
from algos.seed_parallel.random_streams import SeedStreams


@dataclass(frozen=True)
class CriticSpec:
    """How a pair of critics is built.

    Attributes:
        hidden_sizes: widths of the hidden layers.
        activation: name in `algos.seed_parallel.networks.ACTIVATIONS`.
        initialiser: name in `algos.seed_parallel.parameters.INITIALISERS`.
        last_initialiser: of the last layer; None for the same.
        layer_norm: whether each hidden layer is normalised after its activation.
    """

    hidden_sizes: Sequence[int]
    activation: str = "relu"
    initialiser: str = "torch_default"
    last_initialiser: str | None = None
    layer_norm: bool = False


class TwinCritic:
    """Two critics per seed and the target pair.

    Args:
        problem: widths of the task.
        spec: how they are built.
        streams: that the weights are drawn from, on the CPU.
        device: where the parameters are.
    """

    def __init__(
        self, problem: ProblemSpec, spec: CriticSpec, streams: SeedStreams, device: torch.device
    ) -> None:
        sizes = (problem.observation_dim + problem.action_dim, *spec.hidden_sizes, 1)
        self.network = MLP(sizes, spec.activation, layer_norm=spec.layer_norm)
        self.group = ParameterGroup(self.network.shapes(), len(streams), device, copies=2)
        initialise(self.group, streams, spec.initialiser, self.network.names[:-1])
        initialise(self.group, streams, spec.last_initialiser or spec.initialiser, self.network.names[-1:])
        self.network.start_norms(self.group)
        self.target_group = self.group.duplicate()
        self._first = 2 * torch.arange(len(streams), device=device)

    def __call__(self, parameters: Mapping[str, Tensor], state_actions: Tensor) -> Tensor:
        """Both Q(s, a), ``[K, 2, B]``, for ``[K, B, d + a]``."""
        values = self.network(parameters, repeat_copies(state_actions, 2)).squeeze(-1)
        return values.view(state_actions.shape[0], 2, -1)

    def groups(self) -> dict[str, ParameterGroup]:
        """What training changes, by the names in a run's state."""
        return {"critic": self.group, "target_critic": self.target_group}

    def first(self, state_actions: Tensor) -> Tensor:
        """Q_1(s, a), ``[K, B]``, with no gradient for its weights."""
        return self.network(self.group.rows(self._first), state_actions).squeeze(-1)

    def of_one(self, coin: Tensor, state_actions: Tensor) -> Tensor:
        """Q(s, a) of one critic per seed, ``[K, B]``: the first where `coin` ``[K]`` is 1, else the second.

        No gradient for its weights. What a coin leaves out is not computed, above all not backwards.
        """
        pairs = 2 * torch.arange(len(coin), device=coin.device)
        picked = self.group.rows(torch.where(coin > 0.5, pairs, pairs + 1))
        return self.network(picked, state_actions).squeeze(-1)
