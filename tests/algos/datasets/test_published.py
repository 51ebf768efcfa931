"""A file of a famous name has to be that file by its content."""

import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import jsonschema
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from recheck.files import read_json
from recheck.tasks import TASKS_FILE, load_tasks

from algos.datasets import minari_export
from algos.datasets.prepare import prepare
from algos.datasets.published import (
    FILES,
    famous_name,
    moment_differences,
    published_files,
    uniform_actions,
)

# Bytes, SHA-256, rows and episodes of the published files, as their record has them.
KITCHEN = {
    "kitchen-complete-v0": (
        556_544,
        "cd797c38cd52dfbe3f960cef73935cc724847abd189e47a703a7a2315ed60a81",
        3680,
        19,
    ),
    "kitchen-partial-v0": (
        19_558_459,
        "57bfd9c5fe88a7cf702bbaf8b7cd800d30cd869e7f73416007238d26cd859800",
        136_950,
        613,
    ),
    "kitchen-mixed-v0": (
        19_560_760,
        "a30382a50278fdaea2e2d88e5f2836a95bcf9b581d252617872fd6537302721b",
        136_950,
        613,
    ),
}
# SHA-256 (16 digits) of the published means and standard deviations of observations, as JSON.
# A changed digit in d4rl_files.json shows here.
MOMENTS = {
    "halfcheetah-expert-v2": "37eaee884eb6a779",
    "halfcheetah-medium-expert-v2": "7c87a567c72ff7ce",
    "halfcheetah-medium-replay-v2": "b12b0b815db32f58",
    "halfcheetah-medium-v2": "e7abd9fad8555f66",
    "hopper-expert-v2": "f8512b9fbffe5922",
    "hopper-medium-expert-v2": "d75b487c36db6803",
    "hopper-medium-replay-v2": "47571d94ade40f29",
    "hopper-medium-v2": "2a95da42d62fefb2",
    "walker2d-expert-v2": "fe75753474a3011d",
    "walker2d-medium-expert-v2": "bcd8f79bfda926fe",
    "walker2d-medium-replay-v2": "a4d6f2407093c239",
    "walker2d-medium-v2": "67b1fc3a8743628a",
}


def test_the_list_of_files_keeps_its_schema() -> None:
    schema = read_json(TASKS_FILE.parents[1] / "schemas" / "d4rl_files.schema.json")
    jsonschema.validate(read_json(FILES), schema)
    moments = [name for name, entry in published_files().items() if "observation_mean" in entry]
    assert sorted(moments) == sorted(MOMENTS)
    tasks = load_tasks()
    for name in moments:
        entry = published_files()[name]
        assert len(entry["observation_mean"]) == len(entry["observation_std"])
        if name in tasks:
            assert len(entry["observation_mean"]) == tasks[name].observation_dim
            assert entry["transitions"] == tasks[name].expected_transitions


@pytest.mark.parametrize("name", KITCHEN)
def test_kitchen_files_have_their_hashes(name: str) -> None:
    task, entry = load_tasks()[name], published_files()[name]
    assert (task.size_bytes, task.sha256, entry["rows"], entry["episodes"]) == KITCHEN[name]


@pytest.mark.parametrize("name", MOMENTS)
def test_the_moments_are_the_published_digits(name: str) -> None:
    entry = published_files()[name]
    text = json.dumps([entry["observation_mean"], entry["observation_std"]])
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == MOMENTS[name]


@pytest.mark.parametrize(
    ("name", "famous"),
    [
        ("hopper_medium-v2", "hopper-medium-v2"),
        ("own-hopper-medium-v2", "hopper-medium-v2"),
        ("D4RL/hopper/medium-v2", "hopper-medium-v2"),
        ("hopper-medium-expert-v2.parquet", "hopper-medium-expert-v2"),
        ("Walker2d_Expert", "walker2d-expert-v2"),
        ("my halfcheetah medium replay v2", "halfcheetah-medium-replay-v2"),
        ("kitchen-partial-v0", "kitchen-partial-v0"),
        ("hopper-medium-v0", None),
        ("hopper-mediumish-v2", None),
        ("mydata", None),
        ("HopperMediumExpert", "hopper-medium-expert-v2"),
        ("HalfCheetahMedium", "halfcheetah-medium-v2"),
    ],
)
def test_names(name: str, famous: str | None) -> None:
    assert famous_name([name], list(published_files())) == famous


