"""Tables over checkpoints: learning curves, sample efficiency, variance."""

from __future__ import annotations

import numpy as np
import pandas as pd
from recheck.errors import TablesError

from paper_tables.statistics import intervals
from paper_tables.statistics.configurations import LeftOut
from paper_tables.statistics.estimators import LAST_CHECKPOINTS, LEAST_SEEDS, LEVEL, sample_efficiency_curve
from paper_tables.statistics.variance import split_variance


def checkpoint_scores(labelled_episodes: pd.DataFrame) -> pd.DataFrame:
    """Mean score of every run at every checkpoint: one row per label, task, seed and update.

    Args:
        labelled_episodes: rows of the schema ``episodes`` or ``checkpoints``, with labels.
    """
    rows = labelled_episodes
    if "purpose" in rows.columns:
        rows = rows[rows["purpose"] == "checkpoint"]
    key = ["label", "task", "score_unit", "num_updates", "seed", "update"]
    return rows.groupby(key, sort=True)["score_percent"].mean().reset_index()


def learning_curve_table(checkpoints: pd.DataFrame) -> pd.DataFrame:
    """Mean over seeds, with a t interval of three seeds or more, at every checkpoint of a configuration."""
    rows = []
    key = ["label", "task", "score_unit", "num_updates", "update"]
    for values, group in checkpoints.groupby(key, sort=True):
        found = group["score_percent"].to_numpy(dtype=float)
        row: dict[str, object] = dict(zip(key, values))
        row |= {"num_seeds": len(found), "mean_percent": float(found.mean())}
        if len(found) >= LEAST_SEEDS:
            interval = intervals.mean_interval(found, LEVEL)
            row |= {"low_percent": interval.low, "high_percent": interval.high}
        rows.append(row)
    return pd.DataFrame(rows, columns=[*key, "num_seeds", "mean_percent", "low_percent", "high_percent"])


def sample_efficiency_table(checkpoints: pd.DataFrame, left_out: LeftOut, seed: int) -> pd.DataFrame:
    """IQM over tasks at the checkpoints that all tasks of a configuration share."""
    parts = []
    for label, group in checkpoints[checkpoints["score_unit"] == "percent"].groupby("label", sort=True):
        tasks = sorted(set(group["task"]))
        shared = sorted(
            set.intersection(*(set(group.loc[group["task"] == task, "update"]) for task in tasks))
        )
        tables = [
            group[group["task"] == task]
            .pivot_table(index="seed", columns="update", values="score_percent")
            .reindex(columns=shared)
            .dropna()
            for task in tasks
        ]
        if not shared or any(table.empty for table in tables):
            left_out.add(f"{label}: sample efficiency", "Its tasks share no checkpoint that a whole run has.")
            continue
        curve = sample_efficiency_curve([table.to_numpy(dtype=float) for table in tables], seed=seed)
        fewest = min(map(len, tables))
        if fewest < 2:
            curve[["low_percent", "high_percent"]] = np.nan
        curve.insert(0, "num_seeds", fewest)
        curve.insert(0, "num_tasks", len(tasks))
        curve.insert(0, "update", shared)
        curve.insert(0, "label", label)
        parts.append(curve)
    columns = ["label", "update", "num_tasks", "num_seeds", "iqm_percent", "low_percent", "high_percent"]
    columns += ["small_low_percent", "small_high_percent"]
    if not parts:
        return pd.DataFrame(columns=columns)
    return pd.concat(parts, ignore_index=True).reindex(columns=columns)


def variance_table(
    labelled_episodes: pd.DataFrame, left_out: LeftOut, last: int = LAST_CHECKPOINTS
) -> pd.DataFrame:
    """Variance by origin at the last checkpoint, and over the last few, of every configuration and task."""
    rows = []
    episodes = labelled_episodes[labelled_episodes["purpose"] == "checkpoint"]
    for (label, task), group in episodes.groupby(["label", "task"], sort=True):
        updates = sorted(set(group["update"]))
        for count in sorted({1, min(last, len(updates))}):
            try:
                split = split_variance(group[group["update"].isin(updates[-count:])])
            except TablesError as error:
                left_out.add(f"{label} on {task}: split of the variance", str(error))
                continue
            # What each origin adds to the variance of one run's score at its last checkpoint.
            rows.append(
                {
                    "label": label,
                    "task": task,
                    "num_checkpoints": split.checkpoints,
                    "num_seeds": split.seeds,
                    "episodes_per_checkpoint": split.episodes,
                    "seed_sd_percent": split.seed_sd,
                    "checkpoint_sd_percent": split.checkpoint_sd,
                    "episode_sd_percent": split.episode_sd,
                    "evaluation_error_percent": split.episode_sd / np.sqrt(split.episodes),
                }
            )
    columns = ["label", "task", "num_checkpoints", "num_seeds", "episodes_per_checkpoint"]
    columns += ["seed_sd_percent", "checkpoint_sd_percent", "episode_sd_percent", "evaluation_error_percent"]
    return pd.DataFrame(rows, columns=columns)
