"""From finished runs to the four files of ``results/scores/<experiment>``.

    python -m paper_tables.scores --experiment-file <index.json> --output results/scores/<experiment>

The index is JSON, written by the planner (schema: ``schemas/scores_index.schema.json``)::

    {"format": 1,
     "experiment": "smoke",
     "average_last_k": 5,
     "blocks": [
       {"run_dir": "results/runs/iql/hopper-x-v0/paper-0123abcd/N0/seeds0-2",
        "dataset_manifest": "results/datasets/hopper-x-v0/manifest.json",
        "episodes": "results/episodes/iql/hopper-x-v0/paper-0123abcd/N0/default-89abcdef/seeds0-2.parquet",
        "timing": "results/episodes/iql/.../default-89abcdef/seeds0-2.timing.parquet",
        "seeds": [0, 1, 2]}]}

One entry per block **and** sampling setting; paths are relative to the working directory. ``seeds`` are
the seeds asked for: a block may hold more, which are left out. ``timing`` may be null or left out,
``average_last_k`` too (5). A bare list of blocks is read as ``blocks`` with the file's name as experiment.

Written: ``scores.parquet`` (one row per run, sampling setting and selection rule), ``episodes.parquet``,
``cost.parquet``, ``losses.parquet``; columns, units and keys in ``schemas/*.schema.json``.

The selection rules, all from one run:

``last``
    the last checkpoint, all its episodes.
``average_last_k``
    the mean of the means of the last k checkpoints (EDP's "running average" with k = 10).
``best_online``
    the checkpoint with the highest mean over its evaluation episodes, and that same mean: what most
    papers print, too high by construction. Every checkpoint is judged by equally many episodes, its
    first m, so that a longer last evaluation gives no checkpoint an advantage.
``honest_best``
    the checkpoint chosen online, scored on fresh episodes that took no part in the choice.
``offline_described``
    Diffusion-QL, section "model selection": of the checkpoints' training noise losses, each averaged over
    its evaluation interval, the one with ``offline_top_k`` smaller ones (0 = the least).
``offline_released``
    what the release does (main.py: ``np.argsort(bc_loss) == top_k``): the inverse permutation, so that it
    takes the checkpoint whose *position in the sorted order* holds the number k, another one on most
    noisy losses.
``offline_described_early_stop``, ``offline_released_early_stop``
    the same two on the checkpoints up to and with the first whose noise loss exceeds the one before
    (``--early_stop``: tolerance 1, minimal difference 0); for a run that was trained to the end they say
    what would have been picked with the flag.

The offline rules exist for runs that log ``noise_loss``; ``offline_top_k`` is read from the run's
hyperparameters (``offline_top_k``, else 0).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from recheck.errors import TablesError
from recheck.former_names import current

from paper_tables import frames
from paper_tables.scores.cost import block_cost
from paper_tables.scores.read_runs import (
    Block,
    Index,
    block_episodes,
    block_losses,
    block_provenance,
    read_index,
    read_json,
)
from paper_tables.scores.selection import select
from paper_tables.scores.tables import FILES, RUN_COLUMNS, write


def _block_scores(
    block: Block, config: dict[str, Any], episodes: pd.DataFrame, losses: pd.DataFrame, average_last_k: int
) -> pd.DataFrame:
    manifest = read_json(block.dataset_manifest)
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
        config = current(read_json(block.run_dir / "config.json"))
        missing = [key for key in (*RUN_COLUMNS, "checkpoints", "num_updates") if key not in config]
        if missing:
            raise TablesError(f"{block.run_dir / 'config.json'} lacks {', '.join(missing)}.")
        manifest = read_json(block.dataset_manifest)
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

    Per run the difference best_online - honest_best at the same checkpoint, in score units; then over the
    seeds of each method and task.

    Args:
        scores: rows of the schema ``scores``.

    Returns:
        One row per method, task, variant, digest, diffusion_steps and sampling: mean, standard error (n - 1),
        number of seeds of the optimism. Runs whose fresh episodes are of another checkpoint are left out.
    """
    run = [*RUN_COLUMNS, "sampling"]
    chosen = scores[scores["selection"].isin(["best_online", "honest_best"])]
    wide = chosen.pivot(index=[*run, "seed"], columns="selection", values=["score_percent", "update"])
    if not {("score_percent", "best_online"), ("score_percent", "honest_best")} <= set(wide.columns):
        return pd.DataFrame(columns=[*run, "optimism_percent", "standard_error_percent", "num_seeds"])
    same = wide["update"]["best_online"] == wide["update"]["honest_best"]
    gap = (
        (wide["score_percent"]["best_online"] - wide["score_percent"]["honest_best"])[same]
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


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the top of this file."""
    parser = argparse.ArgumentParser(
        prog="python -m paper_tables.scores", description="Gather finished runs."
    )
    parser.add_argument("--experiment-file", type=Path, required=True, help="JSON index of the blocks")
    parser.add_argument("--output", type=Path, required=True, help="folder of the four parquet files")
    options = parser.parse_args(arguments)
    try:
        write(collect(read_index(options.experiment_file)), options.output)
    except TablesError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
