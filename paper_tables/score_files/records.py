"""Rows of any file as records: method, task, seed, step and a score, with the row that each is from."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from recheck.errors import TablesError

from paper_tables.score_files.columns import NAMES, Columns, find_columns, plain
from paper_tables.score_files.numbers import to_numbers, to_texts
from paper_tables.score_files.options import ScoreOptions
from paper_tables.score_files.sources import Rows

TEXTS = ("method", "task", "seed", "run", "selection", "episodes")
KEYS = (*TEXTS, "column")
# A chart of Weights & Biases as CSV: one column a run, `run name - metric`, with its range next to it. The
# name of a run may hold the sign between the two.
_CHART_COLUMN = re.compile(r"^(?P<run>.+) - (?P<metric>[^ ].*?)(?P<range>__(?:MIN|MAX|STD|STDERR))?$")

METRICS = (*NAMES["score"], *NAMES["return"])
# A column of Weights & Biases' tables of runs, and what it has for a run whose score may not be its last.
_METRIC, _MOST_METRICS = ("metric", "metricname", "tag", "key", "variable"), 6
_STATE, _UNFINISHED = (
    "state",
    ("crashed", "failed", "killed", "preempted", "preempting", "running", "pending"),
)
# A run that represents a group, as Weights & Biases names it by a key of the configuration: `algo: IQL`.
_GROUP = re.compile(r"^[\w./-]+: \S")


@dataclass
class Records:
    """Scores as they were found; a row holds four numbers, whatever its texts are.

    Attributes:
        keys: the distinct combinations of `KEYS` (empty text where unknown), in the order of their first row.
        key: the place in `keys` of each row.
        step: NaN where unknown.
        value: the score or return.
        row: the number of the row in the file, from 0.
        unit: `score` or `return`, by the name of the column.
        path: the file, for messages.
        counts: `line` or `row`.
        messages: what was guessed and what is not used.
        line_of: line (or row) by the number of the row.
    """

    keys: pd.DataFrame
    key: np.ndarray
    step: np.ndarray
    value: np.ndarray
    row: np.ndarray
    unit: str
    path: Path
    counts: str = "line"
    messages: list[str] = field(default_factory=list)
    line_of: Callable[[int], int] = lambda number: number + 1

    @classmethod
    def of_table(
        cls, table: pd.DataFrame, unit: str, path: Path, messages: list[str], counts: str = "row"
    ) -> Records:
        """Records of a small table with the columns `step`, `value`, `line` and some of `KEYS`."""
        texts = pd.DataFrame(
            {name: table[name].astype(str) if name in table.columns else [""] * len(table) for name in KEYS}
        )
        key = texts.groupby(list(KEYS), sort=False).ngroup().to_numpy(dtype=np.int32)
        keys = texts.drop_duplicates().reset_index(drop=True)
        lines = table["line"].tolist() if "line" in table.columns else list(range(1, len(table) + 1))
        step, value = (table[name].to_numpy(dtype=float).copy() for name in ("step", "value"))
        rows = np.arange(len(table), dtype=np.int32)
        return cls(keys, key, step, value, rows, unit, path, counts, messages, lines.__getitem__)

    def line(self, place: int) -> str:
        """The line (or row) of a record."""
        return f"{self.counts} {self.line_of(int(self.row[place]))}"

    def place(self, place: int) -> str:
        """The file and line of a record."""
        return f"{self.path}, {self.line(place)}"

    def place_of_key(self, number: int) -> str:
        """The file and line of the first record of a combination of texts."""
        return self.place(int(np.flatnonzero(self.key == number)[0]))

    def is_absent(self, role: str) -> bool:
        """Whether no record has a text of this role."""
        return bool((self.keys[role] == "").all())


class _Keys:
    """The distinct combinations of texts, numbered the same over all batches: a row holds one number."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, ...], int] = {}

    def codes(self, texts: Mapping[str, tuple[np.ndarray, list[str]] | str], length: int) -> np.ndarray:
        """The number of each row's combination; a text that is not a column is that of all rows."""
        combined = np.zeros(length, dtype=np.int64)
        for given in texts.values():
            if not isinstance(given, str):
                codes, distinct = given
                combined = pd.factorize(combined * len(distinct) + codes)[0]
        _, first = np.unique(combined, return_index=True)
        rows = zip(
            *(
                [given] * len(first)
                if isinstance(given, str)
                else [given[1][code] for code in given[0][first]]
                for given in (texts[name] for name in KEYS)
            )
        )
        numbers = [self.known.setdefault(row, len(self.known)) for row in rows]
        return np.asarray(numbers, dtype=np.int32)[combined]


