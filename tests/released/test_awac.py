"""AWAC against corl-team/CORL@eeeeef2, algorithms/offline/awac.py: equal weights, batches and noise."""

import pytest
import torch

from algos.awac import AWAC
from algos.base import MethodSpec

pytestmark = pytest.mark.released
UPDATES = 30


def test_thirty_updates_agree(released, data, random_inputs, paper_values, report, float32_rate, monkeypatch):
    module = released("CORL", "algorithms/offline/awac.py")
    values = paper_values("awac", "corl")
    method = AWAC(MethodSpec(values, data.problem, UPDATES, 0, (3,)))
    actor, critics = module.Actor(11, 3, 256), [module.Critic(11, 3, 256) for _ in "12"]
    actor.double()
    rate = float32_rate(3e-4)
    adams = [torch.optim.Adam(network.parameters(), rate) for network in (actor, *critics)]

    def layers(network):
        return [layer for layer in network._mlp if isinstance(layer, torch.nn.Linear)]

    names = method.actor.network.names
    pairs = [(layer, method.actor.group, 0, n) for layer, n in zip(layers(actor), names)]
    for row, critic in enumerate(critics):
        pairs += [(layer, method.critic.group, row, n) for layer, n in zip(layers(critic), names)]
    for linear, group, row, name in pairs:
        linear.weight.data.copy_(group.frozen[f"{name}.weight"][row].T)
        linear.bias.data.copy_(group.frozen[f"{name}.bias"][row])
    theirs = module.AdvantageWeightedActorCritic(
        actor, adams[0], critics[0], adams[1], critics[1], adams[2], awac_lambda=0.3333
    )
    targets = (theirs._target_critic_1, theirs._target_critic_2)
    queue = []
    monkeypatch.setattr(
        torch.distributions.Normal, "rsample", lambda self, *_: self.loc + self.scale * queue.pop(0)
    )
    for update, draw, given in random_inputs(method, data, UPDATES):
        batch = data.batch(draw["index"])
        queue += [draw["next_noise"][0], draw["noise"][0]]
        theirs.update(
            [
                batch.observations[0],
                batch.actions[0],
                batch.rewards[0].unsqueeze(1),
                batch.next_observations[0],
                1.0 - batch.continues[0].unsqueeze(1),
            ]
        )
        assert not queue
        method.update(data, given, method.update_variant(update))
    for row, target in enumerate(targets):
        group = method.critic.target_group
        pairs += [(layer, group, row, n) for layer, n in zip(layers(target), names)]
    largest = float((actor._log_std.data - method.actor.group.frozen["log_std"][0]).abs().max())
    for linear, group, row, name in pairs:
        weight = linear.weight.data.T - group.frozen[f"{name}.weight"][row]
        bias = linear.bias.data - group.frozen[f"{name}.bias"][row]
        largest = max(largest, float(weight.abs().max()), float(bias.abs().max()))
    report("AWAC, 30 updates, all parameters", largest, 1e-9)
