"""The training loop: one block of seeds of one run, from a configuration to its checkpoints.

    python -m algos.train --config <config.json or JSON> --dataset results/datasets/<task>
        --output <run folder> --state <state folder> [--device auto] [--threads 1]

Written to the run folder, each file aside and moved:

``config.json``          the configuration as given
``policies.safetensors`` ``<update>/<part>/<parameter>`` of every checkpoint, seeds leading, and
                         ``transforms/<name>`` for what evaluation has to do to observations
``train.parquet``        seed, update, one column per loss: the mean since the row before; a row every
                         1,000 updates and at every checkpoint
``timing.parquet``       update, wall_seconds since the start (resumptions added), device
``provenance.json``      code, versions, machine, every device that took part

On SIGTERM or SIGUSR2 the state is written and the process ends with 75: nothing was lost, nothing is
finished. The same command goes on from there, to the same bytes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recheck.errors import DatasetError, MethodError, Preempted, StateError, TrainingError

from algos.datasets.transitions import load_transitions
from algos.seed_parallel.random_streams import CHUNK_UPDATES
from algos.training.checkpoints import FORMAT, RunState
from algos.training.config import RunConfig, read_config
from algos.training.process_setup import set_up_process
from algos.training.trainer import EXIT_PREEMPTED, Trainer, choose_device, stop_on_signals


def train_block(
    document: Mapping[str, Any],
    dataset: Path,
    output: Path,
    state_folder: Path,
    device_name: str = "auto",
    threads: int | None = None,
    capture: bool | None = None,
    kernel_form: str = "auto",
    compiled: bool = False,
) -> None:
    """Train one block of seeds and write its run folder.

    Args:
        document: the resolved configuration (config.json).
        dataset: folder with transitions.safetensors and manifest.json.
        state_folder: of the resumable state; removed at the end.
        threads: of the CPU; torch's own choice when None.
        capture: CUDA graphs; None for wherever there is a GPU.
        kernel_form: of `algos.seed_parallel.kernels`.
        compiled: whether torch compiles the losses (11 to 60 s once; worth it for long runs).

    Raises:
        TrainingError, MethodError, DatasetError, StateError: one sentence each.
        Preempted: after SIGTERM or SIGUSR2; the state is written.
    """
    config = RunConfig.from_document(document)
    device = choose_device(device_name)
    try:
        set_up_process(threads, kernel_form)
    except ValueError as error:
        raise TrainingError(str(error)) from error
    transitions = load_transitions(dataset)
    state = RunState(
        state_folder,
        {
            "format": FORMAT,
            "digest": config.digest,
            "seeds": list(config.seeds),
            "content_sha256": transitions.manifest.get("content_sha256"),
            "device_type": device.type,  # a GPU draws other numbers than a CPU
            "chunk_updates": CHUNK_UPDATES,
        },
    )
    with stop_on_signals() as stop_requested, state.locked():
        trainer = Trainer(config, transitions, state, device, stop_requested, capture, compiled=compiled)
        trainer.train()
        trainer.write_results(output, transitions.manifest)
        state.remove()


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(prog="python -m algos.train", description="Train one block of seeds.")
    parser.add_argument("--config", required=True, help="config.json, or the JSON itself")
    parser.add_argument("--dataset", required=True, type=Path, help="folder with transitions.safetensors")
    parser.add_argument("--output", required=True, type=Path, help="run folder to write")
    parser.add_argument("--state", required=True, type=Path, help="folder of the resumable state")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: auto)")
    parser.add_argument("--threads", type=int, default=None, help="CPU threads (default: torch's choice)")
    parser.add_argument("--no-capture", action="store_true", help="on a GPU, run updates without CUDA graphs")
    parser.add_argument("--kernels", default="auto", help="auto, onednn or plain (default: auto)")
    parser.add_argument("--compile", action="store_true", help="let torch compile the losses")
    options = parser.parse_args(arguments)
    try:
        train_block(
            read_config(options.config),
            options.dataset,
            options.output,
            options.state,
            options.device,
            options.threads,
            capture=False if options.no_capture else None,
            kernel_form=options.kernels,
            compiled=options.compile,
        )
    except Preempted:
        print("Stopped by a signal; the state is written and the same command goes on.", file=sys.stderr)
        return EXIT_PREEMPTED
    except (TrainingError, MethodError, DatasetError, StateError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
