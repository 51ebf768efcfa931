"""IQL and BC: losses by hand, and whole updates against a plain, unstacked implementation in float64."""

import copy
import math

import numpy as np
import pytest
import torch
from recheck.errors import MethodError
from torch import nn

from algos.base import MethodSpec
from algos.iql import IQL, advantage_weights, expectile_loss

UPDATES = 50
TOLERANCE = 5e-6

PAPER = {
    "batch_size": 8,
    "discount": 0.99,
    "expectile": 0.7,
    "beta": 3.0,
    "advantage_clip": 100.0,
    "target_rate": 0.05,
    "actor_learning_rate": 3e-3,
    "critic_learning_rate": 3e-3,
    "value_learning_rate": 3e-3,
    "actor_decay": "cosine",
    "hidden_sizes": [16, 16],
    "dropout": 0.1,
    "initialiser": "orthogonal",
    "log_std_min": -5.0,
    "log_std_max": 2.0,
    "update_order": "paper",
    "critic_loss": "sum",
}
# CORL's code with the paper's settings, as the released runs were made.
CORL = {
    **PAPER,
    "dropout": None,
    "initialiser": "torch_default",
    "log_std_min": -20.0,
    "update_order": "corl",
    "critic_loss": "half_sum",
}
NAMES = ["layer0", "layer1", "layer2"]

# --- Losses by hand ---


@pytest.mark.parametrize(("expectile", "expected"), [(0.5, 3.0), (0.7, 3.52), (0.9, 4.23)])
def test_expectile_of_one_to_five(expectile, expected):
    """Where the loss is least: the expectile of {1, 2, 3, 4, 5}."""
    sample = torch.arange(1.0, 6.0, dtype=torch.float64)
    value = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [value], max_iter=100, line_search_fn="strong_wolfe", tolerance_change=1e-12
    )

    def closure():
        optimiser.zero_grad()
        loss = expectile_loss(sample - value, expectile).mean()
        loss.backward()
        return loss

    optimiser.step(closure)
    assert value.item() == pytest.approx(expected, abs=5e-3)


def test_expectile_loss_by_hand():
    difference = torch.tensor([2.0, -1.0, 0.0], requires_grad=True)
    loss = expectile_loss(difference, 0.7)
    torch.testing.assert_close(loss, torch.tensor([2.8, 0.3, 0.0]))
    loss.sum().backward()
    torch.testing.assert_close(difference.grad, torch.tensor([2.8, -0.6, 0.0]))


def test_advantage_weights_by_hand():
    weights = advantage_weights(torch.tensor([0.0, 1.0, -1.0, 5.0]), 3.0, 100.0)
    torch.testing.assert_close(weights, torch.tensor([1.0, math.exp(3.0), math.exp(-3.0), 100.0]))


# --- The plain implementation, one seed ---


class PlainGaussian(nn.Module):
    def __init__(self, group, row, build):
        super().__init__()
        self.net = build(group, row, NAMES, nn.ReLU)
        self.log_std = nn.Parameter(group.frozen["log_std"][row].double())

    def log_density(self, states, actions, h, draw):
        hidden, masks = states, 0
        for layer in self.net:
            hidden = layer(hidden)
            if isinstance(layer, nn.ReLU) and h["dropout"]:
                hidden = hidden * draw[f"dropout{masks}"] / (1 - h["dropout"])
                masks += 1
        std = self.log_std.clamp(h["log_std_min"], h["log_std_max"]).exp()
        return torch.distributions.Normal(torch.tanh(hidden), std).log_prob(actions).sum(dim=1)


