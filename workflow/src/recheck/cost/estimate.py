"""What an experiment will cost before it is launched: hours, wall time, memory, disk, range and source.

    python -m recheck.cost.estimate --config '<configuration as JSON>' [--capacity '<JSON>']
        [--resources '<JSON>'] [--output results/cost/NAME.json]

Hours are of what is still to do: finished blocks and evaluated episodes are left out. The file has all jobs,
so that `paper_tables.scores.forecast` compares them with what they took.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recheck import cli, files, plan
from recheck.cost import budget, forecast_text, step_costs
from recheck.cost.forecast import STAGES, Forecaster, Job
from recheck.cost.schedule import Capacity
from recheck.jobs.job_requests import JobRequests

# Numbers of GPUs whose wall time is shown where none is asked for.
GPUS_SHOWN = (1, 2, 4, 8, 16)


def predict(loaded: plan.Plan, most_cores: int | None = None) -> list[Job]:
    """All jobs of a plan, finished ones too.

    Args:
        loaded: the plan.
        most_cores: that one job can have; None without a bound.

    Raises:
        ConfigError: the rates or a benchmark's file cannot be read.
    """
    return _forecaster(loaded, most_cores).jobs()


def _forecaster(loaded: plan.Plan, most_cores: int | None) -> Forecaster:
    device, compiled = str(loaded.settings["train_on"]), JobRequests(loaded).compiled
    costs = step_costs.read(loaded.root, device, compiled)
    return Forecaster(loaded, costs, most_cores)


def capacities(loaded: plan.Plan, jobs: Sequence[Job], given: Mapping[str, Any]) -> dict[str, Capacity]:
    """What wall times are shown for, by label.

    Args:
        loaded: the plan; its `gpus`.
        jobs: that are left.
        given: cores (None on a cluster) and jobs at one time (None without a bound).
    """
    cores, at_once = given.get("cores"), given.get("jobs")
    where = f"{at_once} jobs at one time" if at_once else "any number of cores"
    if cores:
        where = f"{cores} core{'s' if cores > 1 else ''}"
    if not any(job.gpus for job in jobs):
        return {where: Capacity(0, cores, at_once)}
    asked = loaded.settings.get("gpus")
    shown = (int(asked),) if asked else GPUS_SHOWN
    return {f"{n} GPU{'s' if n > 1 else ''}, {where}": Capacity(n, cores, at_once) for n in shown}


def report(
    loaded: plan.Plan,
    jobs: Sequence[Job],
    resources: Mapping[str, Any] | None = None,
    given: Mapping[str, Any] | None = None,
) -> str:
    """The forecast as text."""
    experiment = loaded.required_experiment
    out = [f"Experiment {experiment.name}: {experiment.description.strip()}", ""]
    # What is left out, and what is chosen.
    out += [*experiment.missing, ""] if experiment.missing else []
    left = [job for job in jobs if not job.finished]
    work = [job for job in left if job.stage in STAGES]
    if not work:
        out.append("Nothing is left to train or evaluate.")
    else:
        parts = (
            [*forecast_text.stages(work), *forecast_text.besides(left)],
            forecast_text.by_task(work),
            forecast_text.wall(left, capacities(loaded, left, given or {})),
            [*forecast_text.longest(work), *forecast_text.space(left)],
            forecast_text.sources(work),
        )
        for part in parts:
            out += [*part, ""]
    if resources:
        out.append("Resources:")
        out += [
            f"  {label}: {', '.join(f'{key}={value}' for key, value in values.items())}"
            for label, values in resources.items()
        ]
    return "\n".join(out).rstrip() + "\n"


def document(jobs: Sequence[Job]) -> list[dict[str, Any]]:
    """The jobs of training and evaluation for the comparison with what they took."""
    return [
        {
            **job.cell,
            "stage": job.stage,
            "device": "gpu" if job.gpus else "cpu",
            "wall_seconds": _or_null(job.wall_seconds),
            "recorded_seconds": _or_null(job.recorded_seconds),
            "work_seconds": _or_null(job.work_seconds),
            "finished": job.finished,
        }
        for job in jobs
        if job.stage in STAGES
    ]


def _or_null(seconds: step_costs.Range) -> list[float | None]:
    return [None if math.isnan(each) else each for each in seconds]


def main(arguments: list[str] | None = None) -> int:
    """Print the forecast; exit status 2 with one message if the configuration cannot be run."""
    parser = argparse.ArgumentParser(prog="python -m recheck.cost.estimate", description=__doc__)
    parser.add_argument("--config", required=True, help="Snakemake's configuration as JSON")
    parser.add_argument("--capacity", default="{}", help="cores and jobs at one time, as JSON")
    parser.add_argument("--resources", default="{}", help="resources of the largest jobs, as JSON")
    parser.add_argument("--output", type=Path, help="file of all jobs to write")
    options = parser.parse_args(arguments)

    def command() -> None:
        loaded = plan.load(json.loads(options.config), Path())
        capacity = json.loads(options.capacity)
        forecaster = _forecaster(loaded, capacity.get("cores"))
        jobs = forecaster.jobs()
        print(report(loaded, jobs, json.loads(options.resources), capacity), end="")
        found: dict[str, Any] = {"format": 1, "experiment": loaded.name, "jobs": document(jobs)}
        if "budget_hours" in loaded.settings:
            unit = "GPU-hours" if any(job.gpus for job in jobs) else "CPU-hours"
            limit = float(loaded.settings["budget_hours"])
            fits = budget.hours(jobs, unit)[1] <= limit
            cuts = [] if fits else budget.options(forecaster, limit, unit)
            found["budget"] = budget.as_document(cuts, forecaster, limit, unit)
        if options.output:
            files.write_json(options.output, found)

    return cli.run(command)


if __name__ == "__main__":
    sys.exit(main())
