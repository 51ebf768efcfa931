"""The replay check agrees where it should and catches a changed environment."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium
import mujoco
import numpy as np
import pyarrow.parquet
import pytest
from recheck.errors import DatasetError
from recheck.tasks import load_tasks

from algos.datasets.hdf5 import read_d4rl_hdf5
from algos.datasets.prepare import prepare
from algos.fidelity import __main__ as fidelity_command
from algos.fidelity import replay as replay_module
from algos.recollect import catalogue, collect

FILES = [
    ("hopper-mixed-v0", "Hopper-v4"),
    ("hopper-sac-tqc-v0", "Hopper-v4"),
    ("halfcheetah-mixed-v0", "HalfCheetah-v4"),
]


def replay(path: Path, count: int | None = 400) -> replay_module.Replay:
    found = replay_module.replay_of(path)
    assert isinstance(found, replay_module.Replay)
    return found.spread(count)


@pytest.mark.parametrize(("name", "environment_id"), FILES)
def test_the_shared_files_agree_to_float32_rounding(
    shared_file: Callable[[str], Path], name: str, environment_id: str
) -> None:
    steps = replay(shared_file(f"{name}.hdf5"), 1000)
    report, rows = replay_module.check(steps, environment_id)
    assert report["verdict"] == replay_module.AGREES
    assert report["mujoco_version"] == mujoco.__version__
    # Half of float32's spacing, the measured bound behind the tolerance.
    assert report["observation"]["largest_relative"] <= 2.0**-24 * (1 + 1e-3)
    assert report["reward"]["largest_relative"] <= 2.0**-24 * (1 + 1e-3)
    assert report["observation"]["largest_difference"] < 1e-6
    assert len(rows["row"]) == report["rows_checked"] == len(steps.rows)


def with_timestep(environment: gymnasium.Env) -> gymnasium.Env:
    model: Any = environment.unwrapped
    model.model.opt.timestep *= 1.001
    return environment


def with_gear(environment: gymnasium.Env) -> gymnasium.Env:
    model: Any = environment.unwrapped
    model.model.actuator_gear[0, 0] *= 1.001
    return environment


def with_reward(environment: gymnasium.Env) -> gymnasium.Env:
    return gymnasium.wrappers.TransformReward(environment, lambda reward: float(reward) + 1e-5)


@pytest.mark.parametrize(
    ("alter", "observation", "reward"),
    [(with_timestep, True, True), (with_gear, True, True), (with_reward, False, True)],
)
def test_an_altered_environment_is_caught(
    shared_file: Callable[[str], Path], alter: Any, observation: bool, reward: bool
) -> None:
    steps = replay(shared_file("hopper-mixed-v0.hdf5"), 100)
    report, _ = replay_module.check(steps, "Hopper-v4", alter=alter)
    assert report["verdict"] == replay_module.DIFFERS
    assert (report["observation"]["rows_beyond_tolerance"] > 0) == observation
    assert (report["reward"]["rows_beyond_tolerance"] > 0) == reward


def test_a_wrapper_of_the_environments_id_is_part_of_it(shared_file: Callable[[str], Path]) -> None:
    """An id may name an environment with a changed reward."""
    wrapper = gymnasium.envs.registration.WrapperSpec(
        "more", "gymnasium.wrappers:TransformReward", {"func": lambda reward: float(reward) + 1e-5}
    )
    spec = gymnasium.spec("Hopper-v4")
    gymnasium.register("HopperMore-v4", spec.entry_point, max_episode_steps=5, additional_wrappers=(wrapper,))
    try:
        steps = replay_module.replay_of(shared_file("hopper-mixed-v0.hdf5"))
        assert isinstance(steps, replay_module.Replay)
        report, _ = replay_module.check(steps.spread(30), "HopperMore-v4")
    finally:
        del gymnasium.registry["HopperMore-v4"]
    assert report["verdict"] == replay_module.DIFFERS
    assert report["reward"]["rows_beyond_tolerance"] == report["rows_checked"]
    assert report["observation"]["rows_beyond_tolerance"] == 0


def test_version_5_differs_in_the_reward_of_a_fall_and_nowhere_else(
    shared_file: Callable[[str], Path],
) -> None:
    steps = replay(shared_file("hopper-mixed-v0.hdf5"), 600)
    assert steps.terminals.sum() > 40
    report, rows = replay_module.check(steps, "Hopper-v5")
    assert report["observation"]["rows_beyond_tolerance"] == 0
    beyond = rows["reward_relative"] > replay_module.TOLERANCE
    np.testing.assert_array_equal(beyond, steps.terminals)
    np.testing.assert_allclose(rows["reward_difference"][beyond], 1.0, atol=1e-5)


def test_the_report_holds_the_other_versions(shared_file: Callable[[str], Path], tmp_path: Path) -> None:
    report, _ = fidelity_command.report_on(shared_file("hopper-mixed-v0.hdf5"), "Hopper-v4", "none", "x", 100)
    assert report["verdict"] == replay_module.AGREES
    assert [entry["environment_id"] for entry in report["other_versions"]] == ["Hopper-v5"]
    assert report["other_versions"][0]["reward"]["largest_difference"] == pytest.approx(1, abs=1e-4)
    table = fidelity_command.format_summary([report])
    assert "| x | Hopper-v4 |" in table
    assert "| x | Hopper-v5 |" in table


def test_a_file_without_states_cannot_be_checked(shared_file: Callable[[str], Path], tmp_path: Path) -> None:
    """The door demonstrations hold initial states only."""
    path = shared_file("door-human-demos-v0.hdf5")
    report, steps = fidelity_command.report_on(path, "AdroitHandDoor-v1", "adroit", "door", None)
    assert report["verdict"] == "cannot be checked"
    assert "no state for every row" in report["reason"]
    assert steps == {}
    assert "cannot be checked" in fidelity_command.format_summary([report])
    fidelity_command.write(report, steps, tmp_path / "door.json")
    assert pyarrow.parquet.read_table(tmp_path / "door.steps.parquet").num_rows == 0


def test_another_environment_is_refused(shared_file: Callable[[str], Path]) -> None:
    with pytest.raises(DatasetError, match="width 11, but the task's environment has 17"):
        replay_module.check(replay(shared_file("hopper-mixed-v0.hdf5"), 10), "HalfCheetah-v4")


def test_without_stored_next_observations_the_following_row_serves(
    shared_file: Callable[[str], Path],
) -> None:
    """The last row of each episode, whose following row is another episode's, is left out."""
    rows = read_d4rl_hdf5(shared_file("hopper-mixed-v0.hdf5"))
    del rows["next_observations"]
    found = replay_module.from_rows(rows)
    assert isinstance(found, replay_module.Replay)
    assert len(found.rows) == 100_000 - int((rows["terminals"] | rows["timeouts"]).sum())
    assert replay_module.check(found.spread(100), "Hopper-v4")[0]["verdict"] == replay_module.AGREES


