"""The public runs next to the reported numbers: how many there are, and for which of them a number exists.

    python -m paper_tables.evidence.runs

reads every source of ``paper_tables/public_runs``, refuses what cannot be used, and prints how many runs each
has and for how many of them some document reports a number.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pandas as pd
from recheck.cli import run

from paper_tables import literature
from paper_tables.public_runs.checks import GROUP
from paper_tables.public_runs.reader import FOLDER, read_runs


def count_runs(runs: pd.DataFrame, reported: pd.DataFrame) -> pd.DataFrame:
    """How many runs a source has, and for how many of them a document reports the method on the task.

    A run is counted once, whatever the number of rules that pick its checkpoint.

    Args:
        runs: rows of the schema ``public_runs``.
        reported: rows of the schema ``reported``.

    Returns:
        One row per source: ``source``, ``rows``, ``runs``, ``with_reported_number``,
        ``without_reported_number``. Runs on other data than D4RL's are always without.
    """
    cells = reported[reported["aggregate"] == "cell"]
    reported_cells = set(zip(cells["method_key"], cells["task"], strict=True))
    rows = []
    for source, part in runs.groupby("source", sort=False):
        single = part.drop_duplicates([name for name in GROUP if name != "selection"] + ["seed"])
        found = [
            datasets == "d4rl" and (method, task) in reported_cells
            for datasets, method, task in zip(
                single["datasets"], single["method"], single["task"], strict=True
            )
        ]
        rows.append(
            {
                "source": source,
                "rows": len(part),
                "runs": len(single),
                "with_reported_number": sum(found),
                "without_reported_number": len(single) - sum(found),
            }
        )
    return pd.DataFrame(rows)


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the top of this file."""
    parser = argparse.ArgumentParser(
        prog="python -m paper_tables.evidence.runs", description="Check the public runs and count them."
    )
    parser.add_argument("--folder", type=Path, default=FOLDER, help="folder of sources.csv and the files")
    options = parser.parse_args(arguments)

    def count() -> None:
        print(count_runs(read_runs(options.folder), literature.read_all()).to_string(index=False))

    return run(count)


if __name__ == "__main__":
    sys.exit(main())
