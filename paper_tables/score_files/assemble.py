"""From records to an experiment's scores: names resolved, units made one, a selection rule applied."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from recheck.errors import TablesError

from paper_tables import frames, task_table
from paper_tables.score_files.options import ScoreOptions
from paper_tables.score_files.records import Records, renamed
from paper_tables.score_files.run_names import method_key, parse
from paper_tables.score_files.steps import checkpoints_of, in_order, selected
from paper_tables.scores import plausible

OURS = "ours"
_SEED = re.compile(r"^(?:seed|s|run)?[-_ ]*(\d{1,15})(?:\.0+)?$", re.IGNORECASE)
# A number that is no seed: -1, 0.5.
_NO_SEED = re.compile(r"^(?:-\d*\.?\d+|\d*\.\d*[1-9]\d*)$")


@dataclass
class UserScores:
    """The scores of a file, ready for tables, statistics and figures.

    Attributes:
        runs: rows of the schema ``scores``; comparability `stated`.
        messages: what was guessed, what is not used, what looks wrong.
        warnings: those of the messages that a reader must heed.
        checkpoints: rows of the schema ``checkpoints``, of logs with several steps.
    """

    runs: pd.DataFrame
    messages: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    checkpoints: pd.DataFrame = field(default_factory=pd.DataFrame)


def assemble(found: list[Records], options: ScoreOptions) -> UserScores:
    """The scores of a user's files.

    Args:
        found: records of each file.
        options: what the user states.

    Raises:
        TablesError: a name that is no task, a run that is there twice, scores in an unclear unit or out of
            range; the message has the file and the line.
    """
    messages = list(dict.fromkeys(message for records in found for message in records.messages))
    parts = []
    for records in found:
        table = _named(records, options, messages)
        # The texts of the rows are not needed any more; a large file's take memory.
        records.table = records.table.iloc[:0]
        _refuse_repeated(table, [records])
        parts.append(_in_percent(table, records, options, messages))
    table = parts[0] if len(parts) == 1 else _joined(parts)
    if len(found) > 1:
        _refuse_repeated(table, found)
    checkpoints = checkpoints_of(table)
    runs = selected(table, options, messages)
    where = str(found[0].path)
    runs = frames.check(runs, "scores", where)
    if options.unit is None:
        plausible.check_unit(runs, where)
    warnings = _warnings(runs, options.unit is not None)
    return UserScores(runs, messages, warnings, checkpoints)


def _joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """The records of several files in one table, their categories made one."""
    names = ["method", "task", "selection", "score_unit"]
    plain = [part.astype(dict.fromkeys(names, object)).assign(file=n) for n, part in enumerate(parts)]
    table = pd.concat(plain, ignore_index=True)
    return table.astype(dict.fromkeys(names, "category"))


def _named(records: Records, options: ScoreOptions, messages: list[str]) -> pd.DataFrame:
    """Records with method, task and seed as names and numbers; names are resolved once, not by row."""
    table = records.table
    names = {
        text: parse(str(text), options.version) for text in table["run"].cat.categories if str(text) != ""
    }
    result = pd.DataFrame({"line": table["line"], "step": table["step"], "value": table["value"]})
    result["selection"] = table["selection"]
    result["task"] = _tasks(records, names, options, messages)
    result["method"] = _methods(records, names, options, messages)
    result["seed"] = _seeds(records, names, result, messages)
    return result


def _is_absent(column: pd.Series) -> bool:
    """Whether a column of categories is empty in every row."""
    return set(column.cat.categories[np.unique(column.cat.codes)]) <= {""}


def _first_row(records: Records, where: pd.Series) -> pd.Series:
    return records.table.iloc[int(np.flatnonzero(where.to_numpy())[0])]


def _given(records: Records, role: str, names: dict[Any, Any], stated: str | None) -> tuple[pd.Series, bool]:
    """A role's texts by row, out of its column or the names of the runs, and whether of the latter."""
    column, of_run = records.table[role], False
    if _is_absent(column):
        column = renamed(records.table["run"], lambda text: getattr(names.get(text), role, None))
        of_run = bool(column.notna().any())
    else:
        column = renamed(column, lambda text: text or None)
    if stated is not None and column.isna().any():
        column = column.cat.add_categories([c for c in [stated] if c not in column.cat.categories])
        column = column.fillna(stated)
    return column, of_run