def test_float32_states_have_their_own_tolerance(shared_file: Callable[[str], Path]) -> None:
    rows = read_d4rl_hdf5(shared_file("halfcheetah-mixed-v0.hdf5"))
    for key in ("infos/qpos", "infos/qvel"):
        rows[key] = rows[key].astype(np.float32)
    found = replay_module.from_rows(rows)
    assert isinstance(found, replay_module.Replay)
    report, _ = replay_module.check(found.spread(500), "HalfCheetah-v4")
    assert report["tolerance"] == replay_module.TOLERANCE_FLOAT32_STATES
    assert report["verdict"] == replay_module.AGREES
    assert report["observation"]["largest_relative"] > replay_module.TOLERANCE
    changed, _ = replay_module.check(found.spread(500), "HalfCheetah-v4", alter=with_gear)
    assert changed["verdict"] == replay_module.DIFFERS


def test_states_stored_after_the_step_are_put_before_the_next(tmp_path: Path, write_rows: Any) -> None:
    """D4RL's antmaze generator stores qpos after the step; a point maze with whole states shows it."""
    spec = catalogue.load_recollection("pointmaze-umaze")
    before = collect.recollect(spec, 700, 0)
    del before["next_observations"], before["infos/goal"]
    after = {**before, **{key: np.roll(before[key], -1, axis=0) for key in ("infos/qpos", "infos/qvel")}}
    task = load_tasks()["pointmaze-umaze-recollected-v0"]
    adapter = task.adapter
    own = replace(task, source_kind="hdf5", path=str(write_rows(after)))
    prepare(own, tmp_path / own.task)
    report, _ = fidelity_command.report_on(tmp_path / own.task, "PointMaze_UMaze-v3", adapter, "x", None)
    assert report["verdict"] == replay_module.AGREES
    assert report["rows_checked"] > 600
    for rows in (before, after):
        found = replay_module.from_rows(rows)
        assert isinstance(found, replay_module.Replay)
        report, _ = replay_module.check(found, "PointMaze_UMaze-v3", adapter)
        assert report["verdict"] == replay_module.AGREES
        assert report["rows_checked"] > 600


