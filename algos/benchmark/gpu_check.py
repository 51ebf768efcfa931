"""Everything that only a GPU can show, in one go: correctness first, then speed, into one JSON file.

    python -m algos.benchmark.gpu_check --configs <configs.json> --output results/benchmark/gpu_check.json

Correctness, for every method:

- captured programs give the very numbers of updates run one by one (equal bits);
- a run that is stopped and resumed ends in the same policy (equal bits);
- a seed in a block of five against the same seed alone (largest difference; a GPU picks its matrix
  kernels by shape, so that the last bits may differ);
- the GPU against the CPU from the same weights and the same random inputs (largest difference of the losses).

Speed: K = 10 against K = 1, captured against not, launches, peak memory, latency, the hours that the
20-task, 10-seed Diffusion-QL table would take, TF32 on and off, and on request (``--compiled``, a minute
more a method) compiled losses inside the captured program. What fails is written down as failed and the rest
continues; the file grows method by method. With ``--device cpu`` the same program runs without capture, which
is how it is tested where there is no GPU.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from recheck import cli
from recheck.errors import MethodError
from recheck.files import write_json
from recheck.progress import Progress
from recheck.versions import git_state, package_versions

from algos.base import Method
from algos.benchmark import __main__ as benchmark_command
from algos.benchmark import measure as measure_module
from algos.benchmark import programs
from algos.seed_parallel import kernels
from algos.seed_parallel.random_streams import CHUNK_UPDATES, ChunkedInputs, SeedStreams
from algos.training.cuda_graphs import Program
from algos.training.device import choose_device, device_model

# The updates that are compared: moving averages, which start at update 1,000, act in the second chunk.
FIRST_CHECKED_UPDATE = 15 * CHUNK_UPDATES
CHECKED_UPDATES = 2 * CHUNK_UPDATES
# Among so many first updates every variant of an update occurs.
PERIOD_UPDATES = 3000
# Of the GPU's first losses against the CPU's. Rounding alone gives 1e-6 to 1e-3 after eight updates.
MOST_AGAINST_CPU = 0.05
# A paper's table, as Diffusion-QL's: 20 tasks, each of the configuration's own number of updates, ten seeds.
TABLE_TASKS = 20
TABLE_SEEDS = 10
MEASURED_BLOCKS = (1, 5, 10, 20)


def checked_spans(method: Method) -> list[tuple[int, int]]:
    """First update and number of updates of each span that is compared: together they hold every variant.

    After the first one come the chunks of variants that are rare, such as AWR's new returns.
    """
    spans = [(FIRST_CHECKED_UPDATE, CHECKED_UPDATES)]
    variants = [method.update_variant(update) for update in range(PERIOD_UPDATES)]
    for update in range(FIRST_CHECKED_UPDATE + CHECKED_UPDATES, PERIOD_UPDATES):
        if not any(variants[update] in variants[first : first + count] for first, count in spans):
            spans.append((update - update % CHUNK_UPDATES, CHUNK_UPDATES))
    return spans


def trained(config: Mapping[str, Any], seeds: Sequence[int], device: torch.device, capture: bool) -> Method:
    """A method after the updates that are compared, on the synthetic data."""
    data = programs.synthetic_data(device, config)
    method = programs.build(config, seeds, device)
    streams = SeedStreams(seeds, "train", device)
    program = Program(
        method, data, ChunkedInputs(method.random_inputs(), streams, data.num_rows), capture=capture
    )
    for first, count in checked_spans(method):
        programs.run_updates(program, first, count)
    programs.wait_for(device)
    return method


def largest_difference(first: Mapping[str, torch.Tensor], second: Mapping[str, torch.Tensor]) -> float:
    """Over all tensors of two states."""
    return max(float((first[name] - second[name]).abs().max()) for name in first)


def check_capture(config: Mapping[str, Any], device: torch.device) -> dict[str, Any]:
    """Captured against one by one."""
    states = [trained(config, [0, 1, 2], device, capture).state() for capture in (True, False)]
    difference = largest_difference(*states)
    return {
        "equal": all(torch.equal(states[0][n], states[1][n]) for n in states[0]),
        "difference": difference,
    }


def check_resume(config: Mapping[str, Any], device: torch.device) -> dict[str, Any]:
    """Stopped in the middle of a chunk and resumed from the state, against undisturbed."""
    capture = device.type == "cuda"
    undisturbed = trained(config, [0, 1], device, capture).state()
    chunk = FIRST_CHECKED_UPDATE + CHUNK_UPDATES
    stop = chunk + 13
    data = programs.synthetic_data(device, config)
    first = programs.build(config, [0, 1], device)
    inputs = ChunkedInputs(first.random_inputs(), SeedStreams([0, 1], "train", device), data.num_rows)
    program = Program(first, data, inputs, capture=capture)
    programs.run_updates(program, FIRST_CHECKED_UPDATE, stop - FIRST_CHECKED_UPDATE)
    state, streams = first.state(), inputs.chunk_state
    second = programs.build(config, [0, 1], device)
    second.load_state(state)
    resumed = ChunkedInputs(second.random_inputs(), SeedStreams([0, 1], "train", device), data.num_rows)
    assert streams is not None
    resumed.streams.set_state(streams)
    program = Program(second, data, resumed, capture=capture)
    program.load_chunk(chunk)
    programs.run_updates(program, stop, FIRST_CHECKED_UPDATE + CHECKED_UPDATES - stop)
    for start, count in checked_spans(second)[1:]:
        programs.run_updates(program, start, count)
    got = second.state()
    return {
        "equal": all(torch.equal(undisturbed[n], got[n]) for n in got),
        "difference": largest_difference(undisturbed, got),
    }


def check_block(config: Mapping[str, Any], device: torch.device) -> dict[str, Any]:
    """Seed 3 of a block of five against seed 3 alone."""
    capture = device.type == "cuda"
    block = trained(config, [0, 1, 2, 3, 4], device, capture).policy()
    alone = trained(config, [3], device, capture).policy()
    part = {n: t[3 * (t.shape[0] // 5) : 4 * (t.shape[0] // 5)] for n, t in block.items()}
    return {
        "equal": all(torch.equal(part[n], alone[n]) for n in alone),
        "difference": largest_difference(part, alone),
    }


def check_against_cpu(config: Mapping[str, Any], device: torch.device) -> dict[str, Any]:
    """The losses of the first updates from the same weights and random inputs, here and on the CPU."""
    losses = []
    cpu_inputs: ChunkedInputs | None = None
    for target in (torch.device("cpu"), device):
        data = programs.synthetic_data(target, config)
        method = programs.build(config, [0], target)
        inputs = ChunkedInputs(method.random_inputs(), SeedStreams([0], "train", target), data.num_rows)
        program = Program(method, data, inputs)
        program.load_chunk(0)
        if cpu_inputs is None:
            cpu_inputs = inputs
        else:
            for name, buffer in inputs.buffers.items():
                buffer.copy_(cpu_inputs.buffers[name])
        program.run(0, 8)
        losses.append(program.history[:8].cpu())
    relative = (losses[0] - losses[1]).abs() / losses[0].abs().clamp(min=1e-3)
    return {"largest_relative_difference": float(relative.max())}


def speed_of(
    config: Mapping[str, Any],
    num_seeds: int,
    device: torch.device,
    capture: bool,
    seconds: float,
    compiled: bool = False,
) -> dict[str, Any]:
    """Seed-updates per second, median of three windows; launches, peak memory, seconds of warming up."""
    options = {
        "device": device.type,
        "threads": torch.get_num_threads(),
        "kernels": kernels.in_use(),
        "compile": "losses" if compiled else None,
        "capture": capture,
        "windows": 3,
        "window_seconds": seconds,
    }
    measured = measure_module.train_windows(config, options, num_seeds)
    return {"seed_updates_per_second": float(statistics.median(measured.pop("rates"))), **measured}


def measure(config: Mapping[str, Any], device: torch.device, seconds: float) -> dict[str, Any]:
    """The speed of one method: blocks of 1, 5, 10 and 20 seeds, captured and not."""
    blocks = {str(k): speed_of(config, k, device, device.type == "cuda", seconds) for k in MEASURED_BLOCKS}
    uncaptured = speed_of(config, 10, device, False, seconds)
    rates = {k: block["seed_updates_per_second"] for k, block in blocks.items()}
    return {
        "seed_updates_per_second": rates,
        "blocks": blocks,
        "seed_updates_per_second_uncaptured_10": uncaptured["seed_updates_per_second"],
        "ten_against_one": rates["10"] / rates["1"],
        "captured_against_not": rates["10"] / uncaptured["seed_updates_per_second"],
        "action_latency_ms": measure_module.measure_latency(config, device),
    }


def measure_tf32(
    config: Mapping[str, Any], device: torch.device, seconds: float, exact_rate: float
) -> dict[str, Any]:
    """What TF32 gains over `exact_rate` at K = 10, and what it does to the policy after a few updates."""
    before = torch.get_float32_matmul_precision()
    exact = trained(config, [0], device, True).policy()
    torch.set_float32_matmul_precision("high")
    try:
        rounded = trained(config, [0], device, True).policy()
        fast = speed_of(config, 10, device, True, seconds)["seed_updates_per_second"]
    finally:
        torch.set_float32_matmul_precision(before)
    return {"gain": fast / exact_rate, "largest_difference_of_policies": largest_difference(exact, rounded)}


def measure_compiled(
    config: Mapping[str, Any], device: torch.device, seconds: float, plain_rate: float
) -> dict[str, Any]:
    """Compiled losses in the captured program against `plain_rate`, K = 10."""
    measured = speed_of(config, 10, device, device.type == "cuda", seconds, compiled=True)
    return {**measured, "gain": measured["seed_updates_per_second"] / plain_rate}


def _attempt(check: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """A check's result, or the error that ended it: the others still count."""
    try:
        return check(*arguments)
    except (RuntimeError, MethodError) as error:  # torch's CUDA, capture and memory errors are RuntimeErrors
        return {"error": f"{type(error).__name__}: {str(error).splitlines()[0]}"}


