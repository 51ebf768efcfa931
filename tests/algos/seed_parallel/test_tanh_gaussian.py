"""The tanh-Gaussian actor against torch's transformed distribution."""

import math

import pytest
import torch
from torch.distributions import Normal, TransformedDistribution
from torch.distributions.transforms import TanhTransform

from algos.seed_parallel.batches import ProblemSpec
from algos.seed_parallel.random_streams import SeedStreams
from algos.seed_parallel.tanh_gaussian import TanhGaussianActor, TanhGaussianSpec, log_tanh_slope


def actor(seeds=(3, 8), **changes):
    values = {"log_std_range": (-5.0, 2.0), "initialisers": ("torch_default", "torch_default"), **changes}
    spec = TanhGaussianSpec((8, 8), **{"learnt_scale": False, **values})
    return TanhGaussianActor(ProblemSpec(4, 3), spec, SeedStreams(seeds, "x"), torch.device("cpu"))


def outputs(found, states, row):
    """Mean and log-std as the plain network gives them, in float64."""
    x = states[row].double()
    for i in range(3):
        x = x @ found.group.frozen[f"layer{i}.weight"][row].double()
        x = x + found.group.frozen[f"layer{i}.bias"][row].double()
        x = x.relu() if i < 2 else x
    return x[:, :3], x[:, 3:]


@pytest.mark.parametrize("learnt", [True, False])
def test_draws_and_densities_are_those_of_the_transformed_normal(learnt):
    found = actor(learnt_scale=learnt)
    if learnt:
        assert bool((found.group.frozen["log_std.scale"] == 1).all())
        assert bool((found.group.frozen["log_std.shift"] == -1).all())
        found.group.frozen["log_std.scale"].copy_(torch.tensor([[0.5], [2.0]]))
    states, noise = torch.randn(2, 6, 4), torch.randn(2, 6, 3)
    actions, density = found.sample(found.group.frozen, states, noise)
    given = found.log_density(found.group.frozen, states, actions)
    for row in range(2):
        mean, log_std = outputs(found, states, row)
        if learnt:
            log_std = log_std * (0.5, 2.0)[row] - 1.0
        raw = mean + log_std.clamp(-5, 2).exp() * noise[row]
        law = TransformedDistribution(Normal(mean, log_std.clamp(-5, 2).exp()), [TanhTransform(cache_size=1)])
        wanted = law.log_prob(raw.tanh()).sum(dim=1)
        torch.testing.assert_close(actions[row].double(), raw.tanh(), atol=1e-6, rtol=0)
        torch.testing.assert_close(density[row].double(), wanted, atol=1e-4, rtol=0)
        torch.testing.assert_close(given[row].double(), wanted, atol=1e-3, rtol=0)
        torch.testing.assert_close(found.mode(states)[row].double(), mean.tanh(), atol=1e-6, rtol=0)


def test_several_actions_of_a_state_are_each_drawn_by_themselves():
    found = actor()
    states, noise = torch.randn(2, 3, 4), torch.randn(2, 3, 5, 3)
    actions, density = found.sample(found.group.frozen, states, noise)
    assert (actions.shape, density.shape) == ((2, 3, 5, 3), (2, 3, 5))
    for n in range(5):
        one, one_density = found.sample(found.group.frozen, states, noise[:, :, n])
        torch.testing.assert_close(actions[:, :, n], one)
        torch.testing.assert_close(density[:, :, n], one_density)


def test_the_slope_keeps_its_digits_where_tanh_is_one():
    """log(1 - tanh(u)^2) = 2 (log 2 - |u| - log(1 + exp(-2 |u|))); at 20 it is 2 log 2 - 40."""
    raw = torch.tensor([0.0, 1.0, -1.0, 20.0, -20.0])
    wanted = [
        0.0,
        math.log(1 - math.tanh(1) ** 2),
        math.log(1 - math.tanh(1) ** 2),
        *[2 * math.log(2) - 40] * 2,
    ]
    assert log_tanh_slope(raw).tolist() == pytest.approx(wanted, abs=1e-5)


def test_actions_at_the_bounds_have_a_finite_density():
    found = actor()
    edge = torch.tensor([[[1.0, -1.0, 1.0]]] * 2)
    assert found.log_density(found.group.frozen, torch.randn(2, 1, 4), edge).isfinite().all()


def test_mean_and_deviation_are_clipped():
    found = actor(mean_limit=0.25, log_std_range=(-1.0, -0.5))
    found.group.flat.mul_(100.0)
    mean, log_std = found.moments(found.group.frozen, torch.randn(2, 50, 4))
    assert float(mean.abs().max()) == 0.25
    assert (float(log_std.min()), float(log_std.max())) == (-1.0, -0.5)