def records_of(rows: Rows, options: ScoreOptions, default_run: str = "") -> Records:
    """All records of a file of rows.

    Args:
        rows: the file.
        options: what the user states.
        default_run: name of the run where no column has one.

    Raises:
        TablesError: a column is missing or has two candidates, or a cell is not a number.
    """
    columns = _chart_columns(rows.names, options, str(rows.path)) or find_columns(
        rows.names, options, f"{rows.path}, line 1"
    )
    used = list(dict.fromkeys([*columns.roles_of_file(), *columns.values]))
    keys = _Keys()
    parts: dict[str, list[np.ndarray]] = {"key": [], "step": [], "value": [], "row": []}
    empty = start = 0
    for batch in rows.batches(used):
        for part in _parts(batch, start, columns, rows, default_run):
            known = np.isfinite(part["value"])
            empty += int((~known & ~part["blank"]).sum())
            if known.any():
                part["key"] = keys.codes(part["texts"], len(known))
                for name, found in parts.items():
                    found.append(part[name] if known.all() else part[name][known])
        start += batch.num_rows
    if not parts["key"]:
        raise TablesError(f"{rows.path} has no score; it holds column names and no row with a number.")
    joined = {name: np.concatenate(parts.pop(name)) for name in ("key", "step", "value", "row")}
    table = _in_order_of_rows(pd.DataFrame(list(keys.known), columns=list(KEYS)), joined)
    messages = columns.messages()
    if empty:
        messages.append(f"{empty} empty cells not used: no score is in them.")
    _refuse_other_metrics(rows, columns)
    messages += _unfinished(rows, columns)
    unit = "return" if columns.is_return else "score"
    return Records(
        table,
        joined["key"],
        joined["step"],
        joined["value"],
        joined["row"],
        unit,
        rows.path,
        rows.unit,
        messages,
        rows.line_of,
    )


def _in_order_of_rows(keys: pd.DataFrame, joined: dict[str, np.ndarray]) -> pd.DataFrame:
    """The combinations that are used, in the order of their first row."""
    first = np.full(len(keys), -1, dtype=np.int64)
    used, place = np.unique(joined["key"], return_index=True)
    first[used] = place
    order = sorted(used, key=lambda number: first[number])
    new = np.zeros(len(keys), dtype=np.min_scalar_type(-len(keys)))
    new[order] = np.arange(len(order))
    joined["key"] = new[joined["key"]]
    return keys.iloc[order].reset_index(drop=True)


def _parts(
    batch: Any, start: int, columns: Columns, rows: Rows, default_run: str
) -> Iterator[dict[str, Any]]:
    """The records of a batch; one part for each column of scores."""

    def place(number: int) -> str:
        return f"{rows.path}, {rows.unit} {rows.line_of(start + number)}"

    texts: dict[str, Any] = dict.fromkeys(KEYS, "") | {"run": default_run}
    for role, name in columns.by_role.items():
        if role in TEXTS:
            texts[role] = to_texts(batch.column(name))
    step = columns.by_role.get("step")
    steps = np.full(batch.num_rows, np.nan) if step is None else to_numbers(batch.column(step), place, step)
    row = np.arange(start, start + batch.num_rows, dtype=np.int32)
    blank = np.isnan(steps)
    for given in texts.values():
        if not isinstance(given, str):
            blank &= np.asarray([text == "" for text in given[1]])[given[0]]
    for name, fixed in columns.values.items():
        value = to_numbers(batch.column(name), place, name)
        part = texts | {"column": name} | fixed
        yield {"texts": part, "step": steps, "value": value, "row": row, "blank": blank}


