"""The variance-preserving diffusion in continuous time, and its DDIM steps (CleanDiffuser).

log alpha(t) = -(b1 - b0) t^2 / 4 - b0 t / 2 with b0 = 0.1, b1 = 20, for t from 0.001 to 1 (CleanDiffuser
cleandiffuser/utils/utils.py:99-105, diffusion/diffusionsde.py:609-900).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from recheck.errors import MethodError
from torch import Tensor

from algos.diffusion.samplers import NoisePredictor, Sampler
from algos.diffusion.schedule import Diffusion

SCHEDULE = "linear"
SMALLEST_TIME, LARGEST_TIME = 1e-3, 1.0
SMALLEST_BETA, LARGEST_BETA = 0.1, 20.0


def _log_signal(times: Tensor) -> Tensor:
    return -(LARGEST_BETA - SMALLEST_BETA) / 4.0 * times.square() - SMALLEST_BETA / 2.0 * times


class ContinuousDiffusion(Diffusion):
    """Noise in continuous time; N is the number of DDIM steps of a chain and does not enter training.

    Args:
        schedule: ``linear``, the only one.
        diffusion_steps: N.

    Raises:
        MethodError: another schedule, or N below 1.
    """

    def __init__(self, schedule: str, diffusion_steps: int) -> None:
        if schedule != SCHEDULE:
            raise MethodError(f"noise schedule {schedule!r} in continuous time; allowed is {SCHEDULE}")
        if diffusion_steps < 1:
            raise MethodError(f"the number of steps is {diffusion_steps}; allowed are integers from 1")
        self.schedule = schedule
        self.diffusion_steps = diffusion_steps

    @staticmethod
    def times(uniform: Tensor) -> Tensor:
        """Times of training for uniform numbers in [0, 1)."""
        return SMALLEST_TIME + (LARGEST_TIME - SMALLEST_TIME) * uniform

    def q_sample(self, actions: Tensor, steps: Tensor, noise: Tensor) -> Tensor:
        """Noisy samples alpha x + sigma e, ``[..., a]``; `steps` are times ``[...]``."""
        signal_rate = _log_signal(steps).exp().unsqueeze(-1)
        return signal_rate * actions + (1.0 - signal_rate.square()).sqrt() * noise

    def predict_start(self, noisy: Tensor, steps: Tensor, predicted_noise: Tensor) -> Tensor:
        """The clean sample that a predicted noise implies; `steps` are times."""
        signal_rate = _log_signal(steps).exp().unsqueeze(-1)
        return (noisy - (1.0 - signal_rate.square()).sqrt() * predicted_noise) / signal_rate

    def sampler(
        self,
        name: str = "ddim",
        steps: int | None = None,
        *,
        ddpm_form: str = "posterior",
        noise_scale: float = 1.0,
        initial_noise_scale: float = 1.0,
        clip: float | None = None,
    ) -> Sampler:
        """DDIM with `steps` calls at evenly spaced times, not clipped.

        Raises:
            MethodError: another sampler.
        """
        if name != "ddim":
            raise MethodError(f"continuous time has no sampler {name!r}; allowed is ddim")
        steps = self.diffusion_steps if steps is None else steps
        times = np.linspace(SMALLEST_TIME, LARGEST_TIME, steps + 1)
        alpha_bars = np.exp(2.0 * _log_signal(torch.from_numpy(times)).numpy())
        sampler = _ContinuousDDIM(alpha_bars, steps, noise_scale, initial_noise_scale, clip)
        sampler.times = tuple(float(time) for time in times[:0:-1])
        return sampler


class _ContinuousDDIM(Sampler):
    """x_{i-1} = alpha_{i-1} (x_i - sigma_i e) / alpha_i + sigma_{i-1} e (diffusionsde.py, `ddim`)."""

    def _plan(self, alpha_bars: np.ndarray, steps: int) -> None:
        self.num_noises = 1
        self.coefficients = []
        for i in range(steps, 0, -1):
            ratio = math.sqrt(alpha_bars[i - 1] / alpha_bars[i])
            of_noise = math.sqrt(1.0 - alpha_bars[i - 1]) - ratio * math.sqrt(1.0 - alpha_bars[i])
            self.coefficients.append((ratio, of_noise))

    def __call__(self, predict: NoisePredictor, noises: Sequence[Tensor] | Tensor) -> Tensor:
        """Samples of the whole chain; see `Sampler`."""
        iterate = self._start(noises[0])
        for call, (of_iterate, of_noise) in enumerate(self.coefficients):
            iterate = of_iterate * iterate + of_noise * predict(iterate, call)
        return self._clipped(iterate)
