"""TD3+BC against a plain implementation, one seed at a time, in float64."""

import copy

import numpy as np
import pytest
import torch
from recheck.errors import MethodError

from algos.base import MethodSpec, Sampling
from algos.seed_parallel.random_streams import SeedStreams
from algos.td3_bc import TD3BC

UPDATES = 25
HYPERPARAMETERS = {
    "batch_size": 16,
    "discount": 0.97,
    "alpha": 2.5,
    "target_rate": 0.1,
    "policy_noise": 0.4,
    "noise_clip": 0.5,
    "policy_frequency": 2,
    "actor_learning_rate": 1e-3,
    "critic_learning_rate": 2e-3,
    "hidden_sizes": [24, 24],
    "initialiser": "torch_default",
}
NAMES = ["layer0", "layer1", "layer2"]


def build(data, seeds=(0, 1), **changes):
    return TD3BC(MethodSpec({**HYPERPARAMETERS, **changes}, data.problem, UPDATES, 0, seeds))


class PlainTD3BC:
    """The release's update, written from its paper and METHODS_2's order of steps; ordinary torch modules."""

    def __init__(self, method, row, plain_network):
        self.h = method.hyperparameters
        self.actor = plain_network(method.actor.group, row, NAMES, torch.nn.ReLU)
        critics = [plain_network(method.critic.group, 2 * row + i, NAMES, torch.nn.ReLU) for i in range(2)]
        self.critics = torch.nn.ModuleList(critics)
        self.actor_target, self.critics_target = copy.deepcopy(self.actor), copy.deepcopy(self.critics)
        self.actor_adam = torch.optim.Adam(self.actor.parameters(), lr=self.h["actor_learning_rate"])
        self.critic_adam = torch.optim.Adam(self.critics.parameters(), lr=self.h["critic_learning_rate"])
        self.count = 0

    def update(self, batch, noise):
        h, self.count = self.h, self.count + 1
        s, a, r, s2, m = batch
        with torch.no_grad():
            smoothing = torch.clamp(h["policy_noise"] * noise, -h["noise_clip"], h["noise_clip"])
            a2 = torch.clamp(torch.tanh(self.actor_target(s2)) + smoothing, -1, 1)
            q2 = torch.stack([q(torch.cat([s2, a2], 1)).squeeze(1) for q in self.critics_target])
            y = r + h["discount"] * m * q2.min(0).values
        critic_loss = sum(((q(torch.cat([s, a], 1)).squeeze(1) - y) ** 2).mean() for q in self.critics)
        self.critic_adam.zero_grad()
        critic_loss.backward()
        self.critic_adam.step()
        if self.count % h["policy_frequency"]:
            return float(critic_loss.detach()), 0.0
        pi = torch.tanh(self.actor(s))
        q = self.critics[0](torch.cat([s, pi], 1))
        actor_loss = -h["alpha"] / q.abs().mean().detach() * q.mean() + ((pi - a) ** 2).mean()
        self.actor_adam.zero_grad()
        actor_loss.backward()
        self.actor_adam.step()
        with torch.no_grad():
            for online, target in ((self.actor, self.actor_target), (self.critics, self.critics_target)):
                for p, t in zip(online.parameters(), target.parameters()):
                    t.mul_(1 - h["target_rate"]).add_(h["target_rate"] * p)
        return float(critic_loss.detach()), h["policy_frequency"] * float(actor_loss.detach())


def plain_batch(data, index, row):
    batch = data.batch(index)
    return tuple(
        getattr(batch, name)[row].double()
        for name in ("observations", "actions", "rewards", "next_observations", "continues")
    )


@pytest.mark.parametrize("changes", [{}, {"policy_frequency": 3, "noise_clip": 0.1}])
def test_updates_agree_with_a_plain_implementation(
    small_data, replay, plain_network, assert_same_network, changes
):
    method = build(small_data, **changes)
    plains = [PlainTD3BC(method, row, plain_network) for row in range(2)]
    for draw, _, losses in replay(method, small_data, UPDATES):
        for row, plain in enumerate(plains):
            batch = plain_batch(small_data, draw["index"], row)
            expected = plain.update(batch, draw["next_noise"][row].double())
            got = [float(losses[name][row]) for name in method.LOSSES]
            np.testing.assert_allclose(got, expected, rtol=2e-4, atol=1e-6)
    for row, plain in enumerate(plains):
        assert_same_network(plain.actor, method.actor.group, row, NAMES, 1e-5)
        assert_same_network(plain.actor_target, method.actor.target_group, row, NAMES, 1e-5)
        for i in range(2):
            assert_same_network(plain.critics[i], method.critic.group, 2 * row + i, NAMES, 1e-5)
            target = plain.critics_target[i]
            assert_same_network(target, method.critic.target_group, 2 * row + i, NAMES, 1e-5)


def test_the_first_update_trains_the_critic_alone(small_data, replay):
    """The release counts updates from 1 and trains the actor in the even ones."""
    method = build(small_data)
    before = method.actor.group.flat.clone()
    record = replay(method, small_data, 1)
    assert torch.equal(method.actor.group.flat, before)
    assert float(record[0][2]["actor_loss"].abs().max()) == 0.0
    assert [method.update_variant(update) for update in range(4)] == [False, True, False, True]


def test_it_acts_by_its_actor_without_noise(small_data, plain_network):
    method = build(small_data)
    observations = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
    actions = method.act(observations, Sampling(), SeedStreams((0, 1), "e"))
    for row in range(2):
        plain = plain_network(method.actor.group, row, NAMES, torch.nn.ReLU)
        expected = torch.tanh(plain(observations[row].double()))
        np.testing.assert_allclose(actions[row].numpy(), expected.detach().numpy(), atol=1e-6)


def test_a_frequency_below_one_is_refused(small_data):
    with pytest.raises(MethodError, match="policy_frequency is 0; allowed are values from 1"):
        build(small_data, policy_frequency=0)
