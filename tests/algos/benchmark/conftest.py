"""Configurations of a small run, and few rows of data."""

import pytest

from algos.benchmark import programs


@pytest.fixture
def configs(run_config):
    iql = run_config()["hyperparameters"]
    bc = {
        name: iql[name]
        for name in (
            "batch_size",
            "actor_learning_rate",
            "actor_decay",
            "hidden_sizes",
            "dropout",
            "initialiser",
            "log_std_min",
            "log_std_max",
        )
    }
    shared = {"variant": "paper", "num_updates": 1000, "diffusion_steps": 0}
    return [
        {"method": "bc", "hyperparameters": bc, **shared},
        {"method": "iql", "hyperparameters": iql, **shared},
    ]


@pytest.fixture(autouse=True)
def few_rows(monkeypatch):
    monkeypatch.setattr(programs, "NUM_ROWS", 2000)
