"""What one matrix product costs here in each form that a layer could take, by processor time.

    python tools/speed_products.py [--shapes 256x256x256,256x14x256,512x256x1024] [--repeats 10] [--rounds 3]

A shape is batch x in x out. The forward product is x W, the gradients are g W^T and x^T g. Least microseconds
of a product over the rounds, one thread, all forms in turn within a round. Forms: torch's own call (MKL),
oneDNN as training uses it, oneDNN with its own setting for rounding factors (`fp32_precision` bf16), and
oneDNN with factors that are bfloat16 already, which returns bfloat16 too; then the casts of both factors and
of the product. With `--templates` also two programs of `torch.compile`, the call of the program included:
torch's product, and the compiler's C++ template. torch offers the template for factors that change only in
batched products, so both are batches of one. A dash: the compiler offers none.
"""

from __future__ import annotations

import argparse
import functools
import math
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch._dynamo.utils import counters
from torch._inductor.exc import InductorError

from algos.seed_parallel import kernels
from algos.training.process_setup import set_up_process

NAMES = ("torch", "oneDNN", "oneDNN, its own rounding", "oneDNN, bfloat16", "casts")
COMPILED = ("compiled, torch", "compiled, C++ template")


def seconds_of(call: Callable[[], object], repeats: int) -> float:
    """Processor seconds of one call."""
    start = time.process_time()
    for _ in range(repeats):
        call()
    return (time.process_time() - start) / repeats


def forms(left: Tensor, right: Tensor) -> dict[str, tuple[str, Callable[[], object]]]:
    """Name to oneDNN's precision setting and the call."""
    halves = left.bfloat16(), right.bfloat16()
    return {
        "torch": ("ieee", lambda: torch.mm(left, right)),
        "oneDNN": ("ieee", lambda: kernels._product_now(left, right, None, False)),
        "oneDNN, its own rounding": ("bf16", lambda: kernels._product_now(left, right, None, False)),
        "oneDNN, bfloat16": ("ieee", lambda: kernels._product_now(*halves, None, False)),
        "casts": ("ieee", lambda: (left.bfloat16(), right.bfloat16(), halves[0].float())),
    }


def compiled_forms(left: Tensor, right: Tensor) -> dict[str, tuple[str, Callable[[], object]]]:
    """Programs of the compiler for one product: with torch's call, and with the C++ template."""
    found: dict[str, tuple[str, Callable[[], object]]] = {}
    factors = left.unsqueeze(0), right.unsqueeze(0)
    for name, backends in (("compiled, torch", "ATEN"), ("compiled, C++ template", "CPP")):
        torch._dynamo.reset()
        counters["inductor"].clear()
        options: dict[str, Any] = {"max_autotune": True, "max_autotune_gemm_backends": backends}
        product = torch.compile(lambda x, w: torch.bmm(x, w), dynamic=False, options=options)
        expected = torch.bmm(*factors)
        try:
            torch.testing.assert_close(product(*factors), expected, rtol=1e-4, atol=1e-4)
        except InductorError as error:
            if "NoValidChoicesError" not in str(error):
                raise
            continue
        if backends == "CPP" and not counters["inductor"]["cpp_templated_kernel_counter"]:
            continue
        found[name] = ("ieee", functools.partial(product, *factors))
    return found


def measure(shape: tuple[int, int, int], options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Least seconds of each product of a layer in each form."""
    batch, fan_in, fan_out = shape
    inputs, weight = torch.randn(batch, fan_in), torch.randn(fan_in, fan_out)
    gradient = torch.randn(batch, fan_out)
    pairs = {"x W": (inputs, weight), "g W^T": (gradient, weight.t()), "x^T g": (inputs.t(), gradient)}
    found: dict[str, dict[str, float]] = {}
    for product, (left, right) in pairs.items():
        calls = forms(left, right)
        if options.templates:
            calls |= compiled_forms(left, right)
        least = dict.fromkeys(calls, float("inf"))
        for _ in range(options.rounds):
            for name, (precision, call) in calls.items():
                torch.backends.mkldnn.matmul.fp32_precision = precision  # type: ignore[attr-defined, unused-ignore]
                call()
                least[name] = min(least[name], seconds_of(call, options.repeats))
        found[product] = least
    return found


def main() -> int:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shapes", default="256x256x256,256x14x256,512x256x1024")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--templates", action="store_true", help="also what the compiler writes; minutes more"
    )
    options = parser.parse_args()
    set_up_process(threads=1, kernel_form="onednn")
    for number, text in enumerate(options.shapes.split(",")):
        batch, fan_in, fan_out = (int(part) for part in text.split("x"))
        for product, found in measure((batch, fan_in, fan_out), options).items():
            least = {
                name: found.get(name, math.nan) for name in (*NAMES, *(COMPILED if options.templates else ()))
            }
            if number == 0 and product == "x W":
                print(f"| shape | product | {' | '.join(f'{name}, us' for name in least)} |")
                print("|---" * (2 + len(least)) + "|")
            cells = " | ".join(
                "-" if math.isnan(seconds) else f"{1e6 * seconds:.0f}" for seconds in least.values()
            )
            print(f"| {text} | {product} | {cells} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
