"""From a source's time steps to training rows, exactly as the papers' code saw them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from recheck.errors import DatasetError

from algos.datasets.trajectories import CORL_MAX_EPISODE_STEPS, corl_ends, official_ends, returns_at

# A point of a maze further from its successor than this was not walked: an ant covers under 0.6 per step,
# mazes measure 12 and more.
MAZE_JUMP_DISTANCE = 1.5


@dataclass(frozen=True)
class Filtered:
    """The kept rows of a source and what the source's episodes looked like before rows were dropped."""

    arrays: dict[str, np.ndarray]  # the six arrays of a prepared dataset
    kept: np.ndarray  # [m] int64, the source row of each kept row
    unfiltered_returns: np.ndarray  # [e] returns of all trajectories of the source, the cut last one too
    complete_returns: np.ndarray  # [c] returns of those that ended at a terminal or a time-out
    num_dropped: int


def qlearning_rows(rows: Mapping[str, np.ndarray], horizon: int | None) -> Filtered:
    """D4RL's `qlearning_dataset` (d4rl/__init__.py), vectorised.

    For i in 0..n-2: a row flagged as time-out is dropped even where it is terminal too; the next state is
    the following row, at a terminal as well; the last row is lost. Without a `timeouts` key the row at
    `horizon` - 1 steps counts as time-out (and after a terminal D4RL's step counter starts at 1, not 0).

    Args: rows as from `read_d4rl_hdf5`, n time steps. Raises DatasetError where nothing is left, or
    where neither time-outs nor a horizon are known.
    """
    terminals = rows["terminals"]
    num_rows = len(terminals)
    timeouts = rows.get("timeouts")
    if timeouts is None:
        if horizon is None:
            raise DatasetError("Without a timeouts key the task needs a horizon to tell where episodes end.")
        timeouts = _timeouts_by_horizon(terminals, horizon)
    keep = ~timeouts
    keep[-1] = False
    kept = np.flatnonzero(keep)
    if len(kept) == 0:
        raise DatasetError(f"No transition is left of {num_rows} time steps: every row is a time-out.")
    ends = terminals | timeouts
    episodes = np.concatenate([[0], np.cumsum(ends)[:-1]]).astype(np.int64)
    arrays = {
        "observations": rows["observations"][kept],
        "actions": rows["actions"][kept],
        "rewards": rows["rewards"][kept],
        "next_observations": rows["observations"][kept + 1],
        "terminals": terminals[kept].astype(np.uint8),
        "episodes": episodes[kept],
    }
    complete = np.flatnonzero(ends)
    everything = complete if ends[-1] else np.append(complete, num_rows - 1)
    return Filtered(
        arrays=arrays,
        kept=kept.astype(np.int64),
        unfiltered_returns=returns_at(rows["rewards"], everything),
        complete_returns=returns_at(rows["rewards"], complete),
        num_dropped=num_rows - len(kept),
    )


def _timeouts_by_horizon(terminals: np.ndarray, horizon: int) -> np.ndarray:
    timeouts = np.zeros(len(terminals), dtype=bool)
    step = 0
    for row in range(len(terminals)):
        if step == horizon - 1:
            timeouts[row] = True
            step = 0
            continue
        if terminals[row]:
            step = 0
        step += 1  # after a terminal too, as in D4RL
    return timeouts


