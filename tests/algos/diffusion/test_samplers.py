"""Samplers on a Gaussian whose noise predictor is known exactly: moments, clipping, orders, refusals."""

import math

import numpy as np
import pytest
import torch
from recheck.errors import MethodError

from algos.diffusion import samplers
from algos.diffusion.samplers import dpm_solver_orders, spaced_steps
from algos.diffusion.schedule import Diffusion

MEAN, DEVIATION = 0.5, 0.3


# --- Samplers on N(0.5, 0.3^2) with the exact noise predictor ---


def exact_noise(bar):
    """E[e | a_t]: a_t is N(sqrt(bar) 0.5, bar 0.09 + 1 - bar), jointly Gaussian with e."""
    return lambda noisy: (noisy - math.sqrt(bar) * MEAN) * math.sqrt(1 - bar) / (bar * DEVIATION**2 + 1 - bar)


def sample_moments(sampler, bars):
    """Mean and deviation of an affine sampler's output, exactly: its response to each noise alone."""
    predictors = [exact_noise(bar) for bar in bars]
    count = sampler.num_noises
    noises = torch.cat([torch.zeros(count, 1), torch.eye(count)], dim=1).double()
    outputs = sampler(lambda noisy, call: predictors[call](noisy), noises)
    return outputs[0].item(), (outputs[1:] - outputs[0]).norm().item()


def recursion(name, bars):
    """Mean and variance step by step, from the papers' formulas; `bars` from the noisiest level on."""
    mean, variance = 0.0, 1.0
    for bar, before in zip(bars, [*bars[1:], 1.0]):
        beta = 1 - bar / before
        # E[e | a_t] = slope (a_t - sqrt(bar) 0.5)
        slope = math.sqrt(1 - bar) / (bar * DEVIATION**2 + 1 - bar)
        if name == "ddim":
            # sqrt(before) (a_t - sqrt(1 - bar) e) / sqrt(bar) + sqrt(1 - before) e
            gain = math.sqrt(before / bar)
            of_noise, added = math.sqrt(1 - before) - gain * math.sqrt(1 - bar), 0.0
        else:
            # DDPM's mean (Ho et al. 2020, eq. 11); both forms share it without clipping
            gain = 1 / math.sqrt(1 - beta)
            of_noise = -beta / math.sqrt((1 - bar) * (1 - beta))
            added = beta if name == "beta" else beta * (1 - before) / (1 - bar)
        mean = (gain + of_noise * slope) * mean - of_noise * slope * math.sqrt(bar) * MEAN
        variance = (gain + of_noise * slope) ** 2 * variance + (added if before < 1 else 0.0)
    return mean, math.sqrt(variance)


@pytest.mark.parametrize(
    ("name", "deviations"),
    [
        ("posterior", {5: 0.1415, 10: 0.1948, 50: 0.2631, 1000: 0.2972}),
        ("beta", {5: 0.2221, 10: 0.3007, 50: 0.3095, 1000: 0.3006}),
        ("ddim", {5: 0.1481, 10: 0.2131, 50: 0.2809, 1000: 0.2998}),
    ],
)
def test_samples_of_a_gaussian_follow_the_recursion(name, deviations):
    errors = []
    for diffusion_steps, deviation in deviations.items():
        diffusion = Diffusion("vp", diffusion_steps)
        kind = {"name": "ddim"} if name == "ddim" else {"ddpm_form": name}
        sampler = diffusion.sampler(**kind, clip=None)
        assert sampler.times == tuple(range(diffusion_steps - 1, -1, -1))
        bars = list(diffusion.alpha_bars[::-1])
        mean, spread = sample_moments(sampler, bars)
        expected_mean, expected_spread = recursion(name, bars)
        assert mean == pytest.approx(expected_mean, abs=1e-9)
        assert spread == pytest.approx(expected_spread, abs=1e-9)
        assert spread == pytest.approx(deviation, abs=5e-5)
        errors.append(abs(mean - MEAN) + abs(spread - DEVIATION))
    assert errors[0] > errors[-1]
    assert errors[-1] < 0.02


