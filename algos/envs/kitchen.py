"""FrankaKitchen as D4RL steps it, on gymnasium-robotics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from recheck.errors import DatasetError

from algos.envs.spaces import Make, flat_box


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
        self.observation_space = flat_box(60)

    def reset(self, **arguments: Any) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin an episode as D4RL does; `seed` decides every draw."""
        _, info = self.env.reset(seed=arguments.get("seed"))
        return self._observation(), info

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """One step; observation, reward and terminal as D4RL gives them."""
        _, reward, terminated, truncated, info = self.env.step(np.clip(action, -1.0, 1.0))
        return self._observation(), float(reward), bool(terminated), truncated, info

    def _observation(self) -> np.ndarray:
        robot = self.kitchen.robot_env
        noise = robot.np_random.uniform(-1.0, 1.0, 21)
        objects = self.kitchen.data.qpos[9:30] + self.NOISE_RATIO * self.OBJECT_NOISE * noise
        return np.concatenate([robot._last_robot_qpos, objects, self.goal]).astype(np.float32)
