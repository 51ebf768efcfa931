"""Observation spaces and cells that the adapters share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
from recheck.errors import DatasetError

Make = Callable[..., gymnasium.Env]


def maze_cell(text: str, adapter: str) -> np.ndarray:
    """A cell `[row, column]` of an adapter's option ``row,column``.

    Raises:
        DatasetError: the text is not such a pair.
    """
    try:
        row, column = (int(part) for part in text.split(","))
    except ValueError:
        raise DatasetError(f"The adapter {adapter} needs a cell as row,column, not {text!r}.") from None
    return np.array([row, column])


def flat_box(width: int) -> gymnasium.spaces.Box:
    """An unbounded float32 space of `width` numbers."""
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


class UnitActions(gymnasium.ActionWrapper):
    """Actions in [-1, 1] for an environment with other bounds: the methods here act within [-1, 1]."""

    def __init__(self, env: gymnasium.Env) -> None:
        super().__init__(env)
        space: Any = env.action_space
        self.bounds = (np.asarray(space.low, np.float64), np.asarray(space.high, np.float64))
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, shape=space.shape, dtype=np.float32)
        self.action_dtype = space.dtype

    def action(self, action: np.ndarray) -> np.ndarray:
        """[a] within the environment's own bounds."""
        low, high = self.bounds
        unit = np.clip(np.asarray(action, np.float64), -1.0, 1.0)
        return ((low + high) / 2 + unit * (high - low) / 2).astype(self.action_dtype)


def has_unit_actions(space: gymnasium.Space[Any]) -> bool:
    """Whether the actions are bounded by -1 and 1 in every direction."""
    return (
        isinstance(space, gymnasium.spaces.Box) and np.allclose(space.high, 1) and np.allclose(space.low, -1)
    )


def to_unit_actions(actions: np.ndarray, bounds: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Actions [n, a] within (low [a], high [a]) scaled to [-1, 1]; unchanged where those are the bounds."""
    low, high = bounds
    if np.allclose(high, 1) and np.allclose(low, -1):
        return actions
    middle, half = (low + high) / 2, (high - low) / 2
    result: np.ndarray = np.clip((actions.astype(np.float64) - middle) / half, -1.0, 1.0).astype(np.float32)
    return result
