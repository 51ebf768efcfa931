"""All statistics of one experiment: read its scores, compute every table, write them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from recheck.errors import TablesError

from paper_tables import frames
from paper_tables.rendering.table import csv_frame
from paper_tables.scores import tables as tables_module
from paper_tables.statistics import bootstrap
from paper_tables.statistics.aggregates import (
    aggregate_table,
    cell_table,
    coverage_table,
    improvement_table,
    profile_table,
    task_set_names,
)
from paper_tables.statistics.configurations import (
    CONFIGURATION,
    Design,
    LeftOut,
    designs,
    lengths_asked,
    with_labels,
)
from paper_tables.statistics.curves import (
    checkpoint_scores,
    learning_curve_table,
    sample_efficiency_table,
    variance_table,
)
from paper_tables.statistics.estimators import (
    COVERAGE_REPLICATES,
    COVERAGE_STUDIES,
    DECIMALS,
    LEAST_SEEDS,
    PROFILE_REPLICATES,
)


def all_tables(
    score_rows: pd.DataFrame,
    episode_rows: pd.DataFrame | None = None,
    *,
    replicates: int = bootstrap.REPLICATES,
    coverage_studies: int = COVERAGE_STUDIES,
    seed: int = 0,
    lengths: str | None = None,
) -> dict[str, pd.DataFrame]:
    """Every table of this module.

    Args:
        score_rows: rows of the schema `scores`.
        episode_rows: rows of the schema `episodes`; without them there are no curves and no variances.
        replicates: of the bootstrap of aggregates.
        coverage_studies: simulated studies per number of seeds; 0 leaves coverage out.
        seed: of everything that is drawn.
        lengths: `own` compares methods at their own lengths of training, `equal` only at equal ones; by
            default see `configurations.lengths_asked`.

    Returns:
        name -> table, unrounded.
    """
    left_out = LeftOut()
    labelled = with_labels(score_rows)
    selections = sorted(set(labelled["selection"]))
    compared = lengths_asked(labelled) if lengths is None else lengths
    found = {selection: designs(labelled, selection, left_out, compared) for selection in selections}
    every = [design for group in found.values() for design in group]
    names = task_set_names(every)
    for design in every:
        if design.fewest_seeds < LEAST_SEEDS:
            few = [task for task, seeds in zip(design.tasks, design.seeds) if len(seeds) < LEAST_SEEDS]
            where = "" if len(few) == len(design.tasks) else f" ({', '.join(few)})"
            left_out.add(
                f"{design.label}: intervals of aggregates",
                f"Fewer than {LEAST_SEEDS} seeds have no interval{where}.",
            )
    main_rule = "last" if found.get("last") else next((rule for rule in selections if found[rule]), None)
    tables = {
        "cells": cell_table(labelled),
        "task_sets": _task_set_table(every, names),
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
        strangers = labelled_episodes["label"].isna()
        if strangers.any():
            left_out.add(
                f"{int(strangers.sum()):,} episodes", "They are of runs that have no row in scores.parquet."
            )
            labelled_episodes = labelled_episodes[~strangers]
        checkpoints = checkpoint_scores(labelled_episodes)
        tables["learning_curves"] = learning_curve_table(checkpoints)
        tables["sample_efficiency"] = sample_efficiency_table(checkpoints, left_out, seed)
        if "purpose" in labelled_episodes.columns:
            tables["variance"] = variance_table(labelled_episodes, left_out)
        else:
            left_out.add("split of the variance", "There are no episodes.")
    tables["left_out"] = left_out.table()
    return tables


def _task_set_table(every: list[Design], names: dict[tuple[tuple[str, int], ...], str]) -> pd.DataFrame:
    """Columns `task_set`, `task`, `num_updates`: every length of training that the set's methods have."""
    rows = []
    for key, name in names.items():
        members = [design for design in every if design.task_set == key]
        for place, (task, _) in enumerate(key):
            rows += [(name, task, updates) for updates in sorted({item.updates[place] for item in members})]
    return pd.DataFrame(rows, columns=["task_set", "task", "num_updates"])


def write_tables(tables: dict[str, pd.DataFrame], folder: Path) -> None:
    """Write `<folder>/<name>.csv`, numbers rounded first so that the bytes repeat."""
    for name, table in tables.items():
        # -0.0 and 0.0 are the same number and must be the same text.
        rounded = table.copy()
        for column in rounded.select_dtypes("float").columns:
            rounded[column] = rounded[column].round(DECIMALS) + 0.0
        frames.write_text(csv_frame(rounded), folder / f"{name}.csv")


def read_experiment(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Scores and, where there are any, episodes of `results/scores/<experiment>`, or scores of checkpoints.

    Raises:
        TablesError: there are no scores, or a table breaks its schema.
    """
    if not folder.is_dir():
        raise TablesError(f"There is no folder {folder}; --scores takes results/scores/<experiment>.")
    score_rows = tables_module.read_runs(folder)
    if score_rows.empty:
        raise TablesError(f"{folder / 'scores.parquet'} holds no row.")
    has_episodes = (folder / "episodes.parquet").is_file()
    episode_rows = tables_module.read(folder, "episodes") if has_episodes else None
    if episode_rows is None or episode_rows.empty:
        checkpoints = folder / f"{tables_module.CHECKPOINTS}.parquet"
        if checkpoints.is_file():
            return score_rows, tables_module.read(folder, tables_module.CHECKPOINTS)
    return score_rows, episode_rows