@pytest.mark.parametrize("name", ["posterior", "beta", "ddim"])
def test_drawn_samples_match(name):
    diffusion = Diffusion("vp", 10)
    kind = {"name": "ddim"} if name == "ddim" else {"ddpm_form": name}
    sampler = diffusion.sampler(**kind, clip=None)
    noises = torch.randn(sampler.num_noises, 50_000, generator=torch.Generator().manual_seed(0))
    predictors = [exact_noise(bar) for bar in diffusion.alpha_bars[::-1]]
    samples = sampler(lambda noisy, call: predictors[call](noisy), noises)
    mean, spread = recursion(name, list(diffusion.alpha_bars[::-1]))
    assert samples.mean().item() == pytest.approx(mean, abs=0.006)
    assert samples.std().item() == pytest.approx(spread, abs=0.004)


@pytest.mark.parametrize("name", ["posterior", "beta", "ddim"])
@pytest.mark.parametrize("steps", [1, 7, 20])
def test_fewer_sampling_than_training_steps(name, steps):
    diffusion = Diffusion("vp", 100)
    kind = {"name": "ddim"} if name == "ddim" else {"ddpm_form": name}
    sampler = diffusion.sampler(**kind, steps=steps, clip=None)
    assert len(sampler.times) == steps
    assert sampler.times[0] == 99
    bars = [diffusion.alpha_bars[int(time)] for time in sampler.times]
    np.testing.assert_allclose(sample_moments(sampler, bars), recursion(name, bars), atol=1e-9)


def test_spaced_steps():
    assert spaced_steps(5, 5) == [4, 3, 2, 1, 0]
    assert spaced_steps(10, 4) == [9, 6, 3, 0]
    assert spaced_steps(10, 1) == [9]
    for steps in range(2, 60):
        chosen = spaced_steps(60, steps)
        assert chosen[0] == 59
        assert chosen[-1] == 0
        assert len(set(chosen)) == steps


def test_noise_scales():
    diffusion = Diffusion("vp", 5)
    bars = list(diffusion.alpha_bars[::-1])
    for form in ("posterior", "beta"):
        quiet = diffusion.sampler(ddpm_form=form, clip=None, noise_scale=0.0)
        full = diffusion.sampler(ddpm_form=form, clip=None)
        half = diffusion.sampler(ddpm_form=form, clip=None, noise_scale=0.5)
        of_start = sample_moments(quiet, bars)[1] ** 2
        of_steps = sample_moments(full, bars)[1] ** 2 - of_start
        assert of_steps > 0
        assert sample_moments(half, bars)[1] ** 2 == pytest.approx(of_start + of_steps / 4)
        start = diffusion.sampler(ddpm_form=form, clip=None, noise_scale=0.0, initial_noise_scale=0.5)
        assert sample_moments(start, bars)[1] ** 2 == pytest.approx(of_start / 4)
    for name in ("ddim", "dpm_solver"):
        plain = diffusion.sampler(name, clip=None, noise_scale=0.0)
        assert plain.num_noises == 1
        scaled = diffusion.sampler(name, clip=None, initial_noise_scale=0.5)
        noise = torch.ones(1, 3)
        torch.testing.assert_close(scaled(lambda a, _: 0 * a, noise), 0.5 * plain(lambda a, _: 0 * a, noise))


# --- Clipping ---


def test_posterior_form_clips_the_predicted_start_by_hand():
    diffusion = Diffusion("vp", 2)
    bar1, bar2 = diffusion.alpha_bars
    beta2 = diffusion.betas[1]
    noises = torch.tensor([[2.0], [0.7]], dtype=torch.float64)
    outputs = iter([-3.0, 0.1])
    actions = diffusion.sampler(clip=1.0)(lambda noisy, _: torch.full_like(noisy, next(outputs)), noises)
    assert (2.0 + 3.0 * math.sqrt(1 - bar2)) / math.sqrt(bar2) > 1
    mean = beta2 * math.sqrt(bar1) / (1 - bar2) * 1.0 + (1 - bar1) * math.sqrt(1 - beta2) / (1 - bar2) * 2.0
    iterate = mean + math.sqrt(beta2 * (1 - bar1) / (1 - bar2)) * 0.7
    start = (iterate - math.sqrt(1 - bar1) * 0.1) / math.sqrt(bar1)
    assert actions.item() == pytest.approx(min(max(start, -1.0), 1.0))


