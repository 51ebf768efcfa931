"""Which rows a method that trains on trajectories gets, and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from recheck.errors import TrainingError

from algos.datasets.transitions import Transitions
from algos.seed_parallel.windows import WindowData
from algos.training.config import RunConfig
from algos.training.trainer import training_data
from algos.training.whole_trajectories import whole_trajectories


def transitions(episodes, terminals=(), **manifest):
    number = len(episodes)
    index = np.arange(number, dtype=np.float32)
    return Transitions(
        observations=index[:, None],
        actions=index[:, None] / number,
        rewards=index,
        next_observations=index[:, None] + 1,
        terminals=np.isin(np.arange(number), terminals).astype(np.uint8),
        episodes=np.asarray(episodes, dtype=np.int64),
        manifest=manifest,
    )


@pytest.fixture
def config(run_config):
    def make(**changes):
        return RunConfig.from_document(run_config(**changes))

    return make


def test_a_trajectory_that_the_file_cuts_off_is_left_out(config):
    rows = transitions([0, 0, 0, 1, 1], terminals=[2], episode_ends={"open_episodes": 1})
    assert whole_trajectories(rows, config()).rewards.tolist() == [0, 1, 2]
    assert len(whole_trajectories(replace(rows, manifest={}), config())) == 5
    ended = transitions([0, 0, 0, 1, 1], terminals=[4], episode_ends={"open_episodes": 1})
    assert len(whole_trajectories(ended, config())) == 5
    alone = transitions([0, 0, 0], episode_ends={"open_episodes": 1})
    assert len(whole_trajectories(alone, config())) == 3


def test_rows_that_are_no_trajectories_are_refused(config):
    message = "method iql trains on trajectories, but the rows of tiny-v0 are independent transitions"
    for rows in (
        transitions(range(5)),
        transitions([1, 1, 0, 0]),
        transitions([0, 0, 1], next_states={"row_order": "mixed"}),
    ):
        with pytest.raises(TrainingError, match=message):
            whole_trajectories(rows, config())
    with pytest.raises(TrainingError, match=r"0\.5 takes single rows out of them; allowed is 1"):
        whole_trajectories(transitions([0, 0]), config(train_fraction=0.5))


def test_a_planner_gets_windows(config, planner_values):
    run = config(method="decision_diffuser", hyperparameters=planner_values, transforms=[])
    data, _ = training_data(transitions([0, 0, 0, 1, 1, 1]), run, torch.device("cpu"))
    assert isinstance(data, WindowData)
    windows = data.windows(torch.tensor([[0, 3]]))
    assert windows.observations[0, :, :, 0].tolist() == [[0, 1], [3, 4]]
    zeros = [{"name": "marginal_shares"}]
    values = {**planner_values, "filling": "transformed_zeros"}
    run = config(method="decision_diffuser", hyperparameters=values, transforms=zeros)
    data, state = training_data(transitions([0, 0, 0, 1, 1, 1]), run, torch.device("cpu"))
    last = data.windows(torch.tensor([[5]]))
    assert last.observations[0, 0, :, 0].tolist() == pytest.approx([1, -2 / 3])
    assert torch.tensor(state.zeros(1, 1)).tolist() == pytest.approx([-2 / 3, -2 / 3])


@pytest.fixture
def planner_values():
    """What windows are made from."""
    return {
        "horizon": 2,
        "longest_trajectory": 10,
        "last_start": "included",
        "discount": 1.0,
        "return_scale": 1.0,
        "terminal_penalty": 0.0,
        "penalty_form": "added",
        "filling": "zeros",
    }
