"""What an environment takes: memory and time of a step, each kind of tasks.csv in a process of its own.

    python -m algos.benchmark.environments [--output results/benchmark/environments.json] [--only Kitchen,Pen]

The figures are those of `environments` in workflow/config/cost_rates.yaml, from which the memory of an
evaluation job follows. Memory is what the process grows by with each further environment, after an episode
has begun and been stepped in all; garbage of the interpreter is in it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from recheck import cli, files, tasks
from recheck.errors import EvaluationError
from recheck.progress import Progress
from recheck.versions import cpu_model

from algos.rollouts import EnvironmentPool

COUNT, STEPS = 8, 40


def resident_mb() -> float:
    """Memory of this process now, MB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def kinds(root: Path, only: Sequence[str] = ()) -> list[dict[str, Any]]:
    """One task for each environment and adapter of tasks.csv, as an `EnvironmentPool` takes it.

    Args:
        root: of the repository.
        only: parts of environments' ids; all when empty.
    """
    found: dict[tuple[str, str | None], dict[str, Any]] = {}
    for row in tasks.read(root).values():
        name = row.get("environment_id")
        if not name or (only and not any(part in name for part in only)):
            continue
        task = {key: row[key] for key in ("environment_id", "adapter")}
        task |= {key: int(row[key]) for key in ("horizon", "observation_dim", "action_dim")}
        found.setdefault((name, row["adapter"]), task)
    return list(found.values())


def measure(task: Mapping[str, Any]) -> dict[str, Any]:
    """Megabytes of an environment and seconds of a step, measured in this process.

    Returns:
        `environment_id`, `adapter`, `memory_mb` of each further environment, `process_mb` with the first one,
        `make_seconds`, `step_seconds` (processor time).
    """
    pool = EnvironmentPool(task, COUNT + 1)
    random = np.random.default_rng(0)
    _begin(pool, 0, random)
    before, start = resident_mb(), time.process_time()
    for place in range(1, COUNT + 1):
        pool.reset(place, place, 0)
    made = time.process_time() - start
    start, steps = time.process_time(), 0
    for place in range(1, COUNT + 1):
        steps += _begin(pool, place, random)
    seconds = time.process_time() - start
    after = resident_mb()
    pool.close()
    return {
        "environment_id": task["environment_id"],
        "adapter": task["adapter"],
        "memory_mb": round(max(0.0, after - before) / COUNT, 2),
        "process_mb": round(before, 1),
        "make_seconds": round(made / COUNT, 3),
        "step_seconds": seconds / steps,
    }


def _begin(pool: EnvironmentPool, place: int, random: np.random.Generator) -> int:
    """Reset an environment and step it; returns the steps."""
    pool.reset(place, place, 0)
    for step in range(STEPS):
        action = random.uniform(-1.0, 1.0, (1, pool.task["action_dim"])).astype(np.float32)
        if pool.step([place], action)[2][0]:
            return step + 1
    return STEPS


def _send(connection: Any, task: Mapping[str, Any]) -> None:
    connection.send(measure(task))


def measure_apart(task: Mapping[str, Any]) -> dict[str, Any]:
    """`measure` in a process of its own.

    Raises:
        EvaluationError: the process has died.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_send, args=(theirs, task))
    process.start()
    theirs.close()
    try:
        found: dict[str, Any] = ours.recv()
    except EOFError:
        raise EvaluationError(
            f"the process that measured {task['environment_id']} has died; its message is above"
        ) from None
    finally:
        process.join()
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(
        prog="python -m algos.benchmark.environments", description="Memory and time of environments."
    )
    parser.add_argument("--output", type=Path, default=Path("results/benchmark/environments.json"))
    parser.add_argument("--only", default="", help="parts of environments' ids, comma-separated")
    options = parser.parse_args(arguments)

    def command() -> None:
        only = [part for part in options.only.split(",") if part]
        chosen = kinds(Path(), only)
        if not chosen:
            raise EvaluationError(f"no environment of tasks.csv has {options.only!r} in its id")
        progress = Progress(len(chosen), "environments")
        rows = []
        for done, task in enumerate(chosen, start=1):
            rows.append(measure_apart(task))
            progress.update(done, task["environment_id"])
        files.write_json(options.output, {"machine": {"cpu": cpu_model()}, "rows": rows})
        print("| environment | adapter | MB each | MB of the process | s to make | us a step |")
        print("|---|---|---|---|---|---|")
        for row in rows:
            print(
                f"| {row['environment_id']} | {row['adapter'] or 'none'} | {row['memory_mb']} | "
                f"{row['process_mb']} | {row['make_seconds']} | {1e6 * row['step_seconds']:.0f} |"
            )

    return cli.run(command)


if __name__ == "__main__":
    sys.exit(main())
