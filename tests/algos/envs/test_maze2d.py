"""Point mazes as D4RL steps them."""

import numpy as np

from algos.envs import maze2d
from tests.algos.envs.tasks import make

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
