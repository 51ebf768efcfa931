"""How fast the methods train and act here, and how far that is from what the machine can do.

    python -m algos.benchmark --configs <configs.json> --output results/benchmark [--device auto]
        [--threads 1] [--processes 1] [--kernels auto] [--compile] [--methods iql,diffusion_ql]
        [--blocks 1,5,10] [--train-steps 5,20,50,100]

`configs.json` is what ``python -m recheck_planning.benchmark`` writes: for each method the
hyperparameters of its variant `paper`. Data are synthetic, of Hopper's widths. Per method, seeds per
block K and diffusion steps N:

- seed-updates per second: the median over several windows, summed over the processes;
- FLOPs of the matrix products in one update, counted, and what share of the time those products would
  need on their own, each shape timed by itself (`product_share`: 1 is the limit of these shapes);
- bytes read and written by all operators, operator calls, and on a GPU kernel launches, per update;
- seconds to the first update (compilation and capture), peak memory;
- milliseconds per policy call for 1 and 10 states with the method's own candidates;
- environment steps per second in evaluation (Hopper-v4), where gymnasium is installed.

Written: benchmark.json and benchmark.md. Benchmark alone: another process on the machine shows at once.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from algos import kernels
from algos.methods import Method, MethodError, ProblemSpec, Sampling, TrainingData, method_class
from algos.process import set_up_process
from algos.programs import STRETCH_UPDATES, Program
from algos.progress import Progress
from algos.provenance import cpu_model, device_model, git_state, package_versions
from algos.runstate import save_json, written_aside
from algos.seeding import CHUNK_UPDATES, ChunkedDraws, SeedStreams
from algos.trainer import TrainingError, choose_device, peak_memory_bytes

HOPPER = ProblemSpec(observation_dim=11, action_dim=3)
NUM_ROWS = 100_000
LATENCY_STATES = (1, 10)
# Operators that read as much of their first input as they write.
GATHERS = frozenset({"index_select", "index", "gather"})
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


# --- What is measured ---


def synthetic_data(device: torch.device, seed: int = 0) -> TrainingData:
    """Random transitions of Hopper's widths; every thousandth ends an episode."""
    generator = np.random.default_rng(seed)
    terminals = np.zeros(NUM_ROWS, dtype=np.uint8)
    terminals[999::1000] = 1
    return TrainingData(
        generator.standard_normal((NUM_ROWS, HOPPER.observation_dim), dtype=np.float32),
        np.tanh(generator.standard_normal((NUM_ROWS, HOPPER.action_dim), dtype=np.float32)),
        generator.standard_normal(NUM_ROWS, dtype=np.float32),
        generator.standard_normal((NUM_ROWS, HOPPER.observation_dim), dtype=np.float32),
        terminals,
        device,
    )


def build(config: Mapping[str, Any], seeds: Sequence[int], device: torch.device) -> Method:
    """A method of a benchmark configuration, freshly initialised."""
    return method_class(config["method"])(
        config["hyperparameters"],
        HOPPER,
        config["num_updates"],
        config["train_steps"],
        seeds,
        device,
    )


def build_program(method: Method, data: TrainingData, capture: bool) -> Program:
    """The method's updates on the data, with the first chunk loaded."""
    streams = SeedStreams(method.seeds, "train", method.device)
    program = Program(method, data, ChunkedDraws(method.draws(), streams, data.num_rows), capture=capture)
    program.load_chunk(0)
    return program


def run_updates(program: Program, first: int, count: int) -> int:
    """Do `count` updates from `first`, a stretch at a time; return the next one."""
    end = first + count
    while first < end:
        if first % CHUNK_UPDATES == 0 and program.draws.chunk_start != first:
            program.load_chunk(first)
        step = min(STRETCH_UPDATES, end - first, CHUNK_UPDATES - first % CHUNK_UPDATES)
        program.run(first, step)
        first += step
    return first


