"""Networks that predict the noise in an action: Diffusion-QL's Mish MLP and IDQL's layer-norm ResNet.

Both see the noisy action, the state and the step. In a chain of N calls the state does not change
and the steps are known, so that `chain` computes their share of the first layer once.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from algos.diffusion.samplers import NoisePredictor
from algos.seed_parallel.networks import ACTIVATIONS, MLP, linear
from algos.seed_parallel.parameters import ParameterGroup, initialise
from algos.seed_parallel.random_streams import RandomInput, SeedStreams

Parameters = Mapping[str, Tensor]


@dataclass(frozen=True)
class NoiseNetworkSpec:
    """What every noise network is built for.

    Attributes:
        observation_dim: d.
        action_dim: a.
        diffusion_steps: N, so that training can look steps up in a table.
        device: where it computes.
    """

    observation_dim: int
    action_dim: int
    diffusion_steps: int
    device: torch.device | str = "cpu"


class NoiseNetwork(abc.ABC):
    """e(a_t, t, s): an architecture; its parameters are in a `ParameterGroup`.

    Attributes:
        FIRST_LAYER: name of the layer that takes the inputs.
        INPUT_ORDER: of the inputs along its rows.
        time_size: width of the time embedding.

    Args:
        spec: what it is built for.
    """

    FIRST_LAYER: ClassVar[str]
    INPUT_ORDER: ClassVar[tuple[str, str, str]]
    time_size: int

    def __init__(self, spec: NoiseNetworkSpec) -> None:
        self.observation_dim = spec.observation_dim
        self.action_dim = spec.action_dim
        self.device = torch.device(spec.device)
        widths = {"action": self.action_dim, "time": self.time_size, "state": self.observation_dim}
        self.input_rows: dict[str, slice] = {}
        self.input_width = 0
        for name in self.INPUT_ORDER:
            self.input_rows[name] = slice(self.input_width, self.input_width + widths[name])
            self.input_width += widths[name]
        self._tables: dict[tuple[float, ...], Tensor] = {}
        self.step_table = self.time_table(range(spec.diffusion_steps))

    def time_table(self, times: Sequence[float]) -> Tensor:
        """What the time layers start from for each of `times`, ``[T, f]``, computed once and kept.

        A method asks for its sampler's times when it is built: a captured program cannot.
        """
        times = tuple(float(time) for time in times)
        if times not in self._tables:
            self._tables[times] = self._time_inputs(torch.tensor(times, device=self.device))
        return self._tables[times]

    @abc.abstractmethod
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the parameters."""

    @abc.abstractmethod
    def initialise(self, group: ParameterGroup, streams: SeedStreams) -> None:
        """Fill `group` seed by seed, as the released code starts."""

    @abc.abstractmethod
    def _time_inputs(self, times: Tensor) -> Tensor:
        """Fixed features ``[T, f]`` of times ``[T]``."""

    @abc.abstractmethod
    def _time_embedding(self, parameters: Parameters, inputs: Tensor) -> Tensor:
        """Learnt embedding ``[K, T, w]`` of fixed features ``[K, T, f]``."""

    @abc.abstractmethod
    def _after_first(self, parameters: Parameters, hidden: Tensor, draw: Parameters | None) -> Tensor:
        """From the first layer's sums ``[K, B, h]`` to the predicted noise ``[K, B, a]``."""

    def random_inputs(self, batch_size: int, suffix: str = "") -> list[RandomInput]:
        """Randomness of one training pass; none without dropout."""
        return []

    def new_group(self, streams: SeedStreams) -> ParameterGroup:
        """Initialised parameters for the seeds of `streams`."""
        group = ParameterGroup(self.shapes(), len(streams), self.device)
        self.initialise(group, streams)
        return group

    def __call__(
        self,
        parameters: Parameters,
        noisy: Tensor,
        steps: Tensor,
        observations: Tensor,
        draw: Parameters | None = None,
    ) -> Tensor:
        """Predicted noise ``[K, B, a]``.

        Args:
            parameters: of a group of this network.
            noisy: a_t, ``[K, B, a]``.
            steps: 0 to N - 1, int64 ``[K, B]``.
            observations: ``[K, B, d]``.
            draw: what `random_inputs` asked for, without the suffix; None for no dropout.
        """
        time = self._time_embedding(parameters, self.step_table[steps])
        parts = {"action": noisy, "time": time, "state": observations}
        inputs = torch.cat([parts[part] for part in self.INPUT_ORDER], dim=-1)
        first = self.FIRST_LAYER
        hidden = linear(inputs, parameters[f"{first}.weight"], parameters[f"{first}.bias"])
        return self._after_first(parameters, hidden, draw)

    def chain(
        self, parameters: Parameters, observations: Tensor, times: Sequence[float], candidates: int = 1
    ) -> NoisePredictor:
        """A predictor for one sampler's chain.

        Args:
            parameters: of a group of this network.
            observations: ``[K, E, d]``.
            times: of the sampler.
            candidates: C; the predictor takes noisy actions ``[K, E * C, a]``, those of a state together.
        """
        weight, bias = parameters[f"{self.FIRST_LAYER}.weight"], parameters[f"{self.FIRST_LAYER}.bias"]
        action_weight, time_weight, state_weight = (
            weight[:, self.input_rows[part]] for part in ("action", "time", "state")
        )
        table = self.time_table(times)
        time = self._time_embedding(parameters, table.expand(weight.shape[0], *table.shape))
        time_part = torch.bmm(time, time_weight)
        state_part = torch.baddbmm(bias.unsqueeze(1), observations, state_weight)

        def predict(noisy: Tensor, call: int) -> Tensor:
            condition = state_part + time_part[:, call : call + 1]
            if candidates == 1:
                hidden = torch.baddbmm(condition, noisy, action_weight)
            else:
                num_seeds, num_states, width = condition.shape
                hidden = torch.bmm(noisy, action_weight).view(num_seeds, num_states, candidates, width)
                hidden = (hidden + condition.unsqueeze(2)).view(num_seeds, num_states * candidates, width)
            return self._after_first(parameters, hidden, None)

        return predict


