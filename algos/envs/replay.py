"""Is the environment the one that the data came from? Stored states and actions, stepped again.

Each row's state is set in the simulator, its action is played for one step, and the next observation
and the reward are compared with what is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from recheck.errors import DatasetError

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
# Beyond this a step leads elsewhere. Measured as the median over 400 rows of the largest |computed - stored|
# / max(1, |stored|): 0.013 with a time step altered by 2%; 1.0 and 3.9 with uniform random actions in place
# of those that were played (Hopper-v4, HalfCheetah-v4); 8.6 and 9.8 with Walker2d's steps in HalfCheetah-v4
# and the other way round.
FAR_OFF = 0.1
# What is measured per row.
MEASURES = ("observation_difference", "observation_relative", "reward_difference", "reward_relative")
AGREES, DIFFERS, CANNOT = "agrees", "differs", "cannot be checked"
# Rows stepped before training: enough to see another environment, and under a second.
ROWS_BEFORE_TRAINING = 400


@dataclass(frozen=True)
class Replay:
    """Rows that can be stepped again.

    Attributes:
        rows: [m] int64, row in the source.
        qpos: [m, q] float64.
        qvel: [m, v] float64.
        actions: [m, a] float32.
        next_observations: [m, d] float32, NaN where it is not known.
        rewards: [m] float32.
        terminals: [m] bool.
        goals: [m, 2], for mazes.
        float32_states: whether the source stores states in float32.
        unit_actions: whether actions are scaled to [-1, 1], as in prepared datasets.
    """

    rows: np.ndarray
    qpos: np.ndarray
    qvel: np.ndarray
    actions: np.ndarray
    next_observations: np.ndarray
    rewards: np.ndarray
    terminals: np.ndarray
    goals: np.ndarray | None = None
    float32_states: bool = False
    unit_actions: bool = True

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
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        parts = {name: value[chosen] for name, value in values.items() if isinstance(value, np.ndarray)}
        return replace(self, **parts)


def _evenly(values: np.ndarray, count: int) -> np.ndarray:
    return values[np.linspace(0, len(values) - 1, count).astype(np.int64)] if count else values[:0]


def of_arrays(
    arrays: Mapping[str, np.ndarray], states: Mapping[str, np.ndarray], following: bool
) -> Replay | str:
    """The rows of a prepared dataset, or why there are none to step again.

    Args:
        arrays: the six of a prepared dataset, n rows.
        states: `qpos`, `qvel` and, for mazes, `goal` [n, ...].
        following: whether next states are the following rows: then the one after a terminal is the next
            episode's first, as in D4RL, and only the reward can be compared.
    """
    if "qpos" not in states or "qvel" not in states:
        return "the dataset holds no state for every row"
    terminals = arrays["terminals"] != 0
    known = arrays["next_observations"]
    if following:
        known = np.where(terminals[:, None], np.float32(np.nan), known)
    goals = states.get("goal")
    everything = Replay(
        rows=np.arange(len(terminals)),
        qpos=states["qpos"].astype(np.float64),
        qvel=states["qvel"].astype(np.float64),
        actions=arrays["actions"],
        next_observations=known,
        rewards=arrays["rewards"],
        terminals=terminals,
        goals=goals,
        float32_states=states["qpos"].dtype.itemsize < 8,
    )
    finite = np.isfinite(everything.qpos).all(axis=1) & np.isfinite(everything.qvel).all(axis=1)
    if not finite.any():
        return "no state that the dataset holds is finite"
    return everything.take(np.flatnonzero(finite))


def divergence(replay: Replay, environment: gymnasium.Env) -> dict[str, np.ndarray]:
    """One step from each stored state.

    Args:
        replay: m rows.
        environment: with actions as in `replay`.

    Returns:
        Per row [m]: `observation_difference`, the largest entry of |computed - stored|, and
        `observation_relative`, the same over max(1, |stored|); `reward_difference` and `reward_relative`; and
        `terminated`, whether the step ended the episode.

    Raises:
        DatasetError: the environment cannot be put into a stored state.
    """
    put = _state_setter(environment)
    environment.reset(seed=0)
    count = len(replay.rows)
    result = {name: np.zeros(count) for name in MEASURES}
    result["terminated"] = np.zeros(count, dtype=bool)
    for index in range(count):
        goal = None if replay.goals is None else replay.goals[index]
        put(replay.qpos[index], replay.qvel[index], goal)
        # A time limit may count these steps; whether it ends the episode does not matter here.
        observation, reward, result["terminated"][index] = _step(environment, replay.actions[index])
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


class _NoState(Exception):
    """Nothing can be stepped again; the message says why."""

    def __init__(self, reason: str, other_states: bool = False) -> None:
        super().__init__(reason)
        self.other_states = other_states


def _check_widths(replay: Replay, observation_dim: int, action_dim: int) -> None:
    for name, values, wanted in (
        ("observations", replay.next_observations, observation_dim),
        ("actions", replay.actions, action_dim),
    ):
        if values.shape[1] != wanted:
            raise DatasetError(
                f"The dataset holds {name} of width {values.shape[1]}, but the task's environment has "
                f"{wanted}: "
                "the file was made in another environment."
            )


def _state_setter(environment: gymnasium.Env) -> Callable[[np.ndarray, np.ndarray, np.ndarray | None], None]:
    adapter: Any = environment
    while adapter is not None and not hasattr(type(adapter), "set_stored_state"):
        adapter = getattr(adapter, "env", None)
    if adapter is not None:
        result: Callable[[np.ndarray, np.ndarray, np.ndarray | None], None] = adapter.set_stored_state
        return result
    bare: Any = environment.unwrapped
    if not hasattr(bare, "set_state"):
        raise _NoState("the environment cannot be put into a stored state")

    def put(qpos: np.ndarray, qvel: np.ndarray, _: np.ndarray | None) -> None:
        model = bare.model
        if (model.nq, model.nv) != (len(qpos), len(qvel)):
            raise _NoState(
                f"the environment has states of {model.nq} and {model.nv} numbers, the file {len(qpos)} and "
                f"{len(qvel)}",
                other_states=True,
            )
        bare.set_state(qpos, qvel)

    return put


def _step(environment: gymnasium.Env, action: np.ndarray) -> tuple[np.ndarray, float, bool]:
    """Step without float32 rounding of the observation where the environment itself gives float64.

    The wrappers that belong to the environment's id stay: one of them may be what changes the reward.
    """
    from algos.envs.spaces import Flat

    if isinstance(environment, Flat) and not environment.keys:
        observation, reward, terminated, *_ = environment.env.step(action)
    else:
        observation, reward, terminated, *_ = environment.step(action)
    return np.asarray(observation, dtype=np.float64), float(reward), bool(terminated)


def check(
    replay: Replay | str,
    environment_id: str,
    adapter: str | None = None,
    *,
    tolerance: float | None = None,
    alter: Callable[[gymnasium.Env], gymnasium.Env] | None = None,
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Measure one environment against the stored steps.

    Args:
        replay: the rows, or why there are none.
        environment_id: a Gymnasium id.
        adapter: as in tasks.csv, `none` or None for none.
        tolerance: on |computed - stored| / max(1, |stored|), by default the one measured for states of the
            file's precision.
        alter: changes the environment before it is measured (tests use it).

    Returns:
        The report, and the divergence per row (empty where nothing can be checked).

    Raises:
        DatasetError: an unknown environment, or one of other widths.
    """
    import gymnasium
    import mujoco

    from algos.envs import make
    from algos.envs.spaces import to_unit_actions

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
        _check_widths(replay, shapes[0][0], shapes[1][0])
        if not replay.unit_actions:
            replay = replace(replay, actions=to_unit_actions(replay.actions, make.action_bounds(environment)))
        if alter is not None:
            environment = alter(environment)
        steps = divergence(replay, environment)
    except _NoState as error:
        return {
            **report,
            "verdict": CANNOT,
            "reason": str(error),
            "rows_checked": 0,
            "other_states": error.other_states,
        }, {}
    finally:
        environment.close()
    terminated = steps.pop("terminated")
    beyond = {name: int((steps[f"{name}_relative"] > tolerance).sum()) for name in ("observation", "reward")}
    report |= {
        "verdict": DIFFERS if any(beyond.values()) else AGREES,
        "rows_checked": len(replay.rows),
        "rows_far_off": int((steps["observation_relative"] > FAR_OFF).sum()),
        "terminals_checked": int(replay.terminals.sum()),
        "terminals_not_ended": int((replay.terminals & ~terminated).sum()),
        "ended_not_terminal": int((terminated & ~replay.terminals).sum()),
        **{name: _summary(steps, name, beyond[name], replay.rows) for name in beyond},
    }
    known = ~np.isnan(replay.next_observations).any(axis=1)
    if known.any():
        median = np.median(steps["observation_relative"][known])
        report["observation"]["median_relative"] = float(f"{median:.4g}")
    return report, {"row": replay.rows, **steps}


