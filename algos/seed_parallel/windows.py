"""Windows of trajectories as batches: so many steps that follow each other, and the return from there.

Planners (Diffuser, Decision Diffuser) train on windows instead of transitions. The rows of each trajectory
are together in one table, followed by as many filled rows as a window can reach beyond the end; a window is
its first row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from recheck.errors import MethodError
from torch import Tensor

from algos.seed_parallel.batches import Rows, TrainingData


@dataclass(frozen=True)
class WindowSpec:
    """Which windows there are, and what return each has.

    Attributes:
        horizon: H, steps of a window.
        longest_trajectory: steps; a window ends at most here, whatever a trajectory's length.
        last_start: of a trajectory of L steps min(L - 1, longest_trajectory - H), ``included`` or
            ``excluded`` (Decision Diffuser's release).
        discount: of the return.
        return_scale: the return is divided by it.
        terminal_penalty: of the reward of a terminal step.
        penalty_form: ``added`` to this reward, or it is ``replaced``.
        filling: rows beyond a trajectory's end: ``transformed_zeros`` (what the transforms make of zeros) or
            ``zeros``.
    """

    horizon: int
    longest_trajectory: int
    last_start: str
    discount: float
    return_scale: float
    terminal_penalty: float
    penalty_form: str
    filling: str


class Windows(NamedTuple):
    """Windows of one update, each seed its own.

    Observations are ``[K, B, H, d]``, actions ``[K, B, H, a]``, returns from the first step on ``[K, B, 1]``.
    """

    observations: Tensor
    actions: Tensor
    returns: Tensor


class WindowData(TrainingData):
    """The windows of a dataset's trajectories; an index names a window.

    Args:
        arrays: rows with `episodes`, each trajectory's together and in order.
        spec: which windows.
        device: where the tensors are.

    Raises:
        MethodError: a trajectory is longer than allowed, or none has a window.
    """

    def __init__(self, arrays: Rows, spec: WindowSpec, device: torch.device | str = "cpu") -> None:
        if arrays.episodes is None:
            raise MethodError("windows need the trajectories of the rows, and none were given")
        super().__init__(arrays, device)
        self.horizon = spec.horizon
        width = arrays.observations.shape[1] + arrays.actions.shape[1]
        filled = np.zeros(width, dtype=np.float32)
        if spec.filling == "transformed_zeros" and arrays.transformed_zeros is not None:
            filled = arrays.transformed_zeros
        blank = np.broadcast_to(filled, (spec.horizon, width))
        parts: list[np.ndarray] = []
        starts: list[np.ndarray] = []
        returns: list[np.ndarray] = []
        first = 0
        for rows in _trajectories(arrays.episodes):
            number = _num_starts(rows.stop - rows.start, spec)
            starts.append(first + np.arange(number))
            returns.append(_discounted_returns(arrays, rows, spec)[:number])
            parts += [np.concatenate([arrays.observations[rows], arrays.actions[rows]], axis=1), blank]
            first += rows.stop - rows.start + spec.horizon
        first_rows = np.concatenate(starts)
        if len(first_rows) == 0:
            raise MethodError(
                f"no trajectory has a window of {spec.horizon} steps (horizon): the longest of "
                f"{len(starts):,} has {_longest(arrays.episodes):,} steps"
            )
        self.packed = torch.from_numpy(np.concatenate(parts, dtype=np.float32)).to(device)
        self.first_rows = torch.from_numpy(first_rows).to(device)
        scaled = np.concatenate(returns) / spec.return_scale
        self.returns = torch.from_numpy(scaled.astype(np.float32)).to(device)
        self._steps = torch.arange(spec.horizon, device=device)

    @property
    def num_rows(self) -> int:
        """Windows that an index may name."""
        return self.first_rows.shape[0]

    def windows(self, index: Tensor) -> Windows:
        """Windows `index` ``[K, B]``, each seed's own."""
        rows = self.first_rows[index].unsqueeze(-1) + self._steps
        steps = self.packed.index_select(0, rows.reshape(-1)).view(*rows.shape, self.packed.shape[1])
        d = self.problem.observation_dim
        return Windows(steps[..., :d], steps[..., d:], self.returns[index].unsqueeze(-1))


def _trajectories(episodes: np.ndarray) -> Iterator[slice]:
    """The rows of each trajectory."""
    cuts = np.flatnonzero(np.diff(episodes)) + 1
    for start, stop in zip([0, *cuts], [*cuts, len(episodes)]):
        yield slice(int(start), int(stop))


def _longest(episodes: np.ndarray) -> int:
    return max((rows.stop - rows.start for rows in _trajectories(episodes)), default=0)


def _num_starts(length: int, spec: WindowSpec) -> int:
    """Windows of a trajectory (decision-diffuser sequence.py:64-79; CleanDiffuser d4rl_mujoco_dataset.py)."""
    if length > spec.longest_trajectory:
        raise MethodError(
            f"a trajectory has {length:,} steps; allowed are {spec.longest_trajectory:,} (longest_trajectory)"
        )
    last = min(length - 1, spec.longest_trajectory - spec.horizon)
    return max(0, last if spec.last_start == "excluded" else last + 1)


def _discounted_returns(arrays: Rows, rows: slice, spec: WindowSpec) -> np.ndarray:
    """sum_k discount^k r_{t+k} to the trajectory's end, for each step t, float64."""
    rewards = arrays.rewards[rows].astype(np.float64)
    terminal = arrays.terminals[rows] != 0
    kept = 0.0 if spec.penalty_form == "replaced" else rewards[terminal]
    rewards[terminal] = kept + spec.terminal_penalty
    returns = np.empty_like(rewards)
    following = 0.0
    for step in range(len(rewards) - 1, -1, -1):
        following = rewards[step] + spec.discount * following
        returns[step] = following
    return returns
