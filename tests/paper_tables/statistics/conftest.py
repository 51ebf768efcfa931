"""Scores of real runs, and a small matrix of scores."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from paper_tables.scores.d3rlpy import read_d3rlpy_runs
from paper_tables.statistics import configurations


@pytest.fixture
def matrix() -> np.ndarray:
    """Four seeds, five tasks, one of them without spread."""
    return np.random.default_rng(3).normal([20, 50, 80, 100, 110], [2, 10, 3, 5, 0], size=(4, 5))


@pytest.fixture(scope="module")
def d3rlpy() -> pd.DataFrame:
    """The fixture's runs of five algorithms that share twelve tasks, last checkpoint."""
    runs = read_d3rlpy_runs()
    return runs[
        runs["method"].isin(["IQL", "CQL", "TD3PlusBC", "BCQ", "AWAC"]) & (runs["selection"] == "last")
    ]


@pytest.fixture(scope="module")
def d3rlpy_designs(d3rlpy: pd.DataFrame) -> dict[str, configurations.Design]:
    """label -> design."""
    labelled = configurations.with_labels(d3rlpy)
    return {design.label: design for design in configurations.designs(labelled, "last")}
