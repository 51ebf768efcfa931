"""The toy of Diffusion-QL's section 4 (arXiv 2208.06193): a bandit whose actions have four modes.

    python -m algos.bandit --size full --seed 0 --output results/bandit
    python -m algos.bandit --size reduced --seed 0 --output results/bandit

``--size full`` is the released setting, 100,000 updates; ``--size reduced`` is a small one for a
first look, and says so in everything it writes. ``--updates n`` replaces the size's number of updates,
``--policy-batch n`` its draws per update from a policy; ``--workers n`` trains in that many processes of
one thread each, to the same bytes. Written to the folder, each file aside and moved:

``samples.parquet``  method, train_steps (N; 0 without diffusion), index, x, y, reward (of data rows)
``numbers.csv``      one row per method and N: where 1,000 samples lie, and what they would earn
``config.json``      every constant, and in `reduced` what was cut (null for the released setting)

``python -m paper_tables.bandit_figures`` draws them. The state is always (0, 0), so a policy is one
distribution over actions in [-1, 1]^2. The first row of the paper's figure clones the data; the second
also climbs Q, which regresses on the reward: nothing is bootstrapped.

Constants are those of Zhendong-Wang/Diffusion-Policies-for-Offline-RL@d871f5c, `run_toy_bc.py`,
`run_toy_ql.py` and `toy_experiments/` ("released" below). Two departures, neither of which changes what
a method is: all methods see one stream of batches, and one critic and one CVAE serve all of them (each
released agent trains its own on the same data by the same losses, which no policy enters); and a head
that sees the state alone is computed once per update rather than once per row.
"""

from __future__ import annotations

import abc
import argparse
import csv
import multiprocessing
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
import torch.nn.functional as F
from torch import Tensor

from algos import kernels
from algos.diffusion import Diffusion, noise_loss
from algos.iql import gaussian_log_density
from algos.networks import MLP, Adam, ParameterGroup, initialise, linear, mish, repeat_copies
from algos.progress import Progress
from algos.runstate import save_json, written_aside
from algos.seeding import CHUNK_UPDATES, ChunkedDraws, Draw, SeedStreams

STATE_DIM = 2  # (0, 0), kept in the networks' inputs because it is in the fan-in of their initialisation
ACTION_DIM = 2
# Through a chain of products this small, torch's own form is the faster one (43 ms against 57 ms per
# update of Diffusion-QL with N = 50).
KERNELS = "plain"


class BanditError(ValueError):
    """The toy was asked for something that it cannot do; the message is one sentence."""


# --- Hyperparameters ---


class Mode(NamedTuple):
    """One of the four clusters of actions."""

    name: str
    centre: tuple[float, float]
    reward_mean: float


# Released run_toy_bc.py:58-68, run_toy_ql.py:35-62, in the order of their data.
MODES = (
    Mode("left_up", (-0.8, 0.8), 3.0),
    Mode("left_bottom", (-0.8, -0.8), 0.0),
    Mode("right_up", (0.8, 0.8), 1.5),
    Mode("right_bottom", (0.8, -0.8), 5.0),
)
ACTION_SD = 0.05  # of the actions around a centre, per axis
REWARD_SD = 0.5
# Samples nearer to a centre than this, four standard deviations, count as that mode's.
MODE_RADIUS = 0.2


@dataclass(frozen=True)
class Settings:
    """Every constant of a run; the defaults are the released setting."""

    seed: int = 0
    updates: int = 100_000  # 1,000 epochs of 100
    num_data: int = 10_000
    batch_size: int = 100
    policy_batch: int = 100  # actions drawn from a policy per update, for its Q term or its MMD
    num_samples: int = 1_000  # drawn from each trained policy
    hidden_width: int = 128
    time_dim: int = 4  # of the embedding of the diffusion step
    learning_rate: float = 3e-4  # Adam's, of every network but the next
    gaussian_learning_rate: float = 3e-4  # of BC-MLE and TD3+BC
    schedule: str = "vp"
    train_steps: tuple[int, ...] = (2, 5, 10, 20, 50)  # N; the released scripts have 50
    eta: float = 2.5  # of the normalised Q term, TD3+BC and Diffusion-QL
    q_interval: int = 1  # Diffusion-QL has its Q term, times this, every so many updates
    latent_dim: int = 4  # of the CVAE, twice the action's
    latent_clip: float = 0.5  # latents drawn from the prior are clipped to it
    kl_weight: float = 0.5
    log_std_min: float = -20.0  # of the Gaussian policy (released bc_mle.py:10-11)
    log_std_max: float = 2.0
    # MMD as released (bc_mmd.py:115-145), which is BEAR's for its hardest tasks (Kumar et al. 2019,
    # appendix: Laplacian kernel, sigma 20, raw actions before the tanh).
    mmd_samples: int = 10
    mmd_sigma: float = 20.0
    # BEAR (released ql_mmd.py): eta is left at its default there, which is not the 2.5 of the others.
    bear_eta: float = 1.0
    bear_threshold: float = 0.05  # epsilon of the constraint MMD <= epsilon
    bear_multiplier_rate: float = 1e-3  # Adam's, of the log multiplier
    bear_log_multiplier_min: float = -5.0
    bear_log_multiplier_max: float = 10.0
    # BCQ (released ql_cvae.py; Fujimoto et al. 2019, appendix): largest perturbation. Candidates are
    # the paper's 10 (algorithm 1).
    bcq_perturbation: float = 0.05
    bcq_candidates: int = 10


