"""The training loop of one block of seeds."""

from __future__ import annotations

import math
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from recheck.errors import MethodError, Preempted, TrainingError
from recheck.progress import Progress
from recheck.versions import git_state, package_versions
from torch import Tensor

from algos.base import Method, MethodSpec
from algos.datasets import transforms
from algos.datasets.next_actions import known_next_actions
from algos.datasets.transitions import Transitions
from algos.methods import method_class
from algos.seed_parallel import kernels
from algos.seed_parallel.batches import ProblemSpec, Rows, TrainingData
from algos.seed_parallel.random_streams import CHUNK_UPDATES, ChunkedInputs, SeedStreams, derive_seed
from algos.training.checkpoints import RunState
from algos.training.config import RunConfig
from algos.training.cuda_graphs import CAPTURED_UPDATES, Program
from algos.training.device import choose_device, device_model, peak_memory_bytes
from algos.training.execution import Execution
from algos.training.stored import save_json, save_table, save_tensors
from algos.training.whole_trajectories import whole_trajectories

LOG_INTERVAL_UPDATES = 1000
# Often enough that a kill without warning costs little; a state is a few MB per seed.
STATE_INTERVAL_SECONDS = 300.0
# A loss of this size is no longer learning on any task with rewards of D4RL's sizes.
EXPLODED_LOSS = 1e10
# What provenance says beside the kernels' form.
COMPILED_FORMS = {None: "", "losses": ", compiled", "update": ", update compiled"}


def training_data(
    transitions: Transitions, config: RunConfig, device: torch.device
) -> tuple[TrainingData, transforms.TransformState]:
    """Transformed rows on the device, and what evaluation needs to know about the transforms.

    With a `train_fraction` below 1 each seed trains on its own random subset of the rows, as IDQL's
    release does (95%).
    """
    changed, state = transforms.apply(transitions, config.transforms)
    kind = method_class(config.method)
    if kind.NEEDS_TRAJECTORIES:
        changed = whole_trajectories(changed, config)
    next_actions, usable = None, None
    if kind.NEEDS_NEXT_ACTIONS:
        next_actions, usable = known_next_actions(changed)
        if not usable.any():
            raise TrainingError(
                f"method {config.method} needs the dataset's action at the next state, but no row of "
                f"{config.task} is followed by one of its episode: the rows are independent transitions"
            )
    rows = None
    if config.train_fraction < 1.0:
        kept = int(config.train_fraction * len(changed))
        if kept < 1:
            raise TrainingError(
                f"train_fraction {config.train_fraction} leaves none of the {len(changed)} transitions"
            )
        rows = np.stack(
            [
                np.sort(np.random.default_rng(derive_seed("split", seed)).permutation(len(changed))[:kept])
                for seed in config.seeds
            ]
        )
    if usable is not None and not usable.all():
        every = np.arange(len(changed))[None].repeat(len(config.seeds), axis=0) if rows is None else rows
        rows = _equally_many(every, usable)
    arrays = Rows(
        changed.observations,
        changed.actions,
        changed.rewards,
        changed.next_observations,
        changed.terminals,
        next_actions,
        changed.episodes if kind.NEEDS_TRAJECTORIES else None,
        state.zeros(changed.observation_dim, changed.action_dim) if kind.NEEDS_TRAJECTORIES else None,
    )
    return kind.training_data(config.hyperparameters, arrays, device, rows), state


