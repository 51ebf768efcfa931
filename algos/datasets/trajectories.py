"""Where trajectories begin and end, by each of the rules that released code uses, and their returns."""

import numpy as np

# A state further than this from the one before it belongs to another trajectory (IQL's rule).
STATE_JUMP = 1e-6
# CORL cuts after so many rows whatever the task's horizon (iql.py:234).
CORL_MAX_EPISODE_STEPS = 1000


def official_ends(
    observations: np.ndarray, next_observations: np.ndarray, terminals: np.ndarray
) -> np.ndarray:
    """Last row of each trajectory by the rule of official IQL, on filtered rows.

    A trajectory ends where |s'_i - s_{i+1}| > 1e-6, at a terminal, and at the last row
    (ikostrikov/implicit_q_learning dataset_utils.py:84-92).

    Args: observations, next_observations [n, d]; terminals [n]. Returns row indices [m], ascending.
    """
    num_rows = len(observations)
    ends = np.ones(num_rows, dtype=bool)
    if num_rows > 1:
        jump = np.linalg.norm(observations[1:] - next_observations[:-1], axis=1) > STATE_JUMP
        ends[:-1] = jump | (terminals[:-1] != 0)
    return np.flatnonzero(ends)


def corl_ends(terminals: np.ndarray, max_episode_steps: int = CORL_MAX_EPISODE_STEPS) -> np.ndarray:
    """Last row of each trajectory by CORL's rule, on filtered rows.

    A trajectory ends at a terminal or after `max_episode_steps` rows; an unfinished last one is left
    out (corl-team/CORL algorithms/offline/iql.py:231-243). Since each time-out has lost a row, the
    windows drift against the true episodes.

    Args: terminals [n]. Returns row indices [m], ascending.
    """
    ends: list[int] = []
    start = 0
    for stop in [*np.flatnonzero(terminals).tolist(), len(terminals) - 1]:
        ends.extend(range(start + max_episode_steps - 1, stop + 1, max_episode_steps))
        if terminals[stop] and (not ends or ends[-1] != stop):
            ends.append(stop)
        start = stop + 1
    return np.asarray(ends, dtype=np.int64)


def returns_at(rewards: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Undiscounted return of each trajectory, summed in float64.

    Args: rewards [n]; ends [m] the last row of each trajectory. Returns [m].
    """
    if len(ends) == 0:
        return np.zeros(0)
    starts = np.concatenate([[0], ends[:-1] + 1])
    used = rewards[: ends[-1] + 1].astype(np.float64)
    return np.add.reduceat(used, starts)
