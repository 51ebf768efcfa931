"""Tables of aggregates: cells, aggregates with intervals, profiles, improvement."""

from __future__ import annotations

import numpy as np
import pandas as pd

from paper_tables.statistics import bootstrap, coverage, intervals
from paper_tables.statistics.configurations import CONFIGURATION, EQUAL_LENGTHS, Design, LeftOut
from paper_tables.statistics.estimators import (
    COVERAGE_SEEDS,
    LEAST_SEEDS,
    LEVEL,
    performance_profile,
    point_estimates,
    probability_of_improvement,
)


# The tables.
def cell_table(labelled: pd.DataFrame) -> pd.DataFrame:
    """Mean, sample standard deviation and t interval over seeds of every configuration, task and rule.

    Fewer than `LEAST_SEEDS` seeds have no interval.
    """
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
            row["sd_percent"] = float(found.std(ddof=1))
        if len(found) >= LEAST_SEEDS:
            interval = intervals.mean_interval(found, LEVEL)
            row |= {"low_percent": interval.low, "high_percent": interval.high}
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
            estimates = point_estimates(design.scores_percent)
            enough = design.fewest_seeds >= LEAST_SEEDS
            distributions = (
                bootstrap.bootstrap(design.scores_percent, bootstrap.METRICS, replicates, seed)
                if enough
                else {}
            )
            for metric in bootstrap.METRICS:
                row: dict[str, object] = {
                    "selection": selection,
                    "label": design.label,
                    "task_set": names[design.task_set],
                    "num_tasks": len(design.tasks),
                    "num_seeds": design.fewest_seeds,
                    "most_seeds": design.most_seeds,
                    "metric": metric,
                    "estimate_percent": estimates[metric],
                }
                if enough:
                    plain = bootstrap.percentile_interval(distributions[metric], LEVEL)
                    small = bootstrap.small_sample_interval(
                        design.scores_percent, estimates[metric], distributions[metric], metric, LEVEL
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
        "most_seeds",
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
        members = [
            design for design in found if design.task_set == task_set and design.fewest_seeds >= LEAST_SEEDS
        ]
        if not members:
            continue
        actual = sorted({design.fewest_seeds for design in members})
        matrices = [design.scores_percent for design in members]
        for num_seeds in sorted({*COVERAGE_SEEDS, *actual}):
            settings = coverage.SimulationSettings(studies, replicates, LEVEL, seed)
            for row in coverage.simulate_coverage(matrices, num_seeds, settings=settings):
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
    """101 thresholds from 0, or the lowest score if below, to the highest score, in steps of 5.

    Beyond the highest score every profile is 0. Where all scores are small, thresholds up to 100 would leave
    one or two below it, and a line between these is not the profile.
    """
    values = np.concatenate([column for design in found for column in design.scores_percent])
    low = min(0.0, float(np.floor(values.min() / 5) * 5))
    high = max(low + 5.0, float(np.ceil(values.max() / 5) * 5))
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
            profile = performance_profile(design.scores_percent, thresholds, seed=seed)
            if design.fewest_seeds < LEAST_SEEDS:
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
    """Probability of improvement of every ordered pair, over the tasks that both have.

    Where only equal lengths of training are compared, over the tasks trained equally long in both.
    """
    rows: list[dict[str, object]] = []
    for selection, found in all_designs.items():
        for place, first in enumerate(found):
            for second in found[place + 1 :]:
                shared = sorted(set(first.task_set) & set(second.task_set))
                if not shared:
                    one, other = sorted((names[first.task_set], names[second.task_set]))
                    left_out.add(
                        f"improvement between methods of the task sets {one} and {other}",
                        "They share no task at equal numbers of updates."
                        if first.lengths == EQUAL_LENGTHS
                        else "They share no task.",
                    )
                    continue
                mine = [first.scores_percent[first.task_set.index(item)] for item in shared]
                theirs = [second.scores_percent[second.task_set.index(item)] for item in shared]
                seeds, other_seeds = min(map(len, mine)), min(map(len, theirs))
                estimate, interval = probability_of_improvement(mine, theirs, replicates, seed)
                if min(seeds, other_seeds) < LEAST_SEEDS:
                    interval = intervals.Interval(np.nan, np.nan)
                one_way: dict[str, object] = {
                    "selection": selection,
                    "label": first.label,
                    "other": second.label,
                    "num_tasks": len(shared),
                    "num_seeds": seeds,
                    "other_seeds": other_seeds,
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
                        "num_seeds": other_seeds,
                        "other_seeds": seeds,
                        "probability": 1 - estimate,
                        "low": 1 - interval.high,
                        "high": 1 - interval.low,
                    },
                ]
    columns = ["selection", "label", "other", "num_tasks", "num_seeds", "other_seeds"]
    table = pd.DataFrame(rows, columns=[*columns, "probability", "low", "high"])
    return table.sort_values(["selection", "label", "other"], kind="stable", ignore_index=True)
