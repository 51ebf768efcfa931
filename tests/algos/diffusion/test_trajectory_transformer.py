"""The diffusion transformer against plain layers, and how it starts."""

import dataclasses
import math

import pytest
import torch
from recheck.errors import MethodError

from algos.diffusion.trajectory_transformer import TrajectoryTransformer, TransformerSize
from algos.seed_parallel.parameters import ParameterGroup
from algos.seed_parallel.random_streams import SeedStreams
from tests.algos.diffusion.plain_trajectory_networks import PlainTransformer, pairs_of, transformer_names

SIZE = TransformerSize(width=16, heads=2, blocks=2, embedding_size=16, positions="sinusoidal")


def built(size=SIZE, seeds=(3, 8)):
    network = TrajectoryTransformer(4, 8, size)
    group, fixed = (
        ParameterGroup(shapes, len(seeds)) for shapes in (network.shapes(), network.fixed_shapes())
    )
    network.initialise(group, SeedStreams(seeds, "x"))
    network.initialise_fixed(fixed, SeedStreams(seeds, "y"))
    return network, group, fixed


def test_the_noise_is_that_of_the_plain_network():
    network, group, fixed = built()
    for view in group.frozen.values():  # modulations start at zero
        view.normal_(0.0, 0.2)
    windows, times = torch.randn(2, 5, 8, 4), torch.rand(2, 5)
    returns = torch.stack([torch.rand(2, 5), torch.tensor([[1.0, 0.0, 1.0, 0.0, 1.0]] * 2)], dim=-1)
    found = network({**group.frozen, **fixed.frozen}, windows, times, returns)
    for row in range(2):
        plain = PlainTransformer().float()
        plain.frequencies = fixed.frozen["time.frequencies"][row]
        with torch.no_grad():
            for parameter, tensor in pairs_of(plain, group, transformer_names(), row):
                parameter.copy_(tensor)
            wanted = plain(windows[row], times[row], returns[row, :, :1], returns[row, :, 1:])
        torch.testing.assert_close(found[row], wanted, atol=1e-4, rtol=1e-4)


def test_it_starts_at_zero_noise_each_seed_by_itself():
    network, group, fixed = built(seeds=(1, 3, 2))
    _, alone, alone_fixed = built(seeds=(3,))
    assert torch.equal(group.flat[1], alone.flat[0])
    assert torch.equal(fixed.flat[1], alone_fixed.flat[0])
    found = network(
        {**group.frozen, **fixed.frozen}, torch.randn(3, 2, 8, 4), torch.rand(3, 2), torch.ones(3, 2, 2)
    )
    assert not found.any()
    assert not group.frozen["block1.modulation.weight"].any()
    # Xavier: uniform in +- sqrt(6 / (16 + 64)).
    assert 0.8 < float(group.frozen["block0.layer0.weight"].abs().max()) / math.sqrt(6 / 80) <= 1.0
    assert float(group.frozen["embedding.layer0.weight"].std()) == pytest.approx(0.02, rel=0.15)


def test_frequencies_of_time_have_a_deviation_of_16_and_are_not_trained():
    size = dataclasses.replace(SIZE, embedding_size=1024)
    _, group, fixed = built(size, seeds=range(10))
    assert float(fixed.frozen["time.frequencies"].std()) == pytest.approx(16.0, rel=0.1)
    assert fixed.frozen["time.frequencies"].shape == (10, 128)
    assert "time.frequencies" not in group.frozen


def test_released_positions_have_one_frequency_of_1_and_else_0():
    network, _, _ = built(dataclasses.replace(SIZE, positions="released"))
    found = network._positions(torch.zeros(1))
    steps = torch.arange(8.0)
    assert torch.equal(found[:, 0], steps.sin())
    assert torch.equal(found[:, 8], steps.cos())
    assert torch.equal(found[:, 1:8], torch.zeros(8, 7))
    assert torch.equal(found[:, 9:], torch.ones(8, 7))


def test_sizes_that_do_not_divide_are_refused():
    with pytest.raises(
        MethodError, match="network_width is 18; with 2 attention_heads allowed are multiples of 4"
    ):
        built(dataclasses.replace(SIZE, width=18))
    with pytest.raises(MethodError, match="embedding_size is 12; allowed are multiples of 8"):
        built(dataclasses.replace(SIZE, embedding_size=12))
