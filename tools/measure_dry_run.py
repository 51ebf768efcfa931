"""Time and memory of a dry run and of a bare Snakemake workflow with as many jobs.

    python tools/measure_dry_run.py [--experiment d4rl] [--times 1,10] [--rounds 3] [--profile]

The bare workflow has as many jobs, and each job as many wildcards, files, parameters and resources as ours,
all of them constants. The second one has the same from functions that return a constant: what is over it is
the project's own, what it is over the bare one is what Snakemake takes to call functions. The third one has
the fewest parts that give as many jobs: one wildcard, no parameters. `--times 10` gives the experiment ten
times as many seeds. All take turns; figures are medians of processor time and the largest memory of the
process.
`--profile` prints where the experiment's dry run spends its time instead.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# The fewest parts that give as many jobs: one wildcard, no parameters.
LEAST = """
N, OUT = {count}, [f"p{{i}}" for i in range(5)]
rule all:
    input: expand("e/{{n}}/t", n=range(N)), expand("e/{{n}}/u", n=range(N))
rule train:
    output: [f"r/{{{{n}}}}/{{name}}" for name in OUT]
    log: "l/r{{n}}"
    resources: mem_mb=100, runtime=60
    shell: "touch {{output}} &> {{log}}"
rule evaluate:
    input: [f"r/{{{{n}}}}/{{name}}" for name in OUT]
    output: "e/{{n}}/t", "e/{{n}}/u"
    log: "l/e{{n}}"
    resources: mem_mb=100, runtime=60
    shell: "touch {{output}} &> {{log}}"
"""
# The same number of everything in each rule, and nothing behind it.
SHAPED = """
N, OUT = {count}, [f"p{{i}}" for i in range(5)]
PLACE = "{{m}}/{{t}}/{{v}}-{{d}}/N{{n}}/seeds{{first}}-{{last}}"
BLOCKS = [f"iql/task/v-d/N{{i}}/seeds0-0" for i in range(N)]
TEXT = "x" * 1000
def given(wildcards):
    return TEXT
def number(wildcards):
    return 60
def files(*patterns):
    return lambda wildcards: [ancient(each.format(**dict(wildcards.items()))) for each in patterns]
rule all:
    input:
        [f"e/{{block}}/s/t" for block in BLOCKS], [f"e/{{block}}/s/u" for block in BLOCKS],
        [f"r/{{block}}/{{name}}" for block in BLOCKS for name in OUT]
rule data:
    output: "d/{{t}}/a", "d/{{t}}/b"
    shell: "touch {{output}}"
rule train:
    input: files("d/{{t}}/a", "d/{{t}}/b")
    output: [update(f"r/{{PLACE}}/{{name}}") for name in OUT]
    log: f"l/r/{{PLACE}}"
    resources: gpu=0, mem_mb=number, runtime=number
    params: config=given, dataset="d/{{t}}", folder=f"r/{{PLACE}}", state=f"s/{{PLACE}}", unit=given
    shell:
        "echo {{params.config:q}} {{params.dataset:q}} {{params.folder:q}} {{params.state:q}} "
        "{{resources.gpu}} {{threads}} {{params.unit:q}} &> {{log:q}}"
rule evaluate:
    input: files("d/{{t}}/a", *[f"r/{{PLACE}}/{{name}}" for name in OUT])
    output: update(f"e/{{PLACE}}/{{{{sampling}}}}/t"), update(f"e/{{PLACE}}/{{{{sampling}}}}/u")
    log: f"l/e/{{PLACE}}/{{{{sampling}}}}"
    resources: gpu=0, mem_mb=number, runtime=number
    params:
        run=f"r/{{PLACE}}", dataset="d/{{t}}", sampling=given, evaluation=given, state=f"s/{{PLACE}}",
        environments=number, unit=given
    shell:
        "echo {{params.run:q}} {{params.dataset:q}} {{params.sampling:q}} {{params.evaluation:q}} "
        "{{output[0]:q}} {{params.state:q}} {{threads}} {{params.environments:q}} {{resources.mem_mb}} "
        "{{params.unit:q}} &> {{log:q}}"
