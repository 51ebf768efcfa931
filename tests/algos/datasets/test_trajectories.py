"""Where trajectories end by each rule of released code, and their returns."""

import numpy as np
import pytest

from algos.datasets.trajectories import corl_ends, official_ends, returns_at


def test_official_boundaries() -> None:
    """A jump of the state over 1e-6, a terminal, and the last row end a trajectory."""
    observations = np.array([[0.0], [1.0], [2.0], [5.0], [6.0], [7.0]])
    following = np.array([[1.0], [2.0], [3.0], [6.0], [7.0 + 5e-7], [8.0]])
    terminals = np.array([0, 1, 0, 0, 0, 0])
    assert official_ends(observations, following, terminals).tolist() == [1, 2, 5]
    following[4] = 7.0 + 2e-6
    assert official_ends(observations, following, terminals).tolist() == [1, 2, 4, 5]


def test_corl_boundaries() -> None:
    """Terminals and every third row; the rows after the last cut are left out."""
    terminals = np.zeros(10, int)
    terminals[[1, 4]] = 1
    assert corl_ends(terminals, max_episode_steps=3).tolist() == [1, 4, 7]
    assert corl_ends(np.zeros(10, int), max_episode_steps=3).tolist() == [2, 5, 8]
    assert corl_ends(np.array([0, 0, 1, 0, 0, 1]), max_episode_steps=3).tolist() == [2, 5]
    assert corl_ends(np.zeros(10, int)).tolist() == []


@pytest.mark.parametrize("seed", range(10))
def test_corl_boundaries_agree_with_the_loop(seed: int) -> None:
    rng = np.random.default_rng(seed)
    terminals = rng.random(300) < 0.04
    rewards = rng.standard_normal(300)
    returns, total, length = [], 0.0, 0
    for reward, terminal in zip(rewards, terminals):
        total, length = total + reward, length + 1
        if terminal or length == 20:
            returns.append(total)
            total, length = 0.0, 0
    np.testing.assert_allclose(returns_at(rewards, corl_ends(terminals, 20)), returns)


def test_returns_are_summed_in_float64_up_to_each_end() -> None:
    rewards = np.array([1.0, 2.0, 4.0, 8.0, 16.0], dtype=np.float32)
    assert returns_at(rewards, np.array([1, 3])).tolist() == [3.0, 12.0]  # the last row is of no trajectory
    assert returns_at(rewards, np.array([], dtype=int)).tolist() == []
    many = np.full(3_000_000, 0.1, dtype=np.float32)
    (total,) = returns_at(many, np.array([len(many) - 1]))
    # In float32 the sum would be off by thousands.
    assert total == pytest.approx(3_000_000 * float(np.float32(0.1)), rel=1e-9)


def test_one_row_is_a_trajectory() -> None:
    one = np.zeros((1, 2))
    assert official_ends(one, one, np.zeros(1)).tolist() == [0]
    assert corl_ends(np.ones(1, int)).tolist() == [0]
