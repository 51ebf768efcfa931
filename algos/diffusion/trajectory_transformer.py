"""A diffusion transformer over the steps of a window, as CleanDiffuser's Decision Diffuser has it.

Blocks with adaptive layer norm whose modulation starts at zero (Peebles & Xie 2023; CleanDiffuser
nn_diffusion/dit.py: "released" below). Time and return are summed to one embedding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from recheck.errors import MethodError
from torch import Tensor

from algos.diffusion.noise_networks import sinusoid
from algos.diffusion.trajectory_networks import Parameters, TrajectoryNetwork
from algos.seed_parallel.kernels import affine, gelu, mish
from algos.seed_parallel.parameters import ParameterGroup, initialise
from algos.seed_parallel.random_streams import SeedStreams

NORM_EPSILON = 1e-6
FREQUENCY_SCALE = 16.0


@dataclass(frozen=True)
class TransformerSize:
    """Of the transformer.

    Attributes:
        width: of the residual stream, 320.
        heads: of the attention, 10.
        blocks: 2.
        embedding_size: of time and return, 128.
        positions: of the steps: ``sinusoidal``, or ``released``, whose frequencies are rounded down to whole
            numbers (of which the first is 1 and all others are 0).
    """

    width: int
    heads: int
    blocks: int
    embedding_size: int
    positions: str


class TrajectoryTransformer(TrajectoryNetwork):
    """The transformer's architecture; its random frequencies of time are not parameters and are not trained.

    Args:
        observation_dim: d.
        horizon: H, steps of a window.
        size: widths and depths.

    Raises:
        MethodError: the width is not a multiple of the heads, or the embedding is too small.
    """

    def __init__(self, observation_dim: int, horizon: int, size: TransformerSize) -> None:
        if size.width % (2 * size.heads):
            raise MethodError(
                f"hyperparameter network_width is {size.width}; with {size.heads} attention_heads allowed "
                f"are multiples of {2 * size.heads}"
            )
        if size.embedding_size % 8:
            raise MethodError(
                f"hyperparameter embedding_size is {size.embedding_size}; allowed are multiples of 8"
            )
        self.observation_dim = observation_dim
        self.horizon = horizon
        self.size = size

    # --- Parameters ---

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the parameters, weights as ``[in, out]``."""
        width, embedding = self.size.width, self.size.embedding_size
        layers = {
            "return.layer0": (1, embedding),
            "return.layer1": (embedding, embedding),
            "time.layer0": (embedding // 4, embedding),
            "time.layer1": (embedding, embedding),
            "input": (self.observation_dim, width),
            "embedding.layer0": (embedding, width),
            "embedding.layer1": (width, width),
        }
        for i in range(self.size.blocks):
            layers |= {
                f"block{i}.modulation": (width, 6 * width),
                f"block{i}.attention.input": (width, 3 * width),
                f"block{i}.attention.output": (width, width),
                f"block{i}.layer0": (width, 4 * width),
                f"block{i}.layer1": (4 * width, width),
            }
        layers |= {"last.modulation": (width, 2 * width), "last": (width, self.observation_dim)}
        shapes: dict[str, tuple[int, ...]] = {}
        for name, (inputs, outputs) in layers.items():
            shapes |= {f"{name}.weight": (inputs, outputs), f"{name}.bias": (outputs,)}
        return shapes

    def fixed_shapes(self) -> dict[str, tuple[int, ...]]:
        """The frequencies of the time embedding."""
        return {"time.frequencies": (self.size.embedding_size // 8,)}

    def initialise(self, group: ParameterGroup, streams: SeedStreams) -> None:
        """As released: Xavier, the return's MLP as torch's layers start, zeros at the ends (38-64)."""
        layers = [name.removesuffix(".weight") for name in group.shapes if name.endswith(".weight")]
        of_return = [name for name in layers if name.startswith("return.")]
        initialise(group, streams, "torch_default", of_return)
        initialise(group, streams, "xavier_uniform", [name for name in layers if name not in of_return])
        for name, view in group.frozen.items():
            if name.startswith("last.") or "modulation" in name:
                view.zero_()
            elif name.startswith("embedding.") and name.endswith(".weight"):
                for row, generator in zip(view, streams.generators):
                    row.copy_(0.02 * torch.empty(row.shape).normal_(generator=generator))

    def initialise_fixed(self, group: ParameterGroup, streams: SeedStreams) -> None:
        """Normal frequencies with standard deviation 16 (cleandiffuser/utils/utils.py:304-316)."""
        for row, generator in zip(group.frozen["time.frequencies"], streams.generators):
            row.copy_(FREQUENCY_SCALE * torch.empty(row.shape).normal_(generator=generator))

    # --- Program ---

    def one(self, parameters: Parameters, windows: Tensor, times: Tensor, returns: Tensor) -> Tensor:
        """One seed's predicted noise; see `TrajectoryNetwork.one`."""
        p = parameters
        angles = 2.0 * math.pi * times.unsqueeze(1) * p["time.frequencies"]
        time = torch.cat([angles.cos(), angles.sin()], dim=-1)
        time = _linear(p, "time.layer1", mish(_linear(p, "time.layer0", time)))
        condition = _linear(p, "return.layer1", F.silu(_linear(p, "return.layer0", returns[:, :1])))
        embedding = time + returns[:, 1:] * condition
        embedding = mish(_linear(p, "embedding.layer0", embedding))
        embedding = mish(_linear(p, "embedding.layer1", embedding))
        modulation = F.silu(embedding).unsqueeze(1)
        x = _linear(p, "input", windows) + self._positions(windows)
        for i in range(self.size.blocks):
            x = self._block(p, f"block{i}", x, modulation)
        shift, scale = _linear(p, "last.modulation", modulation).chunk(2, dim=-1)
        return _linear(p, "last", _normed(x, shift, scale))

    def _positions(self, like: Tensor) -> Tensor:
        """Sines and cosines of the steps, ``[H, w]`` (released `SinusoidalEmbedding` of integers)."""
        steps = torch.arange(self.horizon, device=like.device)
        if self.size.positions == "sinusoidal":
            return sinusoid(steps, self.size.width).to(like.dtype)
        angles = torch.zeros(self.horizon, self.size.width // 2, device=like.device, dtype=like.dtype)
        angles[:, 0] = steps
        return torch.cat([angles.sin(), angles.cos()], dim=1)

    def _block(self, parameters: Parameters, name: str, x: Tensor, modulation: Tensor) -> Tensor:
        """Attention and MLP, each modulated and gated (released 14-34).

        The attention's residual is the modulated norm, not the stream, as released (line 31).
        """
        parts = _linear(parameters, f"{name}.modulation", modulation).chunk(6, dim=-1)
        shift, scale, gate, mlp_shift, mlp_scale, mlp_gate = parts
        x = _normed(x, shift, scale)
        x = x + gate * self._attention(parameters, f"{name}.attention", x)
        hidden = _linear(parameters, f"{name}.layer0", _normed(x, mlp_shift, mlp_scale))
        return x + mlp_gate * _linear(parameters, f"{name}.layer1", gelu(hidden))

    def _attention(self, parameters: Parameters, name: str, x: Tensor) -> Tensor:
        batch, steps, width = x.shape
        heads = self.size.heads
        joined = _linear(parameters, f"{name}.input", x).view(batch, steps, 3, heads, width // heads)
        query, key, value = joined.permute(2, 0, 3, 1, 4)
        weights = torch.softmax(query @ key.transpose(2, 3) / math.sqrt(width // heads), dim=-1)
        mixed = (weights @ value).transpose(1, 2).reshape(batch, steps, width)
        return _linear(parameters, f"{name}.output", mixed)


def _linear(parameters: Parameters, name: str, x: Tensor) -> Tensor:
    return affine(x, parameters[f"{name}.weight"], parameters[f"{name}.bias"])


def _normed(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], eps=NORM_EPSILON) * (1.0 + scale) + shift
