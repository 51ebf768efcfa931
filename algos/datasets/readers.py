"""One file of time steps, whatever its format: HDF5 or Parquet, known by its content and not by its name."""

from __future__ import annotations

import contextlib
from pathlib import Path

from recheck.errors import DatasetError

from algos.datasets import hdf5, parquet
from algos.datasets.row_checks import FileRows

_PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
_PICKLE_PROTOCOLS = b"\x02\x03\x04\x05"


def read_rows(path: Path) -> FileRows:
    """Read and check one file of time steps.

    Raises:
        DatasetError: the file is of neither format, or its reader refuses it.
    """
    return parquet.read_parquet(path) if check_format(path) == "parquet" else hdf5.read_hdf5(path)


def check_format(path: Path) -> str:
    """The format of a file by its first bytes: `hdf5` or `parquet`.

    Raises:
        DatasetError: the file is absent, unreadable, or of another format; pickles and packed files are
            named as such.
    """
    start = b""
    if path.is_file():  # reading a pipe would wait for ever
        with contextlib.suppress(OSError), path.open("rb") as file:
            start = file.read(8)
    if start.startswith(parquet.SIGNATURE):
        return "parquet"
    if len(start) > 1 and start[:1] == b"\x80" and start[1:2] in _PICKLE_PROTOCOLS:
        raise DatasetError(
            f"{path} is a pickle: loading one runs whatever code it holds, so none is ever loaded. Write its "
            "arrays as HDF5 or Parquet where you trust it."
        )
    if start.startswith(b"PK\x03\x04"):
        raise DatasetError(
            f"{path} is a zip or NumPy archive, which is not read; write its arrays as HDF5 or Parquet."
        )
    for signature, program in _PACKED.items():
        if start.startswith(signature):
            raise DatasetError(
                f"{path} is packed with {program}; unpack it and give the file that comes out."
            )
    hdf5.check_signature(path)
    return "hdf5"
