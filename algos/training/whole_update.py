"""A whole update as one compiled program on a CPU: gather, losses, gradients, optimisers and averages.

Compiling the losses one by one leaves Python between them: the gather, five calls through the compiler's and
the gradient's machinery, the copy of the gradients, the optimisers. Here an update is recorded once, gradient
included, as a list of tensor operations (`make_fx`), and the whole list is compiled. The parameters, the
optimisers' moments and the packed rows are its inputs, so that what `Method.state` reads is what it writes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import torch
from recheck.errors import TrainingError
from torch import Tensor
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx

from algos.base import Method, own_call
from algos.seed_parallel import kernels
from algos.seed_parallel.batches import TrainingData

Losses = tuple[Tensor, ...]
# From a list of operations and tensors as it is called with.
Compiler = Callable[[GraphModule, list[Tensor]], Callable[..., Losses]]


def _keep_no_guards(guards: Any) -> list[bool]:
    """A program is called with the same tensors each time: nothing is left to check."""
    return [False for _ in guards]


def torch_compile(
    graph: GraphModule, inputs: list[Tensor], backend: str = "inductor"
) -> Callable[..., Losses]:
    """torch's compiler; by `torch.compile`, which alone keeps its programs for the next process."""
    kernels.prepare_compiler()
    options: dict[str, Any] = {"guard_filter_fn": _keep_no_guards}
    if backend == "inductor":
        options["size_asserts"] = False
    compiled: Callable[..., Losses] = torch.compile(
        own_call(graph), dynamic=False, fullgraph=True, backend=backend, options=options
    )
    return compiled


class WholeUpdate:
    """`Method.update`, compiled whole, one program for each variant.

    Args:
        method: whose update it is; not compiled otherwise.
        data: that batches are taken from.
        compiler: of the recorded operations.

    Raises:
        TrainingError: on a GPU, where updates are captured whole; or a method keeps what it trains in a
            form of its own.
    """

    def __init__(self, method: Method, data: TrainingData, compiler: Compiler = torch_compile) -> None:
        if method.device.type != "cpu":
            raise TrainingError(
                "compile is 'update', which is for the CPU: on a GPU whole updates are captured; allowed "
                "there are true and false"
            )
        # One object may have two names.
        self.holders = list({id(holder): holder for holder in method.groups().values()}.values())
        if not method.COMPILES_WHOLE_UPDATE or not all(hasattr(h, "replaced") for h in self.holders):
            raise TrainingError(
                f"compile is 'update', which method {method.name} cannot serve: it keeps more than networks "
                "and optimisers; allowed for it are true and false"
            )
        self.method = method
        self.data = data
        self.compiler = compiler
        self.buffers = [tensor for holder in self.holders for tensor in holder.buffers()]
        self.programs: dict[Hashable, Callable[..., Losses]] = {}

    def __call__(self, draw: Mapping[str, Tensor], variant: Hashable) -> Losses:
        """As `Method.update`."""
        with torch.no_grad():
            if variant not in self.programs:
                self.programs[variant] = self._compile(tuple(draw), list(draw.values()), variant)
            return self.programs[variant](*self.buffers, self.data.packed, *draw.values())

    def _compile(
        self, names: tuple[str, ...], values: list[Tensor], variant: Hashable
    ) -> Callable[..., Losses]:
        num_buffers = len(self.buffers)

        def update(*inputs: Tensor) -> Losses:
            buffers, packed, drawn = inputs[:num_buffers], inputs[num_buffers], inputs[num_buffers + 1 :]
            with contextlib.ExitStack() as stack:
                stack.enter_context(torch.enable_grad())
                stack.enter_context(kernels.recording())
                stack.enter_context(self._packed(packed))
                rest = iter(buffers)
                for holder in self.holders:
                    stack.enter_context(holder.replaced([next(rest) for _ in holder.buffers()]))
                return self.method.update(self.data, dict(zip(names, drawn)), variant)

        # Recorded on copies of what changes: nothing is trained by it. What is drawn is taken as it lies in
        # memory, on which the list of operations depends.
        copies = [tensor.detach().clone() for tensor in self.buffers]
        graph = make_fx(update)(*copies, self.data.packed, *values)
        return self.compiler(graph, [*self.buffers, self.data.packed, *values])

    @contextlib.contextmanager
    def _packed(self, packed: Tensor) -> Any:
        kept = self.data.packed
        self.data.packed = packed
        try:
            yield
        finally:
            self.data.packed = kept
