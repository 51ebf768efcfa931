"""What the configuration asks for: an experiment file, a part of it, the user's own datasets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recheck import schema, tasks
from recheck.configuration import paper_layout, selection, user_datasets
from recheck.errors import ConfigError
from recheck.experiments import expansion, runs, vary
from recheck.methods import hyperparameters

OWN = "own"
# What only experiment `own` reads.
OWN_KEYS = (
    "dataset",
    "env",
    "sha256",
    "num_updates",
    "hyperparameters_like",
    "ends",
    "next_observations",
    "action_clip",
)
# What every experiment reads and what changes what is run.
COMMON_KEYS = ("datasets", "table", vary.KEY, *selection.KEYS)
CONFIGURATION = Path("workflow/config/config.yaml")


@dataclass(frozen=True)
class Request:
    """What is to be expanded.

    Attributes:
        experiment: of the file.
        name: of the folders of the later stages.
        content: of the experiment file, with the names of tasks in place of those of declared datasets.
        rows: tasks.csv and the declared datasets.
        notes: what the user should know, one message each.
        variation: the hyperparameter that is varied, or None.
        partial: whether it is a part of an experiment: then an exclusion may have nothing to exclude.
    """

    experiment: str
    name: str
    content: dict[str, Any]
    rows: dict[str, Mapping[str, Any]]
    notes: tuple[str, ...] = ()
    partial: bool = False
    variation: vary.Variation | None = None


def resolve(settings: Mapping[str, Any], root: Path) -> Request:
    """Read the experiment that a checked configuration names.

    Args:
        settings: Snakemake's configuration.
        root: the repository's root.

    Raises:
        ConfigError: a missing or unknown value, with what is known.
    """
    experiment = name = _experiment(settings, root)
    given = [key for key in OWN_KEYS if key in settings]
    if name != OWN and given:
        raise ConfigError(
            f"The configuration gives {schema.listed(given)}, which only experiment=own reads; "
            "add experiment=own or leave it out."
        )
    content = dict(expansion.read_file(root, name))
    declared, where = _declared(settings, root, name, content)
    said: list[str] = []
    if name == paper_layout.TABLE:
        name, said = _put_table(settings, content, root)
    content.pop(paper_layout.PROTOCOL, None)
    choice = _own_choice(settings, content) if name == OWN else []
    if name == OWN:
        content["grid"] = [_own_entry(settings, content, declared, root)]
    chosen = selection.read(settings, root, name, content["grid"])
    content, other, notes = selection.apply(content, chosen, name)
    notes = [*said, *notes]
    content.pop("datasets", None)
    like = content.pop("hyperparameters_like", None)
    found = user_datasets.declare(root, declared, where, like) if declared else {}
    used = _rename(content, {alias: str(row["task"]) for alias, row in found.items()})
    schema.check(content, schema.load(root, "experiment"), f"experiment={name}")
    idle = [alias for alias in found if alias not in used]
    if found and len(idle) == len(found):
        raise ConfigError(
            f"{where} declares {schema.listed(idle)}, but experiment '{name}' names none of them as a task; "
            "name them in its grid, or use experiment=own."
        )
    rows = {**tasks.read(root), **{str(row["task"]): row for row in found.values()}}
    if name == OWN or "datasets" in settings:
        counted = [alias for alias in declared if alias in used or chosen.tasks is None]
        name = "-".join([_name(settings, name, [str(found[alias]["task"]) for alias in counted]), *choice])
    whole = name
    if other and experiment != OWN:
        notes.append(f"Of experiment '{name}': {chosen.sentence()}.")
        name = f"{name}-{chosen.suffix()}"
    variation = None
    if vary.KEY in settings:
        content, variation = _varied(settings, root, content, rows, experiment)
        name = f"{name}-{variation.suffix()}"
        notes.append(_said_of_variation(variation))
    if name not in (experiment, whole):
        notes.append(f"Tables and figures of this choice are in folders named {name}.")
    notes += [f"The dataset '{alias}' of {where} is used by nothing that is asked for." for alias in idle]
    notes += [
        f"{where}: {alias} takes the hyperparameters of {row['hyperparameters_like']}, since tasks.csv has "
        f"no task in {row['environment_id']}; hyperparameters_like= names others."
        for alias, row in found.items()
        if row["hyperparameters_like"] == like and row["suite"] is None
    ]
    return Request(experiment, name, content, rows, tuple(notes), other or variation is not None, variation)


def _experiment(settings: Mapping[str, Any], root: Path) -> str:
    """The name of the experiment's file; `table=` has one of its own."""
    name = str(settings["experiment"])
    if "table" not in settings:
        if name == paper_layout.TABLE:
            raise ConfigError("experiment=table needs table=, the name of a layout in paper_tables/layouts.")
        return name
    default = schema.read_yaml(root / CONFIGURATION)["experiment"]
    if name not in (default, paper_layout.TABLE):
        raise ConfigError(
            f"The configuration gives experiment={name} and table={settings['table']}: a table says "
            "itself what is run; leave one of them out."
        )
    if "datasets" in settings:
        raise ConfigError("The configuration gives table and datasets; keep one of them.")
    return paper_layout.TABLE


