"""D4RL's environments rebuilt on today's: what a D4RL task observes, where it starts and when it ends.

An adapter is named in tasks.csv as `name` or `name:key=value;key=value`. It starts from an environment of
Gymnasium or Gymnasium-Robotics and undoes the differences to D4RL's own (Farama-Foundation/D4RL@89141a6);
each class says which. Imported by `algos.envs` when an environment is made; needs gymnasium.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import gymnasium
import numpy as np

from algos.transitions import DatasetError

Make = Callable[..., gymnasium.Env]


def parse(text: str) -> tuple[str, dict[str, str]]:
    """`name:key=value;key=value` as (name, {key: value}). Raises DatasetError for another form."""
    name, _, rest = text.partition(":")
    options: dict[str, str] = {}
    for part in filter(None, rest.split(";")):
        key, separator, value = part.partition("=")
        if not separator or key.strip() in options:
            raise DatasetError(f"The adapter {text!r} is not of the form name:key=value;key=value.")
        options[key.strip()] = value.strip()
    return name.strip(), options


def _cell(text: str, adapter: str) -> np.ndarray:
    try:
        row, column = (int(part) for part in text.split(","))
    except ValueError:
        raise DatasetError(f"The adapter {adapter} needs a cell as row,column, not {text!r}.") from None
    return np.array([row, column])


def _box(width: int) -> gymnasium.spaces.Box:
    return gymnasium.spaces.Box(-np.inf, np.inf, shape=(width,), dtype=np.float32)


class Flat(gymnasium.ObservationWrapper):
    """The observation as one flat float32 vector; of a dictionary the named entries, one after another."""

    def __init__(self, env: gymnasium.Env, keys: tuple[str, ...] = ()) -> None:
        super().__init__(env)
        self.keys = keys
        space = env.observation_space
        if keys:
            if not isinstance(space, gymnasium.spaces.Dict):
                raise DatasetError("The adapter flatten is for environments that observe a dictionary.")
            unknown = [key for key in keys if key not in space.spaces]
            if unknown:
                raise DatasetError(
                    f"The environment does not observe {', '.join(unknown)}; it observes "
                    f"{', '.join(space.spaces)}."
                )
            width = sum(gymnasium.spaces.flatdim(space[key]) for key in keys)
        else:
            width = gymnasium.spaces.flatdim(space)
        self._spaces = dict(space.spaces) if isinstance(space, gymnasium.spaces.Dict) else {}
        self.observation_space = _box(width)

    def observation(self, observation: Any) -> np.ndarray:
        """[d] float32."""
        if not self.keys:
            return np.asarray(observation, dtype=np.float32).reshape(-1)
        parts: list[Any] = [
            gymnasium.spaces.flatten(self._spaces[key], observation[key]) for key in self.keys
        ]
        return np.concatenate(parts).astype(np.float32)


class AntMaze(gymnasium.Wrapper):
    """D4RL's antmaze on AntMaze-v4.

    - 29 numbers, x and y first (d4rl/locomotion/ant.py), instead of a dictionary of 27 and two goals.
    - Cell (1, 1) is the origin and y grows with the row; Gymnasium-Robotics centres the maze and turns y
      round, so the map is mirrored here and positions are shifted.
    - The ant starts in cell (1, 1), every joint off by at most 0.1; the goal is drawn within the task's
      goal cell: once for all episodes (`goal_per=run`, antmaze-v0) or anew (`goal_per=episode`, -v2).
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
        self.goal_cell = _cell(options["goal_cell"], "antmaze")
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
        self.observation_space = _box(29)

    @staticmethod
    def _is_free(maze: list[list[Any]], cell: np.ndarray) -> bool:
        row, column = cell
        return 0 <= row < len(maze) and 0 <= column < len(maze[0]) and maze[row][column] != 1

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
        return np.maximum(cell + noise, 0.0)

    def reset(self, **arguments: Any) -> tuple[np.ndarray, dict[str, Any]]:
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


