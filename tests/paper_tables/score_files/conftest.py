"""Made-up scores of two methods, nine tasks and five seeds, in every form that a user may have."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

TASKS = [
    f"{body}-{kind}-v2"
    for body in ("halfcheetah", "hopper", "walker2d")
    for kind in ("medium", "medium-replay", "medium-expert")
]
MEANS = dict(zip(TASKS, (47.4, 44.2, 86.7, 66.3, 94.7, 91.5, 78.3, 73.9, 109.6)))
METHODS = {"IQL": 0.0, "MyMethod": 4.0}
METRIC = "eval/d4rl_normalized_score"


@pytest.fixture(scope="session")
def log() -> pd.DataFrame:
    """Ten steps of every run, as a logger's history: columns Name, _step and the metric."""
    rng = np.random.default_rng(0)
    rows = []
    for method, bonus in METHODS.items():
        for task in TASKS:
            for seed in range(5):
                level = rng.normal(MEANS[task] + bonus, 2)
                for step in range(100_000, 1_000_001, 100_000):
                    score = level * (1 - np.exp(-step / 2e5)) + rng.normal(0, 1)
                    rows.append((f"{method}-{task}-seed{seed}", step, score))
    return pd.DataFrame(rows, columns=["Name", "_step", METRIC])


@pytest.fixture(scope="session")
def long(log: pd.DataFrame) -> pd.DataFrame:
    """The last step of every run: columns method, task, seed, score."""
    last = log[log["_step"] == 1_000_000]
    return pd.DataFrame(
        {
            "method": last["Name"].str.split("-").str[0],
            "task": last["Name"].str.extract(r"-(.*)-seed")[0],
            "seed": last["Name"].str[-1].astype(int),
            "score": last[METRIC],
        }
    ).reset_index(drop=True)
