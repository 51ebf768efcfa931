"""What is measured on the bandit's samples, and how it is written."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from recheck.files import atomic, write_json

from algos.bandit.data import make_data
from algos.bandit.policies import PolicyKey
from algos.bandit.settings import ACTION_SD, MODE_RADIUS, MODES, REWARD_SD, Settings, reduction
from algos.seed_parallel.random_streams import SeedStreams


def nearest_modes(actions: np.ndarray) -> np.ndarray:
    """Index in `MODES` of the mode that each action ``[n, 2]`` belongs to, -1 off all modes, ``[n]``.

    An action belongs to a mode when it is at most `MODE_RADIUS` from its centre (Euclidean); the discs
    do not overlap.
    """
    centres = np.array([mode.centre for mode in MODES])
    distances = np.linalg.norm(actions.astype(np.float64)[:, None, :] - centres, axis=2)
    nearest = distances.argmin(axis=1)
    return np.where(distances.min(axis=1) <= MODE_RADIUS, nearest, -1)


def sample_numbers(actions: np.ndarray) -> dict[str, float]:
    """Where actions ``[n, 2]`` are and what they would earn, rounded to 4 digits.

    ``share_<mode>`` and ``share_off_modes`` are fractions that sum to 1. ``mean_true_reward`` is the mean
    of the reward that the bandit would pay without its noise: the mode's reward mean for an action within
    `MODE_RADIUS` of its centre, 0 for one off all modes, where the bandit has no reward.
    """
    modes = nearest_modes(actions)
    shares = [float(np.mean(modes == i)) for i in range(len(MODES))]
    numbers = {f"share_{mode.name}": share for mode, share in zip(MODES, shares)}
    numbers["share_off_modes"] = float(np.mean(modes == -1))
    numbers["mean_true_reward"] = sum(mode.reward_mean * share for mode, share in zip(MODES, shares))
    return {name: round(value, 4) for name, value in numbers.items()}


def write_results(
    settings: Settings, size: str, samples: Mapping[PolicyKey, np.ndarray], output: Path
) -> None:
    """Write `samples.parquet`, `numbers.csv` and `config.json`, each atomically."""
    data = make_data(settings)
    drawn = SeedStreams((settings.seed,), "bandit/shown").uniform(settings.num_samples)[0]
    rows = (drawn * settings.num_data).long()
    shown = data.actions[rows].numpy()
    tables: dict[PolicyKey, np.ndarray] = {("data", 0): shown, **samples}
    no_reward = np.full(settings.num_samples, np.nan, dtype=np.float32)
    rewards = {("data", 0): data.rewards[rows].numpy()}
    count = settings.num_samples
    table = pa.table(
        {
            "method": np.repeat([name for name, _ in tables], count),
            "diffusion_steps": np.repeat(np.array([steps for _, steps in tables], dtype=np.int64), count),
            "index": np.tile(np.arange(count, dtype=np.int64), len(tables)),
            "x": np.concatenate([actions[:, 0] for actions in tables.values()]),
            "y": np.concatenate([actions[:, 1] for actions in tables.values()]),
            "reward": pa.array(
                np.concatenate([rewards.get(key, no_reward) for key in tables]), from_pandas=True
            ),
        }
    )
    reduced = reduction(settings)
    with atomic(output / "samples.parquet") as temporary:
        pq.write_table(table, temporary)
    with (
        atomic(output / "numbers.csv") as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        writer: csv.DictWriter[str] | None = None
        for (name, steps), actions in tables.items():
            row: dict[str, Any] = {"method": name, "diffusion_steps": steps, "num_samples": len(actions)}
            row |= sample_numbers(actions)
            row |= {"updates": settings.updates, "seed": settings.seed, "reduced": reduced or ""}
            if writer is None:
                writer = csv.DictWriter(file, list(row), lineterminator="\n")
                writer.writeheader()
            writer.writerow(row)
    document = {
        "format": 1,
        "size": size,
        "reduced": reduced,
        "settings": asdict(settings),
        "modes": [mode._asdict() for mode in MODES],
        "action_sd": ACTION_SD,
        "reward_sd": REWARD_SD,
        "mode_radius": MODE_RADIUS,
    }
    write_json(output / "config.json", document)
