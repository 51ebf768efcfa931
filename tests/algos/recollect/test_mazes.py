"""The planner of the mazes."""

import numpy as np
import pytest
from recheck.errors import DatasetError

from algos.recollect import collect
from algos.recollect.catalogue import (
    Planner,
    load_recollection,
)
from algos.recollect.collect import recollect
from algos.recollect.mazes import MazeWalker, shortest_path
from tests.algos.recollect.recollections import MAZES, lengths

# --- The planner ---


def test_the_shortest_path_is_found_by_hand() -> None:
    maze = [[1, 1, 1, 1, 1], [1, 0, 0, 0, 1], [1, 1, 1, 0, 1], [1, 0, 0, 0, 1], [1, 1, 1, 1, 1]]
    assert shortest_path(maze, (1, 1), (3, 1)) == [(1, 1), (1, 2), (1, 3), (2, 3), (3, 3), (3, 2), (3, 1)]
    assert shortest_path(maze, (1, 1), (1, 1)) == [(1, 1)]
    with pytest.raises(DatasetError, match="no way"):
        shortest_path([[1, 1, 1, 1, 1], [1, 0, 1, 0, 1], [1, 1, 1, 1, 1]], (1, 1), (1, 3))


@pytest.mark.parametrize("name", MAZES)
def test_the_planner_reaches_the_goal_from_every_cell(name: str) -> None:
    spec = load_recollection(name)
    assert spec.planner is not None
    environment = collect._make(spec.environment_id, spec.horizon, continuing_task=True)
    core = environment.unwrapped
    random = np.random.default_rng(0)
    walker = MazeWalker(core.maze, spec.planner, random)
    for cell in walker.cells:
        observation, _ = environment.reset(seed=1, options={"reset_cell": np.asarray(cell)})
        state = observation["observation"]
        walker.go_to(state[:2], spec.planner.goal_cell)
        goal = walker.centre_of(spec.planner.goal_cell)
        for _ in range(spec.horizon - 1):
            if np.linalg.norm(state[:2] - goal) <= spec.planner.goal_radius:
                break
            state = environment.step(walker.act(state))[0]["observation"]
        assert np.linalg.norm(state[:2] - goal) <= spec.planner.goal_radius, f"not from {cell}"
    environment.close()


@pytest.mark.parametrize("name", MAZES)
def test_the_maze_pays_at_its_fixed_goal_and_ends_nothing(name: str) -> None:
    spec = load_recollection(name)
    assert isinstance(spec.planner, Planner)
    rows = recollect(spec, 3_000, seed=0)
    environment = collect._make(spec.environment_id, spec.horizon)
    goal = environment.unwrapped.maze.cell_rowcol_to_xy(np.asarray(spec.planner.goal_cell))
    environment.close()
    near = np.linalg.norm(rows["next_observations"][:, :2] - goal, axis=1)
    # Rows within float32 rounding of the radius could fall on either side; there are none here.
    assert np.abs(near - spec.planner.goal_radius).min() > 1e-5
    assert np.array_equal(rows["rewards"] == 1, near <= spec.planner.goal_radius)
    assert set(np.unique(rows["rewards"])) == {0.0, 1.0}
    # Going through the goal is not a terminal, and the episode continues to the horizon.
    assert not rows["terminals"].any()
    assert (lengths(rows) == spec.horizon).all()
    # The planner walks to many places, not to the rewarded one alone.
    assert len(np.unique(rows["infos/goal"].round(3), axis=0)) >= 5
