"""Rows of any file as records: method, task, seed, step and a score, with the line that each is from."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from recheck.errors import TablesError

from paper_tables.score_files.columns import NAMES, Columns, find_columns, plain
from paper_tables.score_files.numbers import to_numbers
from paper_tables.score_files.options import ScoreOptions
from paper_tables.score_files.sources import Rows

TEXTS = ("method", "task", "seed", "run", "selection")
# A chart of Weights & Biases as CSV: one column a run, `run name - metric`, with its range next to it.
_CHART_COLUMN = re.compile(r"^(?P<run>.+?) - (?P<metric>[^ ].*?)(?P<range>__(?:MIN|MAX|STD|STDERR))?$")


@dataclass
class Records:
    """Scores as they were found.

    Attributes:
        table: columns `TEXTS` (categories; empty text where unknown), `step` (NaN where unknown), `value`,
            `line` (or row) and `column`.
        unit: `score` or `return`, by the name of the column.
        path: the file, for messages.
        counts: `line` or `row`.
        messages: what was guessed and what is not used.
    """

    table: pd.DataFrame
    unit: str
    path: Path
    counts: str = "line"
    messages: list[str] = field(default_factory=list)

    def place(self, row: pd.Series) -> str:
        """Where a record is from."""
        return f"{self.path}, {self.counts} {row['line']}"


def renamed(column: pd.Series, name_of: Callable[[str], str | None]) -> pd.Series:
    """A column of categories by their new names (None is missing), sorted; several may become one."""
    new = [name_of(str(text)) for text in column.cat.categories]
    used = np.unique(column.cat.codes)
    known = sorted({new[code] or "" for code in used if code >= 0 and new[code] is not None})
    place = {name: number for number, name in enumerate(known)}
    codes = np.asarray([-1 if name is None else place.get(name, -1) for name in new] + [-1])
    found = pd.Categorical.from_codes(codes[column.cat.codes], categories=pd.Index(known, dtype=object))
    return pd.Series(found, index=column.index)


class _Keys:
    """The distinct combinations of texts, numbered the same over all chunks: a row holds one number."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = list(names)
        self.known: dict[tuple[str, ...], int] = {}

    def codes(self, texts: pd.DataFrame) -> np.ndarray:
        """The number of each row's combination."""
        combined = np.zeros(len(texts), dtype=np.int64)
        for name in self.names:
            codes, distinct = pd.factorize(texts[name])
            combined = pd.factorize(combined * len(distinct) + codes)[0]
        first = pd.DataFrame({"code": combined}).drop_duplicates().index
        rows = texts[self.names].iloc[first].itertuples(index=False, name=None)
        found = [tuple(str(text).strip() for text in row) for row in rows]
        numbers = [self.known.setdefault(row, len(self.known)) for row in found]
        return np.asarray(numbers, dtype=np.int32)[combined]

    def categories(self, codes: np.ndarray) -> dict[str, pd.Categorical]:
        """Every text of the rows as a category."""
        found = {}
        for place, name in enumerate(self.names):
            of_key, distinct = pd.factorize(np.asarray([key[place] for key in self.known], dtype=object))
            small = np.asarray(of_key, dtype=np.min_scalar_type(len(distinct) + 1).name.lstrip("u"))
            index = pd.Index(distinct, dtype=object)
            found[name] = pd.Categorical.from_codes(small[codes], categories=index)
        return found