def test_beta_form_clips_the_iterate_by_hand():
    diffusion = Diffusion("vp", 2)
    beta1, beta2 = diffusion.betas
    bar1, bar2 = diffusion.alpha_bars
    noises = torch.tensor([[2.0], [0.7]], dtype=torch.float64)
    outputs = iter([-0.3, 1.2])
    sampler = diffusion.sampler(ddpm_form="beta", clip=1.0)
    actions = sampler(lambda noisy, _: torch.full_like(noisy, next(outputs)), noises)
    first = (2.0 + beta2 / math.sqrt(1 - bar2) * 0.3) / math.sqrt(1 - beta2) + math.sqrt(beta2) * 0.7
    assert first > 1
    expected = (1.0 - beta1 / math.sqrt(1 - bar1) * 1.2) / math.sqrt(1 - beta1)
    assert actions.item() == pytest.approx(expected)


@pytest.mark.parametrize("name", ["ddpm", "ddim", "dpm_solver"])
def test_samples_stay_within_the_clip(name):
    sampler = Diffusion("vp", 20).sampler(name, clip=1.0)
    actions = sampler(lambda noisy, _: -4.0 * noisy, torch.randn(20, 100))
    assert actions.abs().max() <= 1.0


def test_gradient_passes_every_step_and_stops_where_a_step_clips():
    """d a_0 / d w for a predictor w a_t: finite differences where nothing clips, zero where all does."""
    diffusion = Diffusion("vp", 5)
    noises = 0.1 * torch.randn(5, 40, generator=torch.Generator().manual_seed(0)).double()
    for form in ("posterior", "beta"):
        sampler = diffusion.sampler(ddpm_form=form)

        def total(w, sampler=sampler):
            return sampler(lambda noisy, _: w * noisy, noises).sum()

        w = torch.tensor(0.9, dtype=torch.float64, requires_grad=True)
        (gradient,) = torch.autograd.grad(total(w), w)
        difference = (total(w.detach() + 1e-6) - total(w.detach() - 1e-6)) / 2e-6
        assert gradient.item() == pytest.approx(difference.item(), rel=1e-5)
        assert abs(gradient.item()) > 0.01
        pushed = sampler(lambda noisy, _, w=w: -50.0 * w * torch.ones_like(noisy), noises)
        assert torch.all(pushed == 1.0)
        (gradient,) = torch.autograd.grad(pushed.sum(), w)
        assert gradient.item() == 0.0


# --- DPM-Solver ---


def continuous_bar(diffusion, time):
    """alpha_bar at network time `time`, log-linear between steps."""
    grid = np.arange(diffusion.diffusion_steps)
    return math.exp(np.interp(time, grid, np.log(diffusion.alpha_bars)))


def test_orders_use_every_call():
    assert dpm_solver_orders(15) == [3, 3, 3, 3, 2, 1]
    for steps in range(1, 40):
        assert sum(dpm_solver_orders(steps)) == steps
    assert dpm_solver_orders(4) == [3, 1]
    assert dpm_solver_orders(5) == [3, 2]


def test_dpm_solver_approaches_the_exact_flow():
    """The flow maps a_1's quantiles to a_0's: a Gaussian's deviation by the ratio of the marginals'."""
    diffusion = Diffusion("vp", 1000)

    def spread(bar):
        return math.sqrt(bar * DEVIATION**2 + 1 - bar)

    slope = spread(diffusion.alpha_bars[0]) / spread(diffusion.alpha_bars[-1])
    errors = []
    for steps in (15, 60, 240):
        sampler = diffusion.sampler("dpm_solver", steps, clip=None)
        assert len(sampler.times) == steps
        bars = [continuous_bar(diffusion, time) for time in sampler.times]
        errors.append(abs(sample_moments(sampler, bars)[1] - slope))
    assert errors[0] > 4 * errors[1]
    assert errors[1] > 3 * errors[2]
    assert errors[2] < 5e-4


