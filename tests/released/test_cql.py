"""CQL against corl-team/CORL@eeeeef2, algorithms/offline/cql.py: equal weights, batches and noise."""

import math

import pytest
import torch

from algos.base import MethodSpec
from algos.cql import CQL

pytestmark = pytest.mark.released
UPDATES = 25


def layers_of(module):
    return [layer for layer in module if isinstance(layer, torch.nn.Linear)]


def pairs_of(method, theirs, targets=False):
    """Their linear layers with our parameters: network, row, layer name."""
    found = []
    if not targets:
        found += [
            (layer, method.actor.group, 0, name)
            for layer, name in zip(layers_of(theirs.actor.base_network), method.actor.network.names)
        ]
    group = method.critic.target_group if targets else method.critic.group
    critics = (
        (theirs.target_critic_1, theirs.target_critic_2) if targets else (theirs.critic_1, theirs.critic_2)
    )
    for row, critic in enumerate(critics):
        names = method.critic.network.names
        found += [(layer, group, row, name) for layer, name in zip(layers_of(critic.network), names)]
    return found


class Noise:
    """In place of a distribution's random numbers: ours, in the order in which the release asks for them."""

    def __init__(self, queue):
        self.queue = queue

    def __call__(self, mean, std):
        noise = self.queue.pop(0)
        return mean + std * noise.reshape(mean.shape)


@pytest.mark.parametrize("task", ["hopper-medium-v2", "antmaze-umaze-v2"])
def test_updates_agree(released, data, random_inputs, paper_values, report, float32_rate, monkeypatch, task):
    """Locomotion: a fixed weight; antmaze: Lagrange, clip, maximum over ten next actions, five layers."""
    module = released("CORL", "algorithms/offline/cql.py")
    values = {**paper_values("cql", "corl", task), "batch_size": 32}
    method = CQL(MethodSpec(values, data.problem, UPDATES, 0, (3,)))
    critics = [module.FullyConnectedQFunction(11, 3, True, len(values["critic_hidden_sizes"])) for _ in "12"]
    actor = module.TanhGaussianPolicy(11, 3, 1.0)
    for scalar in (actor.log_std_multiplier, actor.log_std_offset):
        scalar.double()
    policy_rate, critic_rate = (float32_rate(values[f"{n}_learning_rate"]) for n in ("actor", "critic"))
    adams = [torch.optim.Adam(c.parameters(), critic_rate) for c in critics]
    lagrange = values["lagrange_threshold"]
    theirs = module.ContinuousCQL(
        critics[0],
        adams[0],
        critics[1],
        adams[1],
        actor,
        torch.optim.Adam(actor.parameters(), policy_rate),
        target_entropy=-3.0,
        policy_lr=policy_rate,
        qf_lr=critic_rate,
        bc_steps=0,
        cql_lagrange=lagrange is not None,
        cql_target_action_gap=-1.0 if lagrange is None else lagrange,
        cql_alpha=values["conservative_weight"],
        cql_max_target_backup=values["max_q_backup"],
        cql_clip_diff_min=-math.inf if values["difference_min"] is None else values["difference_min"],
    )
    for linear, group, row, name in pairs_of(method, theirs):
        linear.weight.data.copy_(group.frozen[f"{name}.weight"][row].T)
        linear.bias.data.copy_(group.frozen[f"{name}.bias"][row])
    for target, online in ((theirs.target_critic_1, critics[0]), (theirs.target_critic_2, critics[1])):
        target.load_state_dict(online.state_dict())
    for scalar, optimiser, rate in (
        (theirs.log_alpha, "alpha_optimizer", policy_rate),
        (theirs.log_alpha_prime, "alpha_prime_optimizer", critic_rate),
    ):
        scalar.double()
        setattr(theirs, optimiser, torch.optim.Adam(scalar.parameters(), rate))
    noise = Noise([])
    normal = module.Normal
    monkeypatch.setattr(normal, "rsample", lambda self, *_: noise(self.loc, self.scale))
    for update, draw, given in random_inputs(method, data, UPDATES):
        batch = data.batch(draw["index"])
        noise.queue = [draw[name][0] for name in ("noise", "next_noise", "noise_now", "noise_following")]
        uniform = 2.0 * draw["uniform"][0] - 1.0
        monkeypatch.setattr(torch.Tensor, "uniform_", lambda self, *_, u=uniform: self.copy_(u))
        theirs.train(
            [
                batch.observations[0],
                batch.actions[0],
                batch.rewards[0].unsqueeze(1),
                batch.next_observations[0],
                1.0 - batch.continues[0].unsqueeze(1),
            ]
        )
        assert not noise.queue
        method.update(data, given, method.update_variant(update))
    largest = 0.0
    for linear, group, row, name in [*pairs_of(method, theirs), *pairs_of(method, theirs, targets=True)]:
        largest = max(
            largest, float((linear.weight.data.T - group.frozen[f"{name}.weight"][row]).abs().max())
        )
        largest = max(largest, float((linear.bias.data - group.frozen[f"{name}.bias"][row]).abs().max()))
    scalars = (
        (theirs.log_alpha, method.temperature.frozen["log_alpha"]),
        (theirs.log_alpha_prime, method.lagrange.frozen["log_weight"]),
        (actor.log_std_multiplier, method.actor.group.frozen["log_std.scale"]),
        (actor.log_std_offset, method.actor.group.frozen["log_std.shift"]),
    )
    for scalar, ours in scalars:
        largest = max(largest, abs(float(scalar.constant.detach()) - float(ours)))
    report(f"CQL on {task}, {UPDATES} updates, all parameters", largest, 1e-9)
