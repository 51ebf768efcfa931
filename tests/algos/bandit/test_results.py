"""Shares and rewards of known samples."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
from recheck.errors import FileError

from algos.bandit import results
from algos.bandit.settings import resolve_settings

# --- Numbers ---


def test_shares_and_reward_of_known_samples() -> None:
    actions = np.array(
        [
            [-0.8, 0.8],  # pays 3
            [-0.8, 0.99],  # 0.19 away: still there
            [-0.8, 1.01],  # 0.21 away: off
            [-0.8, -0.8],  # pays 0, and is not off
            [0.7, 0.9],  # 0.141 away: pays 1.5
            [0.8, -0.8],  # pays 5
            [0.65, -0.65],  # 0.212 away, though 0.15 per axis: off
            [0.0, 0.0],
            [7.0, -7.0],
            [0.8, -0.61],  # pays 5
        ]
    )
    assert results.nearest_modes(actions).tolist() == [0, 0, -1, 1, 2, 3, -1, -1, -1, 3]
    assert results.sample_numbers(actions) == {
        "share_left_up": 0.2,
        "share_left_bottom": 0.1,
        "share_right_up": 0.1,
        "share_right_bottom": 0.2,
        "share_off_modes": 0.4,
        "mean_true_reward": 1.75,  # (3 + 3 + 0 + 1.5 + 5 + 5) / 10
    }


# --- Files ---


def test_a_full_disk_is_one_message_and_leaves_no_file(
    tmp_path: Path, full_disk: Callable[[], AbstractContextManager[None]]
) -> None:
    settings = resolve_settings("reduced", 0, None, None)
    with full_disk(), pytest.raises(FileError) as caught:
        results.write_results(settings, "reduced", {}, tmp_path / "toy")
    assert str(caught.value).endswith(
        "samples.parquet cannot be written: the disk is full; free some space and run again."
    )
    assert list((tmp_path / "toy").iterdir()) == []
