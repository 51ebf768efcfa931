"""D4RL's environments rebuilt on today's: what a D4RL task observes, where it starts and when it ends.

An adapter is named in tasks.csv as `name` or `name:key=value;key=value`. It starts from an environment of
Gymnasium or Gymnasium-Robotics and undoes the differences to D4RL's own (Farama-Foundation/D4RL@89141a6);
each class says which. Imported by `algos.envs` when an environment is made; needs gymnasium.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import gymnasium
from recheck.errors import DatasetError

from algos.envs.adroit import Adroit, Pen
from algos.envs.antmaze import AntMaze
from algos.envs.kitchen import Kitchen
from algos.envs.maze2d import Maze2d, PointMaze
from algos.envs.spaces import Flat, Make


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
