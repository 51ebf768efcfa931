"""Parquet as a form of own data: the same rows as from HDF5."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from recheck.errors import DatasetError

from algos.datasets.prepare import prepare
from algos.datasets.transitions import load_transitions


def as_lists(rows: dict[str, np.ndarray]) -> pa.Table:
    return pa.table({name: pa.array(values.tolist()) for name, values in rows.items()})


def as_fixed_lists(rows: dict[str, np.ndarray]) -> pa.Table:
    return pa.table(
        {
            name: pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])
            if values.ndim == 2
            else pa.array(values)
            for name, values in rows.items()
        }
    )


def as_numbered(rows: dict[str, np.ndarray], form: str = "{}_{}") -> pa.Table:
    columns = {}
    for name, values in rows.items():
        if values.ndim == 1:
            columns[name] = pa.array(values)
        else:
            # Text order would be 0, 1, 10, 2, ...
            for number in reversed(range(values.shape[1])):
                columns[form.format(name, number)] = pa.array(values[:, number])
    return pa.table(columns)


def as_episodes(rows: dict[str, np.ndarray]) -> pa.Table:
    cuts = np.flatnonzero(rows["timeouts"] | rows["terminals"])[:-1] + 1
    return pa.table(
        {name: [part.tolist() for part in np.split(values, cuts)] for name, values in rows.items()}
    )


@pytest.mark.parametrize(
    "table",
    [as_lists, as_fixed_lists, as_numbered, lambda rows: as_numbered(rows, "{}.{}"), as_episodes],
    ids=["lists", "fixed", "numbered", "dotted", "episodes"],
)
def test_every_form_gives_the_rows_of_hdf5(
    make_rows: Any, write_rows: Any, hopper_task: Any, tmp_path: Path, table: Any
) -> None:
    rows = make_rows((12, 8, 10))
    rows["terminals"][11], rows["timeouts"][11] = True, False
    path = tmp_path / "file.bin"  # known by its content, not by its name
    pq.write_table(table(rows), path)
    prepare(hopper_task(write_rows(rows)), tmp_path / "hdf5-v0")
    prepare(hopper_task(path), tmp_path / "parquet-v0")
    one, other = load_transitions(tmp_path / "hdf5-v0"), load_transitions(tmp_path / "parquet-v0")
    assert one.manifest["content_sha256"] == other.manifest["content_sha256"]
    for name, values in one.arrays().items():
        np.testing.assert_array_equal(values, other.arrays()[name])


def test_episodes_without_time_outs_end_where_their_row_ends(
    make_rows: Any, hopper_task: Any, tmp_path: Path
) -> None:
    rows = make_rows((12, 8, 10))
    table = as_episodes(rows).drop_columns(["timeouts"])
    pq.write_table(table, tmp_path / "file.parquet")
    manifest = prepare(hopper_task(tmp_path / "file.parquet"), tmp_path / "own-v0")
    assert manifest["episode_ends"]["timeouts"] == 3
    assert manifest["num_episodes"] == 3


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda table: table.drop_columns(["rewards"]), "lacks rewards"),
        (lambda table: table.drop_columns(["terminals", "timeouts"]), "lacks terminals"),
        (lambda table: table.append_column("total_steps", pa.array([1] * 30)), ""),
        (
            lambda table: table.set_column(
                table.column_names.index("rewards"), "rewards", pa.array([None] + [1.0] * 29)
            ),
            "1 empty cells in rewards",
        ),
        (
            lambda table: table.set_column(
                table.column_names.index("actions"), "actions", pa.array([[0.0]] + [[0.0, 1.0]] * 29)
            ),
            "actions in rows of different widths",
        ),
        (
            lambda table: table.set_column(
                table.column_names.index("rewards"), "rewards", pa.array(["1"] * 30)
            ),
            "only numbers are read",
        ),
        (lambda table: table.replace_schema_metadata({"total_steps": "31"}), "declares 31 time steps"),
    ],
)
def test_bad_tables_are_refused(
    make_rows: Any, hopper_task: Any, tmp_path: Path, change: Any, word: str
) -> None:
    path = tmp_path / "file.parquet"
    pq.write_table(change(as_lists(make_rows((12, 8, 10)))), path)
    if not word:
        notes = prepare(hopper_task(path), tmp_path / "own-v0")["notes"]
        assert "Not used of the file: total_steps." in notes
        return
    with pytest.raises(DatasetError, match=word):
        prepare(hopper_task(path), tmp_path / "own-v0")


def test_a_cut_table_is_refused(make_rows: Any, hopper_task: Any, tmp_path: Path) -> None:
    path = tmp_path / "file.parquet"
    pq.write_table(as_lists(make_rows()), path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DatasetError, match="cannot be read as Parquet"):
        prepare(hopper_task(path), tmp_path / "own-v0")


def test_a_vector_lacks_no_column(make_rows: Any, hopper_task: Any, tmp_path: Path) -> None:
    table = as_numbered(make_rows((12, 8)))
    names = ["observations_11" if name == "observations_4" else name for name in table.schema.names]
    pq.write_table(table.rename_columns(names), tmp_path / "file.parquet")
    with pytest.raises(
        DatasetError, match="columns of observations up to 11, but has none with the number 4"
    ):
        prepare(hopper_task(tmp_path / "file.parquet"), tmp_path / "own-v0")
