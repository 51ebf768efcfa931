"""Memory of evaluation jobs beside what the rule asks for, with episodes of a few steps.

    python tools/measure_evaluation_memory.py [--tasks kitchen-mixed-v0,pen-human-v1,antmaze-medium-play-v2]
        [--workers 1,2] [--seeds 10] [--episodes 100] [--horizon 5]

Each job is the real command, in processes of its own, with as many environments and with the memory that the
plan asks for at the task's own horizon. The policies are IQL's, untrained. Printed are the largest process
(what ``/usr/bin/time -v`` calls the maximum resident set size) and the proportional set size of all processes
of the job together, sampled ten times a second. Linux alone.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from recheck import files, tasks
from recheck.experiments.runs import EVALUATION_DEFAULTS
from recheck.jobs import rates, resources
from recheck.methods import hyperparameters

from algos.methods import method_class
from algos.seed_parallel.batches import ProblemSpec
from algos.training.config import RunConfig
from algos.training.stored import save_json, save_tensors
from algos.training.trainer import build_method

ROOT = Path(__file__).resolve().parents[1]
METHOD, UPDATE = "iql", 10
HYPERPARAMETERS_OF = "hopper-medium-expert-v2"
SAMPLE_SECONDS = 0.1


@dataclass(frozen=True)
class Measured:
    """Memory of one job, MB: the largest process, all together, and what is declared."""

    largest_mb: float
    together_mb: float
    declared_mb: int
    environments: int


def run_folder(folder: Path, problem: ProblemSpec, num_seeds: int) -> dict[str, Any]:
    """Write the run folder of untrained seeds; returns its configuration."""
    method = hyperparameters.read(ROOT, METHOD)
    resolved = hyperparameters.resolve(ROOT, method, method.default_variant, HYPERPARAMETERS_OF, {})
    config = {
        "format": 1,
        "method": METHOD,
        "method_format": method_class(METHOD).format_version,
        "task": "measured-v0",
        "variant": method.default_variant,
        "diffusion_steps": 0,
        "num_updates": UPDATE,
        "checkpoints": [UPDATE],
        "hyperparameters": resolved.values,
        "transforms": [],
        "train_fraction": 1.0,
        "digest": "00000000",
        "seeds": list(range(num_seeds)),
    }
    policy = build_method(RunConfig.from_document(config), problem, torch.device("cpu")).policy()
    folder.mkdir(parents=True)
    save_json(folder / "config.json", config)
    save_tensors(folder / "policies.safetensors", {f"{UPDATE}/{name}": part for name, part in policy.items()})
    return config


def proportional_mb(root: int) -> float:
    """Proportional set size of a process and of all that it has started, MB."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):  # it has ended
            continue
    family, grown = {root}, True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in family} - family
        family |= more
        grown = bool(more)
    total = 0.0
    for pid in family:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024 / 1e6
    return total


def measure(task: str, workers: int, num_seeds: int, episodes: int, horizon: int) -> Measured:
    """One job, with episodes of `horizon` steps.

    Raises:
        SystemExit: the job has failed; its message is above.
    """
    row = tasks.read(ROOT)[task]
    problem = ProblemSpec(int(row["observation_dim"]), int(row["action_dim"]))
    amounts = {
        **EVALUATION_DEFAULTS,
        "episodes": 1,
        "episodes_last": episodes,
        "episodes_reevaluated": 0,
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = run_folder(folder / "run", problem, num_seeds)
        manifest = {key: row[key] for key in ("environment_id", "adapter")}
        manifest |= {"format": 1, "task": "measured-v0", "horizon": horizon, "content_sha256": "0" * 64}
        manifest |= {"observation_dim": problem.observation_dim, "action_dim": problem.action_dim}
        files.write_json(folder / "manifest.json", manifest)
        job = resources.Evaluated(config, {"name": "default"}, amounts, row, num_seeds)
        machine = resources.Machine(workers, False, 16000, 720)
        known = rates.read_rates(ROOT)
        pool = resources.environments(job, machine, known)
        declared = resources.evaluation_memory_mb(job, machine, known)
        command = [sys.executable, "-m", "algos.evaluate", "--run", str(folder / "run")]
        command += ["--dataset", str(folder), "--evaluation", json.dumps(amounts)]
        command += ["--output", str(folder / "rows.parquet"), "--workers", str(workers)]
        command += ["--environments", str(pool), "--memory-mb", str(declared)]
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
        together = 0.0
        while True:
            together = max(together, proportional_mb(process.pid))
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            time.sleep(SAMPLE_SECONDS)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} ended with {process.returncode}.")
    return Measured(usage.ru_maxrss * 1024 / 1e6, together, declared, pool)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(description="Memory of evaluation jobs beside what they ask for.")
    parser.add_argument("--tasks", default="kitchen-mixed-v0,pen-human-v1,antmaze-medium-play-v2")
    parser.add_argument("--workers", default="1,2", help="processes that play, comma-separated")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--episodes", type=int, default=100, help="of each seed")
    parser.add_argument("--horizon", type=int, default=5, help="steps of an episode")
    given = parser.parse_args(arguments)
    print("| task | processes | environments | declared, MB | largest process, MB | together, MB |")
    print("|---|---|---|---|---|---|")
    for task in given.tasks.split(","):
        for workers in map(int, given.workers.split(",")):
            found = measure(task, workers, given.seeds, given.episodes, given.horizon)
            print(
                f"| {task} | {workers} | {found.environments} | {found.declared_mb:,} | "
                f"{found.largest_mb:,.0f} | {found.together_mb:,.0f} |",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
