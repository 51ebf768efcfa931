"""The runs that a table of a paper needs: `--config table=iql_table_1`.

A layout (``paper_tables/layouts``) says which method of ours, with which variant and how many updates, is
shown next to which column, and on which tasks. What it does not say, seeds, checkpoints and episodes, is that
of the experiment that `protocol_of` names, so that both share their runs, or of ``experiments/table.yaml``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recheck import schema, tasks
from recheck.errors import ConfigError
from recheck.experiments import expansion
from recheck.methods import hyperparameters

TABLE = "table"
FOLDER = Path("paper_tables/layouts")
SCHEMA = Path("paper_tables/schemas/layout.schema.json")
PROTOCOL = "protocol_of"


@dataclass(frozen=True)
class Needed:
    """One cell of ours: a run's method, variant, N, task, updates and sampling setting."""

    method: str
    variant: str
    diffusion_steps: int
    task: str
    num_updates: int | None
    sampling: str


@dataclass
class Wanted:
    """The grid that a table needs.

    Attributes:
        layout: the layout's own name.
        entries: of a grid.
        samplings: that the entries name.
        notes: what cannot be run, one message each.
    """

    layout: str
    entries: list[dict[str, Any]] = field(default_factory=list)
    samplings: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def find(root: Path, name: str) -> Path:
    """The file of a layout by name, in any spelling, or by path; relative to the root.

    Raises:
        ConfigError: there is none, with the known ones.
    """
    if name.endswith((".yaml", ".yml")) and (root / name).is_file():
        return Path(name)
    known = {path.stem: path.relative_to(root) for path in sorted((root / FOLDER).rglob("*.yaml"))}
    spelled = {_plain(stem): path for stem, path in known.items()}
    if _plain(name) not in spelled:
        raise ConfigError(
            f"table={name}: there is no such table; known are {schema.listed(known)}, or the path of a "
            "layout (.yaml)."
        )
    return spelled[_plain(name)]


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower().removesuffix(".yaml"))


def wanted(root: Path, name: str, content: Mapping[str, Any]) -> Wanted:
    """The grid that a table needs.

    Args:
        root: the repository's root.
        name: of the layout, or its path.
        content: of ``experiments/table.yaml``.

    Raises:
        ConfigError: there is no such table, it breaks its schema, or nothing of it can be run.
    """
    path = find(root, name)
    layout = schema.read_yaml(root / path)
    schema.check(layout, schema.read(root / SCHEMA), str(path))
    found = Wanted(str(layout["name"]))
    protocol = expansion.read_file(root, str(content[PROTOCOL]))
    found.samplings = dict(protocol.get("samplings", {}))
    cannot: dict[str, list[str]] = {}
    for cell in dict.fromkeys(_cells(root, layout, cannot)):
        entry = _entry_of_protocol(root, cell, protocol) or _own_entry(root, cell, content)
        if entry not in found.entries:
            found.entries.append(entry)
    left_out = [f"no run on {schema.listed(names)} ({reason})" for reason, names in cannot.items()]
    if not found.entries:
        why = "; ".join(left_out) or "no column of it has runs of ours (`ours` in its layout)"
        raise ConfigError(f"table={name} has nothing to run: {why}.")
    found.notes = [f"Table {found.layout}: {text}; these cells stay empty." for text in left_out]
    return found


def _cells(root: Path, layout: Mapping[str, Any], cannot: dict[str, list[str]]) -> Iterator[Needed]:
    """Every cell of ours; tasks that cannot be run go into `cannot` by reason."""
    for column in layout["columns"]:
        ours = column.get("ours")
        for group in layout["groups"] if ours else []:
            for row in group["rows"]:
                reasons: list[str] = []
                for task in (row["task"], *row.get("our_tasks", [])):
                    reason = _why_not(root, ours, task)
                    if reason is None:
                        updates = row.get("num_updates", group.get("num_updates", ours.get("num_updates")))
                        yield Needed(
                            ours["method"],
                            ours["variant"],
                            ours.get("diffusion_steps", 0),
                            task,
                            updates,
                            ours.get("sampling", "default"),
                        )
                        break
                    reasons.append(reason)
                else:
                    names = cannot.setdefault(reasons[0], [])
                    names += [row["task"]] * (row["task"] not in names)


def _why_not(root: Path, ours: Mapping[str, Any], task: str) -> str | None:
    """Why a method cannot be run on a task, None where it can."""
    rows = tasks.read(root)
    if task not in rows:
        return "tasks.csv does not have the task"
    method = hyperparameters.read(root, ours["method"])
    try:
        hyperparameters.resolve_unchecked(method, ours["variant"], task, tasks.likes(rows))
    except ConfigError:
        if ours["variant"] not in method.variants:
            raise
        return f"{method.name} has no hyperparameters for the task"
    return None


def _entry_of_protocol(root: Path, cell: Needed, protocol: Mapping[str, Any]) -> dict[str, Any] | None:
    """The entry of another experiment that has the run, cut to it; None where it has none."""
    method = hyperparameters.read(root, cell.method)
    likes = tasks.likes(tasks.read(root))
    own = hyperparameters.resolve_unchecked(method, cell.variant, cell.task, likes)
    for entry in protocol["grid"]:
        if (
            cell.method in entry["methods"]
            and cell.task in entry["tasks"]
            and cell.variant in entry.get("variants", [method.default_variant])
            and cell.diffusion_steps in entry.get("diffusion_steps", [own.diffusion_steps])
            and cell.sampling in entry.get("sampling", ["default"])
            and cell.num_updates in (None, _updates(entry, cell.method, own.num_updates))
        ):
            kept = {key: entry[key] for key in ("seeds", "checkpoints", "num_updates") if key in entry}
            evaluation = {**protocol.get("evaluation", {}), **entry.get("evaluation", {})}
            return {**_names(method, cell), **kept, "evaluation": evaluation}
    return None


def _updates(entry: Mapping[str, Any], method: str, default: int) -> int:
    given = entry.get("num_updates")
    return int(given.get(method, default) if isinstance(given, dict) else given or default)


def _own_entry(root: Path, cell: Needed, content: Mapping[str, Any]) -> dict[str, Any]:
    """An entry with the amounts of ``experiments/table.yaml``: those of the task, else the last ones."""
    entries = content["grid"]
    entry = next((entry for entry in entries if cell.task in entry["tasks"]), entries[-1])
    evaluation = {**content.get("evaluation", {}), **entry.get("evaluation", {})}
    kept = {key: entry[key] for key in ("seeds", "checkpoints") if key in entry}
    updates = {} if cell.num_updates is None else {"num_updates": cell.num_updates}
    method = hyperparameters.read(root, cell.method)
    return {**_names(method, cell), **kept, **updates, "evaluation": evaluation}


def _names(method: hyperparameters.Method, cell: Needed) -> dict[str, Any]:
    steps = {"diffusion_steps": [cell.diffusion_steps]} if method.diffusion else {}
    return {
        "methods": [cell.method],
        "tasks": [cell.task],
        "variants": [cell.variant],
        "sampling": [cell.sampling],
        **steps,
    }