class PlainIQL:
    def __init__(self, method, row, build):
        self.h = method.hyperparameters
        self.actor = PlainGaussian(method.actor.group, row, build)
        self.value = build(method.critic.value_group, row, NAMES, nn.ReLU)
        self.critics = nn.ModuleList(
            build(method.critic.critic_group, 2 * row + j, NAMES, nn.ReLU) for j in range(2)
        )
        self.targets = copy.deepcopy(self.critics)
        rates = ("actor_learning_rate", "value_learning_rate", "critic_learning_rate")
        modules = (self.actor, self.value, self.critics)
        self.optimisers = [
            torch.optim.Adam(module.parameters(), lr=self.h[rate]) for module, rate in zip(modules, rates)
        ]

    def step(self, index, loss):
        self.optimisers[index].zero_grad()
        loss.backward()
        self.optimisers[index].step()

    def update(self, k, batch, draw):
        states, actions, next_states, rewards, continues = batch
        h = self.h
        self.optimisers[0].param_groups[0]["lr"] = (
            h["actor_learning_rate"] * (1 + math.cos(math.pi * k / UPDATES)) / 2
        )
        pairs = torch.cat([states, actions], dim=1)
        with torch.no_grad():
            target_q = torch.minimum(*[critic(pairs)[:, 0] for critic in self.targets])
            old_value = self.value(states)[:, 0]
            old_next = self.value(next_states)[:, 0]

        u = target_q - self.value(states)[:, 0]
        value_loss = (torch.where(u > 0, h["expectile"], 1 - h["expectile"]) * u**2).mean()
        self.step(1, value_loss)
        with torch.no_grad():
            new_value = self.value(states)[:, 0]
            new_next = self.value(next_states)[:, 0]
        corl = h["update_order"] == "corl"
        advantage = target_q - (old_value if corl else new_value)
        y = rewards + h["discount"] * continues * (old_next if corl else new_next)

        weights = torch.exp(h["beta"] * advantage).clamp(max=h["advantage_clip"])
        actor_loss = -(weights * self.actor.log_density(states, actions, h, draw)).mean()
        self.step(0, actor_loss)
        critic_loss = sum(((critic(pairs)[:, 0] - y) ** 2).mean() for critic in self.critics)
        if h["critic_loss"] == "half_sum":
            critic_loss = critic_loss / 2
        self.step(2, critic_loss)
        with torch.no_grad():
            for slow, fast in zip(self.targets.parameters(), self.critics.parameters()):
                slow.copy_((1 - h["target_rate"]) * slow + h["target_rate"] * fast)
        return {"value_loss": value_loss, "actor_loss": actor_loss, "critic_loss": critic_loss}


def plain_batch(data, index):
    rows = data.packed[index].double()
    return rows[:, :4], rows[:, 4:6], rows[:, 6:10], rows[:, -2], rows[:, -1]


@pytest.fixture
def compare(small_data, replay, plain_network, assert_same_network):
    def run(values):
        method = IQL(MethodSpec(values, small_data.problem, UPDATES, 0, (0, 1)))
        plains = [PlainIQL(method, row, plain_network) for row in range(2)]
        for k, (draw, _, losses) in enumerate(replay(method, small_data, UPDATES)):
            for row, plain in enumerate(plains):
                given = {name: tensor[row] for name, tensor in draw.items()}
                expected = plain.update(k, plain_batch(small_data, given["index"]), given)
                for name, value in expected.items():
                    assert float(losses[name][row]) == pytest.approx(value.item(), rel=1e-4, abs=1e-5), (
                        f"{name} of seed {row} at update {k}"
                    )
        critic = method.critic
        for row, plain in enumerate(plains):
            assert_same_network(plain.actor.net, method.actor.group, row, NAMES, TOLERANCE)
            log_std = method.actor.group.frozen["log_std"][row]
            np.testing.assert_allclose(log_std.numpy(), plain.actor.log_std.detach().numpy(), atol=TOLERANCE)
            assert_same_network(plain.value, critic.value_group, row, NAMES, TOLERANCE)
            for j in range(2):
                assert_same_network(plain.critics[j], critic.critic_group, 2 * row + j, NAMES, TOLERANCE)
                assert_same_network(plain.targets[j], critic.target_group, 2 * row + j, NAMES, TOLERANCE)
        return method, plains

    return run


