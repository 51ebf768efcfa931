"""Stacked networks against torch's own, seed by seed."""

import math

import pytest
import torch
from recheck.errors import MethodError

from algos.seed_parallel.adam import Adam
from algos.seed_parallel.networks import MLP, linear
from algos.seed_parallel.parameters import (
    ParameterGroup,
    init_lecun_normal,
    init_torch_default,
    init_xavier_uniform,
    initialise,
    repeat_copies,
)
from algos.seed_parallel.random_streams import SeedStreams


def stacked_group(seeds, copies=1, sizes=(5, 8, 8, 2), initialiser="torch_default"):
    network = MLP(sizes, "relu")
    group = ParameterGroup(network.shapes(), len(seeds), copies=copies)
    initialise(group, SeedStreams(seeds, "test"), initialiser)
    return network, group


def plain_network(group, row, depth=3):
    """torch's own modules with the weights of one row of a group."""
    layers = []
    for i in range(depth):
        weight = group.frozen[f"layer{i}.weight"][row]
        layer = torch.nn.Linear(*weight.shape)
        layer.weight.data.copy_(weight.T)
        layer.bias.data.copy_(group.frozen[f"layer{i}.bias"][row])
        layers += [layer, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


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


def test_frozen_views_share_memory_and_take_no_gradient():
    network, group = stacked_group([0])
    inputs = torch.randn(1, 4, 5, requires_grad=True)
    outputs = network(group.frozen, inputs)
    outputs.sum().backward()
    assert inputs.grad is not None
    assert all(not view.requires_grad for view in group.frozen.values())
    group.flat.fill_(2.0)
    assert bool((group["layer0.weight"] == 2.0).all())


def test_adam_equals_torch_for_every_seed():
    network, group = stacked_group([0, 1])
    optimiser = Adam(group, 1e-2)
    inputs, plains, plain_optimisers = torch.randn(2, 6, 5), [], []
    for row in range(2):
        plains.append(plain_network(group, row))
        plain_optimisers.append(torch.optim.Adam(plains[-1].parameters(), lr=1e-2))
    for _ in range(20):
        group.backward(network(group.parameters, inputs).square().mean(dim=(1, 2)).sum())
        optimiser.step()
        for row in range(2):
            plain_optimisers[row].zero_grad()
            plains[row](inputs[row]).square().mean().backward()
            plain_optimisers[row].step()
    for row in range(2):
        weight = plains[row][0].weight.T
        torch.testing.assert_close(group.frozen["layer0.weight"][row], weight, rtol=1e-5, atol=1e-6)


def test_adamw_decay_is_decoupled():
    _, group = stacked_group([0])
    before = group.flat.clone()
    group.gradient.zero_()
    Adam(group, 0.1, weight_decay=0.5).step()
    torch.testing.assert_close(group.flat, before * (1 - 0.1 * 0.5))


def test_gradient_norm_is_clipped_per_seed_over_all_copies():
    _, group = stacked_group([0, 1], copies=2)
    group.gradient.zero_()
    group.gradient[0, 0], group.gradient[1, 0] = 3.0, 4.0  # seed 0: norm 5 over its two copies
    group.gradient[2, 0] = 0.5  # seed 1: below the limit, left alone
    norms = group.clip_gradient(1.0)
    torch.testing.assert_close(norms, torch.tensor([5.0, 0.5]))
    torch.testing.assert_close(group.gradient[:3, 0], torch.tensor([0.6, 0.8, 0.5]), rtol=1e-5, atol=0)


def test_moving_average():
    _, group = stacked_group([0])
    target = group.duplicate()
    group.flat.add_(1.0)
    before = target.flat.clone()
    target.move_towards(group, 0.25)
    torch.testing.assert_close(target.flat, before + 0.25)


def test_head_of_width_one_is_the_same_alone_and_stacked():
    """As a matrix product it would take another kernel for one seed than for several."""
    inputs, weight, bias = torch.randn(5, 256, 256), torch.randn(5, 256, 1), torch.randn(5, 1)
    stacked = linear(inputs, weight, bias)
    alone = linear(inputs[2:3], weight[2:3], bias[2:3])
    assert torch.equal(stacked[2:3], alone)
    torch.testing.assert_close(stacked, inputs @ weight + bias.unsqueeze(1), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("initialiser", ["orthogonal", "torch_default", "xavier_uniform"])
def test_initialisation_does_not_depend_on_the_block(initialiser):
    _, block = stacked_group([5, 6, 7], copies=2, initialiser=initialiser)
    _, alone = stacked_group([6], copies=2, initialiser=initialiser)
    assert torch.equal(block.flat[2:4], alone.flat)
    assert not torch.equal(block.flat[0], block.flat[2])
    assert not torch.equal(block.flat[2], block.flat[3])  # the two copies differ


def test_orthogonal_initialisation_has_gain_sqrt_2():
    _, group = stacked_group([0], initialiser="orthogonal")
    weight = group.frozen["layer1.weight"][0]
    torch.testing.assert_close(weight @ weight.T, 2.0 * torch.eye(8), rtol=1e-4, atol=1e-5)
    assert float(group.frozen["layer1.bias"].abs().max()) == 0.0


def test_torch_default_bounds_use_the_fan_in():
    weight, bias = torch.empty(100, 50), torch.empty(50)
    init_torch_default(weight, bias, torch.Generator().manual_seed(0))
    assert 0.9 * 0.1 < float(weight.abs().max()) <= 1 / math.sqrt(100)
    assert float(bias.abs().max()) <= 1 / math.sqrt(100)


def test_xavier_uniform_bounds_use_both_widths():
    weight, bias = torch.empty(100, 50), torch.ones(50)
    init_xavier_uniform(weight, bias, torch.Generator().manual_seed(0))
    bound = math.sqrt(6.0 / 150)
    assert 0.99 * bound < float(weight.abs().max()) <= bound
    assert float(weight.std()) == pytest.approx(bound / math.sqrt(3.0), rel=0.02)
    assert float(bias.abs().max()) == 0.0


def test_lecun_normal_has_the_variance_of_the_fan_in_and_no_tails():
    """flax: a normal cut at two of its deviations, whose deviation after the cut is 1 / sqrt(fan_in)."""
    weight, bias = torch.empty(100, 400), torch.ones(400)
    init_lecun_normal(weight, bias, torch.Generator().manual_seed(0))
    assert float(weight.std()) == pytest.approx(0.1, rel=0.01)
    assert 0.99 * 0.2274 < float(weight.abs().max()) <= 0.2274  # 2 * 0.1 / 0.8796
    assert float(bias.abs().max()) == 0.0


def test_load_refuses_another_shape():
    _, group = stacked_group([0])
    with pytest.raises(ValueError, match=r"layer0.weight has shape \(2, 5, 8\)"):
        group.load({**group.state(), "layer0.weight": torch.zeros(2, 5, 8)})


# --- Losses that leave something out ---


def test_a_loss_that_leaves_a_parameter_out_names_it():
    group = ParameterGroup({"layer0.weight": (2, 3), "log_std": (3,)}, 2)
    with pytest.raises(MethodError, match=r"does not depend on the parameters log_std of its group"):
        group.backward(group["layer0.weight"].square().sum())


def test_a_loss_through_what_acts_is_explained():
    group = ParameterGroup({"layer0.weight": (2, 3)}, 2)
    with torch.no_grad():
        action = group["layer0.weight"].square()
    for loss in (action.sum(), group.frozen["layer0.weight"].sum()):
        with pytest.raises(MethodError, match=r"the loss has no gradient.*such as what `act` calls"):
            group.backward(loss)
