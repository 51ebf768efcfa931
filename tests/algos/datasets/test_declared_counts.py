"""Counts that a source states of itself are compared with what was read."""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from recheck.errors import DatasetError

from algos.datasets.prepare import prepare
from algos.datasets.transitions import MANIFEST_FILE, load_transitions


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("total_steps", 30, 31),
        ("num_transitions", 30, 29),
        ("n_samples", np.int32(30), np.int32(60)),
        ("total_episodes", 3, 2),
        ("num_trajectories", 3.0, 4.0),
        ("observation_shape", [11], [17]),
        ("action_size", 3, 6),
        ("episode_lengths", [12, 8, 10], [12, 8, 9]),
        ("traj_lengths", [12, 8, 10], [20, 10]),
    ],
)
def test_hdf5_attributes_and_datasets(
    make_rows: Any, write_rows: Any, hopper_task: Any, tmp_path: Path, name: str, right: Any, wrong: Any
) -> None:
    for place in ("attribute", "dataset"):
        for value, refused in ((right, False), (wrong, True)):
            path = write_rows(make_rows((12, 8, 10)), f"{place}-{refused}.hdf5")
            with h5py.File(path, "a") as file:
                if place == "attribute":
                    file.attrs[name] = value
                else:
                    file.create_dataset(f"metadata/{name}", data=value)
            if refused:
                with pytest.raises(DatasetError, match=rf"declares .*{name}\), but [0-9]+ were read"):
                    prepare(hopper_task(path), tmp_path / "tiny-v0")
            else:
                assert prepare(hopper_task(path), tmp_path / "tiny-v0")["num_episodes"] == 3


def test_other_numbers_are_no_counts(
    make_rows: Any, write_rows: Any, hopper_task: Any, tmp_path: Path
) -> None:
    path = write_rows(make_rows())
    with h5py.File(path, "a") as file:
        file.attrs["iteration"] = 7
        file.attrs["total_steps_of_training"] = 1_000_000
    assert prepare(hopper_task(path), tmp_path / "tiny-v0")["num_episodes"] == 3


@pytest.mark.parametrize("name", ["num_transitions", "num_episodes", "observation_dim", "action_dim"])
def test_a_manifest_counts_its_rows(
    make_rows: Any, write_rows: Any, hopper_task: Any, tmp_path: Path, name: str
) -> None:
    prepare(hopper_task(write_rows(make_rows())), tmp_path / "tiny-v0")
    path = tmp_path / "tiny-v0" / MANIFEST_FILE
    manifest = json.loads(path.read_text())
    manifest[name] += 1
    path.write_text(json.dumps(manifest))
    with pytest.raises(DatasetError, match=rf"declares {name} .*To prepare it again: `rm -r"):
        load_transitions(tmp_path / "tiny-v0")
