"""Time steps in a Parquet file: one row a step, or one row an episode with lists of its steps.

Columns are named as in D4RL's files. A vector is a list column (`observations`) or numbered columns
(`observations_0`, `observations.0`, `observations[0]`, ...), in the order of their numbers.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from recheck.errors import DatasetError

from algos.datasets.declared_counts import is_declaration
from algos.datasets.episode_flags import EPISODE_KEYS
from algos.datasets.row_checks import INFOS, MATRICES, NEXT_KEYS, READ, FileRows, check_rows, require_keys

SIGNATURE = b"PAR1"
_NUMBERED = re.compile(r"^(?P<key>.+?)[._\[](?P<number>\d+)\]?$")


def read_parquet(path: Path) -> FileRows:
    """Read and check one Parquet file of n time steps.

    Raises:
        DatasetError: a truncated or damaged file, a missing column, empty cells, columns of no numbers, rows
            of different widths, and whatever `check_rows` refuses.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        names = [str(name) for name in file.schema_arrow.names]
        columns = _columns(names, path)
        require_keys(list(columns), str(path))
        table = file.read([name for parts in columns.values() for name in parts], use_threads=False)
        metadata = {
            key.decode(errors="replace"): value.decode(errors="replace")
            for key, value in (file.schema_arrow.metadata or {}).items()
        }
    except (OSError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())[:200]
        raise DatasetError(
            f"{path} cannot be read as Parquet ({reason}): it is truncated or damaged; fetch it again."
        ) from None
    episodes = _episode_lengths(table, columns, path)
    rows = {key: _values(table, key, parts, episodes, path) for key, parts in columns.items()}
    if episodes is not None and not any(key in rows for key in EPISODE_KEYS):
        rows["episode_index"] = np.repeat(np.arange(len(episodes)), episodes)
    used = {name for parts in columns.values() for name in parts}
    unread = [name for name in names if name not in used] + check_rows(rows, str(path))
    declared = {f"@{key}": value for key, value in metadata.items() if is_declaration(key)}
    return FileRows(rows, unread, declared)


def _columns(names: list[str], path: Path) -> dict[str, list[str]]:
    """The columns of each key that is read; several where a vector is spread over numbered columns."""
    found: dict[str, list[str]] = {key: [key] for key in READ if key in names}
    numbered: dict[str, dict[int, str]] = {}
    for name in names:
        match = _NUMBERED.match(name)
        if match and match["key"] in (*MATRICES, *NEXT_KEYS, *INFOS) and match["key"] not in found:
            numbered.setdefault(match["key"], {})[int(match["number"])] = name
    for key, parts in numbered.items():
        first = min(parts)
        lacking = sorted(set(range(min(first, 1), max(parts))) - set(parts))
        if first > 1 or lacking:
            raise DatasetError(
                f"{path} numbers the columns of {key} up to {max(parts)}, but has none with the number "
                f"{lacking[0]}; a vector needs all of its columns."
            )
        found[key] = [parts[number] for number in sorted(parts)]
    return found


def _episode_lengths(table: Any, columns: dict[str, list[str]], path: Path) -> np.ndarray | None:
    """[e] steps of each row where a row is an episode; None where a row is a step."""
    import pyarrow as pa
    import pyarrow.compute as pc

    rewards = table.column(columns["rewards"][0])
    if not (pa.types.is_list(rewards.type) or pa.types.is_large_list(rewards.type)):
        return None
    lengths = np.asarray(pc.list_value_length(rewards).to_numpy(), dtype=np.float64)
    nested = table.column(columns["observations"][0]).type
    if np.isnan(lengths).any() or (lengths == 0).any():
        raise DatasetError(f"{path} holds an empty episode in rewards; an episode has at least one step.")
    if (lengths == 1).all() and not _is_list(nested.value_type if _is_list(nested) else nested):
        return None  # one step a row, its reward in a list of one
    return lengths.astype(np.int64)


def _is_list(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _values(table: Any, key: str, parts: list[str], episodes: np.ndarray | None, path: Path) -> np.ndarray:
    """One key as an array: [n] or [n, width]."""
    if len(parts) > 1:
        return np.column_stack([_flat(table.column(name), name, path, []) for name in parts])
    lengths: list[np.ndarray] = []
    values = _flat(table.column(parts[0]), key, path, lengths)
    if episodes is not None:
        if not lengths:
            return np.repeat(values, episodes)  # one value an episode: its number
        if not np.array_equal(lengths[0], episodes):
            raise DatasetError(
                f"{path} holds {key} and rewards with different numbers of steps in some episodes."
            )
        lengths = lengths[1:]
    if not lengths:
        return values
    if len(lengths) > 1 or len(np.unique(lengths[0])) > 1:
        raise DatasetError(f"{path} holds {key} in rows of different widths.")
    return values.reshape(len(lengths[0]), -1)


def _flat(column: Any, key: str, path: Path, lengths: list[np.ndarray]) -> np.ndarray:
    """The numbers of a column, lists joined; `lengths` takes the length of each list, outer ones first."""
    import pyarrow.compute as pc

    if column.null_count:
        raise DatasetError(
            f"{path} holds {column.null_count:,} empty cells in {key}; every step needs a value."
        )
    if _is_list(column.type):
        lengths.append(np.asarray(pc.list_value_length(column).to_numpy(), dtype=np.int64))
        return _flat(pc.list_flatten(column), key, path, lengths)
    values = np.asarray(column.to_numpy())
    if values.dtype.kind not in "fiub":
        raise DatasetError(f"{path} holds {key} with the type {column.type}, but only numbers are read.")
    return values
