"""The rows of a file or a prepared dataset that can be stepped again (`algos.envs.replay`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from algos.datasets.d4rl_rows import states_before
from algos.datasets.episode_flags import read_flags
from algos.datasets.minari_export import NOT_EXPORTED
from algos.datasets.minari_format import dataset_id, find, read
from algos.datasets.readers import read_rows
from algos.datasets.transitions import MINARI_FOLDER, load_transitions
from algos.envs.replay import (
    AGREES,
    CANNOT,
    DIFFERS,
    MEASURES,
    TOLERANCE,
    TOLERANCE_FLOAT32_STATES,
    Replay,
    check,
    divergence,
    of_arrays,
)

__all__ = [
    "AGREES",
    "CANNOT",
    "DEFAULT_ROWS",
    "DIFFERS",
    "MEASURES",
    "OLDEST_VERSION",
    "TOLERANCE",
    "TOLERANCE_FLOAT32_STATES",
    "Replay",
    "check",
    "divergence",
    "from_rows",
    "replay_of",
]

DEFAULT_ROWS = 2000
# Versions below need mujoco_py, which does not run here.
OLDEST_VERSION = 4


def replay_of(path: Path) -> Replay | str:
    """The rows of a file or a prepared dataset, or why there are none to step again.

    Raises:
        DatasetError: the file itself is bad.
    """
    return _from_prepared(path) if path.is_dir() else from_rows(read_rows(path).rows)


def from_rows(rows: Mapping[str, np.ndarray]) -> Replay | str:
    """D4RL rows with states; where `next_observations` lack, the last row of each episode is left out."""
    if "infos/qpos" not in rows or "infos/qvel" not in rows:
        return "the file holds no state for every row (infos/qpos, infos/qvel)"
    flags = read_flags(rows, "the file")
    nowhere = np.zeros(len(rows["rewards"]), dtype=bool)
    terminals = nowhere if flags.terminals is None else flags.terminals
    ends = terminals | (nowhere if flags.timeouts is None else flags.timeouts)
    for more in (flags.ends, flags.last_rows):
        ends = ends if more is None else ends | more
    states = states_before({**rows, "terminals": terminals, "timeouts": ends & ~terminals})
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
        terminals=terminals,
        goals=None if goals is None else goals.astype(np.float64),
        float32_states=qpos.dtype.itemsize < 8,
        unit_actions=False,
    )
    return everything.take(np.flatnonzero(usable))


def _from_prepared(folder: Path) -> Replay | str:
    transitions = load_transitions(folder)
    if (folder / MINARI_FOLDER / NOT_EXPORTED).is_file():
        return "its rows belong to no trajectories, so their states were not kept"
    identity = dataset_id(transitions.manifest["task"])
    stored = read(find(folder / MINARI_FOLDER, identity), identity)
    # The same rows; where those of the dataset are in no order, Minari's are trajectory by trajectory.
    following = transitions.manifest.get("next_states", {}).get("source") == "following"
    return of_arrays(stored.arrays, stored.states, following or "next_states" not in transitions.manifest)
