"""The adapters give D4RL's environments: widths, starts, goals, ends, rewards, horizons."""

from dataclasses import replace
from typing import Any

import gymnasium
import mujoco
import numpy as np
import pytest
from recheck.errors import DatasetError
from recheck.tasks import Task, load_tasks

from algos.datasets.prepare import prepare
from algos.datasets.stored_rewards import check_rewards
from algos.datasets.transitions import load_transitions
from algos.envs import antmaze, kitchen, maze2d
from algos.envs import make as make_module

TASKS = load_tasks()
ENVIRONMENTS = sorted(
    {(t.environment_id, t.adapter, t.horizon, t.observation_dim, t.action_dim) for t in TASKS.values()},
    key=str,
)


def make(name: str, **options: Any) -> gymnasium.Env:
    task = TASKS[name]
    assert task.environment_id is not None
    return make_module.make(task.environment_id, task.adapter, task.horizon, **options)


@pytest.mark.parametrize(
    ("environment_id", "adapter", "horizon", "observation_dim", "action_dim"), ENVIRONMENTS
)
def test_every_environment_of_tasks_csv_starts_steps_and_scores(
    environment_id: str, adapter: str, horizon: int, observation_dim: int, action_dim: int
) -> None:
    with make_module.make_vector(
        environment_id, adapter, horizon, 2, observation_dim=observation_dim, action_dim=action_dim
    ) as batch:
        observations = batch.reset([3, 4])
        assert observations.shape == (2, observation_dim)
        assert observations.dtype == np.float32
        np.testing.assert_array_equal(batch.reset([3, 4]), observations)
        assert not np.array_equal(observations[0], observations[1])
        rng = np.random.default_rng(0)
        for _ in range(5):
            observations, rewards, active = batch.step(rng.uniform(-1, 1, (2, action_dim)))
            assert observations.shape == (2, observation_dim)
            assert np.isfinite(observations).all()
            assert np.isfinite(rewards).all()
        assert active.dtype == bool


@pytest.mark.parametrize(
    ("name", "horizon"),
    [
        ("antmaze-umaze-v0", 700),
        ("kitchen-complete-v0", 280),
        ("maze2d-umaze-v1", 300),
        ("door-human-v1", 200),
        ("hammer-human-v1", 200),
        ("relocate-human-v1", 200),
    ],
)
def test_horizons(name: str, horizon: int) -> None:
    environment = make(name)
    environment.reset(seed=0)
    still = np.zeros(environment.action_space.shape or (), np.float32)
    steps = 0
    ended = False
    while not ended:
        *_, terminated, truncated, _ = environment.step(still)
        steps += 1
        assert not terminated
        ended = truncated
    assert steps == horizon
    environment.close()


# --- Refusals ---


def refused(match: str, *arguments: Any, **options: Any) -> None:
    with pytest.raises(DatasetError, match=match) as caught:
        make_module.make(*arguments, **options)
    assert "\n" not in str(caught.value)


def test_without_its_adapter_an_environment_is_refused() -> None:
    """By what it observes, by its width, or by its own limit on the steps."""
    refused("no flat observation", "AntMaze_UMaze-v4", "none", 700)
    refused("no flat observation", "FrankaKitchen-v1", "none", 280)
    refused("ends after 200 steps, but the task after 100", "AdroitHandPen-v1", "none", 100)
    refused("width 31, but the data have 29", "AntMaze_UMaze-v4",
            "flatten:keys=achieved_goal,observation,desired_goal", 700, observation_dim=29)  # fmt: skip
    refused("width 59, but the data have 60", "FrankaKitchen-v1", "flatten:keys=observation", 280,
            observation_dim=60)  # fmt: skip
    refused("actions of width 3, but the data have 6", "Hopper-v4", "none", 1000, action_dim=6)


def test_the_door_demonstrations_longer_than_the_horizon_do_not_matter() -> None:
    """They have 223 to 300 steps; what counts is the environment's limit against tasks.csv."""
    task = TASKS["door-human-demos-v0"]
    assert task.horizon == gymnasium.registry["AdroitHandDoor-v1"].max_episode_steps == 200
    make("door-human-demos-v0").close()


@pytest.mark.parametrize(
    ("adapter", "word"),
    [
        ("antmaze", "needs goal_cell, goal_per, not none"),
        ("antmaze:goal_cell=3,1;goal_per=day", "goal_per=run and =episode"),
        ("antmaze:goal_cell=0,0;goal_per=run", "wall or outside"),
        ("antmaze:goal_cell=9,9;goal_per=run", "wall or outside"),
        ("antmaze:goal_cell=here;goal_per=run", "row,column"),
        ("antmaze:goal_cell", "name:key=value"),
        ("mine", "known are adroit, antmaze"),
        ("flatten:keys=smell", "does not observe smell"),
    ],
)
def test_bad_adapters_are_refused(adapter: str, word: str) -> None:
    refused(word, "AntMaze_UMaze-v4", adapter, 700)


