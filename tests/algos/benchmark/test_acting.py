"""Both paths play the same number of episodes, and the table says on what machine."""

import json

import pytest
import torch

from algos.base import Sampling
from algos.benchmark import acting
from algos.benchmark.programs import build
from algos.datasets.transforms import TransformState
from algos.envs.make import make_vector
from algos.rollouts import EnvironmentPool, Player


@pytest.fixture
def config(run_config):
    return {
        "method": "iql",
        "variant": "paper",
        "num_updates": 1000,
        "diffusion_steps": 0,
        "hyperparameters": run_config()["hyperparameters"],
    }


def test_both_paths_play_the_same_episodes_of_a_policy_without_noise(config):
    method = build(config, [0], torch.device("cpu"))
    player = Player(method, Sampling(), TransformState(), EnvironmentPool(acting.TASK, 2))
    with make_vector("Hopper-v4", None, 1000, 4) as batch:
        assert acting.lockstep(method, batch) == acting.pooled(player, 4)


def test_the_command_measures_and_writes(config, tmp_path, capsys):
    configs = tmp_path / "configs.json"
    configs.write_text(json.dumps([config]))
    output = tmp_path / "acting.json"
    options = ["--configs", str(configs), "--output", str(output), "--episodes", "2", "--rounds", "1"]
    assert acting.main(options) == 0
    (row,) = json.loads(output.read_text())["rows"]
    assert (row["method"], row["candidates"], row["states_per_call"]) == ("iql", 1, 20)
    assert row["ratio"] == pytest.approx(row["pool_steps_per_second"] / row["lockstep_steps_per_second"])
    assert row["acting_ms"] > 0
    assert "load of the machine" in capsys.readouterr().out
