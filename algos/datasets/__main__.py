"""Every dataset of the papers, prepared alike: read, checked, filtered and written once.

    python -m algos.datasets prepare --task-json <row of tasks.csv> --output results/datasets/<task>
    python -m algos.datasets list
    python -m algos.datasets check <file.hdf5>

`read_d4rl_hdf5` reads and checks one D4RL-format file, `load_transitions` is what a trainer needs. A
prepared dataset is `transitions.safetensors` (the rows), `minari/` (the same rows for exchange) and
`manifest.json` (what they are, written last). Loading needs numpy and safetensors only.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recheck import cli
from recheck.errors import DatasetError
from recheck.tasks import TASKS_FILE, Task, load_tasks, task_from_json

from algos.datasets.episode_ends import describe
from algos.datasets.hdf5 import read_d4rl_hdf5
from algos.datasets.overview import format_overview, format_sources, overview
from algos.datasets.prepare import prepare
from algos.datasets.readers import read_rows
from algos.datasets.transitions import Transitions, load_transitions, read_manifest

__all__ = [
    "DatasetError",
    "Task",
    "Transitions",
    "load_tasks",
    "load_transitions",
    "prepare",
    "read_d4rl_hdf5",
    "read_manifest",
]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m algos.datasets", description=__doc__.split("\n\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("prepare", help="bring one task's data to results/datasets/<task>")
    one.add_argument("--task-json", required=True, help="a row of tasks.csv as JSON, or a file with it")
    one.add_argument("--output", required=True, type=Path)
    one.add_argument("--data-folder", type=Path, help="where files are looked for by their name")
    one.add_argument(
        "--downloads", type=Path, help="where downloads are kept (default: in the same folder as the output)"
    )
    several = commands.add_parser("list", help="every task: source, state, comparability, statistics")
    several.add_argument("--tasks", type=Path, default=TASKS_FILE, help="tasks.csv")
    several.add_argument("--datasets", type=Path, default=Path("results/datasets"))
    several.add_argument("--data-folder", type=Path)
    several.add_argument("--sources", action="store_true", help="each task's file or id, and environment")
    several.add_argument("--json", action="store_true", help="everything as JSON")
    check = commands.add_parser("check", help="read and check one file of time steps")
    check.add_argument("path", type=Path)
    return parser


def _prepare(options: argparse.Namespace) -> None:
    manifest = prepare(
        task_from_json(options.task_json),
        options.output,
        data_folder=options.data_folder,
        downloads=options.downloads,
    )
    print("\n".join(report(manifest)))


def report(manifest: Mapping[str, Any]) -> list[str]:
    """What is said of a dataset after its preparation, line by line."""
    lines = [
        f"{manifest['task']}: {manifest['num_transitions']:,} transitions, "
        f"{manifest['comparability']} ({manifest['comparability_reason']})",
        *describe(manifest),
    ]
    if manifest["environment_check"]:
        lines.append(f"Environment check: {manifest['environment_check']['conclusion']}.")
    if manifest["num_clipped_action_entries"]:
        lines.append(
            f"Actions: {manifest['num_clipped_action_entries']:,} entries were clipped to "
            f"+-{manifest['action_clip']:g}."
        )
    return [*lines, *(f"Note: {note}" for note in manifest["notes"])]


def _list(options: argparse.Namespace) -> None:
    tasks = load_tasks(options.tasks)
    rows = overview(tasks, options.datasets, options.data_folder)
    if options.json:
        print(json.dumps(rows, indent=1))
    else:
        print(format_sources(rows) if options.sources else format_overview(tasks, rows))


def _check(options: argparse.Namespace) -> None:
    found = read_rows(options.path)
    for key, values in found.rows.items():
        print(f"{key}: {list(values.shape)} {values.dtype}")
    if found.unread:
        print(f"not used: {', '.join(sorted(found.unread))}")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line: 0, or 2 after one message about a user's mistake."""
    options = _parser().parse_args(arguments)
    command = {"prepare": _prepare, "list": _list, "check": _check}[options.command]
    return cli.run(lambda: command(options))


if __name__ == "__main__":
    sys.exit(main())
