"""Stored states and actions stepped again in the environment that evaluates, and the differences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from recheck.errors import DatasetError

from algos.datasets.d4rl_rows import states_before
from algos.datasets.hdf5 import check_widths, read_d4rl_hdf5
from algos.datasets.minari_format import dataset_id, find, read
from algos.datasets.transitions import MINARI_FOLDER, load_transitions

if TYPE_CHECKING:
    import gymnasium


# |computed - stored| / max(1, |stored|). Observations and rewards are stored in float32 and states in
# float64, so a faithful step may be off by half of float32's spacing, 2^-24 = 6.0e-8. Measured: 5.91e-8 at
# most, on 10,000 rows of each of hopper-mixed-v0, hopper-sac-tqc-v0 and halfcheetah-mixed-v0 (made with
# mujoco 4.0.0) under mujoco 3.11.0. Twice that is allowed: one spacing.
TOLERANCE = 2.0**-23
# Some D4RL files store states in float32, too, and contacts amplify that. Measured with the same files'
# states rounded to float32: 8.6e-5 at most, 1.1e-5 in all but a thousandth of the rows.
TOLERANCE_FLOAT32_STATES = 2e-4
DEFAULT_ROWS = 2000
# Versions below need mujoco_py, which does not run here.
OLDEST_VERSION = 4
# What is measured per row.
MEASURES = ("observation_difference", "observation_relative", "reward_difference", "reward_relative")
AGREES, DIFFERS, CANNOT = "agrees", "differs", "cannot be checked"


@dataclass(frozen=True)
class Replay:
    """Rows that can be stepped again: m states, actions and what followed."""

    rows: np.ndarray  # [m] int64, row in the source
    qpos: np.ndarray  # [m, q] float64
    qvel: np.ndarray  # [m, v] float64
    actions: np.ndarray  # [m, a] float32
    next_observations: np.ndarray  # [m, d] float32, NaN where it is not known
    rewards: np.ndarray  # [m] float32
    terminals: np.ndarray  # [m] bool
    goals: np.ndarray | None = None  # [m, 2], for mazes
    float32_states: bool = False

    def spread(self, count: int | None) -> Replay:
        """`count` rows spread evenly over all, a tenth of them ends of episodes, where versions differ."""
        if count is None or count >= len(self.rows):
            return self
        ends = np.flatnonzero(self.terminals)
        num_ends = min(len(ends), count // 10)
        chosen = np.concatenate(
            [_evenly(np.arange(len(self.rows)), count - num_ends), _evenly(ends, num_ends)]
        )
        return self.take(np.unique(chosen))

    def take(self, chosen: np.ndarray) -> Replay:
        """The rows of these positions."""
        return Replay(
            rows=self.rows[chosen],
            qpos=self.qpos[chosen],
            qvel=self.qvel[chosen],
            actions=self.actions[chosen],
            next_observations=self.next_observations[chosen],
            rewards=self.rewards[chosen],
            terminals=self.terminals[chosen],
            goals=None if self.goals is None else self.goals[chosen],
            float32_states=self.float32_states,
        )


def _evenly(values: np.ndarray, count: int) -> np.ndarray:
    return values[np.linspace(0, len(values) - 1, count).astype(np.int64)] if count else values[:0]


def replay_of(path: Path) -> Replay | str:
    """The rows of a D4RL-format file or a prepared dataset, or why there are none to step again.

    Raises DatasetError where the file itself is bad.
    """
    return _from_prepared(path) if path.is_dir() else from_rows(read_d4rl_hdf5(path))


def from_rows(rows: Mapping[str, np.ndarray]) -> Replay | str:
    """D4RL rows with states; where `next_observations` lack, the last row of each episode is left out."""
    if "infos/qpos" not in rows or "infos/qvel" not in rows:
        return "the file holds no state for every row (infos/qpos, infos/qvel)"
    ends = rows["terminals"] | rows.get("timeouts", np.zeros_like(rows["terminals"]))
    states = states_before(rows)
    qpos, qvel = states["qpos"], states["qvel"]
    if "next_observations" in rows:
        usable, following = np.ones(len(ends), bool), rows["next_observations"]
    else:
        usable = np.append(~ends[:-1], False)
        following = np.roll(rows["observations"], -1, axis=0)
    usable &= np.isfinite(qpos).all(axis=1)
    goals = rows.get("infos/goal")
    everything = Replay(
        rows=np.arange(len(ends)),
        qpos=qpos.astype(np.float64),
        qvel=qvel.astype(np.float64),
        actions=rows["actions"],
        next_observations=following,
        rewards=rows["rewards"],
        terminals=rows["terminals"],
        goals=None if goals is None else goals.astype(np.float64),
        float32_states=qpos.dtype.itemsize < 8,
    )
    return everything.take(np.flatnonzero(usable))


def _from_prepared(folder: Path) -> Replay | str:
    transitions = load_transitions(folder)
    identity = dataset_id(transitions.manifest["task"])
    stored = read(find(folder / MINARI_FOLDER, identity), identity)
    if "qpos" not in stored.states or "qvel" not in stored.states:
        return "the dataset holds no state for every row"
    terminals = transitions.terminals != 0
    # The row after a terminal is the next episode's first, as in D4RL: only the reward can be compared.
    following = np.where(terminals[:, None], np.float32(np.nan), transitions.next_observations)
    everything = Replay(
        rows=np.arange(len(transitions)),
        qpos=stored.states["qpos"],
        qvel=stored.states["qvel"],
        actions=transitions.actions,
        next_observations=following,
        rewards=transitions.rewards,
        terminals=terminals,
        goals=stored.states.get("goal"),
        float32_states=stored.states["qpos"].dtype.itemsize < 8,
    )
    return everything.take(np.flatnonzero(np.isfinite(everything.qpos).all(axis=1)))


def divergence(replay: Replay, environment: gymnasium.Env) -> dict[str, np.ndarray]:
    """One step from each stored state.

    Returns per row [m]: `observation_difference` (largest entry of |computed - stored|),
    `observation_relative` (the same over max(1, |stored|)), `reward_difference`, `reward_relative`.
    Raises DatasetError where the environment cannot be put into a stored state.
    """
    put = _state_setter(environment)
    environment.reset(seed=0)
    count = len(replay.rows)
    result = {name: np.zeros(count) for name in MEASURES}
    for index in range(count):
        goal = None if replay.goals is None else replay.goals[index]
        put(replay.qpos[index], replay.qvel[index], goal)
        # A time limit may count these steps; whether it ends the episode does not matter here.
        observation, reward = _step(environment, replay.actions[index])
        stored = replay.next_observations[index].astype(np.float64)
        difference = np.nan_to_num(
            np.abs(observation - stored), nan=0.0 if np.isnan(stored).all() else np.inf
        )
        result["observation_difference"][index] = difference.max()
        scale = np.maximum(1.0, np.abs(np.nan_to_num(stored)))
        result["observation_relative"][index] = (difference / scale).max()
        stored_reward = float(replay.rewards[index])
        result["reward_difference"][index] = abs(reward - stored_reward)
        result["reward_relative"][index] = abs(reward - stored_reward) / max(1.0, abs(stored_reward))
    return result


def _state_setter(environment: gymnasium.Env) -> Callable[[np.ndarray, np.ndarray, np.ndarray | None], None]:
    adapter: Any = environment
    while adapter is not None and not hasattr(type(adapter), "set_stored_state"):
        adapter = getattr(adapter, "env", None)
    if adapter is not None:
        return adapter.set_stored_state
    bare: Any = environment.unwrapped
    if not hasattr(bare, "set_state"):
        raise DatasetError("the environment cannot be put into a stored state")

    def put(qpos: np.ndarray, qvel: np.ndarray, _: np.ndarray | None) -> None:
        model = bare.model
        if (model.nq, model.nv) != (len(qpos), len(qvel)):
            raise DatasetError(
                f"the environment has states of {model.nq} and {model.nv} numbers, the file {len(qpos)} and "
                f"{len(qvel)}"
            )
        bare.set_state(qpos, qvel)

    return put


def _step(environment: gymnasium.Env, action: np.ndarray) -> tuple[np.ndarray, float]:
    """Step without float32 rounding of the observation where the environment itself gives float64.

    The wrappers that belong to the environment's id stay: one of them may be what changes the reward.
    """
    from algos.envs.spaces import Flat

    if isinstance(environment, Flat) and not environment.keys:
        observation, reward, *_ = environment.env.step(action)
    else:
        observation, reward, *_ = environment.step(action)
    return np.asarray(observation, dtype=np.float64), float(reward)


def check(
    replay: Replay | str,
    environment_id: str,
    adapter: str | None = None,
    *,
    tolerance: float | None = None,
    alter: Callable[[gymnasium.Env], gymnasium.Env] | None = None,
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Measure one environment against the stored steps.

    Args: tolerance: on |computed - stored| / max(1, |stored|), by default the one measured for states of the
    file's precision; alter: changes the environment before it is measured (tests use it).
    Returns the report and the divergence per row (empty where nothing can be checked). Raises DatasetError
    for an unknown environment or one of other widths.
    """
    import gymnasium
    import mujoco

    from algos.envs import make

    if tolerance is None:
        coarse = isinstance(replay, Replay) and replay.float32_states
        tolerance = TOLERANCE_FLOAT32_STATES if coarse else TOLERANCE
    report: dict[str, Any] = {
        "environment_id": environment_id,
        "adapter": adapter or "none",
        "mujoco_version": mujoco.__version__,
        "gymnasium_version": gymnasium.__version__,
        "tolerance": tolerance,
    }
    if isinstance(replay, str):
        return {**report, "verdict": CANNOT, "reason": replay, "rows_checked": 0}, {}
    environment = make.make(environment_id, adapter)
    try:
        shapes: list[Any] = [environment.observation_space.shape, environment.action_space.shape]
        data = {"observations": replay.next_observations, "actions": replay.actions}
        check_widths(data, "The dataset", shapes[0][0], shapes[1][0])
        if alter is not None:
            environment = alter(environment)
        steps = divergence(replay, environment)
    except DatasetError as error:
        if str(error)[:1].isupper():
            raise
        return {**report, "verdict": CANNOT, "reason": str(error), "rows_checked": 0}, {}
    finally:
        environment.close()
    beyond = {name: int((steps[f"{name}_relative"] > tolerance).sum()) for name in ("observation", "reward")}
    report |= {
        "verdict": DIFFERS if any(beyond.values()) else AGREES,
        "rows_checked": len(replay.rows),
        **{name: _summary(steps, name, beyond[name], replay.rows) for name in beyond},
    }
    return report, {"row": replay.rows, **steps}


def _summary(steps: Mapping[str, np.ndarray], name: str, beyond: int, rows: np.ndarray) -> dict[str, Any]:
    difference, relative = steps[f"{name}_difference"], steps[f"{name}_relative"]
    worst = int(relative.argmax())
    return {
        "largest_difference": float(f"{difference.max():.4g}"),
        "median_difference": float(f"{np.median(difference):.4g}"),
        "largest_relative": float(f"{relative.max():.4g}"),
        "rows_beyond_tolerance": beyond,
        "worst_row": int(rows[worst]),
    }
