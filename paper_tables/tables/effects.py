"""An ablation's effects: the score with each value of one hyperparameter, less that with the run's own.

What is varied is in the index of the scores (``vary`` of ``schemas/scores_index.schema.json``), which the
plan writes for `--config vary=...`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from recheck import files, schema
from recheck.errors import TablesError

from paper_tables import frames
from paper_tables.rendering.names import display_name
from paper_tables.rendering.table import Cell, Table
from paper_tables.rendering.text import NOTHING, number
from paper_tables.statistics.estimators import LEAST_COVERAGE, LEAST_SEEDS
from paper_tables.statistics.intervals import mean_interval, satterthwaite_interval
from paper_tables.statistics.summary import LOW_COVERAGE
from paper_tables.tables.experiment import coverage_marks, coverage_note
from paper_tables.verdicts import decision_rule

LEVEL = 0.95
SELECTION = "last"
ALL_TASKS = "all tasks"
"""The task of a row that is the mean over tasks."""
COLUMNS = [
    "hyperparameter",
    "method",
    "family",
    "task",
    "value",
    "reference",
    "num_seeds",
    "score_unit",
    "mean_percent",
    "low_percent",
    "high_percent",
    "effect_percent",
    "effect_low_percent",
    "effect_high_percent",
]
"""Of ``effects_cells.csv``. Points of the normalised score, or returns where `score_unit` says so; an
interval is empty where a side has fewer than three seeds. `value` is JSON."""


def read_variation(score_folder: Path) -> dict[str, Any] | None:
    """What is varied, of the index of an experiment's scores; None where nothing is.

    Raises:
        TablesError: the index breaks its schema.
    """
    path = score_folder / "index.json"
    if not path.is_file():
        return None
    index = files.read_json(path, TablesError)
    if not isinstance(index, dict) or "vary" not in index:
        return None
    schema.check(index, frames.load_schema("scores_index"), str(path), error=TablesError)
    return dict(index["vary"])


def effects(runs: pd.DataFrame, variation: dict[str, Any]) -> pd.DataFrame:
    """The effect of every value, task by task and over all tasks of a method.

    Args:
        runs: rows of the schema ``scores``.
        variation: as `read_variation` gives it.

    Returns:
        Columns `COLUMNS`; numbers in their order, other values as they were given.

    Raises:
        TablesError: a value has no score.
    """
    last = runs[runs["selection"] == SELECTION]
    given = dict.fromkeys(_text(point["value"]) for point in variation["points"])
    order = sorted(given, key=_number)
    found: list[dict[str, Any]] = []
    families: dict[tuple[str, str], dict[str, list[tuple[dict[str, Any], np.ndarray, str]]]] = {}
    for point in variation["points"]:
        scores, unit = _scores(last, point)
        place = families.setdefault((point["method"], point["family"]), {})
        place.setdefault(point["task"], []).append((point, scores, unit))
    for by_task in families.values():
        of_family = []
        for task, points in by_task.items():
            own = [scores for point, scores, _ in points if point["reference"]]
            if not own:
                raise TablesError(
                    f"There is no run on {task} with the hyperparameter's own value; an exclusion of the "
                    "experiment takes it away."
                )
            (reference,) = own
            for point, scores, unit in sorted(points, key=lambda row: order.index(_text(row[0]["value"]))):
                of_family.append((point, scores, reference, unit))
        for point, scores, reference, unit in of_family:
            found.append(_row(variation["name"], point, [scores], [reference], unit))
        found += _over_tasks(variation["name"], of_family, order)
    return pd.DataFrame(found, columns=COLUMNS)


def _text(value: Any) -> str:
    return json.dumps(value)


def _number(text: str) -> float:
    """A value as it is sorted: what is not a number comes last."""
    value = json.loads(text)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else float("inf")


def _scores(last: pd.DataFrame, point: dict[str, Any]) -> tuple[np.ndarray, str]:
    """Scores `[seeds]` of one value, and their unit."""
    key = ("method", "task", "variant", "digest", "diffusion_steps", "sampling")
    rows = last[np.logical_and.reduce([last[column] == point[column] for column in key])]
    if rows.empty:
        raise TablesError(
            f"There is no score of {point['method']} on {point['task']} with {_text(point['value'])}; the "
            "index names it."
        )
    rows = rows.sort_values("seed")
    return rows["score_percent"].to_numpy(dtype=float), str(rows["score_unit"].iloc[0])


def _over_tasks(
    name: str, points: Sequence[tuple[dict[str, Any], np.ndarray, np.ndarray, str]], order: list[str]
) -> list[dict[str, Any]]:
    """The mean over tasks of each value that every task has, of tasks on the normalised scale."""
    usable = [row for row in points if row[3] == "percent"]
    tasks = {row[0]["task"] for row in usable}
    if len(tasks) < 2:
        return []
    found = []
    for value in order:
        of_value = [row for row in usable if _text(row[0]["value"]) == value]
        if {row[0]["task"] for row in of_value} != tasks:
            continue
        first = of_value[0][0]
        point = {
            **first,
            "task": ALL_TASKS,
            "reference": all(row[0]["reference"] for row in of_value),
        }
        found.append(_row(name, point, [row[1] for row in of_value], [row[2] for row in of_value], "percent"))
    return found


def _row(
    name: str, point: dict[str, Any], scores: list[np.ndarray], references: list[np.ndarray], unit: str
) -> dict[str, Any]:
    """One row of the effects: means over tasks of means over seeds, with their intervals."""
    mean = float(np.mean([own.mean() for own in scores]))
    low, high = _interval(scores)
    row = {
        "hyperparameter": name,
        **{key: point[key] for key in ("method", "family", "task", "reference")},
        "value": _text(point["value"]),
        "num_seeds": min(map(len, scores)),
        "score_unit": unit,
        "mean_percent": mean,
        "low_percent": low,
        "high_percent": high,
    }
    if point["reference"]:
        return {**row, **dict.fromkeys(COLUMNS[-3:], np.nan)}
    effect = mean - float(np.mean([own.mean() for own in references]))
    half = _half_width(scores, references)
    return {
        **row,
        "effect_percent": effect,
        "effect_low_percent": effect - half,
        "effect_high_percent": effect + half,
    }


def _interval(scores: list[np.ndarray]) -> tuple[float, float]:
    if min(map(len, scores)) < LEAST_SEEDS:
        return float("nan"), float("nan")
    found = mean_interval(scores[0], LEVEL) if len(scores) == 1 else satterthwaite_interval(scores, LEVEL)
    return found.low, found.high


def _half_width(scores: list[np.ndarray], references: list[np.ndarray]) -> float:
    """Half of the interval of a difference.

    On one task the wider of those under unequal and equal variances, as the verdicts have it
    (`verdicts.decision_rule`); over tasks Satterthwaite's, of the sum of all cells' squared errors. A task
    that has its own value as this one adds no difference and no error.
    """
    if min(map(len, [*scores, *references])) < LEAST_SEEDS:
        return float("nan")
    pairs = [(own, other) for own, other in zip(scores, references) if own is not other]
    if not pairs:
        return 0.0
    if len(scores) == 1:
        estimates = decision_rule.two_error_estimates(
            scores[0].var(ddof=1), len(scores[0]), references[0].var(ddof=1), len(references[0])
        )
        return max(float(decision_rule.half_width(estimate, (1 - LEVEL) / 2)) for estimate in estimates)
    # The mean of 2 K columns, a and -b, is half of the mean over K tasks of a - b.
    columns = [column for own, other in pairs for column in (own, -other)]
    interval = satterthwaite_interval(columns, LEVEL)
    return (interval.high - interval.low) * len(pairs) / len(scores)


def effects_table(table: pd.DataFrame, experiment: str) -> Table:
    """The effects as a table to read.

    Args:
        table: as `effects` gives it.
        experiment: its name, for the title.
    """
    name = str(table["hyperparameter"].iloc[0])
    several = table.groupby("method")["family"].nunique()
    shown = Table(
        f"{experiment}: effects of {name}",
        ["Method", "Task", name, "Score", "Effect"],
        text_columns=2,
    )
    previous = None
    for row in frames.records(table):
        place = (row["method"], row["family"], row["task"])
        if previous not in (None, place):
            shown.rows.append(None)
        previous = place
        digits = 0 if row["score_unit"] == "return" else 1
        label = " ".join([row["method"], *([row["family"]] * bool(several[row["method"]] > 1))])
        own = " (own)" if row["reference"] else ""
        shown.rows.append(
            [
                Cell(display_name(label)),
                Cell(str(row["task"])),
                Cell(f"{json.loads(row['value'])}{own}"),
                Cell(f"{_with_interval(row, '', digits)} ({row['num_seeds']})", marks=_marks(row)),
                Cell(NOTHING if row["reference"] else _with_interval(row, "effect_", digits)),
            ]
        )
    shown.notes = [
        f"Score: mean over training seeds with its {LEVEL:.0%} interval (Student's t), in round brackets the "
        "number of seeds; last checkpoint. Effect: the score less that with the run's own value (own), in "
        "points; its 95% interval is the wider of those under unequal and equal variances.",
        "Each interval is of one effect. Of twenty effects that are nothing, one interval is expected to "
        "leave zero out.",
    ]
    if ALL_TASKS in set(table["task"]):
        shown.notes.append(
            f"{ALL_TASKS}: the mean over tasks, every task with equal weight, with Satterthwaite's interval. "
            "A task whose own value it is has an effect of zero."
        )
    if (table["num_seeds"] < LEAST_SEEDS).any():
        shown.notes.append(f"Fewer than {LEAST_SEEDS} seeds have no interval.")
    if any(cell.marks for row in shown.rows if row for cell in row):
        shown.notes += coverage_note(table[table["task"] != ALL_TASKS])
        shown.notes.append(
            f"{LOW_COVERAGE}: the interval covers less than {LEAST_COVERAGE:.0%} of real runs."
        )
    return shown


def _marks(row: dict[str, Any]) -> tuple[str, ...]:
    """That of an interval of one task that covers too little; one over tasks covers 90% and more."""
    return () if row["task"] == ALL_TASKS else coverage_marks(row)


def _with_interval(row: dict[str, Any], kind: str, digits: int) -> str:
    key = f"{kind}percent" if kind else "mean_percent"
    value, low, high = row[key], row[f"{kind}low_percent"], row[f"{kind}high_percent"]
    text = ("+" if kind and value > 0 else "") + number(value, digits)
    return text if pd.isna(low) else f"{text} [{number(low, digits)}, {number(high, digits)}]"
