"""From raw returns to normalised scores."""

from __future__ import annotations

from typing import Any

import numpy as np


def normalise(raw_return: np.ndarray, manifest: dict[str, Any]) -> tuple[np.ndarray, str]:
    """D4RL's normalised score in percent, or the raw return where the task has no references.

    Args:
        raw_return: [episodes], sums of rewards.
        manifest: of the dataset, with ``reference_min_score`` and ``reference_max_score``.

    Returns:
        Scores of the same shape, and their unit: ``percent`` or ``return``.
    """
    low, high = manifest.get("reference_min_score"), manifest.get("reference_max_score")
    if low is None or high is None:
        return raw_return, "return"
    return 100 * (raw_return - low) / (high - low), "percent"
