"""Adroit as D4RL steps it, on gymnasium-robotics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np

from algos.envs.spaces import Make, flat_box


class Pen(gymnasium.Wrapper):
    """D4RL's pen on AdroitHandPen-v1: the episode also ends when the pen falls, below 0.075 (pen_v0.py).

    AdroitHandPen never stops before its 200 steps; D4RL's horizon is 100, set by tasks.csv.
    """

    FALLEN_BELOW = 0.075

    def __init__(self, make: Make, environment_id: str, options: Mapping[str, str], goal_seed: int) -> None:
        super().__init__(make(environment_id))
        self.observation_space = flat_box(45)

    def reset(self, **arguments: Any) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin an episode as D4RL does; `seed` decides every draw."""
        observation, info = self.env.reset(seed=arguments.get("seed"))
        return observation.astype(np.float32), info

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """One step; observation, reward and terminal as D4RL gives them."""
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
        self.observation_space = flat_box(gymnasium.spaces.flatdim(self.env.observation_space))

    def reset(self, **arguments: Any) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin an episode as D4RL does; `seed` decides every draw."""
        observation, info = self.env.reset(seed=arguments.get("seed"))
        return observation.astype(np.float32), info

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """One step; observation, reward and terminal as D4RL gives them."""
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
