"""Arrays of rliable's form, method -> `[runs, tasks(, checkpoints)]`: `.npz`, JSON, a pickle of numbers."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from recheck.errors import TablesError
from recheck.words import ended

from paper_tables import task_table
from paper_tables.score_files import pickles
from paper_tables.score_files.json_rows import records_of_columns, rows_of_records
from paper_tables.score_files.options import ScoreOptions
from paper_tables.score_files.records import Records
from paper_tables.score_files.sources import Rows, no_text, open_text

# Keys of such a file that name its tasks, and are not methods.
TASK_KEYS = ("tasks", "task_names", "games", "environments", "envs")


def read_npz(path: Path, options: ScoreOptions) -> Records:
    """An `.npz` file with one array per method.

    Raises:
        TablesError: it is not such a file, holds pickled objects, or its tasks are not named.
    """
    # numpy takes any other bytes for pickled objects.
    if not zipfile.is_zipfile(path):
        raise TablesError(f"{path} is not an .npz file: it is no zip archive of arrays.")
    try:
        # Opened here: numpy leaves a file open that is not an archive.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as content:
            arrays = {name: np.asarray(content[name]) for name in content.files}
    except (OSError, ValueError) as error:
        reason = "it holds pickled objects" if "pickle" in str(error).lower() else str(error)
        raise TablesError(f"{path} cannot be read as arrays: {reason}.") from None
    except zipfile.BadZipFile as error:
        raise TablesError(f"{path} is a damaged .npz file: {ended(error)}") from None
    return _records(path, arrays, options)


def read_json(path: Path, options: ScoreOptions) -> Records | Rows:
    """A JSON file: a list of objects (rows), or a dictionary of arrays.

    Raises:
        TablesError: it is neither.
    """
    try:
        with open_text(path) as stream:
            content = json.load(stream)
    except UnicodeError:
        raise no_text(path) from None
    except (OSError, EOFError) as error:
        raise TablesError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from None
    except (ValueError, RecursionError) as error:
        raise TablesError(f"{path} is not valid JSON ({error}).") from None
    if isinstance(content, list) and content and all(isinstance(item, Mapping) for item in content):
        return rows_of_records(path, content)
    if not isinstance(content, Mapping) or not content:
        raise TablesError(f"{path} is empty or neither a list of rows nor a dictionary of arrays.")
    if records := records_of_columns(content):
        return rows_of_records(path, records)
    return _records(path, content, options)


def read_pickle(path: Path, options: ScoreOptions) -> Records:
    """A pickle as CORL writes it: method -> task -> runs, each a list of evaluations; of any length.

    Raises:
        TablesError: it holds anything but numbers, texts, lists, dictionaries and numpy arrays.
    """
    content = pickles.load(path)
    if not isinstance(content, Mapping) or not content:
        raise TablesError(f"{path} is not a dictionary method -> task -> scores.")
    return _records(path, content, options)


def _records(path: Path, content: Mapping[str, Any], options: ScoreOptions) -> Records:
    named = next((content[key] for key in TASK_KEYS if key in content), None)
    tasks = list(options.tasks) or ([] if named is None else [str(name) for name in np.ravel(named)])
    parts = []
    content = _methods_first(content)
    for method, values in content.items():
        if method in TASK_KEYS:
            continue
        if isinstance(values, Mapping):
            for task, scores in values.items():
                parts += _of_task(path, str(method), str(task), scores)
        else:
            parts.append(_part(path, str(method), tasks, _array(path, method, values), False))
    if not parts:
        raise TablesError(f"{path} holds no array of scores.")
    table = pd.concat(parts, ignore_index=True)
    empty = int(table["value"].isna().sum())
    table = table[table["value"].notna()]
    if table.empty:
        raise TablesError(f"{path} holds no score: every value is NaN.")
    messages = [f"Arrays [runs, tasks] of {', '.join(map(str, table['method'].unique()))}; runs are seeds."]
    if empty:
        messages.append(f"{empty} NaN not used: these runs are missing.")
    return Records.of_table(table.reset_index(drop=True), "score", path, messages, "run")


def _of_task(path: Path, method: str, task: str, scores: Any) -> list[pd.DataFrame]:
    """The scores of a method on one task: by seed, runs of several lengths, or an array."""
    if isinstance(scores, Mapping):
        return _seeds(path, method, task, scores)
    if _is_ragged(scores):
        return _curves(path, method, task, scores)
    if isinstance(scores, (list, tuple)) and not scores:
        return []
    return [_part(path, method, [task], _array(path, method, scores), True)]


def _methods_first(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """Task -> method -> scores as method -> task -> scores; any other content as it is."""
    inner = [values for values in content.values() if isinstance(values, Mapping)]
    methods = list(dict.fromkeys(str(name) for values in inner for name in values))
    if len(inner) < len(content) or not all(map(task_table.is_name, map(str, content))):
        return content
    if any(map(task_table.is_name, methods)):
        return content
    return {
        method: {task: values[method] for task, values in content.items() if method in values}
        for method in methods
    }


def _array(path: Path, method: str, values: Any) -> np.ndarray:
    try:
        found = np.asarray(values)
        if found.dtype.kind in "bc":
            raise TypeError
        return found.astype(float)
    except (TypeError, ValueError):
        raise TablesError(
            f"{path}: '{method}' is not an array of numbers [runs, tasks] with equally long rows."
        ) from None


def _is_ragged(scores: Any) -> bool:
    """Whether these are runs of several lengths."""
    runs = scores if isinstance(scores, (list, tuple)) else []
    return all(isinstance(run, (list, np.ndarray)) for run in runs) and len({len(run) for run in runs}) > 1


def _curves(path: Path, method: str, task: str, runs: Any) -> list[pd.DataFrame]:
    """Runs of several lengths: each has its own steps."""
    parts = []
    for number, run in enumerate(runs):
        if not len(run):
            continue
        part = _part(path, method, [task], _array(path, method, run)[None, :], True)
        parts.append(part.assign(seed=str(number), line=number + 1))
    return parts


def _seeds(path: Path, method: str, task: str, scores: Mapping[str, Any]) -> list[pd.DataFrame]:
    """The scores of a task by seed, each a number or a list of evaluations; null is a missing run."""
    return [
        _part(path, method, [task], _array(path, method, [values]), True).assign(seed=str(seed), line=number)
        for number, (seed, values) in enumerate(scores.items(), 1)
    ]


def _part(path: Path, method: str, tasks: list[str], array: np.ndarray, one_task: bool) -> pd.DataFrame:
    """One method's scores as rows."""
    if one_task and array.ndim in (1, 2):
        array = array[:, None] if array.ndim == 1 else array[:, None, :]
    if array.ndim == 1 and len(tasks) == 1:
        array = array[:, None]
    if array.ndim not in (2, 3):
        raise TablesError(
            f"{path}: '{method}' has the shape {list(array.shape)}; [runs, tasks] or [runs, tasks, "
            "checkpoints] is needed."
        )
    if len(tasks) != array.shape[1]:
        named = f"{len(tasks)} are named" if tasks else "none is named"
        raise TablesError(
            f"{path}: '{method}' has {array.shape[1]} tasks, and {named}; name them in the file as 'tasks' "
            "or give tasks=TASK,TASK,..."
        )
    if np.isinf(array).any():
        raise TablesError(f"{path}: '{method}' holds an infinite score; a finite number or NaN is allowed.")
    runs, task, *rest = np.indices(array.shape)
    return pd.DataFrame(
        {
            "method": method,
            "task": np.asarray(tasks, dtype=object)[task.ravel()],
            "seed": runs.ravel().astype(str),
            "column": method,
            "step": rest[0].ravel() + 1.0 if rest else np.nan,
            "value": array.ravel(),
            "line": runs.ravel() + 1,
        }
    )
