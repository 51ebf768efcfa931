"""Rows as a Minari dataset."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from algos.datasets import minari_export, minari_format
from algos.datasets.minari_export import NOT_EXPORTED, dataset_id, episode_slices, export


@pytest.mark.parametrize(
    ("task", "wanted"),
    [
        ("hopper-medium-v2", "recheck/hopper-medium-v2"),
        ("my data.x", "recheck/my-data-x-v0"),
        ("a/b-v10", "recheck/a-b-v10"),
        ("v2-first", "recheck/v2-first-v0"),
    ],
)
def test_an_id_has_a_version(task: str, wanted: str) -> None:
    assert dataset_id(task) == wanted


def test_rows_of_one_number_are_an_episode() -> None:
    assert episode_slices(np.array([4, 4, 4, 7, 9, 9])) == [(0, 3), (3, 4), (4, 6)]
    assert episode_slices(np.array([1])) == [(0, 1)]


def rows() -> dict[str, np.ndarray]:
    """Two episodes of 3 and 2 rows; the first ends with a terminal. One action is beyond 1."""
    observations = np.arange(10, dtype=np.float32).reshape(5, 2)
    return {
        "observations": observations,
        "actions": np.array([[0.5], [1.5], [0.0], [0.1], [0.2]], dtype=np.float32),
        "rewards": np.arange(5, dtype=np.float32),
        "next_observations": observations + 0.5,
        "terminals": np.array([0, 0, 1, 0, 0], dtype=np.uint8),
        "episodes": np.array([0, 0, 0, 1, 1]),
    }


def test_an_episode_has_its_last_next_observation_and_its_own_end(hopper_task: Any, tmp_path: Any) -> None:
    states = {"qpos": np.arange(5.0)[:, None]}
    export(tmp_path, hopper_task(), rows(), states, "made for a test")
    identity = dataset_id("tiny-v0")
    found = minari_format.read(minari_format.find(tmp_path, identity), identity)
    for name in ("observations", "actions", "rewards", "terminals"):
        np.testing.assert_array_equal(found.arrays[name], rows()[name])
    # Inside of an episode the next observation is the following row's.
    np.testing.assert_array_equal(found.arrays["next_observations"][:2], rows()["observations"][1:3])
    np.testing.assert_array_equal(
        found.arrays["next_observations"][[2, 4]], rows()["next_observations"][[2, 4]]
    )
    assert found.flags.timeouts.tolist() == [False, False, False, False, True]
    np.testing.assert_array_equal(found.states["qpos"], states["qpos"])


def test_minari_reads_it_with_its_reference_scores(hopper_task: Any, tmp_path: Any, monkeypatch: Any) -> None:
    import minari

    export(tmp_path, hopper_task(), rows(), {}, "made for a test")
    without = replace(hopper_task(), task="other-v0", reference_min_score=None)
    export(tmp_path, without, rows(), {}, "made for a test")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    dataset = minari.load_dataset("recheck/tiny-v0")
    assert (dataset.total_episodes, dataset.total_steps) == (2, 5)
    assert dataset.storage.metadata["ref_max_score"] == 3234.3
    assert dataset.action_space.high.tolist() == [1.5]
    assert dataset.observation_space.shape == (2,)
    assert "ref_max_score" not in minari.load_dataset("recheck/other-v0").storage.metadata


def test_independent_transitions_are_not_written(hopper_task: Any, tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(minari_export, "MOST_SINGLE_STEP_EPISODES", 3)
    single = {**rows(), "episodes": np.arange(5)}
    export(tmp_path / "a", hopper_task(), single, {}, "")
    assert [path.name for path in (tmp_path / "a").iterdir()] == [NOT_EXPORTED]
    assert "independent transitions" in (tmp_path / "a" / NOT_EXPORTED).read_text()
