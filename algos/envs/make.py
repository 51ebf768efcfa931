"""Environments as tasks see them: one flat float32 observation, the task's horizon, the task's end.

`make` gives one environment, `make_vector` several that are stepped together. A score is only worth
something in the environment that the data came from, so both refuse an environment whose widths or
horizon are not the task's. Gymnasium is imported at use only.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from recheck.errors import DatasetError

if TYPE_CHECKING:
    import gymnasium

NO_ADAPTER = ("", "none", None)


@contextmanager
def _old_versions_allowed() -> Iterator[None]:
    """The papers' physics is an older version's: Gymnasium's "out of date" is the point here."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is out of date.*", category=DeprecationWarning)
        yield


def make(
    environment_id: str,
    adapter: str | None = None,
    horizon: int | None = None,
    *,
    observation_dim: int | None = None,
    action_dim: int | None = None,
    goal_seed: int = 0,
) -> gymnasium.Env:
    """One environment with flat float32 observations, ended after `horizon` steps.

    Args: environment_id: a Gymnasium id; adapter: as in tasks.csv, `none` for none (see `algos.adapters`);
    horizon: steps until the episode is cut; observation_dim, action_dim: the widths of the data that the
    policy was trained on; goal_seed: draws the one goal of tasks whose goal is fixed for a run (antmaze-v0).

    Raises DatasetError for an unknown environment or adapter, and where the widths or, without an adapter,
    the environment's own limit on the steps disagree with what the task says: such a task needs its adapter.
    """
    import gymnasium

    spec = _spec(environment_id)

    def plain(name: str, **options: Any) -> gymnasium.Env:
        limit = horizon if horizon is not None else spec.max_episode_steps
        try:
            with _old_versions_allowed():
                made = gymnasium.make(name, max_episode_steps=limit, disable_env_checker=True, **options)
        except (gymnasium.error.Error, ImportError) as error:
            reason = " ".join(str(error).split())
            raise DatasetError(f"The environment {name} cannot be made here: {reason}") from None
        _remove_maze_file(made)
        return _unit_actions(made, name)

    if adapter in NO_ADAPTER:
        if horizon is not None and spec.max_episode_steps is not None and spec.max_episode_steps != horizon:
            raise DatasetError(
                f"{environment_id} ends after {spec.max_episode_steps} steps, but the task after {horizon}: "
                "it has to be evaluated through the task's adapter."
            )
        environment = _flat(plain(environment_id), environment_id)
    else:
        from algos.envs.adapters import adapt

        environment = adapt(plain, environment_id, str(adapter), goal_seed)
    try:
        check_widths(environment, environment_id, observation_dim, action_dim)
    except DatasetError:
        environment.close()
        raise
    return environment


def _remove_maze_file(environment: gymnasium.Env) -> None:
    """Remove the maze that Gymnasium-Robotics has written into the temporary folder and read."""
    path = getattr(environment.unwrapped, "tmp_xml_file_path", None)
    if path is not None:
        Path(path).unlink(missing_ok=True)


def step_limit(environment_id: str) -> int | None:
    """Steps after which the environment itself ends an episode; None where it does not.

    Raises:
        DatasetError: the environment is unknown.
    """
    limit = _spec(environment_id).max_episode_steps
    return None if limit is None else int(limit)


def _unit_actions(environment: gymnasium.Env, environment_id: str) -> gymnasium.Env:
    """The environment with actions in [-1, 1]; as it is where it has them already, or no box of actions."""
    import gymnasium

    from algos.envs.spaces import UnitActions, has_unit_actions

    space = environment.action_space
    if not isinstance(space, gymnasium.spaces.Box) or has_unit_actions(space):
        return environment
    if not (np.isfinite(space.low).all() and np.isfinite(space.high).all()):
        environment.close()
        raise DatasetError(f"The actions of {environment_id} have no bounds; the methods here need them.")
    return UnitActions(environment)


def action_bounds(environment: gymnasium.Env) -> tuple[np.ndarray, np.ndarray]:
    """(low [a], high [a]) of the actions that the environment itself takes, which data are stored in."""
    from algos.envs.spaces import UnitActions

    layer: Any = environment
    while layer is not None and not isinstance(layer, UnitActions):
        layer = getattr(layer, "env", None)
    if layer is not None:
        return layer.bounds
    space: Any = environment.action_space
    return np.asarray(space.low, np.float64), np.asarray(space.high, np.float64)


