"""Reverse processes: posterior (DDPM), beta, DDIM and DPM-Solver."""

from __future__ import annotations

import abc
import itertools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from recheck.errors import MethodError
from torch import Tensor

# A chain starts from pure noise; where more of the signal's variance than this is left at the last
# step, training never saw such inputs.
LARGEST_FINAL_SIGNAL = 0.05
# DPM-Solver's order in EDP (dpm_solver.py, `sample`).
DPM_SOLVER_ORDER = 3
# Predicted noise, shaped like the noisy actions, for the given call of a sampler (index into its
# `times`).
NoisePredictor = Callable[[Tensor, int], Tensor]


def check_sampling_steps(steps: int, diffusion_steps: int) -> None:
    """Refuse a number of sampling steps that the diffusion steps cannot serve.

    Raises:
        MethodError: below 1, or above `diffusion_steps`.
    """
    if not 1 <= steps <= diffusion_steps:
        raise MethodError(
            f"{steps} sampling steps with {diffusion_steps} diffusion steps; allowed are 1 to "
            f"{diffusion_steps}"
        )


def noise_loss(predicted: Tensor, noise: Tensor, reduction: str) -> Tensor:
    """Squared error of the predicted noise per sample, ``[..., a]`` to ``[...]``.

    Args:
        predicted: noise.
        noise: that was added.
        reduction: over the action's dimensions: ``mean`` (Diffusion-QL, EDP) or ``sum`` (IDQL).
    """
    squared = (predicted - noise).square()
    return squared.mean(dim=-1) if reduction == "mean" else squared.sum(dim=-1)


class Sampler(abc.ABC):
    """A reverse process as a fixed program.

    Attributes:
        times: the network's time at each call, in order of the calls; integers for DDPM and DDIM.
        num_noises: standard normal arrays that a sample takes, the initial one included.
    """

    times: tuple[float, ...]
    num_noises: int

    def __init__(
        self,
        alpha_bars: np.ndarray,
        steps: int,
        noise_scale: float,
        initial_noise_scale: float,
        clip: float | None,
    ) -> None:
        self.noise_scale = noise_scale
        self.initial_noise_scale = initial_noise_scale
        self.clip = clip
        self._plan(alpha_bars, steps)

    @abc.abstractmethod
    def _plan(self, alpha_bars: np.ndarray, steps: int) -> None:
        """Set `times`, `num_noises` and the coefficients."""

    @abc.abstractmethod
    def __call__(self, predict: NoisePredictor, noises: Sequence[Tensor] | Tensor) -> Tensor:
        """Run the chain; gradients pass through every step, and are zero where a step clips.

        Args:
            predict: the network.
            noises: `num_noises` standard normal arrays shaped like the actions, indexed along the
                first axis.

        Returns:
            Actions, shaped like one of `noises`.
        """

    def _start(self, noise: Tensor) -> Tensor:
        return noise if self.initial_noise_scale == 1.0 else self.initial_noise_scale * noise

    def _clipped(self, actions: Tensor) -> Tensor:
        return actions if self.clip is None else actions.clamp(-self.clip, self.clip)


