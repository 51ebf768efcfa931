"""Antmaze as D4RL steps it."""

from typing import Any

import mujoco
import numpy as np
import pytest

from algos.envs import antmaze
from algos.envs import make as make_module
from tests.algos.envs.tasks import TASKS, make

# --- Antmaze ---


def ant(name: str, **options: Any) -> antmaze.AntMaze:
    environment = make(name, **options)
    assert isinstance(environment, antmaze.AntMaze)
    return environment


@pytest.mark.parametrize(
    ("name", "low"),
    [
        # D4RL: x grows with the column, y with the row, (0, 0) is the start cell's centre; cells are 4 wide.
        ("antmaze-umaze-v2", (0, 8)),
        ("antmaze-medium-play-v2", (20, 20)),
        ("antmaze-large-play-v2", (32, 24)),
    ],
)
def test_antmaze_starts_and_goals_are_d4rls(name: str, low: tuple[float, float]) -> None:
    environment = ant(name)
    goals = []
    for seed in range(30):
        observation, info = environment.reset(seed=seed)
        assert np.abs(observation[:2]).max() <= 0.1
        assert 0.65 <= observation[2] <= 0.85  # height 0.75, off by at most 0.1
        goals.append(info["goal"])
    spread = np.array(goals) - np.array(low)
    assert spread.min() >= 0
    assert spread.max() <= 1.5
    assert spread.std(axis=0).min() > 0.1
    environment.close()


def test_antmaze_walls_are_where_d4rl_has_them() -> None:
    """Every D4RL cell's centre is free or inside a block, as D4RL's own map of the medium maze says."""
    environment = ant("antmaze-medium-play-v2")
    maze = [
        "########",
        "#  ##  #",
        "#  #   #",
        "##   ###",
        "#  #   #",
        "# #  # #",
        "#   #  #",
        "########",
    ]
    model = environment.maze_env.model
    blocks = []
    for index in range(model.ngeom):
        name = mujoco.mj_id2name(model, mujoco.mjtObj.mjOBJ_GEOM, index) or ""
        if name.startswith("block"):
            blocks.append(model.geom_pos[index, :2] - environment.origin)
    found = {tuple(np.round(block / 4 + 1).astype(int)[::-1]) for block in blocks}
    expected = {(row, column) for row in range(8) for column in range(8) if maze[row][column] == "#"}
    assert found == expected
    environment.close()


def test_antmaze_v0_keeps_one_goal_for_a_run_and_v2_draws_anew() -> None:
    fixed, fresh = ant("antmaze-umaze-v0"), ant("antmaze-umaze-v2")
    goals = [[environment.reset(seed=seed)[1]["goal"] for seed in range(5)] for environment in (fixed, fresh)]
    assert len(np.unique(goals[0], axis=0)) == 1
    assert len(np.unique(goals[1], axis=0)) == 5
    other = ant("antmaze-umaze-v0", goal_seed=1)
    assert not np.array_equal(other.reset(seed=0)[1]["goal"], goals[0][0])
    for environment in (fixed, fresh, other):
        environment.close()


def test_each_run_of_antmaze_v0_has_its_own_goal() -> None:
    """Episodes of several runs side by side: the goal follows the run's seed, not the episode's."""
    task = TASKS["antmaze-umaze-v0"]
    assert task.environment_id is not None
    with make_module.make_vector(task.environment_id, task.adapter, task.horizon, 4) as batch:
        batch.reset([10, 11, 12, 13], goal_seeds=[0, 0, 1, 1])
        goals = [tuple(np.round(adapter.goal, 9)) for adapter in batch.environments]  # type: ignore[attr-defined]
    assert goals[0] == goals[1] != goals[2] == goals[3]


def test_antmaze_observes_position_joints_and_velocities() -> None:
    environment = ant("antmaze-umaze-v2")
    observation, _ = environment.reset(seed=0)
    data = environment.maze_env.data
    np.testing.assert_allclose(observation[2:15], data.qpos[2:15], rtol=1e-6)
    np.testing.assert_allclose(observation[15:], data.qvel[:14], rtol=1e-6)
    np.testing.assert_allclose(observation[:2] + environment.origin, data.qpos[:2], atol=1e-5)
    environment.close()


def test_antmaze_ends_at_the_goal_with_reward_1_within_half_a_metre() -> None:
    environment = ant("antmaze-umaze-v2")
    for offset, reached in ((0.47, True), (0.6, False)):  # AntMaze's own radius is 0.45
        environment.reset(seed=0)
        still = environment.maze_env.ant_env.init_qpos.copy()
        still[:2] = environment.origin + environment.goal + np.array([offset, 0])
        environment.maze_env.ant_env.set_state(still, np.zeros(14))
        _, reward, terminated, _, info = environment.step(np.zeros(8))
        assert (reward, terminated, info["success"]) == (float(reached), reached, reached)
    environment.close()


def test_antmaze_has_d4rls_physics() -> None:
    environment = ant("antmaze-umaze-v2")
    model = environment.maze_env.model
    assert model.opt.timestep == 0.02
    assert set(model.actuator_gear[:, 0]) == {30.0}
    assert environment.maze_env.ant_env.frame_skip == 5
    environment.close()
