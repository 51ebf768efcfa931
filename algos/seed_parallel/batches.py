"""Rows of a dataset as batches, each seed its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class ProblemSpec:
    """Widths of a task: observations ``[.., observation_dim]``, actions ``[.., action_dim]`` in [-1, 1].

    `num_rows` is that of the training data, for methods that keep numbers for each row; else 0.
    """

    observation_dim: int
    action_dim: int
    num_rows: int = 0


class Batch(NamedTuple):
    """Transitions of one update, each seed its own rows.

    `state_actions` is ``[K, B, d + a]`` and `observations` and `actions` are views of it; `rewards`
    and `continues` (1 - terminal; a time-out is not a terminal) are ``[K, B]``.
    """

    observations: Tensor
    actions: Tensor
    state_actions: Tensor
    next_observations: Tensor
    rewards: Tensor
    continues: Tensor
    # The dataset's action at the next state, ``[K, B, a]``; for methods that need it.
    next_actions: Tensor | None = None


class Rows(NamedTuple):
    """Arrays of n transitions: observations ``[n, d]``, actions ``[n, a]``, rewards, terminals ``[n]``.

    For methods that train on trajectories: `episodes` ``[n]``, the number of each row's trajectory, and
    `transformed_zeros` ``[d + a]``, what the run's transforms make of an observation and an action of zeros.
    """

    observations: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    next_observations: np.ndarray
    terminals: np.ndarray
    next_actions: np.ndarray | None = None
    episodes: np.ndarray | None = None
    transformed_zeros: np.ndarray | None = None


class TrainingData:
    """A dataset packed into one tensor ``[n, 2 d + a + 2]``, so that a batch is one gather.

    With next actions there are a columns more.

    Args:
        arrays: of the transitions.
        device: where the tensor is.
        rows: ``[K, n']`` indices of the rows that each seed may train on; None for all of them.
    """

    def __init__(
        self, arrays: Rows, device: torch.device | str = "cpu", rows: np.ndarray | None = None
    ) -> None:
        self.problem = ProblemSpec(arrays.observations.shape[1], arrays.actions.shape[1])
        self.has_next_actions = arrays.next_actions is not None
        packed = np.concatenate(
            [
                arrays.observations,
                arrays.actions,
                arrays.next_observations,
                *([] if arrays.next_actions is None else [arrays.next_actions]),
                arrays.rewards.reshape(-1, 1),
                1.0 - arrays.terminals.astype(np.float32).reshape(-1, 1),
            ],
            axis=1,
            dtype=np.float32,
        )
        self.packed = torch.from_numpy(packed).to(device)
        self.rows = None if rows is None else torch.from_numpy(np.ascontiguousarray(rows)).to(device)

    @property
    def num_rows(self) -> int:
        """Rows that an index may name, per seed."""
        return self.packed.shape[0] if self.rows is None else self.rows.shape[1]

    def batch(self, index: Tensor) -> Batch:
        """Rows `index` ``[K, B]``, each seed's own."""
        if self.rows is not None:
            index = self.rows.gather(1, index)
        d, a = self.problem.observation_dim, self.problem.action_dim
        rows = self.packed.index_select(0, index.reshape(-1)).view(*index.shape, self.packed.shape[1])
        return Batch(
            observations=rows[..., :d],
            actions=rows[..., d : d + a],
            state_actions=rows[..., : d + a],
            next_observations=rows[..., d + a : 2 * d + a],
            rewards=rows[..., -2],
            continues=rows[..., -1],
            next_actions=rows[..., 2 * d + a : 2 * (d + a)] if self.has_next_actions else None,
        )