def _equally_many(rows: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """The usable ones of each seed's rows ``[K, n]``, cut to the length of the shortest."""
    kept = [row[usable[row]] for row in rows]
    shortest = min(len(row) for row in kept)
    return np.stack([row[:shortest] for row in kept])


def build_method(config: RunConfig, problem: ProblemSpec, device: torch.device) -> Method:
    """The method of a configuration, freshly initialised.

    Raises:
        MethodError: unknown method or hyperparameter, or another format version.
    """
    known = method_class(config.method)
    if config.method_format != known.format_version:
        raise MethodError(
            f"the configuration asks for format {config.method_format} of method {config.method}, this "
            f"version has {known.format_version}; plan the run again"
        )
    return known(
        MethodSpec(
            config.hyperparameters,
            problem,
            config.num_updates,
            config.diffusion_steps,
            config.seeds,
            device,
        )
    )


class Trainer:
    """One block of seeds in training.

    Args:
        config: what is trained.
        transitions: the prepared dataset.
        state: the run's resumable state.
        execution: where and how.
        stop_requested: asked between batches of updates; when it says so the state is written and
            `Preempted` raised.

    Raises:
        TrainingError, MethodError: the configuration does not fit this version, the data or the machine.
    """

    def __init__(
        self,
        config: RunConfig,
        transitions: Transitions,
        state: RunState,
        execution: Execution,
        stop_requested: Callable[[], bool] = lambda: False,
    ) -> None:
        device = choose_device(execution.device)
        self.config = config
        self.state = state
        self.device = device
        self.stop_requested = stop_requested
        data, self.transform_state = training_data(transitions, config, device)
        self.method = build_method(config, data.problem, device)
        self.streams = SeedStreams(config.seeds, "train", device)
        self.random_inputs = ChunkedInputs(self.method.random_inputs(), self.streams, data.num_rows)
        capture = device.type == "cuda" if execution.capture is None else execution.capture
        self.program = Program(
            self.method,
            data,
            self.random_inputs,
            indexed=execution.indexed,
            capture=capture,
            compiled=execution.compiled,
        )
        shape = (len(self.method.LOSSES), len(config.seeds))
        self.update = 0
        self.loss_sum = np.zeros(shape)
        self.loss_count = 0
        self.log_updates: list[int] = []
        self.log_losses: list[np.ndarray] = []
        self.timing: list[tuple[int, float]] = []
        self.wall_seconds = 0.0
        self.cpu_seconds = 0.0
        self.devices = [device_model(device)]
        self.kernels = [kernels.in_use() + COMPILED_FORMS[execution.compiled]]

    def train(self) -> None:
        """Run to the last update.

        Raises:
            TrainingError: a loss is not finite or exploded, with update, seed and loss named.
            Preempted: `stop_requested` said so.
        """
        self._resume()
        config = self.config
        progress = Progress(config.num_updates, f"{config.method} {config.task}", self.update)
        started, saved = time.monotonic() - self.wall_seconds, time.monotonic()
        cpu_started = time.process_time() - self.cpu_seconds
        while self.update < config.num_updates:
            if self.stop_requested():
                self.wall_seconds = time.monotonic() - started
                self.cpu_seconds = time.process_time() - cpu_started
                self.save()
                raise Preempted
            offset = self.update % CHUNK_UPDATES
            if offset == 0 or self.random_inputs.chunk_start != self.update - offset:
                self.program.load_chunk(self.update - offset)
            stop = self._next_stop()
            first = self.update
            while self.update < stop:
                count = min(CAPTURED_UPDATES, stop - self.update)
                self.program.run(self.update, count)
                self.update += count
                if self.stop_requested():
                    break
            self._account(first, self.update)
            self.wall_seconds = time.monotonic() - started
            self.cpu_seconds = time.process_time() - cpu_started
            self._log()
            if self.update in config.checkpoints:
                self.state.save_policy(self.update, self.method.policy())
            if time.monotonic() - saved > STATE_INTERVAL_SECONDS:
                self.save()
                saved = time.monotonic()
            progress.update(self.update)

    def _next_stop(self) -> int:
        """The next update at which the host has something to do."""
        chunk_end = self.update - self.update % CHUNK_UPDATES + CHUNK_UPDATES
        log = self.update - self.update % LOG_INTERVAL_UPDATES + LOG_INTERVAL_UPDATES
        checkpoint = next(c for c in self.config.checkpoints if c > self.update)
        return min(chunk_end, log, checkpoint)

    def _account(self, first: int, end: int) -> None:
        """Check the losses of updates [first, end) and add them up, one after the other."""
        chunk_start = self.random_inputs.chunk_start
        history = self.program.history[first - chunk_start : end - chunk_start].double().cpu().numpy()
        bad = ~(np.abs(history) < EXPLODED_LOSS)  # also true for NaN
        if bad.any():
            config = self.config
            row, loss, seed = (int(i) for i in np.argwhere(bad)[0])
            raise TrainingError(
                f"{self.method.LOSSES[loss]} of seed {config.seeds[seed]} is {history[row, loss, seed]:g} at "
                f"update {first + row + 1} of {config.method} on {config.task} (variant {config.variant}); "
                f"training was stopped"
            )
        for losses in history:  # in order, so that an interruption does not change the sum
            self.loss_sum += losses
        self.loss_count += end - first

    def _log(self) -> None:
        due = self.update % LOG_INTERVAL_UPDATES == 0 or self.update in self.config.checkpoints
        if self.loss_count and due:
            self.log_updates.append(self.update)
            self.log_losses.append(self.loss_sum / self.loss_count)
            self.timing.append((self.update, self.wall_seconds))
            self.loss_sum = np.zeros_like(self.loss_sum)
            self.loss_count = 0

    # --- State ---

    def save(self) -> None:
        """Write the resumable state after the updates done so far."""
        shape = (len(self.log_losses), *self.loss_sum.shape)
        assert self.random_inputs.chunk_state is not None or self.update == 0
        tensors = {f"method/{name}": tensor for name, tensor in self.method.state().items()}
        in_chunk = self.update % CHUNK_UPDATES != 0
        tensors["streams"] = (
            self.random_inputs.chunk_state
            if in_chunk and self.random_inputs.chunk_state is not None
            else self.streams.get_state()
        )
        tensors["loss_sum"] = torch.from_numpy(self.loss_sum.copy())
        tensors["log_losses"] = torch.from_numpy(np.asarray(self.log_losses, dtype=np.float64).reshape(shape))
        self.state.save(
            self.update,
            tensors,
            {
                "loss_count": self.loss_count,
                "log_updates": self.log_updates,
                "timing": self.timing,
                "wall_seconds": self.wall_seconds,
                "cpu_seconds": _known(self.cpu_seconds),
                "devices": self.devices,
                "kernels": self.kernels,
            },
        )

    def _resume(self) -> None:
        found = self.state.load(self.config.checkpoints)
        if found is None:
            return
        update, tensors, document = found
        prefix = "method/"
        self.method.load_state(
            {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
        )
        self.streams.set_state(tensors["streams"])
        self.update = update
        self.loss_sum = tensors["loss_sum"].numpy().copy()
        self.log_losses = list(tensors["log_losses"].numpy())
        self.loss_count = document["loss_count"]
        self.log_updates = list(document["log_updates"])
        self.timing = [(int(u), float(s)) for u, s in document["timing"]]
        self.wall_seconds = float(document["wall_seconds"])
        # States of earlier versions do not say it: then it is not known of the whole run.
        cpu_seconds = document.get("cpu_seconds")
        self.cpu_seconds = math.nan if cpu_seconds is None else float(cpu_seconds)
        for kept, current in (("devices", self.devices), ("kernels", self.kernels)):
            current[:] = list(dict.fromkeys([*document[kept], *current]))
        print(f"Resuming after update {update:,} of {self.config.num_updates:,}.", file=sys.stderr)

    # --- Results ---

    def write_results(self, output: Path, manifest: Mapping[str, Any]) -> None:
        """Write the run folder, each file with its checksum; provenance.json comes last.

        Args:
            output: the run folder.
            manifest: of the dataset.

        Raises:
            StateError: a kept checkpoint is damaged, or another process has taken the run over.
            TrainingError: a file cannot be written.
        """
        config = self.config
        self.state.check_lock()
        save_json(output / "config.json", config.document)
        policies: dict[str, Tensor] = {}
        for update in config.checkpoints:
            for name, tensor in self.state.load_policy(update).items():
                policies[f"{update}/{name}"] = tensor
        for name, array in self.transform_state.tensors().items():
            policies[f"transforms/{name}"] = torch.from_numpy(np.ascontiguousarray(array))
        save_tensors(output / "policies.safetensors", policies)
        save_table(output / "train.parquet", self._train_columns())
        save_table(
            output / "timing.parquet",
            {
                "update": [update for update, _ in self.timing],
                "wall_seconds": [seconds for _, seconds in self.timing],
                "device": [", ".join(self.devices)] * len(self.timing),
            },
        )
        save_json(
            output / "provenance.json",
            {
                "devices": self.devices,
                "kernels": self.kernels,
                "versions": package_versions(),
                "git": git_state(),
                "threads": torch.get_num_threads(),
                "peak_memory_bytes": peak_memory_bytes(self.device),
                "cpu_seconds": _known(self.cpu_seconds),
                "dataset": {
                    key: manifest.get(key)
                    for key in ("task", "source_sha256", "content_sha256", "comparability")
                },
                "transform_constants": dict(self.transform_state.constants),
            },
        )

    def _train_columns(self) -> dict[str, list[Any]]:
        columns: dict[str, list[Any]] = {"seed": [], "update": []}
        columns.update({name: [] for name in self.method.LOSSES})
        for index, seed in enumerate(self.config.seeds):
            for update, losses in zip(self.log_updates, self.log_losses):
                columns["seed"].append(seed)
                columns["update"].append(update)
                for name, value in zip(self.method.LOSSES, losses[:, index]):
                    columns[name].append(float(value))
        return columns


def _known(seconds: float) -> float | None:
    return None if math.isnan(seconds) else seconds


@contextmanager
def stop_on_signals() -> Iterator[Callable[[], bool]]:
    """Whether SIGTERM or SIGUSR2 has come, while the block runs."""
    caught: list[int] = []
    previous = {
        number: signal.signal(number, lambda number, _: caught.append(number))
        for number in (signal.SIGTERM, signal.SIGUSR2)
    }
    try:
        yield lambda: bool(caught)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
