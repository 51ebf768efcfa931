"""What D4RL's environment would have paid on the stored states, compared with what the file says.

Rewards of antmaze, maze2d and kitchen files were written, in part afterwards, by other rules than the
environment's own. They are used as stored, as the papers did; the manifest says by how much they differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from recheck.tasks import Task

GOAL_RADIUS = 0.5  # goal_reaching_env.py and maze_model.py of D4RL
KITCHEN_THRESHOLD = 0.3  # kitchen_envs.py, BONUS_THRESH


def check_rewards(task: Task, rows: Mapping[str, np.ndarray], ends: np.ndarray) -> dict[str, Any] | None:
    """Compare rewards[i] with the environment's reward for arriving in observations[i + 1].

    Rows before an episode's end are left out: what follows them is another episode. Returns None for tasks
    whose environment's reward cannot be computed from the stored rows.

    Args: rows as from `read_d4rl_hdf5`, n time steps; ends [n] bool.
    """
    options = _options(task.adapter)
    compared = np.flatnonzero(~ends[:-1])
    if len(compared) == 0:
        return None
    if task.adapter_name == "antmaze" and "infos/goal" in rows:
        rule = "1 within 0.5 of the goal stored in infos/goal, after the step"
        rewards = _near(rows["observations"][compared + 1], rows["infos/goal"][compared])
    elif task.adapter_name == "maze2d":
        goal = np.array([float(part) for part in options["goal_cell"].split(",")])
        rule = "1 within 0.5 of the task's goal, after the step"
        rewards = _near(rows["observations"][compared + 1], goal)
    elif task.adapter_name == "kitchen":
        rule = "number of tasks completed for the first time in the episode, after the step (noisy positions)"
        names = [part.strip() for part in options["tasks"].split(",")]
        rewards = _kitchen(rows["observations"], ends, names)[compared]
    else:
        return None
    stored = rows["rewards"][compared].astype(np.float64)
    difference = np.abs(stored - rewards)
    return {
        "rule": rule,
        "rows_compared": len(compared),
        "rows_different": int((difference > 1e-6).sum()),
        "largest_difference": round(float(difference.max()), 6),
        "sum_stored": round(float(stored.sum()), 6),
        "sum_environment": round(float(rewards.sum()), 6),
    }


def _options(adapter: str) -> dict[str, str]:
    rest = adapter.partition(":")[2]
    return dict(part.split("=", 1) for part in rest.split(";") if "=" in part)


def _near(observations: np.ndarray, goals: np.ndarray) -> np.ndarray:
    result: np.ndarray = (np.linalg.norm(observations[:, :2] - goals, axis=1) <= GOAL_RADIUS).astype(
        np.float64
    )
    return result


def _kitchen(observations: np.ndarray, ends: np.ndarray, names: list[str]) -> np.ndarray:
    """Reward for arriving in the following row; each task pays once an episode (kitchen_envs.py)."""
    from gymnasium_robotics.envs.franka_kitchen import kitchen_env

    starts = np.concatenate([[0], np.flatnonzero(ends[:-1]) + 1])
    rewards = np.zeros(len(observations))
    for name in names:
        entries = kitchen_env.OBS_ELEMENT_INDICES[name]
        distance = np.linalg.norm(observations[:, entries] - kitchen_env.OBS_ELEMENT_GOALS[name], axis=1)
        done = distance < KITCHEN_THRESHOLD
        for start, stop in zip(starts, [*starts[1:], len(observations)]):
            # The first row of an episode is where it starts, not where a step arrives.
            first = np.flatnonzero(done[start + 1 : stop])
            if len(first):
                rewards[start + first[0]] += 1.0
    return rewards
