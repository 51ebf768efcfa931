"""Real runs of others in the form of an experiment's scores, to try this side on before any training.

    python -m paper_tables.scores.d3rlpy --output results/scores/d3rlpy

writes ``scores.parquet`` from d3rlpy-benchmarks (MIT License, copyright Takuma Seno): ten seeds of eleven
algorithms and the Decision Transformer on D4RL. It holds no episodes, times or losses, so the other three
tables of an experiment are written without rows. Statistics, tables and figures take that folder like any
other; `snakemake tables figures --config scores=d3rlpy` does both.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

import pandas as pd
from recheck import cli

from paper_tables import frames
from paper_tables.public_runs import reader
from paper_tables.public_runs.checks import EVALUATIONS_AVERAGED
from paper_tables.scores import tables

SOURCE = "d3rlpy"
"""The public runs that are shown, by their source's name."""


def read_d3rlpy_runs(folder: Path = reader.FOLDER) -> pd.DataFrame:
    """Ten seeds of each algorithm and task of d3rlpy-benchmarks, in the columns of ``scores``.

    Each run has three selection rules: the last evaluation, the mean of the last ten, the best. The digest is
    that of the source's file.

    Raises:
        TablesError: the source cannot be used.
    """
    sources = reader.read_sources(folder)
    runs = reader.read_source(sources[sources["source"] == SOURCE].iloc[0], folder)
    path = folder / f"{SOURCE}.csv"
    table = pd.DataFrame(
        {
            "method": runs["method_name"],
            "task": runs["task"],
            "variant": "d3rlpy",
            "digest": hashlib.sha256(path.read_bytes()).hexdigest()[:8],
            "diffusion_steps": 0,
            "sampling": "default",
            "seed": runs["seed"],
            "selection": runs["selection"],
            "update": runs["updates"],
            "score_percent": runs["score_percent"],
            "num_episodes": None,
            "comparability": "unverified",
            "score_unit": "percent",
            "num_checkpoints": runs["selection"].map(EVALUATIONS_AVERAGED),
        }
    )
    key = frames.load_schema("scores")["x-key"]
    return frames.check(table.sort_values(key, ignore_index=True), "scores", str(path))


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the top of this file."""
    parser = argparse.ArgumentParser(
        prog="python -m paper_tables.scores.d3rlpy", description="Write real scores."
    )
    parser.add_argument("--output", type=Path, required=True, help="folder of the four tables")
    options = parser.parse_args(arguments)
    return cli.run(lambda: _write(options.output))


def _write(folder: Path) -> None:
    runs = read_d3rlpy_runs()
    for name in tables.FILES:
        table = runs if name == "scores" else pd.DataFrame(columns=frames.columns(name))
        frames.write_parquet(table, folder / f"{name}.parquet", name)


if __name__ == "__main__":
    sys.exit(main())
