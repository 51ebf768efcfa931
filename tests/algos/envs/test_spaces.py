"""Observations as one vector, and actions in [-1, 1]."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete
from recheck.errors import DatasetError

from algos.envs.spaces import Flat, UnitActions, flat_box, has_unit_actions, maze_cell, to_unit_actions


class Played(gymnasium.Env):
    """Observes what it is given and keeps the last action."""

    def __init__(self, space, observation, actions=None):
        self.observation_space, self.observation = space, observation
        self.action_space = Box(-1.0, 1.0, (1,)) if actions is None else actions
        self.taken = None

    def reset(self, *, seed=None, options=None):
        return self.observation, {}

    def step(self, action):
        self.taken = action
        return self.observation, 0.0, False, False, {}


def test_the_named_entries_follow_each_other():
    space = Dict(
        {"b": Box(-9, 9, (2, 2)), "a": Box(-9, 9, (1,)), "kind": Discrete(3), "other": Box(-9, 9, (5,))}
    )
    observation = {"b": np.array([[1, 2], [3, 4]], np.float32), "a": np.array([7.0], np.float32), "kind": 2}
    observation["other"] = np.zeros(5, np.float32)
    env = Flat(Played(space, observation), ("a", "b", "kind"))
    found, _ = env.reset()
    assert found.tolist() == [7, 1, 2, 3, 4, 0, 0, 1]
    assert found.dtype == np.float32
    assert env.observation_space == flat_box(8)


def test_a_plain_observation_is_one_row_of_float32():
    env = Flat(Played(Box(-9, 9, (2, 3), np.float64), np.arange(6.0).reshape(2, 3)))
    found, _ = env.reset()
    assert found.tolist() == [0, 1, 2, 3, 4, 5]
    assert found.dtype == np.float32
    assert env.observation_space.shape == (6,)


def test_entries_that_are_not_observed_are_named():
    with pytest.raises(DatasetError, match="The environment does not observe goal; it observes a, b"):
        Flat(Played(Dict({"a": Box(-1, 1, (1,)), "b": Box(-1, 1, (1,))}), {}), ("a", "goal"))
    with pytest.raises(DatasetError, match="flatten is for environments that observe a dictionary"):
        Flat(Played(Box(-1, 1, (1,)), np.zeros(1)), ("a",))


def test_actions_are_brought_to_the_environments_bounds():
    bounds = Box(np.array([-2.0, 0.0], np.float64), np.array([2.0, 10.0], np.float64), dtype=np.float64)
    inner = Played(Box(-1, 1, (1,)), np.zeros(1), bounds)
    env = UnitActions(inner)
    for given, wanted in (([-1, -1], [-2, 0]), ([1, 1], [2, 10]), ([0.5, 0.0], [1, 5]), ([9, -9], [2, 0])):
        env.step(np.array(given, np.float32))
        assert inner.taken.tolist() == wanted
        assert inner.taken.dtype == np.float64
    assert has_unit_actions(env.action_space)
    assert not has_unit_actions(bounds)
    assert not has_unit_actions(Discrete(3))


def test_a_datasets_actions_go_the_other_way():
    low, high = np.array([-2.0, 0.0]), np.array([2.0, 10.0])
    actions = np.array([[-2, 0], [2, 10], [1, 5], [2.5, 11]], np.float32)
    found = to_unit_actions(actions, (low, high))
    assert found.tolist() == [[-1, -1], [1, 1], [0.5, 0], [1, 1]]
    assert found.dtype == np.float32
    assert to_unit_actions(actions, (-np.ones(2), np.ones(2))) is actions


def test_a_cell_of_a_maze():
    assert maze_cell("1, 10", "antmaze").tolist() == [1, 10]
    for text in ("1", "1,2,3", "a,b", ""):
        with pytest.raises(
            DatasetError, match=rf"The adapter antmaze needs a cell as row,column, not '{text}'"
        ):
            maze_cell(text, "antmaze")
