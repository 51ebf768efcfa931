"""What an experiment will cost: GPU-hours and CPU-hours, with their source and range, before it is launched.

    python -m recheck.cost_estimate --config '<configuration as JSON>' [--resources '<JSON>']

Only what is still to do is counted: finished blocks and evaluated episodes are left out.
"""

import argparse
import json
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recheck import cli, plan, schema
from recheck import rates as rates_module
from recheck.rates import RATES, read_rates

SECONDS_PER_HOUR = 3600.0
UNKNOWN_RATE: dict[str, Any] = {
    "seconds": [math.nan] * 3,
    "seconds_per_diffusion_step": [0, 0, 0],
    "source": f"not known: {RATES} has no rate for this method; `snakemake benchmark` measures one",
}
# Where tasks.csv gives no limit to an episode's length.
DEFAULT_HORIZON = 1000


@dataclass
class Line:
    """Jobs of one stage, method and N that remain, and hours: lowest, most likely, highest."""

    stage: str
    method: str
    diffusion_steps: int
    unit: str
    source: str
    num_jobs: int = 0
    amount: int = 0
    hours: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def add(self, amount: int, rate: Mapping[str, Any]) -> None:
        """One more job of ``amount`` seed-updates or environment steps."""
        self.num_jobs += 1
        self.amount += amount
        seconds = [
            base + self.diffusion_steps * step
            for base, step in zip(rate["seconds"], rate["seconds_per_diffusion_step"])
        ]
        low, likely, high = (
            before + amount * each / SECONDS_PER_HOUR for before, each in zip(self.hours, seconds)
        )
        self.hours = (low, likely, high)


def predict(loaded: plan.Plan, rates: Mapping[str, Any]) -> list[Line]:
    """What remains of an experiment, one line per stage, method and N.

    The hours of a method without a rate are not known: NaN.
    """
    device = loaded.settings["train_on"]
    lines: dict[tuple[str, str, int], Line] = {}
    seen: set[str] = set()
    for cell in loaded.cells:
        config = cell.run.config
        method, steps = config["method"], config["diffusion_steps"]
        folder = loaded.root / cell.run_folder
        if cell.run_folder not in seen and not (folder / "policies.safetensors").is_file():
            known = rates_module.of_method(rates["methods"], method, config["variant"])
            rate = (known or {device: UNKNOWN_RATE})[device]
            line = lines.setdefault(
                ("train", method, steps),
                Line("train", method, steps, f"{device.upper()}-hours", rate["source"]),
            )
            line.add(config["num_updates"] * len(cell.block.seeds), rate)
        seen.add(cell.run_folder)
        if not (loaded.root / cell.episodes).is_file():
            rate = rates_module.evaluation_rate(rates, method, config["variant"], steps)
            used = cell.sampling.setting["steps"] or steps
            line = lines.setdefault(
                ("evaluate", method, used), Line("evaluate", method, used, "CPU-hours", rate["source"])
            )
            evaluation = cell.sampling.evaluation
            episodes = (
                evaluation["episodes"] * (len(config["checkpoints"]) - 1)
                + evaluation["episodes_last"]
                + evaluation["episodes_reevaluated"]
            )
            horizon = loaded.rows[config["task"]].get("horizon") or DEFAULT_HORIZON
            line.add(episodes * int(horizon) * len(cell.block.seeds), rate)
    return list(lines.values())


def asked_for(
    rule: str,
    declared: Mapping[str, Any],
    default: Mapping[str, Any] | None,
    overwritten: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """What a rule's jobs ask for: the profile's defaults, the rule's own, the profile's word on the rule.

    default, overwritten: Snakemake's resources, whose `raw` is what was written.
    """
    chosen = {key: value.raw for key, value in (default or {}).items()}
    chosen |= declared
    chosen |= {key: value.raw for key, value in overwritten.get(rule, {}).items()}
    return {key: value for key, value in chosen.items() if key not in ("tmpdir", "disk_mb")}


def _number(hours: float) -> str:
    if math.isnan(hours):
        return "not known"
    return f"{hours:.0f}" if hours >= 100 else f"{hours:.1f}" if hours >= 1 else f"{hours:.2f}"


def report(loaded: plan.Plan, lines: list[Line], resources: Mapping[str, Any] | None = None) -> str:
    """The prediction as text."""
    experiment = loaded.required_experiment
    out = [f"Experiment {experiment.name}: {experiment.description.strip()}", ""]
    out += [f"Missing: {message}" for message in experiment.missing]
    if not lines:
        out.append("Nothing is left to train or evaluate.")
    else:
        heads = ("stage", "method", "N", "jobs", "updates or steps", "hours", "likely", "range")
        table = [heads]
        for line in lines:
            low, likely, high = map(_number, line.hours)
            table.append(
                (
                    line.stage,
                    line.method,
                    str(line.diffusion_steps or "-"),
                    str(line.num_jobs),
                    f"{line.amount:,}",
                    line.unit,
                    likely,
                    likely if likely == "not known" else f"{low} to {high}",
                )
            )
        widths = [max(len(row[column]) for row in table) for column in range(len(heads))]
        out += ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in table]
        out.append("")
        for unit in dict.fromkeys(line.unit for line in lines):
            for stage in dict.fromkeys(line.stage for line in lines if line.unit == unit):
                chosen = [line for line in lines if line.unit == unit and line.stage == stage]
                known = [line for line in chosen if not math.isnan(line.hours[1])]
                low, likely, high = (_number(sum(line.hours[i] for line in known)) for i in range(3))
                unknown = sorted({line.method for line in chosen} - {line.method for line in known})
                without = f", without {schema.listed(unknown)}: not known" if unknown else ""
                out.append(f"Together, {stage}: {likely} {unit} ({low} to {high}){without}.")
        out += ["", "Sources:"]
        sources = dict.fromkeys((line.stage, line.method, line.source) for line in lines)
        out += [f"  {stage} {method}: {source}" for stage, method, source in sources]
    if resources:
        out += ["", "Resources:"]
        out += [
            f"  {label}: {', '.join(f'{key}={value}' for key, value in values.items())}"
            for label, values in resources.items()
        ]
    return "\n".join(out) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Print the prediction; exit status 2 with one message if the configuration cannot be run."""
    parser = argparse.ArgumentParser(prog="python -m recheck.cost_estimate", description=__doc__)
    parser.add_argument("--config", required=True, help="Snakemake's configuration as JSON")
    parser.add_argument("--resources", default="{}", help="resources of the largest jobs, as JSON")
    given = parser.parse_args(arguments)

    def command() -> None:
        loaded = plan.load(json.loads(given.config), Path())
        lines = predict(loaded, read_rates(loaded.root))
        print(report(loaded, lines, json.loads(given.resources)), end="")

    return cli.run(command)


if __name__ == "__main__":
    sys.exit(main())
