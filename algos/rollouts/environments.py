"""A fixed number of environments of one task, each reset and stepped by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from algos.envs import make

if TYPE_CHECKING:
    import gymnasium


class EnvironmentPool:
    """At most `size` environments of one task; each is made when it is first used, and then used again.

    An episode in a used environment is the episode in a fresh one: reset with a seed starts everything again
    (tested for every environment of tasks.csv).

    Args:
        task: with `environment_id`, `adapter`, `horizon`, `observation_dim`, `action_dim`, as a manifest.
        size: environments at most.

    Raises:
        DatasetError: the environment is unknown or not the one of the data.
    """

    def __init__(self, task: Mapping[str, Any], size: int) -> None:
        self.task = task
        self.size = size
        # antmaze-v0 draws one goal for all episodes of a run; other environments know no such option.
        self.goal_per_run = "goal_per=run" in (task.get("adapter") or "")
        self.environments: list[gymnasium.Env] = [self._make()]  # what is wrong with the task is said at once

    def _make(self) -> gymnasium.Env:
        task = self.task
        return make.make(
            task["environment_id"],
            task.get("adapter"),
            task.get("horizon"),
            observation_dim=task["observation_dim"],
            action_dim=task["action_dim"],
        )

    def reset(self, place: int, episode_seed: int, training_seed: int) -> np.ndarray:
        """Start an episode in environment `place`; its first observation ``[d]``, float32."""
        while place >= len(self.environments):
            self.environments.append(self._make())
        options = {"goal_seed": training_seed} if self.goal_per_run else None
        observation, _ = self.environments[place].reset(seed=episode_seed, options=options)
        return np.asarray(observation, dtype=np.float32)

    def step(self, places: Sequence[int], actions: np.ndarray) -> tuple[np.ndarray, list[float], list[bool]]:
        """One step in each of the environments `places`.

        Args:
            places: different ones, each with an unfinished episode.
            actions: ``[n, a]``.

        Returns:
            Observations ``[n, d]`` float32, rewards, and whether the episode has ended.
        """
        observations = np.empty((len(places), self.task["observation_dim"]), dtype=np.float32)
        rewards, ended = [], []
        for i, place in enumerate(places):
            observation, reward, terminated, truncated, _ = self.environments[place].step(actions[i])
            observations[i] = observation
            rewards.append(float(reward))
            ended.append(bool(terminated or truncated))
        return observations, rewards, ended

    def close(self) -> None:
        """Close every environment."""
        for environment in self.environments:
            environment.close()
