"""IQL against corl-team/CORL@eeeeef2, algorithms/offline/iql.py: equal weights and batches."""

import pytest
import torch

from algos.base import MethodSpec
from algos.iql import IQL

pytestmark = pytest.mark.released
UPDATES = 40


def linear_layers(network):
    return [layer for layer in network.modules() if isinstance(layer, torch.nn.Linear)]


def test_forty_updates_agree(released, data, draws, paper_values, report, float32_rate):
    """The last update is the end of the actor's schedule, so that its whole decay is compared."""
    module = released("CORL", "algorithms/offline/iql.py")
    # Whatever the precision of the networks, CORL multiplies with |expectile - 1(u < 0)| and with
    # (1 - terminal) times the discount in float32.
    settings = paper_values("iql", "corl_paper_settings")
    rounded = {name: float32_rate(settings[name]) for name in ("expectile", "discount")}
    values = {**settings, **rounded}
    method = IQL(MethodSpec(values, data.problem, UPDATES, 0, (3,)))
    actor, critic, value = module.GaussianPolicy(11, 3, 1.0), module.TwinQ(11, 3), module.ValueFunction(11)
    actor.double()
    # A rate that is constant is held in float32 by our optimiser; the actor's decays, and is given to it.
    rates = (3e-4, float32_rate(3e-4), float32_rate(3e-4))
    networks = (actor, critic, value)
    adams = [torch.optim.Adam(network.parameters(), rate) for network, rate in zip(networks, rates)]
    groups = method.critic
    pairs = list(zip(linear_layers(actor), [method.actor.group] * 3, [0] * 3, method.actor.network.names))
    pairs += zip(linear_layers(value), [groups.value_group] * 3, [0] * 3, groups.value_network.names)
    for row, copy in enumerate((critic.q1, critic.q2)):
        pairs += zip(linear_layers(copy), [groups.critic_group] * 3, [row] * 3, groups.critic_network.names)
    for linear, group, row, name in pairs:
        linear.weight.data.copy_(group.frozen[f"{name}.weight"][row].T)
        linear.bias.data.copy_(group.frozen[f"{name}.bias"][row])
    theirs = module.ImplicitQLearning(
        max_action=1.0,
        actor=actor,
        actor_optimizer=adams[0],
        q_network=critic,
        q_optimizer=adams[1],
        v_network=value,
        v_optimizer=adams[2],
        max_steps=UPDATES,
    )
    for update, draw, given in draws(method, data, UPDATES):
        batch = data.batch(draw["index"])
        theirs.train(
            [
                batch.observations[0],
                batch.actions[0],
                batch.rewards[0].unsqueeze(1),
                batch.next_observations[0],
                1.0 - batch.continues[0].unsqueeze(1),
            ]
        )
        method.update(data, given, method.update_variant(update))
    for row, copy in enumerate((theirs.q_target.q1, theirs.q_target.q2)):
        names = groups.critic_network.names
        pairs += zip(linear_layers(copy), [groups.target_group] * 3, [row] * 3, names)
    largest = float((actor.log_std.data - method.actor.group.frozen["log_std"][0]).abs().max())
    for linear, group, row, name in pairs:
        weight = linear.weight.data.T - group.frozen[f"{name}.weight"][row]
        bias = linear.bias.data - group.frozen[f"{name}.bias"][row]
        largest = max(largest, float(weight.abs().max()), float(bias.abs().max()))
    report("IQL, 40 updates, all parameters", largest, 1e-9)
