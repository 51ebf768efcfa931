"""Episodes of a Minari dataset in Arrow or Parquet form, read whole and in order.

Minari 0.5.4 errs twice with an episode of more than 32,768 rows (Farama-Foundation/Minari issue 351). Its
reader takes each record batch for an episode (dataset/_storages/arrow_storage.py, `get_episodes`), and its
writer lets Arrow write the batches in whatever order they are ready. So the pieces of a long episode are put
together here, in the order in which one observation leads to the next; where that is not clear the dataset is
refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from recheck.errors import DatasetError

FORMATS = ("arrow", "parquet")
# Rows that Arrow's dataset writer puts into one batch (pyarrow.dataset: default of its scanner).
BATCH_ROWS = 32_768
# Where two pieces meet, no entry of the observation moves further than so many times its 99.9% step.
LARGEST_JUMP = 4.0
_PART = re.compile(r"-(\d+)\.")


def episodes(folder: Path, form: str, count: int) -> Iterator[dict[str, Any]]:
    """The episodes in the order of their numbers, with the keys of Minari's own reader.

    Args:
        folder: the one with metadata.json and a folder for each episode.
        form: arrow or parquet.
        count: number of episodes.

    Raises:
        DatasetError: an episode without files, or one whose pieces cannot be put in order.
    """
    for number in range(count):
        pieces = _pieces(folder / str(number), form)
        columns = {name: _decoded(pieces, name) for name in pieces[0].schema.names}
        # Rows are one more than steps; what has no last value is filled up with zeros.
        steps = sum(piece.num_rows for piece in pieces) - 1
        yield {
            "id": number,
            "observations": columns["observations"],
            "infos": columns.get("infos") or {},
            **{
                key: _cut(columns[key], steps)
                for key in ("actions", "rewards", "terminations", "truncations")
            },
        }


def _pieces(folder: Path, form: str) -> list[Any]:
    """The record batches of one episode in the order in which they were played."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = [path for path in folder.glob(f"*.{form}") if path.is_file()]
    if not files:
        raise DatasetError(f"{folder} holds no {form} file; the dataset is incomplete.")
    files.sort(key=lambda path: int(found[1]) if (found := _PART.search(path.name)) else -1)
    pieces: list[Any] = []
    for path in files:
        if form == "arrow":
            with pa.OSFile(str(path)) as source, pa.ipc.open_file(source) as file:
                pieces += [file.get_batch(index) for index in range(file.num_record_batches)]
        else:
            pieces += pq.ParquetFile(path).read(use_threads=False).to_batches(max_chunksize=BATCH_ROWS)
    pieces = [piece for piece in pieces if piece.num_rows]
    if not pieces:
        raise DatasetError(f"{folder} holds an empty episode; an episode has at least one step.")
    return pieces if len(pieces) == 1 else [pieces[index] for index in _order(pieces, folder)]


def _order(pieces: list[Any], folder: Path) -> list[int]:
    """The order of the pieces: each leads to the one piece whose first observation is near its last one.

    Raises:
        DatasetError: a piece leads to none or to several, or the pieces form no chain to the episode's end.
    """
    observations = [_matrix(_array(piece.column("observations"))) for piece in pieces]
    steps = np.concatenate([np.abs(np.diff(rows, axis=0)) for rows in observations if len(rows) > 1])
    usual = np.maximum(np.quantile(steps, 0.999, axis=0), 1e-9)
    successors: dict[int, list[int]] = {}
    for index, rows in enumerate(observations):
        jumps = [float((np.abs(other[0] - rows[-1]) / usual).max()) for other in observations]
        successors[index] = [
            other for other, jump in enumerate(jumps) if other != index and jump <= LARGEST_JUMP
        ]
    flagged = [_flagged(piece) for piece in pieces]
    last = [index for index in successors if not successors[index]]
    reached = {following[0] for following in successors.values() if following}
    first = [index for index in successors if index not in reached]
    clear = len(last) == 1 and len(first) == 1 and all(len(each) <= 1 for each in successors.values())
    if clear and not any(flagged[index] for index in successors if index != last[0]):
        order = [first[0]]
        while successors[order[-1]]:
            order.append(successors[order[-1]][0])
        if len(order) == len(pieces):
            return order
    raise DatasetError(
        f"{folder} holds one episode in {len(pieces)} pieces of up to {BATCH_ROWS:,} rows whose order is not "
        "clear: Minari writes the pieces of long episodes in any order (Minari issue 351). Make the "
        "dataset again "
        'with data_format="hdf5".'
    )


def _flagged(piece: Any) -> bool:
    """Whether an episode ends in a piece, by its flags."""
    return any(
        bool(np.asarray(piece.column(name).to_numpy(zero_copy_only=False)).any())
        for name in ("terminations", "truncations")
        if name in piece.schema.names
    )


def _matrix(values: Any) -> np.ndarray:
    """Observations [T, d] in float64; the entries of a dictionary one after another."""
    if isinstance(values, dict):
        return np.concatenate([_matrix(inner) for inner in values.values()], axis=1)
    return np.asarray(values, dtype=np.float64).reshape(len(values), -1)


def _decoded(pieces: list[Any], name: str) -> Any:
    """A column as an array [T, ...], or a dictionary of them for a structure."""
    return _joined([_array(piece.column(name)) for piece in pieces])


def _joined(parts: list[Any]) -> Any:
    if isinstance(parts[0], dict):
        return {name: _joined([part[name] for part in parts]) for name in parts[0]}
    return np.concatenate(parts)


def _array(values: Any) -> Any:
    import pyarrow as pa

    if pa.types.is_struct(values.type):
        return {values.type.field(i).name: _array(values.field(i)) for i in range(values.type.num_fields)}
    if pa.types.is_fixed_size_list(values.type):
        return _array(values.flatten()).reshape(len(values), values.type.list_size)
    if pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
        return np.stack([np.asarray(row) for row in values.to_pylist()]) if len(values) else np.empty((0, 0))
    return values.to_numpy(zero_copy_only=False)


def _cut(values: Any, steps: int) -> Any:
    if isinstance(values, dict):
        return {name: _cut(inner, steps) for name, inner in values.items()}
    return values[:steps]