# What `--size` stands for. Most of the released setting's time goes into Diffusion-QL's chains. The
# reduced one draws fewer actions and has the Q term in one update of five, five times as large: the
# state is always the same, so that the gradient's mean stays, only its noise grows. Few updates need
# larger rates; at 3e-3 a Gaussian with a Q term runs away before the critic bends, at 1e-3 it does not.
SIZES: dict[str, dict[str, Any]] = {
    "full": {},
    "reduced": {
        "updates": 2_500,
        "policy_batch": 25,
        "q_interval": 5,
        "learning_rate": 3e-3,
        "gaussian_learning_rate": 1e-3,
    },
}


def resolve_settings(
    size: str, seed: int = 0, updates: int | None = None, policy_batch: int | None = None
) -> Settings:
    """The settings of a size, with what was asked for in place of its own.

    Raises:
        BanditError: an unknown size or a number out of range.
    """
    if size not in SIZES:
        raise BanditError(f"unknown size {size!r}; allowed are {', '.join(SIZES)}")
    settings = replace(Settings(seed=seed), **SIZES[size])
    if updates is not None:
        settings = replace(settings, updates=updates)
    if policy_batch is not None:
        settings = replace(settings, policy_batch=policy_batch)
    if seed < 0:
        raise BanditError(f"the seed is {seed}; allowed are integers from 0")
    if settings.updates < 1:
        raise BanditError(f"the number of updates is {settings.updates}; allowed are integers from 1")
    if not 1 <= settings.policy_batch <= settings.batch_size:
        raise BanditError(
            f"the policy batch is {settings.policy_batch}; allowed are integers from 1 to "
            f"{settings.batch_size}, the batch size"
        )
    return settings


def reduction(settings: Settings) -> str | None:
    """What was cut from the released setting, in words; None where nothing was."""
    released = Settings()
    cuts = []
    if settings.updates < released.updates:
        cuts.append(f"{settings.updates:,} updates of {released.updates:,}")
    if settings.policy_batch < released.policy_batch:
        cuts.append(f"{settings.policy_batch} draws from a policy per update of {released.policy_batch}")
    if settings.q_interval > released.q_interval:
        cuts.append(f"Diffusion-QL's Q term every {settings.q_interval} updates")
    if settings.learning_rate != released.learning_rate:
        cuts.append(f"learning rate {settings.learning_rate:g} for {released.learning_rate:g}")
    if settings.gaussian_learning_rate != released.gaussian_learning_rate:
        cuts.append(f"of the Gaussians {settings.gaussian_learning_rate:g}")
    return "; ".join(cuts) or None


# --- Data ---


class Data(NamedTuple):
    """Actions ``[n, 2]`` and rewards ``[n]`` of the bandit, a quarter of the rows from each mode."""

    actions: Tensor
    rewards: Tensor


def make_data(settings: Settings) -> Data:
    """Actions from N(centre, 0.05^2) clipped to [-1, 1], rewards from N(mean, 0.5^2), mode by mode."""
    streams = SeedStreams((settings.seed,), "bandit/data")
    count = settings.num_data // len(MODES)
    actions, rewards = [], []
    for mode in MODES:
        centre = torch.tensor(mode.centre)
        actions.append((centre + ACTION_SD * streams.normal(count, ACTION_DIM)[0]).clamp(-1.0, 1.0))
        rewards.append(mode.reward_mean + REWARD_SD * streams.normal(count)[0])
    return Data(torch.cat(actions), torch.cat(rewards))


