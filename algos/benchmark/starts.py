"""What a job takes before its first update or step: processor seconds of interpreter, imports and record.

    python -m algos.benchmark.starts [--output results/benchmark/starts.json] [--rounds 3]

A job of training imports its command, and writes a record at its end. Of an evaluation it is what each
process that plays takes until its first step in Hopper-v4. Reading the data is not in it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from recheck import cli, files
from recheck.errors import TrainingError
from recheck.versions import cpu_model

from algos.rollouts import EnvironmentPool

# By stage, as in `recheck.cost`: programs that end where the work would begin.
PROGRAMS: Mapping[str, tuple[str, ...]] = {
    "train": ("import algos.train", "import recheck.records"),
    "evaluate": ("import algos.evaluate; from algos.benchmark import starts; starts.begin_episode()",),
}
TASK = {"environment_id": "Hopper-v4", "horizon": 1000, "observation_dim": 11, "action_dim": 3}


def begin_episode() -> None:
    """Make an environment and begin an episode, with the imports of the first one."""
    pool = EnvironmentPool(TASK, 1)
    pool.reset(0, 0, 0)
    pool.close()


def processor_seconds(command: Sequence[str]) -> float:
    """Processor time of a command and of what it starts, seconds.

    Raises:
        TrainingError: it has failed.
    """
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise TrainingError(f"{' '.join(command)} ended with {process.returncode}; its message is above.")
    return usage.ru_utime + usage.ru_stime


def measure(rounds: int) -> list[dict[str, object]]:
    """Rows of `stage` and `seconds`: the sum over its programs of their median of `rounds`."""
    rows: list[dict[str, object]] = []
    for stage, programs in PROGRAMS.items():
        seconds = [
            statistics.median(processor_seconds([sys.executable, "-c", one]) for _ in range(rounds))
            for one in programs
        ]
        rows.append({"stage": stage, "seconds": sum(seconds)})
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(
        prog="python -m algos.benchmark.starts", description="Processor seconds of the start of a job."
    )
    parser.add_argument("--output", type=Path, default=Path("results/benchmark/starts.json"))
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)

    def command() -> None:
        if options.rounds < 1:
            raise TrainingError(f"--rounds is {options.rounds}; it has to be at least 1.")
        rows = measure(options.rounds)
        files.write_json(options.output, {"machine": {"cpu": cpu_model()}, "rows": rows})
        for row in rows:
            print(f"{row['stage']}: {row['seconds']:.1f} s of processor time before the work")

    return cli.run(command)


if __name__ == "__main__":
    sys.exit(main())
