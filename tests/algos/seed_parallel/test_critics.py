"""A pair of critics with their targets."""

import pytest
import torch
from torch import nn

from algos.seed_parallel import kernels
from algos.seed_parallel.batches import ProblemSpec
from algos.seed_parallel.critics import CriticSpec, TwinCritic
from algos.seed_parallel.random_streams import SeedStreams

NAMES = ["layer0", "layer1", "layer2"]


def critic(seeds=(0, 1, 2), **changes):
    spec = CriticSpec((8, 8), **changes)
    return TwinCritic(ProblemSpec(4, 2), spec, SeedStreams(seeds, "x"), torch.device("cpu"))


def test_both_values_are_those_of_plain_networks(plain_network):
    pair = critic(activation="tanh")
    inputs = torch.randn(3, 7, 6)
    values = pair(pair.group.frozen, inputs)
    assert values.shape == (3, 2, 7)
    for seed in range(3):
        for which in range(2):
            plain = plain_network(pair.group, 2 * seed + which, NAMES, nn.Tanh)
            wanted = plain(inputs[seed].double()).squeeze(1)
            torch.testing.assert_close(values[seed, which].double(), wanted, atol=1e-6, rtol=0)
    torch.testing.assert_close(pair.first(inputs), values[:, 0])


def test_layer_norm_comes_after_the_activation():
    pair = critic(layer_norm=True)
    for name, view in pair.group.frozen.items():
        if "norm" in name:
            assert bool((view == (1.0 if name.endswith("scale") else 0.0)).all())
    inputs = torch.randn(3, 7, 6)
    take = lambda name: pair.group.frozen[name][3]  # noqa: E731 (the second critic of the second seed)
    x = inputs[1]
    for name in NAMES[:2]:
        x = torch.relu(x @ take(f"{name}.weight") + take(f"{name}.bias"))
        x = nn.functional.layer_norm(x, (8,), eps=1e-6)
    wanted = (x @ take("layer2.weight") + take("layer2.bias")).squeeze(1)
    torch.testing.assert_close(pair(pair.group.frozen, inputs)[1, 1], wanted, atol=1e-5, rtol=0)


@pytest.mark.parametrize("form", kernels.FORMS)
def test_one_critic_is_the_row_of_both(form):
    if form == "onednn" and not kernels.onednn_available():
        pytest.skip("this build of torch has no oneDNN")
    pair = critic()
    inputs = torch.randn(3, 7, 6, requires_grad=True)
    with kernels.using(form):
        both = pair(pair.group.frozen, inputs)
        picked = pair.of_one(torch.tensor([1.0, 0.0, 1.0]), inputs)
        expected = torch.stack([both[0, 0], both[1, 1], both[2, 0]])
        torch.testing.assert_close(picked, expected)
        gradients = [torch.autograd.grad(x.square().sum(), inputs)[0] for x in (picked, expected)]
    torch.testing.assert_close(*gradients)


def test_the_target_starts_as_a_copy_and_is_another_memory():
    pair = critic()
    assert torch.equal(pair.group.flat, pair.target_group.flat)
    pair.group.flat.zero_()
    assert pair.target_group.flat.any()
    assert set(pair.groups()) == {"critic", "target_critic"}


def test_the_last_layer_may_start_otherwise_and_a_seeds_pair_is_its_own():
    pair = critic(last_initialiser="uniform_0.003")
    assert float(pair.group.frozen["layer2.weight"].abs().max()) <= 3e-3
    assert float(pair.group.frozen["layer1.weight"].abs().max()) > 0.1
    alone = critic((1,), last_initialiser="uniform_0.003")
    assert torch.equal(pair.group.flat[2:4], alone.group.flat)
    assert not torch.equal(alone.group.flat[0], alone.group.flat[1])
