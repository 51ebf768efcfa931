"""The rows of whole trajectories, for methods that train on windows of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from recheck.errors import TrainingError

from algos.datasets.transitions import Transitions
from algos.training.config import RunConfig


def whole_trajectories(transitions: Transitions, config: RunConfig) -> Transitions:
    """The rows without a trajectory that the end of the file cuts off, as released planners read files.

    Args:
        transitions: prepared, with the run's transforms applied.
        config: of the run.

    Raises:
        TrainingError: the rows are not trajectories, or the run trains on a part of them.
    """
    where = f"method {config.method} trains on trajectories"
    if config.train_fraction < 1.0:
        raise TrainingError(
            f"{where}, but train_fraction {config.train_fraction} takes single rows out of them; allowed is 1"
        )
    episodes = transitions.episodes
    follow = episodes[1:] == episodes[:-1]
    if not transitions.in_order or not follow.any() or (np.diff(episodes) < 0).any():
        raise TrainingError(
            f"{where}, but the rows of {config.task} are independent transitions, or not in the order in "
            "which they were played"
        )
    last = episodes == episodes[-1]
    if not _is_open(transitions) or last.all():
        return transitions
    kept = ~last
    rows: dict[str, Any] = {name: array[kept] for name, array in transitions.arrays().items()}
    return replace(transitions, **rows)


def _is_open(transitions: Transitions) -> bool:
    """Whether the last trajectory ends with the file, neither terminal nor cut by a time limit."""
    counted = transitions.manifest.get("episode_ends", {}).get("open_episodes", 0)
    return bool(counted) and not transitions.terminals[-1]
