"""A file of a famous name has to be that file by its content."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from recheck.files import read_json
from recheck.tasks import TASKS_FILE, load_tasks

from algos.datasets.prepare import prepare
from algos.datasets.published import (
    FILES,
    famous_name,
    moment_differences,
    published_files,
    uniform_actions,
)

KITCHEN = {"kitchen-complete-v0": 556_544, "kitchen-partial-v0": 19_558_459, "kitchen-mixed-v0": 19_560_760}


def test_the_list_of_files_keeps_its_schema() -> None:
    schema = read_json(TASKS_FILE.parents[1] / "schemas" / "d4rl_files.schema.json")
    jsonschema.validate(read_json(FILES), schema)
    moments = [name for name, entry in published_files().items() if "observation_mean" in entry]
    assert len(moments) == 12
    tasks = load_tasks()
    for name in moments:
        entry = published_files()[name]
        assert len(entry["observation_mean"]) == len(entry["observation_std"])
        if name in tasks:
            assert len(entry["observation_mean"]) == tasks[name].observation_dim
            assert entry["transitions"] == tasks[name].expected_transitions


@pytest.mark.parametrize("name", KITCHEN)
def test_kitchen_files_have_their_hashes(name: str) -> None:
    task = load_tasks()[name]
    assert task.size_bytes == KITCHEN[name]
    assert task.sha256 is not None
    assert published_files()[name]["rows"] in (3680, 136_950)


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
