"""The environment check: is the environment the one that the data came from?

    python -m algos.fidelity --dataset-file <file.hdf5 or results/datasets/task> --environment Hopper-v4
        --output results/fidelity/<task>.json

Each checked row's state is set in the simulator (`infos/qpos`, `infos/qvel`), its action is played for one
step, and the next observation and the reward are compared with what the file says. Other versions of the
environment are measured too. Report: JSON, and the divergence of every row as parquet in the same folder.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from recheck import cli
from recheck.errors import DatasetError
from recheck.files import atomic, read_json, write_json, write_text

from algos.envs.replay import CANNOT, MEASURES, check
from algos.fidelity.replay import DEFAULT_ROWS, OLDEST_VERSION, replay_of


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
    """The report of one task: its environment, and the other versions of that environment.

    Raises:
        DatasetError: the file is bad, or the environment is unknown or of other widths.
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
    """Write the report as JSON, and every row's divergence as parquet (no rows: nothing was checked)."""
    import pyarrow
    import pyarrow.parquet

    columns = {"row": steps.get("row", np.zeros(0, np.int64))}
    columns |= {name: steps.get(name, np.zeros(0)) for name in MEASURES}
    with atomic(output.with_suffix(".steps.parquet"), DatasetError) as temporary:
        pyarrow.parquet.write_table(pyarrow.table(columns), temporary)
    write_json(output, report, DatasetError)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m algos.fidelity", description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "--dataset-file", type=Path, help="a file of time steps, or a prepared dataset's folder"
    )
    parser.add_argument("--environment", help="Gymnasium id")
    parser.add_argument("--adapter", default="none", help="as in tasks.csv")
    parser.add_argument("--task", help="the name in the report (default: the file's)")
    parser.add_argument("--rows", default=str(DEFAULT_ROWS), help="how many rows, spread evenly, or all")
    parser.add_argument("--summarise", type=Path, nargs="+", help="reports to put into one table")
    parser.add_argument(
        "--output", type=Path, required=True, help="report.json, or with --summarise a .md file"
    )
    return parser


def _command(options: argparse.Namespace) -> None:
    if options.summarise:
        reports = [read_json(path, DatasetError) for path in options.summarise]
        write_text(options.output, format_summary(reports), DatasetError)
        return
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


def main(arguments: list[str] | None = None) -> int:
    """Run the command line: 0 whatever the verdict, 2 after one message about a user's mistake."""
    options = _parser().parse_args(arguments)
    return cli.run(lambda: _command(options))


if __name__ == "__main__":
    sys.exit(main())
