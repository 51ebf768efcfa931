"""Parameters of all seeds in one buffer: views, averages, initialisation, refusals."""

import math

import pytest
import torch
from recheck.errors import MethodError

from algos.seed_parallel.parameters import (
    ParameterGroup,
    init_lecun_normal,
    init_torch_default,
    init_xavier_uniform,
)
from tests.algos.seed_parallel.stacked import stacked_group


def test_frozen_views_share_memory_and_take_no_gradient():
    network, group = stacked_group([0])
    inputs = torch.randn(1, 4, 5, requires_grad=True)
    outputs = network(group.frozen, inputs)
    outputs.sum().backward()
    assert inputs.grad is not None
    assert all(not view.requires_grad for view in group.frozen.values())
    group.flat.fill_(2.0)
    assert bool((group["layer0.weight"] == 2.0).all())


def test_moving_average():
    _, group = stacked_group([0])
    target = group.duplicate()
    group.flat.add_(1.0)
    before = target.flat.clone()
    target.move_towards(group, 0.25)
    torch.testing.assert_close(target.flat, before + 0.25)


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
