"""Multilayer perceptrons of K seeds at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from algos.seed_parallel import kernels
from algos.seed_parallel.kernels import gelu, mish
from algos.seed_parallel.parameters import ParameterGroup


def linear(inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Affine map of every seed's batch: ``[K, B, in] x [K, in, out] + [K, out] -> [K, B, out]``."""
    return kernels.join(kernels.affine_each(kernels.split(inputs), weight, bias))


def layer_norm_each(members: kernels.Members, scale: Tensor, shift: Tensor) -> kernels.Members:
    """Layer norm over the last axis, each member by its scale and shift ``[M, w]``; epsilon 1e-6 as flax."""
    width = (scale.shape[-1],)
    if members[0].dim() == 2:
        rows = zip(members, scale.unbind(0), shift.unbind(0))
        return tuple(F.layer_norm(x, width, s, b, eps=1e-6) for x, s, b in rows)
    (stacked,) = members
    return (F.layer_norm(stacked, width, eps=1e-6) * scale.unsqueeze(1) + shift.unsqueeze(1),)


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "mish": mish,
    "swish": F.silu,
    "tanh": torch.tanh,
    "gelu": gelu,
}


class MLP:
    """A multilayer perceptron's architecture; its parameters live in a `ParameterGroup`.

    Args:
        sizes: widths from input to output, for example ``(11, 256, 256, 1)``.
        activation: name in `ACTIVATIONS`, after every layer but the last.
        prefix: of the parameters' names, for groups that hold more than one network.
        layer_norm: whether each hidden layer is normalised after its activation (ReBRAC, FQL).
    """

    def __init__(
        self, sizes: Sequence[int], activation: str, prefix: str = "", layer_norm: bool = False
    ) -> None:
        self.sizes = tuple(sizes)
        self.layer_norm = layer_norm
        self.activation = ACTIVATIONS[activation]
        self.prefix = prefix
        self.names = [f"{prefix}layer{i}" for i in range(len(sizes) - 1)]

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the parameters, for `ParameterGroup`."""
        shapes: dict[str, tuple[int, ...]] = {}
        for name, fan_in, fan_out in zip(self.names, self.sizes[:-1], self.sizes[1:]):
            shapes[f"{name}.weight"] = (fan_in, fan_out)
            shapes[f"{name}.bias"] = (fan_out,)
            if self.layer_norm and name != self.names[-1]:
                shapes[f"{name}.norm.scale"] = (fan_out,)
                shapes[f"{name}.norm.shift"] = (fan_out,)
        return shapes

    def start_norms(self, group: ParameterGroup) -> None:
        """Set the layer norms of a group to scale 1 and shift 0."""
        for name, view in group.frozen.items():
            if name.startswith(self.prefix) and name.endswith(".norm.scale"):
                view.fill_(1.0)

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
            hidden = kernels.affine_each(members, weight, bias, relu=True)
        else:
            hidden = tuple(self.activation(x) for x in kernels.affine_each(members, weight, bias))
        if not self.layer_norm:
            return hidden
        return layer_norm_each(hidden, parameters[f"{name}.norm.scale"], parameters[f"{name}.norm.shift"])

    def _last(self, members: kernels.Members, parameters: Mapping[str, Tensor]) -> Tensor:
        name = self.names[-1]
        weight, bias = parameters[f"{name}.weight"], parameters[f"{name}.bias"]
        return kernels.join(kernels.affine_each(members, weight, bias))
