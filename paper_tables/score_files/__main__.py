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

from paper_tables.score_files.arguments import add_options
from paper_tables.score_files.options import ScoreOptions
from paper_tables.score_files.read import read_scores, write_scores


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
