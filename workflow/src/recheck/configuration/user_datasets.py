"""Datasets of the user's own, declared in a few lines: tasks like any other.

    snakemake --cores 2 --config experiment=own dataset=my.hdf5 env=Hopper-v4
    snakemake --cores 2 --config experiment=own datasets=my.yaml
    snakemake --cores 2 --config experiment=NAME            # NAME.yaml has a section `datasets`

The name of such a task ends with eight digits of its content's hash, so that two files of one name are two
tasks, and the results of one never replace those of the other.
"""

from __future__ import annotations

import difflib
import functools
import hashlib
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from recheck import files, paths, records, schema, tasks
from recheck.errors import ConfigError

_FORBIDDEN = re.compile(r"[^A-Za-z0-9_.-]+")
# What of a known environment's row holds for any data of that environment.
_OF_ENVIRONMENT = (
    "suite",
    "observation_dim",
    "action_dim",
    "adapter",
    "environment_match",
    "horizon",
    "reference_min_score",
    "reference_max_score",
    "action_clip",
    "fix_timeouts",
)
# What of an entry changes how the data are read: two ways of reading one file are two datasets.
_READ_BY = ("adapter", "horizon", "action_clip", "fix_timeouts", "ends", "next_observations")
# What an entry may say itself.
_OF_ENTRY = (
    "adapter",
    "horizon",
    "reference_min_score",
    "reference_max_score",
    "action_clip",
    "fix_timeouts",
    "ends",
    "next_observations",
    "notes",
)


def declare(
    root: Path, entries: Mapping[str, Mapping[str, Any]], where: str, like: str | None
) -> dict[str, Mapping[str, Any]]:
    """The rows of declared datasets by the name that they are declared under; the task's name is in the row.

    Args:
        root: the repository's root.
        entries: name -> entry, as workflow/schemas/datasets.schema.json has them.
        where: what declares them, for messages.
        like: task whose hyperparameters are taken where neither the entry nor its environment gives one.

    Raises:
        ConfigError: a file or environment is not there, or does not fit.
    """
    schema.check(entries, schema.load(root, "datasets"), where)
    rows = tasks.read(root)
    found: dict[str, Mapping[str, Any]] = {}
    for name, entry in entries.items():
        if name in rows:
            raise ConfigError(f"{where}: '{name}' is a task of tasks.csv; give the dataset another name.")
        found[name] = _row(root, name, entry, f"{where}: {name}", like)
    return found


def _row(root: Path, name: str, entry: Mapping[str, Any], where: str, like: str | None) -> dict[str, Any]:
    path, environment = str(entry["path"]), str(entry["environment"])
    if not is_url(path) and not (root / path).exists():
        raise ConfigError(f"{where}: there is no such file: {path}.")
    if re.search("[{}]", path):
        raise ConfigError(
            f"{where}: {path} has curly brackets, which Snakemake takes for wildcards; rename the file or "
            "folder (in an address, write %7B and %7D)."
        )
    known = environments(tasks.read(root))
    _check_widths(root, path, environment, known, where)
    reference = known.get(environment) or _registered(environment, path, root, known, where)
    chosen = entry.get("hyperparameters_like") or reference_task(root, environment)
    if chosen is None and environment not in known:
        chosen = like
    if chosen is None or chosen not in tasks.read(root):
        raise ConfigError(
            f"{where} needs hyperparameters_like=, the task whose hyperparameters are taken"
            f"{f'; {chosen!r} is not a task' if chosen else f' in {environment}'}; known are "
            f"{schema.listed(sorted(tasks.read(root)))}."
        )
    sha256 = entry.get("sha256")
    row: dict[str, Any] = dict.fromkeys(next(iter(tasks.read(root).values())))
    row.update({key: reference[key] for key in _OF_ENVIRONMENT if key in reference})
    row.update({key: entry[key] for key in _OF_ENTRY if key in entry})
    row.update(
        task=_task_name(root, name, path, sha256, {key: entry[key] for key in _READ_BY if key in entry}),
        source_kind="hdf5",
        source=tasks.OWN_SOURCE,
        urls=path if is_url(path) else None,
        path=None if is_url(path) else path,
        sha256=sha256.lower() if sha256 else None,
        sha256_source="given with the data" if sha256 else None,
        environment_id=environment,
        comparability="unverified",
        hyperparameters_like=chosen,
    )
    if row.get("reference_min_score") is None and not row.get("notes"):
        row["notes"] = "No reference scores are known for this environment: raw returns are shown."
    if "transforms" in entry:
        row["transforms"] = entry["transforms"]
    return row


