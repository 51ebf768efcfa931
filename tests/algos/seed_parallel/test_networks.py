"""Stacked networks equal plain modules, seed by seed."""

import torch

from algos.seed_parallel.networks import linear
from algos.seed_parallel.parameters import (
    repeat_copies,
)
from tests.algos.seed_parallel.stacked import plain_network, stacked_group


def test_forward_and_gradient_equal_plain_modules():
    network, group = stacked_group([3, 1, 4], copies=2)
    inputs = torch.randn(3, 7, 5)
    outputs = network(group.parameters, repeat_copies(inputs, 2))
    assert outputs.shape == (6, 7, 2)
    group.backward(outputs.square().mean(dim=(1, 2)).sum())
    for row in range(6):
        plain = plain_network(group, row)
        expected = plain(inputs[row // 2])
        torch.testing.assert_close(outputs[row], expected)
        expected.square().mean().backward()
        gradient = group._views(group.gradient)
        for i, layer in enumerate(m for m in plain if isinstance(m, torch.nn.Linear)):
            torch.testing.assert_close(gradient[f"layer{i}.weight"][row], layer.weight.grad.T)
            torch.testing.assert_close(gradient[f"layer{i}.bias"][row], layer.bias.grad)


def test_head_of_width_one_is_the_same_alone_and_stacked():
    """As a matrix product it would take another kernel for one seed than for several."""
    inputs, weight, bias = torch.randn(5, 256, 256), torch.randn(5, 256, 1), torch.randn(5, 1)
    stacked = linear(inputs, weight, bias)
    alone = linear(inputs[2:3], weight[2:3], bias[2:3])
    assert torch.equal(stacked[2:3], alone)
    torch.testing.assert_close(stacked, inputs @ weight + bias.unsqueeze(1), rtol=1e-4, atol=1e-4)
