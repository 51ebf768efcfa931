"""Stored steps are made again before training; what is not the environment's is refused."""

from pathlib import Path
from typing import Any

import gymnasium
import h5py
import numpy as np
import pytest
from recheck.errors import DatasetError

from algos.datasets.prepare import prepare
from algos.datasets.transitions import load_transitions
from algos.envs import make
from algos.recollect.collect import recollect

ROWS = 400


@pytest.fixture(scope="module")
def walker() -> dict[str, np.ndarray]:
    return recollect("walker2d-medium", ROWS, 0)


@pytest.fixture
def walker_task(hopper_task: Any, write_rows: Any) -> Any:
    def make_task(rows: dict[str, np.ndarray], environment: str = "Walker2d-v4", **values: Any) -> Any:
        return hopper_task(write_rows(rows), environment_id=environment, **values)

    return make_task


def test_the_datas_own_environment_agrees(walker: Any, walker_task: Any, tmp_path: Path) -> None:
    manifest = prepare(walker_task(walker), tmp_path / "own-v0")
    check = manifest["environment_check"]
    assert check["verdict"] == "agrees"
    assert check["rows_checked"] == ROWS
    assert check["conclusion"].startswith("Walker2d-v4 agrees on 400 stored steps")


def test_another_environment_of_equal_widths_is_refused(
    walker: Any, walker_task: Any, tmp_path: Path
) -> None:
    with pytest.raises(DatasetError, match=r"again in HalfCheetah-v4 leads elsewhere .*another environment"):
        prepare(walker_task(walker, "HalfCheetah-v4"), tmp_path / "own-v0")
    assert not (tmp_path / "own-v0").exists()


def test_a_dataset_named_in_the_table_is_measured_only(walker: Any, walker_task: Any, tmp_path: Path) -> None:
    manifest = prepare(walker_task(walker, "HalfCheetah-v4", comparability="recollected"), tmp_path / "x-v0")
    assert "leads elsewhere" in manifest["environment_check"]["conclusion"]


def test_actions_that_were_not_played_are_refused(walker: Any, walker_task: Any, tmp_path: Path) -> None:
    actions = np.random.default_rng(0).uniform(-1, 1, walker["actions"].shape).astype(np.float32)
    with pytest.raises(DatasetError, match="not those that were played"):
        prepare(walker_task({**walker, "actions": actions}), tmp_path / "own-v0")


def test_missing_ends_are_seen_where_states_are_stored(walker: Any, walker_task: Any, tmp_path: Path) -> None:
    rows = {name: np.concatenate([v[:50], v[100:150], v[200:250]]) for name, v in walker.items()}
    del rows["next_observations"]
    rows["terminals"][:], rows["timeouts"][:] = False, False
    with pytest.raises(
        DatasetError, match=r"2 of 149 stored steps lead elsewhere .*ends of episodes are missing"
    ):
        prepare(walker_task(rows), tmp_path / "own-v0")


def test_terminals_that_do_not_end_the_episode_are_refused(
    walker: Any, walker_task: Any, tmp_path: Path
) -> None:
    rows = {name: values[:60].copy() for name, values in walker.items()}
    rows["timeouts"][:], rows["terminals"][:] = False, False
    rows["terminals"][[17, 40]] = True
    with pytest.raises(DatasetError, match=r"2 of 2 terminals .*do not end the episode in Walker2d-v4"):
        prepare(walker_task(rows), tmp_path / "own-v0")
    manifest = prepare(walker_task(rows, ends="terminal"), tmp_path / "own-v0")
    assert manifest["episode_ends"]["terminals"] == 2


def test_states_of_another_size_are_another_environments(
    walker: Any, walker_task: Any, tmp_path: Path
) -> None:
    rows = {**walker, "infos/qpos": walker["infos/qpos"][:, 1:]}
    with pytest.raises(
        DatasetError, match=r"states of 9 and 9 numbers, the file 8 and 9, so its steps were not"
    ):
        prepare(walker_task(rows), tmp_path / "own-v0")


def test_without_states_the_reason_is_reported(make_rows: Any, walker_task: Any, tmp_path: Path) -> None:
    manifest = prepare(walker_task(make_rows(), "Hopper-v4"), tmp_path / "own-v0")
    assert manifest["environment_check"]["conclusion"].startswith(
        "cannot be checked: the dataset holds no state"
    )


# --- Any registered environment, whatever the bounds of its actions ---


def test_actions_are_scaled_to_one_where_the_bounds_are_others(tmp_path: Path, hopper_task: Any) -> None:
    environment = gymnasium.make("Pusher-v5")
    high = float(environment.action_space.high[0])
    assert high == 2.0
    rng = np.random.default_rng(0)
    rows: dict[str, list[Any]] = {"observations": [], "actions": [], "rewards": [], "qpos": [], "qvel": []}
    observation, _ = environment.reset(seed=0)
    for _ in range(100):
        action = rng.uniform(-2, 2, 7).astype(np.float32)
        data = environment.unwrapped.data
        rows["qpos"].append(data.qpos.copy())
        rows["qvel"].append(data.qvel.copy())
        rows["observations"].append(observation)
        rows["actions"].append(action)
        observation, reward, *_ = environment.step(action)
        rows["rewards"].append(reward)
    with h5py.File(tmp_path / "file.hdf5", "w") as file:
        for name in ("observations", "actions", "rewards"):
            file[name] = np.array(rows[name])
        file["infos/qpos"], file["infos/qvel"] = np.array(rows["qpos"]), np.array(rows["qvel"])
        file["terminals"] = np.zeros(100, bool)
        file["timeouts"] = np.arange(100) == 99
    task = hopper_task(tmp_path / "file.hdf5", environment_id="Pusher-v5", horizon=None, ends=None)
    manifest = prepare(task, tmp_path / "own-v0")
    transitions = load_transitions(tmp_path / "own-v0")
    np.testing.assert_allclose(transitions.actions, np.array(rows["actions"])[:99] / 2, atol=1e-6)
    assert manifest["horizon"] == 100
    assert manifest["action_bounds"] == [[-2.0] * 7, [2.0] * 7]
    # The environment that evaluates scales them back: its steps are the stored ones.
    assert manifest["environment_check"]["verdict"] == "agrees"
    unit = make.make("Pusher-v5")
    assert unit.action_space.high.tolist() == [1.0] * 7


def test_action_clip_is_counted_and_checked(
    make_rows: Any, write_rows: Any, hopper_task: Any, tmp_path: Path
) -> None:
    rows = make_rows()
    rows["actions"][[3, 5]] = 1.5
    path = write_rows(rows)
    with pytest.raises(DatasetError, match=r"outside \[-1, 1\] in 2 rows.*action_clip=1"):
        prepare(hopper_task(path), tmp_path / "own-v0")
    manifest = prepare(hopper_task(path, action_clip=1.0), tmp_path / "own-v0")
    assert manifest["num_clipped_action_entries"] == 6
    with pytest.raises(DatasetError, match="action_clip=5 is not a bound"):
        prepare(hopper_task(path, action_clip=5.0), tmp_path / "own-v0")


def test_an_environment_that_cannot_be_made_is_one_message() -> None:
    with pytest.raises(DatasetError, match="cannot be made here"):
        make.make("Hopper-v2")
    with pytest.raises(DatasetError, match="cannot be imported"):
        make.make("no_such_module:Thing-v0")
