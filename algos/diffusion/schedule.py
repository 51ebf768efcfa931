"""Noise schedules (the betas) and the forward process."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from recheck.errors import MethodError
from torch import Tensor

from algos.diffusion.samplers import (
    LARGEST_FINAL_SIGNAL,
    BetaSampler,
    DDIMSampler,
    DPMSolver,
    PosteriorSampler,
    Sampler,
    check_sampling_steps,
)

SCHEDULES = ("linear", "linear_scaled", "cosine", "vp")
SAMPLERS = ("ddpm", "ddim", "dpm_solver")
# The two released forms of a DDPM step. `posterior`: the predicted clean action is clipped, the
# noise has the variance of the posterior (Diffusion-QL diffusion.py:73-145, EDP). `beta`: the
# iterate is clipped after every step, the noise has variance beta (IDQL networks/diffusion.py:69-104).
DDPM_FORMS = ("posterior", "beta")


class ScheduleWarning(UserWarning):
    """A noise schedule does not reach noise."""


def noise_schedule(name: str, diffusion_steps: int) -> np.ndarray:
    """beta_1..beta_N, float64 ``[N]``.

    Args:
        name: ``linear``: 1e-4 to 0.02 whatever N (Diffusion-QL, IDQL). ``linear_scaled``: both ends
            times 1000 / N (EDP diffusion.py:47-57). ``cosine``: offset 0.008, beta at most 0.999
            (Nichol & Dhariwal 2021). ``vp``: variance preserving, the continuous schedule 0.1 to 10
            in N pieces (Diffusion-QL helpers.py:57-64), alpha_bar_N = exp(-5.05) for every N.
        diffusion_steps: N.

    Raises:
        MethodError: unknown name, N below 1, or ``linear_scaled`` with N <= 20, whose last beta
            would reach 1.
    """
    if diffusion_steps < 1:
        raise MethodError(f"the number of diffusion steps is {diffusion_steps}; allowed are integers from 1")
    if name == "linear":
        return np.linspace(1e-4, 0.02, diffusion_steps)
    if name == "linear_scaled":
        if diffusion_steps <= 20:
            raise MethodError(
                f"schedule linear_scaled with {diffusion_steps} diffusion steps: its last beta, "
                f"0.02 * 1000 / {diffusion_steps}, is not below 1; allowed are more than 20 steps, or the "
                "schedules linear, cosine, vp"
            )
        return np.linspace(1e-4, 0.02, diffusion_steps) * (1000.0 / diffusion_steps)
    if name == "cosine":
        times = np.linspace(0.0, 1.0, diffusion_steps + 1)
        alpha_bars = np.cos((times + 0.008) / 1.008 * np.pi / 2.0) ** 2
        betas: np.ndarray = np.clip(1.0 - alpha_bars[1:] / alpha_bars[:-1], 0.0, 0.999)
        return betas
    if name == "vp":
        smallest, largest = 0.1, 10.0
        i = np.arange(1, diffusion_steps + 1)
        return -np.expm1(
            -smallest / diffusion_steps - 0.5 * (largest - smallest) * (2 * i - 1) / diffusion_steps**2
        )
    raise MethodError(f"unknown noise schedule {name!r}; allowed are {', '.join(SCHEDULES)}")


class Diffusion:
    """A noise schedule with its forward process; `sampler` gives the reverse process.

    Args:
        schedule: name in `SCHEDULES`.
        diffusion_steps: N.

    Warns:
        ScheduleWarning: more than 5% of the signal's variance is left at the last step.

    Raises:
        MethodError: as `noise_schedule`.
    """

    def __init__(self, schedule: str, diffusion_steps: int, device: torch.device | str = "cpu") -> None:
        self.schedule = schedule
        self.diffusion_steps = diffusion_steps
        self.betas = noise_schedule(schedule, diffusion_steps)
        self.alpha_bars = np.cumprod(1.0 - self.betas)
        if self.alpha_bars[-1] > LARGEST_FINAL_SIGNAL:
            warnings.warn(
                f"noise schedule {schedule} with {diffusion_steps} steps keeps {self.alpha_bars[-1]:.1%} of "
                "the signal at the last step: sampling starts from noise that training has not met",
                ScheduleWarning,
                stacklevel=2,
            )
        self.signal_rates = torch.tensor(np.sqrt(self.alpha_bars), dtype=torch.float32, device=device)
        self.noise_rates = torch.tensor(np.sqrt(1.0 - self.alpha_bars), dtype=torch.float32, device=device)

    def q_sample(self, actions: Tensor, steps: Tensor, noise: Tensor) -> Tensor:
        """Noisy actions sqrt(alpha_bar) a + sqrt(1 - alpha_bar) e, ``[..., a]``.

        Args:
            actions: clean actions ``[..., a]``.
            steps: step of each action, 0 to N - 1, int64 ``[...]``.
            noise: e, standard normal, ``[..., a]``.
        """
        signal_rate = self.signal_rates[steps].unsqueeze(-1)
        noise_rate = self.noise_rates[steps].unsqueeze(-1)
        return signal_rate * actions + noise_rate * noise

    def predict_start(self, noisy: Tensor, steps: Tensor, predicted_noise: Tensor) -> Tensor:
        """The clean action a0 that a predicted noise implies, ``[..., a]``, not clipped."""
        signal_rate = self.signal_rates[steps].unsqueeze(-1)
        noise_rate = self.noise_rates[steps].unsqueeze(-1)
        return (noisy - noise_rate * predicted_noise) / signal_rate

    def sampler(
        self,
        name: str = "ddpm",
        steps: int | None = None,
        *,
        ddpm_form: str = "posterior",
        noise_scale: float = 1.0,
        initial_noise_scale: float = 1.0,
        clip: float | None = 1.0,
    ) -> Sampler:
        """A reverse process with `steps` calls of the network.

        Args:
            name: in `SAMPLERS`.
            steps: calls per sample, 1 to N; None for N. With fewer than N, DDPM and DDIM take evenly
                spaced steps of the N, the last one among them.
            ddpm_form: in `DDPM_FORMS`; the other samplers do not look at it.
            noise_scale: factor on the noise added per step. DDIM and DPM-Solver add none.
            initial_noise_scale: factor on the noise that the chain starts from.
            clip: largest absolute action; None for no clipping.

        Raises:
            MethodError: unknown name or form, or more steps than N.
        """
        if name not in SAMPLERS:
            raise MethodError(f"unknown sampler {name!r}; allowed are {', '.join(SAMPLERS)}")
        if ddpm_form not in DDPM_FORMS:
            raise MethodError(f"unknown DDPM form {ddpm_form!r}; allowed are {', '.join(DDPM_FORMS)}")
        steps = self.diffusion_steps if steps is None else steps
        check_sampling_steps(steps, self.diffusion_steps)
        if name == "ddpm":
            kind = PosteriorSampler if ddpm_form == "posterior" else BetaSampler
            return kind(self.alpha_bars, steps, noise_scale, initial_noise_scale, clip)
        if name == "ddim":
            return DDIMSampler(self.alpha_bars, steps, noise_scale, initial_noise_scale, clip)
        return DPMSolver(self.alpha_bars, steps, noise_scale, initial_noise_scale, clip)
