"""The environment check of data without stored states, where observations are states themselves.

Gymnasium's locomotion environments observe all of `qpos` but the first coordinates, which change nothing, and
all of `qvel`. So a step can be made again from an observation alone. Data of another environment of equal
widths are refused only where they do agree with that one: made-up data agree with none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from recheck.errors import DatasetError

from algos.envs import make
from algos.envs.replay import FAR_OFF, ROWS_BEFORE_TRAINING, Replay, before_training, check

# |observation of the state that was taken from an observation - that observation| / max(1, |it|).
SAME_OBSERVATION = 1e-5
ROWS_COMPARED = 20
# Velocities are cut at 10 in some environments: a state cannot be taken from such an observation.
LARGEST_VELOCITY = 9.99
# Median relative difference of steps in the environment that data come from: 1e-7 in float32.
AGREES_WITH_ANOTHER = 1e-3


def of_observations(arrays: Mapping[str, np.ndarray], environment_id: str, following: bool) -> Replay | None:
    """The rows whose states can be taken from their observations; None where they are not states.

    Args:
        arrays: the six of a prepared dataset, n rows, actions in [-1, 1].
        environment_id: a Gymnasium id.
        following: as for `replay.of_arrays`.
    """
    observations = arrays["observations"].astype(np.float64)
    environment = make.make(environment_id)
    try:
        bare: Any = environment.unwrapped
        if not all(hasattr(bare, name) for name in ("set_state", "_get_obs", "model")):
            return None
        num_positions, num_velocities = int(bare.model.nq), int(bare.model.nv)
        hidden = num_positions + num_velocities - observations.shape[1]
        if not 0 <= hidden < num_positions:
            return None
        qpos = np.pad(observations[:, : num_positions - hidden], ((0, 0), (hidden, 0)))
        qvel = observations[:, num_positions - hidden :]
        rows = np.flatnonzero((np.abs(qvel) < LARGEST_VELOCITY).all(axis=1))
        if len(rows) == 0:
            return None
        environment.reset(seed=0)
        for row in rows[np.linspace(0, len(rows) - 1, min(ROWS_COMPARED, len(rows))).astype(np.int64)]:
            bare.set_state(qpos[row], qvel[row])
            found = np.asarray(bare._get_obs(), dtype=np.float64)
            scale = np.maximum(1.0, np.abs(observations[row]))
            if found.shape != observations[row].shape:
                return None
            if (np.abs(found - observations[row]) > SAME_OBSERVATION * scale).any():
                return None
    finally:
        environment.close()
    terminals = arrays["terminals"] != 0
    known = arrays["next_observations"]
    if following:
        known = np.where(terminals[:, None], np.float32(np.nan), known)
    everything = Replay(
        rows=np.arange(len(terminals)),
        qpos=qpos,
        qvel=qvel,
        actions=arrays["actions"],
        next_observations=known,
        rewards=arrays["rewards"],
        terminals=terminals,
        float32_states=True,
    )
    return everything.take(rows)


def check_observations(
    arrays: Mapping[str, np.ndarray],
    environment_id: str,
    following: bool,
    where: str,
    others: Iterable[str],
    ends_chosen: bool = False,
) -> dict[str, Any] | None:
    """Step some rows again from their observations, before anything is trained on them.

    Args:
        arrays: as for `of_observations`.
        environment_id: the environment in which policies will be evaluated.
        following: as for `replay.of_arrays`.
        where: the dataset, for messages.
        others: environments of equal widths.
        ends_chosen: whether the user has said that these terminals are right.

    Returns:
        The report, with `conclusion` for people; None where observations are not states of the environment.

    Raises:
        DatasetError: the data are another environment's, or pairs or terminals are not this one's.
    """
    rows = of_observations(arrays, environment_id, following)
    if rows is None:
        return None
    if ends_chosen:
        rows = replace(rows, terminals=np.zeros_like(rows.terminals))
    if _median(rows, environment_id) <= FAR_OFF:
        report = before_training(rows, environment_id, None, where, strict=True)
        report["conclusion"] += "; states were taken from the observations"
        return report
    for other in others:
        found = of_observations(arrays, other, following)
        if found is not None and _median(found, other) < AGREES_WITH_ANOTHER:
            raise DatasetError(
                f"{where}: stepping its observations and actions again in {environment_id} leads elsewhere, "
                f"and in {other} to its next states: the data come from {other}; give env={other}."
            )
    return None


def _median(rows: Replay, environment_id: str) -> float:
    """Median relative difference of steps made again; NaN where no next state is known."""
    report, _ = check(rows.spread(ROWS_BEFORE_TRAINING), environment_id)
    return float(report["observation"].get("median_relative", np.nan))
