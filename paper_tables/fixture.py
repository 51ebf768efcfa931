"""Real runs of others in the form of an experiment's scores, to try this side on before any training.

    python -m paper_tables.fixture --output results/scores/d3rlpy

writes ``scores.parquet`` from d3rlpy-benchmarks (MIT License, copyright Takuma Seno): ten seeds of eleven
algorithms and the Decision Transformer on D4RL. It holds no episodes, times or losses, so the other three
tables of an experiment are written without rows. Statistics, tables and figures take that folder like any
other; `snakemake tables figures --config scores=d3rlpy` does both.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pandas as pd

from paper_tables import reported_numbers, scores, table_schema
from paper_tables.errors import TablesError


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the top of this file."""
    parser = argparse.ArgumentParser(prog="python -m paper_tables.fixture", description="Write real scores.")
    parser.add_argument("--output", type=Path, required=True, help="folder of the four tables")
    options = parser.parse_args(arguments)
    try:
        runs = reported_numbers.read_d3rlpy_runs()
        for name in scores.FILES:
            table = runs if name == "scores" else pd.DataFrame(columns=table_schema.columns(name))
            table_schema.write_parquet(table, options.output / f"{name}.parquet", name)
    except TablesError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
