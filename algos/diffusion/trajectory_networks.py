"""What networks over windows of trajectories share: their inputs, and that seeds are computed in turn."""

from __future__ import annotations

import abc
from collections.abc import Mapping

import torch
from torch import Tensor

from algos.seed_parallel.parameters import ParameterGroup
from algos.seed_parallel.random_streams import SeedStreams

Parameters = Mapping[str, Tensor]


class TrajectoryNetwork(abc.ABC):
    """e(x_t, t, R): the noise in a window of states, from the window, the time and a return.

    A seed's network is a program of its own, called for one seed after the other: convolutions and attention
    take milliseconds, and a seed's numbers are the same whatever else is in its block.
    """

    @abc.abstractmethod
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the parameters."""

    @abc.abstractmethod
    def initialise(self, group: ParameterGroup, streams: SeedStreams) -> None:
        """Fill `group` seed by seed, as the released code starts."""

    def fixed_shapes(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of numbers that are drawn once and not trained."""
        return {}

    def initialise_fixed(self, group: ParameterGroup, streams: SeedStreams) -> None:
        """Draw the numbers of `fixed_shapes` into `group`, seed by seed."""
        return

    @abc.abstractmethod
    def one(self, parameters: Parameters, windows: Tensor, times: Tensor, returns: Tensor) -> Tensor:
        """One seed's predicted noise ``[B, H, d]``.

        Args:
            parameters: of this seed, without the leading axis, the fixed numbers among them.
            windows: noisy, ``[B, H, d]``.
            times: ``[B]``.
            returns: ``[B, 2]``: the return, and 1.0 where the network may see it, 0.0 where not.
        """

    def __call__(self, parameters: Parameters, windows: Tensor, times: Tensor, returns: Tensor) -> Tensor:
        """Predicted noise ``[K, B, H, d]``; arguments as of `one` with the seeds leading."""
        names, tensors = list(parameters), [tensor.unbind(0) for tensor in parameters.values()]
        seeds = [dict(zip(names, own)) for own in zip(*tensors)]
        outputs = [self.one(own, *inputs) for own, *inputs in zip(seeds, windows, times, returns)]
        return torch.stack(outputs)