class Maze2d(gymnasium.Wrapper):
    """D4RL's maze2d on PointMaze-v3.

    - 4 numbers, position and velocity. D4RL's x runs along the rows and y along the columns, and the
      point's origin lies 0.2 before the centre of cell (0, 0); PointMaze centres the maze, with x along
      the columns. So observations and actions are turned by a quarter.
    - The point starts in any free cell, off by at most 0.1, with velocity 0.1 N(0, 1); the goal is the task's
      goal cell in every episode (d4rl/pointmaze/maze_model.py).
    - Reward 1 within 0.5 of the goal (PointMaze: 0.45); no episode ends before the horizon.
    """

    OFFSET = 0.2
    GOAL_RADIUS = 0.5

    def __init__(self, make: Make, environment_id: str, options: Mapping[str, str], goal_seed: int) -> None:
        super().__init__(make(environment_id, continuing_task=True, reset_target=False))
        unwrapped: Any = self.env.unwrapped
        self.maze_env = unwrapped
        maze = self.maze_env.maze
        self.center = np.array([maze.x_map_center, maze.y_map_center])
        self.goal = _cell(options["goal_cell"], "maze2d").astype(np.float64)
        free = [(i, j) for i, row in enumerate(maze.maze_map) for j, cell in enumerate(row) if cell != 1]
        if tuple(self.goal.astype(int)) not in free:
            raise DatasetError(f"The adapter maze2d's goal_cell {options['goal_cell']} is a wall or outside.")
        self.start_cells = np.array(free, dtype=np.float64)
        self.observation_space = _box(4)

    def to_d4rl(self, position: np.ndarray) -> np.ndarray:
        """PointMaze's (x, y) as D4RL's."""
        x, y = position
        return np.array([self.center[1] - 0.5 - y - self.OFFSET, x + self.center[0] - 0.5 - self.OFFSET])

    def from_d4rl(self, position: np.ndarray) -> np.ndarray:
        """D4RL's (x, y) as PointMaze's."""
        row, column = position + self.OFFSET
        return np.array([column + 0.5 - self.center[0], self.center[1] - 0.5 - row])

    def reset(self, **arguments: Any) -> tuple[np.ndarray, dict[str, Any]]:
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


class PointMaze(gymnasium.Wrapper):
    """PointMaze-v3 with its own coordinates and the task of maze2d: one goal, in the centre of its cell.

    4 numbers, position and velocity; the point starts in any free cell; reward 1 within 0.5 of the goal; no
    episode ends before the horizon. Made for what algos.recollect's planner collects.
    """

    GOAL_RADIUS = 0.5

    def __init__(self, make: Make, environment_id: str, options: Mapping[str, str], goal_seed: int) -> None:
        super().__init__(make(environment_id, continuing_task=True, reset_target=False))
        unwrapped: Any = self.env.unwrapped
        self.maze_env = unwrapped
        maze = self.maze_env.maze
        cell = _cell(options["goal_cell"], "pointmaze")
        free = [(i, j) for i, row in enumerate(maze.maze_map) for j, kind in enumerate(row) if kind != 1]
        if tuple(cell) not in free:
            raise DatasetError(
                f"The adapter pointmaze's goal_cell {options['goal_cell']} is a wall or outside."
            )
        self.start_cells = np.array(free)
        self.goal = maze.cell_rowcol_to_xy(cell)
        self.observation_space = _box(4)

    def reset(self, **arguments: Any) -> tuple[np.ndarray, dict[str, Any]]:
        seed = arguments.get("seed")
        if seed is not None:
            gymnasium.Env.reset(self.maze_env, seed=seed)  # the start cell is drawn before the rest
        cell = self.start_cells[self.maze_env.np_random.integers(len(self.start_cells))]
        observation, info = self.env.reset(seed=seed, options={"reset_cell": cell})
        self.maze_env.goal = self.goal.copy()
        self.maze_env.update_target_site_pos()
        return observation["observation"].astype(np.float32), {**info, "goal": self.goal.copy()}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        observation, _, _, truncated, info = self.env.step(action)
        reached = bool(np.linalg.norm(observation["observation"][:2] - self.goal) <= self.GOAL_RADIUS)
        flat = observation["observation"].astype(np.float32)
        return flat, float(reached), False, truncated, {**info, "success": reached}

    def set_stored_state(self, qpos: np.ndarray, qvel: np.ndarray, _: np.ndarray | None) -> None:
        """Put the point into a stored state."""
        self.maze_env.point_env.set_state(qpos, qvel)


class Kitchen(gymnasium.Wrapper):
    """D4RL's kitchen on FrankaKitchen-v1.

    - 60 numbers: 9 joint positions, 21 object positions, the goal's 30 (zero where the task asks nothing);
      FrankaKitchen observes 59 with velocities and no goal.
    - Sensor noise is D4RL's (ratio 0.1 of the amplitudes of franka_config.xml; FrankaKitchen: 0.01); it
      enters the controller too, which aims from the joint positions that were last observed.
    - Reward: the number of tasks completed in this step; the end when none is left. Both are alike.
    """

    NOISE_RATIO = 0.1  # kitchen_multitask_v0.py: robot_noise_ratio
    # franka_config.xml of D4RL, pos_noise_amp of the 21 object joints (entries 9 to 29).
    OBJECT_NOISE = np.array(
        [0.005] * 2 + [0.0005] * 6 + [0.005] * 3 + [0.1] * 3 + [0.005] * 3 + [0.1] * 3 + [0.005]
    )

    def __init__(self, make: Make, environment_id: str, options: Mapping[str, str], goal_seed: int) -> None:
        from gymnasium_robotics.envs.franka_kitchen import kitchen_env

        tasks = [part.strip() for part in options["tasks"].split(",")]
        known = kitchen_env.OBS_ELEMENT_GOALS
        unknown = [task for task in tasks if task not in known]
        if unknown:
            raise DatasetError(
                f"The kitchen has no task {', '.join(unknown)}; it has {', '.join(sorted(known))}."
            )
        super().__init__(make(environment_id, tasks_to_complete=tasks, robot_noise_ratio=self.NOISE_RATIO))
        self.kitchen: Any = self.env.unwrapped
        self.goal = np.zeros(30)
        for task in tasks:
            self.goal[kitchen_env.OBS_ELEMENT_INDICES[task]] = known[task]
        self.observation_space = _box(60)

    def reset(self, **arguments: Any) -> tuple[np.ndarray, dict[str, Any]]:
        _, info = self.env.reset(seed=arguments.get("seed"))
        return self._observation(), info

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        _, reward, terminated, truncated, info = self.env.step(np.clip(action, -1.0, 1.0))
        return self._observation(), float(reward), bool(terminated), truncated, info

    def _observation(self) -> np.ndarray:
        robot = self.kitchen.robot_env
        noise = robot.np_random.uniform(-1.0, 1.0, 21)
        objects = self.kitchen.data.qpos[9:30] + self.NOISE_RATIO * self.OBJECT_NOISE * noise
        return np.concatenate([robot._last_robot_qpos, objects, self.goal]).astype(np.float32)


