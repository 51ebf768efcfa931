"""ReBRAC against a plain implementation, one seed at a time, in float64, and its data's next actions."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from recheck.errors import TrainingError

from algos.base import MethodSpec
from algos.datasets.next_actions import known_next_actions
from algos.datasets.transitions import load_transitions
from algos.rebrac import ReBRAC
from algos.seed_parallel.batches import Rows, TrainingData
from algos.training.config import RunConfig
from algos.training.trainer import training_data

UPDATES = 25
HYPERPARAMETERS = {
    "batch_size": 16,
    "discount": 0.97,
    "actor_penalty": 0.3,
    "critic_penalty": 0.2,
    "target_rate": 0.1,
    "policy_noise": 0.4,
    "noise_clip": 0.5,
    "policy_frequency": 2,
    "actor_learning_rate": 1e-3,
    "critic_learning_rate": 2e-3,
    "hidden_sizes": [24, 24],
    "critic_layer_norm": True,
    "initialiser": "fan_in_bias_0.1",
}
NAMES = ["layer0", "layer1", "layer2"]


@pytest.fixture
def data():
    generator = np.random.default_rng(3)
    return TrainingData(
        Rows(
            observations=generator.standard_normal((50, 4)).astype(np.float32),
            actions=np.tanh(generator.standard_normal((50, 2))).astype(np.float32),
            rewards=3.0 * generator.standard_normal(50).astype(np.float32),
            next_observations=generator.standard_normal((50, 4)).astype(np.float32),
            terminals=(np.arange(50) % 7 == 0).astype(np.uint8),
            next_actions=np.tanh(generator.standard_normal((50, 2))).astype(np.float32),
        )
    )


def build(data, seeds=(0, 1), **changes):
    return ReBRAC(MethodSpec({**HYPERPARAMETERS, **changes}, data.problem, UPDATES, 0, seeds))


def plain_critic(group, row, layer_norm):
    layers = []
    for name in NAMES:
        weight = group.frozen[f"{name}.weight"][row].double()
        layer = torch.nn.Linear(*weight.shape, dtype=torch.float64)
        layer.weight.data.copy_(weight.T)
        layer.bias.data.copy_(group.frozen[f"{name}.bias"][row])
        layers.append(layer)
        if name != NAMES[-1]:
            layers.append(torch.nn.ReLU())
            if layer_norm:
                layers.append(torch.nn.LayerNorm(weight.shape[1], eps=1e-6, dtype=torch.float64))
    return torch.nn.Sequential(*layers)


class PlainReBRAC:
    """The release's update, written from its description with ordinary torch modules."""

    def __init__(self, method, row, plain_network):
        h = self.h = method.hyperparameters
        self.actor = plain_network(method.actor.group, row, NAMES, torch.nn.ReLU)
        critics = [plain_critic(method.critic.group, 2 * row + i, h["critic_layer_norm"]) for i in range(2)]
        self.critics = torch.nn.ModuleList(critics)
        self.actor_target, self.critics_target = copy.deepcopy(self.actor), copy.deepcopy(self.critics)
        self.actor_adam = torch.optim.Adam(self.actor.parameters(), lr=h["actor_learning_rate"])
        self.critic_adam = torch.optim.Adam(self.critics.parameters(), lr=h["critic_learning_rate"])
        self.count = 0

    @staticmethod
    def minimum(critics, s, a):
        return torch.stack([q(torch.cat([s, a], 1)).squeeze(1) for q in critics]).min(0).values

    def update(self, batch, noise):
        h = self.h
        s, a, r, s2, m, a2_data = batch
        with torch.no_grad():
            smoothing = torch.clamp(h["policy_noise"] * noise, -h["noise_clip"], h["noise_clip"])
            a2 = torch.clamp(torch.tanh(self.actor_target(s2)) + smoothing, -1, 1)
            distance = ((a2 - a2_data) ** 2).sum(1)
            backup = self.minimum(self.critics_target, s2, a2) - h["critic_penalty"] * distance
            y = r + h["discount"] * m * backup
        critic_loss = sum(((q(torch.cat([s, a], 1)).squeeze(1) - y) ** 2).mean() for q in self.critics)
        self.critic_adam.zero_grad()
        critic_loss.backward()
        self.critic_adam.step()
        trained = self.count % h["policy_frequency"] == 0
        self.count += 1
        if not trained:
            return critic_loss.item(), 0.0
        pi = torch.tanh(self.actor(s))
        q = self.minimum(self.critics, s, pi)
        penalty = ((pi - a) ** 2).sum(1)
        actor_loss = (h["actor_penalty"] * penalty - q / q.abs().mean().detach()).mean()
        before = [p.detach().clone() for p in self.actor.parameters()]
        self.actor_adam.zero_grad()
        actor_loss.backward()
        self.actor_adam.step()
        with torch.no_grad():
            for p, t in zip(before, self.actor_target.parameters()):
                t.mul_(1 - h["target_rate"]).add_(h["target_rate"] * p)
            for p, t in zip(self.critics.parameters(), self.critics_target.parameters()):
                t.mul_(1 - h["target_rate"]).add_(h["target_rate"] * p)
        return critic_loss.item(), h["policy_frequency"] * actor_loss.item()


