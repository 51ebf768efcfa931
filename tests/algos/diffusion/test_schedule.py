"""Schedules, forward process and noise loss: known values."""

import math
import warnings

import numpy as np
import pytest
import torch
from recheck.errors import MethodError

from algos.diffusion.samplers import noise_loss
from algos.diffusion.schedule import Diffusion, ScheduleWarning, noise_schedule

# --- Schedules ---


def test_variance_preserving_schedule_by_hand():
    expected = [0.195875, 0.458818, 0.635781, 0.754878, 0.835031]
    np.testing.assert_allclose(noise_schedule("vp", 5), expected, atol=5e-7)
    first = 1.0 - math.exp(-0.1 / 5 - 0.5 * 9.9 * 1 / 25)
    assert noise_schedule("vp", 5)[0] == pytest.approx(first)


@pytest.mark.parametrize("diffusion_steps", [1, 5, 10, 50, 1000])
def test_variance_preserving_schedule_ends_alike_for_every_number_of_steps(diffusion_steps):
    assert Diffusion("vp", diffusion_steps).alpha_bars[-1] == pytest.approx(math.exp(-5.05))


def test_linear_schedule_by_hand_warns_that_it_does_not_reach_noise():
    np.testing.assert_allclose(noise_schedule("linear", 5), [1e-4, 5.075e-3, 1.005e-2, 1.5025e-2, 0.02])
    with pytest.warns(ScheduleWarning, match=r"linear with 5 steps keeps 95\.1%"):
        diffusion = Diffusion("linear", 5)
    assert diffusion.alpha_bars[-1] == pytest.approx(0.951, abs=5e-4)


def test_scaled_linear_schedule_by_hand():
    betas = noise_schedule("linear_scaled", 100)
    assert betas[0] == pytest.approx(1e-3)
    assert betas[-1] == pytest.approx(0.2)
    np.testing.assert_allclose(np.diff(betas), (0.2 - 1e-3) / 99)
    np.testing.assert_allclose(noise_schedule("linear_scaled", 1000), noise_schedule("linear", 1000))
    assert noise_schedule("linear_scaled", 21)[-1] < 1.0


def test_cosine_schedule_by_hand():
    def level(t):
        return math.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2

    expected = [1 - level((i + 1) / 5) / level(i / 5) for i in range(4)] + [0.999]
    np.testing.assert_allclose(noise_schedule("cosine", 5), expected)


def test_a_schedule_warns_where_more_than_a_twentieth_of_the_signal_is_left():
    with pytest.warns(ScheduleWarning, match=r"keeps 5\.1%"):
        assert Diffusion("linear", 295).alpha_bars[-1] == pytest.approx(0.0506, abs=5e-5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Diffusion("linear", 300).alpha_bars[-1] == pytest.approx(0.0481, abs=5e-5)


@pytest.mark.parametrize(("name", "steps"), [("vp", 5), ("cosine", 5), ("linear_scaled", 100)])
def test_schedules_that_reach_noise_do_not_warn(name, steps):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Diffusion(name, steps)


@pytest.mark.parametrize(
    ("name", "steps", "message"),
    [
        ("quadratic", 5, "unknown noise schedule 'quadratic'; allowed are linear, linear_scaled, cosine, vp"),
        ("linear_scaled", 20, "allowed are more than 20 steps"),
        ("vp", 0, "the number of diffusion steps is 0; allowed are integers from 1"),
    ],
)
def test_bad_schedules_are_refused(name, steps, message):
    with pytest.raises(MethodError, match=message):
        Diffusion(name, steps)


# --- Forward process ---


@pytest.mark.parametrize("name", ["vp", "cosine"])
def test_marginal_in_closed_form(name):
    """One step a_i = sqrt(1 - beta_i) a_{i-1} + sqrt(beta_i) z, N times, has the marginal of q_sample."""
    diffusion = Diffusion(name, 5)
    noises = torch.eye(6, dtype=torch.float64)  # the response to the clean action and to each z
    response = noises[0]
    for i, beta in enumerate(diffusion.betas):
        response = math.sqrt(1 - beta) * response + math.sqrt(beta) * noises[i + 1]
        steps = torch.tensor([i])
        signal = diffusion.q_sample(torch.ones(1, 1), steps, torch.zeros(1, 1)).item()
        noise = diffusion.q_sample(torch.zeros(1, 1), steps, torch.ones(1, 1)).item()
        assert signal == pytest.approx(response[0].item(), abs=1e-6)
        assert noise == pytest.approx(response[1:].norm().item(), abs=1e-6)


def test_each_sample_is_noised_by_its_own_step():
    diffusion = Diffusion("vp", 5)
    actions, noise = torch.randn(2, 3, 2), torch.randn(2, 3, 2)
    steps = torch.tensor([[0, 2, 4], [4, 1, 1]])
    noisy = diffusion.q_sample(actions, steps, noise)
    for k in range(2):
        for j in range(3):
            bar = np.prod(1 - diffusion.betas[: int(steps[k, j]) + 1])
            expected = math.sqrt(bar) * actions[k, j] + math.sqrt(1 - bar) * noise[k, j]
            torch.testing.assert_close(noisy[k, j], expected)


def test_predicted_start_inverts_the_noising():
    diffusion = Diffusion("vp", 5)
    actions, noise = torch.randn(2, 3, 2), torch.randn(2, 3, 2)
    steps = torch.tensor([[0, 2, 4], [4, 1, 1]])
    start = diffusion.predict_start(diffusion.q_sample(actions, steps, noise), steps, noise)
    torch.testing.assert_close(start, actions, atol=1e-5, rtol=0)


def test_noise_loss_by_hand():
    predicted, noise = torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, 4.0]])
    assert noise_loss(predicted, noise, "mean").tolist() == [2.5]
    assert noise_loss(predicted, noise, "sum").tolist() == [5.0]
