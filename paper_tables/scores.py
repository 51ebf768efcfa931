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
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jsonschema import Draft202012Validator

from paper_tables import table_schema
from paper_tables.errors import TablesError

RUN_COLUMNS = ["method", "task", "variant", "digest", "train_steps"]
FILES = ("scores", "episodes", "cost", "losses")
OFFLINE_LOSS = "noise_loss"


@dataclass(frozen=True)
class Block:
    """One block of seeds under one sampling setting, as the index names it."""

    run_dir: Path
    dataset_manifest: Path
    episodes: Path
    timing: Path | None
    seeds: tuple[int, ...]
    hyperparameters_like: str | None


@dataclass(frozen=True)
class Index:
    """The blocks of one experiment."""

    experiment: str
    average_last_k: int
    blocks: tuple[Block, ...]


# --- Selection rules ---


def offline_described(losses: np.ndarray, top_k: int) -> int:
    """The checkpoint with ``top_k`` smaller losses.

    Args:
        losses: [checkpoints], mean training noise loss of each evaluation interval.
        top_k: how many smaller ones are passed over; at most checkpoints - 1.

    Returns:
        Index of the checkpoint.
    """
    return int(np.argsort(losses, kind="stable")[min(top_k, len(losses) - 1)])


def offline_released(losses: np.ndarray, top_k: int) -> int:
    """The checkpoint that Diffusion-QL's release takes (main.py, ``where_k``).

    ``np.argsort(losses) == k`` is true at position j where the j-th smallest loss is that of checkpoint k:
    it returns the rank of checkpoint k as if that were a checkpoint.
    """
    return int(np.flatnonzero(np.argsort(losses, kind="stable") == min(top_k, len(losses) - 1))[0])


def early_stop(losses: np.ndarray) -> int:
    """How many checkpoints exist if training ends at the first rise of the loss (the rise is kept)."""
    rises = np.flatnonzero(np.diff(losses) > 0)
    return int(rises[0]) + 2 if len(rises) else len(losses)


def best_online(means: np.ndarray) -> int:
    """The checkpoint with the highest mean; the earliest of equals, as ``np.argmax``."""
    return int(np.argmax(means))


# --- Reading what a block left ---


def read_index(path: Path) -> Index:
    """Read and check the index of an experiment.

    Raises:
        TablesError: it is not JSON or breaks the schema.
    """
    document = _read_json(path)
    if isinstance(document, list):
        document = {"format": 1, "experiment": path.stem, "blocks": document}
    schema = table_schema.load_schema("scores_index")
    errors = sorted(
        Draft202012Validator(schema).iter_errors(document), key=lambda error: list(map(str, error.path))
    )
    if errors:
        place = "/".join(map(str, errors[0].path)) or "the document"
        raise TablesError(f"{path}: {place}: {errors[0].message}.")
    blocks = tuple(
        Block(
            run_dir=Path(block["run_dir"]),
            dataset_manifest=Path(block["dataset_manifest"]),
            episodes=Path(block["episodes"]),
            timing=Path(block["timing"]) if block.get("timing") else None,
            seeds=tuple(block["seeds"]),
            hyperparameters_like=block["hyperparameters_like"],
        )
        for block in document["blocks"]
    )
    return Index(document["experiment"], document.get("average_last_k", 5), blocks)


def _read_json(path: Path) -> Any:
    if not path.is_file():
        raise TablesError(f"There is no file {path}.")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise TablesError(f"{path} is not valid JSON: {error}.") from error


def _read_plain_parquet(path: Path, required: tuple[str, ...]) -> pd.DataFrame:
    import pyarrow as arrow

    if not path.is_file():
        raise TablesError(f"There is no file {path}.")
    try:
        table = pd.read_parquet(path)
    except (arrow.ArrowInvalid, OSError) as error:
        raise TablesError(f"{path} cannot be read as a parquet file: {error}.") from error
    missing = [column for column in required if column not in table.columns]
    if missing:
        raise TablesError(f"{path} lacks the column(s) {', '.join(missing)}.")
    return table


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value) or None
    return str(value)


