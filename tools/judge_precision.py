"""Whether scores with bfloat16 products are equivalent to those with float32 (plan: docs/performance.md).

    snakemake --cores 2 --config experiment=precision data_folder=FOLDER
    python tools/judge_precision.py [--scores results/scores/precision/scores.parquet]

A seed's score is the mean over its last five checkpoints. Scores are equivalent where the 90% interval
(Welch) of the difference of the two means is within the margin of every verdict. Status 1: not for every
method; 2: there are no such scores, or not ten seeds on each side.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from recheck import cli
from recheck.errors import TablesError

from paper_tables import frames
from paper_tables.faithfulness.compare import Difference, cells, welch
from paper_tables.rendering import table as table_module
from paper_tables.rendering.table import Cell, Table

SEEDS = 10
LEVEL = 0.90
MARGIN_PERCENT = 5.0


def judge(scores: pd.DataFrame) -> dict[str, Difference]:
    """The difference of bfloat16 to float32 for each method.

    Args:
        scores: the columns `method`, `variant` (`paper` or `bfloat16`), `selection`, `seed`, `score_percent`.

    Raises:
        TablesError: a side of a method does not have the planned number of seeds.
    """
    scores = scores[scores["selection"] == "average_last_k"]
    found = {}
    for method, rows in scores.groupby("method"):
        sides = {}
        for variant in ("bfloat16", "paper"):
            side = rows.loc[rows["variant"] == variant, "score_percent"].tolist()
            if len(side) != SEEDS:
                raise TablesError(f"{method} has {len(side)} seeds of {variant}; the plan has {SEEDS}.")
            sides[variant] = side
        found[str(method)] = welch(sides["bfloat16"], sides["paper"], LEVEL)
    if not found:
        raise TablesError("The scores have no row of selection average_last_k.")
    return found


def is_equivalent(difference: Difference) -> bool:
    """Whether the interval is within the margin."""
    return difference.low >= -MARGIN_PERCENT and difference.high <= MARGIN_PERCENT


def table(found: dict[str, Difference]) -> Table:
    """One row for each method."""
    header = ["Method", "bfloat16", "float32", "Difference", f"{LEVEL:.0%} interval", "p", "Equivalent"]
    made = Table("", header, text_columns=1)
    for method, row in found.items():
        made.rows.append([Cell(method), *cells(row), Cell("yes" if is_equivalent(row) else "no")])
    return made


def run(path: Path) -> int:
    """Print the table; 0 where scores are equivalent for every method, else 1."""
    found = judge(frames.read_parquet(path, "scores"))
    print(table_module.markdown(table(found)))
    return 0 if all(map(is_equivalent, found.values())) else 1


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(description="Whether bfloat16 products change scores.")
    parser.add_argument("--scores", type=Path, default=Path("results/scores/precision/scores.parquet"))
    path = parser.parse_args(arguments).scores
    return cli.run(lambda: run(path))


if __name__ == "__main__":
    sys.exit(main())
