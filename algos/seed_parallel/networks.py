"""Multilayer perceptrons of K seeds at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from algos.seed_parallel import kernels
from algos.seed_parallel.kernels import mish


def linear(inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Affine map of every seed's batch: ``[K, B, in] x [K, in, out] + [K, out] -> [K, B, out]``."""
    return kernels.join(kernels.affine_each(kernels.split(inputs), weight, bias))


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "mish": mish,
    "swish": F.silu,
    "tanh": torch.tanh,
}


class MLP:
    """A multilayer perceptron's architecture; its parameters live in a `ParameterGroup`.

    Args:
        sizes: widths from input to output, for example ``(11, 256, 256, 1)``.
        activation: name in `ACTIVATIONS`, after every layer but the last.
        prefix: of the parameters' names, for groups that hold more than one network.
    """

    def __init__(self, sizes: Sequence[int], activation: str, prefix: str = "") -> None:
        self.sizes = tuple(sizes)
        self.activation = ACTIVATIONS[activation]
        self.prefix = prefix
        self.names = [f"{prefix}layer{i}" for i in range(len(sizes) - 1)]

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the parameters, for `ParameterGroup`."""
        shapes: dict[str, tuple[int, ...]] = {}
        for name, fan_in, fan_out in zip(self.names, self.sizes[:-1], self.sizes[1:]):
            shapes[f"{name}.weight"] = (fan_in, fan_out)
            shapes[f"{name}.bias"] = (fan_out,)
        return shapes

    def __call__(
        self,
        parameters: Mapping[str, Tensor],
        inputs: Tensor,
        dropout_masks: Sequence[Tensor] | None = None,
        keep_probability: float = 1.0,
    ) -> Tensor:
        """Outputs ``[K, B, out]`` for inputs ``[K, B, in]``.

        Args:
            parameters: of a group of this network.
            inputs: one batch per seed.
            keep_probability: of a unit, with dropout.
            dropout_masks: one ``[K, B, width]`` of zeros and ones per hidden layer, applied after
                its activation, the rest scaled by 1 / `keep_probability`; None for no dropout.
        """
        members = kernels.split(inputs)
        for i, name in enumerate(self.names[:-1]):
            members = self._hidden(members, parameters, name)
            if dropout_masks is not None:
                masks = kernels.split(dropout_masks[i])
                members = tuple(x * mask / keep_probability for x, mask in zip(members, masks))
        return self._last(members, parameters)

    def after_first(self, parameters: Mapping[str, Tensor], sums: Tensor) -> Tensor:
        """Outputs ``[K, B, out]`` from the first layer's sums ``[K, B, width]``, not yet activated."""
        members = tuple(self.activation(x) for x in kernels.split(sums))
        for name in self.names[1:-1]:
            members = self._hidden(members, parameters, name)
        return self._last(members, parameters)

    def _hidden(
        self, members: kernels.Members, parameters: Mapping[str, Tensor], name: str
    ) -> kernels.Members:
        weight, bias = parameters[f"{name}.weight"], parameters[f"{name}.bias"]
        if self.activation is torch.relu:
            return kernels.affine_each(members, weight, bias, relu=True)
        return tuple(self.activation(x) for x in kernels.affine_each(members, weight, bias))

    def _last(self, members: kernels.Members, parameters: Mapping[str, Tensor]) -> Tensor:
        name = self.names[-1]
        weight, bias = parameters[f"{name}.weight"], parameters[f"{name}.bias"]
        return kernels.join(kernels.affine_each(members, weight, bias))
