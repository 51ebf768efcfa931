"""The synthetic problem and the update programs that the benchmark measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from algos.base import Method, MethodSpec
from algos.methods import method_class
from algos.seed_parallel.batches import ProblemSpec, Rows, TrainingData
from algos.seed_parallel.random_streams import CHUNK_UPDATES, ChunkedInputs, SeedStreams
from algos.training.cuda_graphs import CAPTURED_UPDATES, Program

HOPPER = ProblemSpec(observation_dim=11, action_dim=3)
NUM_ROWS = 100_000
LATENCY_STATES = (1, 10)
# Operators that read as much of their first input as they write.
GATHERS = frozenset({"index_select", "index", "gather"})


def sampled_by_ddpm(config: Mapping[str, Any]) -> bool:
    """Whether an action takes as many steps as training has; a faster sampler has its own number (EDP)."""
    return bool(config["diffusion_steps"]) and not config["hyperparameters"].get("sampling_steps")


def steps_to_measure(config: Mapping[str, Any], diffusion_steps: Sequence[int]) -> Sequence[int]:
    """The N of a configuration: those asked for, or its own where an update costs the same at each.

    From two N that cost the same but for noise nothing can be told of a third one far away.
    """
    return diffusion_steps if sampled_by_ddpm(config) else (config["diffusion_steps"],)


def synthetic_data(device: torch.device, config: Mapping[str, Any], seed: int = 0) -> TrainingData:
    """Random transitions of Hopper's widths for a configuration; every thousandth ends an episode."""
    generator = np.random.default_rng(seed)
    terminals = np.zeros(NUM_ROWS, dtype=np.uint8)
    terminals[999::1000] = 1
    arrays = Rows(
        generator.standard_normal((NUM_ROWS, HOPPER.observation_dim), dtype=np.float32),
        np.tanh(generator.standard_normal((NUM_ROWS, HOPPER.action_dim), dtype=np.float32)),
        generator.standard_normal(NUM_ROWS, dtype=np.float32),
        generator.standard_normal((NUM_ROWS, HOPPER.observation_dim), dtype=np.float32),
        terminals,
    )
    kind = method_class(config["method"])
    if kind.NEEDS_NEXT_ACTIONS:
        arrays = arrays._replace(next_actions=np.roll(arrays.actions, -1, axis=0))
    if kind.NEEDS_TRAJECTORIES:
        arrays = arrays._replace(episodes=np.arange(NUM_ROWS) // 1000)
    return kind.training_data(config["hyperparameters"], arrays, device)


def build(config: Mapping[str, Any], seeds: Sequence[int], device: torch.device) -> Method:
    """A method of a benchmark configuration, freshly initialised."""
    return method_class(config["method"])(
        MethodSpec(
            config["hyperparameters"],
            replace(HOPPER, num_rows=NUM_ROWS),
            config["num_updates"],
            config["diffusion_steps"],
            seeds,
            device,
        )
    )


def build_program(method: Method, data: TrainingData, capture: bool, compiled: str | None = None) -> Program:
    """The method's updates on the data, with the first chunk loaded.

    Args:
        method: whose updates.
        data: that batches are taken from.
        capture: as CUDA graphs.
        compiled: what torch compiles, as `algos.training.execution.Execution` says it.
    """
    streams = SeedStreams(method.seeds, "train", method.device)
    inputs = ChunkedInputs(method.random_inputs(), streams, data.num_rows)
    program = Program(method, data, inputs, capture=capture, compiled=compiled)
    program.load_chunk(0)
    return program


def run_updates(program: Program, first: int, count: int) -> int:
    """Do `count` updates from `first`, a batch of them at a time; return the next one."""
    end = first + count
    while first < end:
        if first % CHUNK_UPDATES == 0 and program.random_inputs.chunk_start != first:
            program.load_chunk(first)
        step = min(CAPTURED_UPDATES, end - first, CHUNK_UPDATES - first % CHUNK_UPDATES)
        program.run(first, step)
        first += step
    return first


def wait_for(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