@pytest.mark.parametrize("order", [1, 2, 3])
def test_one_step_has_its_order(order):
    """The error of one step shrinks with the size to the power order + 1."""
    diffusion = Diffusion("vp", 1000)
    marginal = samplers._Marginal(diffusion.alpha_bars)
    errors = []
    for size in (0.12, 0.06):
        times = [float(t) for t in np.linspace(0.7, 0.7 - size, order + 1)]
        stages, call_times = samplers._dpm_solver_step(marginal, times)
        bars = [math.exp(2 * marginal.log_signal(t)) for t in (*call_times, times[-1])]
        start = 1.3
        iterate, predictions = start, []
        for bar, stage in zip(bars, stages):
            predictions.append(exact_noise(bar)(iterate))
            iterate = stage.of_start * start + sum(f * e for f, e in zip(stage.of_noises, predictions))
        first, last = bars[0], bars[-1]
        scale = math.sqrt((last * DEVIATION**2 + 1 - last) / (first * DEVIATION**2 + 1 - first))
        exact = math.sqrt(last) * MEAN + scale * (start - math.sqrt(first) * MEAN)
        errors.append(abs(iterate - exact))
    assert errors[0] / errors[1] == pytest.approx(2 ** (order + 1), rel=0.35)


def test_single_call_of_dpm_solver_is_a_ddim_step_to_the_first_level():
    diffusion = Diffusion("vp", 10)
    sampler = diffusion.sampler("dpm_solver", 1, clip=None)
    bar, first = diffusion.alpha_bars[-1], diffusion.alpha_bars[0]
    actions = sampler(lambda noisy, _: torch.full_like(noisy, 0.4), torch.tensor([[0.875]]).double())
    start = (0.875 - math.sqrt(1 - bar) * 0.4) / math.sqrt(bar)
    expected = math.sqrt(first) * start + math.sqrt(1 - first) * 0.4
    assert actions.item() == pytest.approx(expected, abs=1e-6)


def test_dpm_solver_clips_the_noise_so_that_the_start_stays_within_bounds():
    diffusion = Diffusion("linear_scaled", 100)
    sampler = diffusion.sampler("dpm_solver", 15, clip=1.0)
    generator = torch.Generator().manual_seed(0)
    for call, time in enumerate(sampler.times):
        bar = continuous_bar(diffusion, time)
        noisy = torch.randn(50, generator=generator).double()
        wild = 5.0 * torch.randn(50, generator=generator).double()
        clipped = sampler._predict(lambda _, __, wild=wild: wild, noisy, call)
        start = (noisy - math.sqrt(1 - bar) * clipped) / math.sqrt(bar)
        assert start.abs().max() <= 1.0 + 1e-9
        inside = ((noisy - math.sqrt(1 - bar) * wild) / math.sqrt(bar)).abs() <= 1.0
        assert torch.equal(clipped[inside], wild[inside])


# --- Refusals ---


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "ddim", "steps": 11}, "11 sampling steps with 10 diffusion steps; allowed are 1 to 10"),
        ({"steps": 0}, "allowed are 1 to 10"),
        ({"name": "dpm_solver", "steps": 15}, "allowed are 1 to 10"),
        ({"name": "euler"}, "unknown sampler 'euler'; allowed are ddpm, ddim, dpm_solver"),
        ({"ddpm_form": "large"}, "unknown DDPM form 'large'; allowed are posterior, beta"),
    ],
)
def test_bad_samplers_are_refused(arguments, message):
    with pytest.raises(MethodError, match=message):
        Diffusion("vp", 10).sampler(**arguments)