def maze_jumps(observations: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Rows whose successor lies elsewhere in the maze although no episode ended there.

    Args: observations [n, d] with x and y first; ends [n] bool, rows flagged as terminal or time-out.
    Returns [n] bool; the last row never counts.
    """
    jumps = np.zeros(len(observations), dtype=bool)
    distance = np.linalg.norm(np.diff(observations[:, :2], axis=0), axis=1)
    jumps[:-1] = (distance > MAZE_JUMP_DISTANCE) & ~ends[:-1]
    return jumps


def with_fixed_timeouts(rows: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The rows with time-outs where the agent is put elsewhere, and nowhere else.

    Antmaze-v0 files flag other rows than those before a reset. Raises DatasetError for observations
    without a position.
    """
    if rows["observations"].shape[1] < 2:
        raise DatasetError("fix_timeouts needs observations that begin with x and y.")
    nowhere = np.zeros(len(rows["terminals"]), dtype=bool)
    fixed = maze_jumps(rows["observations"], nowhere)
    fixed[-1] = True
    return {**rows, "timeouts": fixed}


def states_before(rows: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The simulator's states from which the rows' steps were taken: `qpos` and `qvel` [n, ...].

    D4RL's antmaze generator stores a row's state after its step (generate_ant_maze_datasets.py), so there
    row i's own state is row i - 1's, and an episode's first one is not known (NaN). This is seen from the
    observation where it begins with the position; elsewhere states are taken as stored. Empty where the
    rows hold no states.
    """
    if any(key not in rows or rows[key].ndim != 2 for key in ("infos/qpos", "infos/qvel")):
        return {}
    qpos, qvel = rows["infos/qpos"], rows["infos/qvel"]
    ends = rows["terminals"] | rows.get("timeouts", np.zeros_like(rows["terminals"]))
    if not _states_come_after(rows["observations"], qpos, ends):
        return {"qpos": qpos, "qvel": qvel}
    unknown = np.append(True, ends[:-1])[:, None]
    shifted = {"qpos": np.roll(qpos, 1, axis=0), "qvel": np.roll(qvel, 1, axis=0)}
    return {name: np.where(unknown, values.dtype.type(np.nan), values) for name, values in shifted.items()}


def _states_come_after(observations: np.ndarray, qpos: np.ndarray, ends: np.ndarray) -> bool:
    width = qpos.shape[1]
    inside = np.flatnonzero(~ends[:-1])
    if observations.shape[1] < width or len(inside) == 0:
        return False
    own = np.abs(observations[inside, :width] - qpos[inside]).max(axis=1)
    following = np.abs(observations[inside + 1, :width] - qpos[inside]).max(axis=1)
    return bool(np.median(following) < 1e-5 < np.median(own))


def return_ranges(filtered: Filtered) -> dict[str, list[float] | None]:
    """Smallest and largest trajectory return by each rule of `transforms.return_range`."""
    arrays = filtered.arrays
    ends = official_ends(arrays["observations"], arrays["next_observations"], arrays["terminals"])
    windows = corl_ends(arrays["terminals"], CORL_MAX_EPISODE_STEPS)
    return {
        "official": _extremes(returns_at(arrays["rewards"], ends)),
        "corl": _extremes(returns_at(arrays["rewards"], windows)),
        "unfiltered": _extremes(filtered.unfiltered_returns),
    }


def _extremes(returns: np.ndarray) -> list[float] | None:
    if len(returns) == 0:
        return None
    return [round(float(returns.min()), 6), round(float(returns.max()), 6)]


def return_statistics(filtered: Filtered) -> dict[str, Any]:
    """Mean, standard deviation (n), minimum and maximum over the complete episodes of the source.

    Where no episode was completed the four numbers are None.
    """
    returns = filtered.complete_returns
    statistics: dict[str, Any] = {"complete_episodes": len(returns)}
    for name in ("mean", "std", "min", "max"):
        statistics[name] = round(float(getattr(returns, name)()), 6) if len(returns) else None
    return statistics


def clip_to_bounds(
    rows: dict[str, np.ndarray], where: str, limit: float, action_clip: float | None
) -> tuple[dict[str, np.ndarray], int]:
    """Actions within +-limit: clipped where the task names a clip, refused otherwise.

    Args: limit: the environment's bound; action_clip: the task's named clip or None.
    Returns the rows and the number of action entries that were clipped. Raises DatasetError.
    """
    actions = rows["actions"]
    if action_clip is not None:
        bound = np.float32(action_clip)
        outside = int((np.abs(actions) > bound).sum())
        if outside:
            rows = {**rows, "actions": np.clip(actions, -bound, bound)}
        return rows, outside
    # Actions stored in float32 may round a last bit past the bound.
    outside_rows = np.flatnonzero((np.abs(actions) > np.float32(limit) * np.float32(1 + 1e-6)).any(axis=1))
    if len(outside_rows):
        raise DatasetError(
            f"{where} holds actions outside [-{limit:g}, {limit:g}] in {len(outside_rows)} rows, "
            f"the first in row {int(outside_rows[0])} (largest {float(np.abs(actions).max()):g}); "
            "where this is right for a task, its action_clip in tasks.csv says so."
        )
    return rows, 0
