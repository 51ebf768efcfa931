"""Files of a run: tensors, JSON and tables, written atomically and with a checksum.

Tensors are compared with theirs whenever they are read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from recheck import checksums
from recheck.errors import RecheckError, TrainingError
from recheck.files import atomic, write_json
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor


def save_tensors(path: Path, tensors: Mapping[str, Tensor], error: type[RecheckError] = TrainingError) -> str:
    """Write a safetensors file, whose bytes depend on its content alone, and its checksum.

    Args:
        path: the file.
        tensors: by name.
        error: the class of the error of a file that cannot be written.

    Returns:
        The file's SHA-256.
    """
    # A kill between both writes must not leave a new file with the old checksum.
    checksums.sidecar(path).unlink(missing_ok=True)
    with atomic(path, error) as temporary:
        ordered = {name: tensors[name].contiguous() for name in sorted(tensors)}
        save_file(ordered, temporary, {})
    return checksums.write(path, error)


def load_tensors(
    path: Path, advice: str, error: type[RecheckError] = TrainingError, device: str = "cpu"
) -> dict[str, Tensor]:
    """Read a safetensors file after comparing its checksum.

    Args:
        path: the file.
        advice: what to do about a damaged file.
        error: the class of the error.
        device: where the tensors are put.

    Raises:
        RecheckError: of class `error`, if the file is absent or not what was written.
    """
    checksums.check(path, advice, error)
    try:
        return dict(load_file(path, device=device))
    except (OSError, ValueError, SafetensorError) as problem:
        raise error(f"{path} cannot be read ({' '.join(str(problem).split())}). {advice}") from None


def save_json(path: Path, document: Any, error: type[RecheckError] = TrainingError) -> None:
    """Write canonical JSON and its checksum."""
    checksums.sidecar(path).unlink(missing_ok=True)
    write_json(path, document, error)
    checksums.write(path, error)


def save_table(
    path: Path,
    columns: Mapping[str, Sequence[Any]],
    record: Mapping[str, Any] | None = None,
    error: type[RecheckError] = TrainingError,
) -> None:
    """Write a parquet table and its checksum.

    Args:
        path: the file.
        columns: by name, of equal lengths.
        record: what the table was made from; kept as JSON in the file's metadata, key ``recheck``.
        error: the class of the error of a file that cannot be written.
    """
    table = pa.table(dict(columns))
    if record is not None:
        text = json.dumps(record, sort_keys=True, allow_nan=False)
        table = table.replace_schema_metadata({**(table.schema.metadata or {}), "recheck": text})
    checksums.sidecar(path).unlink(missing_ok=True)
    with atomic(path, error) as temporary:
        pq.write_table(table, temporary)
    checksums.write(path, error)


def read_record(path: Path) -> dict[str, Any]:
    """What a table says it was made from; empty for a table of an earlier version."""
    metadata = pq.read_schema(path).metadata or {}
    return dict(json.loads(metadata.get(b"recheck", b"{}")))
