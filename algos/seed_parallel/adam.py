"""Adam for K networks at once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from algos.seed_parallel import kernels
from algos.seed_parallel.parameters import ParameterGroup


class Adam:
    """Adam or AdamW over a group's flat buffer, fused, with the rate as a tensor.

    Elementwise, so stacked seeds are stepped as each would be alone. The rate is read from a tensor
    at every step, which lets a captured program follow a schedule.

    Args:
        weight_decay: decoupled (AdamW) when above 0, as optax's `adamw` does it.
    """

    def __init__(
        self,
        group: ParameterGroup,
        learning_rate: float,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        self.group = group
        self.eps = eps
        self.weight_decay = weight_decay
        device = group.flat.device
        self.learning_rate = torch.tensor(learning_rate, dtype=torch.float32, device=device)
        self.mean = torch.zeros_like(group.flat)
        self.square = torch.zeros_like(group.flat)
        self.count = torch.zeros((), dtype=torch.float32, device=device)

    @torch.no_grad()
    def step(self, learning_rate: Tensor | None = None) -> None:
        """One step along `group.gradient`; `learning_rate` (0-dimensional) replaces the kept one."""
        if kernels.for_compiler():
            self._step_by_elements(self.learning_rate if learning_rate is None else learning_rate)
            return
        if learning_rate is not None:
            self.learning_rate.copy_(learning_rate)
        self.count.add_(1.0)
        # The kernel of torch.optim.Adam(fused=True), without what the optimiser does around it for its lists.
        kernel = torch._fused_adamw_ if self.weight_decay > 0 else torch._fused_adam_
        kernel(
            [self.group.flat],
            [self.group.gradient],
            [self.mean],
            [self.square],
            [],
            [self.count],
            lr=self.learning_rate,
            beta1=0.9,
            beta2=0.999,
            weight_decay=self.weight_decay,
            eps=self.eps,
            amsgrad=False,
            maximize=False,
        )

    def _step_by_elements(self, rate: Tensor) -> None:
        """The same step in operations that a compiler joins in one loop (Kingma and Ba 2015, algorithm 1)."""
        gradient, flat = self.group.gradient, self.group.flat
        self.count.add_(1.0)
        self.mean.copy_(torch.lerp(self.mean, gradient, 0.1))
        self.square.copy_(0.999 * self.square + 0.001 * gradient.square())
        step_size = rate / (1.0 - 0.9**self.count)
        deviation = self.square.sqrt() / (1.0 - 0.999**self.count).sqrt() + self.eps
        decayed = flat * (1.0 - rate * self.weight_decay) if self.weight_decay > 0 else flat
        flat.copy_(decayed - step_size * self.mean / deviation)

    def buffers(self) -> list[Tensor]:
        """The tensors that a step changes, besides the group's."""
        return [self.mean, self.square, self.count]

    @contextlib.contextmanager
    def replaced(self, buffers: Sequence[Tensor]) -> Iterator[None]:
        """Step `buffers`, in the order of `buffers()`, in place of its own within the block."""
        kept = self.buffers()
        self.mean, self.square, self.count = buffers
        try:
            yield
        finally:
            self.mean, self.square, self.count = kept

    def state(self) -> dict[str, Tensor]:
        """Copies of the moments and the count, on the CPU."""
        return {"mean": self.mean.cpu(), "square": self.square.cpu(), "count": self.count.cpu()}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Continue from `state`."""
        self.mean.copy_(tensors["mean"])
        self.square.copy_(tensors["square"])
        self.count.copy_(tensors["count"])
