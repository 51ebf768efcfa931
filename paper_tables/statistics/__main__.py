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
``left_out.csv``           what could not be computed or has fewer seeds, and why

Scores are in percent throughout, but profiles and improvements are shares between 0 and 1. Methods are
ranked against each other only on the same tasks; at their own lengths of training, or, where a method was
trained for several lengths or for others than its hyperparameter file has, only at equal ones (`--lengths`).
Every task may have other seeds and another number of them. Output repeats byte for byte: the bootstrap
is seeded and numbers are rounded before they are written.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from recheck import cli
from recheck.errors import TablesError

from paper_tables.rendering import table as table_module
from paper_tables.scores import spellings
from paper_tables.statistics import bootstrap, configurations
from paper_tables.statistics.estimators import COVERAGE_STUDIES
from paper_tables.statistics.experiment import all_tables, read_experiment, write_tables
from paper_tables.statistics.summary import summary_table


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
    parser.add_argument(
        "--lengths",
        choices=[configurations.OWN_LENGTHS, configurations.EQUAL_LENGTHS],
        help="compare methods at their own lengths of training, or only at equal ones; by default at their "
        "own, unless a method was trained for several, or for others than its hyperparameter file has",
    )
    options = parser.parse_args(arguments)
    return cli.run(lambda: _run(options))


def _run(options: argparse.Namespace) -> None:
    if options.replicates < 100:
        raise TablesError(f"--replicates is {options.replicates}; at least 100 are needed.")
    score_rows, episode_rows = read_experiment(options.scores)
    tables = all_tables(
        score_rows,
        episode_rows,
        replicates=options.replicates,
        coverage_studies=options.coverage_studies,
        seed=options.seed,
        lengths=options.lengths,
    )
    write_tables(tables, options.output)
    summary, slips = summary_table(tables), spellings.slips(score_rows, "It is taken for another task.")
    summary.notes += slips
    table_module.write(summary, options.output, "summary")
    for message in slips:
        print(message)
    for what, reason in tables["left_out"].itertuples(index=False, name=None):
        print(f"Note: {what}. {reason}")


if __name__ == "__main__":
    sys.exit(main())
