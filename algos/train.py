"""The training loop: one block of seeds of one run, from a configuration to its checkpoints.

    python -m algos.train --config <config.json or JSON> --dataset results/datasets/<task>
        --output <run folder> --state <state folder> [--device auto] [--threads 1]

Written to the run folder, each file atomically and with its checksum in ``<file>.sha256``:

``config.json``          the configuration as given
``policies.safetensors`` ``<update>/<part>/<parameter>`` of every checkpoint, seeds leading, and
                         ``transforms/<name>`` for what evaluation has to do to observations
``train.parquet``        seed, update, one column per loss: the mean since the row before; a row every
                         1,000 updates and at every checkpoint
``timing.parquet``       update, wall_seconds since the start (resumptions added), device
``provenance.json``      code, versions, machine, every device that took part

On SIGTERM or SIGUSR2 the state is written and the process ends with 75: nothing was lost, nothing is
finished. The same command resumes there, to the same bytes.

The same command gives the same bytes on the same machine with the same number of threads. Another number of
threads adds in another order: its last bits, and then its losses and scores, are others under the same path
and digest. So a state is resumed by the same number of threads alone; a finished run stays as it is, and
provenance.json says its threads.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from recheck import checksums, cli, paths
from recheck.errors import Preempted, TrainingError
from recheck.former_names import current

from algos.datasets.episode_ends import describe
from algos.datasets.transitions import load_transitions
from algos.seed_parallel.random_streams import CHUNK_UPDATES
from algos.training.checkpoints import FORMAT, RunState
from algos.training.config import RunConfig, read_config
from algos.training.device import choose_device
from algos.training.execution import Execution, add_compile_option
from algos.training.process_setup import set_up_process
from algos.training.trainer import Trainer, stop_on_signals


def train_block(
    document: Mapping[str, Any],
    dataset: Path,
    output: Path,
    state_folder: Path,
    execution: Execution = Execution(),  # noqa: B008 (frozen)
) -> None:
    """Train one block of seeds and write its run folder.

    Two processes may be given the same run, from two clones with one results folder: the second waits for
    the first and takes its result.

    Args:
        document: the resolved configuration (config.json).
        dataset: folder with transitions.safetensors and manifest.json.
        output: the run folder to write.
        state_folder: of the resumable state; removed at the end.
        execution: where and how.

    Raises:
        TrainingError, MethodError, DatasetError, StateError: one message each.
        Preempted: after SIGTERM or SIGUSR2; the state is written.
    """
    started = time.time()
    config = RunConfig.from_document(document)
    device = choose_device(execution.device)
    if config.precision != "float32" and device.type != "cpu":
        raise TrainingError(
            f"precision is {config.precision!r}, which is for the CPU; allowed on a GPU is 'float32'"
        )
    try:
        set_up_process(execution.threads, execution.kernels, config.precision)
    except ValueError as error:
        raise TrainingError(str(error)) from error
    transitions = load_transitions(dataset)
    for line in describe(transitions.manifest):
        print(line, file=sys.stderr)
    content = transitions.manifest.get("content_sha256")
    state = RunState(
        state_folder,
        {
            "format": FORMAT,
            "digest": config.digest,
            "seeds": list(config.seeds),
            "content_sha256": content,
            # A GPU draws other numbers than a CPU; another number of threads adds in another order.
            "device_type": device.type,
            "threads": torch.get_num_threads(),
            "chunk_updates": CHUNK_UPDATES,
        },
    )
    with stop_on_signals() as stop_requested, state.locked() as lock:
        if is_finished(output, config, content, None if lock.waited else started):
            print(f"{output} was finished by another process in the meantime; it is taken.", file=sys.stderr)
            return
        trainer = Trainer(config, transitions, state, execution, stop_requested)
        trainer.train()
        trainer.write_results(output, transitions.manifest)
        state.remove()


def is_finished(
    output: Path, config: RunConfig, content_sha256: str | None, since: float | None = None
) -> bool:
    """Whether a run folder holds the whole result of this configuration on these data.

    Args:
        output: the run folder.
        config: what it should hold.
        content_sha256: of the dataset.
        since: only a result that was written after this time (seconds since 1970) counts.
    """
    last = output / "provenance.json"
    try:
        if since is not None and last.stat().st_mtime < since:
            return False
        provenance = json.loads(last.read_text(encoding="utf-8"))
        for name in paths.RUN_FILES:
            checksums.check(output / name, "It is made again.", TrainingError)
        document = json.loads((output / "config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return False
    same_data = provenance.get("dataset", {}).get("content_sha256") == content_sha256
    return bool(same_data and current(document) == json.loads(json.dumps(config.document)))


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
    add_compile_option(parser)
    options = parser.parse_args(arguments)

    def command() -> None:
        execution = Execution(
            options.device,
            options.threads,
            capture=False if options.no_capture else None,
            kernels=options.kernels,
            compiled=options.compile,
        )
        try:
            train_block(
                read_config(options.config), options.dataset, options.output, options.state, execution
            )
        except Preempted:
            raise Preempted(
                "Stopped by a signal; the state is written and the same command resumes it."
            ) from None

    return cli.run(command)


if __name__ == "__main__":
    sys.exit(main())
