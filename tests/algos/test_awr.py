"""AWR against a plain implementation, one seed at a time, in float64."""

import numpy as np
import pytest
import torch
from recheck.errors import MethodError

from algos.awr import AWR
from algos.base import MethodSpec, Sampling
from algos.seed_parallel.random_streams import SeedStreams

UPDATES = 20
HYPERPARAMETERS = {
    "batch_size": 16,
    "discount": 0.9,
    "td_lambda": 0.6,
    "advantage_temperature": 0.5,
    "advantage_clip": 3.0,
    "action_std": 0.3,
    "bound_weight": 10.0,
    "critic_phase_updates": 3,
    "actor_phase_updates": 4,
    "actor_learning_rate": 2e-2,
    "critic_learning_rate": 3e-2,
    "momentum": 0.8,
    "hidden_sizes": [24, 16],
    "initialiser": "xavier_uniform",
}
NAMES = ["layer0", "layer1", "layer2"]


def build(data, seeds=(0, 1), **changes):
    return AWR(MethodSpec({**HYPERPARAMETERS, **changes}, data.problem, UPDATES, 0, seeds))


@pytest.fixture
def data(small_rows):
    """Some trajectories of the rows end at a terminal, some are cut."""
    terminals = small_rows.terminals * (np.arange(50) % 3 > 0)
    return AWR.training_data(HYPERPARAMETERS, small_rows._replace(terminals=terminals.astype(np.uint8)))


class PlainAWR:
    """The release's iteration with ordinary torch modules, torch's SGD and loops over the steps."""

    def __init__(self, method, row, plain_network, data):
        h = self.h = method.hyperparameters
        self.actor = plain_network(method.actor_group, row, NAMES, torch.nn.ReLU)
        self.critic = plain_network(method.critic_group, row, NAMES, torch.nn.ReLU)
        momentum = h["momentum"]
        self.actor_descent = torch.optim.SGD(self.actor.parameters(), h["actor_learning_rate"], momentum)
        self.critic_descent = torch.optim.SGD(self.critic.parameters(), h["critic_learning_rate"], momentum)
        d, a = data.problem.observation_dim, data.problem.action_dim
        table = data.packed.double()
        self.s, self.a, self.s2 = table[:, :d], table[:, d : d + a], table[:, d + a : 2 * d + a]
        self.r, self.go_on = table[:, -2], table[:, -1]
        self.last = set(data.ends.tolist())

    def returns_and_values(self):
        h, scale = self.h, 1 / (1 - self.h["discount"])
        with torch.no_grad():
            values = self.critic(self.s).squeeze(1) * scale
            after = self.critic(self.s2).squeeze(1) * scale * self.go_on
        returns = torch.zeros_like(values)
        for row in range(len(values) - 1, -1, -1):
            following = after[row]
            if row not in self.last:
                following = (1 - h["td_lambda"]) * values[row + 1] + h["td_lambda"] * returns[row + 1]
            returns[row] = self.r[row] + h["discount"] * following
        return returns, values

    def update(self, number, index):
        h = self.h
        place = number % (h["critic_phase_updates"] + h["actor_phase_updates"])
        if place < h["critic_phase_updates"]:
            if place == 0:
                self.targets = self.returns_and_values()[0]
            wanted = self.targets[index] * (1 - h["discount"])
            loss = 0.5 * torch.nn.functional.mse_loss(self.critic(self.s[index]).squeeze(1), wanted)
            descent = self.critic_descent
        else:
            if place == h["critic_phase_updates"]:
                returns, values = self.returns_and_values()
                advantages = (returns - values).numpy()
                standardised = (advantages - advantages.mean()) / (advantages.std() + 1e-5)
                weights = np.minimum(np.exp(standardised / h["advantage_temperature"]), h["advantage_clip"])
                self.weights = torch.from_numpy(weights)
            policy = torch.distributions.Normal(self.actor(self.s[index]), h["action_std"])
            likelihood = policy.log_prob(self.a[index]).sum(1)
            mean = policy.loc
            beyond = torch.clamp(mean - 1, min=0) ** 2 + torch.clamp(-1 - mean, min=0) ** 2
            penalty = h["bound_weight"] * 0.5 * beyond.sum(1).mean()
            loss = -(self.weights[index] * likelihood).mean() + penalty
            descent = self.actor_descent
        descent.zero_grad()
        loss.backward()
        descent.step()
        return loss.item()


def test_updates_agree_with_the_plain_implementation(data, replay, plain_network):
    method = build(data)
    plain = [PlainAWR(method, row, plain_network, data) for row in range(2)]
    for number, (draw, _, losses) in enumerate(replay(method, data, UPDATES)):
        trained = "critic_loss" if number % 7 < 3 else "actor_loss"
        for row in range(2):
            theirs = plain[row].update(number, draw["index"][row])
            assert losses[trained][row].item() == pytest.approx(theirs, rel=2e-4, abs=1e-5), number
    for row in range(2):
        for group, network in (
            (method.actor_group, plain[row].actor),
            (method.critic_group, plain[row].critic),
        ):
            for name, layer in zip(NAMES, [m for m in network if isinstance(m, torch.nn.Linear)]):
                ours = group.frozen[f"{name}.weight"][row].T.double()
                assert torch.allclose(ours, layer.weight, rtol=1e-3, atol=1e-5)


def test_what_is_not_trained_reports_its_last_loss(data, replay):
    record = [losses for _, _, losses in replay(build(data), data, 8)]
    assert torch.equal(record[2]["critic_loss"], record[6]["critic_loss"])
    assert not torch.equal(record[6]["critic_loss"], record[7]["critic_loss"])
    assert record[2]["actor_loss"].tolist() == [0.0, 0.0]


def test_weights_are_clipped_and_have_the_advantages_order(data):
    method = build(data)
    returns, values = method.returns(data)
    weights = method.advantage_weights(data)
    assert weights.max() == 3.0
    below = weights[0] < 3.0
    order = (returns - values)[0][below].argsort()
    assert (weights[0][below][order].diff() >= 0).all()


def test_the_penalty_of_a_mean_beyond_the_bounds(data):
    """A mean of 3 in both dimensions: 10 / 2 * (2^2 + 2^2)."""
    batch, weights = data.batch(torch.zeros(2, 5, dtype=torch.int64)), torch.zeros(2, 5)
    losses = []
    for weight in (0.0, 10.0):
        method = build(data, bound_weight=weight)
        method.actor_group.frozen["layer2.weight"].zero_()
        method.actor_group.frozen["layer2.bias"].fill_(3.0)
        losses.append(method.actor_loss(batch, weights))
    assert (losses[1] - losses[0]).tolist() == [40.0, 40.0]


def test_acting_is_the_mean_clipped(data):
    method = build(data)
    method.actor_group.frozen["layer2.bias"].fill_(3.0)
    actions = method.act(torch.zeros(2, 5, 4), Sampling(), SeedStreams((0, 1), "e"))
    assert torch.equal(actions, torch.ones(2, 5, 2))


def test_a_discount_of_one_has_no_unit(data):
    with pytest.raises(MethodError, match=r"discount is 1\.0; allowed for awr are values below 1"):
        build(data, discount=1.0)
