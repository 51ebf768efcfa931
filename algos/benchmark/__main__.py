"""How fast the methods train and act here, and how far that is from what the machine can do.

    python -m algos.benchmark --configs <configs.json> --output results/benchmark [--device auto]
        [--threads 1] [--processes 1] [--kernels auto] [--compile] [--methods iql,diffusion_ql]
        [--blocks 1,5,10] [--diffusion-steps 5,20,50,100]

`configs.json` is what ``python -m recheck.methods.benchmark_configs`` writes: for each method the
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
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recheck import cli
from recheck.errors import MethodError, TrainingError
from recheck.files import write_json, write_text
from recheck.progress import Progress
from recheck.versions import cpu_model, git_state, package_versions

from algos.benchmark.measure import measure_evaluation, measure_latency, measure_training
from algos.benchmark.operators import peak_flops_per_second
from algos.benchmark.programs import build, steps_to_measure
from algos.methods import method_class
from algos.training.device import choose_device, device_model
from algos.training.execution import add_compile_option
from algos.training.process_setup import set_up_process


def benchmark(
    configs: Sequence[Mapping[str, Any]],
    blocks: Sequence[int],
    diffusion_steps: Sequence[int],
    options: Mapping[str, Any],
) -> dict[str, Any]:
    """Measure every configuration; methods with diffusion at every N, EDP and its like at their own.

    Args:
        configs: mappings with method, variant, hyperparameters, num_updates, diffusion_steps.
        blocks: seeds per block K.
        diffusion_steps: N.
        options: device, threads, processes, kernels, compile, capture, windows, window_seconds.
    """
    device = choose_device(options["device"])
    form = set_up_process(options["threads"], options["kernels"])
    cells, left_out = [], []
    for config_index, config in enumerate(configs):
        if options["compile"] == "update" and not method_class(config["method"]).COMPILES_WHOLE_UPDATE:
            left_out.append(f"{config['method']}: its whole update cannot be compiled")
            continue
        for steps in steps_to_measure(config, diffusion_steps):
            try:
                build({**config, "diffusion_steps": steps}, [0], device)
            except MethodError as error:  # a schedule without small N
                left_out.append(f"{config['method']} with N = {steps}: {error}")
                continue
            cells += [(config_index, steps, k) for k in blocks]
    progress = Progress(len(cells), "benchmark")
    rows: list[dict[str, Any]] = []
    evaluated: set[int] = set()
    for done, (config_index, steps, k) in enumerate(cells, start=1):
        config = configs[config_index]
        at = {**config, "diffusion_steps": steps}
        row = {"method": config["method"], "variant": config["variant"], "diffusion_steps": steps, "block": k}
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
    compiled = f", {machine['compiled']} compiled" if machine["compiled"] else ""
    lines = [
        f"{machine['device']}; processes: {machine['processes']}, threads of each: {machine['threads']}, "
        f"kernels {machine['kernels']}{compiled}"
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
            row["diffusion_steps"] or "-",
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
            f"`python -m recheck.methods.benchmark_configs --output {path}`"
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
        "--configs", required=True, type=Path, help="from python -m recheck.methods.benchmark_configs"
    )
    parser.add_argument("--output", required=True, type=Path, help="folder to write")
    parser.add_argument("--methods", default=None, help="comma-separated; all when left out")
    parser.add_argument("--blocks", type=numbers, default=[1, 5, 10], help="seeds per block (1,5,10)")
    parser.add_argument("--diffusion-steps", type=numbers, default=[5, 20, 50, 100], help="N (5,20,50,100)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of each process")
    parser.add_argument("--processes", type=int, default=1, help="processes that train side by side")
    parser.add_argument("--kernels", default="auto", help="auto, onednn or plain")
    add_compile_option(parser)
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

    def command() -> None:
        methods = options.methods.split(",") if options.methods else None
        configs = read_configs(options.configs, methods)
        result = benchmark(configs, options.blocks, options.diffusion_steps, settings)
        table = as_table(result)
        write_json(options.output / "benchmark.json", result)
        write_text(options.output / "benchmark.md", table)
        print(table)

    return cli.run(command)


if __name__ == "__main__":
    sys.exit(main())