"""


def without_functions(text: str) -> str:
    """A workflow whose functions, and marks on files, are replaced by what they return."""
    lines = [line for line in text.splitlines() if not line.startswith(("def ", "    return"))]
    plain = "\n".join(lines)
    for function, value in (("=given", "=TEXT"), ("=number", "=60")):
        plain = plain.replace(function, value)
    return re.sub(r"\b(?:update|files)\(((?:[^()]|\([^()]*\))*)\)", r"\1", plain) + "\n"


# As many wildcards, files, parameters and resources, all of them constants.
BARE = without_functions(SHAPED)
WORKFLOWS = {"bare": BARE, "same rules": SHAPED, "least": LEAST}


@dataclass(frozen=True)
class Measured:
    """One dry run.

    Attributes:
        seconds: of processor time.
        memory_mb: at most.
        jobs: that it would run.
    """

    seconds: float
    memory_mb: float
    jobs: int


def dry_run(folder: Path, options: Sequence[str]) -> Measured:
    """Plan in `folder` and measure the process.

    Raises:
        SystemExit: the dry run has failed; its last lines are the message.
    """
    command = [sys.executable, "-m", "snakemake", "-n", "--quiet", "rules", "--nolock", *options]
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read()
    if process.returncode:
        raise SystemExit("\n".join(text.splitlines()[-5:]))
    found = re.search(r"^total\s+(\d+)$", text, re.MULTILINE)
    return Measured(
        usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000, int(found.group(1)) if found else 0
    )


def other_folder(parent: Path, jobs: int, name: str) -> Path:
    """A folder with another workflow of as many jobs.

    Args:
        parent: of the folder.
        jobs: about as many; one of training and one of evaluation each time.
        name: of `WORKFLOWS`.
    """
    folder = parent / f"{name.replace(' ', '_')}{jobs}"
    folder.mkdir(exist_ok=True)
    (folder / "Snakefile").write_text(WORKFLOWS[name].format(count=jobs // 2), encoding="utf-8")
    return folder


def compare(experiment: str, times: int, rounds: int, scratch: Path) -> str:
    """One line of the table."""
    options = ["--cores", "1", "--config", f"experiment={experiment}", f"seeds={10 * times}", "train_on=cpu"]
    if times == 0:
        options = ["--cores", "1", "--config", f"experiment={experiment}", "train_on=gpu"]
    ours: list[Measured] = []
    others: dict[str, list[Measured]] = {name: [] for name in WORKFLOWS}
    for _ in range(rounds):
        ours.append(dry_run(ROOT, options))
        for name, runs in others.items():
            runs.append(dry_run(other_folder(scratch, ours[0].jobs, name), ["--cores", "1"]))
    seconds = statistics.median(each.seconds for each in ours)
    memory = max(each.memory_mb for each in ours)
    parts = [experiment if times == 0 else f"{experiment}, {10 * times} seeds, one a block"]
    parts += [f"{ours[0].jobs:,}", f"{seconds:.1f}"]
    for runs in others.values():
        other = statistics.median(each.seconds for each in runs)
        parts += [f"{other:.1f}", f"{seconds / other:.2f}"]
    of_bare = max(each.memory_mb for each in others["bare"])
    parts += [f"{memory:.0f}", f"{of_bare:.0f}", f"{memory / of_bare:.2f}"]
    return f"| {' | '.join(parts)} |"


def profile(experiment: str, times: int) -> None:
    """Where a dry run spends its time, by the functions that spend most."""
    options = f"--cores 1 --config experiment={experiment} seeds={10 * max(1, times)} train_on=cpu"
    command = [sys.executable, "-m", "cProfile", "-s", "cumtime", "-m", "snakemake", "-n", "--quiet", "rules"]
    done = subprocess.run([*command, "--nolock", *options.split()], cwd=ROOT, capture_output=True, text=True)
    print("\n".join(line for line in done.stdout.splitlines()[:90] if line.strip()))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(description="Time and memory of a dry run and of a bare workflow.")
    parser.add_argument("--experiment", default="d4rl")
    parser.add_argument("--times", default="0,1,10", help="tens of seeds, comma-separated; 0: as on GPUs")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--profile", action="store_true", help="print where the time goes instead")
    given = parser.parse_args(arguments)
    sizes = [int(part) for part in given.times.split(",")]
    if given.profile:
        profile(given.experiment, sizes[-1])
        return 0
    load = os.getloadavg()[0]
    print(f"Load {load:.1f} at the beginning, {os.cpu_count()} cores, {time.strftime('%Y-%m-%d')}.\n")
    print(
        "| experiment | jobs | dry run, s | bare, s | ratio | same rules, empty, s | ratio "
        "| fewest parts, s | ratio | MB | bare, MB | ratio |"
    )
    print("|---" * 12 + "|")
    with tempfile.TemporaryDirectory() as scratch:
        for times in sizes:
            print(compare(given.experiment, times, given.rounds, Path(scratch)), flush=True)
    print(f"\nLoad {os.getloadavg()[0]:.1f} at the end.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
