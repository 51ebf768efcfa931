"""Settings of the two-dimensional bandit (Diffusion-QL, section 4): sizes, modes and hyperparameters."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from recheck.errors import BanditError

STATE_DIM = 2  # (0, 0), kept in the networks' inputs because it is in the fan-in of their initialisation
ACTION_DIM = 2
# Through a chain of products this small, torch's own form is the faster one (43 ms against 57 ms per
# update of Diffusion-QL with N = 50).
KERNELS = "plain"


class Mode(NamedTuple):
    """One of the four clusters of actions."""

    name: str
    centre: tuple[float, float]
    reward_mean: float


# Released run_toy_bc.py:58-68, run_toy_ql.py:35-62, in the order of their data.
MODES = (
    Mode("left_up", (-0.8, 0.8), 3.0),
    Mode("left_bottom", (-0.8, -0.8), 0.0),
    Mode("right_up", (0.8, 0.8), 1.5),
    Mode("right_bottom", (0.8, -0.8), 5.0),
)
ACTION_SD = 0.05  # of the actions around a centre, per axis
REWARD_SD = 0.5
# Samples nearer to a centre than this, four standard deviations, count as that mode's.
MODE_RADIUS = 0.2


@dataclass(frozen=True)
class Settings:
    """Every constant of a run; the defaults are the released setting."""

    seed: int = 0
    updates: int = 100_000  # 1,000 epochs of 100
    num_data: int = 10_000
    batch_size: int = 100
    policy_batch: int = 100  # actions drawn from a policy per update, for its Q term or its MMD
    num_samples: int = 1_000  # drawn from each trained policy
    hidden_width: int = 128
    time_dim: int = 4  # of the embedding of the diffusion step
    learning_rate: float = 3e-4  # Adam's, of every network but the next
    gaussian_learning_rate: float = 3e-4  # of BC-MLE and TD3+BC
    schedule: str = "vp"
    diffusion_steps: tuple[int, ...] = (2, 5, 10, 20, 50)  # N; the released scripts have 50
    eta: float = 2.5  # of the normalised Q term, TD3+BC and Diffusion-QL
    q_interval: int = 1  # Diffusion-QL has its Q term, times this, every so many updates
    latent_dim: int = 4  # of the CVAE, twice the action's
    latent_clip: float = 0.5  # latents drawn from the prior are clipped to it
    kl_weight: float = 0.5
    log_std_min: float = -20.0  # of the Gaussian policy (released bc_mle.py:10-11)
    log_std_max: float = 2.0
    # MMD as released (bc_mmd.py:115-145), which is BEAR's for its hardest tasks (Kumar et al. 2019,
    # appendix: Laplacian kernel, sigma 20, raw actions before the tanh).
    mmd_samples: int = 10
    mmd_sigma: float = 20.0
    # BEAR (released ql_mmd.py): eta is left at its default there, which is not the 2.5 of the others.
    bear_eta: float = 1.0
    bear_threshold: float = 0.05  # epsilon of the constraint MMD <= epsilon
    bear_multiplier_rate: float = 1e-3  # Adam's, of the log multiplier
    bear_log_multiplier_min: float = -5.0
    bear_log_multiplier_max: float = 10.0
    # BCQ (released ql_cvae.py; Fujimoto et al. 2019, appendix): largest perturbation. Candidates are
    # the paper's 10 (algorithm 1).
    bcq_perturbation: float = 0.05
    bcq_candidates: int = 10


# What `--size` means. Most of the released setting's time goes into Diffusion-QL's chains. The
# reduced one draws fewer actions and has the Q term in one update of five, five times as large: the
# state is always the same, so that the gradient's mean stays, only its noise grows. Few updates need
# larger rates; at 3e-3 a Gaussian with a Q term runs away before the critic bends, at 1e-3 it does not.
SIZES: dict[str, dict[str, Any]] = {
    "full": {},
    "reduced": {
        "updates": 2_500,
        "policy_batch": 25,
        "q_interval": 5,
        "learning_rate": 3e-3,
        "gaussian_learning_rate": 1e-3,
    },
}


def resolve_settings(
    size: str, seed: int = 0, updates: int | None = None, policy_batch: int | None = None
) -> Settings:
    """The settings of a size, with what was asked for in place of its own.

    Raises:
        BanditError: an unknown size or a number out of range.
    """
    if size not in SIZES:
        raise BanditError(f"unknown size {size!r}; allowed are {', '.join(SIZES)}")
    settings = replace(Settings(seed=seed), **SIZES[size])
    if updates is not None:
        settings = replace(settings, updates=updates)
    if policy_batch is not None:
        settings = replace(settings, policy_batch=policy_batch)
    if seed < 0:
        raise BanditError(f"the seed is {seed}; allowed are integers from 0")
    if settings.updates < 1:
        raise BanditError(f"the number of updates is {settings.updates}; allowed are integers from 1")
    if not 1 <= settings.policy_batch <= settings.batch_size:
        raise BanditError(
            f"the policy batch is {settings.policy_batch}; allowed are integers from 1 to "
            f"{settings.batch_size}, the batch size"
        )
    return settings


def reduction(settings: Settings) -> str | None:
    """What was cut from the released setting, in words; None where nothing was."""
    released = Settings()
    cuts = []
    if settings.updates < released.updates:
        cuts.append(f"{settings.updates:,} updates of {released.updates:,}")
    if settings.policy_batch < released.policy_batch:
        cuts.append(f"{settings.policy_batch} draws from a policy per update of {released.policy_batch}")
    if settings.q_interval > released.q_interval:
        cuts.append(f"Diffusion-QL's Q term every {settings.q_interval} updates")
    if settings.learning_rate != released.learning_rate:
        cuts.append(f"learning rate {settings.learning_rate:g} for {released.learning_rate:g}")
    if settings.gaussian_learning_rate != released.gaussian_learning_rate:
        cuts.append(f"of the Gaussians {settings.gaussian_learning_rate:g}")
    return "; ".join(cuts) or None
