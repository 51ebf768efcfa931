"""What the plugin costs, measured on the one-box SLURM (after slurm_up.sh and `. env.sh`).

    python tests/cluster/measure.py jobs [--repeats 3] [--official PYTHON]
    python tests/cluster/measure.py dry-run [--jobs 20000] [--repeats 3]

``jobs``: 20 one-second jobs through the plugin, as one submitit array of the very same job commands, and
through the official plugin, whose environment is that of PYTHON (it drops SLURM_CONF in its jobs, so let
/etc/slurm/slurm.conf be a link to the cluster's meanwhile). ``dry-run``: a dry-run of many jobs with
this plugin and with Snakemake's own executor. The ways take turns, so that other work on the machine weighs
on all alike.
"""

import argparse
import os
import pickle
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

SNAKEFILE = """
rule all:
    input: expand("{i}.txt", i=range(20))
rule one:
    output: "{i}.txt"
    resources: runtime=5, mem_mb=500
    shell: "sleep 1; touch {output}"
"""

MANY = """
rule all:
    input: expand("{i}.txt", i=range(NUMBER))
rule one:
    output: "{i}.txt"
    params: state="state/{i}"
    resources: runtime=5, mem_mb=500
    shell: "sleep 1; touch {output}"
"""

RAW = """
import pickle, subprocess, sys, time
from pathlib import Path
from submitit.slurm.slurm import SlurmExecutor

def work(command):
    return subprocess.check_call(["/bin/bash", "-c", command])

commands = pickle.loads(Path("commands.pkl").read_bytes())
executor = SlurmExecutor(folder="raw")
executor.update_parameters(time=5, mem="500M", cpus_per_task=1, nodes=1, ntasks_per_node=1, job_name="raw")
jobs = executor.map_array(work, commands)
while not all(job.paths.result_pickle.exists() for job in jobs):
    time.sleep(0.1)
"""


def timed(command: list[str], folder: Path, **environment: str) -> float:
    """Wall seconds of a command that must succeed."""
    start = time.monotonic()
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode:
        sys.exit(done.stdout.decode()[-2000:])
    return time.monotonic() - start


def plugin(python: str = sys.executable) -> list[str]:
    words = [python, "-m", "snakemake", "--executor", "submitit", "--jobs", "20", "--scheduler", "greedy"]
    return [*words, "--latency-wait", "5"]


def job_commands(folder: Path) -> list[str]:
    """The inner Snakemake's commands, taken from the pickles by an sbatch that refuses."""
    from snakemake_executor_plugin_submitit.task import Task

    programs = folder / "programs"
    programs.mkdir()
    (programs / "sbatch").write_text(f'#!/bin/sh\ncp "$(dirname "$2")"/*.pkl {folder}/; exit 1\n')
    (programs / "sbatch").chmod(0o755)
    subprocess.run(
        plugin(),
        cwd=folder,
        env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"},
        capture_output=True,
    )
    commands = [Task.parse(pickle.loads(path.read_bytes()).args[0]).command for path in folder.glob("*.pkl")]
    for command in commands:
        for waited in re.findall(r"--wait-for-files '?([^' ]+)", command):
            Path(waited).mkdir(parents=True, exist_ok=True)
    return commands


def by_plugin() -> float:
    with tempfile.TemporaryDirectory(dir=os.getcwd()) as name:
        folder = Path(name)
        (folder / "Snakefile").write_text(SNAKEFILE)
        return timed(plugin(), folder)


def by_submitit() -> float:
    with tempfile.TemporaryDirectory(dir=os.getcwd()) as name:
        folder = Path(name)
        (folder / "Snakefile").write_text(SNAKEFILE)
        commands = job_commands(folder)
        assert len(commands) == 20
        (folder / "commands.pkl").write_bytes(pickle.dumps(commands))
        (folder / "raw.py").write_text(RAW)
        return timed([sys.executable, "raw.py"], folder)


def by_official(python: str) -> float:
    with tempfile.TemporaryDirectory(dir=os.getcwd()) as name:
        folder = Path(name)
        (folder / "Snakefile").write_text(SNAKEFILE)
        words = [python, "-m", "snakemake", "--executor", "slurm", "--jobs", "20", "--scheduler", "greedy"]
        words += ["--latency-wait", "5", "--default-resources", "slurm_partition=main"]
        return timed([*words, "slurm_account=recheck_account"], folder)


def dry_run(executor: str, number: int) -> float:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "Snakefile").write_text(MANY.replace("NUMBER", str(number)))
        words = [sys.executable, "-m", "snakemake", "--dry-run", "--quiet", "--executor", executor]
        return timed([*words, "--cores", "1", "--jobs", "500"], folder)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["jobs", "dry-run"])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--official", metavar="PYTHON")
    parser.add_argument("--jobs", type=int, default=20_000)
    arguments = parser.parse_args()
    ways: dict[str, Callable[[], float]]
    if arguments.what == "jobs":
        ways = {"this plugin": by_plugin, "one submitit array": by_submitit}
        if arguments.official:
            ways["official plugin"] = lambda: by_official(arguments.official)
    else:
        ways = {name: lambda name=name: dry_run(name, arguments.jobs) for name in ("submitit", "local")}  # type: ignore[misc]
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(arguments.repeats):
        for name, way in ways.items():
            seconds[name].append(way())
            print(f"{name:20s} {seconds[name][-1]:6.1f} s", flush=True)
    first = statistics.median(next(iter(seconds.values())))
    for name, times in seconds.items():
        median = statistics.median(times)
        print(f"{name:20s} median {median:6.1f} s, first way / this one: {first / median:.2f}")


if __name__ == "__main__":
    main()
