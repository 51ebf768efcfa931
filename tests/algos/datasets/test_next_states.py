"""next_observations of a file are used, or compared and refused; never read past."""

from typing import Any

import numpy as np
import pytest
from recheck.errors import DatasetError

from algos.datasets import minari_format, transforms
from algos.datasets.next_states import linked_episodes
from algos.datasets.prepare import prepare
from algos.datasets.transitions import load_transitions

LENGTHS = (12, 8, 10, 15)


@pytest.fixture
def played(make_rows: Any) -> dict[str, np.ndarray]:
    """Episodes in order, with next_observations; the first and third end with a terminal."""
    rows = make_rows(LENGTHS)
    ends = np.cumsum(LENGTHS) - 1
    following = np.roll(rows["observations"], -1, axis=0)
    following[ends] = np.random.default_rng(7).standard_normal((4, 11)).astype(np.float32)
    rows["next_observations"] = following
    rows["terminals"][ends[[0, 2]]] = True
    rows["timeouts"][ends[[0, 2]]] = False
    return rows


def shuffled(rows: dict[str, np.ndarray], seed: int = 0) -> dict[str, np.ndarray]:
    order = np.random.default_rng(seed).permutation(len(rows["rewards"]))
    return {name: values[order] for name, values in rows.items()}


def test_a_file_in_order_loses_no_row(played: Any, write_rows: Any, hopper_task: Any, tmp_path: Any) -> None:
    manifest = prepare(hopper_task(write_rows(played)), tmp_path / "own-v0")
    transitions = load_transitions(tmp_path / "own-v0")
    for name in ("observations", "actions", "rewards", "next_observations"):
        np.testing.assert_array_equal(getattr(transitions, name), played[name])
    assert manifest["num_dropped"] == 0
    assert manifest["num_episodes"] == 4
    assert manifest["next_states"]["row_order"] == "as played"
    assert (manifest["next_states"]["rows_compared"], manifest["next_states"]["rows_different"]) == (41, 0)


@pytest.mark.parametrize("kind", ["float32", "float64", "float16"])
def test_a_shuffled_buffer_keeps_its_own_pairs(
    played: Any, write_rows: Any, hopper_task: Any, tmp_path: Any, kind: str
) -> None:
    # float16 for both, so that equal states stay equal
    rows = {name: v.astype(kind) if "observations" in name else v for name, v in shuffled(played).items()}
    manifest = prepare(hopper_task(write_rows(rows)), tmp_path / "own-v0")
    transitions = load_transitions(tmp_path / "own-v0")
    np.testing.assert_array_equal(transitions.next_observations, rows["next_observations"].astype(np.float32))
    np.testing.assert_array_equal(transitions.observations, rows["observations"].astype(np.float32))
    assert manifest["next_states"]["row_order"] == "independent"
    # The trajectories are found again by their states.
    assert manifest["num_episodes"] == 4
    returns = np.add.reduceat(played["rewards"].astype(np.float64), np.cumsum([0, *LENGTHS[:-1]]))
    assert manifest["return_statistics"]["complete_episodes"] == 4
    assert manifest["return_statistics"]["max"] == pytest.approx(returns.max(), abs=1e-5)
    assert manifest["return_ranges"]["official"] == pytest.approx([returns.min(), returns.max()], abs=1e-5)
    assert manifest["episode_ends"]["longest_episode"] == 15


def test_transforms_of_shuffled_rows_use_the_linked_trajectories(
    played: Any, write_rows: Any, hopper_task: Any, tmp_path: Any
) -> None:
    prepare(hopper_task(write_rows(played, "a.hdf5")), tmp_path / "order-v0")
    prepare(hopper_task(write_rows(shuffled(played), "b.hdf5")), tmp_path / "mixed-v0")
    order, mixed = load_transitions(tmp_path / "order-v0"), load_transitions(tmp_path / "mixed-v0")
    span = [transforms.apply(data, [{"name": "return_range"}])[1].constants for data in (order, mixed)]
    assert span[0] == pytest.approx(span[1])
    best = [
        np.sort(transforms.apply(data, [{"name": "top_fraction", "fraction": 0.5}])[0].rewards)
        for data in (order, mixed)
    ]
    np.testing.assert_array_equal(best[0], best[1])


def test_minari_gets_the_trajectories_in_order(
    played: Any, write_rows: Any, hopper_task: Any, tmp_path: Any
) -> None:
    prepare(hopper_task(write_rows(shuffled(played))), tmp_path / "own-v0")
    identity = minari_format.dataset_id("tiny-v0")
    stored = minari_format.read(minari_format.find(tmp_path / "own-v0" / "minari", identity), identity)
    assert sorted(np.bincount(stored.arrays["episodes"])) == sorted(LENGTHS)
    assert sorted(stored.arrays["rewards"]) == sorted(played["rewards"])