def normalise(raw_return: np.ndarray, manifest: dict[str, Any]) -> tuple[np.ndarray, str]:
    """D4RL's normalised score in percent, or the raw return where the task has no references.

    Args:
        raw_return: [episodes], sums of rewards.
        manifest: of the dataset, with ``reference_min_score`` and ``reference_max_score``.

    Returns:
        Scores of the same shape, and their unit: ``percent`` or ``return``.
    """
    low, high = manifest.get("reference_min_score"), manifest.get("reference_max_score")
    if low is None or high is None:
        return raw_return, "return"
    return 100 * (raw_return - low) / (high - low), "percent"


def _block_episodes(block: Block, config: dict[str, Any], manifest: dict[str, Any]) -> pd.DataFrame:
    """The episodes of the seeds asked for, complete at every checkpoint, with their scores."""
    columns = ("method", "task", "variant", "digest", "train_steps", "sampling", "seed", "update", "purpose")
    table = _read_plain_parquet(block.episodes, (*columns, "episode", "raw_return"))
    for column in RUN_COLUMNS:
        found = sorted({str(value) for value in table[column].unique()})
        if found != [str(config[column])]:
            raise TablesError(
                f"{block.episodes} holds {column} {', '.join(found) or 'nothing'}, but "
                f"{block.run_dir}/config.json says {config[column]}; the two do not belong together."
            )
    table = table[table["seed"].isin(block.seeds)].copy()
    present = set(zip(table["seed"], table["update"], strict=True))
    for seed in block.seeds:
        for update in config["checkpoints"]:
            if (seed, update) not in present:
                raise TablesError(f"{block.episodes} has no episodes of seed {seed} at update {update}.")
    table["score_percent"], table["score_unit"] = normalise(
        table["raw_return"].to_numpy(dtype=float), manifest
    )
    table["reference_min_score"] = manifest.get("reference_min_score")
    table["reference_max_score"] = manifest.get("reference_max_score")
    return table


def _block_losses(block: Block, config: dict[str, Any]) -> pd.DataFrame:
    """[runs x checkpoints x losses, columns of the schema ``losses``]."""
    path = block.run_dir / "train.parquet"
    table = _read_plain_parquet(path, ("seed", "update"))
    names = [column for column in table.columns if column not in ("seed", "update")]
    rows: list[dict[str, Any]] = []
    run = {column: config[column] for column in RUN_COLUMNS}
    for seed in block.seeds:
        log = table[table["seed"] == seed].sort_values("update")
        if log.empty:
            raise TablesError(f"{path} has no rows of seed {seed}; it holds {sorted(set(table['seed']))}.")
        # A row is the mean since the row before, so a longer stretch weighs them by their updates.
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
    return table_schema.check(pd.DataFrame(rows), "losses", str(path))


def _provenance(block: Block, manifest: dict[str, Any], episodes: pd.DataFrame) -> dict[str, Any]:
    """The provenance columns of a block's scores."""
    record = _read_json(block.run_dir / "provenance.json")
    versions, git = record.get("versions") or {}, record.get("git") or {}
    return {
        "environment_id": _text(episodes["environment_id"].iloc[0]) if "environment_id" in episodes else None,
        "environment_standing": manifest.get("environment_standing"),
        "hyperparameters_like": block.hyperparameters_like,
        "content_sha256": _text(manifest.get("content_sha256")),
        "git_commit": _text(git.get("commit")),
        "git_dirty": git.get("dirty"),
        "device": _text(record.get("devices")),
        "torch_version": _text(versions.get("torch")),
        "gymnasium_version": _text(episodes["gymnasium_version"].iloc[0])
        if "gymnasium_version" in episodes
        else None,
        "mujoco_version": _text(episodes["mujoco_version"].iloc[0]) if "mujoco_version" in episodes else None,
    }


