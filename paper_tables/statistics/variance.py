"""Variance between seeds and between episodes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from recheck.errors import TablesError


# Where the variance of a score comes from.
@dataclass(frozen=True)
class VarianceSplit:
    """Standard deviations of a score by origin, in points.

    Attributes:
        seed_sd: between training seeds, once evaluation and checkpoint noise is taken out.
        checkpoint_sd: between checkpoints of one run, about the course that all seeds share; None with
            one checkpoint.
        episode_sd: between episodes of one checkpoint.
        seeds: number of training seeds.
        checkpoints: number of checkpoints of each.
        episodes: episodes per checkpoint, harmonic mean.
    """

    seed_sd: float
    checkpoint_sd: float | None
    episode_sd: float
    seeds: int
    checkpoints: int
    episodes: float


def split_variance(episodes: pd.DataFrame) -> VarianceSplit:
    """Separate the variance between training seeds, between checkpoints and between episodes.

    Unweighted means (Searle, Casella and McCulloch, "Variance components", 1992, chapter 4): unbiased for any
    numbers of episodes; a negative estimate is printed as 0. The course of training that all seeds
    share is not noise and is subtracted of the checkpoints first.

    Args:
        episodes: columns `seed`, `update`, `score_percent`; every seed has the same updates.

    Raises:
        TablesError: fewer than two seeds, a seed lacks a checkpoint, or no checkpoint has two episodes.
    """
    cells = episodes.groupby(["seed", "update"])["score_percent"].agg(["mean", "var", "count"])
    means = cells["mean"].unstack()
    if len(means) < 2:
        raise TablesError(f"Splitting the variance needs at least 2 training seeds, not {len(means)}.")
    if means.isna().to_numpy().any():
        raise TablesError("Splitting the variance needs the same checkpoints of every seed.")
    freedom = (cells["count"] - 1).sum()
    if freedom == 0:
        raise TablesError("Splitting the variance needs two episodes of a checkpoint.")
    episode_variance = float((cells["var"].fillna(0.0) * (cells["count"] - 1)).sum() / freedom)
    inverse_episodes = float((1 / cells["count"]).mean())
    num_seeds, num_checkpoints = means.shape
    table = means.to_numpy()
    between_seeds = float(table.mean(axis=1).var(ddof=1))
    checkpoint_variance = 0.0
    if num_checkpoints > 1:
        rest = table - table.mean(axis=0) - table.mean(axis=1, keepdims=True) + table.mean()
        mean_square = float((rest**2).sum()) / ((num_seeds - 1) * (num_checkpoints - 1))
        checkpoint_variance = max(0.0, mean_square - episode_variance * inverse_episodes)
        seed_variance = between_seeds - mean_square / num_checkpoints
    else:
        seed_variance = between_seeds - episode_variance * inverse_episodes
    return VarianceSplit(
        seed_sd=float(np.sqrt(max(0.0, seed_variance))),
        checkpoint_sd=float(np.sqrt(checkpoint_variance)) if num_checkpoints > 1 else None,
        episode_sd=float(np.sqrt(episode_variance)),
        seeds=num_seeds,
        checkpoints=num_checkpoints,
        episodes=1 / inverse_episodes,
    )
