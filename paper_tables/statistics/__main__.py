"""Aggregates of an experiment's scores, with intervals and what these are worth.

    python -m paper_tables.statistics --scores results/scores/<name> --output results/statistics/<name>

Point estimates are rliable's (Agarwal et al., "Deep reinforcement learning at the edge of the statistical
precipice", 2021); intervals are those of `paper_tables/statistics/intervals.py`. Written:

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
from pathlib import Path

import pandas as pd
from recheck.errors import TablesError

from paper_tables import frames
from paper_tables.rendering import table as table_module
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
from paper_tables.statistics.configurations import CONFIGURATION, LeftOut, designs, with_labels
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
    PROFILE_REPLICATES,
)
from paper_tables.statistics.summary import summary_table

"""What a row of a results table is; the digest differs from task to task."""


def all_tables(
    score_rows: pd.DataFrame,
    episode_rows: pd.DataFrame | None = None,
    *,
    replicates: int = bootstrap.REPLICATES,
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
        frames.write_text(rounded.to_csv(index=False, lineterminator="\n"), folder / f"{name}.csv")


def read_experiment(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Scores and, where there are any, episodes of `results/scores/<experiment>`.

    Raises:
        TablesError: there are no scores, or a table breaks its schema.
    """
    if not folder.is_dir():
        raise TablesError(f"There is no folder {folder}; --scores takes results/scores/<experiment>.")
    score_rows = tables_module.read(folder, "scores")
    if score_rows.empty:
        raise TablesError(f"{folder / 'scores.parquet'} holds no row.")
    has_episodes = (folder / "episodes.parquet").is_file()
    return score_rows, tables_module.read(folder, "episodes") if has_episodes else None


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the top of this file."""
    parser = argparse.ArgumentParser(
        prog="python -m paper_tables.statistics", description="Aggregate an experiment's scores."
    )
    parser.add_argument("--scores", type=Path, required=True, help="folder of scores.parquet")
    parser.add_argument("--output", type=Path, required=True, help="folder of the CSV files")
    parser.add_argument("--replicates", type=int, default=bootstrap.REPLICATES, help="bootstrap replicates")
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
        table_module.write(summary_table(tables), options.output, "summary")
    except TablesError as error:
        print(error, file=sys.stderr)
        return 2
    for what, reason in tables["left_out"].itertuples(index=False, name=None):
        print(f"Left out: {what}. {reason}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
