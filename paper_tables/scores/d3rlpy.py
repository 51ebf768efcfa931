"""Real runs of others in the form of an experiment's scores, to try this side on before any training.

    python -m paper_tables.scores.d3rlpy --output results/scores/d3rlpy

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
from recheck.errors import TablesError

from paper_tables import frames, literature
from paper_tables.scores import tables


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the top of this file."""
    parser = argparse.ArgumentParser(
        prog="python -m paper_tables.scores.d3rlpy", description="Write real scores."
    )
    parser.add_argument("--output", type=Path, required=True, help="folder of the four tables")
    options = parser.parse_args(arguments)
    try:
        runs = literature.read_d3rlpy_runs()
        for name in tables.FILES:
            table = runs if name == "scores" else pd.DataFrame(columns=frames.columns(name))
            frames.write_parquet(table, options.output / f"{name}.parquet", name)
    except TablesError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
