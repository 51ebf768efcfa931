"""Is the environment the one that the data came from? Stored states and actions are stepped again.

    python -m algos.fidelity --dataset-file <file.hdf5 or results/datasets/task> --environment Hopper-v4
        --output results/fidelity/<task>.json

Each checked row is put back into the simulator (`infos/qpos`, `infos/qvel`), its action is played for one
step, and the next observation and the reward are held against what the file says. Other versions of the
environment are measured beside it. Report: JSON, and the divergence of every row as parquet beside it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from recheck.errors import DatasetError

from algos.datasets.transitions import write_json, written_aside
from algos.fidelity.replay import CANNOT, DEFAULT_ROWS, MEASURES, OLDEST_VERSION, check, replay_of

if TYPE_CHECKING:
    pass


def other_versions(environment_id: str) -> list[str]:
    """Ids of the same environment in other versions that run here."""
    from algos.envs import make

    name, _, version = environment_id.rpartition("-v")
    found = []
    for number in range(OLDEST_VERSION, 10):
        candidate = f"{name}-v{number}"
        if str(number) != version and make.is_known(candidate):
            found.append(candidate)
    return found


def report_on(
    path: Path, environment_id: str, adapter: str | None, task: str, num_rows: int | None
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The report of one task: its environment, and the environment's other versions beside it.

    Raises DatasetError.
    """
    replay = replay_of(path)
    if not isinstance(replay, str):
        replay = replay.spread(num_rows)
    report, steps = check(replay, environment_id, adapter)
    versions = []
    if not isinstance(replay, str) and (adapter in (None, "", "none")):
        for other in other_versions(environment_id):
            try:
                versions.append(check(replay, other)[0])
            except DatasetError as error:  # another version may observe more
                versions.append({"environment_id": other, "verdict": CANNOT, "reason": str(error)})
    return {"task": task, **report, "other_versions": versions}, steps


def format_summary(reports: list[dict[str, Any]]) -> str:
    """Reports as a markdown table, one line per task and environment."""
    lines = [
        "| task | environment | mujoco | verdict | rows | next observation, largest | reward, largest |",
        "|---|---|---|---|---|---|---|",
    ]
    for report in reports:
        for entry in (report, *report.get("other_versions", [])):
            verdict = entry["verdict"] + (f": {entry['reason']}" if "reason" in entry else "")
            cells = [
                report["task"],
                entry["environment_id"],
                entry.get("mujoco_version", "-"),
                verdict,
                f"{entry.get('rows_checked', 0):,}",
                _largest(entry, "observation"),
                _largest(entry, "reward"),
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _largest(entry: Mapping[str, Any], name: str) -> str:
    if name not in entry:
        return "-"
    found = entry[name]
    return f"{found['largest_difference']:.2g} ({found['rows_beyond_tolerance']} rows beyond)"


def write(report: dict[str, Any], steps: dict[str, np.ndarray], output: Path) -> None:
    """The report as JSON, and every row's divergence as parquet beside it (no rows: nothing was checked)."""
    import pyarrow
    import pyarrow.parquet

    columns = {"row": steps.get("row", np.zeros(0, np.int64))}
    columns |= {name: steps.get(name, np.zeros(0)) for name in MEASURES}
    with written_aside(output.with_suffix(".steps.parquet")) as aside:
        pyarrow.parquet.write_table(pyarrow.table(columns), aside)
    write_json(output, report)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; 0 whatever the verdict, 2 after one sentence about a user's mistake."""
    parser = argparse.ArgumentParser(prog="python -m algos.fidelity", description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "--dataset-file", type=Path, help="a D4RL-format file, or a prepared dataset's folder"
    )
    parser.add_argument("--environment", help="Gymnasium id")
    parser.add_argument("--adapter", default="none", help="as in tasks.csv")
    parser.add_argument("--task", help="the name in the report (default: the file's)")
    parser.add_argument("--rows", default=str(DEFAULT_ROWS), help="how many rows, spread evenly, or all")
    parser.add_argument("--summarise", type=Path, nargs="+", help="reports to put into one table")
    parser.add_argument(
        "--output", type=Path, required=True, help="report.json, or with --summarise a .md file"
    )
    options = parser.parse_args(arguments)
    try:
        if options.summarise:
            reports = [json.loads(path.read_text(encoding="utf-8")) for path in options.summarise]
            with written_aside(options.output) as aside:
                aside.write_text(format_summary(reports), encoding="utf-8")
            return 0
        if options.dataset_file is None or options.environment is None:
            raise DatasetError("Both --dataset-file and --environment are needed.")
        if options.rows != "all" and not (options.rows.isdigit() and int(options.rows) > 0):
            raise DatasetError(f"--rows cannot be {options.rows!r}; give a whole number from 1 on, or all.")
        num_rows = None if options.rows == "all" else int(options.rows)
        name = options.task or options.dataset_file.stem
        report, steps = report_on(options.dataset_file, options.environment, options.adapter, name, num_rows)
        output = options.output / "report.json" if options.output.suffix != ".json" else options.output
        write(report, steps, output)
        print(format_summary([report]), end="")
    except DatasetError as error:
        print(f"fidelity: {error}", file=sys.stderr)
        return 2
    except (OSError, ValueError) as error:
        print(f"fidelity: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
