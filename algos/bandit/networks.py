"""Networks and losses of the bandit's policies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from algos.bandit.settings import ACTION_DIM, STATE_DIM, Settings
from algos.seed_parallel.adam import Adam
from algos.seed_parallel.networks import MLP
from algos.seed_parallel.parameters import ParameterGroup, initialise, repeat_copies
from algos.seed_parallel.random_streams import RandomInput, SeedStreams


def vae_loss(
    reconstruction: Tensor, actions: Tensor, mean: Tensor, log_std: Tensor, kl_weight: float
) -> Tensor:
    """Squared error plus the weighted KL divergence to N(0, I), both means over all dimensions, ``[K]``.

    KL per dimension: -(1 + 2 log s - m^2 - s^2) / 2 (released bc_cvae.py:105-108).
    """
    squared_error = (reconstruction - actions).square().mean(dim=(1, 2))
    divergence = -0.5 * (1.0 + 2.0 * log_std - mean.square() - torch.exp(2.0 * log_std)).mean(dim=(1, 2))
    return squared_error + kl_weight * divergence


def laplacian_mmd(first: Tensor, second: Tensor, sigma: float) -> Tensor:
    """Maximum mean discrepancy under exp(-|x - y|_1 / (2 sigma)), ``[S]``.

    The biased estimate with the pairs of a sample with itself, and its square root after adding 1e-6
    (released bc_mmd.py:134-148, from BEAR).

    Args:
        first: S sets of samples ``[S, n, d]``.
        second: ``[S, m, d]``.
        sigma: width of the kernel.
    """

    def mean_kernel(left: Tensor, right: Tensor) -> Tensor:
        distance = (left.unsqueeze(2) - right.unsqueeze(1)).abs().sum(dim=-1)
        return torch.exp(-distance / (2.0 * sigma)).mean(dim=(1, 2))

    within = mean_kernel(first, first) + mean_kernel(second, second)
    return (within - 2.0 * mean_kernel(first, second) + 1e-6).sqrt()


def normalised_q_loss(values: Tensor, coin: Tensor, eta: float) -> Tensor:
    """-eta mean(Q_i) / mean|Q_j|, no gradient through the divisor, ``[K]``.

    Args:
        values: both Q of the policy's actions, ``[K, 2, B]``.
        eta: weight of the term.
        coin: ``[K]``; 1 takes Q_1 over |Q_2|, 0 the reverse (released ql_diffusion.py:172-177).
    """
    means = values.mean(dim=2)
    scales = values.detach().abs().mean(dim=2)
    return -eta * torch.where(coin > 0.5, means[:, 0] / scales[:, 1], means[:, 1] / scales[:, 0])


def with_state(inputs: Tensor) -> Tensor:
    """Append the state (0, 0) to every row."""
    return F.pad(inputs, (0, STATE_DIM))


class Critic:
    """Two Q(s, a), three hidden layers, Mish, regressed on the reward: no bootstrapping in a bandit."""

    def __init__(self, settings: Settings) -> None:
        width = settings.hidden_width
        self.network = MLP((ACTION_DIM + STATE_DIM, width, width, width, 1), "mish")
        self.group = ParameterGroup(self.network.shapes(), 1, copies=2)
        initialise(self.group, SeedStreams((settings.seed,), "bandit/critic/initialise"), "torch_default")
        self.optimiser = Adam(self.group, settings.learning_rate)

    def values(self, parameters: Mapping[str, Tensor], actions: Tensor) -> Tensor:
        """Both Q of actions ``[K, B, 2]``, ``[K, 2, B]``."""
        outputs = self.network(parameters, repeat_copies(with_state(actions), 2))
        return outputs.squeeze(-1).view(actions.shape[0], 2, -1)

    def of_policy(self, actions: Tensor) -> Tensor:
        """As `values`, with gradient for the actions alone."""
        return self.values(self.group.frozen, actions)

    def update(self, actions: Tensor, rewards: Tensor) -> None:
        """One step of both mean squared errors; `rewards` is ``[K, B]``."""
        values = self.values(self.group.parameters, actions)
        loss = (values - rewards.unsqueeze(1)).square().mean(dim=2).sum(dim=1)
        self.group.backward(loss.sum())
        self.optimiser.step()


class CVAE:
    """A conditional variational auto-encoder of the data's actions (BCQ; released bc_cvae.py)."""

    LOG_STD_RANGE = (-4.0, 15.0)

    def __init__(self, settings: Settings) -> None:
        width = settings.hidden_width
        self.settings = settings
        self.encoder = MLP(
            (ACTION_DIM + STATE_DIM, width, width, 2 * settings.latent_dim), "relu", "encoder_"
        )
        self.decoder = MLP((settings.latent_dim + STATE_DIM, width, width, ACTION_DIM), "relu", "decoder_")
        self.group = ParameterGroup({**self.encoder.shapes(), **self.decoder.shapes()}, 1)
        initialise(self.group, SeedStreams((settings.seed,), "bandit/cvae/initialise"), "torch_default")
        self.optimiser = Adam(self.group, settings.learning_rate)

    def random_inputs(self) -> list[RandomInput]:
        """The random inputs of one update."""
        return [RandomInput("latent_noise", "normal", (self.settings.batch_size, self.settings.latent_dim))]

    def update(self, actions: Tensor, draw: Mapping[str, Tensor]) -> None:
        """One step on a batch."""
        parameters = self.group.parameters
        mean, log_std = self.encoder(parameters, with_state(actions)).chunk(2, dim=-1)
        log_std = log_std.clamp(*self.LOG_STD_RANGE)
        latents = mean + torch.exp(log_std) * draw["latent_noise"]
        reconstruction = torch.tanh(self.decoder(parameters, with_state(latents)))
        loss = vae_loss(reconstruction, actions, mean, log_std, self.settings.kl_weight)
        self.group.backward(loss.sum())
        self.optimiser.step()

    @torch.no_grad()
    def decode(self, noise: Tensor) -> Tensor:
        """Actions before the tanh, ``[K, B, 2]``, of standard normal `noise`, clipped as latents are."""
        clip = self.settings.latent_clip
        return self.decoder(self.group.frozen, with_state(noise.clamp(-clip, clip)))

    def sample(self, noise: Tensor) -> Tensor:
        """Actions ``[K, B, 2]`` for standard normal ``[K, B, latents]``."""
        return torch.tanh(self.decode(noise))


class Shared(NamedTuple):
    """What a policy's update may look at: the batch ``[1, B, 2]`` and the networks just updated."""

    actions: Tensor
    critic: Critic
    cvae: CVAE


def sinusoidal_embedding(diffusion_steps: int, size: int) -> Tensor:
    """Sines, then cosines of steps 0..N-1 at `size` / 2 frequencies from 1 to 1e-4, ``[N, size]``."""
    half = size // 2
    frequencies = torch.exp(torch.arange(half, dtype=torch.float64) * (-np.log(10_000.0) / (half - 1)))
    angles = torch.arange(diffusion_steps, dtype=torch.float64)[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1).float()
