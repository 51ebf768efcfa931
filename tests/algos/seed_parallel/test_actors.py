"""Actors that several methods share, against torch's distributions and plain layers."""

import math

import pytest
import torch
from torch import nn

from algos.seed_parallel.actors import GaussianActor, GaussianSpec, TanhActor, gaussian_log_density
from algos.seed_parallel.batches import ProblemSpec
from algos.seed_parallel.random_streams import SeedStreams

PROBLEM = ProblemSpec(4, 2)
CPU = torch.device("cpu")
NAMES = ["layer0", "layer1", "layer2"]


def gaussian(seeds=(3, 8), **changes):
    values = {"dropout": None, "log_std_range": (-5.0, 2.0), "initialiser": "torch_default", **changes}
    return GaussianActor(PROBLEM, GaussianSpec((8, 8), **values), SeedStreams(seeds, "x"), CPU)


def test_gaussian_log_density_against_torch():
    actions, mean = torch.randn(2, 5, 3), torch.randn(2, 5, 3)
    log_std = torch.randn(2, 1, 3)
    normal = torch.distributions.Normal(mean, log_std.exp())
    torch.testing.assert_close(
        gaussian_log_density(actions, mean, log_std), normal.log_prob(actions).sum(dim=-1)
    )


@pytest.mark.parametrize("squashed", [True, False])
def test_a_gaussian_actors_mean_and_density_are_each_seeds_own(plain_network, squashed):
    actor = gaussian(squashed=squashed)
    actor.group.frozen["log_std"].copy_(torch.tensor([[0.5, -1.0], [0.0, 0.3]]))
    states, actions = torch.randn(2, 6, 4), torch.randn(2, 6, 2)
    density, mode = actor.log_density(states, actions, {}), actor.mode(states)
    for row in range(2):
        mean = plain_network(actor.group, row, NAMES, nn.ReLU)(states[row].double())
        mean = mean.tanh() if squashed else mean
        normal = torch.distributions.Normal(mean, actor.group.frozen["log_std"][row].double().exp())
        wanted = normal.log_prob(actions[row].double()).sum(dim=1)
        torch.testing.assert_close(density[row].double(), wanted, atol=1e-5, rtol=0)
        torch.testing.assert_close(mode[row].double(), mean.clamp(-1, 1), atol=1e-6, rtol=0)


def test_drawn_actions_have_the_clipped_deviation_and_stay_within_bounds():
    actor = gaussian()
    actor.group.frozen["log_std"].fill_(-9.0)  # used as -5
    states, noise = torch.randn(2, 6, 4), torch.randn(2, 6, 2)
    wanted = actor.mode(states) + math.exp(-5.0) * noise
    torch.testing.assert_close(actor.sample(states, noise), wanted.clamp(-1, 1))
    actor.group.frozen["log_std"].fill_(1.0)
    assert float(actor.sample(states, 10 * noise).abs().max()) == 1.0


def test_a_deviation_beyond_its_range_has_no_gradient():
    actor = gaussian()
    states, actions = torch.randn(2, 6, 4), torch.randn(2, 6, 2)
    densities = []
    for log_std in (2.0, 3.0):
        actor.group.frozen["log_std"].fill_(log_std)
        density = actor.log_density(states, actions, {})
        actor.group.backward(density.sum())
        densities.append(density.detach())
    start = actor.group.offsets["log_std"]
    assert torch.equal(*densities)
    assert not actor.group.gradient[:, start : start + 2].any()


def test_dropout_asks_for_a_mask_of_each_hidden_layer_and_scales_what_is_kept():
    actor = gaussian(dropout=0.5)
    assert [(x.name, x.kind, x.shape, x.probability) for x in actor.random_inputs(6)] == [
        ("dropout0", "bernoulli", (6, 8), 0.5),
        ("dropout1", "bernoulli", (6, 8), 0.5),
    ]
    assert gaussian().random_inputs(6) == []
    states, actions = torch.randn(2, 6, 4), torch.randn(2, 6, 2)
    all_dropped = {f"dropout{i}": torch.zeros(2, 6, 8) for i in range(2)}
    # Nothing reaches the last layer but its bias.
    found = actor.log_density(states, actions, all_dropped)
    mean = actor.group.frozen["layer2.bias"].tanh().unsqueeze(1)
    torch.testing.assert_close(found, gaussian_log_density(actions, mean, torch.zeros(1)))


def test_the_spec_reads_the_hyperparameters_of_iql_and_bc():
    values = {
        "hidden_sizes": [8, 8],
        "dropout": 0.1,
        "log_std_min": -5.0,
        "log_std_max": 2.0,
        "initialiser": "orthogonal",
    }
    assert GaussianSpec.from_hyperparameters(values) == GaussianSpec([8, 8], 0.1, (-5.0, 2.0), "orthogonal")


def tanh_actor(seeds=(3, 8)):
    return TanhActor(PROBLEM, (8, 8), ("torch_default", "uniform_0.001"), SeedStreams(seeds, "x"), CPU)


def test_a_deterministic_actor_and_its_last_layer(plain_network):
    actor = tanh_actor()
    states = torch.randn(2, 6, 4)
    found = actor(actor.group.frozen, states)
    for row in range(2):
        wanted = plain_network(actor.group, row, NAMES, nn.ReLU)(states[row].double()).tanh()
        torch.testing.assert_close(found[row].double(), wanted, atol=1e-6, rtol=0)
    assert float(actor.group.frozen["layer2.weight"].abs().max()) <= 1e-3
    assert float(actor.group.frozen["layer1.weight"].abs().max()) > 0.1
    assert torch.equal(tanh_actor((8,)).group.flat[0], actor.group.flat[1])


def test_the_next_action_is_the_targets_with_clipped_noise():
    actor = tanh_actor()
    actor.group.flat.mul_(3.0)  # the target stays
    states = torch.randn(2, 6, 4)
    base = torch.tanh(actor.network(actor.target_group.frozen, states))
    noise = torch.full((2, 6, 2), 4.0)
    # 4 x 0.2 is clipped to 0.5.
    torch.testing.assert_close(actor.smoothed_target(states, noise, 0.2, 0.5), base + 0.5)
    torch.testing.assert_close(actor.smoothed_target(states, -0.1 * noise, 0.2, 0.5), base - 0.08)
    assert float(actor.smoothed_target(states, noise, 1.0, 3.0).max()) == 1.0
    assert set(actor.groups()) == {"actor", "target_actor"}
