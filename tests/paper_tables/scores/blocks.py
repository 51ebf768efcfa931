"""A finished block of made-up returns."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from paper_tables.scores import collect as collect_module
from paper_tables.scores import read_runs

CHECKPOINTS = [2000, 4000, 6000, 8000]


LOW, HIGH = -20.0, 3230.0


def manifest(**other: object) -> dict[str, object]:
    return {
        "task": "hopper-x-v0",
        "comparability": "recollected",
        "environment_match": "same",
        "content_sha256": "ab" * 32,
        "reference_min_score": LOW,
        "reference_max_score": HIGH,
        "hyperparameters_like": "a task that another method's values come from",
        **other,
    }


def write_block(
    folder: Path,
    seeds: list[int],
    *,
    method: str = "diffusion_ql",
    means: np.ndarray,
    noise: np.ndarray,
    top_k: int = 0,
) -> dict[str, object]:
    """A finished block with episode returns of exactly `means` [seeds, checkpoints]; its index entry."""
    run, episodes = folder / "run", folder / "episodes.parquet"
    run.mkdir(parents=True)
    identity = {
        "method": method,
        "task": "hopper-x-v0",
        "variant": "paper",
        "digest": "0123abcd",
        "diffusion_steps": 5,
    }
    config = {
        **identity,
        "num_updates": CHECKPOINTS[-1],
        "checkpoints": CHECKPOINTS,
        "hyperparameters": {"offline_top_k": top_k},
        "seeds": seeds,
    }
    (run / "config.json").write_text(json.dumps(config))
    provenance = {
        "devices": ["CPU: one"],
        "versions": {"torch": "2.11.0"},
        "git": {"commit": "c0ffee", "dirty": False},
        "peak_memory_bytes": 1000,
    }
    (run / "provenance.json").write_text(json.dumps(provenance))
    train = [
        {
            "seed": seed,
            "update": update,
            "noise_loss": noise[k, (update - 1) // 2000],
            "critic_loss": float(update),
        }
        for k, seed in enumerate(seeds)
        for update in range(1000, CHECKPOINTS[-1] + 1, 1000)
    ]
    pd.DataFrame(train).to_parquet(run / "train.parquet")
    timing = {"update": [1000, 8000], "wall_seconds": [10.0, 80.0], "device": ["CPU: one"] * 2}
    pd.DataFrame(timing).to_parquet(run / "timing.parquet")
    rows = []
    for k, seed in enumerate(seeds):
        for i, update in enumerate(CHECKPOINTS):
            for episode in range(4 if update == CHECKPOINTS[-1] else 2):
                rows.append((seed, update, "checkpoint", episode, means[k, i]))
        judged = int(np.argmax(means[k]))
        rows += [
            (seed, CHECKPOINTS[judged], "best_reevaluated", episode, means[k, judged] - 65)
            for episode in range(2)
        ]
    table = pd.DataFrame(rows, columns=["seed", "update", "purpose", "episode", "raw_return"])
    for column, value in {**identity, "sampling": "default-89abcdef"}.items():
        table[column] = value
    table["episode_seed"] = 1_000_000 + 1000 * table["seed"] + table["episode"]
    table["length"] = 100
    table["environment_id"], table["gymnasium_version"], table["mujoco_version"] = (
        "Hopper-v4",
        "1.3.0",
        "3.11.0",
    )
    table.to_parquet(episodes)
    latency = {"num_states": [1, 10], "action_latency_ms": [1.5, 2.5]}
    pd.DataFrame(latency).to_parquet(folder / "timing.parquet")
    (folder / "manifest.json").write_text(json.dumps(manifest()))
    return {
        "run_dir": str(run),
        "dataset_manifest": str(folder / "manifest.json"),
        "episodes": str(episodes),
        "timing": str(folder / "timing.parquet"),
        "seeds": seeds,
        "hyperparameters_like": "hopper-medium-expert-v2",
    }


MEANS = np.array([[300.0, 1000.0, 800.0, 600.0], [100.0, 200.0, 300.0, 400.0]])


NOISE = np.array([[0.4, 0.2, 0.3, 0.1], [0.4, 0.3, 0.2, 0.1]])


def collected(index: Path) -> dict[str, pd.DataFrame]:
    return collect_module.collect(read_runs.read_index(index))
