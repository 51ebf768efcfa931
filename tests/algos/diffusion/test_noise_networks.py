"""Networks that predict the noise, against plain layers of one seed in float64."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from algos.diffusion.noise_networks import (
    FourierTime,
    NoiseMLP,
    NoiseNetworkSpec,
    NoiseResNet,
    ResidualBlocks,
    Sinusoid,
    layer_norm,
    sinusoid,
)
from algos.seed_parallel.random_streams import SeedStreams

SPEC = NoiseNetworkSpec(observation_dim=4, action_dim=2, diffusion_steps=6)
SEEDS = (3, 8)


def mlp(form="diffusion_ql"):
    return NoiseMLP(SPEC, (16, 16), Sinusoid(8, form))


def resnet(**changes):
    return NoiseResNet(
        SPEC,
        ResidualBlocks(**{"width": 16, "number": 2, "dropout": 0.25, **changes}),
        FourierTime(8, (12, 10)),
    )


def inputs(rows=7, seed=0):
    generator = torch.Generator().manual_seed(seed)
    noisy = torch.randn(2, rows, 2, generator=generator)
    steps = torch.randint(0, 6, (2, rows), generator=generator)
    return noisy, steps, torch.randn(2, rows, 4, generator=generator)


def test_sinusoidal_features_by_hand():
    """Of width 4 the frequencies are 1 and 1e-4 (Diffusion-QL), or 1 and 0.01 (EDP)."""
    times = torch.tensor([0.0, 3.0])
    s, c = math.sin, math.cos
    wanted = [[0, 0, 1, 1], [s(3), s(3e-4), c(3), c(3e-4)]]
    np.testing.assert_allclose(sinusoid(times, 4).numpy(), wanted, atol=1e-6)
    wanted = [[1, 1, 0, 0], [c(3), c(0.03), s(3), s(0.03)]]
    np.testing.assert_allclose(sinusoid(times, 4, "edp").numpy(), wanted, atol=1e-6)


def test_each_seed_has_its_own_scale_after_the_norm():
    values = torch.tensor([[[1.0, 3.0]], [[10.0, 30.0]]])
    found = layer_norm(values, torch.tensor([[1.0, 1.0], [2.0, 3.0]]), torch.tensor([[0.0, 0.0], [1.0, 5.0]]))
    np.testing.assert_allclose(found.numpy(), [[[-1, 1]], [[-1, 8]]], atol=1e-5)


def plain_linear(group, name, row, x):
    return x @ group.frozen[f"{name}.weight"][row].double() + group.frozen[f"{name}.bias"][row].double()


@pytest.mark.parametrize("form", ["diffusion_ql", "edp"])
def test_the_mlp_sees_action_time_and_state_in_this_order(form):
    network = mlp(form)
    group = network.new_group(SeedStreams(SEEDS, "x"))
    noisy, steps, states = inputs()
    found = network(group.frozen, noisy, steps, states)
    for row in range(2):
        time = sinusoid(steps[row].double(), 8, form)
        time = plain_linear(
            group, "time.layer1", row, nn.functional.mish(plain_linear(group, "time.layer0", row, time))
        )
        hidden = torch.cat([noisy[row].double(), time, states[row].double()], dim=1)
        for name in ("layer0", "layer1"):
            hidden = nn.functional.mish(plain_linear(group, name, row, hidden))
        wanted = plain_linear(group, "layer2", row, hidden)
        torch.testing.assert_close(found[row].double(), wanted, atol=2e-6, rtol=0)


def plain_resnet(network, group, row, noisy, steps, states, draw=None):
    take = lambda name: group.frozen[name][row].double()  # noqa: E731
    angles = 2 * math.pi * steps.double()[:, None] * take("time.frequencies")
    time = torch.cat([angles.cos(), angles.sin()], dim=1)
    time = plain_linear(
        group, "time.layer1", row, nn.functional.silu(plain_linear(group, "time.layer0", row, time))
    )
    x = plain_linear(group, "first", row, torch.cat([noisy.double(), states.double(), time], dim=1))
    for i in range(2):
        inner = x if draw is None else x * draw[f"dropout{i}"][row] / 0.75
        if network.layer_norm:
            norm = nn.functional.layer_norm(inner, (16,), eps=1e-6)
            inner = norm * take(f"block{i}.norm.scale") + take(f"block{i}.norm.shift")
        inner = nn.functional.silu(plain_linear(group, f"block{i}.expand", row, inner))
        x = x + plain_linear(group, f"block{i}.contract", row, inner)
    return plain_linear(group, "last", row, nn.functional.silu(x))


@pytest.mark.parametrize("normed", [True, False])
@pytest.mark.parametrize("dropped", [True, False])
def test_the_resnet_and_its_dropout(normed, dropped):
    network = resnet(layer_norm=normed)
    group = network.new_group(SeedStreams(SEEDS, "x"))
    for name, view in group.frozen.items():  # norms that do something
        if "norm" in name:
            view.normal_()
    noisy, steps, states = inputs()
    generator = torch.Generator().manual_seed(1)
    masks = {
        f"dropout{i}": torch.bernoulli(torch.full((2, 7, 16), 0.75), generator=generator) for i in range(2)
    }
    draw = masks if dropped else None
    found = network(group.frozen, noisy, steps, states, draw)
    for row in range(2):
        wanted = plain_resnet(network, group, row, noisy[row], steps[row], states[row], draw)
        torch.testing.assert_close(found[row].double(), wanted, atol=1e-5, rtol=0)


@pytest.mark.parametrize("build", [mlp, resnet])
@pytest.mark.parametrize("candidates", [1, 3])
def test_a_chain_is_the_network_at_each_of_its_times(build, candidates):
    network = build()
    group = network.new_group(SeedStreams(SEEDS, "x"))
    times = (5, 2, 0)
    states = torch.randn(2, 4, 4)
    chain = network.chain(group.frozen, states, times, candidates)
    repeated = states.repeat_interleave(candidates, dim=1)
    for call, time in enumerate(times):
        noisy = torch.randn(2, 4 * candidates, 2)
        steps = torch.full((2, 4 * candidates), time)
        wanted = network(group.frozen, noisy, steps, repeated)
        torch.testing.assert_close(chain(noisy, call), wanted, atol=2e-6, rtol=0)


@pytest.mark.parametrize("build", [mlp, resnet])
def test_a_seeds_parameters_are_its_own_in_any_block(build):
    network = build()
    block = network.new_group(SeedStreams((1, 3, 2), "x"))
    alone = network.new_group(SeedStreams((3,), "x"))
    assert torch.equal(block.flat[1], alone.flat[0])
    assert not torch.equal(block.flat[0], block.flat[1])


def test_the_resnet_starts_as_released():
    network = NoiseResNet(SPEC, ResidualBlocks(width=64, number=2), FourierTime(128, (32, 32)))
    group = network.new_group(SeedStreams(range(20), "x"))
    frequencies = group.frozen["time.frequencies"]
    assert frequencies.shape == (20, 64)
    assert float(frequencies.std()) == pytest.approx(0.2, rel=0.05)
    assert torch.equal(group.frozen["block1.norm.scale"], torch.ones(20, 64))
    assert not group.frozen["block1.expand.bias"].any()
    # Xavier outside of the blocks: uniform in +- sqrt(6 / (64 + 2)); LeCun inside: variance 1 / 64.
    last = group.frozen["last.weight"]
    assert float(last.abs().max()) == pytest.approx(math.sqrt(6 / 66), rel=0.01)
    assert float(group.frozen["block0.expand.weight"].std()) == pytest.approx(1 / 8, rel=0.02)


def test_dropout_asks_for_one_mask_of_each_block():
    asked = resnet().random_inputs(5, "_a")
    assert [(x.name, x.kind, x.shape, x.probability) for x in asked] == [
        ("dropout0_a", "bernoulli", (5, 16), 0.75),
        ("dropout1_a", "bernoulli", (5, 16), 0.75),
    ]
    assert resnet(dropout=None).random_inputs(5) == []
    assert mlp().random_inputs(5) == []


def test_features_of_times_are_computed_once():
    network = mlp()
    assert network.time_table((5, 2)) is network.time_table([5.0, 2.0])
    assert network.step_table.shape == (6, 8)
