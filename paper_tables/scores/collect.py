"""From an index of finished blocks to the four tables of an experiment."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from paper_tables import frames
from paper_tables.scores.block_files import read_config, read_manifest, read_plain_parquet
from paper_tables.scores.completeness import not_finite
from paper_tables.scores.cost import block_cost
from paper_tables.scores.read_runs import (
    Block,
    Index,
    block_episodes,
    block_losses,
    block_provenance,
)
from paper_tables.scores.selection import select
from paper_tables.scores.tables import FILES, RUN_COLUMNS


def _block_scores(
    block: Block, config: dict[str, Any], episodes: pd.DataFrame, losses: pd.DataFrame, average_last_k: int
) -> pd.DataFrame:
    manifest = read_manifest(block.dataset_manifest, config["task"])
    hyperparameters = config.get("hyperparameters", {})
    top_k = hyperparameters.get("offline_top_k", 0)
    fixed = {
        **{column: config[column] for column in RUN_COLUMNS},
        "sampling": str(episodes["sampling"].iloc[0]),
        "comparability": manifest.get("comparability"),
        "score_unit": str(episodes["score_unit"].iloc[0]),
        **block_provenance(block, manifest, episodes),
    }
    rows = [
        {**fixed, "seed": seed, **row}
        for seed in block.seeds
        for row in select(
            episodes[episodes["seed"] == seed], losses[losses["seed"] == seed], average_last_k, int(top_k)
        )
    ]
    return pd.DataFrame(rows)


def losses_not_finite(index: Index) -> list[str]:
    """Messages about losses of the index's runs that are NaN or infinite."""
    messages: dict[str, None] = {}
    for block in index.blocks:
        path = block.run_dir / "train.parquet"
        log = read_plain_parquet(path, ("seed", "update"))
        messages |= dict.fromkeys(not_finite(log[log["seed"].isin(block.seeds)], str(path)))
    return list(messages)


def collect(index: Index) -> dict[str, pd.DataFrame]:
    """Gather an experiment's blocks into the four tables.

    Returns:
        ``scores``, ``episodes``, ``cost``, ``losses``, checked against their schemas, rows sorted by key.

    Raises:
        TablesError: a file is missing, does not fit its block, or lacks a seed or checkpoint.
    """
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in FILES}
    seen: set[tuple[Any, ...]] = set()
    for block in index.blocks:
        config = read_config(block.run_dir, block.seeds)
        manifest = read_manifest(block.dataset_manifest, config["task"])
        episodes = block_episodes(block, config, manifest)
        losses = block_losses(block, config)
        parts["episodes"].append(episodes[[*episodes.columns.intersection(frames.columns("episodes"))]])
        parts["scores"].append(_block_scores(block, config, episodes, losses, index.average_last_k))
        parts["cost"].append(block_cost(block, config, str(episodes["sampling"].iloc[0])))
        run = (*(config[column] for column in RUN_COLUMNS), block.seeds)
        if run not in seen:  # several sampling settings share one run and its losses
            parts["losses"].append(losses)
            seen.add(run)
    result = {}
    for name, tables in parts.items():
        # A column that is empty in one block must not decide the type of the whole.
        table = pd.concat([part.dropna(axis="columns", how="all") for part in tables], ignore_index=True)
        if name == "losses":
            table = table.drop_duplicates([*RUN_COLUMNS, "seed", "update", "loss"])
        key = frames.load_schema(name).get("x-key") or [*RUN_COLUMNS, "sampling", "seeds", "num_states"]
        order = [column for column in key if column in table.columns]
        result[name] = frames.check(
            table.sort_values(order, kind="stable", ignore_index=True), name, f"{index.experiment}: {name}"
        )
    return result


def best_optimism(scores: pd.DataFrame) -> pd.DataFrame:
    """How much "best over training" promises that a fresh evaluation does not keep.

    Per run the difference best_online - best_reevaluated at the same checkpoint, in score units; then over
    the seeds of each method and task.

    Args:
        scores: rows of the schema ``scores``.

    Returns:
        One row per method, task, variant, digest, diffusion_steps and sampling: mean, standard error (n - 1),
        number of seeds of the optimism. Runs whose fresh episodes are of another checkpoint are left out.
    """
    run = [*RUN_COLUMNS, "sampling"]
    chosen = scores[scores["selection"].isin(["best_online", "best_reevaluated"])]
    wide = chosen.pivot(index=[*run, "seed"], columns="selection", values=["score_percent", "update"])
    if not {("score_percent", "best_online"), ("score_percent", "best_reevaluated")} <= set(wide.columns):
        return pd.DataFrame(columns=[*run, "optimism_percent", "standard_error_percent", "num_seeds"])
    same = wide["update"]["best_online"] == wide["update"]["best_reevaluated"]
    gap = (
        (wide["score_percent"]["best_online"] - wide["score_percent"]["best_reevaluated"])[same]
        .dropna()
        .astype(float)
    )
    grouped = gap.groupby(level=run, sort=True)
    result = pd.DataFrame(
        {
            "optimism_percent": grouped.mean(),
            "standard_error_percent": grouped.std(ddof=1) / np.sqrt(grouped.size()),
            "num_seeds": grouped.size(),
        }
    )
    return result.reset_index()