class Pen(gymnasium.Wrapper):
    """D4RL's pen on AdroitHandPen-v1: the episode also ends when the pen falls, below 0.075 (pen_v0.py).

    AdroitHandPen never stops before its 200 steps; D4RL's horizon is 100, set by tasks.csv.
    """

    FALLEN_BELOW = 0.075

    def __init__(self, make: Make, environment_id: str, options: Mapping[str, str], goal_seed: int) -> None:
        super().__init__(make(environment_id))
        self.observation_space = _box(45)

    def reset(self, **arguments: Any) -> tuple[np.ndarray, dict[str, Any]]:
        observation, info = self.env.reset(seed=arguments.get("seed"))
        return observation.astype(np.float32), info

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        observation, reward, _, truncated, info = self.env.step(action)
        hand: Any = self.env.unwrapped
        fallen = bool(hand.data.xpos[hand.obj_body_id][2] < self.FALLEN_BELOW)
        return observation.astype(np.float32), float(reward), fallen, truncated, info


class Adroit(gymnasium.Wrapper):
    """D4RL's door, hammer and relocate on Gymnasium-Robotics' version 1: the reward's first term.

    D4RL takes 0.1 times the distance from the palm to the handle, hammer or ball from the reward
    (door_v0.py, hammer_v0.py, relocate_v0.py); Gymnasium-Robotics 1.2.1 and later add it in version 1 of
    these environments, which rewards keeping away. Human demonstrations have D4RL's sign.
    """

    def __init__(self, make: Make, environment_id: str, options: Mapping[str, str], goal_seed: int) -> None:
        super().__init__(make(environment_id))
        self.hand: Any = self.env.unwrapped
        self.observation_space = _box(gymnasium.spaces.flatdim(self.env.observation_space))

    def reset(self, **arguments: Any) -> tuple[np.ndarray, dict[str, Any]]:
        observation, info = self.env.reset(seed=arguments.get("seed"))
        return observation.astype(np.float32), info

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        observation, reward, terminated, truncated, info = self.env.step(action)
        corrected = float(reward) - 0.2 * self._palm_distance()
        return observation.astype(np.float32), corrected, bool(terminated), truncated, info

    def _palm_distance(self) -> float:
        hand, data = self.hand, self.hand.data
        if hasattr(hand, "handle_site_id"):
            return float(
                np.linalg.norm(data.site_xpos[hand.grasp_site_id] - data.site_xpos[hand.handle_site_id])
            )
        return float(np.linalg.norm(data.site_xpos[hand.S_grasp_site_id] - data.xpos[hand.obj_body_id]))


def _flatten(make: Make, environment_id: str, options: Mapping[str, str], goal_seed: int) -> gymnasium.Env:
    keys = tuple(part.strip() for part in options["keys"].split(","))
    return Flat(make(environment_id), keys)


# Name -> (constructor, the options that have to be given).
ADAPTERS: dict[str, tuple[Callable[..., gymnasium.Env], tuple[str, ...]]] = {
    "adroit": (Adroit, ()),
    "antmaze": (AntMaze, ("goal_cell", "goal_per")),
    "flatten": (_flatten, ("keys",)),
    "kitchen": (Kitchen, ("tasks",)),
    "maze2d": (Maze2d, ("goal_cell",)),
    "pen": (Pen, ()),
    "pointmaze": (PointMaze, ("goal_cell",)),
}


def adapt(make: Make, environment_id: str, adapter: str, goal_seed: int) -> gymnasium.Env:
    """The environment behind its adapter. Raises DatasetError for an unknown adapter or option."""
    name, options = parse(adapter)
    if name not in ADAPTERS:
        raise DatasetError(f"There is no adapter {name!r}; known are {', '.join(sorted(ADAPTERS))}.")
    constructor, needed = ADAPTERS[name]
    if set(options) != set(needed):
        wanted, given = ", ".join(needed) or "no options", ", ".join(options) or "none"
        raise DatasetError(f"The adapter {name} needs {wanted}, not {given}.")
    return constructor(make, environment_id, options, goal_seed)
