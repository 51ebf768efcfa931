"""Stored rewards against the environment's own."""

from dataclasses import replace

import numpy as np
from recheck.tasks import Task

from algos.datasets.stored_rewards import check_rewards

# --- Stored rewards against the environment's own ---


def maze_rows(positions: list[list[float]], rewards: list[float], goal: list[float]) -> dict[str, np.ndarray]:
    count = len(positions)
    observations = np.zeros((count, 29), np.float32)
    observations[:, :2] = positions
    return {
        "observations": observations,
        "rewards": np.array(rewards, np.float32),
        "infos/goal": np.tile(np.array(goal), (count, 1)),
    }


def test_rewards_that_differ_from_the_environments_are_counted() -> None:
    """Arriving at row 2 is worth 1, so row 1 should pay; the file pays in row 2, one late."""
    task = Task(task="x", source_kind="hdf5", adapter="antmaze:goal_cell=3,1;goal_per=run")
    rows = maze_rows([[0, 0], [4, 0], [8, 0.4], [8, 4], [0, 0]], [0, 0, 1, 0, 0], [8, 0])
    ends = np.array([False, False, False, True, False])
    found = check_rewards(task, rows, ends)
    assert found is not None
    assert (found["rows_compared"], found["rows_different"]) == (3, 2)
    assert (found["sum_stored"], found["sum_environment"], found["largest_difference"]) == (1.0, 1.0, 1.0)
    rows["rewards"] = np.array([0, 1, 0, 0, 0], np.float32)
    agreed = check_rewards(task, rows, ends)
    assert agreed is not None
    assert agreed["rows_different"] == 0


def test_maze2d_rewards_are_held_against_the_tasks_goal() -> None:
    task = Task(task="x", source_kind="hdf5", adapter="maze2d:goal_cell=1,1")
    rows = maze_rows([[3, 1], [1.3, 1.3], [1, 1], [2, 1]], [0, 1, 1, 0], [0, 0])
    found = check_rewards(task, rows, np.zeros(4, bool))
    assert found is not None
    # After the step: rows 0 and 1 arrive within 0.5, row 2 leaves; the file pays by where the point was.
    assert (found["rows_different"], found["sum_environment"]) == (2, 2.0)


def test_kitchen_rewards_count_each_task_once_an_episode() -> None:
    task = Task(task="x", source_kind="hdf5", adapter="kitchen:tasks=microwave,slide cabinet")
    observations = np.zeros((8, 60), np.float32)
    observations[2:6, 22] = -0.75  # the microwave is open from row 2 on, row 6 begins another episode
    observations[4:6, 19] = 0.37
    observations[7, 22] = -0.75
    ends = np.array([False] * 5 + [True, False, False])
    rows = {"observations": observations, "rewards": np.array([0, 1, 1, 2, 2, 0, 1, 0], np.float32)}
    found = check_rewards(task, rows, ends)
    assert found is not None
    # The environment pays arriving in row 2 and row 4 of the first episode and in row 7 of the second.
    assert found["sum_environment"] == 3.0
    assert found["rows_different"] == 3  # rows 2, 3 (2 instead of 1) and 4 are paid twice
    assert check_rewards(replace(task, adapter="none"), rows, ends) is None
