"""What can be stated about a file of scores, as options of a command; imports nothing heavy."""

from __future__ import annotations

import argparse


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what can be stated about a file of scores."""
    group = parser.add_argument_group("about the file (what is left out is guessed, and said)")
    group.add_argument(
        "--columns",
        metavar="ROLE:COLUMN",
        help="role:column, comma separated (score:eval/return,task:env), or a YAML file",
    )
    group.add_argument("--unit", help="percent (66.5), fraction (0.665) or return (raw returns)")
    group.add_argument(
        "--select", metavar="RULE", help="which step of a run is its score: last, mean_last_K or best"
    )
    group.add_argument("--version", help="version of tasks whose names have none: v2, or v2,antmaze:v0")
    group.add_argument("--method", metavar="NAME", help="name of the method where the file has none")
    group.add_argument("--task", help="task of all rows where the file has none")
    group.add_argument(
        "--tasks", metavar="TASK,TASK", help="tasks along an array's second axis, comma separated"
    )
    group.add_argument("--delimiter", metavar="SIGN", help="sign between the columns of a CSV file")
