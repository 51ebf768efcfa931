"""What the diffusion methods share: the choice among candidates, sampling settings, schedules."""

import math

import numpy as np
import pytest
import torch
from recheck.errors import MethodError

from algos.base import MethodSpec, Sampling
from algos.diffusion.policy import (
    choose_best,
    choose_by_softmax,
    choose_by_weight,
    epoch_decay,
    every,
    join_candidates,
    noise_loss_inputs,
)
from algos.diffusion_ql import DiffusionBC, DiffusionQL
from algos.seed_parallel.batches import ProblemSpec
from algos.seed_parallel.random_streams import SeedStreams
from tests.algos.diffusion_ql_values import BC_HYPERPARAMETERS, HYPERPARAMETERS


def test_softmax_choice_has_the_stated_shares():
    actions = torch.arange(3.0).view(1, 1, 3, 1).expand(1, 40_000, 3, 1)
    values = torch.tensor([0.0, 1.0, 3.0]).expand(1, 40_000, 3)
    uniform = torch.rand(1, 40_000, 1, generator=torch.Generator().manual_seed(0))
    for temperature in (1.0, 2.0):
        chosen = choose_by_softmax(actions, values, temperature, uniform).view(-1)
        shares = [(chosen == i).double().mean().item() for i in range(3)]
        weights = np.exp(np.array([0.0, 1.0, 3.0]) / temperature)
        np.testing.assert_allclose(shares, weights / weights.sum(), atol=0.01)


def test_candidates_are_drawn_in_proportion():
    actions = torch.arange(3.0).view(1, 1, 3, 1).expand(1, 40_000, 3, 1)
    weights = torch.tensor([2.0, 0.0, 6.0]).expand(1, 40_000, 3)
    uniform = torch.rand(1, 40_000, 1, generator=torch.Generator().manual_seed(0))
    chosen = choose_by_weight(actions, weights, uniform).view(-1)
    drawn = [(chosen == i).double().mean().item() for i in range(3)]
    np.testing.assert_allclose(drawn, [0.25, 0.0, 0.75], atol=0.01)


def test_weights_of_zero_are_never_chosen_and_ends_are_met():
    actions = torch.arange(4.0).view(1, 1, 4, 1)
    weights = torch.tensor([[[0.0, 3.0, 1.0, 0.0]]])
    nearly_one = float(np.nextafter(np.float32(1), np.float32(0)))
    # The number 0 takes the end of the scale, one just below 1 its start.
    for uniform, wanted in ((0.0, 2.0), (0.2, 2.0), (0.3, 1.0), (nearly_one, 1.0)):
        chosen = choose_by_weight(actions, weights, torch.full((1, 1, 1), uniform))
        assert chosen.item() == wanted, uniform
    assert choose_by_weight(actions, 1e-30 * weights, torch.full((1, 1, 1), 0.3)).item() == 1.0


def test_the_best_candidate_is_each_states_own():
    actions = torch.arange(12.0).view(1, 2, 3, 2)
    values = torch.tensor([[[1.0, 5.0, 2.0], [7.0, 7.0, 3.0]]])
    assert choose_best(actions, values).tolist() == [[[2.0, 3.0], [6.0, 7.0]]]


def test_states_are_joined_with_each_of_their_candidates():
    states = torch.tensor([[[1.0], [2.0]]])
    actions = torch.tensor([[[[10.0], [11.0]], [[20.0], [21.0]]]])
    assert join_candidates(states, actions).tolist() == [[[1, 10], [1, 11], [2, 20], [2, 21]]]


def test_an_average_acts_in_each_fifth_update_from_its_start():
    assert [update for update in range(25) if every(update, 5, 12)] == [15, 20]


@pytest.mark.parametrize(
    ("form", "update", "share"),
    [
        ("none", 9_999, 1.0),
        ("described", 999, 1.0),
        ("described", 1_000, (1 + math.cos(math.pi / 10)) / 2),
        ("described", 9_999, (1 + math.cos(0.9 * math.pi)) / 2),
        ("released", 4_999, 1.0),
        # One call in five epochs, with the horizon of ten epochs.
        ("released", 5_000, (1 + math.cos(math.pi / 10)) / 2),
        ("released", 9_999, (1 + math.cos(math.pi / 10)) / 2),
    ],
)
def test_the_rate_is_constant_within_an_epoch(form, update, share):
    rate = epoch_decay(0.5, form, update, num_updates=10_000, epoch_updates=1_000, held=5)
    assert rate == pytest.approx(0.5 * share)


