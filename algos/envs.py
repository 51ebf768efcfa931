"""Environments as tasks see them: one flat float32 observation, the task's horizon, the task's end.

`make` gives one environment, `make_vector` several that are stepped together. Gymnasium is imported at
use only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from algos.transitions import DatasetError

if TYPE_CHECKING:
    import gymnasium


def make(environment_id: str, adapter: str | None = None, horizon: int | None = None) -> gymnasium.Env:
    """One environment with flat float32 observations, ended after `horizon` steps.

    Raises DatasetError for an unknown environment or adapter.
    """
    import warnings

    import gymnasium

    if adapter not in (None, "", "none"):
        raise DatasetError(f"The adapter {adapter!r} is unknown.")
    try:
        with warnings.catch_warnings():
            # The papers' physics is the older version's: "out of date" is the point.
            warnings.filterwarnings("ignore", message=".*is out of date.*", category=DeprecationWarning)
            return gymnasium.make(environment_id, max_episode_steps=horizon)
    except gymnasium.error.Error as error:
        raise DatasetError(f"The environment {environment_id!r} cannot be made: {error}.") from None


class EpisodeBatch:
    """E environments that play one episode each, side by side.

    Unlike Gymnasium's vector environments a finished episode is neither reset nor stepped again, so that
    every episode has its own seed and none is cut.
    """

    def __init__(self, environments: list[gymnasium.Env]) -> None:
        self.environments = environments
        self.active = np.zeros(len(environments), dtype=bool)
        shape = environments[0].observation_space.shape or ()
        self._observations = np.zeros((len(environments), *shape), dtype=np.float32)

    def __len__(self) -> int:
        return len(self.environments)

    def reset(self, seeds: list[int]) -> np.ndarray:
        """Start one episode per environment, each with its own seed; observations [E, d] float32."""
        if len(seeds) != len(self.environments):
            raise ValueError(f"{len(self.environments)} environments need as many seeds, not {len(seeds)}.")
        for index, (environment, seed) in enumerate(zip(self.environments, seeds)):
            self._observations[index], _ = environment.reset(seed=int(seed))
        self.active[:] = True
        return self._observations.copy()

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Step the environments that still play.

        Args: actions [E, a]; rows of finished episodes are ignored.
        Returns (observations [E, d] float32, rewards [E] float64, active [E] bool); a finished
        episode keeps its last observation and gets reward 0.
        """
        rewards = np.zeros(len(self.environments))
        for index in np.flatnonzero(self.active):
            observation, reward, terminated, truncated, _ = self.environments[index].step(actions[index])
            self._observations[index] = observation
            rewards[index] = float(reward)
            self.active[index] = not (terminated or truncated)
        return self._observations.copy(), rewards, self.active.copy()

    def close(self) -> None:
        """Close every environment."""
        for environment in self.environments:
            environment.close()

    def __enter__(self) -> EpisodeBatch:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


def make_vector(
    environment_id: str, adapter: str | None = None, horizon: int | None = None, num_envs: int = 1
) -> EpisodeBatch:
    """`num_envs` environments of the same kind, for episodes that are stepped together."""
    return EpisodeBatch([make(environment_id, adapter, horizon) for _ in range(num_envs)])
