"""Finished seed blocks, read and normalised."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from recheck import schema
from recheck.errors import TablesError
from recheck.former_names import current_at_every_level

from paper_tables import frames
from paper_tables.scores.block_files import (
    check_environment,
    check_log,
    check_numbers,
    check_one_evaluation,
    read_json,
    read_plain_parquet,
    read_provenance,
)
from paper_tables.scores.completeness import check_episodes
from paper_tables.scores.normalised_score import normalise
from paper_tables.scores.tables import RUN_COLUMNS

# Of episodes whose table says nothing of a format.
FIRST_FORMAT = 1


@dataclass(frozen=True)
class Block:
    """One block of seeds under one sampling setting, as the index names it."""

    run_dir: Path
    dataset_manifest: Path
    episodes: Path
    timing: Path | None
    seeds: tuple[int, ...]
    hyperparameters_like: str | None
    evaluation: dict[str, int] | None = None


@dataclass(frozen=True)
class Index:
    """The blocks of one experiment."""

    experiment: str
    average_last_k: int
    blocks: tuple[Block, ...]


def read_index(path: Path) -> Index:
    """Read and check the index of an experiment.

    Raises:
        TablesError: it is not JSON or breaks the schema.
    """
    document = current_at_every_level(read_json(path))
    if isinstance(document, list):
        document = {"format": 1, "experiment": path.stem, "blocks": document}
    schema.check(document, frames.load_schema("scores_index"), str(path), error=TablesError)
    blocks = tuple(
        Block(
            run_dir=Path(block["run_dir"]),
            dataset_manifest=Path(block["dataset_manifest"]),
            episodes=Path(block["episodes"]),
            timing=Path(block["timing"]) if block.get("timing") else None,
            seeds=tuple(block["seeds"]),
            hyperparameters_like=block["hyperparameters_like"],
            evaluation=block.get("evaluation"),
        )
        for block in document["blocks"]
    )
    return Index(document["experiment"], document.get("average_last_k", 5), blocks)


def text_or_none(value: Any) -> str | None:
    """A value as text, a list joined; None where there is none."""
    if value is None:
        return None
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value) or None
    return str(value)


def block_episodes(block: Block, config: dict[str, Any], manifest: dict[str, Any]) -> pd.DataFrame:
    """The episodes of the seeds asked for, complete at every checkpoint, with their scores."""
    columns = (
        "method",
        "task",
        "variant",
        "digest",
        "diffusion_steps",
        "sampling",
        "seed",
        "update",
        "purpose",
    )
    table = read_plain_parquet(block.episodes, (*columns, "episode", "raw_return"))
    for column in RUN_COLUMNS:
        found = sorted({str(value) for value in table[column].unique()})
        if found != [str(config[column])]:
            raise TablesError(
                f"{block.episodes} holds {column} {', '.join(found) or 'nothing'}, but "
                f"{block.run_dir}/config.json says {config[column]}; the two do not belong together."
            )
    check_numbers(table, ("seed", "update", "episode", "raw_return"), block.episodes)
    check_one_evaluation(table, block.episodes)
    check_environment(table, manifest, block.episodes)
    table = table[table["seed"].isin(block.seeds)].copy()
    check_episodes(table, block.seeds, config["checkpoints"], block.evaluation, str(block.episodes))
    table["score_percent"], table["score_unit"] = normalise(
        table["raw_return"].to_numpy(dtype=float), manifest
    )
    table["reference_min_score"] = manifest.get("reference_min_score")
    table["reference_max_score"] = manifest.get("reference_max_score")
    return table


def block_losses(block: Block, config: dict[str, Any]) -> pd.DataFrame:
    """[runs x checkpoints x losses, columns of the schema ``losses``]."""
    path = block.run_dir / "train.parquet"
    table = read_plain_parquet(path, ("seed", "update"))
    names = [column for column in table.columns if column not in ("seed", "update")]
    check_numbers(table, ("seed", "update"), path)
    check_numbers(table, names, path, finite=False)
    rows: list[dict[str, Any]] = []
    run = {column: config[column] for column in RUN_COLUMNS}
    for seed in block.seeds:
        log = table[table["seed"] == seed].sort_values("update")
        if log.empty:
            raise TablesError(f"{path} has no rows of seed {seed}; it holds {sorted(set(table['seed']))}.")
        check_log(log, seed, config["checkpoints"], path)
        # A row is the mean since the row before, so a longer interval weighs them by their updates.
        weight = np.diff(log["update"].to_numpy(), prepend=0)
        previous = 0
        for update in config["checkpoints"]:
            inside = ((log["update"] > previous) & (log["update"] <= update)).to_numpy()
            for name in names:
                values = log[name].to_numpy(dtype=float)[inside]
                known = np.isfinite(values)
                rows.append(
                    {
                        **run,
                        "seed": seed,
                        "update": update,
                        "loss": name,
                        "value": values[-1] if len(values) and known[-1] else None,
                        "value_since_checkpoint": float(
                            np.average(values[known], weights=weight[inside][known])
                        )
                        if known.any()
                        else None,
                    }
                )
            previous = update
    return frames.check(pd.DataFrame(rows), "losses", str(path))


def block_provenance(block: Block, manifest: dict[str, Any], episodes: pd.DataFrame) -> dict[str, Any]:
    """The provenance columns of a block's scores."""
    record = read_provenance(block.run_dir)
    versions, git = record.get("versions") or {}, record.get("git") or {}
    return {
        "environment_id": text_or_none(episodes["environment_id"].iloc[0])
        if "environment_id" in episodes
        else None,
        "environment_match": manifest.get("environment_match"),
        "hyperparameters_like": block.hyperparameters_like,
        "content_sha256": text_or_none(manifest.get("content_sha256")),
        "git_commit": text_or_none(git.get("commit")),
        "git_dirty": git.get("dirty"),
        "device": text_or_none(record.get("devices")),
        "torch_version": text_or_none(versions.get("torch")),
        "gymnasium_version": text_or_none(episodes["gymnasium_version"].iloc[0])
        if "gymnasium_version" in episodes
        else None,
        "mujoco_version": text_or_none(episodes["mujoco_version"].iloc[0])
        if "mujoco_version" in episodes
        else None,
        "evaluation_format": evaluation_format(block.episodes),
    }


def evaluation_format(episodes: Path) -> int:
    """The format that an episodes' table states in its metadata; tables that state none are of the first.

    Raises:
        TablesError: the metadata are not what the evaluation writes.
    """
    import pyarrow.parquet

    stated = (pyarrow.parquet.read_schema(episodes).metadata or {}).get(b"recheck", b"{}")
    try:
        return int(json.loads(stated).get("format", FIRST_FORMAT))
    except (ValueError, TypeError, AttributeError):
        raise TablesError(
            f"{episodes} states a format of evaluation that is not a whole number; evaluate the run again."
        ) from None