def spaced_steps(diffusion_steps: int, steps: int) -> list[int]:
    """`steps` of 0..N-1, evenly spaced, from N - 1 down to 0 (N - 1 alone where `steps` is 1)."""
    if steps == 1:
        return [diffusion_steps - 1]
    half = (steps - 1) // 2  # rounds to the nearest in whole numbers
    return [(i * (diffusion_steps - 1) + half) // (steps - 1) for i in reversed(range(steps))]


class _Step(NamedTuple):
    """One step from alpha_bar to `previous` (the next less noisy level; 1 at the end)."""

    alpha_bar: float
    previous: float

    @property
    def beta(self) -> float:
        """Of this step; where steps are left out, of all those that it replaces."""
        return 1.0 - self.alpha_bar / self.previous


def _spaced(alpha_bars: np.ndarray, steps: int) -> tuple[tuple[float, ...], list[_Step]]:
    indices = spaced_steps(len(alpha_bars), steps)
    levels = [float(alpha_bars[i]) for i in indices] + [1.0]
    return tuple(float(i) for i in indices), [_Step(*pair) for pair in itertools.pairwise(levels)]


class PosteriorSampler(Sampler):
    """DDPM as Diffusion-QL and EDP have it: a0 clipped, posterior mean and variance.

    a_{t-1} = c0 clip(a0) + c1 a_t + sigma z with sigma^2 = beta_t (1 - abar_{t-1}) / (1 - abar_t),
    no noise at the last step (Diffusion-QL diffusion.py:95-126).
    """

    def _plan(self, alpha_bars: np.ndarray, steps: int) -> None:
        self.times, levels = _spaced(alpha_bars, steps)
        self.num_noises = steps
        self.coefficients = [
            (
                math.sqrt(1.0 / level.alpha_bar),
                math.sqrt(1.0 / level.alpha_bar - 1.0),
                level.beta * math.sqrt(level.previous) / (1.0 - level.alpha_bar),
                (1.0 - level.previous) * math.sqrt(1.0 - level.beta) / (1.0 - level.alpha_bar),
                self.noise_scale * math.sqrt(level.beta * (1.0 - level.previous) / (1.0 - level.alpha_bar)),
            )
            for level in levels
        ]

    def __call__(self, predict: NoisePredictor, noises: Sequence[Tensor] | Tensor) -> Tensor:
        """Actions of the whole chain; see `Sampler`."""
        actions = self._start(noises[0])
        last = len(self.times) - 1
        for call, (of_noisy, of_noise, of_start, of_iterate, deviation) in enumerate(self.coefficients):
            start = self._clipped(of_noisy * actions - of_noise * predict(actions, call))
            actions = of_start * start + of_iterate * actions
            if call < last:
                actions = actions + deviation * noises[call + 1]
        return self._clipped(actions)


class BetaSampler(Sampler):
    """DDPM as IDQL has it: variance beta, the iterate clipped after every step.

    a_{t-1} = clip((a_t - beta_t / sqrt(1 - abar_t) e) / sqrt(1 - beta_t) + sqrt(beta_t) z), no
    noise at the last step (IDQL networks/diffusion.py:69-104).
    """

    def _plan(self, alpha_bars: np.ndarray, steps: int) -> None:
        self.times, levels = _spaced(alpha_bars, steps)
        self.num_noises = steps
        self.coefficients = [
            (
                1.0 / math.sqrt(1.0 - level.beta),
                level.beta / math.sqrt((1.0 - level.alpha_bar) * (1.0 - level.beta)),
                self.noise_scale * math.sqrt(level.beta),
            )
            for level in levels
        ]

    def __call__(self, predict: NoisePredictor, noises: Sequence[Tensor] | Tensor) -> Tensor:
        """Actions of the whole chain; see `Sampler`."""
        actions = self._start(noises[0])
        last = len(self.times) - 1
        for call, (of_iterate, of_noise, deviation) in enumerate(self.coefficients):
            actions = of_iterate * actions - of_noise * predict(actions, call)
            if call < last:
                actions = actions + deviation * noises[call + 1]
            actions = self._clipped(actions)
        return actions


class DDIMSampler(Sampler):
    """DDIM (Song et al. 2021, eq. 12 with eta 0): no noise after the initial one.

    a_{t-1} = sqrt(abar_{t-1}) clip(a0) + sqrt(1 - abar_{t-1}) e, where e is the noise that leads from
    the clipped a0 to a_t, as EDP derives it again (diffusion.py, `ddim_sample`).
    """

    def _plan(self, alpha_bars: np.ndarray, steps: int) -> None:
        self.times, levels = _spaced(alpha_bars, steps)
        self.num_noises = 1
        self.coefficients = []
        for level in levels:
            ratio = math.sqrt((1.0 - level.previous) / (1.0 - level.alpha_bar))
            self.coefficients.append(
                (
                    math.sqrt(1.0 / level.alpha_bar),
                    math.sqrt(1.0 / level.alpha_bar - 1.0),
                    math.sqrt(level.previous) - ratio * math.sqrt(level.alpha_bar),
                    ratio,
                )
            )

    def __call__(self, predict: NoisePredictor, noises: Sequence[Tensor] | Tensor) -> Tensor:
        """Actions of the whole chain; see `Sampler`."""
        actions = self._start(noises[0])
        for call, (of_noisy, of_noise, of_start, of_iterate) in enumerate(self.coefficients):
            start = self._clipped(of_noisy * actions - of_noise * predict(actions, call))
            actions = of_start * start + of_iterate * actions
        return self._clipped(actions)


class _Marginal:
    """log sqrt(alpha_bar) as a continuous function of time in (0, 1], linear between the N steps.

    Time (i + 1) / N is step i (DPM-Solver's `discrete` schedule).
    """

    def __init__(self, alpha_bars: np.ndarray) -> None:
        self.times = np.arange(1, len(alpha_bars) + 1) / len(alpha_bars)
        self.log_signals = 0.5 * np.log(alpha_bars)

    def log_signal(self, time: float) -> float:
        return float(np.interp(time, self.times, self.log_signals))

    def half_log_snr(self, time: float) -> float:
        """Half the log signal-to-noise ratio, lambda = log(alpha / sigma)."""
        log_signal = self.log_signal(time)
        return log_signal - 0.5 * math.log(-math.expm1(2.0 * log_signal))

    def time_of(self, half_log_snr: float) -> float:
        """The inverse of `half_log_snr`."""
        log_signal = -0.5 * float(np.logaddexp(0.0, -2.0 * half_log_snr))
        return float(np.interp(-log_signal, -self.log_signals, self.times))


class _Stage(NamedTuple):
    """a' = `of_start` a_s + sum_j `of_noises`[j] e_j, for the step's noises so far.

    The network has been called on the stage before (the step's first call sees a_s itself).
    """

    of_start: float
    of_noises: tuple[float, ...]


class DPMSolver(Sampler):
    """DPM-Solver-fast (Lu et al. 2022), order 3, steps uniform in time, as EDP calls it.

    `steps` counts calls of the network: single steps of order 3, the rest by one of order 2 or 1.
    The chain ends at the first training step, time 1 / N (EDP's `dpm_t_end`, 0.001, is that for its
    N = 1000; for fewer steps it is outside the schedule). Each prediction is clipped to the interval
    that keeps a0 within +-clip (EDP nets.py, `dpm_sample`; EDP rounds the intermediate times of this
    interval down to a training step, here they are exact).
    """

    def _plan(self, alpha_bars: np.ndarray, steps: int) -> None:
        diffusion_steps = len(alpha_bars)
        marginal = _Marginal(alpha_bars)
        self.num_noises = 1
        self.steps: list[list[_Stage]] = []
        # Per call: 1 / sigma and alpha clip / sigma, for the clipping of the noise.
        self.intervals: list[tuple[float, float]] = []
        times: list[float] = []
        grid = np.linspace(1.0, 1.0 / diffusion_steps, steps + 1)
        position = 0
        for order in dpm_solver_orders(steps):
            inner = [float(time) for time in grid[position : position + order + 1]]
            position += order
            stages, call_times = _dpm_solver_step(marginal, inner)
            self.steps.append(stages)
            times += call_times
        for time in times:
            signal = math.exp(marginal.log_signal(time))
            noise = math.sqrt(1.0 - signal**2)
            self.intervals.append((1.0 / noise, signal / noise))
        # Continuous time t is network time N t - 1.
        self.times = tuple(time * diffusion_steps - 1.0 for time in times)

    def __call__(self, predict: NoisePredictor, noises: Sequence[Tensor] | Tensor) -> Tensor:
        """Actions of the whole chain; see `Sampler`."""
        actions = self._start(noises[0])
        call = 0
        for stages in self.steps:
            iterate = actions
            predictions: list[Tensor] = []
            for stage in stages:
                predictions.append(self._predict(predict, iterate, call))
                call += 1
                iterate = stage.of_start * actions
                for factor, prediction in zip(stage.of_noises, predictions):
                    if factor:
                        iterate = iterate + factor * prediction
            actions = iterate
        return self._clipped(actions)

    def _predict(self, predict: NoisePredictor, actions: Tensor, call: int) -> Tensor:
        prediction = predict(actions, call)
        if self.clip is None:
            return prediction
        of_actions, of_signal = self.intervals[call]
        middle = of_actions * actions
        return torch.clamp(prediction, middle - of_signal * self.clip, middle + of_signal * self.clip)


def dpm_solver_orders(steps: int) -> list[int]:
    """Orders of the single steps that take `steps` calls together (Lu et al. 2022, appendix D.3)."""
    full, rest = divmod(steps, DPM_SOLVER_ORDER)
    if rest == 0:
        return [3] * (full - 1) + [2, 1]
    return [3] * full + [rest]


def _dpm_solver_step(marginal: _Marginal, times: list[float]) -> tuple[list[_Stage], list[float]]:
    """Coefficients and call times of a single step of order ``len(times) - 1`` from times[0] to times[-1].

    Lu et al. 2022, algorithms 1, 2 (appendix D.1); the intermediate points r1, r2 are those of the
    uniform times between, as EDP's copy of the solver takes them.
    """
    order = len(times) - 1
    lambdas = [marginal.half_log_snr(time) for time in times]
    h = lambdas[-1] - lambdas[0]
    start = marginal.log_signal(times[0])

    def level(time: float) -> tuple[float, float]:
        """alpha_t / alpha_s and sigma_t."""
        log_signal = marginal.log_signal(time)
        return math.exp(log_signal - start), math.sqrt(-math.expm1(2.0 * log_signal))

    ratios = [(value - lambdas[0]) / h for value in lambdas[1:-1]]
    call_times = [times[0]] + [marginal.time_of(lambdas[0] + ratio * h) for ratio in ratios]
    last_signal, last_noise = level(times[-1])
    phi_1 = math.expm1(h)
    if order == 1:
        return [_Stage(last_signal, (-last_noise * phi_1,))], call_times
    signal_1, noise_1 = level(call_times[1])
    first = _Stage(signal_1, (-noise_1 * math.expm1(ratios[0] * h),))
    if order == 2:
        correction = last_noise * phi_1 / (2.0 * ratios[0])
        return [first, _Stage(last_signal, (-last_noise * phi_1 + correction, -correction))], call_times
    signal_2, noise_2 = level(call_times[2])
    phi_12 = math.expm1(ratios[1] * h)
    middle = noise_2 * (ratios[1] / ratios[0]) * (phi_12 / (ratios[1] * h) - 1.0)
    second = _Stage(signal_2, (-noise_2 * phi_12 + middle, -middle))
    correction = last_noise * (phi_1 / h - 1.0) / ratios[1]
    third = _Stage(last_signal, (-last_noise * phi_1 + correction, 0.0, -correction))
    return [first, second, third], call_times