def like(entry: dict[str, Any], rows: int, seed: int = 0) -> np.ndarray:
    """Observations with exactly the published moments."""
    noise = np.random.default_rng(seed).standard_normal((rows, len(entry["observation_mean"])))
    noise = (noise - noise.mean(axis=0)) / noise.std(axis=0)
    return (np.asarray(entry["observation_mean"]) + noise * np.asarray(entry["observation_std"])).astype(
        np.float32
    )


@pytest.mark.parametrize(
    "name", [name for name, entry in published_files().items() if "observation_mean" in entry]
)
def test_moments(name: str) -> None:
    entry = published_files()[name]
    observations = like(entry, 4000)
    assert moment_differences(entry, observations) == []
    shifted = observations.copy()
    shifted[:, 3] += 0.02 * entry["observation_std"][3]
    assert moment_differences(entry, shifted)[0].startswith("observation 3 has mean")
    other = next(e for n, e in published_files().items() if n != name and "observation_mean" in e)
    assert moment_differences(entry, like(other, 4000))


def test_uniform_actions_are_no_policys() -> None:
    rng = np.random.default_rng(0)
    assert uniform_actions(rng.uniform(-1, 1, (3000, 6)).astype(np.float32)) == [
        "its actions are uniform random on [-1, 1]"
    ]
    assert uniform_actions(np.tanh(rng.normal(size=(3000, 6))).astype(np.float32)) == []


def prepared(task: Any, write_rows: Any, rows: Any, name: str, tmp_path: Path) -> dict[str, Any]:
    return prepare(task(write_rows(rows, name), task="own-x"), tmp_path / "own-x")


def test_own_data_of_a_famous_name_are_marked(
    make_rows: Any, write_rows: Any, hopper_task: Any, tmp_path: Path
) -> None:
    rows = make_rows((1000, 1000))
    manifest = prepared(hopper_task, write_rows, rows, "hopper_medium-v2.hdf5", tmp_path)
    assert manifest["comparability"] == "unverified"
    reason = manifest["comparability_reason"]
    assert reason.startswith(
        "named like hopper-medium-v2, but it is not that file: 1,998 transitions (999,998 pub"
    )
    for word in ("return mean", "observation ", "its actions are uniform random"):
        assert word in reason
    assert manifest["identity"]["named_like"] == "hopper-medium-v2"
    manifest = prepared(hopper_task, write_rows, rows, "mydata.hdf5", tmp_path)
    assert (manifest["identity"], manifest["comparability_reason"]) == (None, "a file of unknown origin")


def as_hdf5(rows: dict[str, np.ndarray], folder: Path) -> Path:
    with h5py.File(folder / "hopper-medium-v2.hdf5", "w") as file:
        for key, values in rows.items():
            file[key] = values
    return folder / "hopper-medium-v2.hdf5"


def as_parquet(rows: dict[str, np.ndarray], folder: Path) -> Path:
    path = folder / "hopper-medium-v2.parquet"
    pq.write_table(pa.table({key: pa.array(values.tolist()) for key, values in rows.items()}), path)
    return path


def as_minari(rows: dict[str, np.ndarray], folder: Path) -> Path:
    ends = np.flatnonzero(rows["timeouts"])
    arrays = {
        **{key: rows[key] for key in ("observations", "actions", "rewards", "terminals")},
        "next_observations": np.roll(rows["observations"], -1, axis=0),
        "episodes": np.searchsorted(ends, np.arange(len(rows["rewards"]))),
    }
    minari_export.export(folder, load_tasks()["hopper-medium-v2"], arrays, {}, "made for a test")
    name = minari_export.dataset_id("hopper-medium-v2")
    return (folder / name).rename(folder / "hopper-medium-v2")


