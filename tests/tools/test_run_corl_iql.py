"""The adapter of CORL's program, on a small file and with a small program of the same interface."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import h5py
import numpy as np
import pytest
from recheck.errors import EvaluationError

from paper_tables import frames
from tools import run_corl_iql as tool

ROOT = Path(__file__).resolve().parents[2]
TASK = "hopper-sac-tqc-v0"

# What the adapter has to offer: each name that CORL's file imports is used here as it is used there.
PROGRAM = """
from dataclasses import dataclass
import d4rl
import gym
import numpy as np
import pyrallis
import wandb

def wrap_env(env: gym.Env, shift) -> gym.Env:
    return gym.wrappers.TransformObservation(env, lambda state: state - shift)

@dataclass
class TrainConfig:
    env: str
    seed: int
    max_timesteps: int
    eval_freq: int
    n_episodes: int
    device: str

@pyrallis.wrap()
def train(config: TrainConfig):
    env = gym.make(config.env)
    dataset = d4rl.qlearning_dataset(env)
    assert len(dataset["rewards"]) == 5
    plain, env = env, wrap_env(env, 100.0)
    env.seed(config.seed)
    env.action_space.seed(config.seed)
    assert np.allclose(env.reset() + 100.0, plain.environment.reset(seed=plain.seeds[0])[0])
    wandb.init(project="x")
    wandb.run.save()
    for t in range(config.max_timesteps):
        wandb.log({"value_loss": float(t), "q_loss": 1.0, "actor_loss": -1.0}, step=t + 1)
        if (t + 1) % config.eval_freq == 0:
            env.seed(config.seed)
            for _ in range(config.n_episodes):
                state, done, total = env.reset(), False, 0.0
                while not done:
                    state, reward, done, _ = env.step(np.zeros(3))
                    total += reward
            wandb.log({"d4rl_normalized_score": env.get_normalized_score(total) * 100.0}, step=t + 1)
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Seven steps: returns 3 (terminal), 30 (time-out), 7 (cut off at the end of the file)."""
    folder = tmp_path / "data"
    folder.mkdir()
    with h5py.File(folder / f"{TASK}.hdf5", "w") as file:
        file["observations"] = np.arange(77, dtype=np.float32).reshape(7, 11)
        file["next_observations"] = file["observations"][:] + 11
        file["actions"] = np.zeros((7, 3), dtype=np.float32)
        file["rewards"] = np.array([1, 2, 10, 20, 3, 4, 0], dtype=np.float32)
        file["terminals"] = np.array([0, 1, 0, 0, 0, 0, 0], dtype=bool)
        file["timeouts"] = np.array([0, 0, 0, 1, 0, 0, 1], dtype=bool)
    return folder


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that looks like a clone of CORL; the modules that the adapter puts in place are taken back."""
    for name in ("d4rl", "gym", "pyrallis", "wandb", "corl_iql"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    path = tmp_path / "source" / tool.PROGRAM
    path.parent.mkdir(parents=True)
    path.write_text(PROGRAM, encoding="utf-8")
    return tmp_path / "source"


def command(source: Path, data: Path, output: Path, *more: str) -> list[str]:
    return [
        "--source",
        str(source),
        "--task",
        TASK,
        "--data-folder",
        str(data),
        "--output",
        str(output),
        *more,
    ]


def test_rows_without_time_outs_and_rewards_over_the_range_of_returns(data: Path) -> None:
    rows = tool.read_rows(data / f"{TASK}.hdf5", 1000)
    assert set(rows) == {"observations", "actions", "rewards", "next_observations", "terminals"}
    np.testing.assert_allclose(rows["rewards"], np.array([1, 2, 10, 3, 4]) * 1000 / 27, rtol=1e-6)
    assert rows["rewards"].dtype == np.float32
    assert list(rows["observations"][:, 0]) == [0, 11, 22, 44, 55]
    assert list(rows["terminals"]) == [False, True, False, False, False]


def test_a_seed_from_the_data_to_its_rows(
    source: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool, "EPISODES", 2)
    output = tmp_path / "out" / "seed3.csv"
    given = command(source, data, output, "--seed", "3", "--num-updates", "10000")
    assert tool.main(given) == 0
    rows = frames.read_csv(output, "faithfulness_runs")
    assert list(rows["update"]) == list(range(1000, 10001, 1000))
    assert set(rows["num_episodes"]) == {tool.EPISODES}
    assert rows["episode_returns"].nunique() == 1  # the same ten starts at every checkpoint
    returns = [float(word) for word in rows["episode_returns"].iloc[0].split()]
    assert len(set(returns)) == tool.EPISODES
    # The small program's score is that of its last episode alone.
    expected = 100 * (returns[-1] + 20.272305) / (3234.3 + 20.272305)
    assert rows["score_percent"].iloc[0] == pytest.approx(expected)
    # The losses of the updates are 0 to 9,999: means over the thousand before.
    by_update = dict(zip(rows["update"], rows["value_loss"], strict=True))
    assert (by_update[1000], by_update[10000]) == (499.5, 9499.5)
    assert set(rows["critic_loss"]) == {1.0}


def test_the_reset_seeds_are_the_evaluators(source: Path, data: Path) -> None:
    environment = tool.OldGym(
        {"environment_id": "Hopper-v4", "reference_min_score": 0, "reference_max_score": 1}
    )
    environment.seed(7)
    first, second = environment.reset(), environment.reset()
    assert environment.seeds[:2] == [1_007_000, 1_007_001]
    expected = [environment.environment.reset(seed=seed)[0] for seed in (1_007_000, 1_007_001)]
    np.testing.assert_array_equal([first, second], expected)


def test_a_folder_without_the_program_is_refused(
    source: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "seed3.csv"
    assert tool.main(command(data, data, output, "--seed", "3")) == 2
    assert f"holds no {tool.PROGRAM}" in capsys.readouterr().err
    assert not output.exists()


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="There is no file"):
        tool.read_rows(tmp_path / "nothing.hdf5", 1000)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--num-updates", "1005"], "a multiple of 10"),
        (["--task", "hopper-medium-v9"], "There is no task"),
    ],
)
def test_a_wrong_value_is_refused(
    source: Path,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    message: str,
) -> None:
    assert tool.main(command(source, data, tmp_path / "o.csv", "--seed", "3", *more)) == 2
    assert message in capsys.readouterr().err
