"""FQL against a plain implementation, one seed at a time, in float64."""

import copy

import numpy as np
import pytest
import torch
from recheck.errors import MethodError

from algos.base import MethodSpec, Sampling
from algos.fql import FQL
from algos.seed_parallel.random_streams import SeedStreams

UPDATES, STEPS = 15, 4
HYPERPARAMETERS = {
    "batch_size": 16,
    "discount": 0.97,
    "distillation_weight": 3.0,
    "target_aggregate": "mean",
    "target_rate": 0.1,
    "learning_rate": 1e-3,
    "hidden_sizes": [24, 24],
    "critic_layer_norm": True,
    "initialiser": "xavier_uniform",
}
NAMES = ["layer0", "layer1", "layer2"]


def build(data, seeds=(0, 1), steps=STEPS, **changes):
    return FQL(MethodSpec({**HYPERPARAMETERS, **changes}, data.problem, UPDATES, steps, seeds))


def plain(group, row, layer_norm=False):
    layers = []
    for name in NAMES:
        weight = group.frozen[f"{name}.weight"][row].double()
        layer = torch.nn.Linear(*weight.shape, dtype=torch.float64)
        layer.weight.data.copy_(weight.T)
        layer.bias.data.copy_(group.frozen[f"{name}.bias"][row])
        layers.append(layer)
        if name != NAMES[-1]:
            layers.append(torch.nn.GELU(approximate="tanh"))
            if layer_norm:
                layers.append(torch.nn.LayerNorm(weight.shape[1], eps=1e-6, dtype=torch.float64))
    return torch.nn.Sequential(*layers)


class PlainFQL:
    """The release's one loss and one Adam, with ordinary torch modules; weights of one seed."""

    def __init__(self, method, row):
        h = self.h = method.hyperparameters
        self.flow, self.one = plain(method.flow_group, row), plain(method.one_step_group, row)
        self.critics = torch.nn.ModuleList(plain(method.critic.group, 2 * row + i, True) for i in range(2))
        self.targets = copy.deepcopy(self.critics)
        parameters = [p for net in (self.flow, self.one, self.critics) for p in net.parameters()]
        self.adam = torch.optim.Adam(parameters, h["learning_rate"])

    def update(self, batch, draw):
        h = self.h
        s, a, r, s2, m = batch
        with torch.no_grad():
            a2 = torch.clamp(self.one(torch.cat([s2, draw["next_noise"]], 1)), -1, 1)
            q2 = torch.stack([q(torch.cat([s2, a2], 1)).squeeze(1) for q in self.targets])
            q2 = q2.min(0).values if h["target_aggregate"] == "min" else q2.mean(0)
            y = r + h["discount"] * m * q2
        q = torch.stack([q(torch.cat([s, a], 1)).squeeze(1) for q in self.critics])
        critic_loss = ((q - y) ** 2).mean()
        z, t = draw["flow_noise"], draw["time"]
        velocity = self.flow(torch.cat([s, (1 - t) * z + t * a, t], 1))
        flow_loss = ((velocity - (a - z)) ** 2).mean()
        x = draw["noise"]
        with torch.no_grad():
            for i in range(STEPS):
                t = torch.full((len(s), 1), i / STEPS, dtype=torch.float64)
                x = x + self.flow(torch.cat([s, x, t], 1)) / STEPS
            x = torch.clamp(x, -1, 1)
        actions = self.one(torch.cat([s, draw["noise"]], 1))
        distance = ((actions - x) ** 2).mean()
        fixed = copy.deepcopy(self.critics)
        inputs = torch.cat([s, torch.clamp(actions, -1, 1)], 1)
        q_term = -torch.stack([q(inputs).squeeze(1) for q in fixed]).mean()
        self.adam.zero_grad()
        (critic_loss + flow_loss + h["distillation_weight"] * distance + q_term).backward()
        before = [p.detach().clone() for p in self.critics.parameters()]
        self.adam.step()
        with torch.no_grad():
            for p, target in zip(before, self.targets.parameters()):
                target.mul_(1 - h["target_rate"]).add_(h["target_rate"] * p)
        return [loss.item() for loss in (critic_loss, flow_loss, distance, q_term)]


@pytest.mark.parametrize("aggregate", ["mean", "min"])
def test_updates_agree_with_a_plain_implementation(small_data, replay, assert_same_network, aggregate):
    method = build(small_data, target_aggregate=aggregate)
    plains = [PlainFQL(method, row) for row in range(2)]
    names = ("observations", "actions", "rewards", "next_observations", "continues")
    for draw, _, losses in replay(method, small_data, UPDATES):
        batch = small_data.batch(draw["index"])
        for row, one in enumerate(plains):
            given = [getattr(batch, name)[row].double() for name in names]
            expected = one.update(given, {n: t[row].double() for n, t in draw.items() if n != "index"})
            got = [float(losses[name][row]) for name in method.LOSSES]
            np.testing.assert_allclose(got, expected, rtol=5e-4, atol=2e-5)
    for row, one in enumerate(plains):
        assert_same_network(one.flow, method.flow_group, row, NAMES, 5e-5)
        assert_same_network(one.one, method.one_step_group, row, NAMES, 5e-5)
        for i in range(2):
            assert_same_network(one.critics[i], method.critic.group, 2 * row + i, NAMES, 5e-5)
            assert_same_network(one.targets[i], method.critic.target_group, 2 * row + i, NAMES, 5e-5)


def test_it_acts_by_one_call_from_noise(small_data):
    method = build(small_data)
    observations = torch.zeros(2, 3, 4)
    actions = method.act(observations, Sampling(), SeedStreams((0, 1), "e"))
    noise = SeedStreams((0, 1), "e").normal(3, 2)
    expected = method.one_step(method.one_step_group.frozen, observations, noise).clamp(-1, 1)
    assert torch.equal(actions, expected)


def test_no_steps_and_an_unknown_aggregate_are_refused(small_data):
    with pytest.raises(MethodError, match="fql has 0 Euler steps"):
        build(small_data, steps=0)
    with pytest.raises(MethodError, match="allowed are mean, min"):
        build(small_data, target_aggregate="max")
