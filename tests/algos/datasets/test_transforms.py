"""Named transforms on ten rows, with the answers worked out by hand."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recheck.errors import DatasetError

from algos.datasets import transforms
from algos.datasets.d4rl_rows import qlearning_rows, return_ranges
from algos.datasets.hdf5 import read_d4rl_hdf5
from algos.datasets.transitions import Transitions


def ten(rewards: Any = None, terminals: Any = ()) -> Transitions:
    """Ten rows of one state number 0..9 and one action -0.9, -0.7, ..., 0.9."""
    index = np.arange(10)
    return Transitions(
        observations=index[:, None].astype(np.float32),
        actions=np.linspace(-0.9, 0.9, 10, dtype=np.float32)[:, None],
        rewards=np.asarray(index if rewards is None else rewards, dtype=np.float32),
        next_observations=(index[:, None] + 1).astype(np.float32),
        terminals=np.isin(index, terminals).astype(np.uint8),
        episodes=np.zeros(10, np.int64),
    )


def rewards_after(name: str, rewards: Any, terminals: Any = (), **options: Any) -> list[float]:
    changed, _ = transforms.apply(ten(rewards, terminals), [{"name": name, **options}])
    assert changed.rewards.dtype == np.float32
    return changed.rewards.tolist()


SPARSE = [0, 0, 1, 0, 0, 0, 1, 0, 0, 0]


def test_clip_actions() -> None:
    data = ten()
    data.actions[9] = 1.0
    changed, _ = transforms.apply(data, [{"name": "clip_actions", "limit": 0.5}])
    expected = [-0.5, -0.5, -0.5, -0.3, -0.1, 0.1, 0.3, 0.5, 0.5, 0.5]
    np.testing.assert_allclose(changed.actions[:, 0], expected, atol=1e-6)
    assert data.actions[9] == 1.0  # the input is left as it is
    changed, _ = transforms.apply(data, [{"name": "clip_actions", "limit": 1 - 1e-5}])
    assert changed.actions.max() == np.float32(0.99999)


def test_minus_one() -> None:
    assert rewards_after("minus_one", SPARSE) == [-1, -1, 0, -1, -1, -1, 0, -1, -1, -1]


def test_shift_scale() -> None:
    assert rewards_after("shift_scale", SPARSE) == [-2, -2, 2, -2, -2, -2, 2, -2, -2, -2]


def test_normalize_divides_by_n_minus_1() -> None:
    """0..9: mean 4.5, sum of squares 82.5, so the standard deviation is sqrt(82.5 / 9) = 3.02765."""
    expected = (np.arange(10) - 4.5) / 3.0276503541
    np.testing.assert_allclose(rewards_after("normalize", range(10)), expected, rtol=1e-6)


def test_min_max() -> None:
    np.testing.assert_allclose(
        rewards_after("min_max", [2, 4, 6, 2, 4, 6, 2, 4, 6, 4]), [-1, 0, 1, -1, 0, 1, -1, 0, 1, 0]
    )


def test_return_range_official() -> None:
    """Terminals after rows 3 and 7 give the returns 0+1+2+3 = 6, 4+5+6+7 = 22, 8+9 = 17: scale 1000 / 16."""
    found = rewards_after("return_range", range(10), terminals=(3, 7))
    np.testing.assert_allclose(found, np.arange(10) * 62.5)


def test_return_range_official_cuts_at_jumps() -> None:
    """A dropped row between 4 and 5 is a jump of the state: returns 10 and 35."""
    data = ten(range(10))
    data.next_observations[4] = 77.0
    changed, state = transforms.apply(data, [{"name": "return_range"}])
    np.testing.assert_allclose(changed.rewards, np.arange(10) * 40.0)
    assert dict(state.constants) == {"smallest_return": 10.0, "largest_return": 35.0}


def test_return_range_corl() -> None:
    """Windows of 4 rows: 6, 22, and the unfinished 8+9 is left out."""
    found = rewards_after("return_range", range(10), boundaries="corl", max_episode_steps=4)
    np.testing.assert_allclose(found, np.arange(10) * 62.5)


def test_return_range_unfiltered_comes_from_the_manifest() -> None:
    data = replace(ten(range(10)), manifest={"return_ranges": {"unfiltered": [-10.0, 40.0]}})
    entry = {"name": "return_range", "boundaries": "unfiltered"}
    changed, _ = transforms.apply(data, [entry])
    np.testing.assert_allclose(changed.rewards, np.arange(10) * 20.0)
    with pytest.raises(DatasetError, match="prepare the dataset again"):
        transforms.apply(ten(), [entry])
    with pytest.raises(DatasetError, match="before every other change"):
        transforms.apply(data, [{"name": "minus_one"}, entry])


def test_return_ranges_of_the_shared_halfcheetah_file(shared_file: Callable[[str], Path]) -> None:
    filtered = qlearning_rows(read_d4rl_hdf5(shared_file("halfcheetah-mixed-v0.hdf5")), 1000)
    data = Transitions(**filtered.arrays, manifest={"return_ranges": return_ranges(filtered)})
    for boundaries, span in {"official": 11889.2, "corl": 11830.0, "unfiltered": 11901.3}.items():
        changed, state = transforms.apply(data, [{"name": "return_range", "boundaries": boundaries}])
        assert round(state.constants["largest_return"] - state.constants["smallest_return"], 1) == span
        np.testing.assert_allclose(changed.rewards, data.rewards * (1000 / span), rtol=1e-5)


def test_standardise_observations_in_data_and_environment() -> None:
    """0..9: mean 4.5, standard deviation with n sqrt(8.25) = 2.872281; CORL adds 0.001."""
    changed, state = transforms.apply(ten(), [{"name": "standardise_observations"}])
    scale = 2.8722813 + 1e-3
    np.testing.assert_allclose(changed.observations[:, 0], (np.arange(10) - 4.5) / scale, rtol=1e-5)
    np.testing.assert_allclose(changed.next_observations[:, 0], (np.arange(10) - 3.5) / scale, rtol=1e-5)
    np.testing.assert_allclose(state.observations(np.array([[7.0]])), [[2.5 / scale]], rtol=1e-5)
    again = transforms.TransformState.from_tensors(state.tensors())
    np.testing.assert_array_equal(again.observations(ten().observations), changed.observations)


def test_no_transform_leaves_observations_raw() -> None:
    data = ten()
    changed, state = transforms.apply(data, [])
    assert changed is data
    assert state.tensors() == {}
    assert state.observations(np.ones((2, 3), np.float64)).dtype == np.float32


def test_affine_multiplies_and_then_adds() -> None:
    """ReBRAC's antmaze (r * 100) and CORL's CQL (r * 10 - 5)."""
    for options, expected in (
        ({"factor": 100.0}, [0.0, 100.0]),
        ({"factor": 10.0, "offset": -5.0}, [-5.0, 5.0]),
    ):
        changed, _ = transforms.apply(ten(SPARSE), [{"name": "affine", **options}])
        assert changed.rewards.tolist()[1:3] == expected
        assert changed.rewards.dtype == np.float32


def test_transforms_are_applied_in_their_order() -> None:
    first, _ = transforms.apply(ten(SPARSE), [{"name": "minus_one"}, {"name": "shift_scale"}])
    second, _ = transforms.apply(ten(SPARSE), [{"name": "shift_scale"}, {"name": "minus_one"}])
    assert first.rewards.tolist()[1:3] == [-6.0, -2.0]
    assert second.rewards.tolist()[1:3] == [-3.0, 1.0]


@pytest.mark.parametrize(
    ("entry", "word"),
    [
        ({"name": "minus_two"}, "known are affine, clip_actions"),
        ({"name": "minus_one", "by": 2}, "no option by"),
        ({"name": "clip_actions", "limit": 0}, "above 0"),
        ({"name": "clip_actions"}, "limit"),
        ({"name": "return_range", "boundaries": "mine"}, "official, corl, unfiltered"),
        ({"name": "return_range", "boundaries": "corl"}, "fewer than 1000"),
        ({}, "unknown"),
    ],
)
def test_bad_entries_are_refused(entry: dict[str, Any], word: str) -> None:
    with pytest.raises(DatasetError, match=word):
        transforms.apply(ten(), [entry])


@pytest.mark.parametrize("name", ["normalize", "min_max", "return_range"])
def test_constant_rewards_cannot_be_scaled(name: str) -> None:
    with pytest.raises(DatasetError, match="cannot scale"):
        transforms.apply(ten(np.zeros(10)), [{"name": name}])


def test_standardising_twice_is_refused() -> None:
    entry = {"name": "standardise_observations"}
    with pytest.raises(DatasetError, match="changed already"):
        transforms.apply(ten(), [entry, entry])


def trajectories(lengths: list[int], returns: list[float]) -> Transitions:
    """Trajectories of constant reward."""
    episodes = np.repeat(np.arange(len(lengths)), lengths)
    rewards = np.repeat(np.asarray(returns) / lengths, lengths)
    index = np.arange(len(episodes), dtype=np.float32)[:, None]
    return Transitions(
        observations=index,
        actions=0 * index,
        rewards=rewards.astype(np.float32),
        next_observations=index + 1,
        terminals=np.zeros(len(episodes), np.uint8),
        episodes=episodes.astype(np.int64),
    )


def test_top_fraction_takes_the_best_trajectories_while_they_fit() -> None:
    """Ten rows: returns 5, 9, 1, 7 of lengths 2, 3, 1, 4. Best first: rows 2-4 (3), rows 6-9 (7), ..."""
    data = trajectories([2, 3, 1, 4], [5, 9, 1, 7])
    for fraction, expected in (
        (0.1, {1}),
        (0.3, {1}),
        (0.69, {1}),
        (0.7, {1, 3}),
        (0.9, {0, 1, 3}),
        (1, None),
    ):
        changed, _ = transforms.apply(data, [{"name": "top_fraction", "fraction": fraction}])
        assert set(changed.episodes.tolist()) == (expected or {0, 1, 2, 3}), fraction
    changed, _ = transforms.apply(data, [{"name": "top_fraction", "fraction": 0.7}])
    assert changed.observations[:, 0].tolist() == [2, 3, 4, 6, 7, 8, 9]


@pytest.mark.parametrize("fraction", [0, -0.1, 1.5])
def test_top_fraction_refuses_what_is_no_fraction(fraction: float) -> None:
    with pytest.raises(DatasetError, match=r"needs a fraction in \(0, 1\]"):
        transforms.apply(ten(), [{"name": "top_fraction", "fraction": fraction}])


def test_marginal_shares_change_states_and_actions_and_are_kept() -> None:
    """Ten different values: the k-th smallest is k/10 of the data, 2 k/10 - 1."""
    data = replace(ten(), observations=np.stack([np.arange(10), np.full(10, 7)], axis=1).astype(np.float32))
    data = replace(data, next_observations=data.observations + np.float32(0.5))
    changed, state = transforms.apply(data, [{"name": "marginal_shares"}])
    shares = np.arange(1, 11) / 5 - 1
    np.testing.assert_allclose(changed.observations[:, 0], shares, atol=1e-6)
    np.testing.assert_allclose(changed.observations[:, 1], 7)
    np.testing.assert_allclose(changed.actions[:, 0], shares, atol=1e-6)
    np.testing.assert_allclose(changed.next_observations[:2, 0], [-0.7, -0.5], atol=1e-6)
    again = transforms.TransformState.from_tensors(state.tensors())
    assert again.changes_observations
    np.testing.assert_array_equal(again.observations(data.observations), changed.observations)
    np.testing.assert_allclose(again.actions(changed.actions), data.actions, atol=1e-6)
    np.testing.assert_allclose(again.zeros(2, 1), [-0.8, 0.0, 0.1], atol=1e-6)
    with pytest.raises(DatasetError, match="one such transform is allowed"):
        transforms.apply(data, [{"name": "marginal_shares"}, {"name": "standardise_observations"}])
