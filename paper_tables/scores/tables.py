"""The four score tables on disk."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from paper_tables import frames
from paper_tables.scores import plausible

RUN_COLUMNS = ["method", "task", "variant", "digest", "diffusion_steps"]
CHECKPOINTS = "checkpoints"
"""A table that logs with several steps have as well: the score at every step, without episodes."""
FILES = ("scores", "episodes", "cost", "losses")
OFFLINE_LOSS = "noise_loss"
STATED = "stated"
"""Comparability of scores from a file of the user's: dataset and unit are as their author states them."""


def write(tables: dict[str, pd.DataFrame], folder: Path) -> None:
    """Write ``<folder>/{scores,episodes,cost,losses}.parquet``."""
    for name in FILES:
        frames.write_parquet(tables[name], folder / f"{name}.parquet", name)


def read(folder: Path, name: str) -> pd.DataFrame:
    """Read one of the four tables of an experiment (or of ``results/published``), checked.

    Raises:
        TablesError: the file is absent or breaks its schema.
    """
    return frames.read_parquet(folder / f"{name}.parquet", name)


def read_runs(folder: Path) -> pd.DataFrame:
    """The scores of an experiment, refused where they cannot be in percent or are outside their task's range.

    Where there are episodes with raw returns, or the author of the scores stated it, the unit is known.

    Raises:
        TablesError: the file is absent, breaks its schema, or holds such scores.
    """
    where = str(folder / "scores.parquet")
    runs = read(folder, "scores")
    plausible.check_range(runs, where)
    episodes = folder / "episodes.parquet"
    if not (episodes.is_file() and len(read(folder, "episodes"))):
        plausible.check_unit(runs[runs["comparability"] != STATED], where)
    return runs
