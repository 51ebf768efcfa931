"""Human demonstrations: prepared, trained on, evaluated; and how far they are D4RL's door-human-v0."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pyarrow.parquet
import pytest
from recheck import tasks as planned_tasks
from recheck.methods import hyperparameters
from recheck.tasks import load_tasks

from algos.datasets.prepare import prepare
from algos.envs.make import make
from algos.evaluate import Request, evaluate_block
from algos.train import train_block
from algos.training.execution import Execution

ROOT = Path(__file__).resolve().parents[3]
NAME = "door-human-demos-v0"


def test_iql_learns_from_demonstrations_and_is_evaluated(
    shared_file: Callable[[str], Path], tmp_path: Path
) -> None:
    """With the hyperparameters that tasks.csv names, cut to few updates: a path, not a result."""
    task = replace(load_tasks()[NAME], path=str(shared_file(f"{NAME}.hdf5")))
    manifest = prepare(task, tmp_path / NAME)
    assert manifest["num_transitions"] == 6704
    likes = planned_tasks.likes(planned_tasks.read(ROOT))
    method = hyperparameters.read(ROOT, "iql")
    resolved = hyperparameters.resolve(ROOT, method, "paper", NAME, likes)
    config = {
        "format": 1,
        "method": "iql",
        "method_format": method.format_version,
        "task": NAME,
        "variant": "paper",
        "diffusion_steps": 0,
        "num_updates": 120,
        "checkpoints": [120],
        "hyperparameters": resolved.values,
        "transforms": resolved.transforms,
        "train_fraction": 1.0,
        "digest": "00000000",
        "seeds": [0],
    }
    train_block(config, tmp_path / NAME, tmp_path / "run", tmp_path / "state", Execution("cpu", 1))
    losses = pyarrow.parquet.read_table(tmp_path / "run" / "train.parquet").to_pydict()
    assert np.isfinite(losses["critic_loss"]).all()
    output = tmp_path / "episodes" / "seeds0-0.parquet"
    evaluation = {"episodes": 2, "episodes_last": 2, "episodes_reevaluated": 0}
    evaluate_block(tmp_path / "run", tmp_path / NAME, Request({"name": "default"}, evaluation), output)
    rows = pyarrow.parquet.read_table(output).to_pylist()
    assert [row["length"] for row in rows] == [200, 200]  # the task's horizon, not the demonstrations'
    assert all(row["environment_id"] == "AdroitHandDoor-v1" for row in rows)
    # A hand that does nothing gets about -60: D4RL's minimum is -56.5.
    assert all(-120 < row["raw_return"] < 3000 for row in rows)


# --- Against D4RL's door-human-v0: docs/data.md says where the facts come from ---

# TensorFlow Datasets' page of d4rl_adroit_door, v0-human: episodes, and the size of all rows in MiB. A row is
# its action, discount, position, velocity, observation and reward in float32 and three flags.
PUBLISHED_EPISODES, PUBLISHED_MIB = 50, 3.36
ROW_BYTES = 4 * (28 + 1 + 30 + 30 + 39 + 1) + 3
MOST_BYTES_BESIDES_PER_EPISODE = 1024


@pytest.fixture
def demonstrations(shared_file: Callable[[str], Path]) -> dict[str, np.ndarray]:
    with h5py.File(shared_file(f"{NAME}.hdf5")) as file:
        names = ("observations", "actions", "rewards", "timeouts")
        arrays = {name: np.asarray(file[name]) for name in names}
        for name in ("qpos", "qvel", "door_body_pos"):
            arrays[name] = np.asarray(file[f"infos/init_{name}"])
    arrays["ends"] = np.flatnonzero(arrays["timeouts"]) + 1
    arrays["starts"] = np.concatenate([[0], arrays["ends"][:-1]])
    return arrays


def replay(arrays: dict[str, np.ndarray], number: int, actions: np.ndarray) -> tuple[np.ndarray, float]:
    """Observations before each step and D4RL's return, played from a demonstration's initial state."""
    environment = make("AdroitHandDoor-v1", "adroit", 1000, observation_dim=39, action_dim=28)
    try:
        environment.reset(seed=0)
        state = {name: arrays[name][number] for name in ("qpos", "qvel", "door_body_pos")}
        hand = environment.unwrapped
        hand.set_env_state(state)
        observations, total = [hand._get_obs()], 0.0
        for action in actions:
            observation, reward, *_ = environment.step(action)
            observations.append(observation)
            total += float(reward)
    finally:
        environment.close()
    return np.array(observations[:-1]), total


def test_rows_and_episodes_against_the_published_counts(demonstrations: dict[str, np.ndarray]) -> None:
    lengths = demonstrations["ends"] - demonstrations["starts"]
    assert (len(lengths), lengths.min(), lengths.max(), lengths.sum()) == (25, 223, 300, 6729)
    # A time-out at step 200 besides cuts each demonstration in two.
    assert sum(-(-length // 200) for length in lengths) == PUBLISHED_EPISODES
    most = (PUBLISHED_MIB + 0.005) * 2**20 / ROW_BYTES
    besides = PUBLISHED_EPISODES * MOST_BYTES_BESIDES_PER_EPISODE
    least = ((PUBLISHED_MIB - 0.005) * 2**20 - besides) / ROW_BYTES
    assert (np.ceil(least), np.floor(most)) == (6680, 6798)
    assert least <= 6729 <= most
    assert int((np.abs(demonstrations["actions"]) > 1).sum()) == 10_595


def test_first_observations_are_not_those_of_the_initial_states(
    demonstrations: dict[str, np.ndarray],
) -> None:
    """D4RL's are: the hand's angles are qpos[1:-2] whatever the simulator. The arm's five differ here."""
    recorded = demonstrations["observations"][demonstrations["starts"]][:, :27]
    differences = np.abs(recorded - demonstrations["qpos"][:, 1:-2]).max(axis=0)
    assert differences[:5].min() > 0.05
    assert differences[:5].max() == pytest.approx(0.506, abs=0.001)
    assert differences[5:].max() < 1e-6


def test_clipping_changes_nothing_in_the_simulator(demonstrations: dict[str, np.ndarray]) -> None:
    rows = slice(int(demonstrations["starts"][0]), int(demonstrations["ends"][0]))
    actions = demonstrations["actions"][rows]
    assert np.abs(actions).max() > 1
    raw, clipped = replay(demonstrations, 0, actions), replay(demonstrations, 0, np.clip(actions, -1, 1))
    np.testing.assert_array_equal(raw[0], clipped[0])
    assert raw[1] == clipped[1]


def test_a_replay_has_other_observations_and_similar_returns(demonstrations: dict[str, np.ndarray]) -> None:
    returns, recorded = [], []
    for number, (start, end) in enumerate(zip(demonstrations["starts"], demonstrations["ends"], strict=True)):
        found, total = replay(demonstrations, number, demonstrations["actions"][start:end])
        assert np.abs(found - demonstrations["observations"][start:end]).max() > 0.1
        returns.append(total)
        recorded.append(float(demonstrations["rewards"][start:end].sum()))
    assert np.mean(recorded) == pytest.approx(794.1, abs=0.05)
    assert np.mean(returns) == pytest.approx(796, abs=15)  # contacts differ a little between machines
    assert np.median(np.abs(np.subtract(returns, recorded))) < 10
    assert np.corrcoef(returns, recorded)[0, 1] > 0.95
