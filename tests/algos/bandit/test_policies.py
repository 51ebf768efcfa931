"""The toy's policies: gradients against plain code, and what they learn."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from algos.bandit import __main__ as bandit_command
from algos.bandit import data as data_module
from algos.bandit import networks, policies, results
from algos.bandit import settings as settings_module
from algos.seed_parallel.random_streams import ChunkedInputs, SeedStreams
from tests.algos.bandit.small import SMALL


def shared_of(settings: settings_module.Settings, actions: torch.Tensor | None = None) -> networks.Shared:
    """A batch of data with an untrained critic and CVAE."""
    if actions is None:
        actions = data_module.make_data(settings).actions[: settings.batch_size].unsqueeze(0)
    return networks.Shared(actions, networks.Critic(settings), networks.CVAE(settings))


def drawn(policy: policies.Policy) -> dict[str, torch.Tensor]:
    """The randomness of one update."""
    chunk = ChunkedInputs(policy.random_inputs(), policy.streams("train"), policy.settings.num_data)
    chunk.fill(0)
    return chunk.at(0)


class PlainDiffusion:
    """The released network and chain, written out: one row at a time knows its step and the state."""

    def __init__(self, policy: policies.DiffusionPolicy) -> None:
        self.weights = {
            name: tensor[0].clone().requires_grad_() for name, tensor in policy.group.frozen.items()
        }
        self.diffusion_steps = policy.diffusion_steps
        i = torch.arange(1, policy.diffusion_steps + 1, dtype=torch.float64)
        n = policy.diffusion_steps
        self.betas = 1 - torch.exp(-0.1 / n - 0.5 * 9.9 * (2 * i - 1) / n**2)
        self.alpha_bars = torch.cumprod(1 - self.betas, 0)

    def layer(self, name: str, inputs: torch.Tensor) -> torch.Tensor:
        return inputs @ self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]

    def __call__(self, actions: torch.Tensor, steps: torch.Tensor) -> torch.Tensor:
        angles = steps[:, None].double() * torch.tensor([1.0, 1e-4], dtype=torch.float64)
        time = torch.cat([angles.sin(), angles.cos()], dim=1).float()
        time = self.layer("time_layer1", F.mish(self.layer("time_layer0", time)))
        hidden = torch.cat([actions, time, torch.zeros(len(actions), 2)], dim=1)
        for i in range(3):
            hidden = F.mish(self.layer(f"layer{i}", hidden))
        return self.layer("layer3", hidden)

    def chain(self, noises: torch.Tensor) -> torch.Tensor:
        actions = noises[0]
        for call, i in enumerate(reversed(range(self.diffusion_steps))):
            bar = float(self.alpha_bars[i])
            before = float(self.alpha_bars[i - 1]) if i else 1.0
            beta = float(self.betas[i])
            predicted = self(actions, torch.full((len(actions),), i))
            start = ((actions - math.sqrt(1 - bar) * predicted) / math.sqrt(bar)).clamp(-1, 1)
            mean = (math.sqrt(before) * beta * start + math.sqrt(1 - beta) * (1 - before) * actions) / (
                1 - bar
            )
            deviation = math.sqrt(beta * (1 - before) / (1 - bar))
            actions = mean + (deviation * noises[call + 1] if i else 0.0)
        return actions.clamp(-1, 1)


def test_diffusion_ql_gradient_against_plain_code() -> None:
    """Value and gradient of noise loss plus Q term, through all steps of the chain."""
    settings = replace(SMALL, diffusion_steps=(4,))
    policy = policies.build_policy(settings, ("diffusion_ql", 4))
    assert isinstance(policy, policies.DiffusionPolicy)
    shared, draw = shared_of(settings), drawn(policy)
    plain = PlainDiffusion(policy)

    steps, noise = draw["step"][0], draw["noise"][0]
    bars = plain.alpha_bars[steps].float().unsqueeze(1)
    noisy = bars.sqrt() * shared.actions[0] + (1 - bars).sqrt() * noise
    loss = (plain(noisy, steps) - noise).square().mean()
    actions = plain.chain(draw["chain_noise"][0])
    values = shared.critic.values(shared.critic.group.frozen, actions.unsqueeze(0))[0]
    mine, other = (0, 1) if draw["coin"].item() else (1, 0)
    loss = loss - settings.eta * values[mine].mean() / values[other].abs().mean().detach()
    expected = torch.autograd.grad(loss, list(plain.weights.values()))

    policy.update(shared, draw)
    for name, gradient in zip(plain.weights, expected):
        start = policy.group.offsets[name]
        found = policy.group.gradient[0, start : start + gradient.numel()].view(gradient.shape)
        assert torch.allclose(found, gradient, rtol=1e-4, atol=1e-6), name
    assert expected[0].abs().max() > 0


def test_q_term_comes_every_interval_and_is_weighted_by_it() -> None:
    gradients = []
    for name, interval in (("bc_diffusion", 1), ("diffusion_ql", 1), ("diffusion_ql", 3)):
        settings = replace(SMALL, diffusion_steps=(2,), q_interval=interval)
        policy = policies.build_policy(settings, (name, 2))
        assert isinstance(policy, policies.DiffusionPolicy)
        reference = policies.build_policy(settings, ("diffusion_ql", 2))
        assert isinstance(reference, policies.DiffusionPolicy)
        policy.group.flat.copy_(reference.group.flat)
        draw = drawn(reference)
        policy.update(shared_of(settings), draw)
        gradients.append(policy.group.gradient.clone())
    cloning, with_q, thrice = gradients
    assert torch.allclose(thrice - cloning, 3 * (with_q - cloning), rtol=1e-4, atol=1e-6)
    assert not torch.equal(cloning, with_q)

    policy.num_updates = 1
    policy.group.flat.copy_(reference.group.flat)
    policy.update(shared_of(settings), draw)
    assert torch.allclose(policy.group.gradient, cloning, atol=1e-7)


def test_policies_do_not_train_the_critic() -> None:
    shared = shared_of(SMALL)
    before = shared.critic.group.flat.clone(), shared.cvae.group.flat.clone()
    for key in policies.policy_keys(SMALL):
        policy = policies.build_policy(SMALL, key)
        policy.update(shared, drawn(policy))
    assert torch.equal(before[0], shared.critic.group.flat)
    assert torch.equal(before[1], shared.cvae.group.flat)


def test_bear_multiplier_rises_while_the_constraint_is_broken() -> None:
    for threshold, sign in ((0.0, 1.0), (10.0, -1.0)):
        policy = policies.build_policy(replace(SMALL, bear_threshold=threshold), ("bear_mmd", 0))
        assert isinstance(policy, policies.MMDPolicy)
        before = policy.multiplier_group["log_multiplier"].item()
        policy.update(shared_of(SMALL), drawn(policy))
        step = policy.multiplier_group["log_multiplier"].item() - before
        assert step == pytest.approx(sign * SMALL.bear_multiplier_rate, rel=1e-3)
    policy.multiplier_group.flat.fill_(-100.0)
    policy.update(shared_of(SMALL), drawn(policy))
    assert policy.multiplier_group["log_multiplier"].item() == SMALL.bear_log_multiplier_min


def test_bcq_perturbs_little_and_takes_the_best_candidate() -> None:
    settings = replace(SMALL, bcq_candidates=4)
    policy = policies.build_policy(settings, ("bcq_described", 0))
    assert isinstance(policy, policies.BCQ)
    policy.group.flat.mul_(30.0)  # saturates the tanh
    shared = shared_of(settings)
    actions = shared.actions
    shift = (policy.perturb(policy.group.frozen, actions) - actions).abs()
    assert 0.049 < shift.max() <= 0.05 + 1e-6
    found = policy.sample(shared, 5, SeedStreams((0,), "draw"))
    latents = SeedStreams((0,), "draw").normal(20, settings.latent_dim)
    candidates = policy.perturb(policy.group.frozen, shared.cvae.sample(latents))
    values = shared.critic.of_policy(candidates)[0, 0]
    for row in range(5):
        best = max(range(4 * row, 4 * row + 4), key=lambda i: float(values[i]))
        assert torch.equal(found[0, row], candidates[0, best])


def test_latents_are_clipped_when_sampled() -> None:
    cvae = networks.CVAE(SMALL)
    far, edge = torch.full((1, 1, 4), 9.0), torch.full((1, 1, 4), 0.5)
    assert torch.equal(cvae.sample(far), cvae.sample(edge))


# --- Learning ---


def test_maximum_likelihood_finds_the_moments() -> None:
    settings = settings_module.Settings(updates=400, gaussian_learning_rate=3e-3, num_samples=4_000)
    samples = bandit_command.train(settings, [("bc_mle", 0)])["bc_mle", 0]
    # The data's moments: mean 0, variance 0.8^2 + 0.05^2.
    assert np.abs(samples.mean(axis=0)).max() < 0.15
    assert np.abs(samples.std(axis=0) - 0.8016).max() < 0.1


def test_diffusion_ql_prefers_the_best_mode() -> None:
    """Among samples on a mode; after few updates Q still pulls many past the best one, into the corner."""
    settings = replace(settings_module.resolve_settings("reduced"), updates=900)
    keys = [("bc_diffusion", 5), ("diffusion_ql", 5)]
    samples = bandit_command.train(settings, keys)
    quadrant = {key: float(np.mean((a[:, 0] > 0.4) & (a[:, 1] < -0.4))) for key, a in samples.items()}
    assert 0.03 < quadrant["bc_diffusion", 5] < 0.4  # one mode of four, and some off all modes
    assert quadrant["diffusion_ql", 5] > 0.7
    on_mode = {key: results.nearest_modes(a) for key, a in samples.items()}
    best = {key: float(np.mean(modes[modes >= 0] == 3)) for key, modes in on_mode.items()}
    assert best["bc_diffusion", 5] < 0.5
    assert best["diffusion_ql", 5] > 0.9