# --- Diffusion-QL, EDP ---


def sinusoid(times: Tensor, size: int, form: str = "diffusion_ql") -> Tensor:
    """Sinusoidal features ``[T, size]`` of times ``[T]``.

    Args:
        times: of the calls, ``[T]``.
        size: width of the features, even.
        form: ``diffusion_ql``: sine first, frequencies 10000^(-j / (size/2 - 1)) (helpers.py:13-22);
            ``edp``: cosine first, 10000^(-j / (size/2)) (nets.py, `sinusoidal_embedding`).
    """
    half = size // 2
    divisor = half - 1 if form == "diffusion_ql" else half
    exponents = torch.arange(half, device=times.device) / divisor
    angles = times.unsqueeze(1) * torch.exp(-math.log(10000.0) * exponents)
    parts = [angles.sin(), angles.cos()] if form == "diffusion_ql" else [angles.cos(), angles.sin()]
    return torch.cat(parts, dim=1)


@dataclass(frozen=True)
class Sinusoid:
    """A sinusoidal time embedding: its width (16 in the papers, 4 in the bandit), the form of `sinusoid`."""

    size: int = 16
    form: str = "diffusion_ql"


class NoiseMLP(NoiseNetwork):
    """[a_t, time, s] through hidden Mish layers; time: sinusoid, Linear 2w, Mish, Linear w.

    Diffusion-QL agents/model.py:16-48, EDP nets.py (`PolicyNet`).

    Args:
        spec: what it is built for.
        hidden_sizes: widths of the hidden layers.
        time: of the time embedding.
        initialiser: name in `algos.seed_parallel.parameters.INITIALISERS`.
    """

    FIRST_LAYER = "layer0"
    INPUT_ORDER = ("action", "time", "state")

    def __init__(
        self,
        spec: NoiseNetworkSpec,
        hidden_sizes: Sequence[int] = (256, 256, 256),
        time: Sinusoid = Sinusoid(),
        initialiser: str = "torch_default",
    ) -> None:
        self.time_size = time.size
        self.sinusoid_form = time.form
        self.initialiser = initialiser
        self.time_layers = MLP((time.size, 2 * time.size, time.size), "mish", prefix="time.")
        super().__init__(spec)
        self.layers = MLP((self.input_width, *hidden_sizes, spec.action_dim), "mish")

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Those of the time layers, then of the others."""
        return {**self.time_layers.shapes(), **self.layers.shapes()}

    def initialise(self, group: ParameterGroup, streams: SeedStreams) -> None:
        """Every layer by one initialiser."""
        initialise(group, streams, self.initialiser)

    def _time_inputs(self, times: Tensor) -> Tensor:
        return sinusoid(times, self.time_size, self.sinusoid_form)

    def _time_embedding(self, parameters: Parameters, inputs: Tensor) -> Tensor:
        return self.time_layers(parameters, inputs)

    def _after_first(self, parameters: Parameters, hidden: Tensor, draw: Parameters | None) -> Tensor:
        return self.layers.after_first(parameters, hidden)


# --- IDQL ---


def layer_norm(inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Layer norm over the last axis with each seed's own scale: ``[K, B, w]`` with ``[K, w]``.

    The epsilon is flax's, 1e-6.
    """
    normalised = F.layer_norm(inputs, inputs.shape[-1:], eps=1e-6)
    return normalised * weight.unsqueeze(1) + bias.unsqueeze(1)


@dataclass(frozen=True)
class ResidualBlocks:
    """IDQL's residual blocks.

    Attributes:
        width: of the residual stream; 4 times as much inside a block.
        number: of blocks.
        dropout: probability of a zero before each block's layer norm; None for no dropout.
        layer_norm: whether the blocks normalise.
        activation: name in `algos.seed_parallel.networks.ACTIVATIONS`.
    """

    width: int = 256
    number: int = 3
    dropout: float | None = 0.1
    layer_norm: bool = True
    activation: str = "swish"


