"""A part of an experiment, chosen on the command line: `seeds=3 methods=iql,idql tasks=antmaze_v0`.

A selection takes rows away from an experiment's grid and may give other seeds. It changes no run: what it
trains is what the whole experiment would train, at the same path. Its tables have a folder of their own, so
that those of another selection stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recheck import schema, tasks
from recheck.errors import ConfigError
from recheck.experiments import grid, runs
from recheck.methods import hyperparameters

KEYS = ("seeds", "methods", "tasks")
# Keys of an experiment file that belong to the whole experiment: a part of it is without them.
OF_THE_WHOLE = ("bandit", "reevaluate")
# More names than this are counted in a folder's name.
MOST_NAMES = 3
# As the schemas of the configuration and of experiments say.
LARGEST_SEED = 2**31 - 1
# More than this are counted in a message.
MOST_LISTED = 10


@dataclass(frozen=True)
class Selection:
    """What the command line chooses of an experiment; None takes what the experiment has.

    Attributes:
        methods: of the experiment.
        tasks: of the experiment, those of a group in place of its name.
        seeds: in place of the experiment's.
    """

    methods: tuple[str, ...] | None = None
    tasks: tuple[str, ...] | None = None
    seeds: int | list[int] | None = None

    def suffix(self) -> str:
        """The end of a folder's name: words to read, and a digest that separates any two selections."""
        words = [
            *_words(self.methods, "methods"),
            *([] if self.tasks is None else [_counted(len(self.tasks), "task")]),
            *([] if self.seeds is None else [_counted(len(grid.seed_list(self.seeds)), "seed")]),
        ]
        content = {
            "methods": None if self.methods is None else sorted(self.methods),
            "tasks": None if self.tasks is None else sorted(self.tasks),
            "seeds": None if self.seeds is None else sorted(grid.seed_list(self.seeds)),
        }
        return "-".join([*words, runs.digest(content)])

    def sentence(self) -> str:
        """What is chosen, in words."""
        seeds = None if self.seeds is None else grid.seed_list(self.seeds)
        given = {"methods": self.methods, "tasks": self.tasks, "seeds": seeds}
        return "; ".join(
            f"{kind} {schema.listed(names)}" if len(names) <= MOST_LISTED else f"{len(names)} {kind}"
            for kind, names in given.items()
            if names is not None
        )


def _words(names: Sequence[str] | None, kind: str) -> list[str]:
    if names is None:
        return []
    return list(names) if len(names) <= MOST_NAMES else [f"{len(names)}{kind}"]


def _counted(count: int, noun: str) -> str:
    return f"{count}{noun}" if count == 1 else f"{count}{noun}s"


def read(settings: Mapping[str, Any], root: Path, experiment: str, entries: Iterable[Any]) -> Selection:
    """The selection of a checked configuration.

    Args:
        settings: Snakemake's configuration.
        root: the repository's root.
        experiment: its name, for messages.
        entries: of the experiment's grid; tasks of groups stand for themselves.

    Raises:
        ConfigError: a method, task or seed that there is not, or that the experiment does not have.
    """
    listed_entries = list(entries)
    return Selection(
        _methods(settings, root, experiment, listed_entries),
        _tasks(settings, root, experiment, listed_entries),
        seeds(settings["seeds"]) if "seeds" in settings else None,
    )


def _methods(
    settings: Mapping[str, Any], root: Path, experiment: str, entries: list[Any]
) -> tuple[str, ...] | None:
    if "methods" not in settings:
        return None
    known = list(dict.fromkeys(method for entry in entries for method in entry["methods"]))
    given = names("methods", settings["methods"])
    for method in given:
        hyperparameters.read(root, method)
        if method not in known:
            raise ConfigError(
                f"methods={method}: experiment '{experiment}' does not run it; it runs "
                f"{schema.listed(known)}."
            )
    return tuple(method for method in known if method in given)


