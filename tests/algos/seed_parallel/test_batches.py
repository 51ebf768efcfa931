"""Rows of a dataset as batches, each seed its own."""

import numpy as np
import pytest
import torch

from algos.seed_parallel.batches import ProblemSpec, Rows, TrainingData

N = 10


def rows(**changes):
    index = np.arange(N, dtype=np.float32)
    arrays = {
        "observations": np.stack([index, 100 + index, 200 + index], axis=1),
        "actions": np.stack([-index, -100 - index], axis=1),
        "rewards": 1000 + index,
        "next_observations": np.stack([index, 100 + index, 200 + index], axis=1) + 0.5,
        "terminals": (np.arange(N) == 7).astype(np.uint8),
    }
    return Rows(**{**arrays, **changes})


def test_every_part_of_a_row_is_at_its_place():
    data = TrainingData(rows())
    assert data.problem == ProblemSpec(3, 2)
    assert data.num_rows == N
    batch = data.batch(torch.tensor([[7, 0], [3, 3]]))
    assert batch.observations[0].tolist() == [[7, 107, 207], [0, 100, 200]]
    assert batch.actions[1].tolist() == [[-3, -103]] * 2
    assert batch.next_observations[0, 0].tolist() == [7.5, 107.5, 207.5]
    assert batch.rewards.tolist() == [[1007, 1000], [1003, 1003]]
    assert batch.continues.tolist() == [[0, 1], [1, 1]]
    assert batch.next_actions is None
    assert torch.equal(batch.state_actions, torch.cat([batch.observations, batch.actions], dim=2))
    assert batch.observations.data_ptr() == batch.state_actions.data_ptr()


def test_next_actions_are_the_datasets():
    data = TrainingData(rows(next_actions=np.full((N, 2), 5.0, np.float32) + np.arange(N)[:, None]))
    batch = data.batch(torch.tensor([[2, 9]]))
    assert batch.next_actions.tolist() == [[[7, 7], [14, 14]]]
    assert batch.next_observations[0, 1].tolist() == [9.5, 109.5, 209.5]
    assert batch.rewards.tolist() == [[1002, 1009]]


def test_an_index_counts_the_rows_that_a_seed_may_train_on():
    data = TrainingData(rows(), rows=np.array([[1, 3, 5], [0, 2, 9]]))
    assert data.num_rows == 3
    batch = data.batch(torch.tensor([[0, 2], [0, 2]]))
    assert batch.observations[..., 0].tolist() == [[1, 5], [0, 9]]
    with pytest.raises((RuntimeError, IndexError)):
        data.batch(torch.tensor([[3, 0], [0, 0]]))
