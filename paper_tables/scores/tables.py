"""The four score tables on disk."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from paper_tables import frames

RUN_COLUMNS = ["method", "task", "variant", "digest", "diffusion_steps"]
FILES = ("scores", "episodes", "cost", "losses")
OFFLINE_LOSS = "noise_loss"


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
