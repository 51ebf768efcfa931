"""CQL against a plain implementation, one seed at a time, in float64."""

import copy
import math

import numpy as np
import pytest
import torch
from recheck.errors import MethodError
from torch.distributions import Normal, TanhTransform, TransformedDistribution

from algos.base import MethodSpec, Sampling
from algos.cql import CQL
from algos.seed_parallel.random_streams import SeedStreams

UPDATES = 12
HYPERPARAMETERS = {
    "batch_size": 8,
    "discount": 0.97,
    "target_rate": 0.1,
    "conservative_weight": 2.0,
    "sampled_actions": 4,
    "lagrange_threshold": None,
    "lagrange_start": 0.5,
    "difference_min": None,
    "max_q_backup": False,
    "max_q_backup_actions": 3,
    "warm_up_updates": 4,
    "actor_learning_rate": 1e-3,
    "critic_learning_rate": 2e-3,
    "hidden_sizes": [16, 16],
    "critic_hidden_sizes": [16, 16],
    "initialiser": "fan_out_bias_0.1",
    "learnt_log_std_scale": False,
    "mean_limit": None,
    "log_std_min": -20.0,
    "log_std_max": 2.0,
    "update_order": "paper",
}
NAMES = ["layer0", "layer1", "layer2"]
VARIANTS = {
    "authors": {"mean_limit": 0.01},
    "authors_lagrange": {"lagrange_threshold": 0.7, "max_q_backup": True},
    "corl": {"update_order": "corl", "initialiser": "orthogonal", "warm_up_updates": 0},
    "corl_lagrange": {
        "update_order": "corl",
        "initialiser": "orthogonal",
        "lagrange_threshold": 0.7,
        "difference_min": -0.2,
        "max_q_backup": True,
    },
}


def build(data, seeds=(0, 1), **changes):
    return CQL(MethodSpec({**HYPERPARAMETERS, **changes}, data.problem, UPDATES, 0, seeds))


class PlainCQL:
    """CQL(H) written from its two programs with torch's distributions; weights of one seed."""

    def __init__(self, method, row, plain_network):
        h = self.h = method.hyperparameters
        self.actor = plain_network(method.actor.group, row, NAMES, torch.nn.ReLU)
        self.critics = torch.nn.ModuleList(
            plain_network(method.critic.group, 2 * row + i, NAMES, torch.nn.ReLU) for i in range(2)
        )
        self.targets = copy.deepcopy(self.critics)
        self.log_alpha = torch.zeros((), dtype=torch.float64, requires_grad=True)
        self.log_weight = torch.tensor(h["lagrange_start"], dtype=torch.float64, requires_grad=True)
        slow, fast = h["actor_learning_rate"], h["critic_learning_rate"]
        self.actor_adam = torch.optim.Adam(self.actor.parameters(), slow)
        self.alpha_adam = torch.optim.Adam([self.log_alpha], slow)
        self.critic_adam = torch.optim.Adam(self.critics.parameters(), fast)
        self.weight_adam = torch.optim.Adam([self.log_weight], fast)
        self.count = 0

    def policy(self, s):
        mean, log_std = self.actor(s).chunk(2, dim=-1)
        limit = self.h["mean_limit"] or math.inf
        mean = mean.clamp(-limit, limit)
        scale = torch.exp(log_std.clamp(self.h["log_std_min"], self.h["log_std_max"]))
        return mean, scale, TransformedDistribution(Normal(mean, scale), TanhTransform(cache_size=1))

    def draw(self, s, noise):
        mean, scale, _ = self.policy(s)
        if noise.dim() == 3:
            mean, scale, _ = self.policy(s.unsqueeze(1).expand(-1, noise.shape[1], -1))
        raw = mean + scale * noise
        a = torch.tanh(raw)
        base = Normal(mean, scale).log_prob(raw) - TanhTransform().log_abs_det_jacobian(raw, a)
        return a, base.sum(-1)

    def many(self, critic, s, a):
        return critic(torch.cat([s.unsqueeze(1).expand(-1, a.shape[1], -1), a], -1)).squeeze(-1)

    def temperature(self, log_pi):
        loss = -(self.log_alpha * (log_pi.detach() - 2.0)).mean()
        self.alpha_adam.zero_grad()
        loss.backward()
        self.alpha_adam.step()
        return loss.item()

    def update(self, batch, draw):
        h, paper = self.h, self.h["update_order"] == "paper"
        s, a, r, s2, m = batch
        self.count += 1
        new, log_pi = self.draw(s, draw["noise"])
        temperature_loss = self.temperature(log_pi) if paper else None
        warm = self.count < h["warm_up_updates"] if paper else self.count <= h["warm_up_updates"]
        if warm:
            gain = self.policy(s)[2].log_prob(a).sum(-1)
        else:
            gain = torch.stack([self.many(q, s, new.unsqueeze(1))[:, 0] for q in self.critics]).min(0)[0]
        actor_loss = (self.log_alpha.exp().detach() * log_pi - gain).mean()
        with torch.no_grad():
            noise = draw["next_noise"] if h["max_q_backup"] else draw["next_noise"].unsqueeze(1)
            q = torch.stack([self.many(t, s2, self.draw(s2, noise)[0]) for t in self.targets])
            best = q.max(2)[0].min(0)[0] if paper else q.min(0)[0].max(1)[0]
            y = r + h["discount"] * m * best
            now, log_now = self.draw(s, draw["noise_now"])
            following, log_following = self.draw(s2, draw["noise_following"])
            uniform = 2 * draw["uniform"] - 1
        squared, differences = 0.0, []
        for critic in self.critics:
            predicted = critic(torch.cat([s, a], 1)).squeeze(1)
            squared = squared + ((predicted - y) ** 2).mean()
            logits = torch.cat(
                [
                    self.many(critic, s, uniform) - 2 * math.log(0.5),
                    self.many(critic, s, following) - log_following,
                    self.many(critic, s, now) - log_now,
                ],
                1,
            )
            difference = torch.logsumexp(logits, 1) - predicted
            if h["difference_min"] is not None:
                difference = torch.clamp(difference, min=h["difference_min"])
            differences.append(difference.mean())
        w, tau = h["conservative_weight"], h["lagrange_threshold"]
        lagrange_loss = 0.0
        if tau is None:
            terms = [w * d for d in differences]
        else:
            weight = self.log_weight.exp()
            terms = [weight * (w * d - tau) if paper else weight * w * (d - tau) for d in differences]
            loss = -0.5 * sum(terms)
            self.weight_adam.zero_grad()
            loss.backward(retain_graph=True)
            lagrange_loss = loss.item()
        self.critic_adam.zero_grad()
        (squared + sum(terms)).backward(retain_graph=True, inputs=list(self.critics.parameters()))
        self.actor_adam.zero_grad()
        actor_loss.backward(inputs=list(self.actor.parameters()))
        if not paper:
            temperature_loss = self.temperature(log_pi)
        for adam in (self.critic_adam, self.actor_adam, *([] if tau is None else [self.weight_adam])):
            adam.step()
        with torch.no_grad():
            for p, t in zip(self.critics.parameters(), self.targets.parameters()):
                t.mul_(1 - h["target_rate"]).add_(h["target_rate"] * p)
        return [actor_loss.item(), temperature_loss, squared.item(), sum(terms).item(), lagrange_loss]