def test_unknown_names_are_refused_with_what_is_known() -> None:
    refused("known with that beginning are .*Hopper-v4", "Hopper-v77")
    refused("has no task sink", "FrankaKitchen-v1", "kitchen:tasks=sink", 280)


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


# --- Kitchen ---


def test_kitchen_observes_positions_and_the_goal() -> None:
    environment = make("kitchen-complete-v0")
    assert isinstance(environment, kitchen.Kitchen)
    observation, _ = environment.reset(seed=0)
    qpos = environment.kitchen.data.qpos
    noise = np.abs(observation[:30] - qpos)
    assert (noise[:9] <= 0.1 * 0.1 + 1e-6).all()
    assert (noise[9:] <= 0.1 * kitchen.Kitchen.OBJECT_NOISE + 1e-6).all()
    goal = observation[30:]
    # microwave 22, kettle 23-29, light switch 17 and 18, slide cabinet 19; nothing else is asked for.
    assert goal[22] == np.float32(-0.75)
    np.testing.assert_allclose(goal[23:30], [-0.23, 0.75, 1.62, 0.99, 0, 0, -0.06], rtol=1e-6)
    np.testing.assert_allclose(goal[17:20], [-0.69, -0.05, 0.37], rtol=1e-6)
    assert not goal[:17].any()
    assert not goal[20:22].any()
    environment.close()


def test_kitchen_pays_each_task_once_and_ends_when_none_is_left() -> None:
    environment = make("kitchen-mixed-v0")
    assert isinstance(environment, kitchen.Kitchen)
    environment.reset(seed=0)
    robot = environment.kitchen.robot_env
    qpos = robot.data.qpos.copy()
    rewards, ended = [], []
    for entries in ([22], range(23, 30), [11, 12], [17, 18]):
        for entry in entries:
            qpos[entry] = environment.goal[entry]
        robot.set_state(qpos, np.zeros(robot.model.nv))
        _, reward, terminated, _, _ = environment.step(np.zeros(9))
        rewards.append(reward)
        ended.append(terminated)
        if not terminated:
            robot.set_state(qpos, np.zeros(robot.model.nv))
            assert environment.step(np.zeros(9))[1] == 0
    assert rewards == [1, 1, 1, 1]
    assert ended == [False, False, False, True]
    environment.close()


# --- Adroit ---


def test_pen_stops_when_the_pen_falls_or_after_100_steps() -> None:
    environment = make("pen-human-v1")
    lengths, fallen = [], []
    for seed in range(10):
        environment.reset(seed=seed)
        rng = np.random.default_rng(seed)
        for step in range(1, 200):  # noqa: B007
            # A hand that hardly moves keeps the pen, one that flails drops it.
            action = rng.uniform(-1, 1, 24) * (seed % 2)
            *_, terminated, truncated, _ = environment.step(action.astype(np.float32))
            if terminated or truncated:
                break
        hand: Any = environment.unwrapped
        assert terminated == (hand.data.xpos[hand.obj_body_id][2] < 0.075)
        lengths.append(step)
        fallen.append(terminated)
    assert any(fallen)
    assert max(lengths) <= 100
    assert all(length == 100 or terminated for length, terminated in zip(lengths, fallen))
    environment.close()


@pytest.mark.parametrize("name", ["door-human-v1", "hammer-human-v1", "relocate-human-v1"])
def test_adroit_rewards_have_d4rls_sign(name: str) -> None:
    """D4RL takes 0.1 times the palm's distance off; Gymnasium-Robotics' version 1 adds it."""
    task = TASKS[name]
    assert task.environment_id is not None
    adapted, bare = make(name), make_module.make(task.environment_id, "none", 200)
    adapted.reset(seed=0)
    bare.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(20):
        action = rng.uniform(-1, 1, task.action_dim).astype(np.float32)
        ours, theirs = float(adapted.step(action)[1]), float(bare.step(action)[1])
        hand: Any = bare.unwrapped
        if name.startswith("door"):
            distance = hand.data.site_xpos[hand.grasp_site_id] - hand.data.site_xpos[hand.handle_site_id]
        else:
            distance = hand.data.site_xpos[hand.S_grasp_site_id] - hand.data.xpos[hand.obj_body_id]
        assert theirs - ours == pytest.approx(0.2 * np.linalg.norm(distance), abs=1e-9)
    adapted.close()
    bare.close()


@pytest.mark.parametrize(("name", "margin"), [("door-human-v1", 1.0), ("hammer-human-v1", 6.0)])
def test_random_actions_return_d4rls_reference_minimum(name: str, margin: float) -> None:
    """D4RL's minimum is the mean return of random actions; 100 episodes gave -56.7 and -275.8 here.

    Without the adapter it is about -46 (door) and -260 (hammer).
    """
    task = TASKS[name]
    assert task.environment_id is not None
    assert task.reference_min_score is not None
    rng = np.random.default_rng(0)
    with make_module.make_vector(task.environment_id, task.adapter, task.horizon, 20) as batch:
        batch.reset(range(20))
        returns = np.zeros(20)
        while batch.active.any():
            returns += batch.step(rng.uniform(-1, 1, (20, task.action_dim or 0)).astype(np.float32))[1]
    assert abs(returns.mean() - task.reference_min_score) < margin