@pytest.mark.parametrize("changes", [{}, {"critic_layer_norm": False, "policy_frequency": 3}])
def test_updates_agree_with_a_plain_implementation(data, replay, plain_network, assert_same_network, changes):
    method = build(data, **changes)
    plains = [PlainReBRAC(method, row, plain_network) for row in range(2)]
    names = ("observations", "actions", "rewards", "next_observations", "continues", "next_actions")
    for draw, _, losses in replay(method, data, UPDATES):
        batch = data.batch(draw["index"])
        for row, plain in enumerate(plains):
            given = [getattr(batch, name)[row].double() for name in names]
            expected = plain.update(given, draw["next_noise"][row].double())
            got = [float(losses[name][row]) for name in method.LOSSES]
            np.testing.assert_allclose(got, expected, rtol=2e-4, atol=1e-5)
    for row, plain in enumerate(plains):
        assert_same_network(plain.actor, method.actor.group, row, NAMES, 2e-5)
        assert_same_network(plain.actor_target, method.actor.target_group, row, NAMES, 2e-5)
        for i in range(2):
            assert_same_network(plain.critics[i], method.critic.group, 2 * row + i, NAMES, 2e-5)
            target = plain.critics_target[i]
            assert_same_network(target, method.critic.target_group, 2 * row + i, NAMES, 2e-5)


def test_it_starts_as_released(data):
    method = build(data)
    critic, actor = method.critic.group.frozen, method.actor.group.frozen
    assert float((critic["layer0.bias"] - 0.1).abs().max()) == 0.0
    assert 0.0 < float(critic["layer2.weight"].abs().max()) <= 3e-3
    assert 0.0 < float(actor["layer2.bias"].abs().max()) <= 1e-3
    assert float(critic["layer1.norm.scale"].min()) == 1.0
    bound = 1.0 / np.sqrt(6)
    assert 0.9 * bound < float(critic["layer0.weight"].abs().max()) <= bound


# --- The dataset's next actions ---


def test_following_actions_by_hand(dataset):
    transitions = load_transitions(dataset)
    short = replace(
        transitions,
        **{name: array[:5] for name, array in transitions.arrays().items()}
        | {
            "episodes": np.array([0, 0, 1, 1, 2]),
            "terminals": np.array([0, 1, 0, 0, 0], dtype=np.uint8),
        },
    )
    actions, known = known_next_actions(short)
    # Row 1 is terminal, row 3 the last of a cut episode, row 4 the last of all.
    assert known.tolist() == [True, True, True, False, False]
    assert np.array_equal(actions[0], short.actions[1])
    assert np.array_equal(actions[2], short.actions[3])
    assert not actions[1].any()


def test_rows_without_a_known_next_action_are_not_drawn(dataset, run_config):
    transitions = load_transitions(dataset)
    terminals = transitions.terminals.copy()
    terminals[29] = 0  # the first of ten episodes was cut
    config = run_config([0, 1], method="rebrac", hyperparameters={})
    for fraction, rows in ((1.0, 299), (0.5, None)):
        run = RunConfig.from_document({**config, "train_fraction": fraction})
        data, _ = training_data(replace(transitions, terminals=terminals), run, torch.device("cpu"))
        assert data.has_next_actions
        assert 29 not in data.rows
        assert data.num_rows == rows or rows is None


def test_independent_transitions_are_refused(dataset, run_config):
    transitions = load_transitions(dataset)
    independent = replace(transitions, episodes=np.arange(300), terminals=np.zeros(300, dtype=np.uint8))
    run = RunConfig.from_document(run_config([0], method="rebrac"))
    with pytest.raises(TrainingError, match="rebrac needs the dataset's action at the next state"):
        training_data(independent, run, torch.device("cpu"))
