"""Checks on the arrays of a file, before anything is done with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from recheck.errors import DatasetError

from algos.datasets.row_checks import (
    as_flags,
    check_rows,
    check_widths,
    finite_float32,
    refuse_discrete,
    require_keys,
)


def rows(num_rows: int = 6, **changes: Any) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    found = {
        "observations": rng.standard_normal((num_rows, 3)),
        "actions": rng.uniform(-1, 1, (num_rows, 2)),
        "rewards": np.ones(num_rows),
        "terminals": np.zeros(num_rows),
    }
    return {**found, **changes}


def test_arrays_get_the_promised_types() -> None:
    found = rows(rewards=np.ones((6, 1)), terminals=np.array([[0], [0], [1], [0], [0], [0]], np.int8))
    assert check_rows(found, "f") == []
    assert {key: found[key].dtype.name for key in found} == {
        "observations": "float32",
        "actions": "float32",
        "rewards": "float32",
        "terminals": "bool",
    }
    assert found["rewards"].shape == (6,)
    assert found["terminals"].tolist() == [False, False, True, False, False, False]


@pytest.mark.parametrize("name", ["next_obs", "next_states", "obs_next", "next_observation"])
def test_other_names_of_next_observations(name: str) -> None:
    found = rows(**{name: np.zeros((6, 3))})
    check_rows(found, "f")
    assert found["next_observations"].shape == (6, 3)
    assert name not in found
    both = rows(next_observations=np.zeros((6, 3)), **{name: np.zeros((6, 3))})
    with pytest.raises(DatasetError, match=rf"f holds next_observations and {name}, which mean the same"):
        check_rows(both, "f")


def test_what_is_not_one_value_for_each_row_is_left_alone() -> None:
    found = rows(
        **{
            "infos/qpos": np.zeros((2, 6)),  # initial states
            "infos/qvel": np.zeros((6, 6)),
            "episode": np.zeros((6, 1), dtype=int),
            "is_first": np.zeros(3),
        }
    )
    assert sorted(check_rows(found, "f")) == ["infos/qpos", "is_first"]
    assert found["episode"].shape == (6,)
    assert found["infos/qvel"].shape == (6, 6)
    fractions = rows(episode=np.linspace(0, 1, 6))  # no numbers of episodes
    assert check_rows(fractions, "f") == ["episode"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"actions": np.zeros((5, 2))}, r"different lengths \(observations \[6, 3\], actions \[5, 2\]"),
        ({"observations": np.zeros(6)}, r"observations with the shape \[6\], but \[time steps, width\]"),
        ({"rewards": np.zeros((6, 2))}, r"rewards with the shape \[6, 2\], but \[time steps\]"),
        ({"actions": np.zeros((6, 0))}, r"actions with the shape \[6, 0\]"),
        ({"next_observations": np.zeros((6, 2))}, "observations and next_observations of different widths"),
        (
            {"rewards": np.array([0, 1, np.nan, np.inf, 0, 0])},
            "2 NaN or infinite values in rewards, the first in row 2",
        ),
        ({"terminals": np.full(6, 0.5)}, "values other than 0 and 1 in terminals"),
        (
            {"actions": np.array([[0], [1], [3], [2], [0], [1]])},
            "whole numbers from 0 to 3 as actions: discrete",
        ),
    ],
)
def test_arrays_that_cannot_be_rows_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(DatasetError, match=words) as refusal:
        check_rows(rows(**changes), "f")
    assert str(refusal.value).startswith("f ")


def test_one_time_step_is_no_transition() -> None:
    with pytest.raises(DatasetError, match="holds 1 time steps; at least 2 are needed for one transition"):
        check_rows(rows(1), "f")


def test_rows_of_zeros_at_the_end_are_an_unfilled_buffer() -> None:
    found = rows()
    for key in ("observations", "actions", "rewards"):
        found[key][4:] = 0
    with pytest.raises(DatasetError, match=r"ends with 2 of 6 rows in which .* are all zero"):
        check_rows(found, "f")
    found = rows()
    for key in ("observations", "actions", "rewards"):
        found[key][5:] = 0
    check_rows(found, "f")  # one row may be a state
    with pytest.raises(DatasetError, match="ends with 6 of 6 rows"):
        check_rows({key: 0 * values for key, values in rows().items()}, "f")


def test_a_discount_is_a_flag_where_it_has_one_value_besides_0() -> None:
    found = rows(discount=np.array([0.99, 0.99, 0.0, 0.99, 0.99, 0.99]))
    check_rows(found, "f")
    assert found["discount"].tolist() == [True, True, False, True, True, True]
    with pytest.raises(DatasetError, match="values other than 0 and 1 in discount"):
        check_rows(rows(discount=np.linspace(0.1, 1, 6)), "f")


def test_continuous_actions_may_be_whole_at_the_bounds() -> None:
    refuse_discrete(np.array([[-1.0, 1.0], [1.0, 0.0]]), "f")
    refuse_discrete(np.array([[0.0, 0.5], [1.0, 1.0]]), "f")
    refuse_discrete(np.zeros((4, 2)), "f")
    refuse_discrete(np.zeros((0, 2)), "f")
    with pytest.raises(DatasetError, match="whole numbers from 0 to 1"):
        refuse_discrete(np.array([[0], [1], [1]]), "f")


def test_numbers_beyond_float32_are_not_made_infinite() -> None:
    with pytest.raises(DatasetError, match="1 NaN or infinite values in rewards, the first in row 1"):
        finite_float32(np.array([1.0, 1e39]), "rewards", "f")
    assert as_flags(np.array([0.0, 1.0]), "x", "f").tolist() == [False, True]


def test_missing_keys_are_named_with_what_the_file_holds() -> None:
    require_keys(["observations", "actions", "rewards", "dones"], "f")
    require_keys(["observations", "actions", "rewards", "masks"], "f")
    with pytest.raises(DatasetError, match=r"f lacks rewards, terminals: .* it holds actions, observations"):
        require_keys(["observations", "actions"], "f")
    # A time-out alone says nothing of terminals.
    with pytest.raises(DatasetError, match="f lacks terminals"):
        require_keys(["observations", "actions", "rewards", "timeouts"], "f")
    with pytest.raises(DatasetError, match="it holds nothing"):
        require_keys([], "f")
    many = [f"key{i:02d}" for i in range(20)]
    with pytest.raises(DatasetError, match=r"key00, .*key11 and 8 more"):
        require_keys(many, "f")


def test_other_layouts_get_a_hint() -> None:
    groups = {"train": ["observations", "actions", "rewards"], "notes": ["text"]}
    with pytest.raises(DatasetError, match="These are in train: write the arrays of one group as a file"):
        require_keys(["train/observations"], "f", groups)
    with pytest.raises(DatasetError, match="holds one array for each episode: join the episodes' arrays"):
        require_keys(["observations_0", "actions_0", "observations_1"], "f")


def test_widths_of_another_environment() -> None:
    found = rows()
    check_widths(found, "f", 3, 2)
    check_widths(found, "f", None, None)
    with pytest.raises(DatasetError, match="f holds actions of width 2, but the task's environment has 6"):
        check_widths(found, "f", 3, 6)