@pytest.mark.parametrize("variant", VARIANTS)
def test_updates_agree_with_a_plain_implementation(
    small_data, replay, plain_network, assert_same_network, variant
):
    method = build(small_data, **VARIANTS[variant])
    plains = [PlainCQL(method, row, plain_network) for row in range(2)]
    names = ("observations", "actions", "rewards", "next_observations", "continues")
    for draw, _, losses in replay(method, small_data, UPDATES):
        batch = small_data.batch(draw["index"])
        for row, plain in enumerate(plains):
            given = [getattr(batch, name)[row].double() for name in names]
            expected = plain.update(given, {n: t[row].double() for n, t in draw.items() if n != "index"})
            got = [float(losses[name][row]) for name in method.LOSSES]
            np.testing.assert_allclose(got, expected, rtol=5e-4, atol=2e-5)
    for row, plain in enumerate(plains):
        assert_same_network(plain.actor, method.actor.group, row, NAMES, 5e-5)
        for i in range(2):
            assert_same_network(plain.critics[i], method.critic.group, 2 * row + i, NAMES, 5e-5)
            assert_same_network(plain.targets[i], method.critic.target_group, 2 * row + i, NAMES, 5e-5)
        alpha = float(method.temperature.frozen["log_alpha"][row])
        assert alpha == pytest.approx(plain.log_alpha.item(), abs=1e-6)
        weight = float(method.lagrange.frozen["log_weight"][row])
        assert weight == pytest.approx(plain.log_weight.item(), abs=1e-6)


def test_it_acts_by_the_mean(small_data):
    method = build(small_data, learnt_log_std_scale=True)
    observations = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
    actions = method.act(observations, Sampling(), SeedStreams((0, 1), "e"))
    mean, _ = method.actor.moments(method.actor.group.frozen, observations)
    assert torch.equal(actions, torch.tanh(mean))
    assert float(method.actor.group.frozen["log_std.shift"][0]) == -1.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"update_order": "random"}, "allowed are paper, corl"),
        (
            {"initialiser": "xavier_uniform"},
            "allowed are orthogonal, torch_default, lecun_normal, fan_out",
        ),
        ({"sampled_actions": 0}, "sampled_actions is 0; allowed are values from 1"),
        ({"max_q_backup": True, "max_q_backup_actions": 0}, "max_q_backup_actions is 0"),
    ],
)
def test_values_out_of_range_are_refused(small_data, changes, message):
    with pytest.raises(MethodError, match=message):
        build(small_data, **changes)
