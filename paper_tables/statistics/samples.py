"""Scores by task: one vector of training seeds for each task, of equal or of different lengths."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from recheck.errors import TablesError

Scores = np.ndarray | Sequence[np.ndarray]
"""A matrix `[seeds, tasks]`, or a list with one vector `[seeds of the task]` for each task."""


def per_task(scores: Scores, least_seeds: int = 1) -> list[np.ndarray]:
    """The scores of each task.

    Args:
        scores: `[seeds, tasks]`, or one vector per task; the tasks may have different numbers of seeds.
        least_seeds: how many seeds every task must have.

    Returns:
        `[tasks]` vectors `[seeds of the task]`.

    Raises:
        TablesError: no task, a task with too few seeds, or a score that is not finite.
    """
    if isinstance(scores, list | tuple) and all(np.ndim(column) == 1 for column in scores):
        columns = [np.asarray(column, dtype=float) for column in scores]
    else:
        matrix = np.asarray(scores, dtype=float)
        if matrix.ndim != 2:
            raise TablesError(
                f"Scores must be a matrix [seeds, tasks], not an array of shape {list(matrix.shape)}."
            )
        columns = list(np.ascontiguousarray(matrix.T))
    if not columns:
        raise TablesError("Scores need at least one task.")
    fewest = min(len(column) for column in columns)
    if fewest < least_seeds:
        raise TablesError(f"An interval needs at least {least_seeds} seeds of every task, not {fewest}.")
    if not all(np.isfinite(column).all() for column in columns):
        raise TablesError("Every score must be a finite number; leave out a run that has none.")
    return columns


def equal_length(columns: Sequence[np.ndarray]) -> np.ndarray | None:
    """The matrix `[seeds, tasks]` where all tasks have equally many seeds, else None."""
    return np.stack(columns, axis=1) if len({len(column) for column in columns}) == 1 else None
