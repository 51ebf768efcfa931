"""Aggregates of an experiment's scores, with intervals and what these are worth.

    python -m paper_tables.statistics --scores results/scores/<name> --output results/statistics/<name>

Point estimates are rliable's (Agarwal et al., "Deep reinforcement learning at the edge of the statistical
precipice", 2021); intervals are those of `paper_tables/intervals.py`. Written:

``cells.csv``              mean, spread and t interval of every method and task
``task_sets.csv``          which tasks an aggregate spans
``aggregates.csv``         mean, median, IQM, optimality gap; percentile and small-sample interval
``summary.{md,csv,tex}``   the same to read, with the coverage that the intervals have in this design
``coverage.csv``           nominal and simulated coverage of both intervals in this very design
``profiles.csv``           performance profiles
``improvement.csv``        probability of improvement of each pair of methods
``sample_efficiency.csv``  IQM over the course of training
``learning_curves.csv``    mean score of each method and task over the course of training
``variance.csv``           variance between training seeds, between checkpoints, between episodes
``left_out.csv``           what could not be computed, and why

Scores are in percent throughout, but profiles and improvements are shares between 0 and 1. Methods are
ranked against each other only on the same tasks and at equal numbers of updates. Output repeats byte
for byte: the bootstrap is seeded and numbers are rounded before they are written.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from paper_tables import intervals, rendering, scores, table_schema
from paper_tables.errors import TablesError
from paper_tables.rendering import Cell, Table
from paper_tables.table_text import number

LEVEL = 0.95
PROFILE_REPLICATES = 2000
COVERAGE_SEEDS = (3, 5, 10)
COVERAGE_STUDIES = 400
COVERAGE_REPLICATES = 300
LAST_CHECKPOINTS = 5
DECIMALS = 4

CONFIGURATION = ["method", "variant", "train_steps", "sampling"]
"""What a row of a results table is; the digest differs from task to task."""


# Point estimates, rliable's.


def point_estimates(scores_percent: np.ndarray) -> dict[str, float]:
    """Mean, median, IQM and optimality gap by rliable, in percent.

    Args:
        scores_percent: `[seeds, tasks]`.

    Returns:
        metric -> estimate in percent. The optimality gap is that to a score of 100.

    Raises:
        TablesError: the scores are not a finite matrix.
    """
    matrix = intervals.check_matrix(scores_percent)
    from rliable import metrics

    # rliable's scores are shares: the optimum of its gap is 1.
    shares = matrix / 100
    return {
        "mean": 100 * float(metrics.aggregate_mean(shares)),
        "median": 100 * float(metrics.aggregate_median(shares)),
        "iqm": 100 * float(metrics.aggregate_iqm(shares)),
        "optimality_gap": 100 * float(metrics.aggregate_optimality_gap(shares)),
    }


def performance_profile(
    scores_percent: np.ndarray,
    thresholds_percent: np.ndarray,
    replicates: int = PROFILE_REPLICATES,
    seed: int = 0,
    level: float = LEVEL,
) -> pd.DataFrame:
    """Share of runs and tasks with a score above each threshold, with a pointwise bootstrap interval.

    Args:
        scores_percent: `[seeds, tasks]`.
        thresholds_percent: `[thresholds]`.
        replicates: of the bootstrap.
        seed: of the bootstrap.
        level: of confidence, at each threshold alone.

    Returns:
        Columns `threshold_percent`, `share`, `low`, `high`.
    """
    matrix = intervals.check_matrix(scores_percent)
    thresholds = np.asarray(thresholds_percent, dtype=float)
    from rliable import library

    share = np.asarray(library.score_distributions(matrix, thresholds), dtype=float)
    num_seeds, num_tasks = matrix.shape
    rng = np.random.default_rng(seed)
    # Per task: how many seeds lie above each threshold in every replicate.
    above = (matrix.T[:, :, None] > thresholds).astype(float)
    total = np.zeros((replicates, len(thresholds)))
    for task in range(num_tasks):
        total += intervals.multiplicities(rng, num_seeds, replicates) @ above[task]
    total /= num_seeds * num_tasks
    low, high = np.quantile(total, [0.5 - level / 2, 0.5 + level / 2], axis=0)
    return pd.DataFrame({"threshold_percent": thresholds, "share": share, "low": low, "high": high})


def probability_of_improvement(
    scores_percent: np.ndarray,
    other_percent: np.ndarray,
    replicates: int = PROFILE_REPLICATES,
    seed: int = 0,
    level: float = LEVEL,
) -> tuple[float, intervals.Interval]:
    """Probability that a run of the first method beats one of the second, averaged over tasks (rliable).

    Args:
        scores_percent: `[seeds, tasks]` of the first method.
        other_percent: `[other seeds, tasks]` of the second, same tasks in the same order.
        replicates: of the bootstrap.
        seed: of the bootstrap.
        level: of confidence.
    """
    first, second = intervals.check_matrix(scores_percent), intervals.check_matrix(other_percent)
    distribution = intervals.improvement_bootstrap(first, second, replicates, seed)
    from rliable import metrics

    estimate = float(metrics.probability_of_improvement(first, second))
    return estimate, intervals.percentile_interval(distribution, level)


def sample_efficiency_curve(
    scores_percent: np.ndarray,
    replicates: int = PROFILE_REPLICATES,
    seed: int = 0,
    level: float = LEVEL,
) -> pd.DataFrame:
    """IQM at every checkpoint; a whole run is resampled at once, so that its curve stays together.

    Args:
        scores_percent: `[seeds, tasks, checkpoints]`, as rliable's frames.
        replicates: of the bootstrap.
        seed: of the bootstrap.
        level: of confidence, at each checkpoint alone.

    Returns:
        One row per checkpoint, columns `iqm_percent`, `low_percent`, `high_percent` and, with two seeds or
        more, `small_low_percent`, `small_high_percent`.
    """
    frames = np.asarray(scores_percent, dtype=float)
    if frames.ndim != 3 or not np.isfinite(frames).all():
        raise TablesError(
            "Sample efficiency needs finite scores [seeds, tasks, checkpoints], "
            f"not an array of shape {list(frames.shape)}."
        )
    rows = []
    for checkpoint in range(frames.shape[2]):
        matrix = frames[:, :, checkpoint]
        # The same seed of the generator picks the same runs at every checkpoint.
        distribution = intervals.bootstrap(matrix, ("iqm",), replicates, seed)["iqm"]
        estimate = point_estimates(matrix)["iqm"]
        interval = intervals.percentile_interval(distribution, level)
        row = {"iqm_percent": estimate, "low_percent": interval.low, "high_percent": interval.high}
        if len(matrix) > 1:
            small = intervals.small_sample_interval(matrix, estimate, distribution, "iqm", level)
            row |= {"small_low_percent": small.low, "small_high_percent": small.high}
        rows.append(row)
    return pd.DataFrame(rows)


# Where the variance of a score comes from.


@dataclass(frozen=True)
class VarianceSplit:
    """Standard deviations of a score by origin, in points.

    Attributes:
        seed_sd: between training seeds, once evaluation and checkpoint noise is taken out.
        checkpoint_sd: between checkpoints of one run, about the course that all seeds share; None with
            one checkpoint.
        episode_sd: between episodes of one checkpoint.
        seeds: number of training seeds.
        checkpoints: number of checkpoints of each.
        episodes: episodes per checkpoint, harmonic mean.
    """

    seed_sd: float
    checkpoint_sd: float | None
    episode_sd: float
    seeds: int
    checkpoints: int
    episodes: float


def split_variance(episodes: pd.DataFrame) -> VarianceSplit:
    """Separate the variance between training seeds, between checkpoints and between episodes.

    Unweighted means (Searle, Casella and McCulloch, "Variance components", 1992, chapter 4): unbiased for any
    numbers of episodes; a negative estimate is printed as 0. The course of training that all seeds
    share is no noise and is taken out of the checkpoints first.

    Args:
        episodes: columns `seed`, `update`, `score_percent`; every seed has the same updates.

    Raises:
        TablesError: fewer than two seeds, a seed lacks a checkpoint, or no checkpoint has two episodes.
    """
    cells = episodes.groupby(["seed", "update"])["score_percent"].agg(["mean", "var", "count"])
    means = cells["mean"].unstack()
    if len(means) < 2:
        raise TablesError(f"Splitting the variance needs at least 2 training seeds, not {len(means)}.")
    if means.isna().to_numpy().any():
        raise TablesError("Splitting the variance needs the same checkpoints of every seed.")
    freedom = (cells["count"] - 1).sum()
    if freedom == 0:
        raise TablesError("Splitting the variance needs two episodes of a checkpoint.")
    episode_variance = float((cells["var"].fillna(0.0) * (cells["count"] - 1)).sum() / freedom)
    inverse_episodes = float((1 / cells["count"]).mean())
    num_seeds, num_checkpoints = means.shape
    table = means.to_numpy()
    between_seeds = float(table.mean(axis=1).var(ddof=1))
    checkpoint_variance = 0.0
    if num_checkpoints > 1:
        rest = table - table.mean(axis=0) - table.mean(axis=1, keepdims=True) + table.mean()
        mean_square = float((rest**2).sum()) / ((num_seeds - 1) * (num_checkpoints - 1))
        checkpoint_variance = max(0.0, mean_square - episode_variance * inverse_episodes)
        seed_variance = between_seeds - mean_square / num_checkpoints
    else:
        seed_variance = between_seeds - episode_variance * inverse_episodes
    return VarianceSplit(
        seed_sd=float(np.sqrt(max(0.0, seed_variance))),
        checkpoint_sd=float(np.sqrt(checkpoint_variance)) if num_checkpoints > 1 else None,
        episode_sd=float(np.sqrt(episode_variance)),
        seeds=num_seeds,
        checkpoints=num_checkpoints,
        episodes=1 / inverse_episodes,
    )


# From tables to matrices.


def with_labels(table: pd.DataFrame, updates: pd.DataFrame | None = None) -> pd.DataFrame:
    """Add `num_updates` and `label`, the shortest name that tells a configuration from the others.

    Args:
        table: rows with the columns `CONFIGURATION`, `task` and `digest`.
        updates: columns `CONFIGURATION`, `task`, `digest`, `num_updates`; by default the largest
            `update` of each run in `table`.

    Returns:
        A copy. The number of updates is part of the label only where a task was trained for several.
    """
    run = [*CONFIGURATION, "task", "digest"]
    if updates is None:
        updates = table.groupby(run)["update"].max().rename("num_updates").reset_index()
    result = table.merge(updates[[*run, "num_updates"]], on=run, how="left")
    several = updates.groupby([*CONFIGURATION, "task"])["num_updates"].nunique()
    split = {tuple(key)[: len(CONFIGURATION)] for key in several[several > 1].index}
    identity = result[CONFIGURATION].apply(tuple, axis=1)
    result["_updates"] = np.where(identity.isin(split), result["num_updates"], 0)
    names: dict[tuple[object, ...], str] = {}
    keys = result[[*CONFIGURATION, "_updates"]].drop_duplicates()
    for method, rows in keys.groupby("method", sort=True):
        short = rows["sampling"].str.replace(r"-[0-9a-f]{8}$", "", regex=True)
        sampling = short if len(rows[["sampling"]].drop_duplicates()) == short.nunique() else rows["sampling"]
        for place, (_, row) in enumerate(rows.iterrows()):
            parts = [str(method)]
            if rows["variant"].nunique() > 1:
                parts.append(str(row["variant"]))
            if rows["train_steps"].nunique() > 1:
                parts.append(f"N={row['train_steps']}")
            if rows["sampling"].nunique() > 1 and sampling.iloc[place] != "default":
                parts.append(str(sampling.iloc[place]))
            if rows["_updates"].nunique() > 1 and row["_updates"]:
                parts.append(f"{updates_text(int(row['_updates']))} updates")
            names[(*row[CONFIGURATION], row["_updates"])] = " ".join(parts)
    result["label"] = [
        names[tuple(key)] for key in result[[*CONFIGURATION, "_updates"]].itertuples(index=False, name=None)
    ]
    return result.drop(columns="_updates")


def updates_text(updates: int) -> str:
    """A number of updates in few letters: 50k, 1M."""
    for size, letter in ((1_000_000, "M"), (1000, "k")):
        if updates >= size and updates % (size // 10) == 0:
            return f"{updates / size:g}{letter}"
    return str(updates)


@dataclass
class Design:
    """The scores of one configuration as a matrix.

    Attributes:
        label: short name of the configuration.
        tasks: `[tasks]`, sorted.
        seeds: `[seeds]`, those that every task has.
        matrix: `[seeds, tasks]` in percent.
        updates: updates of training per task.
    """

    label: str
    tasks: list[str]
    seeds: list[int]
    matrix: np.ndarray
    updates: list[int]

    @property
    def task_set(self) -> tuple[tuple[str, int], ...]:
        """Tasks with their updates: aggregates are ranked only where these are equal."""
        return tuple(zip(self.tasks, self.updates))


@dataclass
class LeftOut:
    """What could not be computed, and why; one sentence each."""

    rows: list[tuple[str, str]] = field(default_factory=list)

    def add(self, what: str, reason: str) -> None:
        """Note one thing left out."""
        if (what, reason) not in self.rows:
            self.rows.append((what, reason))

    def table(self) -> pd.DataFrame:
        """Columns `what`, `reason`."""
        return pd.DataFrame(self.rows, columns=["what", "reason"])


def designs(labelled: pd.DataFrame, selection: str, left_out: LeftOut | None = None) -> list[Design]:
    """Score matrices of all configurations under one selection rule.

    Args:
        labelled: `scores` rows with labels, see `with_labels`.
        selection: the rule.
        left_out: is told of tasks and seeds that do not enter.

    Returns:
        One design per configuration with a task on the normalised scale, sorted by label.
    """
    notes = LeftOut() if left_out is None else left_out
    rows = labelled[labelled["selection"] == selection]
    result = []
    for label, group in rows.groupby("label", sort=True):
        raw = sorted(set(group.loc[group["score_unit"] != "percent", "task"]))
        if raw:
            notes.add(
                f"{label}, {selection}: aggregates of {', '.join(raw)}",
                "The task has no reference scores, so its raw returns cannot be averaged with others.",
            )
        group = group[group["score_unit"] == "percent"]
        if group.empty:
            continue
        if group.duplicated(["seed", "task"]).any():
            notes.add(
                f"{label}, {selection}: aggregates",
                "A seed and task occur under several digests with equal updates; which one is meant is open.",
            )
            continue
        table = group.pivot(index="seed", columns="task", values="score_percent").sort_index(axis=1)
        complete = table.dropna()
        if complete.empty:
            notes.add(f"{label}, {selection}: aggregates", "No seed was run on every task.")
            continue
        if len(complete) < len(table):
            fewest = ", ".join(str(seed) for seed in table.index.difference(complete.index))
            notes.add(
                f"{label}, {selection}: seeds {fewest} in aggregates",
                "They are missing on some task; a seed enters an aggregate with all tasks or not at all.",
            )
        updates = group.groupby("task")["num_updates"].max()
        result.append(
            Design(
                label=str(label),
                tasks=[str(task) for task in complete.columns],
                seeds=[int(seed) for seed in complete.index],
                matrix=complete.to_numpy(dtype=float),
                updates=[int(updates[task]) for task in complete.columns],
            )
        )
    return result


# The tables.


def cell_table(labelled: pd.DataFrame) -> pd.DataFrame:
    """Mean, sample standard deviation and t interval over seeds of every configuration, task and rule."""
    rows = []
    key = [
        "label",
        *CONFIGURATION,
        "task",
        "digest",
        "num_updates",
        "selection",
        "comparability",
        "score_unit",
    ]
    for values, group in labelled.groupby(key, sort=True):
        found = group["score_percent"].to_numpy(dtype=float)
        row: dict[str, object] = dict(zip(key, values))
        row |= {"num_seeds": len(found), "mean_percent": float(found.mean())}
        if len(found) > 1:
            interval = intervals.mean_interval(found, LEVEL)
            row |= {
                "sd_percent": float(found.std(ddof=1)),
                "low_percent": interval.low,
                "high_percent": interval.high,
            }
        rows.append(row)
    columns = [*key, "num_seeds", "mean_percent", "sd_percent", "low_percent", "high_percent"]
    return pd.DataFrame(rows, columns=columns)


def task_set_names(all_designs: list[Design]) -> dict[tuple[tuple[str, int], ...], str]:
    """A letter for every set of tasks and updates that an aggregate spans, the most used first."""
    counts: dict[tuple[tuple[str, int], ...], int] = {}
    for design in all_designs:
        counts[design.task_set] = counts.get(design.task_set, 0) + 1
    ordered = sorted(counts, key=lambda item: (-counts[item], -len(item), item))
    return {item: _letters(place) for place, item in enumerate(ordered)}


def _letters(place: int) -> str:
    text = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        text = chr(ord("A") + rest) + text
    return text


def aggregate_table(
    all_designs: dict[str, list[Design]],
    names: dict[tuple[tuple[str, int], ...], str],
    replicates: int,
    seed: int,
) -> pd.DataFrame:
    """Aggregates with both intervals, one row per rule, configuration and metric."""
    rows = []
    for selection, found in all_designs.items():
        for design in found:
            estimates = point_estimates(design.matrix)
            enough = len(design.seeds) > 1
            distributions = (
                intervals.bootstrap(design.matrix, intervals.METRICS, replicates, seed) if enough else {}
            )
            for metric in intervals.METRICS:
                row: dict[str, object] = {
                    "selection": selection,
                    "label": design.label,
                    "task_set": names[design.task_set],
                    "num_tasks": len(design.tasks),
                    "num_seeds": len(design.seeds),
                    "metric": metric,
                    "estimate_percent": estimates[metric],
                }
                if enough:
                    plain = intervals.percentile_interval(distributions[metric], LEVEL)
                    small = intervals.small_sample_interval(
                        design.matrix, estimates[metric], distributions[metric], metric, LEVEL
                    )
                    row |= {
                        "percentile_low_percent": plain.low,
                        "percentile_high_percent": plain.high,
                        "small_sample_low_percent": small.low,
                        "small_sample_high_percent": small.high,
                    }
                rows.append(row)
    columns = [
        "selection",
        "label",
        "task_set",
        "num_tasks",
        "num_seeds",
        "metric",
        "estimate_percent",
        "percentile_low_percent",
        "percentile_high_percent",
        "small_sample_low_percent",
        "small_sample_high_percent",
    ]
    return pd.DataFrame(rows, columns=columns)


def coverage_table(
    found: list[Design],
    names: dict[tuple[tuple[str, int], ...], str],
    studies: int,
    replicates: int,
    seed: int,
) -> pd.DataFrame:
    """Nominal and simulated coverage per set of tasks, at 3, 5, 10 and the actual number of seeds."""
    rows = []
    for task_set, name in names.items():
        members = [design for design in found if design.task_set == task_set and len(design.seeds) > 1]
        if not members:
            continue
        actual = sorted({len(design.seeds) for design in members})
        matrices = [design.matrix for design in members]
        for num_seeds in sorted({*COVERAGE_SEEDS, *actual}):
            for row in intervals.simulate_coverage(
                matrices, num_seeds, studies=studies, replicates=replicates, level=LEVEL, seed=seed
            ):
                rows.append(
                    {
                        "task_set": name,
                        "num_tasks": len(task_set),
                        "num_seeds": num_seeds,
                        "actual_design": num_seeds in actual,
                        "metric": row.metric,
                        "interval": row.interval,
                        "nominal": row.nominal,
                        "simulated": row.simulated,
                        "monte_carlo_error": row.monte_carlo_error,
                        "mean_width_percent": row.mean_width,
                        "studies": studies,
                    }
                )
    columns = [
        "task_set",
        "num_tasks",
        "num_seeds",
        "actual_design",
        "metric",
        "interval",
        "nominal",
        "simulated",
        "monte_carlo_error",
        "mean_width_percent",
        "studies",
    ]
    return pd.DataFrame(rows, columns=columns)


def profile_thresholds(found: list[Design]) -> np.ndarray:
    """101 thresholds from 0, or the lowest score if below, to 100, or the highest if above."""
    values = np.concatenate([design.matrix.ravel() for design in found])
    low = min(0.0, float(np.floor(values.min() / 5) * 5))
    high = max(100.0, float(np.ceil(values.max() / 5) * 5))
    return np.linspace(low, high, 101)


def profile_table(
    all_designs: dict[str, list[Design]], names: dict[tuple[tuple[str, int], ...], str], seed: int
) -> pd.DataFrame:
    """Performance profiles of every configuration, thresholds shared within a rule."""
    parts = []
    for selection, found in all_designs.items():
        if not found:
            continue
        thresholds = profile_thresholds(found)
        for design in found:
            profile = performance_profile(design.matrix, thresholds, seed=seed)
            if len(design.seeds) < 2:
                profile[["low", "high"]] = np.nan
            profile.insert(0, "task_set", names[design.task_set])
            profile.insert(0, "label", design.label)
            profile.insert(0, "selection", selection)
            parts.append(profile)
    columns = ["selection", "label", "task_set", "threshold_percent", "share", "low", "high"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def improvement_table(
    all_designs: dict[str, list[Design]],
    names: dict[tuple[tuple[str, int], ...], str],
    left_out: LeftOut,
    replicates: int,
    seed: int,
) -> pd.DataFrame:
    """Probability of improvement of every ordered pair, over the tasks trained equally long in both."""
    rows: list[dict[str, object]] = []
    for selection, found in all_designs.items():
        for place, first in enumerate(found):
            for second in found[place + 1 :]:
                shared = sorted(set(first.task_set) & set(second.task_set))
                if not shared:
                    one, other = sorted((names[first.task_set], names[second.task_set]))
                    left_out.add(
                        f"improvement between methods of the task sets {one} and {other}",
                        "They share no task at equal numbers of updates.",
                    )
                    continue
                mine = first.matrix[:, [first.task_set.index(item) for item in shared]]
                theirs = second.matrix[:, [second.task_set.index(item) for item in shared]]
                estimate, interval = probability_of_improvement(mine, theirs, replicates, seed)
                if min(len(mine), len(theirs)) < 2:
                    interval = intervals.Interval(np.nan, np.nan)
                one_way: dict[str, object] = {
                    "selection": selection,
                    "label": first.label,
                    "other": second.label,
                    "num_tasks": len(shared),
                    "num_seeds": len(mine),
                    "other_seeds": len(theirs),
                    "probability": estimate,
                    "low": interval.low,
                    "high": interval.high,
                }
                # Ties count one half, so the other direction is the complement.
                rows += [
                    one_way,
                    one_way
                    | {
                        "label": second.label,
                        "other": first.label,
                        "num_seeds": len(theirs),
                        "other_seeds": len(mine),
                        "probability": 1 - estimate,
                        "low": 1 - interval.high,
                        "high": 1 - interval.low,
                    },
                ]
    columns = ["selection", "label", "other", "num_tasks", "num_seeds", "other_seeds"]
    table = pd.DataFrame(rows, columns=[*columns, "probability", "low", "high"])
    return table.sort_values(["selection", "label", "other"], kind="stable", ignore_index=True)


def checkpoint_scores(labelled_episodes: pd.DataFrame) -> pd.DataFrame:
    """Mean score of every run at every checkpoint: one row per label, task, seed and update."""
    rows = labelled_episodes[labelled_episodes["purpose"] == "checkpoint"]
    key = ["label", "task", "score_unit", "num_updates", "seed", "update"]
    return rows.groupby(key, sort=True)["score_percent"].mean().reset_index()


def learning_curve_table(checkpoints: pd.DataFrame) -> pd.DataFrame:
    """Mean over seeds with a t interval at every checkpoint of every configuration and task."""
    rows = []
    key = ["label", "task", "score_unit", "num_updates", "update"]
    for values, group in checkpoints.groupby(key, sort=True):
        found = group["score_percent"].to_numpy(dtype=float)
        row: dict[str, object] = dict(zip(key, values))
        row |= {"num_seeds": len(found), "mean_percent": float(found.mean())}
        if len(found) > 1:
            interval = intervals.mean_interval(found, LEVEL)
            row |= {"low_percent": interval.low, "high_percent": interval.high}
        rows.append(row)
    return pd.DataFrame(rows, columns=[*key, "num_seeds", "mean_percent", "low_percent", "high_percent"])


def sample_efficiency_table(checkpoints: pd.DataFrame, left_out: LeftOut, seed: int) -> pd.DataFrame:
    """IQM over tasks at the checkpoints that all tasks of a configuration share."""
    parts = []
    for label, group in checkpoints[checkpoints["score_unit"] == "percent"].groupby("label", sort=True):
        table = group.pivot_table(index="seed", columns=["task", "update"], values="score_percent")
        tasks = sorted(set(group["task"]))
        shared = sorted(
            set.intersection(*(set(group.loc[group["task"] == task, "update"]) for task in tasks))
        )
        complete = table[[(task, update) for task in tasks for update in shared]].dropna()
        if not shared or complete.empty:
            left_out.add(f"{label}: sample efficiency", "Its tasks share no checkpoint that every seed has.")
            continue
        frames = complete.to_numpy(dtype=float).reshape(len(complete), len(tasks), len(shared))
        curve = sample_efficiency_curve(frames, seed=seed)
        if len(complete) < 2:
            curve[["low_percent", "high_percent"]] = np.nan
        curve.insert(0, "num_seeds", len(complete))
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


def all_tables(
    score_rows: pd.DataFrame,
    episode_rows: pd.DataFrame | None = None,
    *,
    replicates: int = intervals.REPLICATES,
    coverage_studies: int = COVERAGE_STUDIES,
    seed: int = 0,
) -> dict[str, pd.DataFrame]:
    """Every table of this module.

    Args:
        score_rows: rows of the schema `scores`.
        episode_rows: rows of the schema `episodes`; without them there are no curves and no variances.
        replicates: of the bootstrap of aggregates.
        coverage_studies: simulated studies per number of seeds; 0 leaves coverage out.
        seed: of everything that is drawn.

    Returns:
        name -> table, unrounded.
    """
    left_out = LeftOut()
    labelled = with_labels(score_rows)
    selections = sorted(set(labelled["selection"]))
    found = {selection: designs(labelled, selection, left_out) for selection in selections}
    every = [design for group in found.values() for design in group]
    names = task_set_names(every)
    for design in every:
        if len(design.seeds) < 2:
            left_out.add(f"{design.label}: intervals of aggregates", "One seed has no spread.")
    main_rule = "last" if found.get("last") else next((rule for rule in selections if found[rule]), None)
    tables = {
        "cells": cell_table(labelled),
        "task_sets": pd.DataFrame(
            [(name, task, updates) for item, name in names.items() for task, updates in item],
            columns=["task_set", "task", "num_updates"],
        ),
        "aggregates": aggregate_table(found, names, replicates, seed),
        "profiles": profile_table(found, names, seed),
        "improvement": improvement_table(found, names, left_out, PROFILE_REPLICATES, seed),
    }
    if coverage_studies > 0 and main_rule is not None:
        tables["coverage"] = coverage_table(
            found[main_rule], names, coverage_studies, COVERAGE_REPLICATES, seed
        )
    if episode_rows is None or episode_rows.empty:
        left_out.add("learning curves, sample efficiency, split of the variance", "There are no episodes.")
    else:
        updates = labelled[[*CONFIGURATION, "task", "digest", "num_updates"]].drop_duplicates()
        labelled_episodes = with_labels(episode_rows, updates)
        checkpoints = checkpoint_scores(labelled_episodes)
        tables["learning_curves"] = learning_curve_table(checkpoints)
        tables["sample_efficiency"] = sample_efficiency_table(checkpoints, left_out, seed)
        tables["variance"] = variance_table(labelled_episodes, left_out)
    tables["left_out"] = left_out.table()
    return tables


def write_tables(tables: dict[str, pd.DataFrame], folder: Path) -> None:
    """Write `<folder>/<name>.csv`, numbers rounded first so that the bytes repeat."""
    for name, table in tables.items():
        # -0.0 and 0.0 are the same number and must be the same text.
        rounded = table.copy()
        for column in rounded.select_dtypes("float").columns:
            rounded[column] = rounded[column].round(DECIMALS) + 0.0
        table_schema.write_text(rounded.to_csv(index=False, lineterminator="\n"), folder / f"{name}.csv")


def summary_table(tables: dict[str, pd.DataFrame]) -> Table:
    """Aggregates with their small-sample intervals, and what both intervals cover in this design.

    Args:
        tables: as `all_tables` gives them.
    """
    metrics = {"iqm": "IQM", "mean": "Mean", "median": "Median", "optimality_gap": "Optimality gap"}
    aggregates = tables["aggregates"]
    rules = list(dict.fromkeys(aggregates["selection"]))
    rule = "last" if "last" in rules else next(iter(rules), "")
    chosen = aggregates[aggregates["selection"] == rule]
    headings = ["Method", "Tasks", "Seeds", *metrics.values()]
    if chosen.empty:
        lead = ["No method has scores on the normalised scale of every task; left_out.csv says why."]
        return Table("Aggregates", headings, lead=lead)
    table = Table(f"Aggregates, checkpoint rule {rule}", headings)
    for task_set, rows in chosen.groupby("task_set", sort=True):
        if table.rows:
            table.rows.append(None)
        best = rows[rows["metric"] == "iqm"].sort_values(
            ["estimate_percent", "label"], ascending=[False, True]
        )
        for label in best["label"]:
            own = rows[rows["label"] == label].set_index("metric")
            cells = [Cell(str(label)), Cell(f"{own['num_tasks'].iloc[0]} ({task_set})")]
            cells.append(Cell(str(own["num_seeds"].iloc[0])))
            for metric in metrics:
                text = number(own.at[metric, "estimate_percent"], 1)
                ends = [own.at[metric, f"small_sample_{end}_percent"] for end in ("low", "high")]
                if not pd.isna(ends[0]):
                    text += f" [{number(ends[0], 1)}, {number(ends[1], 1)}]"
                cells.append(Cell(text))
            table.rows.append(cells)
    table.notes = [
        f"Point estimates by rliable, in percent; in square brackets the {LEVEL:.0%} small-sample interval "
        "over training seeds. A small optimality gap is good.",
        "In round brackets the set of tasks (task_sets.csv); only methods of one set are ranked.",
    ]
    coverage = tables.get("coverage")
    if coverage is not None and not coverage.empty:  # empty for one seed, which has no interval
        actual = coverage[coverage["actual_design"]]
        for (letter, seeds), rows in actual.groupby(["task_set", "num_seeds"], sort=True):
            simulated = rows.set_index(["metric", "interval"])["simulated"]
            told = [
                f"{name} {100 * simulated[metric, 'small_sample']:.0f} "
                f"({100 * simulated[metric, 'percentile']:.0f})"
                for metric, name in metrics.items()
            ]
            table.notes.append(
                f"Set {letter}, {seeds} seeds: nominal {LEVEL:.0%}, simulated coverage of the small-sample "
                f"interval in percent (of the percentile interval): {', '.join(told)}; Monte Carlo error at "
                f"most {100 * rows['monte_carlo_error'].max():.1f} points."
            )
    return table


def read_experiment(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Scores and, where there are any, episodes of `results/scores/<experiment>`.

    Raises:
        TablesError: there are no scores, or a table breaks its schema.
    """
    if not folder.is_dir():
        raise TablesError(f"There is no folder {folder}; --scores takes results/scores/<experiment>.")
    score_rows = scores.read(folder, "scores")
    if score_rows.empty:
        raise TablesError(f"{folder / 'scores.parquet'} holds no row.")
    has_episodes = (folder / "episodes.parquet").is_file()
    return score_rows, scores.read(folder, "episodes") if has_episodes else None


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the top of this file."""
    parser = argparse.ArgumentParser(
        prog="python -m paper_tables.statistics", description="Aggregate an experiment's scores."
    )
    parser.add_argument("--scores", type=Path, required=True, help="folder of scores.parquet")
    parser.add_argument("--output", type=Path, required=True, help="folder of the CSV files")
    parser.add_argument("--replicates", type=int, default=intervals.REPLICATES, help="bootstrap replicates")
    parser.add_argument(
        "--coverage-studies", type=int, default=COVERAGE_STUDIES, help="simulated studies; 0 for none"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap and the simulation")
    options = parser.parse_args(arguments)
    try:
        if options.replicates < 100:
            raise TablesError(f"--replicates is {options.replicates}; at least 100 are needed.")
        score_rows, episode_rows = read_experiment(options.scores)
        tables = all_tables(
            score_rows,
            episode_rows,
            replicates=options.replicates,
            coverage_studies=options.coverage_studies,
            seed=options.seed,
        )
        write_tables(tables, options.output)
        rendering.write(summary_table(tables), options.output, "summary")
    except TablesError as error:
        print(error, file=sys.stderr)
        return 2
    for what, reason in tables["left_out"].itertuples(index=False, name=None):
        print(f"Left out: {what}. {reason}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
