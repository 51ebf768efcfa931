"""Everything that only a GPU can show, in one go: correctness first, then speed, into one JSON file.

    python -m algos.gpu_check --configs <configs.json> --output results/benchmark/gpu_check.json

Correctness, for every method:

- captured programs give the very numbers of updates run one by one (equal bits);
- a run that is stopped and resumed ends in the same policy (equal bits);
- a seed in a block of five against the same seed alone (largest difference; a GPU picks its matrix
  kernels by shape, so that the last bits may differ);
- the GPU against the CPU from the same weights and the same draws (largest difference of the losses).

Speed: K = 10 against K = 1, captured against not, the hours that the 20-task, 10-seed Diffusion-QL
table would take, and TF32 on and off. With ``--device cpu`` the same program runs without capture, which
is how it is tested where there is no GPU.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from algos import benchmark, kernels
from algos.methods import Method, MethodError
from algos.programs import Program
from algos.progress import Progress
from algos.provenance import device_model, git_state, package_versions
from algos.runstate import save_json
from algos.seeding import CHUNK_UPDATES, ChunkedDraws, SeedStreams
from algos.trainer import TrainingError, choose_device

CHECKED_UPDATES = 2 * CHUNK_UPDATES
# Diffusion-QL's table: 9 locomotion tasks of 2 million updates, 11 others of 1 million but one of 250,000
# (the release's epochs), or 2 million for each as the paper says; ten seeds.
TABLE_UPDATES_PER_SEED = 20 * 2_000_000
TABLE_SEEDS = 10


def trained(
    config: Mapping[str, Any], seeds: Sequence[int], device: torch.device, capture: bool, num_updates: int
) -> Method:
    """A method after some updates on the synthetic data."""
    data = benchmark.synthetic_data(device)
    method = benchmark.build(config, seeds, device)
    streams = SeedStreams(seeds, "train", device)
    program = Program(method, data, ChunkedDraws(method.draws(), streams, data.num_rows), capture=capture)
    program.load_chunk(0)
    benchmark.run_updates(program, 0, num_updates)
    benchmark.wait_for(device)
    return method


def largest_difference(first: Mapping[str, torch.Tensor], second: Mapping[str, torch.Tensor]) -> float:
    """Over all tensors of two states."""
    return max(float((first[name] - second[name]).abs().max()) for name in first)


def check_capture(config: Mapping[str, Any], device: torch.device) -> dict[str, Any]:
    """Captured against one by one."""
    states = [
        trained(config, [0, 1, 2], device, capture, CHECKED_UPDATES).state() for capture in (True, False)
    ]
    difference = largest_difference(*states)
    return {
        "equal": all(torch.equal(states[0][n], states[1][n]) for n in states[0]),
        "difference": difference,
    }


def check_resume(config: Mapping[str, Any], device: torch.device) -> dict[str, Any]:
    """Stopped in the middle of a chunk and resumed from the state, against undisturbed."""
    capture = device.type == "cuda"
    undisturbed = trained(config, [0, 1], device, capture, CHECKED_UPDATES).state()
    stop = CHUNK_UPDATES + 13
    data = benchmark.synthetic_data(device)
    first = benchmark.build(config, [0, 1], device)
    draws = ChunkedDraws(first.draws(), SeedStreams([0, 1], "train", device), data.num_rows)
    program = Program(first, data, draws, capture=capture)
    benchmark.run_updates(program, 0, stop)
    state, streams = first.state(), draws.chunk_state
    second = benchmark.build(config, [0, 1], device)
    second.load_state(state)
    resumed = ChunkedDraws(second.draws(), SeedStreams([0, 1], "train", device), data.num_rows)
    assert streams is not None
    resumed.streams.set_state(streams)
    program = Program(second, data, resumed, capture=capture)
    program.load_chunk(CHUNK_UPDATES)
    benchmark.run_updates(program, stop, CHECKED_UPDATES - stop)
    got = second.state()
    return {
        "equal": all(torch.equal(undisturbed[n], got[n]) for n in got),
        "difference": largest_difference(undisturbed, got),
    }


def check_block(config: Mapping[str, Any], device: torch.device) -> dict[str, Any]:
    """Seed 3 of a block of five against seed 3 alone."""
    capture = device.type == "cuda"
    block = trained(config, [0, 1, 2, 3, 4], device, capture, CHECKED_UPDATES).policy()
    alone = trained(config, [3], device, capture, CHECKED_UPDATES).policy()
    part = {n: t[3 * (t.shape[0] // 5) : 4 * (t.shape[0] // 5)] for n, t in block.items()}
    return {
        "equal": all(torch.equal(part[n], alone[n]) for n in alone),
        "difference": largest_difference(part, alone),
    }


def check_against_cpu(config: Mapping[str, Any], device: torch.device) -> dict[str, Any]:
    """The losses of the first updates from the same weights and draws, here and on the CPU."""
    losses = []
    cpu_draws: ChunkedDraws | None = None
    for target in (torch.device("cpu"), device):
        data = benchmark.synthetic_data(target)
        method = benchmark.build(config, [0], target)
        draws = ChunkedDraws(method.draws(), SeedStreams([0], "train", target), data.num_rows)
        program = Program(method, data, draws)
        program.load_chunk(0)
        if cpu_draws is None:
            cpu_draws = draws
        else:
            for name, buffer in draws.buffers.items():
                buffer.copy_(cpu_draws.buffers[name])
        program.run(0, 8)
        losses.append(program.history[:8].cpu())
    relative = (losses[0] - losses[1]).abs() / losses[0].abs().clamp(min=1e-3)
    return {"largest_relative_difference": float(relative.max())}


def seed_updates_per_second(
    config: Mapping[str, Any], num_seeds: int, device: torch.device, capture: bool, seconds: float
) -> float:
    """Median of three windows."""
    options = {
        "device": device.type,
        "threads": torch.get_num_threads(),
        "kernels": kernels.in_use(),
        "compile": False,
        "capture": capture,
        "windows": 3,
        "window_seconds": seconds,
    }
    rates = benchmark._train_windows(config, options, num_seeds)["rates"]
    return float(sorted(rates)[1])


def measure(config: Mapping[str, Any], device: torch.device, seconds: float) -> dict[str, Any]:
    """The speed of one method: blocks of 1, 5, 10 and 20 seeds, captured and not."""
    rates = {
        str(k): seed_updates_per_second(config, k, device, device.type == "cuda", seconds)
        for k in (1, 5, 10, 20)
    }
    uncaptured = seed_updates_per_second(config, 10, device, False, seconds)
    return {
        "seed_updates_per_second": rates,
        "seed_updates_per_second_uncaptured_10": uncaptured,
        "ten_against_one": rates["10"] / rates["1"],
        "captured_against_not": rates["10"] / uncaptured,
    }


def measure_tf32(config: Mapping[str, Any], device: torch.device, seconds: float) -> dict[str, Any]:
    """What TF32 gains, and what it does to the policy after a few updates."""
    before = torch.get_float32_matmul_precision()
    exact = trained(config, [0], device, True, CHECKED_UPDATES).policy()
    rate = seed_updates_per_second(config, 10, device, True, seconds)
    torch.set_float32_matmul_precision("high")
    try:
        rounded = trained(config, [0], device, True, CHECKED_UPDATES).policy()
        fast = seed_updates_per_second(config, 10, device, True, seconds)
    finally:
        torch.set_float32_matmul_precision(before)
    return {"gain": fast / rate, "largest_difference_of_policies": largest_difference(exact, rounded)}


def gpu_check(
    configs: Sequence[Mapping[str, Any]], device: torch.device, seconds: float = 2.0
) -> dict[str, Any]:
    """All checks and measurements."""
    started = time.monotonic()
    result: dict[str, Any] = {
        "device": device_model(device),
        "versions": package_versions(),
        "git": git_state(),
        "methods": {},
    }
    progress = Progress(len(configs), "gpu check")
    for done, config in enumerate(configs, start=1):
        entry: dict[str, Any] = {
            "capture": check_capture(config, device) if device.type == "cuda" else None,
            "resume": check_resume(config, device),
            "block": check_block(config, device),
            "against_cpu": check_against_cpu(config, device),
            "speed": measure(config, device, seconds),
        }
        if device.type == "cuda":
            entry["tf32"] = measure_tf32(config, device, seconds)
        result["methods"][f"{config['method']}/{config['variant']}"] = entry
        progress.update(done, config["method"])
    ten = result["methods"].get("diffusion_ql/paper")
    if ten:
        rate = ten["speed"]["seed_updates_per_second"]["10"]
        result["diffusion_ql_table_hours"] = TABLE_UPDATES_PER_SEED * TABLE_SEEDS / rate / 3600.0
    bad = [
        f"{name}: {check}"
        for name, entry in result["methods"].items()
        for check in ("capture", "resume")
        if entry[check] is not None and not entry[check]["equal"]
    ]
    result["failed"] = bad
    result["wall_seconds"] = time.monotonic() - started
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(prog="python -m algos.gpu_check", description=__doc__.split("\n")[0])
    parser.add_argument(
        "--configs", required=True, type=Path, help="from python -m recheck_planning.benchmark"
    )
    parser.add_argument("--output", required=True, type=Path, help="JSON file to write")
    parser.add_argument("--device", default="cuda", help="cuda, or cpu to try the program out")
    parser.add_argument("--methods", default=None, help="comma-separated; all when left out")
    parser.add_argument("--window-seconds", type=float, default=2.0, help="of each speed measurement")
    options = parser.parse_args(arguments)
    try:
        device = choose_device(options.device)
        methods = options.methods.split(",") if options.methods else None
        configs = benchmark.read_configs(options.configs, methods)
        result = gpu_check(configs, device, options.window_seconds)
    except (TrainingError, MethodError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    save_json(options.output, result)
    for name, entry in result["methods"].items():
        speed = entry["speed"]
        print(
            f"{name}: {speed['seed_updates_per_second']['10']:,.0f} seed-updates/s at K=10, "
            f"{speed['ten_against_one']:.1f} x K=1, {speed['captured_against_not']:.1f} x uncaptured"
        )
    if "diffusion_ql_table_hours" in result:
        print(
            f"Diffusion-QL's table of 20 tasks and 10 seeds: {result['diffusion_ql_table_hours']:,.0f} hours"
        )
    print(f"Written to {options.output} in {result['wall_seconds']:.0f} s.")
    if result["failed"]:
        print(f"FAILED: {'; '.join(result['failed'])} are not equal", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
