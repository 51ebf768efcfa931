"""The flags of a file under the names that programs give them."""

from __future__ import annotations

import numpy as np
import pytest
from recheck.errors import DatasetError

from algos.datasets.episode_flags import read_flags


def flags(*rows: int, length: int = 6) -> np.ndarray:
    return np.isin(np.arange(length), rows)


def where(values: np.ndarray | None) -> list[int] | None:
    return None if values is None else np.flatnonzero(values).tolist()


def test_each_kind_is_apart() -> None:
    found = read_flags({"terminals": flags(2), "timeouts": flags(5)}, "f")
    assert (where(found.terminals), where(found.timeouts)) == ([2], [5])
    assert found.ends is None
    assert found.last_rows is None
    assert found.convention == "terminals + timeouts"
    assert where(found.any_end()) == [2, 5]
    assert not found.without_timeouts()


def test_flags_that_say_the_contrary_are_turned() -> None:
    found = read_flags({"masks": ~flags(2), "not_done": ~flags(2, 5)}, "f")
    assert (where(found.terminals), where(found.ends)) == ([2], [2, 5])
    assert found.convention == "1 - masks + 1 - not_done"
    alone = read_flags({"discount": ~flags(2)}, "f")
    assert alone.without_timeouts()


def test_two_names_of_one_thing_have_to_agree() -> None:
    found = read_flags({"terminals": flags(2), "terminated": flags(2), "masks": ~flags(2)}, "f")
    assert found.convention == "terminals = terminated = 1 - masks"
    with pytest.raises(
        DatasetError, match=r"f holds terminals and is_terminal, .* differ in 2 rows, the first in row 2"
    ):
        read_flags({"terminals": flags(2), "is_terminal": flags(4)}, "f")
    # Where masks have fewer ends, the others are ends of either kind, called terminals.
    with pytest.raises(
        DatasetError, match="if terminals are ends of either kind, call them episode_terminals"
    ):
        read_flags({"terminals": flags(2, 5), "masks": ~flags(2)}, "f")


def test_numbers_and_first_rows_say_where_episodes_end() -> None:
    numbered = read_flags({"terminals": flags(), "episode": np.array([7, 7, 3, 3, 3, 9])}, "f")
    assert where(numbered.last_rows) == [1, 4, 5]
    first = read_flags({"terminals": flags(), "is_first": flags(0, 2, 5)}, "f")
    assert where(first.last_rows) == [1, 4, 5]
    both = {"episode": np.array([0, 0, 1, 1, 1, 2]), "is_first": flags(0, 2, 5)}
    assert read_flags(both, "f").convention == "episode = is_first"
    with pytest.raises(
        DatasetError, match="holds episode and is_first, which number the episodes differently"
    ):
        read_flags({**both, "is_first": flags(0, 3, 5)}, "f")


def test_an_episode_in_two_parts_is_refused() -> None:
    with pytest.raises(
        DatasetError, match=r"numbers 2 episodes in episode, .*\(3 runs of equal numbers\); sort"
    ):
        read_flags({"episode": np.array([0, 0, 1, 1, 0, 0])}, "f")


def test_flags_in_another_order_lose_the_episodes_numbers() -> None:
    found = read_flags({"terminals": flags(2), "episode": np.array([0, 0, 0, 1, 1, 1])}, "f")
    order = np.array([3, 4, 5, 0, 1, 2])
    ordered = found.in_order(order, flags(2))
    assert where(ordered.terminals) == [5]
    assert ordered.last_rows is None
    assert where(ordered.breaks) == [2]
    assert ordered.without_timeouts()