def _summary(steps: Mapping[str, np.ndarray], name: str, beyond: int, rows: np.ndarray) -> dict[str, Any]:
    difference, relative = steps[f"{name}_difference"], steps[f"{name}_relative"]
    worst = int(relative.argmax())
    return {
        "largest_difference": float(f"{difference.max():.4g}"),
        "median_difference": float(f"{np.median(difference):.4g}"),
        "largest_relative": float(f"{relative.max():.4g}"),
        "median_relative": float(f"{np.median(relative):.4g}"),
        "rows_beyond_tolerance": beyond,
        "worst_row": int(rows[worst]),
    }


def before_training(
    replay: Replay | str, environment_id: str, adapter: str | None, where: str, strict: bool
) -> dict[str, Any]:
    """Step some rows again before anything is trained on them.

    Args:
        replay: the rows of a dataset, or why there are none.
        environment_id: the environment in which policies will be evaluated.
        adapter: its adapter.
        where: the dataset, for messages.
        strict: refuse another environment, pairs across episodes and terminals that are none; False (data
        that are named in tasks.csv, whose environments are stated to be adapted) reports them only.

    Returns:
        The report of `check`, with `conclusion` for people.

    Raises:
        DatasetError: what was refused and why.
    """
    if not isinstance(replay, str):
        replay = replay.spread(ROWS_BEFORE_TRAINING)
    report, steps = check(replay, environment_id, adapter)
    problem = _problem(report, environment_id)
    if problem and strict:
        raise DatasetError(f"{where}: {problem}")
    if problem:
        report["conclusion"] = problem
    elif not steps:
        report["conclusion"] = f"cannot be checked: {report['reason']}"
    else:
        report["conclusion"] = (
            f"{environment_id} {report['verdict']} on {report['rows_checked']:,} stored steps (largest "
            "relative "
            f"difference {report['observation']['largest_relative']:g} in observations, "
            f"{report['reward']['largest_relative']:g} in rewards)"
        )
    return report


