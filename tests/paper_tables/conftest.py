"""A made-up experiment, written as the four files of `results/scores/<experiment>`."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from paper_tables import frames
from paper_tables.evidence.judgement import Inputs, NumberEvidence, judge_all

UPDATES = (10_000, 20_000, 30_000, 40_000, 50_000)
TASKS = {"walker-easy-v0": 70.0, "walker-hard-v0": 40.0}
METHODS: tuple[tuple[str, int, str, float], ...] = (
    ("bc", 0, "default-00000000", -15.0),
    ("diffusion_ql", 2, "default-11111111", -4.0),
    ("diffusion_ql", 5, "default-11111111", 4.0),
    ("diffusion_ql", 10, "default-11111111", 5.0),
    ("diffusion_ql", 20, "default-11111111", 5.5),
    ("diffusion_ql", 20, "ddim_5-22222222", 3.0),
    ("iql", 0, "default-00000000", 0.0),
)
SEEDS = 4
EPISODES = 8


def experiment_tables() -> dict[str, pd.DataFrame]:
    """scores, episodes and cost of seven configurations, two tasks, four seeds and five checkpoints."""
    rng = np.random.default_rng(0)
    episodes: list[dict[str, Any]] = []
    scores: list[dict[str, Any]] = []
    cost: list[dict[str, Any]] = []
    for place, (method, steps, sampling, bonus) in enumerate(METHODS):
        for task_place, (task, level) in enumerate(TASKS.items()):
            run = {
                "method": method,
                "task": task,
                "variant": "paper",
                "digest": f"{16 * (steps + 1) + task_place:08x}",
                "diffusion_steps": steps,
                "sampling": sampling,
            }
            for seed in range(SEEDS):
                run_level = level + bonus + rng.normal(0, 3)
                for update in UPDATES:
                    reached = 1 - np.exp(-update / 15_000)
                    found = run_level * reached + rng.normal(0, 2) + rng.normal(0, 8, EPISODES)
                    for episode, score in enumerate(found):
                        episodes.append(
                            run
                            | {
                                "seed": seed,
                                "update": update,
                                "purpose": "checkpoint",
                                "episode": episode,
                                "episode_seed": 1_000_000 + 1000 * seed + episode,
                                "raw_return": 30 * score,
                                "length": 1000,
                                "environment_id": "Walker2d-v4",
                                "gymnasium_version": "1",
                                "mujoco_version": "3",
                                "score_percent": score,
                                "score_unit": "percent",
                                "reference_min_score": 0.0,
                                "reference_max_score": 3000.0,
                            }
                        )
                scores.append(
                    run
                    | {
                        "seed": seed,
                        "selection": "last",
                        "update": UPDATES[-1],
                        "score_percent": float(found.mean()),
                        "num_episodes": EPISODES,
                        "comparability": "recollected",
                        "score_unit": "percent",
                        "num_checkpoints": 1,
                    }
                )
            for states in (1, 10):
                cost.append(
                    run
                    | {
                        "seeds": f"0-{SEEDS - 1}",
                        "device": "AMD EPYC",
                        "num_updates": UPDATES[-1],
                        "seconds_per_update": 0.01 + 0.004 * steps,
                        "action_latency_ms": (0.2 + 0.3 * (5 if "ddim" in sampling else steps)) * states**0.5
                        + 0.01 * place,
                        "num_states": states,
                        "peak_memory_bytes": 10**8,
                        "num_seeds": SEEDS,
                        "train_wall_seconds": UPDATES[-1] * (0.01 + 0.004 * steps),
                    }
                )
    return {"scores": pd.DataFrame(scores), "episodes": pd.DataFrame(episodes), "cost": pd.DataFrame(cost)}


def write_experiment(folder: Path, tables: dict[str, pd.DataFrame]) -> Path:
    """Write tables under their schemas; returns the folder."""
    for name, table in tables.items():
        frames.write_parquet(table, folder / f"{name}.parquet", name)
    return folder


@pytest.fixture(scope="session")
def made_up_tables() -> dict[str, pd.DataFrame]:
    """The tables themselves; treat them as read-only."""
    return experiment_tables()


@pytest.fixture(scope="session")
def made_up_experiment(
    tmp_path_factory: pytest.TempPathFactory, made_up_tables: dict[str, pd.DataFrame]
) -> Path:
    """A folder like `results/scores/<experiment>`."""
    return write_experiment(tmp_path_factory.mktemp("scores") / "made-up", made_up_tables)


@pytest.fixture(scope="session")
def gathered_experiment(
    tmp_path_factory: pytest.TempPathFactory, made_up_tables: dict[str, pd.DataFrame]
) -> Path:
    """All four tables, as `paper_tables.scores` leaves them: with provenance and losses."""
    runs = made_up_tables["scores"].assign(
        environment_id="Walker2d-v4",
        environment_match="same",
        content_sha256="ab" * 32,
        git_commit="0123456789" * 4,
        git_dirty=False,
        device="AMD EPYC",
        torch_version="2.13.0",
        gymnasium_version="1",
        mujoco_version="3",
    )
    columns = ["method", "task", "variant", "digest", "diffusion_steps", "seed"]
    losses = [
        {**run, "update": update, "loss": "actor_loss", "value": 1 / update, "value_since_checkpoint": None}
        for run in frames.records(runs[columns].drop_duplicates())
        for update in UPDATES
    ]
    tables = made_up_tables | {"scores": runs, "losses": pd.DataFrame(losses)}
    return write_experiment(tmp_path_factory.mktemp("gathered") / "made-up", tables)


@pytest.fixture(scope="session")
def judged_cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Judged cells as CSV, every verdict among them."""
    from paper_tables.verdicts.table import judge_table

    rng = np.random.default_rng(1)
    rows: list[dict[str, Any]] = []
    for place, (reported, ours, sd, seeds, spread, count) in enumerate(
        [
            (47.4, 47.0, 0.6, 5, 0.5, 5),
            (66.3, 55.0, 2.0, 5, 2.0, 5),
            (94.7, 91.0, 4.0, 5, 8.0, 5),
            (80.0, 96.0, 1.5, 5, 1.0, 5),
            (70.0, 72.0, 8.0, 3, None, 5),
            (60.0, 60.0, 1.0, 1, 1.0, 5),
            (3.0, 2.0, 0.5, 5, 0.5, 5),
            (50.0, 49.0, 1.0, None, 1.0, 5),
        ]
    ):
        rows.append(
            {
                "task": f"walker-{'easy' if place % 2 else 'medium-expert'}-v{place}",
                "method": "iql" if place < 5 else "diffusion_ql",
                "our_scores_percent": list(rng.normal(ours, sd, count)),
                "reported_mean": reported,
                "reported_spread": spread,
                "spread_kind": "none" if spread is None else "standard_deviation_over_seeds",
                "reported_seeds": seeds,
                "reported_episodes_per_seed": None,
                "margin_percent": 5.0,
                "against_reference_runs": place == 6,
            }
        )
    path = tmp_path_factory.mktemp("verdicts") / "cells.csv"
    judge_table(pd.DataFrame(rows)).drop(columns="our_scores_percent").to_csv(path, index=False)
    return path