def _refuse_other_metrics(rows: Rows, columns: Columns) -> None:
    """Refuse a column `value` whose rows are several metrics, named in a column of their own."""
    column = next((name for name in columns.unused if plain(name) in _METRIC), None)
    if column is None or [plain(name) for name in columns.values] != ["value"]:
        return
    found: dict[str, None] = {}
    for batch in rows.batches([column]):
        found |= dict.fromkeys(to_texts(batch.column(column))[1])
    if len(found) > 1 or not all(plain(name) in METRICS for name in found):
        listed = ", ".join(map(repr, list(found)[:_MOST_METRICS]))
        raise TablesError(
            f"{rows.path}: the rows are of the metrics {listed} (column '{column}'); keep those of one "
            "score, and remove the column if its name is another."
        )


def _unfinished(rows: Rows, columns: Columns) -> list[str]:
    """A message about scores of runs that Weights & Biases calls crashed or the like."""
    state = next((name for name in columns.unused if plain(name) == _STATE), None)
    if state is None:
        return []
    counts: dict[str, int] = {}
    for batch in rows.batches([state, *columns.values]):
        codes, texts = to_texts(batch.column(state))
        scored = np.zeros(batch.num_rows, dtype=bool)
        for name in columns.values:
            cells, distinct = to_texts(batch.column(name))
            scored |= np.asarray([text != "" for text in distinct])[cells]
        for code, text in enumerate(texts):
            count = int((scored & (codes == code)).sum())
            if text.lower() in _UNFINISHED and count:
                counts[text] = counts.get(text, 0) + count
    if not counts:
        return []
    listed = ", ".join(f"{count} {text}" for text, count in sorted(counts.items()))
    return [f"Scores of runs that are not finished, by the column '{state}': {listed}; they are used."]


def _metric(metrics: list[str], where: str) -> str:
    """The metric of a chart that is a score or a return by its name."""
    fitting = [name for name in metrics if plain(name) in METRICS]
    if len(fitting or metrics) > 1:
        raise TablesError(
            f"{where}, line 1: the runs have the metrics {', '.join(map(repr, fitting or metrics))}; "
            f"give columns=score:{(fitting or metrics)[0]}."
        )
    if not fitting:
        raise TablesError(
            f"{where}, line 1: the chart's metric '{metrics[0]}' is neither a score nor a return by its "
            f"name; give columns=score:{metrics[0]} if it is a score."
        )
    return fitting[0]


def _chart_columns(names: list[str], options: ScoreOptions, where: str) -> Columns | None:
    """The columns of a chart's export, or None where the file is none."""
    matches = {name: match for name in names if (match := _CHART_COLUMN.match(name))}
    others = [name for name in names if name not in matches]
    if not matches or len(others) > 1:
        return None
    stated = options.columns.get("step")
    step = next((name for name in others if name == stated or plain(name) in NAMES["step"]), None)
    if step is None:
        if others and any(match["range"] or plain(match["metric"]) in METRICS for match in matches.values()):
            raise TablesError(
                f"{where}, line 1: this chart's axis is '{others[0]}'; export it over the step, or give "
                f"columns=step:{others[0]} if that counts updates."
            )
        return None
    if repeated := next((name for name in names if names.count(name) > 1), None):
        raise TablesError(
            f"{where}, line 1: the column '{repeated}' appears twice, as of two runs of one name; rename "
            "the runs and export the chart again."
        )
    metrics = sorted({match["metric"] for match in matches.values()})
    wanted = options.columns.get("score") or options.columns.get("return") or _metric(metrics, where)
    if wanted not in metrics:
        raise TablesError(f"{where}, line 1 has no metric '{wanted}'; it has {', '.join(metrics)}.")
    chosen = {
        name: {"run": match["run"]}
        for name, match in matches.items()
        if match["metric"] == wanted and not match["range"]
    }
    if not chosen:
        raise TablesError(f"{where}, line 1 has only the ranges of '{wanted}'; export its values too.")
    said = f"A chart's export: {len(chosen)} runs, metric '{wanted}', step '{step}'."
    if all(_GROUP.match(match["run"]) for match in matches.values()):
        said += " Its runs are grouped: each is a mean over runs and counts as one; export it without groups."
    unused = [name for name in names if name not in chosen and name != step]
    is_return = "return" in options.columns or plain(wanted) in NAMES["return"]
    return Columns({"step": step}, chosen, is_return, unused, [], said)
