"""Run what is missing of the planned comparison with CORL's IQL (docs/faithfulness.md), one run at a time.

    python tools/run_faithfulness.py --source <clone of corl-team/CORL> [--data-folder <folder of the files>]

Seed by seed, our run and CORL's in turn. A seed is missing where neither the repository's
`paper_tables/faithfulness/runs.csv` nor the folder `results` holds it. SIGTERM stops it: our trainer writes
its state and resumes from there at the next call; a seed of CORL's program, which writes none, is done again.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

import yaml
from recheck import cli
from recheck import plan as planning
from recheck.errors import ConfigError, Preempted

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "paper_tables" / "faithfulness"


def kept(path: Path) -> set[tuple[str, str, int]]:
    """(program, task, seed) of the runs that the repository holds."""
    if not path.is_file():
        return set()
    with path.open(encoding="utf-8", newline="") as file:
        return {(row["program"], row["task"], int(row["seed"])) for row in csv.DictReader(file)}


def corl_file(task: str, seed: int) -> Path:
    """Where the rows of a seed of CORL's program are written."""
    return ROOT / "results" / "faithfulness" / "corl" / task / f"seed{seed}.csv"


def our_command(plan: dict[str, Any], task: str, seed: int, data_folder: str | None) -> list[str]:
    """Snakemake's command for the episodes of one seed of ours."""
    settings = yaml.safe_load((ROOT / "workflow/config/config.yaml").read_text(encoding="utf-8"))
    changes = {"experiment": plan["experiment"], "seeds": [seed], "data_folder": data_folder}
    loaded = planning.load({**settings, **changes}, ROOT)
    (cell,) = [cell for cell in loaded.cells if cell.run.config["task"] == task]
    command = [sys.executable, "-m", "snakemake", "--cores", "1", cell.episodes]
    command += ["--config", f"experiment={plan['experiment']}", f"seeds=[{seed}]"]
    return [*command, f"data_folder={data_folder}"] if data_folder else command


def corl_command(plan: dict[str, Any], task: str, seed: int, options: argparse.Namespace) -> list[str]:
    """The command for one seed of CORL's program."""
    command = [sys.executable, str(ROOT / "tools" / "run_corl_iql.py"), "--source", str(options.source)]
    command += ["--code", plan["released_code"], "--task", task, "--seed", str(seed)]
    command += ["--num-updates", str(plan["num_updates"]), "--output", str(corl_file(task, seed))]
    return [*command, "--data-folder", options.data_folder] if options.data_folder else command


def call(command: list[str]) -> None:
    """Run a command to its end; SIGTERM to this process is handed on to it and all that it has started.

    Raises:
        Preempted: after SIGTERM.
        ConfigError: the command failed.
    """
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "workflow" / "src"))),
    }
    process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)
    stopped = []

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.append(True)
        os.killpg(process.pid, signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        status = process.wait()
    finally:
        signal.signal(signal.SIGTERM, before)
    if stopped:
        raise Preempted("Stopped by SIGTERM; the same command resumes.")
    if status:
        raise ConfigError(f"This command ended with {status}: {' '.join(command)}")


def run(options: argparse.Namespace) -> None:
    """Run what is missing, in the plan's order.

    Raises:
        Preempted: after SIGTERM.
        ConfigError: a command failed.
    """
    plan = yaml.safe_load((FOLDER / "plan.yaml").read_text(encoding="utf-8"))
    done = kept(FOLDER / "runs.csv")
    for task in plan["tasks"]:
        for seed in plan["seeds"]:
            for program in ("recheck", "corl"):
                if (program, task, seed) in done or (program == "corl" and corl_file(task, seed).is_file()):
                    continue
                started = time.time()
                if program == "corl":
                    call(corl_command(plan, task, seed, options))
                else:
                    call(our_command(plan, task, seed, options.data_folder))
                record = {"program": program, "task": task, "seed": seed}
                print(json.dumps({**record, "wall_seconds": round(time.time() - started)}), flush=True)


def main(arguments: list[str] | None = None) -> int:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(description="Run what is missing of the comparison with CORL's IQL.")
    parser.add_argument("--source", required=True, type=Path, help="clone of corl-team/CORL")
    parser.add_argument("--data-folder", default=None, help="a folder in which dataset files are looked for")
    options = parser.parse_args(arguments)
    return cli.run(lambda: run(options))


if __name__ == "__main__":
    sys.exit(main())
