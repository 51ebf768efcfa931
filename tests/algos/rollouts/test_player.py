"""The layer between a policy and its environments: observations and actions in the policy's units."""

import numpy as np
import torch

from algos.base import Sampling
from algos.datasets.marginals import Marginals
from algos.datasets.transforms import TransformState
from algos.rollouts import Episode, Player


class Policy:
    """Acts with its first observation, and remembers what it saw."""

    seeds = (0,)
    num_seeds = 1
    device = torch.device("cpu")
    problem = type("Problem", (), {"observation_dim": 1, "action_dim": 1})

    def __init__(self):
        self.seen = []

    def acting_rows(self, sampling):
        return 256

    def act(self, observations, sampling, streams):
        self.seen.append(observations[0, 0, 0].item())
        return observations[..., :1].clone()


class Pool:
    """One environment of three steps, whose observation is its step number."""

    size = 1

    def __init__(self):
        self.actions = []

    def reset(self, place, episode_seed, seed):
        return np.zeros(1, dtype=np.float32)

    def step(self, places, actions):
        self.actions.append(float(actions[0, 0]))
        number = len(self.actions)
        return np.full((1, 1), number, dtype=np.float32), [1.0], [number == 3]


def test_observations_become_shares_and_actions_values_again():
    """States 0 1 2 3 are the shares -.5 0 .5 1; actions of the data are tenths of them."""
    values = np.arange(4, dtype=np.float32)[:, None]
    state = TransformState(observation_marginals=Marginals(values), action_marginals=Marginals(values / 10))
    policy, pool = Policy(), Pool()
    (played,) = Player(policy, Sampling(), state, pool).play([Episode(0, 0, 5, "test")])
    assert policy.seen == [-0.5, 0.0, 0.5]
    np.testing.assert_allclose(pool.actions, [0.0, 0.1, 0.2], atol=1e-7)
    assert (played.raw_return, played.length) == (3.0, 3)
