"""One file of time steps, known by its content."""

import bz2
import gzip
import lzma
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from recheck.errors import DatasetError

from algos.datasets.prepare import prepare
from algos.datasets.readers import check_format, read_rows


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"\x80\x04\x95abc", "is a pickle: loading one runs"),
        (b"PK\x03\x04rest", "NumPy archive"),
        (gzip.compress(b"\x89HDF", mtime=0), "is packed with gzip; unpack it"),
        (lzma.compress(b"\x89HDF"), "is packed with xz; unpack it"),
        (bz2.compress(b"\x89HDF"), "is packed with bzip2; unpack it"),
    ],
)
def test_pickles_archives_and_packed_files_are_never_loaded(
    hopper_task: Any, tmp_path: Path, content: bytes, word: str
) -> None:
    for name in ("file.pkl", "file.hdf5"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DatasetError, match=word):
            prepare(hopper_task(tmp_path / name), tmp_path / "own-v0")


def test_the_content_says_the_format_and_not_the_name(
    make_rows: Any, write_rows: Any, tmp_path: Path
) -> None:
    rows = make_rows()
    hdf5 = write_rows(rows, "file.parquet")
    assert check_format(hdf5) == "hdf5"
    np.testing.assert_array_equal(read_rows(hdf5).rows["rewards"], rows["rewards"])
    table = pa.table({key: pa.array(values.tolist()) for key, values in rows.items()})
    pq.write_table(table, tmp_path / "file.hdf5")
    assert check_format(tmp_path / "file.hdf5") == "parquet"
    np.testing.assert_array_equal(read_rows(tmp_path / "file.hdf5").rows["actions"], rows["actions"])


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"\x28\xb5\x2f\xfd rest", "is packed with zstd"),
        (b"", "empty"),
        (b"\x80\x01 old", "not an HDF5 file"),
    ],
)
def test_what_is_neither_is_named(tmp_path: Path, content: bytes, word: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=word):
        check_format(path)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DatasetError, match="not a regular file"):
        check_format(tmp_path / "pipe")
