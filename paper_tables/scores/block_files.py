"""The files of a finished block, read and compared with each other before their numbers are used."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from recheck import checksums, files, schema
from recheck.errors import TablesError
from recheck.former_names import current
from recheck.words import named

from paper_tables import frames

ADVICE = "Remove the file and start the same command, which makes it again, or restore it."
# Columns of an episodes' table in which one evaluation has one value.
OF_ONE_EVALUATION = ("sampling", "environment_id", "gymnasium_version", "mujoco_version")


def read_json(path: Path) -> Any:
    """A JSON document, compared with its checksum.

    Raises:
        TablesError: the file is absent, no JSON or not what was written.
    """
    checksums.compare(path, ADVICE, TablesError)
    return files.read_json(path, TablesError)


def read_plain_parquet(path: Path, required: tuple[str, ...]) -> pd.DataFrame:
    """A parquet file without a schema, with the columns that are needed, compared with its checksum.

    Raises:
        TablesError: the file is absent, is not parquet, lacks a column or is not what was written.
    """
    table = frames.read_plain_parquet(path, ADVICE)
    missing = [column for column in required if column not in table.columns]
    if missing:
        raise TablesError(f"{path} lacks the {named('column', missing)}.")
    return table


def _read_object(path: Path, name: str) -> dict[str, Any]:
    """A JSON object with today's names, checked against the schema `name`."""
    document = read_json(path)
    document = current(document) if isinstance(document, dict) else document
    schema.check(document, frames.load_schema(name), str(path), TablesError)
    return dict(document)


def read_config(run_dir: Path, seeds: Sequence[int]) -> dict[str, Any]:
    """The configuration of a trained block.

    Args:
        run_dir: its folder.
        seeds: those asked for.

    Raises:
        TablesError: it breaks its schema, lacks a seed, or has a checkpoint after the last update.
    """
    path = run_dir / "config.json"
    config = _read_object(path, "run_config")
    lacking = sorted(set(seeds) - set(config.get("seeds", seeds)))
    if lacking:
        raise TablesError(f"{path} is of the seeds {config['seeds']}; seed {lacking[0]} is not among them.")
    if max(config["checkpoints"]) > config["num_updates"]:
        raise TablesError(
            f"{path} has a checkpoint at update {max(config['checkpoints'])}, after its last one "
            f"({config['num_updates']})."
        )
    return config


def read_manifest(path: Path, task: str) -> dict[str, Any]:
    """The manifest of the dataset that a block was trained on.

    Raises:
        TablesError: it breaks its schema, is another task's, or has references that normalise nothing.
    """
    manifest = _read_object(path, "dataset_manifest")
    if manifest.get("task", task) != task:
        raise TablesError(f"{path} is of task {manifest['task']}, but the run's task is {task}.")
    low, high = manifest.get("reference_min_score"), manifest.get("reference_max_score")
    if low is not None and high is not None and low >= high:
        raise TablesError(f"{path} has the references {low} and {high}; the first has to be the smaller one.")
    return manifest


def read_provenance(run_dir: Path) -> dict[str, Any]:
    """What a block says of its training.

    Raises:
        TablesError: it breaks its schema.
    """
    return _read_object(run_dir / "provenance.json", "run_provenance")


def check_numbers(table: pd.DataFrame, columns: Sequence[str], path: Path, finite: bool = True) -> None:
    """Refuse columns that are not made of numbers, or with `finite` hold others than finite ones.

    Raises:
        TablesError: naming the column and the first such row.
    """
    for column in columns:
        values = table[column]
        if not finite and values.isna().all():
            continue  # an empty column has no type
        if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
            raise TablesError(f"{path} holds {column} as {values.dtype}; numbers are required.")
        bad = ~np.isfinite(values.to_numpy(dtype=float, na_value=np.nan))
        if finite and bad.any():
            raise TablesError(
                f"{path} holds {column} {values[bad].iloc[0]} in row {frames.row_number(bad)}; finite "
                "numbers are required."
            )


def check_one_evaluation(episodes: pd.DataFrame, path: Path) -> None:
    """Refuse episodes of several sampling settings, environments or versions in one file.

    Raises:
        TablesError: naming the column and its values.
    """
    for column in OF_ONE_EVALUATION:
        found = [] if column not in episodes else sorted(map(str, episodes[column].unique()))
        if len(found) > 1:
            raise TablesError(
                f"{path} mixes {column} {' and '.join(found)}, and one evaluation has one; evaluate it again."
            )


def check_environment(episodes: pd.DataFrame, manifest: dict[str, Any], path: Path) -> None:
    """Refuse episodes of another environment than the task's, or longer ones than its limit.

    Args:
        episodes: with `environment_id` and `length` (steps) where they are known.
        manifest: of the dataset, with `environment_id` and `horizon` (steps) where they are known.
        path: the file of the episodes, for messages.

    Raises:
        TablesError: naming both.
    """
    advice = f"Remove {path.name} and start the same command, which evaluates again."
    wanted, horizon = manifest.get("environment_id"), manifest.get("horizon")
    found = episodes["environment_id"].iloc[0] if "environment_id" in episodes and len(episodes) else None
    if found and wanted and found != wanted:
        raise TablesError(f"{path} was played in {found}, but the task's environment is {wanted}. {advice}")
    longest = int(episodes["length"].max()) if "length" in episodes and len(episodes) else 0
    if horizon and longest > horizon:
        raise TablesError(
            f"{path} has an episode of {longest:,} steps, but the task's limit is {horizon:,}. {advice}"
        )


def check_log(losses: pd.DataFrame, seed: int, checkpoints: Sequence[int], path: Path) -> None:
    """Refuse a seed's log of losses that lacks a checkpoint, or has an update twice.

    Args:
        losses: rows of one seed, with `update`.
        seed: for messages.
        checkpoints: updates of the kept policies; each is logged.
        path: the file, for messages.

    Raises:
        TablesError: naming the first such update.
    """
    twice = losses.loc[losses["update"].duplicated(), "update"]
    if len(twice):
        raise TablesError(f"{path} has update {twice.iloc[0]} of seed {seed} more than once.")
    lacking = sorted(set(checkpoints) - set(losses["update"]))
    if lacking:
        raise TablesError(
            f"{path} has no losses of seed {seed} at its checkpoint {lacking[0]}; train it again."
        )
