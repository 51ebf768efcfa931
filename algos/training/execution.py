"""How a block is trained or evaluated: what may change the machine's work, not what is computed."""

from __future__ import annotations

import argparse
from dataclasses import dataclass


@dataclass(frozen=True)
class Execution:
    """Where and how a command computes.

    A number of threads or a kind of device changes the order of sums, hence the last bits: both are part of a
    resumable state's identity (`algos.train`). The other fields change no number.

    Attributes:
        device: ``auto``, ``cpu`` or ``cuda``.
        threads: CPU threads of torch; its own choice when None.
        capture: CUDA graphs; None for wherever there is a GPU.
        kernels: form of the kernels, as in `algos.seed_parallel.kernels`.
        compiled: what torch compiles: nothing, the ``losses`` (11 to 60 s once; for long runs) or the whole
            ``update``, on a CPU alone.
        workers: processes that play episodes in evaluation.
        environments: that one process of an evaluation holds; as many as it can use when None.
        memory_mb: of the job, MB; what the machine has when None. Evaluation asks it before it begins.
        indexed: read random numbers through a counter on the device, as a captured program does, also
            without capture.
    """

    device: str = "auto"
    threads: int | None = None
    capture: bool | None = None
    kernels: str = "auto"
    compiled: str | None = None
    workers: int = 1
    environments: int | None = None
    memory_mb: int | None = None
    indexed: bool = False


def add_compile_option(parser: argparse.ArgumentParser) -> None:
    """Give a command the option `--compile`, for `Execution.compiled`."""
    parser.add_argument(
        "--compile",
        nargs="?",
        const="losses",
        choices=("losses", "update"),
        help="let torch compile the losses, or (on a CPU) the whole update",
    )