# IQL's expectile is 0.7 on one task and 0.9 on the other.
ABLATION_OWN = {"hopper-medium-v2": 0.7, "antmaze-umaze-v0": 0.9}
ABLATION_VALUES = (0.5, 0.7, 0.9)


class Ablation:
    """Runs of an ablation of IQL's expectile on two tasks, which have own values of their own."""

    own = ABLATION_OWN
    values = ABLATION_VALUES

    @staticmethod
    def cell(task: str, value: float) -> dict[str, Any]:
        """The columns that name a configuration."""
        return {
            "method": "iql",
            "task": task,
            "variant": "paper" if value == ABLATION_OWN[task] else f"expectile_{value}",
            "digest": f"{zlib.crc32(f'{task} {value}'.encode()):08x}",
            "diffusion_steps": 0,
            "sampling": "default-5efa5fc0",
        }

    def case(
        self, num_seeds: int = 5, tasks: tuple[str, ...] = tuple(ABLATION_OWN)
    ) -> tuple[pd.DataFrame, dict[str, Any]]:
        """Runs, of which the last checkpoints count, and the variation that they are of."""
        random = np.random.default_rng(1)
        points: list[dict[str, Any]] = []
        rows: list[dict[str, Any]] = []
        for task in tasks:
            for value in sorted(ABLATION_VALUES, key=lambda value, task=task: value != ABLATION_OWN[task]):
                place, own = self.cell(task, value), value == ABLATION_OWN[task]
                points.append({**place, "family": "paper", "value": value, "reference": own})
                for seed in range(num_seeds):
                    score = 50 + 40 * value + random.normal() * 3
                    row = {**place, "seed": seed, "score_percent": score, "score_unit": "percent"}
                    rows += [
                        {**row, "selection": "last"},
                        {**row, "selection": "best_online", "score_percent": 0},
                    ]
        return pd.DataFrame(rows), {"name": "expectile", "points": points}

    def of(self, runs: pd.DataFrame, task: str, value: float) -> np.ndarray:
        """The scores of a configuration's last checkpoints."""
        rows = runs[(runs["task"] == task) & (runs["variant"] == self.cell(task, value)["variant"])]
        return rows.loc[rows["selection"] == "last", "score_percent"].to_numpy()


@pytest.fixture
def ablation() -> Ablation:
    return Ablation()


@pytest.fixture(scope="session")
def inputs() -> Inputs:
    """The repository's own reported numbers and public runs; read only."""
    return Inputs.read()


@pytest.fixture(scope="session")
def found(inputs: Inputs) -> list[NumberEvidence]:
    """The evidence of every reported number, judged once for all tests; read only."""
    return judge_all(inputs)
