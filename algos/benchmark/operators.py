"""Counts of operators and launches, and what matrix products alone would take."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from algos.benchmark.programs import GATHERS, build, build_program, run_updates, wait_for
from algos.seed_parallel import kernels
from algos.seed_parallel.batches import TrainingData
from algos.training.cuda_graphs import Program

# Views and bookkeeping that move no data.
FREE_OPERATORS = frozenset(
    "aten::" + name
    for name in (
        "view",
        "_unsafe_view",
        "expand",
        "transpose",
        "t",
        "slice",
        "select",
        "unsqueeze",
        "squeeze",
        "as_strided",
        "detach",
        "alias",
        "unbind",
        "split",
        "permute",
        "empty",
        "empty_like",
        "new_empty",
        "empty_strided",
    )
)


class OperatorCount(TorchDispatchMode):  # type: ignore[no-untyped-call, unused-ignore]
    """Counts operator calls, the bytes that they read and write, and matrix products by shape."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call, unused-ignore]
        self.calls: Counter[str] = Counter()
        self.num_bytes = 0
        self.products: Counter[tuple[int, int, int, int]] = Counter()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        name = function._schema.name
        if name in FREE_OPERATORS:
            return result
        self.calls[name] += 1
        short = name.removeprefix("aten::")
        inputs = [a for a in tree_leaves((args, kwargs)) if isinstance(a, Tensor)]
        outputs = [r for r in tree_leaves(result) if isinstance(r, Tensor)]
        if short in GATHERS:  # reads what it writes, not the whole table
            inputs = [*outputs, *inputs[1:]]
        self.num_bytes += sum(t.numel() * t.element_size() for t in (*inputs, *outputs))
        if short in ("mm", "bmm", "addmm", "baddbmm"):
            left, right = args[-2:] if short in ("mm", "bmm") else args[1:3]
            members = left.shape[0] if left.dim() == 3 else 1
            self.products[members, left.shape[-2], left.shape[-1], right.shape[-1]] += 1
        return result

    @property
    def num_calls(self) -> int:
        """Operator calls that move data."""
        return sum(self.calls.values())

    @property
    def flops(self) -> int:
        """Floating point operations of the matrix products."""
        return sum(2 * m * b * i * o * n for (m, b, i, o), n in self.products.items())


def count_operators(config: Mapping[str, Any], num_seeds: int, data: TrainingData) -> OperatorCount:
    """Count one steady update, in the plain form, whose products are visible one by one."""
    with kernels.using("plain"):
        method = build(config, range(num_seeds), data.packed.device)
        program = build_program(method, data, capture=False)
        run_updates(program, 0, 1)
        count = OperatorCount()
        with count:
            program.run(1, 1)
    return count


def product_seconds(shape: tuple[int, int, int, int], device: torch.device) -> float:
    """The least seconds that one batched product of this shape takes here, in the form in use."""
    members, batch, fan_in, fan_out = shape
    left = torch.randn(members, batch, fan_in, device=device)
    weight = torch.randn(members, fan_in, fan_out, device=device)
    bias = torch.zeros(members, fan_out, device=device)
    repeats = max(1, min(50, int(2e7 / max(1, 2 * members * batch * fan_in * fan_out))))
    best = float("inf")
    with torch.no_grad():
        for _ in range(5):
            wait_for(device)
            start = time.perf_counter()
            for _ in range(repeats):
                kernels.affine_each(kernels.split(left), weight, bias)
            wait_for(device)
            best = min(best, (time.perf_counter() - start) / repeats)
    return best


def peak_flops_per_second(device: torch.device, size: int = 1024) -> float:
    """FLOP/s of a square float32 product in the form in use: what the machine gives at best."""
    return 2 * size**3 / product_seconds((1, size, size, size), device)


def count_launches(program: Program, first: int) -> int | None:
    """Kernels that one update launches on a GPU; None elsewhere."""
    if program.method.device.type != "cuda":
        return None
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CUDA]) as trace:
        program.run(first, 1)
        torch.cuda.synchronize()
    return sum(1 for event in trace.events() if event.device_type.name == "CUDA")
