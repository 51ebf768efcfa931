"""Behaviour cloning: the likelihood of the data under IQL's Gaussian actor, every row with weight 1."""

import math

import pytest
import torch
from recheck.errors import MethodError
from torch import nn

from algos.base import MethodSpec, Sampling
from algos.bc import BC
from algos.seed_parallel.random_streams import SeedStreams

UPDATES = 50
VALUES = {
    "batch_size": 8,
    "actor_learning_rate": 3e-3,
    "actor_decay": "cosine",
    "hidden_sizes": [16, 16],
    "dropout": 0.1,
    "initialiser": "orthogonal",
    "log_std_min": -5.0,
    "log_std_max": 2.0,
}
NAMES = ["layer0", "layer1", "layer2"]


def build(data, seeds=(0, 1), **changes):
    return BC(MethodSpec({**VALUES, **changes}, data.problem, UPDATES, 0, seeds))


class PlainGaussian(nn.Module):
    """tanh mean and one log-std vector, in float64."""

    def __init__(self, group, row, build_network):
        super().__init__()
        self.net = build_network(group, row, NAMES, nn.ReLU)
        self.log_std = nn.Parameter(group.frozen["log_std"][row].double())

    def loss(self, states, actions, draw):
        hidden = states
        for place, layer in enumerate(self.net):
            hidden = layer(hidden)
            if isinstance(layer, nn.ReLU):
                hidden = hidden * draw[f"dropout{place // 2}"].double() / 0.9
        normal = torch.distributions.Normal(hidden.tanh(), self.log_std.clamp(-5, 2).exp())
        return -normal.log_prob(actions).sum(dim=1).mean()


def test_updates_are_those_of_maximum_likelihood(small_data, replay, plain_network, assert_same_network):
    method = build(small_data)
    plains = [PlainGaussian(method.actor.group, row, plain_network) for row in range(2)]
    optimisers = [torch.optim.Adam(plain.parameters(), lr=1.0) for plain in plains]
    for k, (draw, _, losses) in enumerate(replay(method, small_data, UPDATES)):
        for row, (plain, optimiser) in enumerate(zip(plains, optimisers)):
            given = {name: tensor[row] for name, tensor in draw.items()}
            rows = small_data.packed[given["index"]].double()
            loss = plain.loss(rows[:, :4], rows[:, 4:6], given)
            optimiser.param_groups[0]["lr"] = 3e-3 * (1 + math.cos(math.pi * k / UPDATES)) / 2
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            assert float(losses["actor_loss"][row]) == pytest.approx(loss.item(), rel=1e-4)
    for row, plain in enumerate(plains):
        assert_same_network(plain.net, method.actor.group, row, NAMES, 5e-6)


def test_a_seed_in_a_block_equals_it_alone(small_data, assert_seed_equals_it_alone):
    assert_seed_equals_it_alone(lambda seeds: build(small_data, seeds), small_data)


def test_the_rate_falls_to_zero_or_stays(small_data):
    rates = [build(small_data).schedules(update)["actor_learning_rate"] for update in (0, 25, 50)]
    assert rates == pytest.approx([3e-3, 1.5e-3, 0.0], abs=1e-12)
    assert build(small_data, actor_decay="none").schedules(49) == {"actor_learning_rate": 3e-3}
    with pytest.raises(MethodError, match="actor_decay is 'linear'; allowed are cosine, none"):
        build(small_data, actor_decay="linear")


def test_the_mean_action_is_taken_without_dropout(small_data, plain_network):
    method = build(small_data)
    states = torch.randn(2, 5, 4)
    actions = method.act(states, Sampling(), SeedStreams((0, 1), "evaluate"))
    for row in range(2):
        mean = plain_network(method.actor.group, row, NAMES, nn.ReLU)(states[row].double()).tanh()
        torch.testing.assert_close(actions[row].double(), mean, atol=1e-6, rtol=0)
    assert set(method.policy_groups()) == {"actor"}