def test_an_unfinished_epoch_counts_as_one():
    # 1,500 updates are two epochs: after the first the rate is at its half.
    assert epoch_decay(1.0, "described", 1_000, 1_500, 1_000, 1) == pytest.approx(0.5)
    assert epoch_decay(1.0, "described", 0, 1, 1_000, 1) == 1.0


def test_the_noise_loss_draws_a_step_and_a_noise_of_each_row():
    step, noise = noise_loss_inputs(8, 5, 2, "_b")
    assert (step.name, step.kind, step.shape, step.high) == ("step_b", "integer", (8,), 5)
    assert (noise.name, noise.kind, noise.shape) == ("noise_b", "normal", (8, 2))


# --- Sampling settings ---


def method(**changes):
    return DiffusionQL(MethodSpec({**HYPERPARAMETERS, **changes}, ProblemSpec(4, 2), 50, 5, (0, 1)))


def test_what_is_not_given_is_the_methods_own():
    found = method().resolve_sampling(Sampling("mine", candidates=3))
    assert found == Sampling("mine", "ddpm", 5, 3, 1.0, 1.0, 1.0, "softmax")
    # Another sampler without a number of steps takes all of them.
    assert method().resolve_sampling(Sampling(sampler="ddim")).steps == 5
    assert method().resolve_sampling(Sampling(sampler="ddim", steps=2)).steps == 2
    assert method().acting_rows(Sampling(candidates=7)) == 7
    assert method().acting_rows(Sampling()) == 6


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"sampler": "euler"}, "sampling 'x': unknown sampler 'euler'; allowed are ddpm, ddim, dpm_solver"),
        ({"steps": 6}, "6 sampling steps with 5 diffusion steps; allowed are 1 to 5"),
        ({"candidates": 0}, "candidates is 0; allowed are integers from 1"),
        ({"noise_scale": -1.0}, r"noise_scale is -1\.0; allowed are numbers from 0"),
        ({"initial_noise_scale": -0.5}, r"initial_noise_scale is -0\.5"),
        ({"extraction": "vote"}, "unknown extraction 'vote'; allowed are"),
        ({"candidate_temperature": 0.0}, r"candidate_temperature is 0\.0; allowed are numbers above 0"),
    ],
)
def test_a_setting_that_cannot_be_served_is_refused(setting, words):
    with pytest.raises(MethodError, match=words):
        method().check_sampling(Sampling("x", **setting))


def test_without_a_critic_nothing_is_chosen():
    cloning = DiffusionBC(MethodSpec(BC_HYPERPARAMETERS, ProblemSpec(4, 2), 50, 5, (0,)))
    with pytest.raises(MethodError, match="candidates is 3; a method without a critic takes 1"):
        cloning.check_sampling(Sampling(candidates=3))
    with pytest.raises(MethodError, match="a method without a critic has no extraction; leave it out"):
        cloning.check_sampling(Sampling(extraction="softmax"))


def test_candidates_of_a_state_share_its_observation_and_not_their_noise():
    """The chain for three candidates is that of each alone with its own noise."""
    agent = method()
    states = torch.randn(2, 4, 4)
    setting = agent.resolve_sampling(Sampling(candidates=3))
    network, group = agent.network, agent.actor_group
    found = agent.sample_candidates(network, group.frozen, states, setting, SeedStreams((0, 1), "x"))
    assert found.shape == (2, 4, 3, 2)
    sampler = agent.build_sampler(setting)
    assert agent.build_sampler(setting) is sampler
    noises = SeedStreams((0, 1), "x").normal(4, sampler.num_noises, 3, 2)
    for candidate in range(3):
        own = noises[:, :, :, candidate].permute(2, 0, 1, 3)
        chain = network.chain(group.frozen, states, sampler.times)
        torch.testing.assert_close(found[:, :, candidate], sampler(chain, own), atol=2e-6, rtol=0)
