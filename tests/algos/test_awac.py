"""AWAC against a plain implementation, one seed at a time, in float64."""

import copy

import numpy as np
import pytest
import torch
from recheck.errors import MethodError

from algos.awac import AWAC
from algos.base import MethodSpec, Sampling
from algos.seed_parallel.random_streams import SeedStreams

UPDATES = 20
HYPERPARAMETERS = {
    "batch_size": 16,
    "discount": 0.97,
    "advantage_temperature": 0.2,
    "advantage_clip": 3.0,
    "target_rate": 0.1,
    "actor_learning_rate": 1e-3,
    "critic_learning_rate": 2e-3,
    "hidden_sizes": [24, 24],
    "initialiser": "torch_default",
    "log_std_min": -20.0,
    "log_std_max": 2.0,
}
NAMES = ["layer0", "layer1", "layer2"]


def build(data, seeds=(0, 1), **changes):
    return AWAC(MethodSpec({**HYPERPARAMETERS, **changes}, data.problem, UPDATES, 0, seeds))


class PlainAWAC:
    """CORL's update, written with ordinary torch modules and torch's Normal; weights of one seed."""

    def __init__(self, method, row, plain_network):
        h = self.h = method.hyperparameters
        self.actor = plain_network(method.actor.group, row, NAMES, torch.nn.ReLU)
        self.log_std = torch.zeros(2, dtype=torch.float64, requires_grad=True)
        self.critics = torch.nn.ModuleList(
            plain_network(method.critic.group, 2 * row + i, NAMES, torch.nn.ReLU) for i in range(2)
        )
        self.targets = copy.deepcopy(self.critics)
        parameters = [*self.actor.parameters(), self.log_std]
        self.actor_adam = torch.optim.Adam(parameters, h["actor_learning_rate"])
        self.critic_adam = torch.optim.Adam(self.critics.parameters(), h["critic_learning_rate"])

    def policy(self, s):
        scale = self.log_std.clamp(self.h["log_std_min"], self.h["log_std_max"]).exp()
        return torch.distributions.Normal(self.actor(s), scale)

    @staticmethod
    def minimum(critics, s, a):
        return torch.stack([q(torch.cat([s, a], 1)).squeeze(1) for q in critics]).min(0).values

    def update(self, batch, next_noise, noise):
        h = self.h
        s, a, r, s2, m = batch
        with torch.no_grad():
            policy = self.policy(s2)
            a2 = torch.clamp(policy.loc + policy.scale * next_noise, -1, 1)
            y = r + h["discount"] * m * self.minimum(self.targets, s2, a2)
        critic_loss = sum(((q(torch.cat([s, a], 1)).squeeze(1) - y) ** 2).mean() for q in self.critics)
        self.critic_adam.zero_grad()
        critic_loss.backward()
        self.critic_adam.step()
        with torch.no_grad():
            policy = self.policy(s)
            drawn = torch.clamp(policy.loc + policy.scale * noise, -1, 1)
            advantage = self.minimum(self.critics, s, a) - self.minimum(self.critics, s, drawn)
            weights = torch.clamp(torch.exp(advantage / h["advantage_temperature"]), max=h["advantage_clip"])
        actor_loss = -(weights * self.policy(s).log_prob(a).sum(1)).mean()
        self.actor_adam.zero_grad()
        actor_loss.backward()
        self.actor_adam.step()
        with torch.no_grad():
            for p, t in zip(self.critics.parameters(), self.targets.parameters()):
                t.mul_(1 - h["target_rate"]).add_(h["target_rate"] * p)
        return critic_loss.item(), actor_loss.item()


def test_updates_agree_with_a_plain_implementation(small_data, replay, plain_network, assert_same_network):
    method = build(small_data)
    plains = [PlainAWAC(method, row, plain_network) for row in range(2)]
    names = ("observations", "actions", "rewards", "next_observations", "continues")
    for draw, _, losses in replay(method, small_data, UPDATES):
        batch = small_data.batch(draw["index"])
        for row, plain in enumerate(plains):
            given = [getattr(batch, name)[row].double() for name in names]
            expected = plain.update(given, draw["next_noise"][row].double(), draw["noise"][row].double())
            got = [float(losses[name][row]) for name in method.LOSSES]
            np.testing.assert_allclose(got, expected, rtol=2e-4, atol=1e-5)
    for row, plain in enumerate(plains):
        assert_same_network(plain.actor, method.actor.group, row, NAMES, 1e-5)
        log_std = method.actor.group.frozen["log_std"][row]
        np.testing.assert_allclose(log_std, plain.log_std.detach(), atol=1e-6)
        for i in range(2):
            assert_same_network(plain.critics[i], method.critic.group, 2 * row + i, NAMES, 1e-5)
            assert_same_network(plain.targets[i], method.critic.target_group, 2 * row + i, NAMES, 1e-5)


def test_the_mean_is_not_squashed_and_actions_are_clipped(small_data):
    method = build(small_data)
    method.actor.group.frozen["layer2.bias"].fill_(3.0)
    observations = torch.zeros(2, 3, 4)
    assert float(method.act(observations, Sampling(), SeedStreams((0, 1), "e")).min()) == 1.0
    method.actor.group.frozen["layer2.bias"].fill_(0.5)
    outputs = method.actor.network(method.actor.group.frozen, observations)
    assert torch.equal(method.act(observations, Sampling(), SeedStreams((0, 1), "e")), outputs)


def test_a_temperature_of_zero_is_refused(small_data):
    with pytest.raises(MethodError, match=r"advantage_temperature is 0\.0; allowed are numbers above 0"):
        build(small_data, advantage_temperature=0.0)