# --- From episodes to scores ---


def select(
    episodes: pd.DataFrame, losses: pd.DataFrame, average_last_k: int, offline_top_k: int
) -> list[dict[str, Any]]:
    """Score one run under one sampling setting by every selection rule that it allows.

    Args:
        episodes: rows of one seed: update, purpose, episode, score_percent.
        losses: rows of the same seed: update, loss, value_since_checkpoint.
        average_last_k: checkpoints in ``average_last_k``.
        offline_top_k: losses passed over by the offline rules.

    Returns:
        One dictionary per rule: selection, update, score_percent, num_episodes, num_checkpoints.
    """
    evaluated = episodes[episodes["purpose"] == "checkpoint"].sort_values(["update", "episode"])
    updates = sorted(set(evaluated["update"].astype(int)))
    by_update = {
        update: evaluated.loc[evaluated["update"] == update, "score_percent"].to_numpy(dtype=float)
        for update in updates
    }
    means = {update: float(scores.mean()) for update, scores in by_update.items()}
    last = updates[-1]
    rows = [_row("last", last, means[last], len(by_update[last]))]

    averaged = updates[-average_last_k:]
    rows.append(
        _row(
            "average_last_k",
            last,
            float(np.mean([means[update] for update in averaged])),
            sum(len(by_update[update]) for update in averaged),
            len(averaged),
        )
    )

    judged = min(len(scores) for scores in by_update.values())
    online = np.array([by_update[update][:judged].mean() for update in updates])
    best = best_online(online)
    rows.append(_row("best_online", updates[best], float(online[best]), judged))

    fresh = episodes[episodes["purpose"] == "honest_best"]
    if len(fresh):
        chosen = int(fresh["update"].iloc[0])
        rows.append(_row("honest_best", chosen, float(fresh["score_percent"].mean()), len(fresh)))

    noise = losses[losses["loss"] == OFFLINE_LOSS].set_index("update")["value_since_checkpoint"]
    if set(updates) <= set(noise.index) and noise.loc[updates].notna().all():
        curve = noise.loc[updates].to_numpy(dtype=float)
        stopped = curve[: early_stop(curve)]
        for rule, choice in (
            ("offline_described", offline_described(curve, offline_top_k)),
            ("offline_described_early_stop", offline_described(stopped, offline_top_k)),
            ("offline_released", offline_released(curve, offline_top_k)),
            ("offline_released_early_stop", offline_released(stopped, offline_top_k)),
        ):
            update = updates[choice]
            rows.append(_row(rule, update, means[update], len(by_update[update])))
    return rows


def _row(
    selection: str, update: int, score: float, num_episodes: int, num_checkpoints: int = 1
) -> dict[str, Any]:
    return {
        "selection": selection,
        "update": update,
        "score_percent": score,
        "num_episodes": num_episodes,
        "num_checkpoints": num_checkpoints,
    }


def _block_scores(
    block: Block, config: dict[str, Any], episodes: pd.DataFrame, losses: pd.DataFrame, average_last_k: int
) -> pd.DataFrame:
    manifest = _read_json(block.dataset_manifest)
    hyperparameters = config.get("hyperparameters", {})
    top_k = hyperparameters.get("offline_top_k", 0)
    fixed = {
        **{column: config[column] for column in RUN_COLUMNS},
        "sampling": str(episodes["sampling"].iloc[0]),
        "comparability": manifest.get("comparability"),
        "score_unit": str(episodes["score_unit"].iloc[0]),
        **_provenance(block, manifest, episodes),
    }
    rows = [
        {**fixed, "seed": seed, **row}
        for seed in block.seeds
        for row in select(
            episodes[episodes["seed"] == seed], losses[losses["seed"] == seed], average_last_k, int(top_k)
        )
    ]
    return pd.DataFrame(rows)


# --- Cost ---