# --- Losses ---


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
        coin: ``[K]``; 1 takes Q_1 over |Q_2|, 0 the reverse (released ql_diffusion.py:172-177).
    """
    means = values.mean(dim=2)
    scales = values.detach().abs().mean(dim=2)
    return -eta * torch.where(coin > 0.5, means[:, 0] / scales[:, 1], means[:, 1] / scales[:, 0])


# --- What the methods share ---


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

    def draws(self) -> list[Draw]:
        return [Draw("latent_noise", "normal", (self.settings.batch_size, self.settings.latent_dim))]

    def update(self, actions: Tensor, draw: Mapping[str, Tensor]) -> None:
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


# --- The methods ---


class Policy(abc.ABC):
    """A policy and its update; the leading axis K is 1, the toy's one seed.

    Args:
        name: method, as in the tables.
        train_steps: N; 0 without diffusion.
    """

    # Shared networks that its update or its sample looks at; one that no policy needs is not trained.
    uses_critic = False
    uses_cvae = False

    def __init__(self, settings: Settings, name: str, train_steps: int = 0) -> None:
        self.settings = settings
        self.name = name
        self.train_steps = train_steps

    def streams(self, purpose: str) -> SeedStreams:
        """The policy's own stream for `purpose`, independent of which others are trained beside it."""
        path = f"bandit/{self.name}/{self.train_steps}/{purpose}"
        return SeedStreams((self.settings.seed,), path)

    def build_group(self, shapes: Mapping[str, Sequence[int]]) -> ParameterGroup:
        """Parameters with torch's default initialisation."""
        group = ParameterGroup(shapes, 1)
        initialise(group, self.streams("initialise"), "torch_default")
        return group

    @abc.abstractmethod
    def draws(self) -> list[Draw]:
        """The randomness of one update."""

    @abc.abstractmethod
    def update(self, shared: Shared, draw: Mapping[str, Tensor]) -> None:
        """One update in place."""

    @abc.abstractmethod
    def sample(self, shared: Shared, count: int, streams: SeedStreams) -> Tensor:
        """Actions ``[1, count, 2]`` of the trained policy."""


