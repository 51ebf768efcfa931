"""Parameters of K networks at once: initialisation, groups, moving averages."""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import torch
from recheck.errors import MethodError
from torch import Tensor

from algos.seed_parallel import kernels
from algos.seed_parallel.random_streams import SeedStreams

# Parameters start at multiples of this many floats, a cache line, and so does every seed's row:
# vectorised kernels then treat each seed alike, whatever comes before it.
ALIGNMENT = 16
Initialiser = Callable[[Tensor, Tensor, torch.Generator], None]


def init_orthogonal(weight: Tensor, bias: Tensor, generator: torch.Generator) -> None:
    """Orthogonal weights with gain sqrt 2, zero biases (implicit_q_learning common.py:16-17)."""
    torch.nn.init.orthogonal_(weight, gain=math.sqrt(2.0), generator=generator)
    bias.zero_()


def init_torch_default(weight: Tensor, bias: Tensor, generator: torch.Generator) -> None:
    """What `torch.nn.Linear` does: weight and bias uniform in +-1/sqrt(fan_in)."""
    bound = 1.0 / math.sqrt(weight.shape[0])
    weight.uniform_(-bound, bound, generator=generator)
    bias.uniform_(-bound, bound, generator=generator)


def init_xavier_uniform(weight: Tensor, bias: Tensor, generator: torch.Generator) -> None:
    """Xavier-uniform weights, zero biases (IDQL's networks)."""
    bound = math.sqrt(6.0 / (weight.shape[0] + weight.shape[1]))
    weight.uniform_(-bound, bound, generator=generator)
    bias.zero_()


def init_lecun_normal(weight: Tensor, bias: Tensor, generator: torch.Generator) -> None:
    """What flax's `Dense` does: normal cut at two deviations, of variance 1/fan_in then; zero biases."""
    deviation = math.sqrt(1.0 / weight.shape[0]) / 0.87962566103423978  # of a unit normal cut at +-2
    torch.nn.init.trunc_normal_(weight, std=deviation, a=-2 * deviation, b=2 * deviation, generator=generator)
    bias.zero_()


def init_fan_in_bias(weight: Tensor, bias: Tensor, generator: torch.Generator) -> None:
    """Weights uniform in +-1/sqrt(fan_in), biases 0.1 (EDAC; CORL rebrac.py:66-77, 111-116)."""
    bound = 1.0 / math.sqrt(weight.shape[0])
    weight.uniform_(-bound, bound, generator=generator)
    bias.fill_(0.1)


def _init_uniform(bound: float, weight: Tensor, bias: Tensor, generator: torch.Generator) -> None:
    """Weights and biases uniform in +-bound (the last layers of ReBRAC, CORL rebrac.py:80-86)."""
    weight.uniform_(-bound, bound, generator=generator)
    bias.uniform_(-bound, bound, generator=generator)


def init_small_uniform(weight: Tensor, bias: Tensor, generator: torch.Generator) -> None:
    """Weights uniform in +-0.01, zero biases (AWR's actor, last layer: rl_agent.py:368-378)."""
    weight.uniform_(-0.01, 0.01, generator=generator)
    bias.zero_()


def init_unit_orthogonal(weight: Tensor, bias: Tensor, generator: torch.Generator) -> None:
    """Orthogonal weights with gain 1, zero biases (CleanDiffuser invdynamic/mlp.py:58-62)."""
    torch.nn.init.orthogonal_(weight, generator=generator)
    bias.zero_()


def init_small_orthogonal(weight: Tensor, bias: Tensor, generator: torch.Generator) -> None:
    """Orthogonal weights with gain 0.01, zero biases (last layers, CORL cql.py:243-249)."""
    torch.nn.init.orthogonal_(weight, gain=0.01, generator=generator)
    bias.zero_()


def init_small_xavier(weight: Tensor, bias: Tensor, generator: torch.Generator) -> None:
    """Xavier-uniform weights with gain 0.01, zero biases (last layers, CORL cql.py:245-249)."""
    bound = 0.01 * math.sqrt(6.0 / (weight.shape[0] + weight.shape[1]))
    weight.uniform_(-bound, bound, generator=generator)
    bias.zero_()


def init_small_fan_in(weight: Tensor, bias: Tensor, generator: torch.Generator) -> None:
    """Uniform weights of variance 0.01 / fan_in, zero biases (last layers, JaxCQL model.py:57-65, 87-95)."""
    bound = math.sqrt(3.0 * 0.01 / weight.shape[0])
    weight.uniform_(-bound, bound, generator=generator)
    bias.zero_()


