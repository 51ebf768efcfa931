"""Experiment `own`: a user's D4RL-format file, taken the same way as any task.

    snakemake --cores 2 --config experiment=own dataset=my.hdf5 env=Hopper-v4

Also read: sha256, methods, seeds, num_updates, hyperparameters_like.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recheck import experiments, hyperparameters, schema, tasks
from recheck.errors import ConfigError

_FORBIDDEN = re.compile(r"[^A-Za-z0-9_.-]+")


def task_name(dataset: str) -> str:
    """``own-<file name>``, without the ending, other characters than ``[A-Za-z0-9_.-]`` made to ``-``.

    Raises ConfigError if nothing is left of the name.
    """
    stem = re.sub(r"\.(hdf5|h5)$", "", dataset.rstrip("/").rsplit("/", 1)[-1])
    clean = _FORBIDDEN.sub("-", stem).strip("-.")
    if not clean:
        raise ConfigError(
            f"dataset={dataset}: the file name has no letter or digit to name the task by; rename it."
        )
    return f"own-{clean}"


def is_url(dataset: str) -> bool:
    """Whether the dataset is to be downloaded."""
    return re.match(r"(https?|ftp|file)://", dataset) is not None


def widths(path: Path) -> tuple[int, int] | None:
    """(observation width, action width) of an HDF5 file, or None where they cannot be read.

    What else may be wrong with the file is the dataset rule's to say.
    """
    import h5py  # only here: 0.1 s that no other experiment needs

    try:
        with h5py.File(path, "r") as file:
            observations, actions = file["observations"].shape, file["actions"].shape
            return int(observations[1]), int(actions[1])
    except (OSError, RuntimeError, KeyError, AttributeError, IndexError, TypeError, ValueError):
        return None


def environments(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Every environment id of tasks.csv, with the first row that names it.

    Where that row has no reference scores, those of the environment's family (the id without its version)
    are taken.
    """
    found: dict[str, dict[str, Any]] = {}
    for row in rows.values():
        environment = row.get("environment_id")
        if environment and environment not in found:
            found[environment] = dict(row)
    for environment, row in found.items():
        if row.get("reference_min_score") is not None:
            continue
        for other in rows.values():
            same = str(other.get("environment_id") or "").rsplit("-v", 1)[0] == environment.rsplit("-v", 1)[0]
            if same and other.get("reference_min_score") is not None:
                row["reference_min_score"] = other["reference_min_score"]
                row["reference_max_score"] = other["reference_max_score"]
                break
    return found


def _listed(value: Any) -> list[str]:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return [str(part) for part in value]


def _seeds(value: Any) -> int | list[int]:
    if isinstance(value, int):
        return value
    numbers = []
    for part in _listed(value):
        if not re.fullmatch(r"-?[0-9]+", part):
            raise ConfigError(f"seeds={value}: '{part}' is no seed; allowed are whole numbers from 0 on.")
        numbers.append(int(part))
    if any(number < 0 for number in numbers):
        raise ConfigError(f"seeds={value}: a seed is negative; allowed are whole numbers from 0 on.")
    return numbers


def _environment(settings: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    dataset, environment = settings["dataset"], settings.get("env")
    found = None if is_url(dataset) else widths(Path(dataset))
    fitting = [
        name
        for name, row in known.items()
        if found is not None and (row.get("observation_dim"), row.get("action_dim")) == found
    ]
    if environment is None:
        if found is None:
            allowed = f"known are {schema.listed(known)}"
        else:
            allowed = (
                f"its widths are {found[0]} (observations) and {found[1]} (actions), which fit "
                f"{schema.listed(fitting)}"
            )
        raise ConfigError(f"experiment=own needs env=, the environment that {dataset} belongs to; {allowed}.")
    if environment not in known:
        allowed = (
            f"those that fit the file are {schema.listed(fitting)}"
            if fitting
            else f"known are {schema.listed(known)}"
        )
        raise ConfigError(f"There is no environment '{environment}'; {allowed}.")
    row = known[environment]
    expected = (row.get("observation_dim"), row.get("action_dim"))
    if found is not None and None not in expected and found != expected:
        raise ConfigError(
            f"{dataset} has observations of width {found[0]} and actions of width {found[1]}, but "
            f"{environment} has "
            f"{expected[0]} and {expected[1]}; environments that fit are {schema.listed(fitting)}."
        )
    return row


def resolve(settings: Mapping[str, Any], root: Path) -> tuple[dict[str, Any], dict[str, Mapping[str, Any]]]:
    """The experiment's content and the tasks with the user's own among them.

    Raises ConfigError for a missing or unknown value, with what is known.
    """
    rows = tasks.read(root)
    if "dataset" not in settings:
        raise ConfigError("experiment=own needs dataset=, a D4RL-format HDF5 file by path or URL.")
    dataset = settings["dataset"]
    if not is_url(dataset) and not (root / dataset).is_file():
        raise ConfigError(f"dataset={dataset}: there is no such file.")
    reference = _environment(settings, environments(rows))
    environment = str(reference["environment_id"])

    content = experiments.read_file(root, "own")
    entry = dict(content["grid"][0])
    if "methods" in settings:
        entry["methods"] = _listed(settings["methods"])
    if "seeds" in settings:
        entry["seeds"] = _seeds(settings["seeds"])
    if "num_updates" in settings:
        entry["num_updates"] = int(settings["num_updates"])
    covered = set(rows)
    for method in entry["methods"]:
        covered &= hyperparameters.covered(hyperparameters.read(root, method))

    like = settings.get("hyperparameters_like") or experiments.reference_task(root, environment)
    if like is None:
        raise ConfigError(
            f"experiment=own with env={environment} needs hyperparameters_like=, the task whose "
            "hyperparameters are "
            f"taken; {schema.listed(entry['methods'])} have them for {schema.listed(sorted(covered))}."
        )
    if like not in rows:
        raise ConfigError(
            f"hyperparameters_like={like} is no task; {schema.listed(entry['methods'])} have values for "
            f"{schema.listed(sorted(covered))}."
        )
    name = task_name(dataset)
    entry["tasks"] = [name]
    content = {**content, "grid": [entry]}
    schema.check(content, schema.load(root, "experiment"), "experiment=own")
    row = tasks.own_row(name, dataset, is_url(dataset), settings.get("sha256"), like, reference)
    return content, {**rows, name: row}