class GaussianPolicy(Policy):
    """A Gaussian: BC-MLE by maximum likelihood; with `eta` the figure's TD3+BC.

    Released bc_mle.py, ql_mle.py. TD3+BC (Fujimoto & Gu 2021, eq. 3-5) has a deterministic policy and a
    squared error; the toy keeps its normalised Q term with alpha = 2.5 and clones by likelihood.
    Samples are not clipped.
    """

    def __init__(self, settings: Settings, name: str, eta: float | None) -> None:
        super().__init__(settings, name)
        width = settings.hidden_width
        self.eta = eta
        self.uses_critic = eta is not None
        self.network = MLP((STATE_DIM, width, width, 2 * ACTION_DIM), "relu")
        self.group = self.build_group(self.network.shapes())
        self.optimiser = Adam(self.group, settings.gaussian_learning_rate)

    def heads(self, parameters: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Mean and log standard deviation, ``[K, 1, 2]`` each: the state is the same for every row."""
        outputs = self.network(parameters, torch.zeros(1, 1, STATE_DIM))
        mean, log_std = outputs.chunk(2, dim=-1)
        return mean, log_std.clamp(self.settings.log_std_min, self.settings.log_std_max)

    def draws(self) -> list[Draw]:
        if self.eta is None:
            return []
        return [
            Draw("action_noise", "normal", (self.settings.policy_batch, ACTION_DIM)),
            Draw("coin", "bernoulli", ()),
        ]

    def update(self, shared: Shared, draw: Mapping[str, Tensor]) -> None:
        mean, log_std = self.heads(self.group.parameters)
        loss = -gaussian_log_density(shared.actions, mean, log_std).mean(dim=1)
        if self.eta is not None:
            actions = mean + torch.exp(log_std) * draw["action_noise"]
            loss = loss + normalised_q_loss(shared.critic.of_policy(actions), draw["coin"], self.eta)
        self.group.backward(loss.sum())
        self.optimiser.step()

    @torch.no_grad()
    def sample(self, shared: Shared, count: int, streams: SeedStreams) -> Tensor:
        mean, log_std = self.heads(self.group.frozen)
        return mean + torch.exp(log_std) * streams.normal(count, ACTION_DIM)


class CVAEPolicy(Policy):
    """BC-CVAE, and the figure's BCQ: the shared CVAE itself, latents clipped when sampled."""

    uses_cvae = True

    def draws(self) -> list[Draw]:
        return []

    def update(self, shared: Shared, draw: Mapping[str, Tensor]) -> None:
        """Nothing: the CVAE is updated before the policies."""

    def sample(self, shared: Shared, count: int, streams: SeedStreams) -> Tensor:
        return shared.cvae.sample(streams.normal(count, self.settings.latent_dim))


class BCQ(Policy):
    """BCQ: the CVAE's actions, perturbed by at most `bcq_perturbation` towards higher Q_1.

    Sampled as the algorithm is described (Fujimoto et al. 2019, algorithm 1): 10 candidates, perturbed,
    the one of highest Q_1. Method `bcq_described`; what run_toy_ql.py draws into the figure as BCQ is
    the CVAE alone (``agent.vae.sample``), which neither the perturbation nor Q enters: method `bcq`, a
    `CVAEPolicy`.
    """

    uses_critic = True
    uses_cvae = True

    def __init__(self, settings: Settings, name: str) -> None:
        super().__init__(settings, name)
        width = settings.hidden_width
        self.network = MLP((ACTION_DIM + STATE_DIM, width, width, ACTION_DIM), "relu")
        self.group = self.build_group(self.network.shapes())
        self.optimiser = Adam(self.group, settings.learning_rate)

    def perturb(self, parameters: Mapping[str, Tensor], actions: Tensor) -> Tensor:
        shift = torch.tanh(self.network(parameters, with_state(actions)))
        return (actions + self.settings.bcq_perturbation * shift).clamp(-1.0, 1.0)

    def draws(self) -> list[Draw]:
        return [Draw("latent_noise", "normal", (self.settings.policy_batch, self.settings.latent_dim))]

    def update(self, shared: Shared, draw: Mapping[str, Tensor]) -> None:
        actions = shared.cvae.sample(draw["latent_noise"])
        values = shared.critic.of_policy(self.perturb(self.group.parameters, actions))
        self.group.backward(-values[:, 0].mean(dim=1).sum())
        self.optimiser.step()

    @torch.no_grad()
    def sample(self, shared: Shared, count: int, streams: SeedStreams) -> Tensor:
        candidates = self.settings.bcq_candidates
        latents = streams.normal(count * candidates, self.settings.latent_dim)
        actions = self.perturb(self.group.frozen, shared.cvae.sample(latents))
        values = shared.critic.of_policy(actions)[:, 0].view(count, candidates)
        best = values.argmax(dim=1)
        return actions.view(count, candidates, ACTION_DIM)[torch.arange(count), best].unsqueeze(0)


class MMDPolicy(Policy):
    """A squashed Gaussian matched to the CVAE's support by MMD: BC-MMD; with `eta` BEAR-MMD.

    Both sample sets of the discrepancy are raw (before the tanh) and their noise is clipped to +-0.5;
    actions for Q and for the figure are not (released bc_mmd.py:60-111, ql_mmd.py). In BEAR (Kumar et
    al. 2019, eq. 1) the discrepancy's weight is a multiplier that rises while MMD exceeds 0.05.
    """

    NOISE_CLIP = 0.5
    uses_cvae = True

    def __init__(self, settings: Settings, name: str, eta: float | None) -> None:
        super().__init__(settings, name)
        width = settings.hidden_width
        self.eta = eta
        self.uses_critic = eta is not None
        self.network = MLP((STATE_DIM, width, width, 2 * ACTION_DIM), "relu")
        self.group = self.build_group(self.network.shapes())
        self.optimiser = Adam(self.group, settings.learning_rate)
        self.multiplier_group = ParameterGroup({"log_multiplier": (1,)}, 1)
        # Released: a standard normal number.
        self.multiplier_group.flat[:, :1] = self.streams("multiplier").normal(1)
        self.multiplier_optimiser = Adam(self.multiplier_group, settings.bear_multiplier_rate)

    def heads(self, parameters: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation before the tanh, ``[K, 1, 2]`` each."""
        mean, log_std = self.network(parameters, torch.zeros(1, 1, STATE_DIM)).chunk(2, dim=-1)
        return mean, torch.exp(log_std)

    def draws(self) -> list[Draw]:
        s = self.settings
        draws = [
            Draw("latent_noise", "normal", (s.policy_batch * s.mmd_samples, s.latent_dim)),
            Draw("match_noise", "normal", (s.policy_batch, s.mmd_samples, ACTION_DIM)),
        ]
        if self.eta is not None:
            draws.append(Draw("action_noise", "normal", (s.policy_batch, ACTION_DIM)))
            draws.append(Draw("coin", "bernoulli", ()))
        return draws

    def discrepancy(self, mean: Tensor, std: Tensor, shared: Shared, draw: Mapping[str, Tensor]) -> Tensor:
        """MMD between the CVAE's samples and the policy's, mean over the batch, ``[K]``."""
        s = self.settings
        shape = (s.policy_batch, s.mmd_samples, ACTION_DIM)
        target = shared.cvae.decode(draw["latent_noise"]).view(shape)
        noise = draw["match_noise"][0].clamp(-self.NOISE_CLIP, self.NOISE_CLIP)
        return laplacian_mmd(target, mean + std * noise, s.mmd_sigma).mean().unsqueeze(0)

    def update(self, shared: Shared, draw: Mapping[str, Tensor]) -> None:
        mean, std = self.heads(self.group.parameters)
        discrepancy = self.discrepancy(mean, std, shared, draw)
        if self.eta is None:
            self.group.backward(discrepancy.sum())
            self.optimiser.step()
            return
        log_multiplier = self.multiplier_group["log_multiplier"]
        actions = torch.tanh(mean + std * draw["action_noise"])
        q_loss = normalised_q_loss(shared.critic.of_policy(actions), draw["coin"], self.eta)
        weight = torch.exp(log_multiplier.detach()).squeeze(-1)
        self.group.backward((weight * discrepancy + q_loss).sum())
        # Ascent of the multiplier, which the actor's loss used as it was.
        excess = discrepancy.detach() - self.settings.bear_threshold
        self.multiplier_group.backward(-(torch.exp(log_multiplier).squeeze(-1) * excess).sum())
        self.optimiser.step()
        self.multiplier_optimiser.step()
        self.multiplier_group.flat.clamp_(
            self.settings.bear_log_multiplier_min, self.settings.bear_log_multiplier_max
        )

    @torch.no_grad()
    def sample(self, shared: Shared, count: int, streams: SeedStreams) -> Tensor:
        mean, std = self.heads(self.group.frozen)
        return torch.tanh(mean + std * streams.normal(count, ACTION_DIM))


class DiffusionPolicy(Policy):
    """BC-Diffusion by the noise loss; with `eta` Diffusion-QL, whose Q term reaches through the chain.

    The network is Diffusion-QL's: [a_t, time, s], three hidden layers, Mish; time is a sinusoid of the
    step, Linear 2 x `time_dim`, Mish, Linear (released bc_diffusion.py:13-46). Steps are few and the
    state is fixed, so what the first layer makes of the time is computed once per step, not per row.
    A sample is one draw from the chain, without candidates (released ql_diffusion.py:203-206).
    """

    def __init__(self, settings: Settings, name: str, train_steps: int, eta: float | None) -> None:
        super().__init__(settings, name, train_steps)
        width, time_dim = settings.hidden_width, settings.time_dim
        self.eta = eta
        self.uses_critic = eta is not None
        self.num_updates = 0
        self.diffusion = Diffusion(settings.schedule, train_steps)
        self.sampler = self.diffusion.sampler("ddpm", ddpm_form="posterior")
        self.time_network = MLP((time_dim, 2 * time_dim, time_dim), "mish", "time_")
        self.network = MLP((ACTION_DIM + time_dim + STATE_DIM, width, width, width, ACTION_DIM), "mish")
        self.group = self.build_group({**self.time_network.shapes(), **self.network.shapes()})
        self.optimiser = Adam(self.group, settings.learning_rate)
        self.sinusoids = sinusoidal_embedding(train_steps, time_dim).unsqueeze(0)

    def predictor(
        self, parameters: Mapping[str, Tensor]
    ) -> tuple[Tensor, Callable[[Tensor, Tensor], Tensor]]:
        """The first layer's offset for every step ``[K, N, width]``, and the network given one.

        The network takes noisy actions ``[K, B, 2]`` and the offsets of their steps ``[K, B or 1, width]``.
        """
        first, *others = self.network.names
        weight, bias = parameters[f"{first}.weight"], parameters[f"{first}.bias"]
        action_weight = weight[:, :ACTION_DIM]
        time_weight = weight[:, ACTION_DIM : ACTION_DIM + self.settings.time_dim]
        offsets = linear(self.time_network(parameters, self.sinusoids), time_weight, bias)

        def predict(actions: Tensor, offset: Tensor) -> Tensor:
            hidden = torch.baddbmm(offset, actions, action_weight)
            for name in others:
                hidden = linear(mish(hidden), parameters[f"{name}.weight"], parameters[f"{name}.bias"])
            return hidden

        return offsets, predict

    def noise_loss(
        self,
        actions: Tensor,
        draw: Mapping[str, Tensor],
        offsets: Tensor,
        predict: Callable[[Tensor, Tensor], Tensor],
    ) -> Tensor:
        """Squared error of the predicted noise, mean over batch and dimensions, ``[K]``."""
        noisy = self.diffusion.q_sample(actions, draw["step"], draw["noise"])
        predicted = predict(noisy, offsets[:, draw["step"][0]])
        return noise_loss(predicted, draw["noise"], "mean").mean(dim=1)

    def chain(
        self, offsets: Tensor, predict: Callable[[Tensor, Tensor], Tensor], noises: Sequence[Tensor]
    ) -> Tensor:
        """Actions of the reverse process, all N steps; gradient passes where a0 is not clipped."""
        step_offsets = [offset.unsqueeze(1) for offset in offsets.unbind(dim=1)]
        steps = [int(time) for time in self.sampler.times]
        return self.sampler(lambda actions, call: predict(actions, step_offsets[steps[call]]), noises)

    def draws(self) -> list[Draw]:
        s = self.settings
        draws = [
            Draw("step", "integer", (s.batch_size,), high=self.train_steps),
            Draw("noise", "normal", (s.batch_size, ACTION_DIM)),
        ]
        if self.eta is not None:
            shape = (self.sampler.num_noises, s.policy_batch, ACTION_DIM)
            draws.append(Draw("chain_noise", "normal", shape))
            draws.append(Draw("coin", "bernoulli", ()))
        return draws

    def update(self, shared: Shared, draw: Mapping[str, Tensor]) -> None:
        offsets, predict = self.predictor(self.group.parameters)
        loss = self.noise_loss(shared.actions, draw, offsets, predict)
        interval = self.settings.q_interval
        if self.eta is not None and self.num_updates % interval == 0:
            actions = self.chain(offsets, predict, draw["chain_noise"].unbind(dim=1))
            values = shared.critic.of_policy(actions)
            loss = loss + normalised_q_loss(values, draw["coin"], interval * self.eta)
        self.num_updates += 1
        self.group.backward(loss.sum())
        self.optimiser.step()

    @torch.no_grad()
    def sample(self, shared: Shared, count: int, streams: SeedStreams) -> Tensor:
        offsets, predict = self.predictor(self.group.frozen)
        noises = streams.normal(self.sampler.num_noises, count, ACTION_DIM)
        return self.chain(offsets, predict, noises.unbind(dim=1))


def sinusoidal_embedding(train_steps: int, size: int) -> Tensor:
    """Sines, then cosines of steps 0..N-1 at `size` / 2 frequencies from 1 to 1e-4, ``[N, size]``."""
    half = size // 2
    frequencies = torch.exp(torch.arange(half, dtype=torch.float64) * (-np.log(10_000.0) / (half - 1)))
    angles = torch.arange(train_steps, dtype=torch.float64)[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1).float()


# Name of a policy in the tables, and N.
PolicyKey = tuple[str, int]


def policy_keys(settings: Settings) -> list[PolicyKey]:
    """Every trained policy, in the order of the figure: first row, second row; N from small to large."""
    first = ["bc_mle", "bc_cvae", "bc_mmd"]
    second = ["td3_bc", "bcq", "bcq_described", "bear_mmd"]
    return [
        *((name, 0) for name in first),
        *(("bc_diffusion", steps) for steps in settings.train_steps),
        *((name, 0) for name in second),
        *(("diffusion_ql", steps) for steps in settings.train_steps),
    ]


def build_policy(settings: Settings, key: PolicyKey) -> Policy:
    """The untrained policy of a key of `policy_keys`."""
    name, train_steps = key
    builders: dict[str, Callable[[], Policy]] = {
        "bc_mle": lambda: GaussianPolicy(settings, name, None),
        "bc_cvae": lambda: CVAEPolicy(settings, name),
        "bc_mmd": lambda: MMDPolicy(settings, name, None),
        "bc_diffusion": lambda: DiffusionPolicy(settings, name, train_steps, None),
        "td3_bc": lambda: GaussianPolicy(settings, name, settings.eta),
        "bcq": lambda: CVAEPolicy(settings, name),
        "bcq_described": lambda: BCQ(settings, name),
        "bear_mmd": lambda: MMDPolicy(settings, name, settings.bear_eta),
        "diffusion_ql": lambda: DiffusionPolicy(settings, name, train_steps, settings.eta),
    }
    return builders[name]()


# --- Training ---


def train(
    settings: Settings, keys: Sequence[PolicyKey], report: Callable[[int], None] = lambda done: None
) -> dict[PolicyKey, np.ndarray]:
    """Train some policies side by side and sample them.

    A policy's samples do not depend on which others are trained beside it.

    Args:
        report: called with the number of finished updates.

    Returns:
        Per key, actions float32 ``[num_samples, 2]``.
    """
    data = make_data(settings)
    shared_draws = [Draw("index", "index", (settings.batch_size,))]
    critic, cvae = Critic(settings), CVAE(settings)
    policies = [build_policy(settings, key) for key in keys]
    uses_critic = any(policy.uses_critic for policy in policies)
    uses_cvae = any(policy.uses_cvae for policy in policies)
    chunks = {"batch": _chunks(settings, shared_draws, "bandit/batch")}
    chunks["cvae"] = _chunks(settings, cvae.draws(), "bandit/cvae/train")
    policy_chunks = [
        ChunkedDraws(policy.draws(), policy.streams("train"), settings.num_data) for policy in policies
    ]
    for update in range(settings.updates):
        offset = update % CHUNK_UPDATES
        if offset == 0:
            for chunk in (*chunks.values(), *policy_chunks):
                chunk.fill(update)
        index = chunks["batch"].at(offset)["index"]
        actions, rewards = data.actions[index], data.rewards[index]
        if uses_critic:
            critic.update(actions, rewards)
        if uses_cvae:
            cvae.update(actions, chunks["cvae"].at(offset))
        shared = Shared(actions, critic, cvae)
        for policy, chunk in zip(policies, policy_chunks):
            policy.update(shared, chunk.at(offset))
        report(update + 1)
    return {
        key: policy.sample(shared, settings.num_samples, policy.streams("sample"))[0].numpy()
        for key, policy in zip(keys, policies)
    }


def _chunks(settings: Settings, draws: Sequence[Draw], purpose: str) -> ChunkedDraws:
    return ChunkedDraws(draws, SeedStreams((settings.seed,), purpose), settings.num_data)


def share_work(keys: Sequence[PolicyKey], workers: int) -> list[list[PolicyKey]]:
    """Cut the policies into at most `workers` groups of similar cost, the costliest group first."""
    # In calls of the network per update; the methods without diffusion cost a few.
    costs = {key: 1.0 + (key[1] if key[0] == "diffusion_ql" else 1.0) for key in keys}
    groups: list[list[PolicyKey]] = [[] for _ in range(workers)]
    loads = [0.0] * workers
    for key in sorted(keys, key=lambda key: (-costs[key], keys.index(key))):
        lightest = loads.index(min(loads))
        groups[lightest].append(key)
        loads[lightest] += costs[key]
    order = sorted(range(workers), key=lambda i: -loads[i])
    return [groups[i] for i in order if groups[i]]


def _train_in_child(settings: Settings, keys: Sequence[PolicyKey]) -> dict[PolicyKey, np.ndarray]:
    torch.set_num_threads(1)
    with kernels.using(KERNELS):
        return train(settings, keys)


def train_all(settings: Settings, workers: int = 1) -> dict[PolicyKey, np.ndarray]:
    """Train and sample every policy, in `workers` processes of one thread each.

    Neither the number of workers nor of threads of the machine changes a byte of the samples. The
    costliest part is trained in this process, which reports progress on standard error.
    """
    keys = policy_keys(settings)
    mine, *others = share_work(keys, workers)
    progress = Progress(settings.updates, "bandit")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    samples: dict[PolicyKey, np.ndarray] = {}
    try:
        with kernels.using(KERNELS):
            if not others:
                samples.update(train(settings, mine, progress.update))
            else:
                context = multiprocessing.get_context("spawn")
                with ProcessPoolExecutor(len(others), mp_context=context) as pool:
                    futures = [pool.submit(_train_in_child, settings, group) for group in others]
                    samples.update(train(settings, mine, progress.update))
                    for future in futures:
                        samples.update(future.result())
    finally:
        torch.set_num_threads(threads)
    return {key: samples[key] for key in keys}


# --- Numbers ---


def nearest_modes(actions: np.ndarray) -> np.ndarray:
    """Index in `MODES` of the mode that each action ``[n, 2]`` belongs to, -1 off all modes, ``[n]``.

    An action belongs to a mode when it is at most `MODE_RADIUS` from its centre (Euclidean); the discs
    do not overlap.
    """
    centres = np.array([mode.centre for mode in MODES])
    distances = np.linalg.norm(actions.astype(np.float64)[:, None, :] - centres, axis=2)
    nearest = distances.argmin(axis=1)
    return np.where(distances.min(axis=1) <= MODE_RADIUS, nearest, -1)


def sample_numbers(actions: np.ndarray) -> dict[str, float]:
    """Where actions ``[n, 2]`` lie and what they would earn, rounded to 4 digits.

    ``share_<mode>`` and ``share_off_modes`` are fractions that sum to 1. ``mean_true_reward`` is the mean
    of the reward that the bandit would pay without its noise: the mode's reward mean for an action within
    `MODE_RADIUS` of its centre, 0 for one off all modes, where the bandit has no reward.
    """
    modes = nearest_modes(actions)
    shares = [float(np.mean(modes == i)) for i in range(len(MODES))]
    numbers = {f"share_{mode.name}": share for mode, share in zip(MODES, shares)}
    numbers["share_off_modes"] = float(np.mean(modes == -1))
    numbers["mean_true_reward"] = sum(mode.reward_mean * share for mode, share in zip(MODES, shares))
    return {name: round(value, 4) for name, value in numbers.items()}


# --- Results ---


def write_results(
    settings: Settings, size: str, samples: Mapping[PolicyKey, np.ndarray], output: Path
) -> None:
    """Write `samples.parquet`, `numbers.csv` and `config.json`, each aside and moved."""
    data = make_data(settings)
    drawn = SeedStreams((settings.seed,), "bandit/shown").uniform(settings.num_samples)[0]
    rows = (drawn * settings.num_data).long()
    shown = data.actions[rows].numpy()
    tables: dict[PolicyKey, np.ndarray] = {("data", 0): shown, **samples}
    no_reward = np.full(settings.num_samples, np.nan, dtype=np.float32)
    rewards = {("data", 0): data.rewards[rows].numpy()}
    count = settings.num_samples
    table = pa.table(
        {
            "method": np.repeat([name for name, _ in tables], count),
            "train_steps": np.repeat(np.array([steps for _, steps in tables], dtype=np.int64), count),
            "index": np.tile(np.arange(count, dtype=np.int64), len(tables)),
            "x": np.concatenate([actions[:, 0] for actions in tables.values()]),
            "y": np.concatenate([actions[:, 1] for actions in tables.values()]),
            "reward": pa.array(
                np.concatenate([rewards.get(key, no_reward) for key in tables]), from_pandas=True
            ),
        }
    )
    reduced = reduction(settings)
    with written_aside(output / "samples.parquet") as temporary:
        pq.write_table(table, temporary)
    with (
        written_aside(output / "numbers.csv") as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        writer: csv.DictWriter[str] | None = None
        for (name, steps), actions in tables.items():
            row: dict[str, Any] = {"method": name, "train_steps": steps, "num_samples": len(actions)}
            row |= sample_numbers(actions)
            row |= {"updates": settings.updates, "seed": settings.seed, "reduced": reduced or ""}
            if writer is None:
                writer = csv.DictWriter(file, list(row), lineterminator="\n")
                writer.writeheader()
            writer.writerow(row)
    document = {
        "format": 1,
        "size": size,
        "reduced": reduced,
        "settings": asdict(settings),
        "modes": [mode._asdict() for mode in MODES],
        "action_sd": ACTION_SD,
        "reward_sd": REWARD_SD,
        "mode_radius": MODE_RADIUS,
    }
    save_json(output / "config.json", document)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(
        prog="python -m algos.bandit", description="The toy of Diffusion-QL's section 4."
    )
    parser.add_argument(
        "--size", default="full", help="full, the released setting, or reduced, a minute's (default: full)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of everything drawn (default: 0)")
    parser.add_argument("--output", required=True, type=Path, help="folder to write")
    parser.add_argument("--updates", type=int, help="in place of the size's number of updates")
    parser.add_argument("--policy-batch", type=int, help="in place of the size's draws from a policy")
    parser.add_argument("--workers", type=int, default=1, help="processes of one thread each (default: 1)")
    options = parser.parse_args(arguments)
    try:
        settings = resolve_settings(options.size, options.seed, options.updates, options.policy_batch)
        if options.workers < 1:
            raise BanditError(f"the number of workers is {options.workers}; allowed are integers from 1")
        if options.output.exists() and not options.output.is_dir():
            raise BanditError(f"the output {options.output} is a file; it has to be a folder")
        samples = train_all(settings, options.workers)
        write_results(settings, options.size, samples, options.output)
    except BanditError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