def _varied(
    settings: Mapping[str, Any],
    root: Path,
    content: dict[str, Any],
    rows: Mapping[str, Mapping[str, Any]],
    experiment: str,
) -> tuple[dict[str, Any], vary.Variation]:
    """The experiment of `vary=`.

    Raises:
        ConfigError: it cannot be run.
    """
    given = settings[vary.KEY]
    if experiment == paper_layout.TABLE:
        raise ConfigError(
            f"The configuration gives table and vary={given}; a table has the paper's settings."
        )
    for part in selection.OF_THE_WHOLE:
        content.pop(part, None)
    found, variation = vary.apply(root, vary.read(given), content, rows, f"experiment '{experiment}'")
    schema.check(found, schema.load(root, "experiment"), f"vary={given}")
    return found, variation


def _said_of_variation(variation: vary.Variation) -> str:
    own = list(dict.fromkeys(str(point.value) for point in variation.points if point.reference))
    methods = list(dict.fromkeys(point.method for point in variation.points))
    return (
        f"{variation.name} of {schema.listed(methods)} is varied; its own value ({schema.listed(own)}) is "
        "run too: effects are measured against it."
    )


def _put_table(settings: Mapping[str, Any], content: dict[str, Any], root: Path) -> tuple[str, list[str]]:
    """Put the runs that a table needs in place of the grid; returns the name of its results, and notes."""
    found = paper_layout.wanted(root, str(settings["table"]), content)
    content["grid"] = found.entries
    content["samplings"] = found.samplings
    name = f"{paper_layout.TABLE}-{found.layout}"
    methods = list(dict.fromkeys(method for entry in found.entries for method in entry["methods"]))
    said = f"Table {found.layout} needs {len(found.entries)} runs of {schema.listed(methods)}."
    return name, [said, *found.notes]


def _declared(
    settings: Mapping[str, Any], root: Path, name: str, content: Mapping[str, Any]
) -> tuple[dict[str, Any], str]:
    """The datasets that the configuration and the experiment declare, and where."""
    found = dict(content.get("datasets", {}))
    where = f"{expansion.FOLDER}/{name}.yaml, datasets" if found else "datasets"
    if "datasets" in settings:
        where = str(settings["datasets"])
        read = schema.read_yaml(root / where)
        entries = read.get("datasets", read) if isinstance(read, dict) else read
        schema.check(entries, schema.load(root, "datasets"), where)
        twice = sorted(set(found) & set(entries))
        if twice:
            raise ConfigError(
                f"{where}: {schema.listed(twice)} is declared by experiment '{name}' too; keep one."
            )
        found.update(entries)
    if "dataset" in settings:
        if "datasets" in settings:
            raise ConfigError("The configuration gives dataset and datasets; keep one of them.")
        where = "experiment=own"
        found[user_datasets.clean_name(settings["dataset"])] = _own_dataset(settings, root)
    if name == OWN and not found:
        raise ConfigError(
            "experiment=own needs dataset=, a file, a Minari folder or an address, with env=; or datasets=, "
            "a YAML file that declares several (workflow/schemas/datasets.schema.json)."
        )
    return found, where


