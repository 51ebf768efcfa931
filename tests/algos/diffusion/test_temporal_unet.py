"""The temporal U-Net against plain layers, and what its levels need."""

import math

import pytest
import torch
from recheck.errors import MethodError

from algos.diffusion.temporal_unet import TemporalUNet
from algos.seed_parallel.parameters import ParameterGroup
from algos.seed_parallel.random_streams import SeedStreams
from tests.algos.diffusion.plain_trajectory_networks import PlainUNet, pairs_of, unet_names


def group_of(network, seeds=(3, 8)):
    group = ParameterGroup(network.shapes(), len(seeds))
    network.initialise(group, SeedStreams(seeds, "x"))
    return group


def test_the_noise_is_that_of_the_plain_network():
    network = TemporalUNet(4, 8, 16, (1, 2))
    group = group_of(network)
    for name, view in group.frozen.items():
        if "norm" in name:
            view.normal_(1.0, 0.3)  # norms that do something
    windows, times = torch.randn(2, 5, 8, 4), torch.randint(0, 20, (2, 5)).float()
    returns = torch.stack([torch.rand(2, 5), torch.tensor([[1.0, 0.0, 1.0, 0.0, 1.0]] * 2)], dim=-1)
    found = network(group.frozen, windows, times, returns)
    for row in range(2):
        plain = PlainUNet().float()
        with torch.no_grad():
            for parameter, tensor in pairs_of(plain, group, unet_names(), row):
                parameter.copy_(tensor)
            wanted = plain(windows[row], times[row], returns[row, :, :1], returns[row, :, 1:])
        torch.testing.assert_close(found[row], wanted, atol=1e-5, rtol=1e-5)


def test_a_return_that_may_not_be_seen_changes_nothing():
    network = TemporalUNet(4, 8, 16, (1, 2))
    group = group_of(network)
    windows, times = torch.randn(2, 1, 8, 4), torch.ones(2, 1)
    found = [
        network(group.frozen, windows, times, torch.tensor([[[value, seen]]] * 2))
        for value, seen in ((0.2, 0.0), (0.9, 0.0), (0.2, 1.0), (0.9, 1.0))
    ]
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[2], found[3])


def test_it_starts_as_torchs_layers_do_each_seed_by_itself():
    network = TemporalUNet(4, 8, 16, (1, 2, 4))
    group, alone = group_of(network, (1, 3, 2)), group_of(network, (3,))
    assert torch.equal(group.flat[1], alone.flat[0])
    for name in ("down0.block0.conv0", "down1.halve", "up0.double", "last.out"):
        kernel = group.frozen[f"{name}.kernel"]
        bound = 1 / math.sqrt(kernel.shape[2] * kernel.shape[3])
        assert 0.8 * bound < float(kernel.abs().max()) <= bound
        assert float(group.frozen[f"{name}.offset"].abs().max()) <= bound
    assert bool((group.frozen["last.conv.norm.scale"] == 1).all())
    assert not group.frozen["last.conv.norm.shift"].any()


@pytest.mark.parametrize("horizon", [4, 8, 32])
def test_a_window_keeps_its_length(horizon):
    network = TemporalUNet(3, horizon, 8, (1, 2, 4))
    group = group_of(network, (0,))
    found = network(group.frozen, torch.randn(1, 2, horizon, 3), torch.zeros(1, 2), torch.ones(1, 2, 2))
    assert found.shape == (1, 2, horizon, 3)


def test_sizes_that_the_levels_cannot_halve_are_refused():
    with pytest.raises(MethodError, match=r"horizon is 6; with 3 levels .* allowed are multiples of 4"):
        TemporalUNet(4, 6, 16, (1, 2, 4))
    with pytest.raises(MethodError, match="network_width is 12; allowed are multiples of 8"):
        TemporalUNet(4, 8, 12, (1, 2))