def training_seconds(timing: pd.DataFrame) -> float:
    """Wall seconds of training of a block: the last cumulative value.

    Args:
        timing: rows update, wall_seconds (seconds since the start of training, resumptions added).
    """
    return float(timing.sort_values("update")["wall_seconds"].iloc[-1])


def _block_cost(block: Block, config: dict[str, Any], sampling: str) -> pd.DataFrame:
    """[policy calls measured (at least one row), columns of the schema ``cost``]."""
    timing = _read_plain_parquet(block.run_dir / "timing.parquet", ("update", "wall_seconds"))
    record = _read_json(block.run_dir / "provenance.json")
    seeds = sorted(
        {int(seed) for seed in _read_plain_parquet(block.run_dir / "train.parquet", ("seed",))["seed"]}
    )
    num_updates = int(config["num_updates"])
    seconds = training_seconds(timing) if len(timing) else None
    fixed = {
        **{column: config[column] for column in RUN_COLUMNS},
        "sampling": sampling,
        "seeds": f"{seeds[0]}-{seeds[-1]}",
        "device": _text(record.get("devices")),
        "num_updates": num_updates,
        "seconds_per_update": None if seconds is None or not num_updates else seconds / num_updates,
        "peak_memory_bytes": record.get("peak_memory_bytes"),
        "num_seeds": len(seeds),
        "train_wall_seconds": seconds,
    }
    calls = _latencies(block.timing) if block.timing is not None else []
    return pd.DataFrame([{**fixed, **call} for call in calls] or [fixed])


def _latencies(path: Path) -> list[dict[str, Any]]:
    """Action latencies of the evaluation job: one dictionary per number of states measured."""
    table = _read_plain_parquet(path, ("num_states", "action_latency_ms"))
    return [
        {"num_states": int(states), "action_latency_ms": float(latency)}
        for states, latency in zip(table["num_states"], table["action_latency_ms"], strict=True)
    ]


# --- The stage ---


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
        config = _read_json(block.run_dir / "config.json")
        missing = [key for key in (*RUN_COLUMNS, "checkpoints", "num_updates") if key not in config]
        if missing:
            raise TablesError(f"{block.run_dir / 'config.json'} lacks {', '.join(missing)}.")
        manifest = _read_json(block.dataset_manifest)
        episodes = _block_episodes(block, config, manifest)
        losses = _block_losses(block, config)
        parts["episodes"].append(episodes[[*episodes.columns.intersection(table_schema.columns("episodes"))]])
        parts["scores"].append(_block_scores(block, config, episodes, losses, index.average_last_k))
        parts["cost"].append(_block_cost(block, config, str(episodes["sampling"].iloc[0])))
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
        key = table_schema.load_schema(name).get("x-key") or [*RUN_COLUMNS, "sampling", "seeds", "num_states"]
        order = [column for column in key if column in table.columns]
        result[name] = table_schema.check(
            table.sort_values(order, kind="stable", ignore_index=True), name, f"{index.experiment}: {name}"
        )
    return result


def write(tables: dict[str, pd.DataFrame], folder: Path) -> None:
    """Write ``<folder>/{scores,episodes,cost,losses}.parquet``."""
    for name in FILES:
        table_schema.write_parquet(tables[name], folder / f"{name}.parquet", name)


def read(folder: Path, name: str) -> pd.DataFrame:
    """Read one of the four tables of an experiment (or of ``results/published``), checked.

    Raises:
        TablesError: the file is absent or breaks its schema.
    """
    return table_schema.read_parquet(folder / f"{name}.parquet", name)


def best_optimism(scores: pd.DataFrame) -> pd.DataFrame:
    """How much "best over training" promises that a fresh evaluation does not keep.

    Per run the difference best_online - honest_best at the same checkpoint, in score units; then over the
    seeds of each method and task.

    Args:
        scores: rows of the schema ``scores``.

    Returns:
        One row per method, task, variant, digest, train_steps and sampling: mean, standard error (n - 1) and
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
