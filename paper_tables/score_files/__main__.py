"""Scores from a file of the user's in the form of an experiment's.

    python -m paper_tables.score_files my_scores.csv --output results/scores/my_scores
        [--columns score:eval/return,task:env] [--unit percent|fraction|return]
        [--select last|mean_last_K|best] [--version v2] [--method NAME] [--task TASK] [--tasks TASK,TASK]

What was guessed is printed. `docs/own_scores.md` has every format.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from recheck import cli

from paper_tables.score_files.options import ScoreOptions
from paper_tables.score_files.read import read_scores, write_scores


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what can be stated about a file of scores."""
    group = parser.add_argument_group("about the file (what is left out is guessed, and said)")
    group.add_argument(
        "--columns", help="role:column, comma separated (score:eval/return,task:env), or a YAML file"
    )
    group.add_argument("--unit", help="percent (66.5), fraction (0.665) or return (raw returns)")
    group.add_argument("--select", help="which step of a run is its score: last, mean_last_K or best")
    group.add_argument("--version", help="version of tasks whose names have none: v2")
    group.add_argument("--method", help="name of the method where the file has none")
    group.add_argument("--task", help="task of all rows where the file has none")
    group.add_argument("--tasks", help="tasks along an array's second axis, comma separated")
    group.add_argument("--delimiter", help="sign between the columns of a CSV file")


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the top of this file."""
    parser = argparse.ArgumentParser(
        prog="python -m paper_tables.score_files", description="Read scores from a file of the user's."
    )
    parser.add_argument("scores", type=Path, help="file or folder")
    parser.add_argument("--output", type=Path, required=True, help="folder of the four tables")
    add_options(parser)
    given = parser.parse_args(arguments)
    return cli.run(lambda: _run(given))


def _run(given: argparse.Namespace) -> None:
    scores = read_scores(given.scores, ScoreOptions.of(vars(given)))
    write_scores(scores, given.output)
    for message in [*scores.messages, *scores.warnings]:
        print(message)


if __name__ == "__main__":
    sys.exit(main())
