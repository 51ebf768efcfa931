"""Windows of two trajectories, with starts, returns and filled rows worked out by hand."""

import numpy as np
import pytest
import torch
from recheck.errors import MethodError

from algos.seed_parallel.batches import Rows
from algos.seed_parallel.windows import WindowData, WindowSpec


def rows(lengths=(4, 2), **changes):
    number = sum(lengths)
    terminals = np.zeros(number, dtype=np.uint8)
    terminals[lengths[0] - 1] = 1
    index = np.arange(number, dtype=np.float32)
    return Rows(
        observations=np.stack([index, 10 + index], axis=1),
        actions=index[:, None] / 10,
        rewards=1 + index,
        next_observations=np.zeros((number, 2), dtype=np.float32),
        terminals=terminals,
        episodes=np.repeat(np.arange(len(lengths)), lengths),
        **changes,
    )


def spec(**changes):
    values = {
        "horizon": 3,
        "longest_trajectory": 6,
        "last_start": "included",
        "discount": 0.5,
        "return_scale": 2.0,
        "terminal_penalty": -8.0,
        "penalty_form": "added",
        "filling": "zeros",
    }
    return WindowSpec(**{**values, **changes})


def every(data):
    return data.windows(torch.arange(data.num_rows)[None])


def test_starts_states_and_returns():
    """Rewards 1 2 3 4-8 | 5 6: returns -4, 3-2, 2+.5, 1+1.25 from behind, and 6, 8; all over 2."""
    data = WindowData(rows(), spec())
    windows = every(data)
    assert windows.observations[0, :, :, 0].tolist() == [
        [0, 1, 2],
        [1, 2, 3],
        [2, 3, 0],
        [3, 0, 0],
        [4, 5, 0],
        [5, 0, 0],
    ]
    assert windows.observations[0, 2, :, 1].tolist() == [12, 13, 0]
    assert windows.actions[0, 1, :, 0].tolist() == pytest.approx([0.1, 0.2, 0.3])
    assert windows.returns[0, :, 0].tolist() == [1.125, 1.25, 0.5, -2, 4, 3]


def test_the_last_start_may_be_excluded_and_the_penalty_replace_the_reward():
    data = WindowData(rows(), spec(last_start="excluded", penalty_form="replaced"))
    assert every(data).observations[0, :, 0, 0].tolist() == [0, 1, 2, 4]
    assert every(data).returns[0, :, 0].tolist() == [0.875, 0.75, -0.5, 4]


def test_no_window_reaches_beyond_the_longest_trajectory():
    assert every(WindowData(rows((6, 2)), spec())).observations[0, :, 0, 0].tolist() == [0, 1, 2, 3, 6, 7]


def test_filled_rows_may_be_transformed_zeros():
    filled = np.array([7, 8, 9], dtype=np.float32)
    data = WindowData(rows(transformed_zeros=filled), spec(filling="transformed_zeros"))
    windows = every(data)
    assert windows.observations[0, 3].tolist() == [[3, 13], [7, 8], [7, 8]]
    assert windows.actions[0, 3, 1:, 0].tolist() == [9, 9]


def test_each_seed_has_its_own_windows():
    data = WindowData(rows(), spec())
    windows = data.windows(torch.tensor([[0, 5], [3, 3]]))
    assert windows.observations[:, :, 0, 0].tolist() == [[0, 5], [3, 3]]


def test_what_has_no_windows_is_refused():
    with pytest.raises(MethodError, match="a trajectory has 7 steps; allowed are 6 "):
        WindowData(rows((7, 2)), spec())
    with pytest.raises(MethodError, match=r"window of 3 steps .*: the longest of 2 has 1 steps"):
        WindowData(rows((1, 1)), spec(last_start="excluded"))
    with pytest.raises(MethodError, match="need the trajectories"):
        WindowData(rows()._replace(episodes=None), spec())
