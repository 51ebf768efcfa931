"""The diffusion in continuous time, against its closed form."""

import math

import numpy as np
import pytest
import torch
from recheck.errors import MethodError

from algos.diffusion.continuous import ContinuousDiffusion


def signal_rate(time):
    """alpha(t) with alpha^2 = exp(-0.1 t - 9.95 t^2): the integral of beta(s) = 0.1 + 19.9 s from 0 to t."""
    return math.exp(-0.5 * (0.1 * time + 19.9 * time**2 / 2))


def test_times_of_training_begin_a_little_after_zero():
    times = ContinuousDiffusion.times(torch.tensor([0.0, 0.5, 1.0]))
    assert times.tolist() == pytest.approx([0.001, 0.5005, 1.0])


@pytest.mark.parametrize("time", [0.001, 0.3, 1.0])
def test_noisy_samples_have_the_signals_share_and_the_rest_in_noise(time):
    diffusion = ContinuousDiffusion("linear", 5)
    sample, noise = torch.tensor([[0.5, -1.0]]).double(), torch.tensor([[2.0, 1.0]]).double()
    found = diffusion.q_sample(sample, torch.tensor([time]).double(), noise)
    alpha = signal_rate(time)
    wanted = alpha * sample + math.sqrt(1 - alpha**2) * noise
    torch.testing.assert_close(found, wanted)
    start = diffusion.predict_start(found, torch.tensor([time]).double(), noise)
    torch.testing.assert_close(start, sample, rtol=1e-6, atol=1e-6)


def test_the_chain_visits_evenly_spaced_times_downwards():
    sampler = ContinuousDiffusion("linear", 20).sampler(steps=4)
    assert sampler.times == pytest.approx([1.0, 0.75025, 0.5005, 0.25075])
    assert sampler.num_noises == 1
    assert len(ContinuousDiffusion("linear", 7).sampler().times) == 7


@pytest.mark.parametrize("steps", [1, 5])
def test_a_perfect_network_takes_the_chain_to_the_sample(steps):
    """Where the network knows the sample x, DDIM ends at alpha(0.001) x plus what is left of the noise."""
    diffusion = ContinuousDiffusion("linear", 5)
    sampler = diffusion.sampler(steps=steps)
    sample, noise = torch.tensor([0.3, -0.8]).double(), torch.tensor([1.0, -0.5]).double()

    def predict(noisy, call):
        alpha = signal_rate(sampler.times[call])
        return (noisy - alpha * sample) / math.sqrt(1 - alpha**2)

    found = sampler(predict, noise[None])
    # The implied noise is the same at every step.
    first = (noise - signal_rate(1.0) * sample) / math.sqrt(1 - signal_rate(1.0) ** 2)
    alpha = signal_rate(0.001)
    np.testing.assert_allclose(found, alpha * sample + math.sqrt(1 - alpha**2) * first, atol=1e-9)


def test_the_start_is_scaled_and_the_end_clipped():
    diffusion = ContinuousDiffusion("linear", 3)
    noise = torch.tensor([[1.0, -2.0]])
    zero = lambda noisy, call: torch.zeros_like(noisy)  # noqa: E731
    plain = diffusion.sampler()(zero, noise)
    assert torch.allclose(diffusion.sampler(initial_noise_scale=0.5)(zero, noise), 0.5 * plain)
    # Without predicted noise each step divides the signal's share out.
    assert torch.allclose(plain, noise[0] * signal_rate(0.001) / signal_rate(1.0))
    assert diffusion.sampler(clip=1.0)(zero, noise).tolist() == [1.0, -1.0]


def test_other_schedules_samplers_and_numbers_are_refused():
    with pytest.raises(MethodError, match="noise schedule 'cosine' in continuous time; allowed is linear"):
        ContinuousDiffusion("cosine", 5)
    with pytest.raises(MethodError, match="the number of steps is 0; allowed are integers from 1"):
        ContinuousDiffusion("linear", 0)
    with pytest.raises(MethodError, match="continuous time has no sampler 'ddpm'; allowed is ddim"):
        ContinuousDiffusion("linear", 5).sampler("ddpm")
