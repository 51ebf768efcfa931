"""TD(lambda) returns against sums by hand and a plain recursion."""

import numpy as np
import pytest
import torch
from recheck.errors import MethodError

from algos.seed_parallel.batches import Rows
from algos.seed_parallel.returns import ReturnData


def rows(lengths, terminal, rewards=None):
    number = sum(lengths)
    generator = np.random.default_rng(0)
    terminals = np.zeros(number, dtype=np.uint8)
    terminals[np.cumsum(lengths) - 1] = terminal
    states = generator.standard_normal((number + 1, 2)).astype(np.float32)
    return Rows(
        observations=states[:-1],
        actions=np.zeros((number, 1), dtype=np.float32),
        rewards=np.arange(1, number + 1, dtype=np.float32) if rewards is None else rewards,
        next_observations=states[1:],
        terminals=terminals,
        episodes=np.repeat(np.arange(len(lengths)), lengths),
    )


def returns(data, values, end_values, discount, td_lambda):
    return data.lambda_returns(
        torch.tensor(values)[None], torch.tensor(end_values)[None], discount, td_lambda
    )[0]


def test_monte_carlo_by_hand():
    """Rewards 1, 2 and 3, 4, 5: the second, longer trajectory comes first in `ends`."""
    data = ReturnData(rows([2, 3], [1, 1]))
    assert data.ends.tolist() == [4, 1]
    found = returns(data, [9.0] * 5, [0.0, 0.0], 0.5, 1.0)
    assert found.tolist() == [1 + 0.5 * 2, 2, 3 + 0.5 * 4 + 0.25 * 5, 4 + 0.5 * 5, 5]


def test_a_cut_trajectory_is_continued_by_the_value():
    data = ReturnData(rows([2], [0]))
    assert data.end_continues.tolist() == [1.0]
    assert returns(data, [7.0, 8.0], [10.0], 0.5, 1.0).tolist() == [1 + 0.5 * (2 + 0.5 * 10), 2 + 0.5 * 10]


def test_with_lambda_zero_one_step():
    data = ReturnData(rows([3], [1]))
    assert returns(data, [7.0, 8.0, 9.0], [0.0], 0.5, 0.0).tolist() == [1 + 4.0, 2 + 4.5, 3]


def test_many_trajectories_against_the_recursion():
    generator = np.random.default_rng(1)
    lengths = [5, 1, 17, 5, 9]
    data = ReturnData(rows(lengths, [1, 0, 1, 0, 1], generator.standard_normal(37).astype(np.float32)))
    values, ends = generator.standard_normal(37), dict(zip(data.ends.tolist(), generator.standard_normal(5)))
    found = returns(data, values, [ends[row] for row in data.ends.tolist()], 0.9, 0.7)
    start = 0
    for length in lengths:
        stop = start + length
        rewards = data.packed[start:stop, -2].double().numpy()
        following = ends[stop - 1]
        for row in range(stop - 1, start - 1, -1):
            if row < stop - 1:
                following = 0.3 * values[row + 1] + 0.7 * following
            following = rewards[row - start] + 0.9 * following
            assert found[row].item() == pytest.approx(following, abs=1e-6)
        start = stop


def test_rows_without_trajectories_are_refused():
    with pytest.raises(MethodError, match="returns need the trajectories of the rows"):
        ReturnData(rows([2], [1])._replace(episodes=None))