@pytest.mark.parametrize("write", [as_hdf5, as_parquet, as_minari])
def test_files_in_another_form_are_compared_by_their_rows(
    make_rows: Any, hopper_task: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Any
) -> None:
    """Another form has another hash; counts and moments are the same in each."""
    rows = make_rows((1000, 1000))
    rows["actions"] = np.tanh(np.random.default_rng(1).normal(size=(2000, 3))).astype(np.float32)
    task = hopper_task(write(rows, tmp_path), task="own-x")
    identity = prepare(task, tmp_path / "own-x")["identity"]
    assert identity["named_like"] == "hopper-medium-v2"
    assert identity["compared"] == ["transitions", "returns", "observation moments"]
    transitions, returns, *moments = identity["differences"]
    assert transitions == "1,998 transitions (999,998 published)"
    assert returns.startswith("return mean ")
    assert re.match(r"observation \d+ has mean ", moments[0])
    entry = {
        "transitions": 1998,
        "observation_mean": rows["observations"].mean(axis=0).tolist(),
        "observation_std": rows["observations"].std(axis=0).tolist(),
    }
    monkeypatch.setattr("algos.datasets.published.published_files", lambda: {"hopper-medium-v2": entry})
    assert prepare(task, tmp_path / "own-x")["identity"] == {
        "named_like": "hopper-medium-v2",
        "compared": ["transitions", "observation moments"],
        "differences": [],
    }


@pytest.mark.parametrize(
    ("file", "famous", "word"),
    [
        (
            "mini_kitchen_microwave_kettle_light_slider-v0.hdf5",
            "kitchen-complete-v0",
            "2,000 rows (3,680 pub",
        ),
        ("pen-v0_demos_clipped.hdf5", "pen-human-v0", "its SHA-256 is not the published one"),
    ],
)
def test_d4rls_own_file_names_are_famous_too(
    make_rows: Any, write_rows: Any, hopper_task: Any, tmp_path: Path, file: str, famous: str, word: str
) -> None:
    manifest = prepared(hopper_task, write_rows, make_rows((1000, 1000)), file, tmp_path)
    assert manifest["identity"]["named_like"] == famous
    assert word in manifest["comparability_reason"]


def test_the_published_hash_says_all(
    make_rows: Any, write_rows: Any, hopper_task: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "kitchen-complete-v0"
    found = hashlib.sha256(write_rows(make_rows((1000, 1000)), f"{name}.hdf5").read_bytes()).hexdigest()
    monkeypatch.setattr("algos.datasets.published.published_hashes", lambda: {name: found})
    task = hopper_task(tmp_path / f"{name}.hdf5", task="own-x")
    assert prepare(task, tmp_path / "own-x")["identity"] == {
        "named_like": name,
        "compared": ["SHA-256"],
        "differences": [],
    }


def test_data_that_agree_in_everything_published_say_so(
    make_rows: Any, write_rows: Any, hopper_task: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = make_rows((1000, 1000))
    rows["actions"] = np.tanh(np.random.default_rng(1).normal(size=(2000, 3))).astype(np.float32)
    entry = {
        "transitions": 1998,
        "observation_mean": rows["observations"].mean(axis=0).tolist(),
        "observation_std": rows["observations"].std(axis=0).tolist(),
    }
    monkeypatch.setattr("algos.datasets.published.published_files", lambda: {"hopper-medium-v2": entry})
    manifest = prepared(hopper_task, write_rows, rows, "hopper-medium-v2.hdf5", tmp_path)
    expected = "its transitions, observation moments equal those published of hopper-medium-v2"
    assert manifest["comparability_reason"] == expected
    rows["actions"] = make_rows((1000, 1000))["actions"]
    manifest = prepared(hopper_task, write_rows, rows, "hopper-medium-v2.hdf5", tmp_path)
    assert manifest["identity"]["differences"] == ["its actions are uniform random on [-1, 1]"]


def test_a_task_that_claims_the_original_is_marked_too(
    make_rows: Any, write_rows: Any, tmp_path: Path
) -> None:
    task = load_tasks()["hopper-medium-v2"]
    unchecked = {f"expected_return_{name}": None for name in ("mean", "std", "min", "max")}
    task = replace(task, urls=(), sha256=None, size_bytes=None, expected_transitions=None, **unchecked)
    manifest = prepare(replace(task, path=str(write_rows(make_rows((1000, 1000))))), tmp_path / task.task)
    assert manifest["comparability"] == "unverified"
    assert "it is not that file" in manifest["comparability_reason"]