def _tasks(records: Records, names: dict[Any, Any], options: ScoreOptions, messages: list[str]) -> pd.Series:
    given, of_run = _given(records, "task", names, options.task)
    if of_run:
        messages.append("The task is read from the name of the run.")
    if given.isna().any():
        row = _first_row(records, given.isna())
        named = f" (run '{row['run']}')" if row["run"] else ""
        hint = _why_no_task(str(row["run"]), options)
        raise TablesError(
            f"{records.place(row)}{named} names no task{hint}; add a column task, or say task=TASK."
        )
    resolved: dict[str, str] = {}
    for text in given.cat.categories:
        try:
            resolved[text] = task_table.resolve(str(text), options.version).name
        except TablesError as error:
            raise TablesError(f"{records.place(_first_row(records, given == text))}: {error}") from None
    changed = [f"'{text}' is {name}" for text, name in resolved.items() if text != name]
    if changed:
        more = f" and {len(changed) - 6} more" if len(changed) > 6 else ""
        messages.append(f"Tasks: {', '.join(changed[:6])}{more}.")
    return renamed(given, resolved.__getitem__)


def _why_no_task(run: str, options: ScoreOptions) -> str:
    """A hint where a run's name has a task without its version."""
    if options.version is not None or not run:
        return ""
    versions = sorted({name.rsplit("-", 1)[-1] for name in task_table.tasks()})
    found = [version for version in versions if parse(run, version).task]
    return f" with a version (version={found[-1]} gives it)" if found else ""


def _methods(
    records: Records, names: dict[Any, Any], options: ScoreOptions, messages: list[str]
) -> pd.Series:
    given, of_run = _given(records, "method", names, options.method)
    if of_run:
        messages.append("The method is read from the name of the run.")
    if given.isna().any():
        messages.append(f"No column names the method: it is called '{OURS}' (method=NAME changes it).")
        given = given.cat.add_categories([c for c in [OURS] if c not in given.cat.categories]).fillna(OURS)
    resolved = {text: method_key(str(text)) or " ".join(str(text).split()) for text in given.cat.categories}
    changed = [f"'{text}' is {name}" for text, name in resolved.items() if text != name]
    if changed:
        messages.append(f"Methods of the documents: {', '.join(changed)}.")
    return renamed(given, resolved.__getitem__)


def _seeds(records: Records, names: dict[Any, Any], result: pd.DataFrame, messages: list[str]) -> pd.Series:
    """Seeds as whole numbers; other labels are numbered within method and task."""
    given = records.table["seed"]
    if _is_absent(given):
        seeds = {text: None if name.seed is None else str(name.seed) for text, name in names.items()}
        given = renamed(records.table["run"], seeds.get)
        if given.notna().all():
            messages.append("The seed is read from the name of the run.")
        elif records.table["run"].nunique() > 1:
            given = records.table["run"]
            messages.append("Each run is a seed.")
        else:
            messages.append("No column names the seed: rows of one method, task and step are its seeds.")
            key = [result["method"], result["task"], result["step"].fillna(-1), result["selection"]]
            return result.groupby(key, sort=False, observed=True).cumcount()
    given = renamed(given, lambda text: text.strip() or None)
    if given.isna().any():
        row = _first_row(records, given.isna())
        raise TablesError(f"{records.place(row)} has no seed, while other rows have one.")
    odd = [text for text in given.cat.categories if _NO_SEED.match(str(text))]
    if odd:
        row = _first_row(records, given == odd[0])
        raise TablesError(f"{records.place(row)}: seed {odd[0]}; a seed is a whole number from 0, or a name.")
    digits = [_SEED.match(str(text)) for text in given.cat.categories]
    if all(digits):
        numbers = np.asarray([int(match[1]) for match in digits if match], dtype="int64")
        return pd.Series(numbers[given.cat.codes], index=given.index)
    runs = pd.DataFrame({"method": result["method"], "task": result["task"], "label": given})
    distinct = runs.drop_duplicates().astype(object).sort_values(["method", "task", "label"])
    distinct["seed"] = distinct.groupby(["method", "task"], sort=False).cumcount()
    number = {(m, t, label): seed for m, t, label, seed in distinct.itertuples(index=False, name=None)}
    codes = runs.groupby(["method", "task", "label"], observed=True, sort=False).ngroup()
    order = [
        number[key] for key in runs[~codes.duplicated()].astype(object).itertuples(index=False, name=None)
    ]
    return pd.Series(np.asarray(order, dtype="int64")[codes], index=given.index)


def _refuse_repeated(table: pd.DataFrame, found: list[Records]) -> None:
    order, run, step = in_order(table)
    same = (np.diff(run[order]) == 0) & (np.diff(step[order]) == 0)
    if not same.any():
        return
    second = int(order[1:][same].min())
    first = int(np.flatnonzero((run == run[second]) & (step == step[second]))[0])
    row = table.iloc[second]
    at = "" if np.isnan(row["step"]) else f", step {row['step']:g}"
    raise TablesError(
        f"{_place(table, second, found)}: {row['method']} on {row['task']}, seed {row['seed']}{at} is there "
        f"already in {_place(table, first, found, row)}; one row for each method, task, seed and step."
    )


