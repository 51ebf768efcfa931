"""TD3+BC against sfujim/TD3_BC@8791ad7 and corl-team/CORL@eeeeef2: equal weights, batches and noise."""

import numpy as np
import pytest
import torch

from algos.base import MethodSpec
from algos.td3_bc import TD3BC

pytestmark = pytest.mark.released
UPDATES = 40


def copy_linear(linear, group, row, name):
    linear.weight.data.copy_(group.frozen[f"{name}.weight"][row].T)
    linear.bias.data.copy_(group.frozen[f"{name}.bias"][row])


def difference(linear, group, row, name):
    weight = (linear.weight.data.T - group.frozen[f"{name}.weight"][row]).abs().max()
    bias = (linear.bias.data - group.frozen[f"{name}.bias"][row]).abs().max()
    return float(max(weight, bias))


def test_forty_updates_agree(
    released, data, random_inputs, one_batch, paper_values, report, float32_rate, monkeypatch
):
    module = released("TD3_BC", "TD3_BC.py")
    module.device = torch.device("cpu")
    method = TD3BC(MethodSpec(paper_values("td3_bc", "paper"), data.problem, UPDATES, 0, (3,)))
    theirs = module.TD3_BC(11, 3, 1.0)
    for optimiser in (theirs.actor_optimizer, theirs.critic_optimizer):
        optimiser.param_groups[0]["lr"] = float32_rate(3e-4)
    actor, critic = method.actor, method.critic
    pairs = [(f"l{i + 1}", "actor", actor.group, 0, f"layer{i}") for i in range(3)]
    pairs += [(f"l{i + 1}", "critic", critic.group, 0, f"layer{i}") for i in range(3)]
    pairs += [(f"l{i + 4}", "critic", critic.group, 1, f"layer{i}") for i in range(3)]
    for linear, network, group, row, name in pairs:
        for suffix in ("", "_target"):
            copy_linear(getattr(getattr(theirs, network + suffix), linear), group, row, name)
    for update, draw, given in random_inputs(method, data, UPDATES):
        one_batch.hold(data.batch(draw["index"]))
        noise = draw["next_noise"][0]
        monkeypatch.setattr(module.torch, "randn_like", lambda _, noise=noise: noise)
        theirs.train(one_batch, 256)
        monkeypatch.undo()
        method.update(data, given, method.update_variant(update))
    targets = {"actor": actor.target_group, "critic": critic.target_group}
    largest = 0.0
    for linear, network, group, row, name in pairs:
        largest = max(largest, difference(getattr(getattr(theirs, network), linear), group, row, name))
        target = getattr(getattr(theirs, f"{network}_target"), linear)
        largest = max(largest, difference(target, targets[network], row, name))
    report("TD3+BC, 40 updates, all parameters", largest, 1e-9)
    assert np.isfinite(largest)


def test_forty_updates_of_corl_agree(
    released, data, random_inputs, paper_values, report, float32_rate, monkeypatch, linear_layers
):
    """CORL's critics have optimisers of their own, and its batch is what the replay buffer gives."""
    module = released("CORL", "algorithms/offline/td3_bc.py")
    values = paper_values("td3_bc", "corl")
    method = TD3BC(MethodSpec(values, data.problem, UPDATES, 0, (3,)))
    networks = {"actor": module.Actor(11, 3, 1.0)}
    networks |= {f"critic_{i}": module.Critic(11, 3) for i in (1, 2)}
    optimisers = {
        f"{name}_optimizer": torch.optim.Adam(network.parameters(), lr=float32_rate(3e-4))
        for name, network in networks.items()
    }
    constants = {
        "discount": values["discount"],
        "tau": values["target_rate"],
        "policy_noise": values["policy_noise"],
        "noise_clip": values["noise_clip"],
        "policy_freq": values["policy_frequency"],
        "alpha": values["alpha"],
    }
    theirs = module.TD3_BC(1.0, **networks, **optimisers, **constants)
    groups = {"actor": (method.actor.group, method.actor.target_group, 0)}
    critic = method.critic
    groups |= {f"critic_{i + 1}": (critic.group, critic.target_group, i) for i in (0, 1)}
    pairs = []
    for name, (online, target, row) in groups.items():
        for network, group in ((name, online), (f"{name}_target", target)):
            layers = [x for x in getattr(theirs, network).net if isinstance(x, torch.nn.Linear)]
            pairs += [(layer, group, row, f"layer{i}") for i, layer in enumerate(layers)]
    linear_layers.copy(pairs)
    start = method.actor.target_group.flat.clone()
    for update, draw, given in random_inputs(method, data, UPDATES):
        batch = data.batch(draw["index"])
        columns = [
            batch.observations[0],
            batch.actions[0],
            batch.rewards[0].unsqueeze(1),
            batch.next_observations[0],
            1.0 - batch.continues[0].unsqueeze(1),
        ]
        with monkeypatch.context() as patch:
            patch.setattr(module.torch, "randn_like", lambda _, noise=draw["next_noise"][0]: noise)
            theirs.train(columns)
        method.update(data, given, method.update_variant(update))
    assert not torch.equal(start, method.actor.target_group.flat)
    report("TD3+BC, CORL, 40 updates, all parameters", linear_layers.largest_difference(pairs), 1e-9)