def _own_dataset(settings: Mapping[str, Any], root: Path) -> dict[str, Any]:
    dataset = str(settings["dataset"])
    if not user_datasets.is_url(dataset) and not (root / dataset).exists():
        raise ConfigError(f"dataset={dataset}: there is no such file.")
    if "env" not in settings:
        known = user_datasets.environments(tasks.read(root))
        fit = user_datasets.fitting(root, dataset, known)
        found = None if user_datasets.is_url(dataset) else user_datasets.widths(root / dataset)
        allowed = (
            f"known are {schema.listed(known)}"
            if found is None
            else f"its widths are {found[0]} (observations) and {found[1]} (actions), which fit "
            f"{schema.listed(fit)}"
        )
        raise ConfigError(f"experiment=own needs env=, the environment that {dataset} belongs to; {allowed}.")
    entry = {"path": dataset, "environment": settings["env"]}
    for key in ("sha256", "hyperparameters_like", "ends", "next_observations", "action_clip"):
        if key in settings:
            entry[key] = settings[key]
    return entry


def _own_entry(
    settings: Mapping[str, Any], content: Mapping[str, Any], declared: Mapping[str, Any], root: Path
) -> dict[str, Any]:
    entry = {**content["grid"][0], "tasks": list(declared)}
    if "methods" in settings:
        entry["methods"] = selection.names("methods", settings["methods"])
    if "num_updates" in settings:
        entry["num_updates"] = int(settings["num_updates"])
    for method in entry["methods"]:
        hyperparameters.read(root, method)
    return entry


def _rename(content: dict[str, Any], names: Mapping[str, str]) -> set[str]:
    """Put the names of tasks in place of those of declared datasets; returns the declared names found."""
    used: set[str] = set()

    def renamed(name: Any) -> Any:
        if name in names:
            used.add(name)
            return names[name]
        return name

    content["grid"] = [
        {**entry, "tasks": [renamed(task) for task in entry["tasks"]]} for entry in content["grid"]
    ]
    for rule in content.get("exclude", []):
        if "task" in rule:
            given = rule["task"]
            rule["task"] = [renamed(task) for task in given] if isinstance(given, list) else renamed(given)
    return used


def _own_choice(settings: Mapping[str, Any], content: Mapping[str, Any]) -> list[str]:
    """What of the command line makes other runs of the same data: their tables replace no others."""
    parts = []
    num_updates, like = settings.get("num_updates"), settings.get("hyperparameters_like")
    if num_updates is not None and num_updates != content["grid"][0].get("num_updates"):
        parts.append(f"{int(num_updates)}updates")
    if like is not None and like != content.get("hyperparameters_like"):
        parts.append(f"like-{like}")
    return parts


def _name(settings: Mapping[str, Any], experiment: str, declared: list[str]) -> str:
    """The name of the later stages' folders, other for other data."""
    if experiment == OWN and len(declared) == 1:
        return declared[0]
    stem = Path(str(settings.get("datasets", "datasets"))).stem
    return f"{experiment}-{re.sub(r'[^A-Za-z0-9_.-]+', '-', stem)}-{runs.digest(sorted(declared))}"


def refuse_empty(given: Mapping[str, Any]) -> None:
    """Refuse a key of the command line without a value, as an unset variable of the shell leaves it.

    Args:
        given: keys and values of `--config`.

    Raises:
        ConfigError: naming the first such key; it would count as not given.
    """
    for key, value in given.items():
        if value is None or value == "":
            raise ConfigError(f"--config {key}= gives no value; write one, or leave {key} out.")


def refuse_no_cores(cores: int | None) -> None:
    """Refuse `--cores 0`, with which Snakemake waits for ever and prints nothing.

    Args:
        cores: of the command line; None where jobs are sent elsewhere.

    Raises:
        ConfigError: there are none.
    """
    if cores is not None and cores < 1:
        raise ConfigError(f"--cores {cores}: one core or more is needed.")


def refuse_with_scores(settings: Mapping[str, Any]) -> None:
    """Refuse a choice of what is trained where scores are read that exist.

    Raises:
        ConfigError: both are given.
    """
    # A file of scores has `tasks` of its own (`recheck.configuration.score_file`).
    given = [key for key in (*OWN_KEYS, *COMMON_KEYS) if key in settings and key != "tasks"]
    if settings.get("scores") and given:
        raise ConfigError(
            f"The configuration gives {schema.listed(given)} and scores={settings['scores']}: existing "
            "scores are read as they are, and nothing is trained; leave one of them out."
        )