def _place(table: pd.DataFrame, place: int, found: list[Records], other: pd.Series | None = None) -> str:
    """File and line of a row; the line alone where another row is in the same file."""
    row = table.iloc[place]
    file = found[int(row["file"])] if "file" in table.columns else found[0]
    line = f"{file.counts} {row['line']}"
    same = other is not None and ("file" not in table.columns or other["file"] == row["file"])
    return line if same else f"{file.path}, {line}"


def _in_percent(
    table: pd.DataFrame, records: Records, options: ScoreOptions, messages: list[str]
) -> pd.DataFrame:
    """Values as scores in percent, or as raw returns where a task has no references."""
    unit = options.unit or ("return" if records.unit == "return" else None)
    known = task_table.tasks()
    values = table["value"].to_numpy(dtype=float)
    table["score_unit"] = pd.Categorical.from_codes(
        np.zeros(len(table), dtype=np.int8), categories=pd.Index(["percent", "return"])
    )
    if unit == "fraction":
        if len(values) and np.abs(values).max() > plausible.FRACTIONS_UP_TO:
            row = table.iloc[int(np.abs(values).argmax())]
            raise TablesError(
                f"{records.path}, {records.counts} {row['line']}: {row['value']:g} is no fraction of 1; "
                "leave unit=fraction out where scores are in percent."
            )
        values = 100 * values
        messages.append("Scores are fractions, as stated: multiplied by 100.")
    elif unit == "return":
        low = _of_tasks(table["task"], lambda name: known[name].reference_min)
        high = _of_tasks(table["task"], lambda name: known[name].reference_max)
        bare = np.isnan(low) | np.isnan(high)
        values = np.where(bare, values, 100 * (values - low) / (high - low))
        table.loc[bare, "score_unit"] = "return"
        messages.append("Raw returns, normalised by D4RL's reference returns of each task.")
        if bare.any():
            without = ", ".join(sorted(set(table.loc[bare, "task"])))
            messages.append(f"Without reference returns, kept raw and not averaged with others: {without}.")
    elif unit is None:
        _refuse_raw_returns(table, records)
    table = table.assign(score_percent=values)
    _refuse_out_of_range(table, records)
    return table


def _of_tasks(column: pd.Series, value_of: Callable[[str], float | None]) -> np.ndarray:
    """A number of each row's task; NaN where it has none."""
    values = np.asarray([value_of(str(name)) for name in column.cat.categories], dtype=float)
    result: np.ndarray = values[column.cat.codes]
    return result


def _refuse_raw_returns(table: pd.DataFrame, records: Records) -> None:
    """Scores far above what a task gives in percent are raw returns, it seems."""
    known = task_table.tasks()
    for task, rows in table.groupby("task", sort=True, observed=True):
        most = known[str(task)].usual_max_percent or known[str(task)].max_percent
        if most is not None and rows["value"].abs().median() > 2 * most:
            row = rows.iloc[0]
            raise TablesError(
                f"{records.path}, {records.counts} {row['line']}: {row['value']:g} on {task} looks like a "
                f"raw return; a score in percent is {known[str(task)].range_text()}. Say unit=return, or "
                "unit=percent if it is right."
            )


def _refuse_out_of_range(table: pd.DataFrame, records: Records) -> None:
    known = task_table.tasks()
    percent = table[table["score_unit"] == "percent"]
    low = _of_tasks(percent["task"], lambda name: known[name].min_percent)
    high = _of_tasks(percent["task"], lambda name: known[name].max_percent)
    scores = percent["score_percent"].to_numpy(dtype=float)
    with np.errstate(invalid="ignore"):
        outside = percent[(scores < low - 1e-6) | (scores > high + 1e-6)]
    if len(outside):
        row = outside.iloc[0]
        more = f" ({len(outside)} such scores)" if len(outside) > 1 else ""
        raise TablesError(
            f"{records.path}, {records.counts} {row['line']}: {row['method']} on {row['task']} scores "
            f"{row['score_percent']:g}{more}; the task allows {known[row['task']].range_text()} percent."
        )


def _warnings(runs: pd.DataFrame, stated: bool) -> list[str]:
    found: list[str] = [] if stated else plausible.fractions_among_percent(runs)
    for _, rows in runs.groupby("selection", sort=True):
        found += plausible.identical_seeds(rows)
        found += plausible.repeated_runs(rows)
        for (method, task), own in rows[rows["score_unit"] == "percent"].groupby(["method", "task"]):
            if reason := plausible.unusual(str(task), own["score_percent"].to_numpy(dtype=float)):
                found.append(f"{method} on {task}: {reason}; it is not judged.")
    return list(dict.fromkeys(found))
