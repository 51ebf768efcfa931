"""Rows and rewards against Farama-Foundation/D4RL@89141a6, IQL's release and CORL's, on one made file."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from algos.datasets import transforms
from algos.datasets.d4rl_rows import qlearning_rows
from algos.datasets.transitions import Transitions
from tests.released.libraries import library

pytestmark = pytest.mark.released
NUMBER, HORIZON = 5000, 60


def rows(timeouts):
    """Time steps with terminals, time-outs, both at one step, and an episode that the file's end cuts."""
    generator = np.random.default_rng(5)
    terminals = generator.random(NUMBER) < 0.02
    made = {
        "observations": generator.standard_normal((NUMBER, 4)).astype(np.float32),
        "actions": generator.uniform(-1.0, 1.0, (NUMBER, 2)).astype(np.float32),
        "rewards": generator.standard_normal(NUMBER).astype(np.float32),
        "terminals": terminals,
    }
    made["actions"][::7] = 1.0
    if timeouts:
        made["timeouts"] = (generator.random(NUMBER) < 0.01) | (terminals & (np.arange(NUMBER) % 2 == 0))
    return made


class Environment:
    """What D4RL and the releases ask of an environment."""

    _max_episode_steps = HORIZON


@pytest.fixture
def d4rl(released, sources):
    """D4RL's package, its simulators replaced, without being registered by its name."""
    file = Path(sources) / "D4RL/d4rl/__init__.py"
    if not file.is_file():
        pytest.skip(f"{sources} holds no D4RL/d4rl/__init__.py")
    released("CORL", "algorithms/offline/iql.py")  # its stubs stand for what D4RL imports
    spec = importlib.util.spec_from_file_location("released_d4rl", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def transitions(arrays):
    kept = ("observations", "actions", "rewards", "next_observations", "terminals", "episodes")
    return Transitions(**{name: arrays[name] for name in kept}, manifest={})


@pytest.mark.parametrize("timeouts", [True, False], ids=["timeouts", "horizon"])
def test_rows_are_those_of_qlearning_dataset(d4rl, timeouts):
    given = rows(timeouts)
    theirs = d4rl.qlearning_dataset(Environment(), dataset=given)
    ours = qlearning_rows(given, HORIZON).arrays
    assert 4000 < len(theirs["rewards"]) < NUMBER - 20
    for name, values in theirs.items():
        np.testing.assert_array_equal(ours[name], values.astype(ours[name].dtype), err_msg=name)


def test_complete_returns_are_those_of_sequence_dataset(d4rl):
    given = rows(timeouts=True)
    episodes = list(d4rl.sequence_dataset(Environment(), dataset=given))
    returns = [episode["rewards"].sum(dtype=np.float64) for episode in episodes]
    assert len(returns) > 100
    np.testing.assert_allclose(qlearning_rows(given, HORIZON).complete_returns, returns, rtol=0, atol=1e-9)


def test_iqls_actions_and_rewards_are_those_of_its_release(d4rl, released, monkeypatch):
    """Actions clipped; rewards scaled by the range of the returns between jumps of the state."""
    library("tqdm")
    given = rows(timeouts=True)
    module = released("implicit_q_learning", "dataset_utils.py")
    theirs = d4rl.qlearning_dataset(Environment(), dataset=given)
    monkeypatch.setattr(module, "d4rl", d4rl)
    monkeypatch.setattr(d4rl, "qlearning_dataset", lambda _: theirs)
    dataset = module.D4RLDataset(Environment())
    names = ("observations", "actions", "rewards", "masks", "dones_float", "next_observations")
    parts = module.split_into_trajectories(*(getattr(dataset, name) for name in names))
    returns = [sum(float(step[2]) for step in part) for part in parts]
    steps = [{"name": "clip_actions", "limit": 0.99999}, {"name": "return_range", "boundaries": "official"}]
    ours, _ = transforms.apply(transitions(qlearning_rows(given, HORIZON).arrays), steps)
    np.testing.assert_allclose(ours.actions, dataset.actions, rtol=0, atol=1e-7)
    np.testing.assert_array_equal(1.0 - ours.terminals, dataset.masks)
    scaled = dataset.rewards * (1000.0 / (max(returns) - min(returns)))
    np.testing.assert_allclose(ours.rewards, scaled, rtol=1e-6)


def test_corls_rewards_are_those_of_its_release(d4rl, released):
    """Scaled by the range of the returns between terminals and windows of a fixed number of rows."""
    given = rows(timeouts=True)
    module = released("CORL", "algorithms/offline/iql.py")
    theirs = d4rl.qlearning_dataset(Environment(), dataset=given)
    module.modify_reward(theirs, "hopper-medium-v2", HORIZON)
    step = {
        "name": "return_range",
        "boundaries": "corl",
        "scale": float(HORIZON),
        "max_episode_steps": HORIZON,
    }
    ours, _ = transforms.apply(transitions(qlearning_rows(given, HORIZON).arrays), [step])
    np.testing.assert_allclose(ours.rewards, theirs["rewards"], rtol=1e-5)