def test_states_of_another_size_cannot_be_checked(shared_file: Callable[[str], Path]) -> None:
    steps = replay(shared_file("hopper-mixed-v0.hdf5"), 10)
    wide = replace(steps, qpos=np.zeros((len(steps.rows), 9)))
    report, _ = replay_module.check(wide, "Hopper-v4")
    assert report["verdict"] == replay_module.CANNOT


@pytest.mark.parametrize("name", ["pointmaze-umaze-recollected-v0", "hopper-medium-recollected-v0"])
def test_recollected_datasets_agree_with_their_environment(tmp_path: Path, name: str) -> None:
    task = replace(load_tasks()[name], recollect_transitions=1500)
    assert task.environment_id is not None
    prepare(task, tmp_path / name)
    report, _ = fidelity_command.report_on(tmp_path / name, task.environment_id, task.adapter, name, 500)
    assert report["verdict"] == replay_module.AGREES
    assert report["rows_checked"] > 300


def test_adapted_mazes_take_d4rls_states() -> None:
    """States in D4RL's coordinates are put in and come out in the next observation."""
    from algos.envs import make

    for name, position in (("antmaze-umaze-v2", [4.0, 0.5]), ("maze2d-umaze-v1", [1.0, 2.0])):
        task = load_tasks()[name]
        assert task.environment_id is not None
        environment = make.make(task.environment_id, task.adapter, task.horizon)
        environment.reset(seed=0)
        bare: Any = environment.unwrapped
        inner = getattr(bare, "ant_env", None) or bare.point_env
        qpos, qvel = inner.init_qpos.copy(), np.zeros(inner.model.nv)
        qpos[:2] = position
        adapter: Any = environment
        adapter.set_stored_state(qpos, qvel, None)
        observation, *_ = environment.step(np.zeros(task.action_dim or 0, np.float32))
        assert np.abs(observation[:2] - position).max() < 0.1
        environment.close()


def test_the_command_line_writes_report_and_steps(shared_file: Callable[[str], Path], tmp_path: Path) -> None:
    output = tmp_path / "fidelity" / "hopper-mixed-v0.json"
    command = [sys.executable, "-m", "algos.fidelity", "--environment", "Hopper-v4", "--rows", "50"]
    command += ["--dataset-file", str(shared_file("hopper-mixed-v0.hdf5")), "--output", str(output)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "| hopper-mixed-v0 | Hopper-v4 |" in run.stdout
    report = json.loads(output.read_text())
    steps = pyarrow.parquet.read_table(output.with_suffix(".steps.parquet")).to_pydict()
    assert len(steps["row"]) == report["rows_checked"] == 50
    assert max(steps["reward_difference"]) == pytest.approx(report["reward"]["largest_difference"], rel=1e-3)
    table = tmp_path / "fidelity" / "summary.md"
    assert fidelity_command.main(["--summarise", str(output), "--output", str(table)]) == 0
    assert "Hopper-v5" in table.read_text()


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--dataset-file", "none.hdf5", "--environment", "Hopper-v4"], "does not exist"),
        (["--environment", "Hopper-v4"], "are needed"),
        (["--dataset-file", "x", "--environment", "Hopper-v4", "--rows", "0"], "whole number"),
    ],
)
def test_a_users_mistake_is_one_message(
    arguments: list[str], word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fidelity_command.main([*arguments, "--output", str(tmp_path / "report.json")]) == 2
    error = capsys.readouterr().err
    assert word in error
    assert error.count("\n") == 1
    assert not (tmp_path / "report.json").exists()
