"""Collected datasets: D4RL's layout, equal bytes, episodes, the command."""

from pathlib import Path

import numpy as np
import pytest

from algos.recollect import __main__ as recollect_command
from algos.recollect import catalogue, collect
from algos.recollect.catalogue import (
    load_recollection,
    return_statistics,
)
from algos.recollect.collect import recollect, split_sizes
from tests.algos.recollect.recollections import MAZES, RECOLLECTIONS, lengths, refusal

# --- What is promised of every recollection ---


@pytest.mark.parametrize("name", RECOLLECTIONS)
def test_the_layout_is_that_of_d4rl(name: str) -> None:
    spec = load_recollection(name)
    rows = recollect(spec, 331, seed=0)
    assert {len(values) for values in rows.values()} == {331}
    for key in ("observations", "actions", "rewards", "next_observations"):
        assert rows[key].dtype == np.float32, key
        assert np.isfinite(rows[key]).all(), key
    assert rows["terminals"].dtype == rows["timeouts"].dtype == bool
    assert rows["infos/qpos"].dtype == rows["infos/qvel"].dtype == np.float64
    assert rows["observations"].shape == rows["next_observations"].shape
    assert np.abs(rows["actions"]).max() <= 1.0
    assert not (rows["terminals"] & rows["timeouts"]).any()


@pytest.mark.parametrize("name", ["hopper-medium-replay", *MAZES])
def test_the_same_seed_gives_the_same_bytes(name: str) -> None:
    first, second = (recollect(name, 700, seed=5) for _ in range(2))
    assert {key: values.tobytes() for key, values in first.items()} == {
        key: values.tobytes() for key, values in second.items()
    }
    other = recollect(name, 700, seed=6)
    assert not np.array_equal(first["observations"], other["observations"])


def test_the_rows_do_not_depend_on_the_number_of_environments(
    hopper: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collect, "MAX_ENVIRONMENTS", 1)
    alone = recollect("hopper-medium", 6_000, seed=3)
    assert all(np.array_equal(hopper[key], alone[key]) for key in hopper)


def test_a_smaller_set_is_the_beginning_of_a_larger_one(hopper: dict[str, np.ndarray]) -> None:
    smaller = recollect("hopper-medium", 1_500, seed=3)
    assert np.array_equal(smaller["observations"], hopper["observations"][:1_500])
    assert smaller["timeouts"][-1] != smaller["terminals"][-1]


@pytest.mark.parametrize("size", [2, 999, 1000, 1001])
def test_sizes_are_exact(size: int) -> None:
    rows = recollect("halfcheetah-medium", size, seed=0)
    assert {len(values) for values in rows.values()} == {size}


# --- Episodes ---


def test_the_next_observation_is_the_next_row_inside_an_episode(hopper: dict[str, np.ndarray]) -> None:
    inside = ~(hopper["terminals"] | hopper["timeouts"])[:-1]
    assert np.array_equal(hopper["next_observations"][:-1][inside], hopper["observations"][1:][inside])
    assert not np.array_equal(hopper["next_observations"][:-1][~inside], hopper["observations"][1:][~inside])


def test_falls_are_terminals_and_end_before_the_horizon(hopper: dict[str, np.ndarray]) -> None:
    assert hopper["terminals"].sum() >= 3
    # Hopper-v4 is healthy above 0.7 m; a fall may also be an angle past 0.2 rad.
    heights, angles = hopper["next_observations"][:, 0], hopper["next_observations"][:, 1]
    fallen = (heights <= 0.7) | (np.abs(angles) >= 0.2)
    assert np.array_equal(fallen, hopper["terminals"])
    assert lengths(hopper).max() <= 1000


def test_the_horizon_is_a_timeout_and_no_terminal() -> None:
    rows = recollect("halfcheetah-medium", 2_500, seed=1)
    assert np.flatnonzero(rows["timeouts"]).tolist() == [999, 1999, 2499]
    assert not rows["terminals"].any()
    assert return_statistics(rows, 1000)["complete_episodes"] == 2


def test_every_part_ends_with_a_timeout_or_a_fall() -> None:
    spec = load_recollection("hopper-medium-replay")
    sizes = split_sizes(1_001, [part.share for part in spec.parts])
    rows = recollect(spec, 1_001, seed=2)
    last_rows = np.cumsum(sizes) - 1
    assert (rows["timeouts"] | rows["terminals"])[last_rows].all()
    # A part's rows are those of its own policy alone: the first part equals a set of that part only.
    only = catalogue.Recollection(
        "one", spec.environment_id, spec.horizon, spec.parts[:1], None, spec.imitates, (), spec.folder
    )
    first = recollect(only, sizes[0], seed=2)
    assert np.array_equal(first["actions"], rows["actions"][: sizes[0]])


def test_the_stored_state_is_the_one_before_the_action(hopper: dict[str, np.ndarray]) -> None:
    # Hopper observes all positions but the first, then velocities clipped to 10.
    observed = np.hstack([hopper["infos/qpos"][:, 1:], np.clip(hopper["infos/qvel"], -10, 10)])
    assert np.array_equal(observed.astype(np.float32), hopper["observations"])


def test_too_few_transitions_and_negative_seeds_are_refused() -> None:
    assert "at least" in refusal("hopper-medium-replay", 2, 0)
    assert "0 or more" in refusal("hopper-medium", 100, -1)


def test_the_command_line_writes_a_file_that_the_reader_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from algos.datasets.hdf5 import read_d4rl_hdf5

    path = tmp_path / "set.hdf5"
    assert (
        recollect_command.main(
            ["hopper-medium", "--transitions", "300", "--seed", "1", "--output", str(path)]
        )
        == 0
    )
    assert "published" in capsys.readouterr().out
    rows, direct = read_d4rl_hdf5(path), recollect("hopper-medium", 300, seed=1)
    assert all(np.array_equal(rows[key], direct[key]) for key in direct)
    assert recollect_command.main(["nothing"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