def is_known(environment_id: str) -> bool:
    """Whether Gymnasium or Gymnasium-Robotics has an environment of this id."""
    import gymnasium

    module, colon, environment_id = environment_id.rpartition(":")
    if colon:  # Gymnasium's own form for environments that a module registers: module:id
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise DatasetError(f"The module {module!r} cannot be imported: {error}.") from None
    if environment_id not in gymnasium.registry and "AntMaze_UMaze-v4" not in gymnasium.registry:
        # The package prints a notice about Adroit's rewards when it is imported: see adapters.Adroit.
        with contextlib.redirect_stderr(io.StringIO()):
            import gymnasium_robotics

        gymnasium.register_envs(gymnasium_robotics)
    return environment_id in gymnasium.registry


def _spec(environment_id: str) -> Any:
    import gymnasium

    if not is_known(environment_id):
        stem = environment_id.split("-")[0].split("_")[0]
        near = sorted(name for name in gymnasium.registry if name.startswith(stem))
        raise DatasetError(
            f"There is no environment {environment_id!r} in Gymnasium or Gymnasium-Robotics; "
            f"known with that beginning are {', '.join(near) or 'none'}."
        )
    return gymnasium.registry[environment_id.rpartition(":")[2]]


def _flat(environment: gymnasium.Env, environment_id: str) -> gymnasium.Env:
    import gymnasium

    from algos.envs.spaces import Flat

    for name, space in (("observation", environment.observation_space), ("action", environment.action_space)):
        if not isinstance(space, gymnasium.spaces.Box) or len(space.shape) != 1:
            environment.close()
            raise DatasetError(
                f"{environment_id} has no flat {name} (it is a {type(space).__name__}): it has to be used "
                "through an adapter."
            )
    return Flat(environment)


def check_widths(
    environment: gymnasium.Env, environment_id: str, observation_dim: int | None, action_dim: int | None
) -> None:
    """Refuse an environment whose widths are not those of the data. Raises DatasetError."""
    for name, space, wanted in (
        ("observations", environment.observation_space, observation_dim),
        ("actions", environment.action_space, action_dim),
    ):
        found = (space.shape or (0,))[0]
        if wanted is not None and found != wanted:
            raise DatasetError(
                f"{environment_id} has {name} of width {found}, but the data have {wanted}: the task's "
                "adapter is missing, or the data were made in another environment."
            )


class EpisodeBatch:
    """E environments that play one episode each, side by side.

    Unlike Gymnasium's vector environments a finished episode is neither reset nor stepped again, so that
    every episode has its own seed and none is cut.
    """

    def __init__(self, environments: list[gymnasium.Env]) -> None:
        if not environments:
            raise ValueError("At least one environment is needed.")
        self.environments = environments
        self.active = np.zeros(len(environments), dtype=bool)
        shape = environments[0].observation_space.shape or ()
        self._observations = np.zeros((len(environments), *shape), dtype=np.float32)

    def __len__(self) -> int:
        return len(self.environments)

    def reset(self, seeds: Sequence[int], goal_seeds: Sequence[int] | None = None) -> np.ndarray:
        """Start one episode per environment, each with its own seed; observations [E, d] float32.

        `goal_seeds` [E] draw the goal of tasks whose goal is fixed for a run (antmaze-v0); without them it
        is the one that `make` drew.
        """
        if len(seeds) != len(self.environments):
            raise ValueError(f"{len(self.environments)} environments need as many seeds, not {len(seeds)}.")
        for index, (environment, seed) in enumerate(zip(self.environments, seeds)):
            options = None if goal_seeds is None else {"goal_seed": int(goal_seeds[index])}
            self._observations[index], _ = environment.reset(seed=int(seed), options=options)
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
    environment_id: str,
    adapter: str | None = None,
    horizon: int | None = None,
    num_envs: int = 1,
    **checks: Any,
) -> EpisodeBatch:
    """`num_envs` environments of the same kind, for episodes that are stepped together.

    `checks` are the keyword arguments of `make`.
    """
    return EpisodeBatch([make(environment_id, adapter, horizon, **checks) for _ in range(num_envs)])
