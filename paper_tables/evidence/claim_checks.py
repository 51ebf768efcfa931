"""Claims in prose, shown by execution: small computations on constructed numbers.

Each check returns what the claim gives and what its source gives, side by side. Nothing of the sources' code
is copied; the lines that are re-enacted are named.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from paper_tables import literature
from paper_tables.audit.arithmetic import largest_standard_error


@dataclass(frozen=True)
class Shown:
    """What a check found.

    Attributes:
        holds: whether the claim holds.
        sentence: what was computed, with its numbers.
        numbers: the same by name.
    """

    holds: bool
    sentence: str
    numbers: dict[str, float]


def expectile(values: np.ndarray, level: float) -> float:
    """The minimum m of the mean of |level - 1(v < m)| (v - m)^2.

    Args:
        values: [count].
        level: between 0 and 1.

    Source: IQL (arXiv:2110.06169), section 4.1. Solved exactly: between two neighbouring values the loss is a
    parabola, so the minimum is the weighted mean between its neighbours.
    """
    ordered = np.sort(np.asarray(values, dtype=float))
    for below in range(len(ordered) + 1):
        weights = np.where(np.arange(len(ordered)) < below, 1.0 - level, level)
        candidate = float(np.average(ordered, weights=weights))
        low = ordered[below - 1] if below else -math.inf
        high = ordered[below] if below < len(ordered) else math.inf
        if low <= candidate <= high:
            return candidate
    raise AssertionError("a convex loss has a minimum")


def expectile_of_one_to_five() -> Shown:
    """The 0.7- and 0.9-expectile of 1 to 5, claimed to be 4.2 and 4.8."""
    values = np.arange(1.0, 6.0)
    first, second = expectile(values, 0.7), expectile(values, 0.9)
    return Shown(
        round(first, 1) == 4.2 and round(second, 1) == 4.8,
        f"The 0.7-expectile of 1 to 5 is {first:.2f} and the 0.9-expectile {second:.2f}; claimed are 4.2 and "
        "4.8.",
        {"expectile_0.7": first, "expectile_0.9": second},
    )


def cosine_rate(step: int, horizon: int) -> float:
    """A cosine schedule's share of the first learning rate: (1 + cos(pi step / horizon)) / 2."""
    return 0.5 * (1.0 + math.cos(math.pi * step / horizon))


def learning_rate_hardly_decays(num_epochs: int = 2000, epochs_per_call: int = 50) -> Shown:
    """The last learning rate where the schedule steps once a call and its horizon counts epochs.

    Re-enacts Zhendong-Wang/Diffusion-Policies-for-Offline-RL@d871f5c, agents/ql_diffusion.py:90-91 and
    181-183 with main.py:60 and 84-85.
    """
    steps = num_epochs // epochs_per_call
    last = cosine_rate(steps, num_epochs)
    return Shown(
        last < 0.01,
        f"After {num_epochs} epochs the schedule has made {steps} of {num_epochs} steps: the last rate is "
        f"{last:.5f} of the first, not 0.",
        {"steps": steps, "last_rate": last},
    )


def released_selection(losses: np.ndarray, rank: int) -> int:
    """The checkpoint that ``argsort(losses) == rank`` picks."""
    return int(np.flatnonzero(np.argsort(losses) == rank)[0])


def inverted_selection(rank: int = 1) -> Shown:
    """The checkpoint of the k-th smallest loss against the one that the release picks, on a falling loss.

    Re-enacts Zhendong-Wang/Diffusion-Policies-for-Offline-RL@d871f5c, main.py:135-137.
    """
    losses = np.array([0.9, 0.5, 0.7, 0.3, 0.4])
    intended = int(np.argsort(losses)[rank])
    picked = released_selection(losses, rank)
    return Shown(
        picked == intended,
        f"Of the losses {', '.join(f'{loss:g}' for loss in losses)} the one of rank {rank} (0 is the "
        f"smallest) is {losses[intended]:g}; the released line picks {losses[picked]:g}.",
        {"intended_loss": float(losses[intended]), "picked_loss": float(losses[picked])},
    )


def linear_betas(num_steps: int, scaled: bool) -> np.ndarray:
    """1e-4 to 0.02 in equal steps; scaled, the same times 1000 / number of steps. Shape [num_steps]."""
    scale = 1000 / num_steps if scaled else 1.0
    return np.linspace(1e-4 * scale, 0.02 * scale, num_steps)


