"""Maze2d as D4RL steps it, on gymnasium-robotics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from recheck.errors import DatasetError

from algos.envs.spaces import Make, flat_box, maze_cell


class _OneGoalMaze(gymnasium.Wrapper):
    """PointMaze-v3 as a task with one goal and no end before the horizon, seen as 4 numbers.

    Attributes:
        maze_env: the environment below all wrappers.
        goal_cell: row and column of the goal.
        start_cells: free cells, ``[cells, 2]``, as row and column.
    """

    def __init__(self, make: Make, environment_id: str, options: Mapping[str, str], adapter: str) -> None:
        super().__init__(make(environment_id, continuing_task=True, reset_target=False))
        unwrapped: Any = self.env.unwrapped
        self.maze_env = unwrapped
        self.goal_cell = maze_cell(options["goal_cell"], adapter)
        rows = enumerate(self.maze_env.maze.maze_map)
        free = [(i, j) for i, row in rows for j, kind in enumerate(row) if kind != 1]
        if tuple(self.goal_cell) not in free:
            raise DatasetError(
                f"The adapter {adapter}'s goal_cell {options['goal_cell']} is a wall or outside."
            )
        self.start_cells = np.array(free)
        self.observation_space = flat_box(4)


class Maze2d(_OneGoalMaze):
    """D4RL's maze2d on PointMaze-v3.

    - 4 numbers, position and velocity. D4RL's x runs along the rows and y along the columns, and the
      point's origin is 0.2 before the centre of cell (0, 0); PointMaze centres the maze, with x along
      the columns. So observations and actions are turned by a quarter.
    - The point starts in any free cell, off by at most 0.1, with velocity 0.1 N(0, 1); the goal is the task's
      goal cell in every episode (d4rl/pointmaze/maze_model.py).
    - Reward 1 within 0.5 of the goal (PointMaze: 0.45); no episode ends before the horizon.
    """

    OFFSET = 0.2
    GOAL_RADIUS = 0.5

    def __init__(self, make: Make, environment_id: str, options: Mapping[str, str], goal_seed: int) -> None:
        super().__init__(make, environment_id, options, "maze2d")
        maze = self.maze_env.maze
        self.center = np.array([maze.x_map_center, maze.y_map_center])
        self.goal = self.goal_cell.astype(np.float64)

    def to_d4rl(self, position: np.ndarray) -> np.ndarray:
        """PointMaze's (x, y) as D4RL's."""
        x, y = position
        return np.array([self.center[1] - 0.5 - y - self.OFFSET, x + self.center[0] - 0.5 - self.OFFSET])

    def from_d4rl(self, position: np.ndarray) -> np.ndarray:
        """D4RL's (x, y) as PointMaze's."""
        row, column = position + self.OFFSET
        return np.array([column + 0.5 - self.center[0], self.center[1] - 0.5 - row])

    def reset(self, **arguments: Any) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin an episode as D4RL does; `seed` decides every draw."""
        _, info = self.env.reset(seed=arguments.get("seed"))
        rng = self.maze_env.np_random
        start = self.start_cells[rng.integers(len(self.start_cells))] + rng.uniform(-0.1, 0.1, 2)
        velocity = 0.1 * rng.standard_normal(2)
        point = self.maze_env.point_env
        point.set_state(self.from_d4rl(start), np.array([velocity[1], -velocity[0]]))
        self.maze_env.goal = self.from_d4rl(self.goal)
        self.maze_env.update_target_site_pos()
        return self._observation(), {**info, "goal": self.goal.copy()}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """One step; observation, reward and terminal as D4RL gives them."""
        turned = np.array([action[1], -action[0]], dtype=np.float32)
        _, _, _, truncated, info = self.env.step(np.clip(turned, -1.0, 1.0))
        observation = self._observation()
        reached = bool(np.linalg.norm(observation[:2] - self.goal) <= self.GOAL_RADIUS)
        return observation, float(reached), False, truncated, {**info, "success": reached}

    def set_stored_state(self, qpos: np.ndarray, qvel: np.ndarray, _: np.ndarray | None) -> None:
        """Put the point into a state of a D4RL file, in D4RL's coordinates."""
        self.maze_env.point_env.set_state(self.from_d4rl(qpos), np.array([qvel[1], -qvel[0]]))

    def _observation(self) -> np.ndarray:
        data = self.maze_env.data
        velocity = np.array([-data.qvel[1], data.qvel[0]])
        return np.concatenate([self.to_d4rl(data.qpos[:2]), velocity]).astype(np.float32)


class PointMaze(_OneGoalMaze):
    """PointMaze-v3 with its own coordinates and the task of maze2d: one goal, in the centre of its cell.

    4 numbers, position and velocity; the point starts in any free cell; reward 1 within 0.5 of the goal; no
    episode ends before the horizon. Made for what algos.recollect's planner collects.
    """

    GOAL_RADIUS = 0.5

    def __init__(self, make: Make, environment_id: str, options: Mapping[str, str], goal_seed: int) -> None:
        super().__init__(make, environment_id, options, "pointmaze")
        self.goal = self.maze_env.maze.cell_rowcol_to_xy(self.goal_cell)

    def reset(self, **arguments: Any) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin an episode as D4RL does; `seed` decides every draw."""
        seed = arguments.get("seed")
        if seed is not None:
            gymnasium.Env.reset(self.maze_env, seed=seed)  # the start cell is drawn before the rest
        cell = self.start_cells[self.maze_env.np_random.integers(len(self.start_cells))]
        observation, info = self.env.reset(seed=seed, options={"reset_cell": cell})
        self.maze_env.goal = self.goal.copy()
        self.maze_env.update_target_site_pos()
        return observation["observation"].astype(np.float32), {**info, "goal": self.goal.copy()}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """One step; observation, reward and terminal as D4RL gives them."""
        observation, _, _, truncated, info = self.env.step(action)
        reached = bool(np.linalg.norm(observation["observation"][:2] - self.goal) <= self.GOAL_RADIUS)
        flat = observation["observation"].astype(np.float32)
        return flat, float(reached), False, truncated, {**info, "success": reached}

    def set_stored_state(self, qpos: np.ndarray, qvel: np.ndarray, _: np.ndarray | None) -> None:
        """Put the point into a stored state."""
        self.maze_env.point_env.set_state(qpos, qvel)
