"""Every environment of tasks.csv starts; what cannot be made is refused."""

import tempfile
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from recheck.errors import DatasetError

from algos.envs import make as make_module
from tests.algos.envs.tasks import TASKS, make

ENVIRONMENTS = sorted(
    {(t.environment_id, t.adapter, t.horizon, t.observation_dim, t.action_dim) for t in TASKS.values()},
    key=str,
)


@pytest.mark.parametrize(
    ("environment_id", "adapter", "horizon", "observation_dim", "action_dim"), ENVIRONMENTS
)
def test_every_environment_of_tasks_csv_starts_steps_and_scores(
    environment_id: str, adapter: str, horizon: int, observation_dim: int, action_dim: int
) -> None:
    with make_module.make_vector(
        environment_id, adapter, horizon, 2, observation_dim=observation_dim, action_dim=action_dim
    ) as batch:
        observations = batch.reset([3, 4])
        assert observations.shape == (2, observation_dim)
        assert observations.dtype == np.float32
        np.testing.assert_array_equal(batch.reset([3, 4]), observations)
        assert not np.array_equal(observations[0], observations[1])
        rng = np.random.default_rng(0)
        for _ in range(5):
            observations, rewards, active = batch.step(rng.uniform(-1, 1, (2, action_dim)))
            assert observations.shape == (2, observation_dim)
            assert np.isfinite(observations).all()
            assert np.isfinite(rewards).all()
        assert active.dtype == bool


@pytest.mark.parametrize("name", ["antmaze-umaze-v2", "antmaze-large-diverse-v0", "maze2d-umaze-v1"])
def test_a_maze_leaves_no_file_in_the_temporary_folder(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    environment = make(name)
    assert Path(environment.unwrapped.tmp_xml_file_path).parent == tmp_path  # type: ignore[attr-defined]
    assert list(tmp_path.iterdir()) == []
    environment.reset(seed=0)  # the file is read in `make` alone
    environment.step(np.zeros(environment.action_space.shape or (), np.float32))
    environment.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "horizon"),
    [
        ("antmaze-umaze-v0", 700),
        ("kitchen-complete-v0", 280),
        ("maze2d-umaze-v1", 300),
        ("door-human-v1", 200),
        ("hammer-human-v1", 200),
        ("relocate-human-v1", 200),
    ],
)
def test_horizons(name: str, horizon: int) -> None:
    environment = make(name)
    environment.reset(seed=0)
    still = np.zeros(environment.action_space.shape or (), np.float32)
    steps = 0
    ended = False
    while not ended:
        *_, terminated, truncated, _ = environment.step(still)
        steps += 1
        assert not terminated
        ended = truncated
    assert steps == horizon
    environment.close()


# --- Refusals ---


def refused(match: str, *arguments: Any, **options: Any) -> None:
    with pytest.raises(DatasetError, match=match) as caught:
        make_module.make(*arguments, **options)
    assert "\n" not in str(caught.value)


def test_without_its_adapter_an_environment_is_refused() -> None:
    """By what it observes, by its width, or by its own limit on the steps."""
    refused("no flat observation", "AntMaze_UMaze-v4", "none", 700)
    refused("no flat observation", "FrankaKitchen-v1", "none", 280)
    refused("ends after 200 steps, but the task after 100", "AdroitHandPen-v1", "none", 100)
    refused("width 31, but the data have 29", "AntMaze_UMaze-v4",
            "flatten:keys=achieved_goal,observation,desired_goal", 700, observation_dim=29)  # fmt: skip
    refused("width 59, but the data have 60", "FrankaKitchen-v1", "flatten:keys=observation", 280,
            observation_dim=60)  # fmt: skip
    refused("actions of width 3, but the data have 6", "Hopper-v4", "none", 1000, action_dim=6)


def test_the_door_demonstrations_longer_than_the_horizon_do_not_matter() -> None:
    """They have 223 to 300 steps; what counts is the environment's limit against tasks.csv."""
    task = TASKS["door-human-demos-v0"]
    assert task.horizon == gymnasium.registry["AdroitHandDoor-v1"].max_episode_steps == 200
    make("door-human-demos-v0").close()


@pytest.mark.parametrize(
    ("adapter", "word"),
    [
        ("antmaze", "needs goal_cell, goal_per, not none"),
        ("antmaze:goal_cell=3,1;goal_per=day", "goal_per=run and =episode"),
        ("antmaze:goal_cell=0,0;goal_per=run", "wall or outside"),
        ("antmaze:goal_cell=9,9;goal_per=run", "wall or outside"),
        ("antmaze:goal_cell=here;goal_per=run", "row,column"),
        ("antmaze:goal_cell", "name:key=value"),
        ("mine", "known are adroit, antmaze"),
        ("flatten:keys=smell", "does not observe smell"),
    ],
)
def test_bad_adapters_are_refused(adapter: str, word: str) -> None:
    refused(word, "AntMaze_UMaze-v4", adapter, 700)


def test_unknown_names_are_refused_with_what_is_known() -> None:
    refused("known with that beginning are .*Hopper-v4", "Hopper-v77")
    refused("has no task sink", "FrankaKitchen-v1", "kitchen:tasks=sink", 280)