def init_fan_out_bias(weight: Tensor, bias: Tensor, generator: torch.Generator) -> None:
    """Weights uniform in +-1/sqrt(fan_out), biases 0.1 (rlkit pytorch_util.py:17-26, networks.py:27-53)."""
    bound = 1.0 / math.sqrt(weight.shape[1])
    weight.uniform_(-bound, bound, generator=generator)
    bias.fill_(0.1)


INITIALISERS: dict[str, Initialiser] = {
    "fan_out_bias_0.1": init_fan_out_bias,
    "orthogonal_0.01": init_small_orthogonal,
    "orthogonal_1": init_unit_orthogonal,
    "xavier_uniform_0.01": init_small_xavier,
    "fan_in_bias_0.1": init_fan_in_bias,
    "uniform_0.01_bias_0": init_small_uniform,
    "uniform_0.001": functools.partial(_init_uniform, 1e-3),
    "uniform_0.003": functools.partial(_init_uniform, 3e-3),
    "fan_in_uniform_0.01": init_small_fan_in,
    "lecun_normal": init_lecun_normal,
    "orthogonal": init_orthogonal,
    "torch_default": init_torch_default,
    "xavier_uniform": init_xavier_uniform,
}


class ParameterGroup:
    """Named parameters of K seeds (times `copies`) in one flat buffer ``[K * copies, P]``.

    `group["layer0.weight"]` is a leaf view ``[K * copies, *shape]`` that gradients are taken for;
    `group.frozen["layer0.weight"]` is the same memory without gradient, for passes that must
    not train it. The optimiser, the gradient norm and moving averages work on the flat buffer: one
    kernel each, however many parameters there are.

    Args:
        shapes: name to shape without the leading axis, in order.
        num_seeds: K.
        copies: networks per seed, for example 2 for a pair of critics.
    """

    def __init__(
        self,
        shapes: Mapping[str, Sequence[int]],
        num_seeds: int,
        device: torch.device | str = "cpu",
        copies: int = 1,
    ) -> None:
        self.shapes = {name: tuple(shape) for name, shape in shapes.items()}
        self.num_seeds = num_seeds
        self.copies = copies
        self.offsets: dict[str, int] = {}
        size = 0
        for name, shape in self.shapes.items():
            self.offsets[name] = size
            size += -(-math.prod(shape) // ALIGNMENT) * ALIGNMENT
        self.flat = torch.zeros((num_seeds * copies, size), device=device)
        self.gradient = torch.zeros_like(self.flat)
        self.frozen = self._views(self.flat)
        self._gradients = list(self._views(self.gradient).values())
        self.parameters = {name: view.requires_grad_() for name, view in self._views(self.flat).items()}

    def _views(self, flat: Tensor) -> dict[str, Tensor]:
        views = {}
        for name, shape in self.shapes.items():
            start = self.offsets[name]
            views[name] = flat[:, start : start + math.prod(shape)].view(flat.shape[0], *shape)
        return views

    def __getitem__(self, name: str) -> Tensor:
        return self.parameters[name]

    def rows(self, index: Tensor) -> dict[str, Tensor]:
        """A copy, without gradient, of the networks at `index` ``[R]`` along the leading axis, by name."""
        return self._views(self.flat.index_select(0, index))

    def duplicate(self) -> ParameterGroup:
        """A group of the same shapes holding a copy of the values (a target network)."""
        other = ParameterGroup(self.shapes, self.num_seeds, self.flat.device, self.copies)
        other.flat.copy_(self.flat)
        return other

    def backward(self, loss: Tensor, retain_graph: bool = False) -> None:
        """Write d loss / d parameters into `gradient`, replacing what was there.

        Args:
            loss: scalar, summed over seeds.
            retain_graph: keep what is needed for another backward pass through the same loss.

        Raises:
            MethodError: the loss does not depend on the parameters, or not on all of them.
        """
        if not loss.requires_grad:
            raise MethodError(
                "the loss has no gradient: nothing in it was computed from a group's `parameters`. `frozen` "
                "parameters and functions under torch.no_grad, such as what `act` calls, carry none; compute "
                "the loss from `group.parameters`, outside torch.no_grad"
            )
        gradients = torch.autograd.grad(
            loss, list(self.parameters.values()), retain_graph=retain_graph, allow_unused=True
        )
        unused = [name for name, gradient in zip(self.parameters, gradients) if gradient is None]
        if unused:
            raise MethodError(
                f"the loss does not depend on the parameters {', '.join(unused)} of its group (which has "
                f"{', '.join(self.parameters)}): either the loss leaves them out, or it reads them as "
                "`frozen` or under torch.no_grad; parameters that one loss does not train belong to another "
                "group"
            )
        if kernels.for_compiler():
            self.gradient = self._joined(gradients)
            return
        torch._foreach_copy_(self._gradients, [gradient for gradient in gradients if gradient is not None])

    def _joined(self, gradients: Sequence[Tensor]) -> Tensor:
        """Gradients by parameter as a flat one; a compiler writes it in one pass, slices in one each."""
        rows = self.flat.shape[0]
        parts: list[Tensor] = []
        ends = [*list(self.offsets.values())[1:], self.flat.shape[1]]
        for gradient, start, end in zip(gradients, self.offsets.values(), ends):
            part = gradient.reshape(rows, -1)
            parts.append(part)
            if end - start > part.shape[1]:
                parts.append(part.new_zeros(rows, end - start - part.shape[1]))
        return torch.cat(parts, dim=1)

    def buffers(self) -> list[Tensor]:
        """The tensors that training changes."""
        return [self.flat]

    @contextlib.contextmanager
    def replaced(self, buffers: Sequence[Tensor]) -> Iterator[None]:
        """Be the parameters in `buffers`, one tensor of the flat buffer's shape, within the block."""
        kept = dict(self.__dict__)
        (self.flat,) = buffers
        self.frozen = self._views(self.flat)
        self.parameters = {
            name: view.detach().requires_grad_() for name, view in self._views(self.flat).items()
        }
        try:
            yield
        finally:
            self.__dict__.update(kept)

    def clip_gradient(self, max_norm: float) -> Tensor:
        """Scale each seed's gradient to a norm of at most `max_norm`; return the norms before, ``[K]``.

        All copies of a seed count together, as `torch.nn.utils.clip_grad_norm_` over one list of
        both critics' parameters does.
        """
        norm: Tensor = self.gradient.view(self.num_seeds, -1).norm(dim=1)
        scale = (max_norm / (norm + 1e-6)).clamp(max=1.0)
        self.gradient.view(self.num_seeds, -1).mul_(scale[:, None])
        return norm

    @torch.no_grad()
    def move_towards(self, other: ParameterGroup, rate: float) -> None:
        """Exponential moving average: ``self = (1 - rate) * self + rate * other``."""
        self.flat.lerp_(other.flat, rate)

    def state(self) -> dict[str, Tensor]:
        """Copies of the parameters by name, contiguous, on the CPU."""
        return {name: view.detach().cpu().contiguous().clone() for name, view in self.frozen.items()}

    @torch.no_grad()
    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Overwrite the parameters.

        Raises:
            KeyError: a parameter is missing.
            ValueError: a shape disagrees.
        """
        for name, view in self.frozen.items():
            if tensors[name].shape != view.shape:
                raise ValueError(
                    f"parameter {name} has shape {tuple(tensors[name].shape)}, expected {tuple(view.shape)}"
                )
            view.copy_(tensors[name])


def repeat_copies(inputs: Tensor, copies: int) -> Tensor:
    """``[K, ...]`` to ``[K * copies, ...]``: each seed's input for each of its copies, in order."""
    if copies == 1:
        return inputs
    expanded = inputs.unsqueeze(1).expand(-1, copies, *inputs.shape[1:])
    return expanded.reshape(inputs.shape[0] * copies, *inputs.shape[1:])


@torch.no_grad()
def initialise(
    group: ParameterGroup, streams: SeedStreams, initialiser: str, layers: Iterable[str] | None = None
) -> None:
    """Initialise every ``<layer>.weight`` / ``<layer>.bias`` pair of a group, seed by seed.

    Numbers are drawn on the CPU, so that a run starts alike on every device, and a seed's weights
    do not depend on its block.

    Args:
        group: whose parameters are overwritten.
        streams: CPU streams, continued by each call.
        initialiser: name in `INITIALISERS`.
        layers: names of the layers; all pairs of the group when None.
    """
    if layers is None:
        layers = [name.removesuffix(".weight") for name in group.shapes if name.endswith(".weight")]
    fill = INITIALISERS[initialiser]
    for layer in layers:
        weights, biases = group.frozen[f"{layer}.weight"], group.frozen[f"{layer}.bias"]
        for seed_index, generator in enumerate(streams.generators):
            for copy in range(group.copies):
                row = seed_index * group.copies + copy
                weight, bias = torch.empty(weights.shape[1:]), torch.empty(biases.shape[1:])
                fill(weight, bias, generator)
                weights[row].copy_(weight)
                biases[row].copy_(bias)