def test_human_demonstrations_were_paid_with_d4rls_sign(shared_file: Any) -> None:
    """The door's reward from the stored observations, but for the small velocity term."""
    from algos.datasets.hdf5 import read_d4rl_hdf5

    rows = read_d4rl_hdf5(shared_file("door-human-demos-v0.hdf5"))
    inside = ~(rows["terminals"] | rows["timeouts"])[:-1]
    after = rows["observations"][1:][inside]
    door = after[:, 28]
    rest = -0.1 * (door - 1.57) ** 2 + 2 * (door > 0.2) + 8 * (door > 1.0) + 10 * (door > 1.35)
    distance = np.linalg.norm(after[:, 35:38], axis=1)
    stored = rows["rewards"][:-1][inside]
    assert np.abs(stored - (rest - 0.1 * distance)).max() < 0.025
    assert np.abs(stored - (rest + 0.1 * distance)).max() > 0.1


# --- Point mazes ---


def test_maze2d_turns_positions_velocities_and_forces() -> None:
    """D4RL's x runs along the rows: a force along D4RL's x changes x and nothing else."""
    environment = make("maze2d-large-v1")
    assert isinstance(environment, maze2d.Maze2d)
    environment.reset(seed=0)
    for cell in environment.start_cells:
        place = environment.from_d4rl(cell)
        np.testing.assert_allclose(environment.to_d4rl(place), cell, atol=1e-9)
        maze = environment.maze_env.maze
        assert tuple(maze.cell_xy_to_rowcol(place)) == tuple(cell.astype(int))
    for action, moved in (([1.0, 0.0], 0), ([0.0, 1.0], 1)):
        environment.set_stored_state(np.array([1.0, 3.0]), np.zeros(2), None)
        for _ in range(5):
            observation, *_ = environment.step(np.array(action, np.float32))
        change = observation[:2] - np.array([1.0, 3.0])
        assert change[moved] > 0
        assert abs(change[1 - moved]) < 1e-6
        assert observation[2 + moved] > 0
    environment.close()


def test_maze2d_pays_at_the_goal_and_goes_on() -> None:
    environment = make("maze2d-umaze-v1")
    assert isinstance(environment, maze2d.Maze2d)
    environment.reset(seed=0)
    for offset, reward in ((0.47, 1.0), (0.55, 0.0)):
        environment.set_stored_state(np.array([1.0, 1.0 + offset]), np.zeros(2), None)
        _, found, terminated, truncated, _ = environment.step(np.zeros(2, np.float32))
        assert (found, terminated, truncated) == (reward, False, False)
    starts = np.array([environment.reset(seed=seed)[0][:2] for seed in range(60)])
    cells = {tuple(cell) for cell in np.round(starts).astype(int)}
    assert cells == {tuple(cell) for cell in environment.start_cells.astype(int)}
    assert np.abs(starts - np.round(starts)).max() <= 0.1 + 1e-6
    environment.close()


def test_pointmaze_has_the_recollections_goal_and_reward() -> None:
    environment = make("pointmaze-umaze-recollected-v0")
    assert isinstance(environment, maze2d.PointMaze)
    observation, info = environment.reset(seed=0)
    np.testing.assert_array_equal(info["goal"], environment.maze_env.maze.cell_rowcol_to_xy(np.array([1, 1])))
    assert observation.shape == (4,)
    environment.set_stored_state(environment.goal + np.array([0.48, 0]), np.zeros(2), None)
    assert environment.step(np.zeros(2, np.float32))[1] == 1.0
    environment.close()


# --- Tiny synthetic datasets of the adapted environments ---


@pytest.mark.parametrize(
    "name", ["antmaze-umaze-v0", "kitchen-complete-v0", "pen-human-v1", "maze2d-umaze-v1"]
)
def test_tiny_datasets_of_adapted_tasks_are_prepared(
    make_rows: Any, write_rows: Any, tmp_path: Any, name: str
) -> None:
    task = TASKS[name]
    widths = (task.observation_dim, task.action_dim)
    path = write_rows(make_rows((30, 40), widths=widths))
    own = replace(task, path=str(path), urls=(), sha256=None, size_bytes=None)
    manifest = prepare(own, tmp_path / name)
    assert manifest["comparability"] == "unverified"
    assert manifest["environment_match"] == "adapted"
    assert load_transitions(tmp_path / name).observation_dim == task.observation_dim
    assert (manifest["maze_jumps"] is None) == (not name.startswith("antmaze"))
    with pytest.raises(DatasetError, match=r"ends after 200|no flat"):
        prepare(
            replace(own, adapter="none", horizon=100 if "pen" in name else task.horizon), tmp_path / "bare"
        )


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
