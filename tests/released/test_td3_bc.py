"""TD3+BC against sfujim/TD3_BC@8791ad7: equal weights, batches and noise."""

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