def clean_name(dataset: str) -> str:
    """A task's name from a path or address: its last part without ending, other characters made to ``-``.

    Raises:
        ConfigError: nothing is left of the name.
    """
    stem = re.sub(r"\.(hdf5|h5|parquet|npz|pkl)$", "", dataset.rstrip("/").rsplit("/", 1)[-1])
    clean = _FORBIDDEN.sub("-", stem).strip("-.")
    if not clean:
        raise ConfigError(
            f"dataset={dataset}: the file name has no letter or digit to name the task by; rename it."
        )
    return f"own-{clean}"


def _task_name(root: Path, name: str, path: str, sha256: str | None, options: Mapping[str, Any]) -> str:
    """The declared name with eight digits of the content and of the options that change how it is read.

    Without the digits where earlier data fit.
    """
    if is_url(path):
        content = sha256.lower() if sha256 else hashlib.sha256(path.encode()).hexdigest()
    else:
        content = content_sha256(root / path)
    chosen = {key: value for key, value in sorted(options.items()) if value is not None}
    if chosen:
        return f"{name}-{hashlib.sha256(f'{content} {chosen}'.encode()).hexdigest()[:8]}"
    earlier = records.value_of(root, f"{paths.dataset(name)}/manifest.json#source_sha256")
    return name if earlier == content else f"{name}-{content[:8]}"


def content_sha256(path: Path) -> str:
    """The SHA-256 of a file, or of the names and contents of a folder's files."""
    if path.is_file():
        found = path.stat()
        return _sha256(path, found.st_size, found.st_mtime_ns)
    hasher = hashlib.sha256()
    for member in sorted(path.rglob("*")):
        if member.is_file():
            found = member.stat()
            digest = _sha256(member, found.st_size, found.st_mtime_ns)
            hasher.update(f"{member.relative_to(path)}\0{digest}\0".encode())
    return hasher.hexdigest()


@functools.lru_cache(maxsize=4096)
def _sha256(path: Path, size: int, mtime_ns: int) -> str:
    return files.sha256(path, ConfigError)


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


def fitting(root: Path, path: str, known: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The environments of tasks.csv that have a file's widths."""
    found = None if is_url(path) or not (root / path).is_file() else widths(root / path)
    return [
        name
        for name, row in known.items()
        if found is not None and (row.get("observation_dim"), row.get("action_dim")) == found
    ]


def _check_widths(
    root: Path, path: str, environment: str, known: Mapping[str, Mapping[str, Any]], where: str
) -> None:
    if environment not in known or is_url(path) or not (root / path).is_file():
        return
    found = widths(root / path)
    expected = (known[environment].get("observation_dim"), known[environment].get("action_dim"))
    if found is not None and None not in expected and found != expected:
        raise ConfigError(
            f"{where}: {path} has observations of width {found[0]} and actions of width {found[1]}, but "
            f"{environment} has {expected[0]} and {expected[1]}; environments that fit are "
            f"{schema.listed(fitting(root, path, known))}."
        )


def _registered(
    environment: str, path: str, root: Path, known: Mapping[str, Mapping[str, Any]], where: str
) -> dict[str, Any]:
    """What Gymnasium knows of an environment that is not in tasks.csv.

    Raises:
        ConfigError: it knows no such environment.
    """
    import gymnasium  # only here, where the environment is not one of tasks.csv

    try:
        import gymnasium_robotics

        gymnasium.register_envs(gymnasium_robotics)
    except ImportError:
        pass
    try:
        spec = gymnasium.spec(environment)
    except gymnasium.error.Error:
        fit = fitting(root, path, known)
        near = difflib.get_close_matches(environment, {**known, **gymnasium.registry}, n=3)
        allowed = (
            f"those of tasks.csv that fit the file are {schema.listed(fit)}"
            if fit
            else f"tasks.csv has {schema.listed(known)}; any other that Gymnasium has registered is taken too"
        )
        close = f"did you mean {schema.listed(near)}? " if near else ""
        raise ConfigError(f"{where}: there is no environment '{environment}'; {close}{allowed}.") from None
    return {
        "adapter": "none",
        "environment_match": "same",
        "horizon": spec.max_episode_steps,
        "fix_timeouts": False,
    }


@cache
def reference_task(root: Path, environment_id: str) -> str | None:
    """The medium-expert-v2 task of a locomotion environment, whose hyperparameters a user's data take."""
    family = environment_id.split("-")[0].lower()
    name = f"{family}-medium-expert-v2"
    return name if name in tasks.read(root) else None
