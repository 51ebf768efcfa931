"""Scores of your own as a source of public runs.

    python -m paper_tables.evidence.give my_scores.csv --source mylab --repository mylab/iql-jax
        --commit 0123abc --licence MIT --output to_give

reads a file of scores as `recheck check` does and writes ``to_give/mylab.csv`` and ``to_give/sources.csv``,
checked as a source is. ``docs/evidence.md`` says where they go.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pandas as pd
from recheck import files
from recheck.cli import run
from recheck.errors import TablesError

from paper_tables import frames
from paper_tables.public_runs.checks import EVALUATIONS_AVERAGED, LARGEST_FRACTION
from paper_tables.public_runs.reader import columns_of_a_file, read_runs
from paper_tables.score_files.arguments import add_options
from paper_tables.score_files.options import ScoreOptions
from paper_tables.score_files.read import read_scores

SETTINGS = ("usual", "tuned_per_task", "other")


def rows_of_source(runs: pd.DataFrame, given: argparse.Namespace) -> pd.DataFrame:
    """The runs in the columns of a source's file.

    Args:
        runs: rows of the schema ``scores``.
        given: what the command states: `implementation` or `repository`, `settings`, `settings_note`,
            `unit`, and the file `scores`.

    Raises:
        TablesError: a rule that picks checkpoints has no place among public runs.
    """
    for (rule, checkpoints), _ in runs.groupby(["selection", "num_checkpoints"]):
        if EVALUATIONS_AVERAGED.get(str(rule)) != checkpoints:
            raise TablesError(
                f"{given.scores}: {rule} of {checkpoints} checkpoints has no place among public runs; "
                "--select takes last, mean_last_10 or best."
            )
    scores = runs["score_percent"].astype(float)
    near_zero = (scores.abs() <= LARGEST_FRACTION) & (scores != 0)
    columns = {
        "implementation": given.implementation or given.repository,
        "method": runs["method"],
        "method_name": runs["method"],
        "variant": runs["variant"].replace("stated", "default").fillna("default"),
        "settings": given.settings,
        "task": runs["task"],
        "seed": runs["seed"],
        "selection": runs["selection"],
        "updates": runs["update"],
        "episodes": runs["num_episodes"],
        "score_percent": scores.map("{:.4f}".format),
        # Who states the unit of a file says that its small scores are percent.
        "near_zero_checked": near_zero.map({True: "true", False: ""}) if given.unit else "",
        "file": given.scores.name,
        "settings_note": given.settings_note,
        "note": "",
    }
    return pd.DataFrame(columns, index=runs.index)[columns_of_a_file()]


def line_of_source(given: argparse.Namespace, num_rows: int) -> pd.DataFrame:
    """The line of ``sources.csv``."""
    values = {
        "source": given.source,
        "form": "runs",
        "repository": given.repository,
        "commit": given.commit,
        "licence": given.licence,
        "copyright": given.copyright,
        "datasets": "d4rl",
        "printed_in": given.printed_in,
        "num_rows": num_rows,
        "about": given.about or f"Runs of {given.repository}",
    }
    return pd.DataFrame([values])[frames.columns("public_run_sources")]


def give(given: argparse.Namespace) -> str:
    """Write and check the source; returns the sentences for the user.

    Raises:
        TablesError: the scores cannot be read, or a source cannot hold them; nothing is written.
    """
    scores = read_scores(given.scores, ScoreOptions.of(vars(given)))
    rows = rows_of_source(scores.runs, given)
    with files.atomic_folder(given.output, TablesError) as temporary:
        for name, table in ((given.source, rows), ("sources", line_of_source(given, len(rows)))):
            text = table.to_csv(index=False, lineterminator="\n")
            files.write_text(temporary / f"{name}.csv", text, TablesError)
        try:
            read_runs(temporary)
        except TablesError as error:
            raise TablesError(str(error).replace(str(temporary), str(given.output))) from None
    return "\n".join(
        [
            *scores.messages,
            *scores.warnings,
            f"{len(rows)} rows in {given.output / given.source}.csv; its line is in "
            f"{given.output / 'sources.csv'}.",
        ]
    )


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the top of this file."""
    parser = argparse.ArgumentParser(
        prog="python -m paper_tables.evidence.give", description="Scores as a source of public runs."
    )
    parser.add_argument("scores", type=Path, help="file or folder of scores")
    parser.add_argument("--output", type=Path, required=True, help="folder of the source's two files")
    parser.add_argument("--source", required=True, help="short name: small letters, digits, _")
    parser.add_argument("--repository", required=True, help="owner/name that holds the scores")
    parser.add_argument("--commit", required=True, help="its commit")
    parser.add_argument("--licence", required=True, help="SPDX identifier, or none")
    parser.add_argument("--implementation", help="owner/name of the code that trained (the repository)")
    parser.add_argument("--settings", choices=SETTINGS, default=SETTINGS[0], help="how they were chosen")
    parser.add_argument("--settings-note", default="", help="hyperparameters and version")
    parser.add_argument("--copyright", default="", help="holder of the copyright")
    parser.add_argument("--printed-in", default="", help="document that prints the mean of these very runs")
    parser.add_argument("--about", default="", help="one sentence")
    add_options(parser)
    given = parser.parse_args(arguments)
    return run(lambda: print(give(given)))


if __name__ == "__main__":
    sys.exit(main())
