"""D4RL's qlearning_dataset, trajectory boundaries and statistics, on ten rows with answers by hand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recheck.errors import DatasetError

from algos.datasets.d4rl_rows import (
    clip_to_bounds,
    maze_jumps,
    qlearning_rows,
    return_ranges,
    return_statistics,
    with_fixed_timeouts,
)
from algos.datasets.hdf5 import read_d4rl_hdf5

Rows = dict[str, np.ndarray]


def ten_rows(terminals: tuple[int, ...] = (), timeouts: tuple[int, ...] | None = ()) -> Rows:
    """Ten rows: observation i is [i, 10 i], action i is [i / 10], reward i is 2^i."""
    index = np.arange(10)
    rows: Rows = {
        "observations": np.stack([index, 10 * index], axis=1).astype(np.float32),
        "actions": (index[:, None] / 10).astype(np.float32),
        "rewards": (2.0**index).astype(np.float32),
        "terminals": np.isin(index, terminals),
    }
    if timeouts is not None:
        rows["timeouts"] = np.isin(index, timeouts)
    return rows


def d4rl_reference(rows: Rows, horizon: int) -> dict[str, np.ndarray]:
    """qlearning_dataset row by row, as its description says; written out to hold the fast one against."""
    kept = []
    step = 0
    for i in range(len(rows["rewards"]) - 1):
        final = rows["timeouts"][i] if "timeouts" in rows else step == horizon - 1
        if final:
            step = 0
            continue
        if rows["terminals"][i]:
            step = 0
        kept.append(i)
        step += 1
    chosen = np.array(kept)
    return {
        "observations": rows["observations"][chosen],
        "next_observations": rows["observations"][chosen + 1],
        "actions": rows["actions"][chosen],
        "rewards": rows["rewards"][chosen],
        "terminals": rows["terminals"][chosen].astype(np.uint8),
    }


def test_ten_rows_by_hand() -> None:
    """Terminal at 2, time-out at 5, both at 7: rows 5, 7 and the last go, the terminal at 2 stays."""
    filtered = qlearning_rows(ten_rows(terminals=(2, 7), timeouts=(5, 7)), horizon=1000)
    assert filtered.kept.tolist() == [0, 1, 2, 3, 4, 6, 8]
    assert filtered.num_dropped == 3
    arrays = filtered.arrays
    assert arrays["observations"][:, 0].tolist() == [0, 1, 2, 3, 4, 6, 8]
    # The next state is the following row, after the terminal too.
    assert arrays["next_observations"][:, 0].tolist() == [1, 2, 3, 4, 5, 7, 9]
    assert arrays["rewards"].tolist() == [1, 2, 4, 8, 16, 64, 256]
    assert arrays["terminals"].tolist() == [0, 0, 1, 0, 0, 0, 0]
    assert arrays["episodes"].tolist() == [0, 0, 0, 1, 1, 2, 3]
    assert arrays["actions"].dtype == arrays["rewards"].dtype == np.float32


def test_a_row_that_is_terminal_and_timed_out_is_dropped() -> None:
    filtered = qlearning_rows(ten_rows(terminals=(4,), timeouts=(4,)), horizon=1000)
    assert filtered.kept.tolist() == [0, 1, 2, 3, 5, 6, 7, 8]
    assert filtered.arrays["terminals"].sum() == 0


def test_the_last_row_is_lost_even_where_it_is_terminal() -> None:
    filtered = qlearning_rows(ten_rows(terminals=(9,), timeouts=()), horizon=1000)
    assert filtered.kept.tolist() == list(range(9))
    assert filtered.arrays["terminals"].sum() == 0


def test_without_timeouts_the_horizon_decides() -> None:
    """Horizon 4: row 3 times out; after the terminal at 5 D4RL counts from 1, so row 8 times out, not 9."""
    filtered = qlearning_rows(ten_rows(terminals=(5,), timeouts=None), horizon=4)
    assert filtered.kept.tolist() == [0, 1, 2, 4, 5, 6, 7]


def test_without_timeouts_and_horizon_nothing_is_guessed() -> None:
    with pytest.raises(DatasetError, match="horizon"):
        qlearning_rows(ten_rows(timeouts=None), horizon=None)


def test_only_timeouts_leave_nothing() -> None:
    with pytest.raises(DatasetError, match="No transition is left"):
        qlearning_rows(ten_rows(timeouts=tuple(range(10))), horizon=10)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("with_timeouts", [True, False])
def test_random_rows_agree_with_the_loop(seed: int, with_timeouts: bool) -> None:
    rng = np.random.default_rng(seed)
    rows = {
        "observations": rng.standard_normal((200, 3)).astype(np.float32),
        "actions": rng.standard_normal((200, 2)).astype(np.float32),
        "rewards": rng.standard_normal(200).astype(np.float32),
        "terminals": rng.random(200) < 0.05,
    }
    if with_timeouts:
        rows["timeouts"] = rng.random(200) < 0.05
    expected = d4rl_reference(rows, horizon=17)
    found = qlearning_rows(rows, horizon=17).arrays
    for key, values in expected.items():
        np.testing.assert_array_equal(found[key], values)


def test_returns_of_whole_and_cut_episodes() -> None:
    """Rows 0-2 end at a terminal (return 7), 3-5 at a time-out (56), 6-9 do not end (960)."""
    filtered = qlearning_rows(ten_rows(terminals=(2,), timeouts=(5,)), horizon=1000)
    assert filtered.complete_returns.tolist() == [7, 56]
    assert filtered.unfiltered_returns.tolist() == [7, 56, 960]
    statistics = return_statistics(filtered)
    assert statistics == {"complete_episodes": 2, "mean": 31.5, "std": 24.5, "min": 7, "max": 56}
    # Filtered: 7; 8 + 16 without the timed-out row; 64 + 128 + 256 without the last row.
    assert return_ranges(filtered)["official"] == [7, 448]
    assert return_ranges(filtered)["unfiltered"] == [7, 960]


def test_no_complete_episode_has_no_statistics() -> None:
    statistics = return_statistics(qlearning_rows(ten_rows(), horizon=1000))
    assert statistics == {"complete_episodes": 0, "mean": None, "std": None, "min": None, "max": None}


def test_return_ranges_of_the_shared_halfcheetah_file(shared_file: Callable[[str], Path]) -> None:
    ranges = return_ranges(qlearning_rows(read_d4rl_hdf5(shared_file("halfcheetah-mixed-v0.hdf5")), 1000))
    spans = {name: round(largest - smallest, 1) for name, (smallest, largest) in ranges.items()}
    assert spans == {"official": 11889.2, "corl": 11830.0, "unfiltered": 11901.3}


def test_stored_next_observations_equal_the_following_row(shared_file: Callable[[str], Path]) -> None:
    """Inside an episode the two definitions of the next state are the same."""
    rows = read_d4rl_hdf5(shared_file("hopper-mixed-v0.hdf5"))
    filtered = qlearning_rows(rows, 1000)
    inside = filtered.arrays["terminals"] == 0
    np.testing.assert_array_equal(
        filtered.arrays["next_observations"][inside], rows["next_observations"][filtered.kept][inside]
    )
    assert len(filtered.kept) == 99_950


def test_maze_jumps_are_counted_and_can_be_made_timeouts() -> None:
    """The agent is put from 4 to 20 although the file has the time-out one row late, at 5."""
    rows = ten_rows(timeouts=(5,))
    rows["observations"] = np.zeros((10, 2), np.float32)
    rows["observations"][:, 0] = [0, 0.3, 0.6, 0.9, 1.2, 20, 20.3, 20.6, 20.9, 21.2]
    ends = rows["terminals"] | rows["timeouts"]
    assert np.flatnonzero(maze_jumps(rows["observations"], ends)).tolist() == [4]
    as_published = qlearning_rows(rows, 1000)
    assert as_published.kept.tolist() == [0, 1, 2, 3, 4, 6, 7, 8]  # the jump stays in, row 5 is lost
    fixed = qlearning_rows(with_fixed_timeouts(rows), 1000)
    assert fixed.kept.tolist() == [0, 1, 2, 3, 5, 6, 7, 8]
    distance = np.abs(fixed.arrays["next_observations"] - fixed.arrays["observations"]).max()
    assert distance < 1


def test_actions_outside_the_bounds() -> None:
    rows = ten_rows()
    rows["actions"][4] = 1.25
    with pytest.raises(
        DatasetError, match=r"outside \[-1, 1\] in 1 rows, the first in row 4 \(largest 1.25\)"
    ):
        clip_to_bounds(rows, "file", limit=1.0, action_clip=None)
    clipped, count = clip_to_bounds(rows, "file", limit=1.0, action_clip=1.0)
    assert count == 1
    assert clipped["actions"].max() == 1.0
    assert rows["actions"].max() == 1.25


def test_a_last_bit_beyond_the_bound_is_rounding(make_rows: Any) -> None:
    rows = make_rows()
    rows["actions"][0] = np.nextafter(np.float32(1), np.float32(2))
    assert clip_to_bounds(rows, "file", limit=1.0, action_clip=None)[1] == 0
