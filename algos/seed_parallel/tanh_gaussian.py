"""A tanh-Gaussian actor with a state-dependent deviation (SAC, CQL)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from algos.seed_parallel.actors import gaussian_log_density
from algos.seed_parallel.batches import ProblemSpec
from algos.seed_parallel.networks import MLP
from algos.seed_parallel.parameters import ParameterGroup, initialise
from algos.seed_parallel.random_streams import SeedStreams

# Actions of the data are clipped to +-(1 - this) before their arctanh is taken.
EDGE = 1e-6


@dataclass(frozen=True)
class TanhGaussianSpec:
    """How a tanh-Gaussian actor is built.

    Attributes:
        hidden_sizes: widths of the hidden layers.
        log_std_range: the log standard deviation is clipped to it.
        initialisers: names in `algos.seed_parallel.parameters.INITIALISERS`, of the hidden layers and of the
            last.
        learnt_scale: whether the network's log-std is multiplied by one learnt number and shifted by
            another, 1 and -1 at the start (JaxCQL, CORL).
        mean_limit: the mean before the tanh is clipped to +- this; None for no clip.
    """

    hidden_sizes: Sequence[int]
    log_std_range: tuple[float, float]
    initialisers: tuple[str, str]
    learnt_scale: bool
    mean_limit: float | None = None


class TanhGaussianActor:
    """a = tanh(m(s) + exp(l(s)) z), z standard normal.

    Args:
        problem: widths of the task.
        spec: how it is built.
        streams: that the weights are drawn from, on the CPU.
        device: where the parameters are.
    """

    def __init__(
        self, problem: ProblemSpec, spec: TanhGaussianSpec, streams: SeedStreams, device: torch.device
    ) -> None:
        self.spec = spec
        self.network = MLP((problem.observation_dim, *spec.hidden_sizes, 2 * problem.action_dim), "relu")
        shapes: dict[str, tuple[int, ...]] = dict(self.network.shapes())
        if spec.learnt_scale:
            shapes |= {"log_std.scale": (1,), "log_std.shift": (1,)}
        self.group = ParameterGroup(shapes, len(streams), device)
        initialise(self.group, streams, spec.initialisers[0], self.network.names[:-1])
        initialise(self.group, streams, spec.initialisers[1], self.network.names[-1:])
        if spec.learnt_scale:
            self.group.frozen["log_std.scale"].fill_(1.0)
            self.group.frozen["log_std.shift"].fill_(-1.0)

    def moments(self, parameters: Mapping[str, Tensor], observations: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-std before the tanh, ``[K, B, a]`` each, clipped."""
        mean, log_std = self.network(parameters, observations).chunk(2, dim=-1)
        if self.spec.learnt_scale:
            scale, shift = parameters["log_std.scale"], parameters["log_std.shift"]
            log_std = log_std * scale.unsqueeze(1) + shift.unsqueeze(1)
        if self.spec.mean_limit is not None:
            mean = mean.clamp(-self.spec.mean_limit, self.spec.mean_limit)
        return mean, log_std.clamp(*self.spec.log_std_range)

    def sample(
        self, parameters: Mapping[str, Tensor], observations: Tensor, noise: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Actions and their log-densities.

        Args:
            parameters: of the actor.
            observations: ``[K, B, d]``.
            noise: standard normal, ``[K, B, a]`` or, for several actions a state, ``[K, B, n, a]``.

        Returns:
            Actions of the noise's shape, and log pi without the last axis.
        """
        mean, log_std = self.moments(parameters, observations)
        if noise.dim() == 4:
            mean, log_std = mean.unsqueeze(2), log_std.unsqueeze(2)
        raw = mean + torch.exp(log_std) * noise
        density = gaussian_log_density(raw, mean, log_std)
        return torch.tanh(raw), density - log_tanh_slope(raw).sum(dim=-1)

    def log_density(self, parameters: Mapping[str, Tensor], observations: Tensor, actions: Tensor) -> Tensor:
        """Log pi(a | s), ``[K, B]``, of given actions ``[K, B, a]``."""
        mean, log_std = self.moments(parameters, observations)
        raw = torch.atanh(actions.clamp(-1.0 + EDGE, 1.0 - EDGE))
        return gaussian_log_density(raw, mean, log_std) - log_tanh_slope(raw).sum(dim=-1)

    @torch.no_grad()
    def mode(self, observations: Tensor) -> Tensor:
        """tanh of the mean, which is evaluated."""
        return torch.tanh(self.moments(self.group.frozen, observations)[0]).clamp(-1.0, 1.0)


def log_tanh_slope(raw: Tensor) -> Tensor:
    """Log of d tanh(u) / du = 1 - tanh(u)^2, without loss of digits, elementwise."""
    return 2.0 * (math.log(2.0) - raw - F.softplus(-2.0 * raw))
