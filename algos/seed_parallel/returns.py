"""Returns of whole trajectories, mixed with the values of a critic: TD(lambda)."""

from __future__ import annotations

import numpy as np
import torch
from recheck.errors import MethodError
from torch import Tensor

from algos.seed_parallel.batches import ProblemSpec, Rows, TrainingData


class ReturnData(TrainingData):
    """Transitions that know the trajectory they are of, so that each has a return.

    Args:
        arrays: rows with `episodes`, each trajectory's together and in order.
        device: where the tensors are.

    Attributes:
        ends: ``[m]`` last row of each trajectory, the longest trajectory first.

    Raises:
        MethodError: the rows have no trajectories.
    """

    def __init__(self, arrays: Rows, device: torch.device | str = "cpu") -> None:
        if arrays.episodes is None:
            raise MethodError("returns need the trajectories of the rows, and none were given")
        super().__init__(arrays, device)
        d, a = self.problem.observation_dim, self.problem.action_dim
        self.problem = ProblemSpec(d, a, num_rows=self.num_rows)
        ends = np.append(np.flatnonzero(np.diff(arrays.episodes)), self.num_rows - 1)
        lengths = np.diff(ends, prepend=-1)
        order = np.argsort(-lengths, kind="stable")
        # Trajectories of more than j steps, for each j: they are the first ones.
        self._longer = (lengths[:, None] > np.arange(lengths.max())).sum(axis=0).tolist()
        self.ends = torch.from_numpy(ends[order]).to(device)

    @property
    def observations(self) -> Tensor:
        """The state of every row, ``[n, d]``."""
        return self.packed[:, : self.problem.observation_dim]

    @property
    def end_observations(self) -> Tensor:
        """The state after each of `ends`, ``[m, d]``."""
        d, a = self.problem.observation_dim, self.problem.action_dim
        return self.packed[self.ends, d + a : 2 * d + a]

    @property
    def end_continues(self) -> Tensor:
        """0 where a trajectory ends at a terminal, 1 where it was cut, ``[m]``."""
        return self.packed[self.ends, -1]

    def lambda_returns(self, values: Tensor, end_values: Tensor, discount: float, td_lambda: float) -> Tensor:
        """TD(lambda) return of every row.

        ``R_t = r_t + discount ((1 - lambda) V(s_{t+1}) + lambda R_{t+1})``, and at a trajectory's last row
        ``r_t + discount V(s_{t+1})``. With lambda 1 it is the Monte Carlo return of a trajectory that ends.

        Args:
            values: ``[K, n]`` V of every row's state.
            end_values: ``[K, m]`` V of the states after `ends`, 0 where they are terminal.
            discount: gamma.
            td_lambda: lambda.

        Returns:
            ``[K, n]``.
        """
        returns = torch.empty_like(values)
        following, rewards = end_values, self.packed[:, -2]
        for back, count in enumerate(self._longer):
            rows = self.ends[:count] - back
            if back:
                following = (1.0 - td_lambda) * values[:, rows + 1] + td_lambda * following[:, :count]
            following = rewards[rows] + discount * following
            returns[:, rows] = following
        return returns
