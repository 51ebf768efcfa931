"""AntMaze as D4RL steps it, on gymnasium-robotics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from recheck.errors import DatasetError

from algos.envs.spaces import Make, flat_box, maze_cell


class AntMaze(gymnasium.Wrapper):
    """D4RL's antmaze on AntMaze-v4.

    - 29 numbers, x and y first (d4rl/locomotion/ant.py), instead of a dictionary of 27 and two goals.
    - Cell (1, 1) is the origin and y grows with the row; Gymnasium-Robotics centres the maze and turns y
      round, so the map is mirrored here and positions are shifted.
    - The ant starts in cell (1, 1), every joint off by at most 0.1; the goal is drawn within the task's
      goal cell: once for all episodes (`goal_per=run`, antmaze-v0) or again (`goal_per=episode`, -v2).
    - Reward 1 and the end within 0.5 of the goal (AntMaze: 0.45, then another goal).
    - The ant's physics are D4RL's: time step 0.02 s (today's 0.01), torque 30 (150), softer contacts.
    """

    START_CELL = (1, 1)
    SCALE = 4.0
    GOAL_RADIUS = 0.5

    def __init__(self, make: Make, environment_id: str, options: Mapping[str, str], goal_seed: int) -> None:
        spec = gymnasium.spec(environment_id)
        maze = [list(row) for row in spec.kwargs["maze_map"]]
        super().__init__(make(environment_id, maze_map=maze[::-1], continuing_task=False))
        self.rows = len(maze)
        self.goal_cell = maze_cell(options["goal_cell"], "antmaze")
        self.goal_per = options["goal_per"]
        if self.goal_per not in ("run", "episode"):
            raise DatasetError(f"The adapter antmaze knows goal_per=run and =episode, not {self.goal_per!r}.")
        if not self._is_free(maze, self.goal_cell):
            raise DatasetError(
                f"The adapter antmaze's goal_cell {options['goal_cell']} is a wall or outside."
            )
        unwrapped: Any = self.env.unwrapped
        self.maze_env = unwrapped
        self._use_d4rl_physics()
        grid = self.maze_env.maze
        # Where Gymnasium-Robotics puts D4RL's origin, the centre of the start cell.
        self.origin = grid.cell_rowcol_to_xy(self._mirrored(np.array(self.START_CELL)))
        self.run_goal = self._draw_goal(np.random.default_rng(goal_seed))
        self.goal = self.run_goal
        self.observation_space = flat_box(29)

    @staticmethod
    def _is_free(maze: list[list[Any]], cell: np.ndarray) -> bool:
        row, column = cell
        result: bool = 0 <= row < len(maze) and 0 <= column < len(maze[0]) and maze[row][column] != 1
        return result

    def _mirrored(self, cell: np.ndarray) -> np.ndarray:
        return np.array([self.rows - 1 - cell[0], cell[1]])

    def _use_d4rl_physics(self) -> None:
        # d4rl/locomotion/assets/ant.xml: timestep, ctrlrange of the motors (gear 1), solref and solimp.
        model = self.maze_env.model
        model.opt.timestep = 0.02
        model.actuator_gear[:, 0] = 30.0
        model.geom_solref[:, :2] = (0.02, 1.0)
        model.geom_solimp[:, :3] = (0.8, 0.8, 0.01)

    def _draw_goal(self, rng: np.random.Generator) -> np.ndarray:
        # maze_env.py goal_sampler: noise twice, each towards larger x and y, and never below zero.
        cell = (self.goal_cell - np.array(self.START_CELL))[::-1] * self.SCALE
        noise = rng.uniform(0, 0.25 * self.SCALE, 2) + rng.uniform(0, 0.5, 2) * 0.25 * self.SCALE
        result: np.ndarray = np.maximum(cell + noise, 0.0)
        return result

    def reset(self, **arguments: Any) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin an episode as D4RL does; `seed` decides every draw."""
        cells = {
            "reset_cell": self._mirrored(np.array(self.START_CELL)),
            "goal_cell": self._mirrored(self.goal_cell),
        }
        _, info = self.env.reset(seed=arguments.get("seed"), options=cells)
        rng = self.maze_env.np_random
        ant = self.maze_env.ant_env
        qpos = ant.init_qpos + rng.uniform(-0.1, 0.1, ant.model.nq)
        qpos[:2] = self.origin + rng.uniform(-0.1, 0.1, 2)
        qvel = ant.init_qvel + 0.1 * rng.standard_normal(ant.model.nv)
        ant.set_state(qpos, qvel)
        goal_seed = (arguments.get("options") or {}).get("goal_seed")
        if self.goal_per == "episode":
            self.goal = self._draw_goal(rng)
        else:
            given = None if goal_seed is None else self._draw_goal(np.random.default_rng(goal_seed))
            self.goal = self.run_goal if given is None else given
        self.maze_env.goal = self.origin + self.goal
        self.maze_env.update_target_site_pos()
        return self._observation(), {**info, "goal": self.goal.copy()}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """One step; observation, reward and terminal as D4RL gives them."""
        _, _, _, truncated, info = self.env.step(np.clip(action, -1.0, 1.0))
        observation = self._observation()
        reached = bool(np.linalg.norm(observation[:2] - self.goal) <= self.GOAL_RADIUS)
        return observation, float(reached), reached, truncated, {**info, "success": reached}

    def set_stored_state(self, qpos: np.ndarray, qvel: np.ndarray, goal: np.ndarray | None) -> None:
        """Put the ant into a state of a D4RL file, in D4RL's coordinates."""
        shifted = qpos.copy()
        shifted[:2] += self.origin
        self.maze_env.ant_env.set_state(shifted, qvel)
        if goal is not None:
            self.goal = goal

    def _observation(self) -> np.ndarray:
        data = self.maze_env.data
        observation = np.concatenate([data.qpos[:15], data.qvel[:14]])
        observation[:2] -= self.origin
        return observation.astype(np.float32)
