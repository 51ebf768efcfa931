"""Files of d3rlpy 2: one array of each kind for each episode."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from recheck.errors import DatasetError

from algos.datasets.prepare import prepare
from algos.datasets.transitions import load_transitions

LENGTHS = (12, 8, 10, 9)
# The last episode and the second were cut; the others end with a terminal.
TERMINATED = (True, False, True, False)


@pytest.fixture
def write(make_rows: Any, tmp_path: Path) -> Callable[..., Path]:
    """Write rows as d3rlpy 2.1 does; `change` may spoil the open file."""

    def run(change: Callable[[h5py.File], None] | None = None) -> Path:
        rows, path = make_rows(LENGTHS), tmp_path / "buffer.h5"
        stops = np.cumsum(LENGTHS)
        with h5py.File(path, "w") as file:
            file["columns"] = ["observations", "actions", "rewards", "terminated"]
            file["num_episodes"] = len(LENGTHS)
            file["version"] = "2.1"
            for number, stop in enumerate(stops):
                part = slice(stop - LENGTHS[number], stop)
                for key in ("observations", "actions"):
                    file[f"{key}_{number}"] = rows[key][part]
                file[f"rewards_{number}"] = rows["rewards"][part, None]
                file[f"terminated_{number}"] = TERMINATED[number]
            if change is not None:
                change(file)
        return path

    return run


def test_episodes_are_joined_and_end_as_they_ended(
    write: Any, make_rows: Any, hopper_task: Any, tmp_path: Path
) -> None:
    manifest = prepare(hopper_task(write()), tmp_path / "own-v0")
    ends = manifest["episode_ends"]
    assert (ends["episodes"], ends["terminals"], ends["timeouts"], ends["longest_episode"]) == (4, 2, 2, 12)
    assert not any("no timeouts" in note or "Not used" in note for note in manifest["notes"])
    rows, transitions = make_rows(LENGTHS), load_transitions(tmp_path / "own-v0")
    # What follows a cut episode's last row is not kept.
    kept = np.setdiff1d(np.arange(39), [19, 38])
    np.testing.assert_array_equal(transitions.observations, rows["observations"][kept])
    np.testing.assert_array_equal(transitions.rewards, rows["rewards"][kept])
    assert np.flatnonzero(transitions.terminals).tolist() == [11, 28]


def replaced(key: str, value: Any) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file[key]
        if value is not None:
            file[key] = value

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (replaced("actions_2", None), "counts 4 episodes, but holds no actions_2"),
        (replaced("num_episodes", 3), r"counts 3 episodes \(num_episodes\), but holds more"),
        (replaced("num_episodes", np.nan), "declares nan episodes"),
        (replaced("rewards_1", np.zeros((3, 1))), "observations 8, actions 8, rewards 3 steps in episode 1"),
        (replaced("actions_1", np.zeros((8, 2))), "holds actions of different widths in its episodes"),
        (replaced("terminated_1", 2), "values other than 0 and 1 in terminals"),
        (replaced("terminated_1", [True, False]), r"terminated_1 with the shape \[2\], but one flag"),
        (replaced("observations_0", [b"a"] * 12), r"observations_0 with the type object"),
        (replaced("observations_1", h5py.SoftLink("/observations_2")), "soft link at observations_1"),
    ],
)
def test_what_does_not_fit_is_one_message(
    write: Any, hopper_task: Any, tmp_path: Path, change: Any, words: str
) -> None:
    with pytest.raises(DatasetError, match=words) as caught:
        prepare(hopper_task(write(change)), tmp_path / "own-v0")
    assert str(caught.value).count("buffer.h5") == 1


def test_observations_of_several_parts_are_reported(write: Any, hopper_task: Any, tmp_path: Path) -> None:
    def change(file: h5py.File) -> None:
        file["observations_1_0"] = file["observations_1"][()]
        del file["observations_1"]

    with pytest.raises(DatasetError, match=r"no observations_1 \(observations of several parts"):
        prepare(hopper_task(write(change)), tmp_path / "own-v0")
