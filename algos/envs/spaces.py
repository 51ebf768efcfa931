"""Observation spaces and cells that the adapters share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
from recheck.errors import DatasetError

Make = Callable[..., gymnasium.Env]


def maze_cell(text: str, adapter: str) -> np.ndarray:
    try:
        row, column = (int(part) for part in text.split(","))
    except ValueError:
        raise DatasetError(f"The adapter {adapter} needs a cell as row,column, not {text!r}.") from None
    return np.array([row, column])


def flat_box(width: int) -> gymnasium.spaces.Box:
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
        self.observation_space = flat_box(width)

    def observation(self, observation: Any) -> np.ndarray:
        """[d] float32."""
        if not self.keys:
            return np.asarray(observation, dtype=np.float32).reshape(-1)
        parts: list[Any] = [
            gymnasium.spaces.flatten(self._spaces[key], observation[key]) for key in self.keys
        ]
        return np.concatenate(parts).astype(np.float32)
