"""The list of all tasks with source, state and statistics, for people."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recheck.tasks import Task

from algos.datasets.downloads import host_of
from algos.datasets.sources import Places, download_places, file_name
from algos.datasets.transitions import (
    MANIFEST_FILE,
    read_manifest,
)


def state_of(task: Task, folder: Path, data_folder: Path | None = None) -> str:
    """`present`, `downloadable` or `needs a path`.

    Present means prepared, here as a file, or collected here with no download.
    """
    if (folder / task.task / MANIFEST_FILE).is_file() or task.source_kind == "recollected":
        return "present"
    name = file_name(task)
    here = [Path(task.path)] if task.path else []
    if task.urls:
        here += download_places(task, Places(folder / "downloads", folder / "hashes"))
    if name and data_folder is not None:
        here.append(data_folder / name)
    if any(path.exists() for path in here):
        return "present"
    return "downloadable" if task.urls or (task.source_kind == "minari" and not task.path) else "needs a path"


def overview(
    tasks: Mapping[str, Task], folder: Path, data_folder: Path | None = None
) -> list[dict[str, str]]:
    """One row per task: source, state, comparability, environment match and return statistics as text."""
    rows = []
    for task in tasks.values():
        manifest: dict[str, Any] = {}
        if (folder / task.task / MANIFEST_FILE).is_file():
            manifest = read_manifest(folder / task.task)
        rows.append(
            {
                "task": task.task,
                "source": _source_text(task),
                "state": state_of(task, folder, data_folder) + (", prepared" if manifest else ""),
                "comparability": manifest.get("comparability") or _claim(task),
                "environment": f"{task.environment_id or '-'} ({task.environment_match})",
                **_statistics_text(task, manifest),
            }
        )
    return rows


def _claim(task: Task) -> str:
    """What the data claim to be, before they were compared with anything."""
    return "original, if it holds" if task.comparability == "original" else task.comparability


def _source_text(task: Task) -> str:
    if task.source_kind == "recollected":
        return f"collected here ({task.source})"
    if task.source_kind == "minari":
        return f"Minari {task.source}"
    return f"{task.source or 'file'} {file_name(task)}".strip()


def _statistics_text(task: Task, manifest: Mapping[str, Any]) -> dict[str, str]:
    """Transitions and returns: measured where the dataset is prepared, else as published."""
    if manifest:
        statistics = manifest["return_statistics"]
        values = [statistics[name] for name in ("mean", "std", "min", "max")]
        count, origin = manifest["num_transitions"], "measured"
    else:
        values = [getattr(task, f"expected_return_{name}") for name in ("mean", "std", "min", "max")]
        count = task.expected_transitions or task.recollect_transitions
        origin = "published" if values[0] is not None or (count and task.source == "D4RL") else ""
    mean, std, smallest, largest = values
    return {
        "transitions": f"{count:,}" if count else "-",
        "return mean +- std [min, max]": "-"
        if mean is None
        else f"{_short(mean)} +- {_short(std)} [{_short(smallest)}, {_short(largest)}]",
        "statistics": origin or "-",
    }


def _short(value: float) -> str:
    """A return with three digits at least, so that a line of the table fits a terminal."""
    return f"{value:,.{0 if abs(value) >= 100 else 2}f}"


LEGEND = """\
present: prepared, here as a file, or collected here with no download. needs a path: give it (docs/data.md).
original, if it holds: the papers' data, once a file has the published SHA-256 or statistics.
transitions and returns of complete episodes: measured where prepared, else as published; - not known.
Files, ids and environments: python -m algos.datasets list --sources. More: docs/data.md."""


def format_overview(tasks: Mapping[str, Task], rows: list[dict[str, str]]) -> str:
    """The rows of `overview` as text, one table for each kind of source, at most 120 characters wide."""
    groups: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        groups.setdefault(_heading(tasks[row["task"]]), []).append(row)
    shown = ("task", "state", "comparability", "transitions", "return mean +- std [min, max]")
    parts = []
    for heading, members in groups.items():
        table = format_table([{key: row[key] for key in shown} for row in members])
        parts.append(f"source: {heading}\n{table}")
    return "\n\n".join([*parts, LEGEND])


def _heading(task: Task) -> str:
    """What the tasks of one source have in common."""
    if task.source_kind == "recollected":
        return "collected here by small policies of workflow/behaviors or a planner, with no download"
    if task.source_kind == "minari":
        return "Minari's remote, by id"
    if task.urls:
        return f"{task.source or 'downloaded'} files, from {' or '.join(host_of(url) for url in task.urls)}"
    return f"{task.source}s next to the repository" if task.source else "files by path"


def format_sources(rows: list[dict[str, str]]) -> str:
    """Where each task's data come from, by file name or id, and its environment."""
    return format_table([{key: row[key] for key in ("task", "environment", "source")} for row in rows])


def format_table(rows: list[dict[str, str]]) -> str:
    """Rows of equal keys as aligned text."""
    header = list(rows[0])
    widths = [max(len(name), *(len(row[name]) for row in rows)) for name in header]
    lines = ["  ".join(name.ljust(width) for name, width in zip(header, widths)).rstrip()]
    lines.append("  ".join("-" * width for width in widths))
    lines += ["  ".join(row[n].ljust(w) for n, w in zip(header, widths)).rstrip() for row in rows]
    return "\n".join(lines)