def linear_schedules_differ(num_steps: int = 5) -> Shown:
    """What is left of the signal's variance after the last step, in the two releases.

    Re-enacts Zhendong-Wang/Diffusion-Policies-for-Offline-RL@d871f5c, agents/helpers.py:50-54, and
    sail-sg/edp@b019648, diffusion/diffusion.py:47-57.
    """
    plain, scaled = (linear_betas(num_steps, scaled) for scaled in (False, True))
    kept = float(np.prod(1.0 - plain))
    possible = bool(scaled.max() < 1.0)
    kept_scaled = float(np.prod(1.0 - scaled)) if possible else math.nan
    rest = f"{kept_scaled:.2%}" if possible else f"nothing defined, since the last beta is {scaled.max():g}"
    return Shown(
        bool(np.allclose(plain, scaled)),
        f"With {num_steps} steps the plain linear schedule keeps {kept:.1%} of the signal's variance, the "
        f"scaled one {rest}.",
        {"kept": kept, "kept_scaled": kept_scaled, "largest_scaled_beta": float(scaled.max())},
    )


def released_implicit_weights(advantages: np.ndarray, level: float, loss: str) -> np.ndarray:
    """The weights of philippe-eecs/IDQL@7582571, ddpm_iql_learner.py:395-403. Shape of the advantages."""
    result: np.ndarray
    if loss == "quantile":
        weights = np.where(advantages > 0, level, 1.0 - level) / advantages
        result = weights / weights.sum()
        return result
    result = level * np.abs(advantages * level) / np.abs(advantages)
    return result


def implicit_weights_are_no_probabilities() -> Shown:
    """Whether the released weights for resampling are probabilities, on four constructed advantages."""
    advantages = np.array([-2.0, -0.5, 0.25, 1.0])
    quantile = released_implicit_weights(advantages, 0.7, "quantile")
    exponential = released_implicit_weights(advantages, 0.7, "exponential")
    proper = bool((quantile >= 0).all() and abs(exponential.sum() - 1.0) < 1e-9)
    return Shown(
        proper,
        f"For advantages -2, -0.5, 0.25, 1 the quantile's smallest weight is {quantile.min():.2f}; the "
        f"exponential's weights are all {exponential[0]:.2f} and sum to {exponential.sum():.2f}.",
        {"smallest_quantile_weight": float(quantile.min()), "exponential_sum": float(exponential.sum())},
    )


def ranges_of_returns(rewards: np.ndarray, ends: np.ndarray, longest: int) -> tuple[float, float]:
    """The range of returns, by windows that end at `longest` rows, and by episodes.

    Args:
        rewards: [rows], one row dropped at each time-out, as D4RL's loader leaves them.
        ends: [rows], whether the row is the last that is left of its episode; none is a terminal.
        longest: rows after which a window is cut.
    """
    windows = [rewards[start : start + longest].sum() for start in range(0, len(rewards), longest)]
    complete = windows if len(rewards) % longest == 0 else windows[:-1]
    starts = np.flatnonzero(np.concatenate([[True], ends[:-1]]))
    episodes = np.add.reduceat(rewards, starts)
    return float(max(complete) - min(complete)), float(episodes.max() - episodes.min())


def windows_of_thousand_rows_drift(num_episodes: int = 1001) -> Shown:
    """The range by which rewards are scaled, where every episode times out and lost its last row.

    Re-enacts corl-team/CORL@eeeeef2, algorithms/offline/iql.py:231-243, on episodes of 1000 steps of which
    the one in the middle is good.
    """
    rows = 999
    rewards = np.zeros(num_episodes * rows)
    good = num_episodes // 2
    rewards[good * rows : (good + 1) * rows] = 1.0
    ends = np.zeros(len(rewards), dtype=bool)
    ends[rows - 1 :: rows] = True
    window, episode = ranges_of_returns(rewards, ends, 1000)
    return Shown(
        window == episode,
        f"Of {num_episodes} episodes that all time out one has the return {rows} and the others 0: the range "
        f"over windows of 1000 rows is {window:g}, over episodes {episode:g}.",
        {"window_range": window, "episode_range": episode},
    )


def pooled_standard_error_is_impossible() -> Shown:
    """Whether Diffusion-QL's printed spreads can be standard errors over 500 pooled episodes."""
    cells = literature.read_document("diffusion_ql")
    tested = cells[
        (cells["method"] == "Diffusion-QL")
        & (cells["table"] == "Table 1")
        & cells["suite"].isin(["antmaze", "kitchen"])
        & cells["spread_percent"].notna()
    ]
    too_large = [
        row["spread_percent"] - 0.05 > largest_standard_error(row["score_percent"], row["decimals"], 500)
        for row in tested.to_dict("records")
    ]
    return Shown(
        not any(too_large),
        f"{sum(too_large)} of {len(too_large)} printed spreads exceed the largest standard error that 500 "
        "episodes between 0 and 100 with that mean can have.",
        {"impossible": sum(too_large), "tested": len(too_large)},
    )


CHECKS: dict[str, Callable[[], Shown]] = {
    check.__name__: check
    for check in (
        expectile_of_one_to_five,
        learning_rate_hardly_decays,
        inverted_selection,
        linear_schedules_differ,
        implicit_weights_are_no_probabilities,
        windows_of_thousand_rows_drift,
        pooled_standard_error_is_impossible,
    )
}
"""Checks by name, as the claims name them."""
