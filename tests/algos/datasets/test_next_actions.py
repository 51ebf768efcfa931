"""The action at the next state: the file's own, or that of the row that follows in the same episode."""

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from recheck.errors import DatasetError

from algos.datasets import transforms
from algos.datasets.next_actions import known_next_actions
from algos.datasets.prepare import prepare
from algos.datasets.transitions import Transitions, content_sha256, load_transitions

LENGTHS = (12, 8, 10, 15)
ENDS = np.cumsum(LENGTHS) - 1


@pytest.fixture
def played(make_rows: Any) -> dict[str, np.ndarray]:
    """Episodes in order with next states and actions; the first and third end with a terminal."""
    rows: dict[str, np.ndarray] = make_rows(LENGTHS)
    generator = np.random.default_rng(7)
    for name, width in (("observations", 11), ("actions", 3)):
        following = np.roll(rows[name], -1, axis=0)
        following[ENDS] = np.tanh(generator.standard_normal((4, width))).astype(np.float32)
        rows[f"next_{name}"] = following
    rows["terminals"][ENDS[[0, 2]]] = True
    rows["timeouts"][ENDS[[0, 2]]] = False
    return rows


def shuffled(rows: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    order = np.random.default_rng(0).permutation(len(rows["rewards"]))
    return {name: values[order] for name, values in rows.items()}, order


def without(rows: dict[str, np.ndarray], *names: str) -> dict[str, np.ndarray]:
    return {name: values for name, values in rows.items() if name not in names}


def loaded(task: Any, folder: Any) -> Transitions:
    prepare(task, folder)
    return load_transitions(folder)


def as_table(rows: dict[str, np.ndarray]) -> pa.Table:
    """A list column, but numbered columns of the next action."""
    columns = {name: pa.array(values.tolist()) for name, values in rows.items() if name != "next_actions"}
    columns |= {f"next_actions_{i}": pa.array(rows["next_actions"][:, i]) for i in range(3)}
    return pa.table(columns)


@pytest.mark.parametrize("form", ["hdf5", "parquet"])
@pytest.mark.parametrize("order", ["played", "shuffled"])
def test_those_of_the_file_are_used_in_every_row(
    played: Any, write_rows: Any, hopper_task: Any, tmp_path: Any, form: str, order: str
) -> None:
    rows = played if order == "played" else shuffled(played)[0]
    path = tmp_path / "own.parquet"
    if form == "parquet":
        pq.write_table(as_table(rows), path)
    transitions = loaded(hopper_task(path if form == "parquet" else write_rows(rows)), tmp_path / "own-v0")
    actions, known = known_next_actions(transitions)
    np.testing.assert_array_equal(actions, rows["next_actions"])
    assert known.all()
    notes = " ".join(transitions.manifest["notes"])
    assert ("in 0 of 41 rows" if order == "played" else "in no order") in notes
    assert "Not used of the file: next_actions" not in notes


def test_by_d4rls_rule_a_row_keeps_the_action_of_the_dropped_time_out(
    played: Any, write_rows: Any, hopper_task: Any, tmp_path: Any
) -> None:
    rows = without(played, "next_observations")
    task = hopper_task(write_rows(rows), comparability="recollected", horizon=1000)
    transitions = loaded(task, tmp_path / "own-v0")
    kept = [i for i in range(45) if i not in (19, 44)]
    actions, known = known_next_actions(transitions)
    np.testing.assert_array_equal(actions, rows["next_actions"][kept])
    assert known.all()
    np.testing.assert_array_equal(actions[kept.index(18)], rows["actions"][19])
    _, known = known_next_actions(replace(transitions, next_actions=None))
    assert np.flatnonzero(~known).tolist() == [kept.index(18), kept.index(43)]


def test_rows_in_no_order_are_followed_by_the_one_that_observes_their_next_state(
    played: Any, write_rows: Any, hopper_task: Any, tmp_path: Any
) -> None:
    rows, order = shuffled(without(played, "next_actions"))
    actions, known = known_next_actions(loaded(hopper_task(write_rows(rows)), tmp_path / "own-v0"))
    last, terminal = np.isin(order, ENDS), np.isin(order, ENDS[[0, 2]])
    assert known.tolist() == (~last | terminal).tolist()
    np.testing.assert_array_equal(actions[~last], played["next_actions"][order[~last]])
    assert not actions[last].any()


def test_a_column_of_other_rows_is_refused(
    played: Any, write_rows: Any, hopper_task: Any, tmp_path: Any
) -> None:
    played["next_actions"] = played["actions"]
    with pytest.raises(DatasetError, match=r"differs from the following row's action in 41 of 41 .* row 0\)"):
        prepare(hopper_task(write_rows(played)), tmp_path / "own-v0")
    assert not (tmp_path / "own-v0").exists()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.zeros((45, 2)), "actions and next_actions of different widths"),
        (np.zeros((44, 3)), "arrays of different lengths"),
        (np.full((45, 3), np.nan), "NaN or infinite values in next_actions"),
        (np.full((45, 3), 1.5), "next_actions outside"),
    ],
    ids=["width", "length", "nan", "bounds"],
)
def test_bad_ones_are_refused(
    played: Any, write_rows: Any, hopper_task: Any, tmp_path: Any, values: Any, words: str
) -> None:
    played["next_actions"] = values.astype(np.float32)
    with pytest.raises(DatasetError, match=words):
        prepare(hopper_task(write_rows(played)), tmp_path / "own-v0")


def test_transforms_change_them_as_the_actions(
    played: Any, write_rows: Any, hopper_task: Any, tmp_path: Any
) -> None:
    transitions = loaded(hopper_task(write_rows(played)), tmp_path / "own-v0")
    clipped, _ = transforms.apply(transitions, [{"name": "clip_actions", "limit": 0.25}])
    np.testing.assert_array_equal(clipped.next_actions, np.clip(played["next_actions"], -0.25, 0.25))
    shares, state = transforms.apply(transitions, [{"name": "marginal_shares"}])
    assert state.action_marginals is not None
    np.testing.assert_array_equal(
        shares.next_actions, state.action_marginals.to_unit(transitions.next_actions)
    )
    best, _ = transforms.apply(transitions, [{"name": "top_fraction", "fraction": 0.5}])
    rows = np.isin(transitions.episodes, best.episodes)
    assert 0 < rows.sum() < 45
    np.testing.assert_array_equal(best.next_actions, played["next_actions"][rows])


def test_the_content_hash_of_a_dataset_without_them_is_as_before(
    played: Any, write_rows: Any, hopper_task: Any, tmp_path: Any
) -> None:
    with_them = loaded(hopper_task(write_rows(played)), tmp_path / "with-v0")
    rows = without(played, "next_actions")
    plain = loaded(hopper_task(write_rows(rows, "plain.hdf5")), tmp_path / "plain-v0")
    assert list(plain.arrays()) == list(with_them.arrays())[:-1]
    six = without(with_them.arrays(), "next_actions")
    assert plain.manifest["content_sha256"] == content_sha256(six)
    assert with_them.manifest["content_sha256"] != content_sha256(six)
