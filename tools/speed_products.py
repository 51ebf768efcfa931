"""What one matrix product costs here in each form that a layer could take, by processor time.

    python tools/speed_products.py [--shapes 256x256x256,256x14x256,512x256x1024] [--repeats 10] [--rounds 3]

A shape is batch x in x out. The forward product is x W, the gradients are g W^T and x^T g. Least microseconds
of a product over the rounds, one thread, all forms in turn within a round. Forms: torch's own call (MKL),
oneDNN as training uses it, oneDNN with its own setting for rounding factors (`fp32_precision` bf16), and
oneDNN with factors that are bfloat16 already, which returns bfloat16 too; the casts of both factors and of
the product are the last column.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor

from algos.seed_parallel import kernels
from algos.training.process_setup import set_up_process


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


def measure(shape: tuple[int, int, int], repeats: int, rounds: int) -> dict[str, dict[str, float]]:
    """Least seconds of each product of a layer in each form."""
    batch, fan_in, fan_out = shape
    inputs, weight = torch.randn(batch, fan_in), torch.randn(fan_in, fan_out)
    gradient = torch.randn(batch, fan_out)
    pairs = {"x W": (inputs, weight), "g W^T": (gradient, weight.t()), "x^T g": (inputs.t(), gradient)}
    found: dict[str, dict[str, float]] = {}
    for product, (left, right) in pairs.items():
        calls = forms(left, right)
        least = dict.fromkeys(calls, float("inf"))
        for _ in range(rounds):
            for name, (precision, call) in calls.items():
                torch.backends.mkldnn.matmul.fp32_precision = precision  # type: ignore[attr-defined, unused-ignore]
                call()
                least[name] = min(least[name], seconds_of(call, repeats))
        found[product] = least
    return found


def main() -> int:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shapes", default="256x256x256,256x14x256,512x256x1024")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    set_up_process(threads=1, kernel_form="onednn")
    for number, text in enumerate(options.shapes.split(",")):
        batch, fan_in, fan_out = (int(part) for part in text.split("x"))
        for product, least in measure((batch, fan_in, fan_out), options.repeats, options.rounds).items():
            if number == 0 and product == "x W":
                print(f"| shape | product | {' | '.join(f'{name}, us' for name in least)} |")
                print("|---" * (2 + len(least)) + "|")
            cells = " | ".join(f"{1e6 * seconds:.0f}" for seconds in least.values())
            print(f"| {text} | {product} | {cells} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