def _problem(report: Mapping[str, Any], environment_id: str) -> str:
    """Why these steps are not the environment's, or nothing."""
    if report.get("other_states"):
        return (
            f"{report['reason']}, so its steps were not made in {environment_id}; give the environment "
            "that the "
            "data come from as env=."
        )
    if report["verdict"] == CANNOT:
        return ""
    checked, far = report["rows_checked"], report["rows_far_off"]
    median = report["observation"]["median_relative"]
    if median > FAR_OFF:
        return (
            f"stepping {checked:,} stored states and actions again in {environment_id} leads elsewhere "
            "(median "
            f"relative difference {median:.2g}, beyond {FAR_OFF:g} in {far:,} rows): the data come from "
            "another "
            "environment, or the stored actions are not those that were played. Give the environment "
            "that the "
            "data come from as env=."
        )
    # Every other row is exact, so the simulator is the data's own.
    if far and far == report["observation"]["rows_beyond_tolerance"]:
        return (
            f"{far:,} of {checked:,} stored steps lead elsewhere than to their next state while the "
            "others agree: "
            "these rows are paired across episodes, so ends of episodes are missing in the flags."
        )
    not_ended, terminals = report["terminals_not_ended"], report["terminals_checked"]
    if terminals and not_ended > terminals // 2:
        return (
            f"{not_ended:,} of {terminals:,} terminals that were stepped again do not end the episode in "
            f"{environment_id}: time limits stored as terminals, it seems. Say what these rows are, "
            "ends=terminal, "
            "ends=timeout or ends=horizon."
        )
    return ""