def records_of(rows: Rows, options: ScoreOptions, default_run: str = "") -> Records:
    """All records of a file of rows.

    Args:
        rows: the file.
        options: what the user states.
        default_run: name of the run where no column has one.

    Raises:
        TablesError: a column is missing or has two candidates, or a cell is no number.
    """
    chart = _chart_columns(rows.names, options, str(rows.path))
    columns = chart or find_columns(rows.names, options, f"{rows.path}, line 1")
    keys = _Keys((*TEXTS, "column"))
    parts: dict[str, list[np.ndarray]] = {"key": [], "step": [], "value": [], "line": []}
    empty = 0
    with contextlib.closing(rows):
        for chunk in rows.chunks:
            for part in _parts(chunk, columns, rows, chart is not None, default_run):
                known = np.isfinite(part["value"].to_numpy())
                empty += int((~known).sum())
                kept = part[known]
                if len(kept):
                    parts["key"].append(keys.codes(kept))
                    for name in ("step", "value", "line"):
                        parts[name].append(kept[name].to_numpy())
    if not parts["key"]:
        raise TablesError(f"{rows.path} has no score; it holds column names and no row with a number.")
    table = pd.DataFrame(keys.categories(np.concatenate(parts.pop("key"))))
    for name in ("step", "value", "line"):
        table[name] = np.concatenate(parts.pop(name))
    messages = columns.messages()
    if empty:
        messages.append(f"{empty} empty cells not used: no score is in them.")
    unit = "return" if "return" in columns.by_role or _is_return(columns) else "score"
    return Records(table, unit, rows.path, rows.unit, messages)


def _is_return(columns: Columns) -> bool:
    return (
        bool(columns.seeds)
        and columns.by_role.get("metric", "") != ""
        and (plain(columns.by_role["metric"]) in NAMES["return"])
    )


def _parts(
    chunk: pd.DataFrame, columns: Columns, rows: Rows, chart: bool, default_run: str
) -> Iterable[pd.DataFrame]:
    """The records of a chunk; one frame for each column of scores."""
    where = str(rows.path)
    base = pd.DataFrame({"line": np.asarray(chunk.index)}, index=chunk.index)
    for role in TEXTS:
        base[role] = chunk[columns.by_role[role]] if role in columns.by_role else ""
    if "run" not in columns.by_role:
        base["run"] = default_run
    step = columns.by_role.get("step")
    base["step"] = np.nan if step is None else to_numbers(chunk[step], where, rows.unit, step)
    value = columns.by_role.get("score") or columns.by_role.get("return")
    if value is not None and not chart:
        yield base.assign(value=to_numbers(chunk[value], where, rows.unit, value), column=value)
        return
    for name in columns.seeds:
        part = base.assign(value=to_numbers(chunk[name], where, rows.unit, name), column=name)
        if chart:
            match = _CHART_COLUMN.match(name)
            part["run"] = match["run"] if match else name
        else:
            digits = re.search(r"(\d+)$", name.strip())
            part["seed"] = digits[1] if digits else name
        yield part


def _chart_columns(names: list[str], options: ScoreOptions, where: str) -> Columns | None:
    """The columns of a chart's export, or None where the file is none."""
    matches = {name: match for name in names if (match := _CHART_COLUMN.match(name))}
    step = next((name for name in names if plain(name) in NAMES["step"]), None)
    if step is None or not matches or len(matches) < len(names) - 1:
        return None
    metrics = sorted({match["metric"] for match in matches.values()})
    wanted = options.columns.get("score") or options.columns.get("return")
    if wanted is None:
        fitting = [name for name in metrics if plain(name) in (*NAMES["score"], *NAMES["return"])]
        candidates = fitting or metrics
        if len(candidates) > 1:
            raise TablesError(
                f"{where}, line 1: the runs have the metrics {', '.join(repr(name) for name in candidates)}; "
                f"say columns=score:{candidates[0]}."
            )
        wanted = candidates[0]
    if wanted not in metrics:
        raise TablesError(f"{where}, line 1 has no metric '{wanted}'; it has {', '.join(metrics)}.")
    seeds = [name for name, match in matches.items() if match["metric"] == wanted and not match["range"]]
    unused = [name for name in names if name not in seeds and name != step]
    by_role = {"step": step, "metric": wanted}
    if "return" in options.columns or plain(wanted) in NAMES["return"]:
        by_role["return"] = wanted
    return Columns(by_role, seeds, unused, [])