def _tasks(
    settings: Mapping[str, Any], root: Path, experiment: str, entries: list[Any]
) -> tuple[str, ...] | None:
    if "tasks" not in settings:
        return None
    known = list(dict.fromkeys(task for entry in entries for task in entry["tasks"]))
    groups = hyperparameters.read_groups(root)
    found: list[str] = []
    for name in names("tasks", settings["tasks"]):
        members = [task for task in groups.get(name, [name]) if task in known]
        if not members:
            there = name in groups or name in tasks.read(root)
            reason = "it is not a task of this experiment" if there else "there is no such task or group"
            raise ConfigError(
                f"tasks={name}: {reason}; experiment '{experiment}' runs {schema.listed(known)}."
            )
        found += members
    _each_once("tasks", found)
    return tuple(task for task in known if task in found)


def apply(
    content: Mapping[str, Any], chosen: Selection, experiment: str
) -> tuple[dict[str, Any], bool, list[str]]:
    """An experiment with the rows of its grid that are chosen.

    Args:
        content: of the experiment's file.
        chosen: of it.
        experiment: its name, for messages.

    Returns:
        The experiment, whether it is another than the whole one, and what the user should know.

    Raises:
        ConfigError: nothing is left.
    """
    entries = []
    for entry in content["grid"]:
        kept = {
            **entry,
            "methods": _kept(entry["methods"], chosen.methods),
            "tasks": _kept(entry["tasks"], chosen.tasks),
        }
        if chosen.seeds is not None:
            kept["seeds"] = chosen.seeds
        if kept["methods"] and kept["tasks"]:
            entries.append(kept)
    if not entries:
        raise ConfigError(
            f"Experiment '{experiment}' has no run with {chosen.sentence()}: it runs none of these "
            "methods on any of these tasks."
        )
    idle = [
        name
        for key, given in (("methods", chosen.methods), ("tasks", chosen.tasks))
        for name in given or ()
        if not any(name in entry[key] for entry in entries)
    ]
    notes = [
        f"Experiment '{experiment}' has no run of {schema.listed(idle)} within this selection: left out."
    ] * bool(idle)
    chosen_content = {**content, "grid": entries}
    if chosen.methods is not None or chosen.tasks is not None:
        for part in OF_THE_WHOLE:
            chosen_content.pop(part, None)
    return chosen_content, _plain(entries) != _plain(content["grid"]), notes


def _kept(given: list[str], chosen: tuple[str, ...] | None) -> list[str]:
    return [name for name in given if chosen is None or name in chosen]


def _plain(entries: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Entries with their seeds one by one, so that equal ones are equal."""
    return [
        {
            **entry,
            "seeds": entry["seeds"] if isinstance(entry["seeds"], str) else grid.seed_list(entry["seeds"]),
        }
        for entry in entries
    ]


def names(key: str, value: Any) -> list[str]:
    """Names given as a list or comma separated.

    Raises:
        ConfigError: there is none, or one is given twice.
    """
    found = listed(value)
    if not found:
        raise ConfigError(f"{key}= names nothing; give one or more, comma separated, or leave it out.")
    _each_once(key, found)
    return found


def _each_once(key: str, values: Iterable[Any]) -> None:
    twice = schema.repeated(values)
    if twice:
        raise ConfigError(f"{key}= names {schema.listed(twice)} twice; name each once.")


def listed(value: Any) -> list[str]:
    """Names given as a list or comma separated."""
    if isinstance(value, str):
        return [part.strip() for part in value.strip("[]").split(",") if part.strip()]
    return [str(part).strip() for part in value]


def seeds(value: Any) -> int | list[int]:
    """Seeds of the command line: a number of seeds, or seeds as a list or comma separated.

    Raises:
        ConfigError: something is not a whole number from 0 on, or given twice, or there is none.
    """
    if isinstance(value, int):
        return value
    numbers = []
    if not listed(value):
        raise ConfigError("seeds= names nothing; give a number of seeds, or seeds, or leave it out.")
    for part in listed(value):
        if not re.fullmatch(r"[0-9]+", part) or int(part) > LARGEST_SEED:
            raise ConfigError(
                f"seeds={value}: '{part}' is not a seed; allowed are whole numbers from 0 to {LARGEST_SEED}."
            )
        numbers.append(int(part))
    _each_once("seeds", numbers)
    return numbers