@dataclass(frozen=True)
class FourierTime:
    """IDQL's time embedding.

    Attributes:
        features: cosines and sines together, 128 (paper's commit: 64).
        hidden_sizes: widths of the time MLP, its output the last.
    """

    features: int = 128
    hidden_sizes: Sequence[int] = (256, 256)


class NoiseResNet(NoiseNetwork):
    """[a_t, s, time] to the width, blocks x + W2 act(W1 LN(dropout(x))), act, linear.

    Time: learnable Fourier features, cos and sin of 2 pi t w with w ~ N(0, 0.2^2), then a MLP (IDQL
    networks/diffusion.py:31-66, resnet.py:8-48).

    Args:
        spec: what it is built for.
        blocks: the residual blocks.
        time: the time embedding.
    """

    FIRST_LAYER = "first"
    INPUT_ORDER = ("action", "state", "time")

    def __init__(
        self,
        spec: NoiseNetworkSpec,
        blocks: ResidualBlocks = ResidualBlocks(),
        time: FourierTime = FourierTime(),
    ) -> None:
        self.width = blocks.width
        self.num_blocks = blocks.number
        self.dropout = blocks.dropout or 0.0
        self.layer_norm = blocks.layer_norm
        self.time_features = time.features
        self.activation = ACTIVATIONS[blocks.activation]
        self.time_layers = MLP((time.features, *time.hidden_sizes), blocks.activation, prefix="time.")
        self.time_size = time.hidden_sizes[-1]
        super().__init__(spec)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Those of the time embedding, the first layer, the blocks and the last layer."""
        shapes: dict[str, tuple[int, ...]] = {"time.frequencies": (self.time_features // 2,)}
        shapes.update(self.time_layers.shapes())
        shapes["first.weight"] = (self.input_width, self.width)
        shapes["first.bias"] = (self.width,)
        for block in range(self.num_blocks):
            if self.layer_norm:
                shapes[f"block{block}.norm.scale"] = (self.width,)
                shapes[f"block{block}.norm.shift"] = (self.width,)
            shapes[f"block{block}.expand.weight"] = (self.width, 4 * self.width)
            shapes[f"block{block}.expand.bias"] = (4 * self.width,)
            shapes[f"block{block}.contract.weight"] = (4 * self.width, self.width)
            shapes[f"block{block}.contract.bias"] = (self.width,)
        shapes["last.weight"] = (self.width, self.action_dim)
        shapes["last.bias"] = (self.action_dim,)
        return shapes

    @torch.no_grad()
    def initialise(self, group: ParameterGroup, streams: SeedStreams) -> None:
        """Xavier-uniform, but flax's own initialiser inside the blocks, as released."""
        blocks = [f"block{i}.{part}" for i in range(self.num_blocks) for part in ("expand", "contract")]
        initialise(group, streams, "xavier_uniform", [*self.time_layers.names, "first", "last"])
        initialise(group, streams, "lecun_normal", blocks)
        frequencies = group.frozen["time.frequencies"]
        frequencies.copy_(0.2 * streams.normal(*frequencies.shape[1:]))
        for name, view in group.frozen.items():
            if name.endswith("norm.scale"):
                view.fill_(1.0)

    def random_inputs(self, batch_size: int, suffix: str = "") -> list[RandomInput]:
        """Dropout masks of one training pass, one per block."""
        if not self.dropout:
            return []
        return [
            RandomInput(
                f"dropout{i}{suffix}", "bernoulli", (batch_size, self.width), probability=1.0 - self.dropout
            )
            for i in range(self.num_blocks)
        ]

    def _time_inputs(self, times: Tensor) -> Tensor:
        return 2.0 * math.pi * times.unsqueeze(1)

    def _time_embedding(self, parameters: Parameters, inputs: Tensor) -> Tensor:
        angles = inputs * parameters["time.frequencies"].unsqueeze(1)
        features = torch.cat([angles.cos(), angles.sin()], dim=-1)
        return self.time_layers(parameters, features)

    def _after_first(self, parameters: Parameters, hidden: Tensor, draw: Parameters | None) -> Tensor:
        for i in range(self.num_blocks):
            inner = hidden
            if self.dropout and draw is not None:
                inner = inner * draw[f"dropout{i}"] / (1.0 - self.dropout)
            block = f"block{i}"
            if self.layer_norm:
                inner = layer_norm(
                    inner, parameters[f"{block}.norm.scale"], parameters[f"{block}.norm.shift"]
                )
            inner = linear(inner, parameters[f"{block}.expand.weight"], parameters[f"{block}.expand.bias"])
            inner = self.activation(inner)
            hidden = hidden + linear(
                inner, parameters[f"{block}.contract.weight"], parameters[f"{block}.contract.bias"]
            )
        return linear(self.activation(hidden), parameters["last.weight"], parameters["last.bias"])
