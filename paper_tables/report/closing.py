"""The last words of a run on the screen: the scores, what was verified, where to look next.

    python -m paper_tables.report.closing --tables results/tables/<name> --page results/reports/<name>.html
        [--reevaluated results/reevaluated]

Ends with 2 where published policies do something else on this machine than their published episodes say.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pandas as pd
from recheck import cli, files
from recheck.errors import TablesError

from paper_tables.rendering import names

NEXT = (
    ("{page}", "all tables and figures of this run, on one page; without network"),
    ("docs/own_scores.md", "your own scores: recheck report SCORES --output DIR"),
    ("docs/review_a_table.md", "a table of a paper: recheck audit TABLE"),
    ("docs/experiments.md", "other experiments, longer training, your own data"),
)
TOO_SHORT = (
    "These trainings show every step from data to page. They are too short to rank methods:\n"
    "snakemake --cores 2 --config experiment=learning trains long enough to compare IQL with cloning."
)


def scores(tables: Path) -> str:
    """The table of scores as text.

    Raises:
        TablesError: it is not there.
    """
    return _as_text(tables / "scores.csv")


def _as_text(path: Path) -> str:
    from tabulate import tabulate

    if not path.is_file():
        raise TablesError(f"There is no file {path}; the run has not come to its tables.")
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    if "Method" in table:
        table["Method"] = [names.display_name(label) for label in table["Method"]]
    rows = [["" if cell == "–" else cell for cell in row] for row in table.to_numpy().tolist()]
    aligned = ["left" if place == 0 else "right" for place in range(table.shape[1])]
    return tabulate(rows, headers=list(table.columns), colalign=aligned, disable_numparse=True)


def reevaluation(folder: Path) -> tuple[str, bool]:
    """The table of published policies with its verdict, and whether they agree.

    Raises:
        TablesError: a file is not there.
    """
    found = files.read_json(folder / "comparison.json", TablesError)
    table = _as_text(folder / "comparison.csv")
    return f"{table}\n\n{found['sentence']}", bool(found["agrees"])


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the top of this file."""
    parser = argparse.ArgumentParser(
        prog="python -m paper_tables.report.closing", description="Say what a run has found."
    )
    parser.add_argument("--tables", type=Path, required=True, help="folder of the run's tables")
    parser.add_argument("--page", type=Path, required=True, help="the run's page")
    parser.add_argument("--reevaluated", type=Path, help="folder of the comparison of published policies")
    options = parser.parse_args(arguments)

    def command() -> int:
        print("\nTrained here, mean score in percent [95% interval] (seeds):\n")
        print(scores(options.tables))
        print(f"\n{TOO_SHORT}")
        agrees = True
        if options.reevaluated is not None and not (options.reevaluated / "comparison.json").is_file():
            print("\nNo published policy was played again: results/published/checkpoints holds none.")
        elif options.reevaluated is not None:
            said, agrees = reevaluation(options.reevaluated)
            print(f"\nPublished policies, played again here:\n\n{said}")
        print("\nWhere to look next:")
        for place, what in NEXT:
            print(f"  {place.format(page=options.page):<28} {what}")
        return 0 if agrees else cli.EXIT_MISTAKE

    return cli.run(command)


if __name__ == "__main__":
    sys.exit(main())