@pytest.mark.parametrize("values", [PAPER, CORL], ids=["paper", "corl"])
def test_update_equals_plain_implementation(compare, values):
    method, plains = compare(values)
    observations = torch.randn(2, 3, 4)
    from algos.base import Sampling
    from algos.seed_parallel.random_streams import SeedStreams

    actions = method.act(observations, Sampling(), SeedStreams((0, 1), "e"))
    for row, plain in enumerate(plains):
        expected = torch.tanh(plain.actor.net(observations[row].double())).detach()
        np.testing.assert_allclose(actions[row].numpy(), expected.numpy(), atol=1e-5)


# --- Each of these bugs must be found ---


def old_value_in_the_actor(patch):
    def update(self, batch, target_q, draw):
        with torch.no_grad():
            old = target_q - self.critic.value(self.critic.value_group.frozen, batch.observations)
        value_loss = self._step_value(batch, target_q)
        actor_loss = self._step_actor(batch, old, draw)
        with torch.no_grad():
            next_value = self.critic.value(self.critic.value_group.frozen, batch.next_observations)
        return value_loss, actor_loss, self._step_critic(batch, next_value)

    patch.setattr(IQL, "_update_paper", update)


def old_value_in_the_critic(patch):
    def update(self, batch, target_q, draw):
        with torch.no_grad():
            old_next = self.critic.value(self.critic.value_group.frozen, batch.next_observations)
        value_loss = self._step_value(batch, target_q)
        with torch.no_grad():
            advantage = target_q - self.critic.value(self.critic.value_group.frozen, batch.observations)
        actor_loss = self._step_actor(batch, advantage, draw)
        return value_loss, actor_loss, self._step_critic(batch, old_next)

    patch.setattr(IQL, "_update_paper", update)


def advantage_of_the_online_critic(patch):
    def update(self, batch, target_q, draw):
        value_loss = self._step_value(batch, target_q)
        with torch.no_grad():
            online = self.critic.critics(self.critic.critic_group.frozen, batch.state_actions).amin(dim=1)
            advantage = online - self.critic.value(self.critic.value_group.frozen, batch.observations)
            next_value = self.critic.value(self.critic.value_group.frozen, batch.next_observations)
        actor_loss = self._step_actor(batch, advantage, draw)
        return value_loss, actor_loss, self._step_critic(batch, next_value)

    patch.setattr(IQL, "_update_paper", update)


def no_decay(patch):
    patch.setattr(IQL, "schedules", lambda self, update: {"actor_learning_rate": 3e-3})


@pytest.mark.parametrize(
    "bug", [old_value_in_the_actor, old_value_in_the_critic, advantage_of_the_online_critic, no_decay]
)
def test_bug_is_found(compare, monkeypatch, bug):
    bug(monkeypatch)
    with pytest.raises(AssertionError):
        compare(PAPER)


def test_orders_differ(compare):
    """The comparison distinguishes CORL's order from the paper's."""
    method, _ = compare({**PAPER, "update_order": "corl"})
    other, _ = compare(PAPER)
    assert not torch.equal(method.actor.group.flat, other.actor.group.flat)


@pytest.mark.parametrize("values", [PAPER, CORL], ids=["paper", "corl"])
def test_a_seed_in_a_block_equals_it_alone(small_data, assert_seed_equals_it_alone, values):
    problem = small_data.problem
    assert_seed_equals_it_alone(lambda seeds: IQL(MethodSpec(values, problem, UPDATES, 0, seeds)), small_data)


@pytest.mark.parametrize("expectile", [0.49, 1.0, -0.7])
def test_expectile_outside_its_range_is_refused(small_data, expectile):
    with pytest.raises(MethodError, match=r"allowed are values in \[0.5, 1\)"):
        IQL(MethodSpec({**PAPER, "expectile": expectile}, small_data.problem, UPDATES, 0, (0,)))


def test_one_step_baseline_is_allowed(small_data):
    IQL(MethodSpec({**PAPER, "expectile": 0.5}, small_data.problem, UPDATES, 0, (0,)))