def wait_for(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


class OperatorCount(TorchDispatchMode):
    """Counts operator calls, the bytes that they read and write, and matrix products by shape."""

    def __init__(self) -> None:
        super().__init__()
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
        with OperatorCount() as count:
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


# --- Windows ---


def _train_windows(
    config: Mapping[str, Any], options: Mapping[str, Any], num_seeds: int, barrier: Any = None
) -> dict[str, Any]:
    """One process's share: seed-updates per second in each window.

    The seconds of compiling (and of capturing, and of whatever else warms up) are those of the first
    stretch of updates over the second.
    """
    device = choose_device(options["device"])
    set_up_process(options["threads"], options["kernels"])
    data = synthetic_data(device)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    method = build(config, range(num_seeds), device)
    if options["compile"]:
        method.compile_functions()
    program = build_program(method, data, capture=options["capture"] and device.type == "cuda")
    update, seconds = 0, []
    for _ in range(2):
        start = time.perf_counter()
        update = run_updates(program, update, STRETCH_UPDATES)
        wait_for(device)
        seconds.append(time.perf_counter() - start)
    # A GPU is waited for as seldom as in training: once a chunk of randomness.
    stretch = CHUNK_UPDATES if device.type == "cuda" else STRETCH_UPDATES
    rates = []
    for _ in range(options["windows"]):
        if barrier is not None:
            barrier.wait()
        done, start = 0, time.perf_counter()
        while time.perf_counter() - start < options["window_seconds"]:
            update = run_updates(program, update, stretch)
            wait_for(device)
            done += stretch
        rates.append(num_seeds * done / (time.perf_counter() - start))
    return {
        "rates": rates,
        "compile_seconds": max(0.0, seconds[0] - seconds[1]),
        "peak_memory_bytes": peak_memory_bytes(device),
        "launches": count_launches(build_program(method, data, capture=False), 0),
    }


def _train_worker(
    connection: Any, barrier: Any, config: Mapping[str, Any], options: Mapping[str, Any], num_seeds: int
) -> None:
    connection.send(_train_windows(config, options, num_seeds, barrier))


def measure_training(config: Mapping[str, Any], options: Mapping[str, Any], num_seeds: int) -> dict[str, Any]:
    """Seed-updates per second of all processes together, median of windows, and what one update is."""
    processes = options["processes"]
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(processes)
    pipes, workers = [], []
    for _ in range(processes):  # processes of their own also where there is one: peak memory is a process's
        ours, theirs = context.Pipe()
        worker = context.Process(
            target=_train_worker, args=(theirs, barrier, config, options, num_seeds), daemon=True
        )
        worker.start()
        theirs.close()
        pipes.append(ours)
        workers.append(worker)
    try:
        results = [pipe.recv() for pipe in pipes]
    except EOFError as error:
        raise TrainingError(
            f"a process of the benchmark ended early at {config['method']}, K = {num_seeds}; its own message "
            f"stands above"
        ) from error
    finally:
        barrier.abort()
        for worker in workers:
            worker.join()
    windows = [sum(rates) for rates in zip(*(result["rates"] for result in results))]
    device = choose_device(options["device"])
    set_up_process(options["threads"], options["kernels"])
    count = count_operators(config, num_seeds, synthetic_data(device))
    products = sum(n * product_seconds(shape, device) for shape, n in count.products.items())
    rate = statistics.median(windows)
    seconds_per_update = processes * num_seeds / rate
    return {
        "seed_updates_per_second": rate,
        "windows": windows,
        "flops_per_update": count.flops,
        "flops_per_second": count.flops * rate / num_seeds,
        "product_share": products / seconds_per_update,
        "bytes_per_update": count.num_bytes,
        "operator_calls_per_update": count.num_calls,
        "kernel_launches_per_update": results[0]["launches"],
        "compile_seconds": max(result["compile_seconds"] for result in results),
        "peak_memory_bytes": max(result["peak_memory_bytes"] for result in results),
    }


def measure_latency(config: Mapping[str, Any], device: torch.device, calls: int = 20) -> dict[str, float]:
    """Median milliseconds of one policy call for 1 and 10 states, one seed, the method's own candidates."""
    method = build(config, [0], device)
    streams = SeedStreams([0], "latency", device)
    latency = {}
    for num_states in LATENCY_STATES:
        states = torch.randn(1, num_states, HOPPER.observation_dim, device=device)
        seconds = []
        with torch.no_grad():
            for _ in range(calls + 3):
                start = time.perf_counter()
                method.act(states, Sampling(), streams).cpu()  # the copy waits for the device
                seconds.append(time.perf_counter() - start)
        latency[str(num_states)] = 1000.0 * statistics.median(seconds[3:])
    return latency


def measure_evaluation(
    config: Mapping[str, Any], device: torch.device, num_episodes: int = 10
) -> dict[str, float] | None:
    """Environment steps per second with the policy and without it; None where gymnasium is missing."""
    try:
        from algos.evaluator import LocalEpisodes, play
    except ImportError:
        return None
    from algos.transforms import TransformState

    task = {"environment_id": "Hopper-v4", "horizon": 1000, "observation_dim": 11, "action_dim": 3}
    try:
        episodes = LocalEpisodes(task, num_episodes)
    except ImportError:
        return None
    method = build(config, [0], device)
    streams = SeedStreams([0], "evaluate", device)
    seeds = [list(range(num_episodes))]
    start = time.perf_counter()
    _, lengths = play(method, Sampling(), streams, TransformState(), episodes, seeds)
    with_policy = lengths.sum() / (time.perf_counter() - start)
    episodes.reset(seeds[0], [0] * num_episodes)
    actions, steps = np.zeros((num_episodes, HOPPER.action_dim), dtype=np.float32), 0
    start = time.perf_counter()
    active = np.ones(num_episodes, dtype=bool)
    while active.any():
        steps += int(active.sum())
        _, _, active = episodes.step(actions)
    alone = steps / (time.perf_counter() - start)
    episodes.close()
    return {"steps_per_second": float(with_policy), "steps_per_second_without_policy": float(alone)}


# --- The whole benchmark ---


def benchmark(
    configs: Sequence[Mapping[str, Any]],
    blocks: Sequence[int],
    train_steps: Sequence[int],
    options: Mapping[str, Any],
) -> dict[str, Any]:
    """Measure every configuration; methods with diffusion at every N.

    Args:
        configs: mappings with method, variant, hyperparameters, num_updates, train_steps.
        blocks: seeds per block K.
        train_steps: N.
        options: device, threads, processes, kernels, compile, capture, windows, window_seconds.
    """
    device = choose_device(options["device"])
    form = set_up_process(options["threads"], options["kernels"])
    cells, left_out = [], []
    for config_index, config in enumerate(configs):
        for steps in train_steps if config["train_steps"] else (0,):
            try:
                build({**config, "train_steps": steps}, [0], device)
            except MethodError as error:  # EDP's schedule has no small N
                left_out.append(f"{config['method']} with N = {steps}: {error}")
                continue
            cells += [(config_index, steps, k) for k in blocks]
    progress = Progress(len(cells), "benchmark")
    rows: list[dict[str, Any]] = []
    evaluated: set[int] = set()
    for done, (config_index, steps, k) in enumerate(cells, start=1):
        config = configs[config_index]
        at = {**config, "train_steps": steps}
        row = {"method": config["method"], "variant": config["variant"], "train_steps": steps, "block": k}
        row.update(measure_training(at, options, k))
        if k == blocks[0]:
            row["action_latency_ms"] = measure_latency(at, device)
            if config_index not in evaluated:  # at the first N that the method serves
                evaluated.add(config_index)
                row["evaluation"] = measure_evaluation(at, device)
        rows.append(row)
        progress.update(done, f"{row['method']} N={steps} K={k}: {row['seed_updates_per_second']:.1f}/s")
    return {
        "machine": {
            "device": device_model(device),
            "cpu": cpu_model(),
            "threads": options["threads"],
            "processes": options["processes"],
            "kernels": form,
            "compiled": options["compile"],
            "captured": options["capture"] and device.type == "cuda",
            "peak_flops_per_second": peak_flops_per_second(device),
            "versions": package_versions(),
            "git": git_state(),
        },
        "rows": rows,
        "left_out": left_out,
    }


def as_table(result: Mapping[str, Any]) -> str:
    """The result as a Markdown table."""
    machine = result["machine"]
    lines = [
        f"{machine['device']}; {machine['processes']} process(es) of {machine['threads']} thread(s), kernels "
        f"{machine['kernels']}{', compiled' if machine['compiled'] else ''}"
        f"{', captured' if machine['captured'] else ''}; "
        f"largest measured {machine['peak_flops_per_second'] / 1e9:,.0f} GFLOP/s; "
        f"torch {machine['versions']['torch']}",
        "",
        "| method | variant | N | K | seed-updates/s | GFLOP/update | GFLOP/s | share of time in "
        "products at their measured speed | operator calls | launches | MB moved | MB at peak | "
        "compiling, s | latency 1 / 10 states, ms | env steps/s |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in result["rows"]:
        latency = row.get("action_latency_ms")
        evaluation = row.get("evaluation")
        launches = row["kernel_launches_per_update"]
        cells = (
            row["method"],
            row["variant"],
            row["train_steps"] or "-",
            row["block"],
            f"{row['seed_updates_per_second']:,.1f}",
            f"{row['flops_per_update'] / 1e9:.3f}",
            f"{row['flops_per_second'] / 1e9:,.0f}",
            f"{row['product_share']:.0%}",
            row["operator_calls_per_update"],
            "-" if launches is None else launches,
            f"{row['bytes_per_update'] / 1e6:,.0f}",
            f"{row['peak_memory_bytes'] / 1e6:,.0f}",
            f"{row['compile_seconds']:.1f}",
            f"{latency['1']:.2f} / {latency['10']:.2f}" if latency else "",
            f"{evaluation['steps_per_second']:,.0f}" if evaluation else "",
        )
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    lines += ["", *(f"Left out: {reason}." for reason in result["left_out"])]
    return "\n".join(lines).rstrip() + "\n"


def read_configs(path: Path, methods: Sequence[str] | None) -> list[dict[str, Any]]:
    """The configurations to measure.

    Raises:
        TrainingError: the file cannot be read, or a method that was asked for is not in it.
    """
    try:
        configs = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError(
            f"the benchmark's configurations {path} cannot be read ({error}); write them with "
            f"`python -m recheck_planning.benchmark --output {path}`"
        ) from error
    known = [config["method"] for config in configs]
    unknown = sorted(set(methods or ()) - set(known))
    if unknown:
        raise TrainingError(f"{path} has no method {unknown[0]!r}; it has {', '.join(sorted(set(known)))}")
    return [config for config in configs if not methods or config["method"] in methods]


def numbers(text: str) -> list[int]:
    """``1,5,10`` as a list."""
    values = [int(part) for part in text.split(",")]
    if min(values) < 1:
        raise argparse.ArgumentTypeError("allowed are numbers from 1")
    return values


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(prog="python -m algos.benchmark", description=__doc__.split("\n")[0])
    parser.add_argument(
        "--configs", required=True, type=Path, help="from python -m recheck_planning.benchmark"
    )
    parser.add_argument("--output", required=True, type=Path, help="folder to write")
    parser.add_argument("--methods", default=None, help="comma-separated; all when left out")
    parser.add_argument("--blocks", type=numbers, default=[1, 5, 10], help="seeds per block (1,5,10)")
    parser.add_argument("--train-steps", type=numbers, default=[5, 20, 50, 100], help="N (5,20,50,100)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of each process")
    parser.add_argument("--processes", type=int, default=1, help="processes that train side by side")
    parser.add_argument("--kernels", default="auto", help="auto, onednn or plain")
    parser.add_argument("--compile", action="store_true", help="let torch compile the losses")
    parser.add_argument("--no-capture", action="store_true", help="on a GPU, without CUDA graphs")
    parser.add_argument("--windows", type=int, default=5, help="of which the median is taken")
    parser.add_argument("--window-seconds", type=float, default=2.0, help="length of a window, at least")
    options = parser.parse_args(arguments)
    settings = {
        "device": options.device,
        "threads": options.threads,
        "processes": options.processes,
        "kernels": options.kernels,
        "compile": options.compile,
        "capture": not options.no_capture,
        "windows": options.windows,
        "window_seconds": options.window_seconds,
    }
    try:
        methods = options.methods.split(",") if options.methods else None
        configs = read_configs(options.configs, methods)
        result = benchmark(configs, options.blocks, options.train_steps, settings)
    except (TrainingError, MethodError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    save_json(options.output / "benchmark.json", result)
    table = as_table(result)
    with written_aside(options.output / "benchmark.md") as temporary:
        temporary.write_text(table, encoding="utf-8")
    print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