def _failures(name: str, entry: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What of a method's entry does not hold."""
    failed = [f"{name}: {check} ended in {part['error']}" for check, part in entry.items() if "error" in part]
    for check in ("capture", "resume"):
        if not entry.get(check, {}).get("equal", True):
            failed.append(f"{name}: {check} is not equal")
    if entry["against_cpu"].get("largest_relative_difference", 0.0) > MOST_AGAINST_CPU:
        failed.append(f"{name}: losses differ from the CPU's by more than {MOST_AGAINST_CPU}")
    return failed


def gpu_check(
    configs: Sequence[Mapping[str, Any]],
    device: torch.device,
    seconds: float = 2.0,
    compiled: bool = False,
    save: Callable[[Mapping[str, Any]], None] = lambda result: None,
) -> dict[str, Any]:
    """All checks and measurements.

    Args:
        configs: of the methods, as `recheck.methods.benchmark_configs` writes them.
        device: that is checked.
        seconds: of each window; there are three to a measurement.
        compiled: also measure compiled losses.
        save: called with the result so far after every method.
    """
    started = time.monotonic()
    result: dict[str, Any] = {
        "device": device_model(device),
        "versions": package_versions(),
        "git": git_state(),
        "methods": {},
        "failed": [],
    }
    cuda = device.type == "cuda"
    progress = Progress(len(configs), "gpu check")
    for done, config in enumerate(configs, start=1):
        name = f"{config['method']}/{config['variant']}"
        entry: dict[str, dict[str, Any]] = {}
        if cuda:
            entry["capture"] = _attempt(check_capture, config, device)
        entry["resume"] = _attempt(check_resume, config, device)
        entry["block"] = _attempt(check_block, config, device)
        entry["against_cpu"] = _attempt(check_against_cpu, config, device)
        entry["speed"] = _attempt(measure, config, device, seconds)
        ten = entry["speed"].get("seed_updates_per_second", {}).get("10")
        if ten and cuda:
            entry["tf32"] = _attempt(measure_tf32, config, device, seconds, ten)
        if ten and compiled:
            entry["compiled"] = _attempt(measure_compiled, config, device, seconds, ten)
        result["methods"][name] = entry
        result["failed"] += _failures(name, entry)
        if ten:
            updates = TABLE_TASKS * TABLE_SEEDS * config["num_updates"]
            entry["table_hours"] = {"hours": updates / ten / 3600.0}
        result["wall_seconds"] = time.monotonic() - started
        save(result)
        progress.update(done, config["method"])
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(
        prog="python -m algos.benchmark.gpu_check", description=__doc__.split("\n")[0]
    )
    parser.add_argument(
        "--configs", required=True, type=Path, help="from python -m recheck.methods.benchmark_configs"
    )
    parser.add_argument("--output", required=True, type=Path, help="JSON file to write")
    parser.add_argument("--device", default="cuda", help="cuda, or cpu to try the program out")
    parser.add_argument("--methods", default=None, help="comma-separated; all when left out")
    parser.add_argument("--window-seconds", type=float, default=2.0, help="of each speed measurement")
    parser.add_argument("--compiled", action="store_true", help="also measure compiled losses")
    options = parser.parse_args(arguments)

    def command() -> int:
        device = choose_device(options.device)
        methods = options.methods.split(",") if options.methods else None
        configs = benchmark_command.read_configs(options.configs, methods)
        save = functools.partial(write_json, options.output)
        result = gpu_check(configs, device, options.window_seconds, options.compiled, save)
        for name, entry in result["methods"].items():
            speed = entry["speed"]
            if "error" in speed:
                continue
            print(
                f"{name}: {speed['seed_updates_per_second']['10']:,.0f} seed-updates/s at K=10, "
                f"{speed['ten_against_one']:.1f} x K=1, {speed['captured_against_not']:.1f} x uncaptured; "
                f"{TABLE_TASKS} tasks, {TABLE_SEEDS} seeds: {entry['table_hours']['hours']:,.0f} hours"
            )
        print(f"Written to {options.output} in {result['wall_seconds']:.0f} s.")
        if result["failed"]:
            print(f"FAILED: {'; '.join(result['failed'])}", file=sys.stderr)
            return 1
        return 0

    return cli.run(command)


if __name__ == "__main__":
    sys.exit(main())