def test_rows_that_link_to_nothing_are_refused_where_trajectories_are_needed(
    played: Any, write_rows: Any, hopper_task: Any, tmp_path: Any
) -> None:
    rows = {name: values[::2] for name, values in shuffled(played).items()}
    prepare(hopper_task(write_rows(rows)), tmp_path / "own-v0")
    transitions = load_transitions(tmp_path / "own-v0")
    with pytest.raises(DatasetError, match="return_range needs whole trajectories"):
        transforms.apply(transitions, [{"name": "return_range"}])


def test_a_file_that_contradicts_itself_is_refused_with_counts(
    played: Any, write_rows: Any, hopper_task: Any, tmp_path: Any
) -> None:
    played["next_observations"][[3, 5, 25]] += 1
    path = write_rows(played)
    with pytest.raises(DatasetError, match=r"in 3 of 41 rows .*first is row 3\).*=file.*=following"):
        prepare(hopper_task(path), tmp_path / "own-v0")
    manifest = prepare(hopper_task(path, next_observations="file"), tmp_path / "own-v0")
    transitions = load_transitions(tmp_path / "own-v0")
    np.testing.assert_array_equal(transitions.next_observations, played["next_observations"])
    assert manifest["next_states"]["rows_different"] == 3
    manifest = prepare(hopper_task(path, next_observations="following"), tmp_path / "own-v0")
    transitions = load_transitions(tmp_path / "own-v0")
    np.testing.assert_array_equal(transitions.next_observations[3], played["observations"][4])
    assert manifest["num_transitions"] == 45 - 2
    assert "are not used" in manifest["next_states"]["sentence"]


def test_missing_time_outs_show_as_a_contradiction(
    played: Any, write_rows: Any, hopper_task: Any, tmp_path: Any
) -> None:
    played["timeouts"][:] = False
    with pytest.raises(DatasetError, match=r"in 1 of 42 rows inside episodes \(the first is row 19\)"):
        prepare(hopper_task(write_rows(played)), tmp_path / "own-v0")


def test_next_observations_that_do_not_move_are_refused(
    played: Any, write_rows: Any, hopper_task: Any, tmp_path: Any
) -> None:
    played["next_observations"] = played["observations"].copy()
    with pytest.raises(DatasetError, match="equals observations in 45 of 45 rows"):
        prepare(hopper_task(write_rows(played)), tmp_path / "own-v0")


def test_there_has_to_be_something_to_use(
    make_rows: Any, write_rows: Any, hopper_task: Any, tmp_path: Any
) -> None:
    with pytest.raises(DatasetError, match="holds no next_observations"):
        prepare(hopper_task(write_rows(make_rows()), next_observations="file"), tmp_path / "own-v0")


def test_the_papers_rows_are_unchanged(played: Any, write_rows: Any, hopper_task: Any, tmp_path: Any) -> None:
    path = write_rows(played)
    manifest = prepare(hopper_task(path, comparability="recollected"), tmp_path / "tiny-v0")
    transitions = load_transitions(tmp_path / "tiny-v0")
    assert manifest["num_transitions"] == 45 - 2  # a time-out inside, and the last row
    np.testing.assert_array_equal(transitions.next_observations[11], played["observations"][12])
    with pytest.raises(DatasetError, match="next_observations differs"):
        prepare(hopper_task(write_rows(shuffled(played)), comparability="recollected"), tmp_path / "mixed-v0")


def test_links_by_hand() -> None:
    states = np.array([[0], [1], [2], [10], [11]], np.float32)
    following = np.array([[1], [2], [3], [11], [12]], np.float32)
    order = [3, 1, 4, 0, 2]
    episodes, played_order = linked_episodes(states[order], following[order], np.zeros(5, bool))
    np.testing.assert_array_equal(episodes, [0, 1, 0, 1, 1])
    np.testing.assert_array_equal(states[order][played_order].ravel(), [10, 11, 0, 1, 2])
    # An end flag cuts the link after state 1.
    episodes, _ = linked_episodes(
        states[order], following[order], np.array([False, True, False, False, False])
    )
    assert len(np.unique(episodes)) == 3
    # Two rows with one state: which of them follows is not known, so neither does.
    twice = np.array([[0], [1], [1]], np.float32)
    episodes, _ = linked_episodes(twice, np.array([[1], [2], [3]], np.float32), np.zeros(3, bool))
    assert len(np.unique(episodes)) == 3
