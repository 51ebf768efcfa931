"""Diffuser's temporal U-Net with the return as a second embedding, as Decision Diffuser released it.

Convolutions run along the window's steps, the state's entries are channels (decision-diffuser
diffuser/models/temporal.py:96-246, helpers.py: "released" below).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from recheck.errors import MethodError
from torch import Tensor

from algos.diffusion.noise_networks import sinusoid
from algos.diffusion.trajectory_networks import Parameters, TrajectoryNetwork
from algos.seed_parallel.kernels import mish
from algos.seed_parallel.networks import MLP
from algos.seed_parallel.parameters import ParameterGroup, initialise
from algos.seed_parallel.random_streams import SeedStreams

KERNEL_SIZE = 5
NORM_GROUPS = 8


class TemporalUNet(TrajectoryNetwork):
    """The U-Net's architecture.

    Args:
        observation_dim: d.
        horizon: H, steps of a window; each level but the last halves them.
        width: channels of the first level, and width of the embeddings of time and return.
        multipliers: channels of each level, in units of `width`.

    Raises:
        MethodError: the horizon or the width does not divide as the levels need it.
    """

    def __init__(self, observation_dim: int, horizon: int, width: int, multipliers: Sequence[int]) -> None:
        halvings = 2 ** (len(multipliers) - 1)
        if horizon % halvings:
            raise MethodError(
                f"hyperparameter horizon is {horizon}; with {len(multipliers)} levels (channel_multipliers) "
                f"allowed are multiples of {halvings}"
            )
        if width % NORM_GROUPS:
            raise MethodError(
                f"hyperparameter network_width is {width}; allowed are multiples of {NORM_GROUPS}"
            )
        self.width = width
        self.channels = [observation_dim, *(width * m for m in multipliers)]
        self.time = MLP((width, 4 * width, width), "mish", "time.")
        self.returns = MLP((1, width, 4 * width, width), "mish", "return.")
        self.levels = list(zip(self.channels[:-1], self.channels[1:]))

    # --- Parameters ---

    def _blocks(self) -> list[tuple[str, int, int]]:
        """Residual blocks in the order of the program: name, channels in and out."""
        blocks = []
        for i, (before, after) in enumerate(self.levels):
            blocks += [(f"down{i}.block0", before, after), (f"down{i}.block1", after, after)]
        deepest = self.channels[-1]
        blocks += [("middle.block0", deepest, deepest), ("middle.block1", deepest, deepest)]
        for i, (before, after) in enumerate(reversed(self.levels[1:])):
            blocks += [(f"up{i}.block0", 2 * after, before), (f"up{i}.block1", before, before)]
        return blocks

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the parameters; kernels as torch's convolutions have them."""
        shapes = {**self.time.shapes(), **self.returns.shapes()}
        for name, before, after in self._blocks():
            shapes |= _convolution(f"{name}.conv0", after, before, KERNEL_SIZE, normed=True)
            shapes |= _convolution(f"{name}.conv1", after, after, KERNEL_SIZE, normed=True)
            shapes[f"{name}.embedding.weight"] = (2 * self.width, after)
            shapes[f"{name}.embedding.bias"] = (after,)
            if before != after:
                shapes |= _convolution(f"{name}.skip", after, before, 1)
        for i, (_, after) in enumerate(self.levels[:-1]):
            shapes |= _convolution(f"down{i}.halve", after, after, 3)
        for i, (before, _) in enumerate(reversed(self.levels[1:])):
            shapes |= _convolution(f"up{i}.double", before, before, 4)
        shapes |= _convolution("last.conv", self.width, self.width, KERNEL_SIZE, normed=True)
        return shapes | _convolution("last.out", self.channels[0], self.width, 1)

    def initialise(self, group: ParameterGroup, streams: SeedStreams) -> None:
        """As torch's layers start: uniform in +-1/sqrt(fan_in); norms with scale 1 and shift 0."""
        initialise(group, streams, "torch_default")
        for name, view in group.frozen.items():
            if name.endswith(".scale"):
                view.fill_(1.0)
            elif name.endswith(".kernel"):
                # A transposed convolution counts its outputs; here there are as many as inputs.
                bound = 1.0 / math.sqrt(math.prod(view.shape[2:]))
                shifts = group.frozen[f"{name.removesuffix('.kernel')}.offset"]
                for row, generator in enumerate(streams.generators):
                    for target in (view[row], shifts[row]):
                        target.copy_(torch.empty(target.shape).uniform_(-bound, bound, generator=generator))

    # --- Program ---

    def one(self, parameters: Parameters, windows: Tensor, times: Tensor, returns: Tensor) -> Tensor:
        """One seed's predicted noise; see `TrajectoryNetwork.one`."""
        p = parameters
        time = self._mlp(p, self.time, sinusoid(times, self.width))
        condition = returns[:, 1:] * self._mlp(p, self.returns, returns[:, :1])
        embedding = mish(torch.cat([time, condition], dim=-1))
        x = windows.transpose(1, 2)
        kept: list[Tensor] = []
        for i in range(len(self.levels)):
            x = self._pair(p, f"down{i}", x, embedding)
            kept.append(x)
            if i < len(self.levels) - 1:
                x = F.conv1d(x, *_pair_of(p, f"down{i}.halve"), stride=2, padding=1)
        x = self._pair(p, "middle", x, embedding)
        for i in range(len(self.levels) - 1):
            x = self._pair(p, f"up{i}", torch.cat([x, kept.pop()], dim=1), embedding)
            x = F.conv_transpose1d(x, *_pair_of(p, f"up{i}.double"), stride=2, padding=1)
        x = F.conv1d(_normed(p, "last.conv", x), *_pair_of(p, "last.out"))
        return x.transpose(1, 2)

    @staticmethod
    def _mlp(parameters: Parameters, network: MLP, inputs: Tensor) -> Tensor:
        x = inputs
        for i, name in enumerate(network.names):
            x = F.linear(x, parameters[f"{name}.weight"].t(), parameters[f"{name}.bias"])
            x = mish(x) if i < len(network.names) - 1 else x
        return x

    @staticmethod
    def _pair(parameters: Parameters, name: str, x: Tensor, embedding: Tensor) -> Tensor:
        """Both residual blocks of a level (released 55-94)."""
        for block in (f"{name}.block0", f"{name}.block1"):
            added = F.linear(
                embedding, parameters[f"{block}.embedding.weight"].t(), parameters[f"{block}.embedding.bias"]
            )
            inner = _normed(parameters, f"{block}.conv0", x) + added.unsqueeze(-1)
            inner = _normed(parameters, f"{block}.conv1", inner)
            skip = f"{block}.skip.kernel" in parameters
            x = inner + (F.conv1d(x, *_pair_of(parameters, f"{block}.skip")) if skip else x)
        return x


def _convolution(
    name: str, outputs: int, inputs: int, size: int, normed: bool = False
) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {
        f"{name}.kernel": (outputs, inputs, size),
        f"{name}.offset": (outputs,),
    }
    if normed:
        shapes |= {f"{name}.norm.scale": (outputs,), f"{name}.norm.shift": (outputs,)}
    return shapes


def _pair_of(parameters: Parameters, name: str) -> tuple[Tensor, Tensor]:
    return parameters[f"{name}.kernel"], parameters[f"{name}.offset"]


def _normed(parameters: Parameters, name: str, x: Tensor) -> Tensor:
    """Convolution, group norm, Mish (released helpers.py:42-63)."""
    x = F.conv1d(x, *_pair_of(parameters, name), padding=KERNEL_SIZE // 2)
    scale, shift = parameters[f"{name}.norm.scale"], parameters[f"{name}.norm.shift"]
    return mish(F.group_norm(x, NORM_GROUPS, scale, shift))
