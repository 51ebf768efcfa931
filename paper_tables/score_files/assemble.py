"""From records to an experiment's scores: names resolved, units made one, a selection rule applied."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from recheck.errors import TablesError

from paper_tables import frames, task_table
from paper_tables.score_files.options import ScoreOptions, selection_of
from paper_tables.score_files.records import Records
from paper_tables.score_files.run_names import method_key, parse
from paper_tables.scores import plausible
from paper_tables.scores.tables import STATED

OURS = "ours"
_SEED = re.compile(r"^(?:seed|s|run)?[-_ ]*(\d{1,15})(?:\.0+)?$", re.IGNORECASE)
_RUN = ["method", "task", "seed"]


@dataclass
class UserScores:
    """The scores of a file, ready for tables, statistics and figures.

    Attributes:
        runs: rows of the schema ``scores``; comparability `stated`.
        messages: what was guessed, what is not used, what looks wrong.
        warnings: those of the messages that a reader must heed.
        steps: the largest number of steps of a run.
    """

    runs: pd.DataFrame
    messages: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    steps: int = 1


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
        _refuse_repeated(table, records)
        parts.append(_in_percent(table, records, options, messages))
    table = parts[0] if len(parts) == 1 else _joined(parts)
    if len(found) > 1:
        _refuse_repeated(table, found[0])
    steps = int(table.groupby(_RUN, observed=True)["step"].size().max())
    runs = _selected(table, options, messages)
    where = str(found[0].path)
    runs = frames.check(runs, "scores", where)
    if options.unit is None:
        plausible.check_unit(runs, where)
    warnings = _warnings(runs)
    return UserScores(runs, messages, warnings, steps)


def _joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """The records of several files in one table, their categories made one."""
    names = ["method", "task", "selection", "score_unit"]
    table = pd.concat([part.astype(dict.fromkeys(names, object)) for part in parts], ignore_index=True)
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


def _renamed(column: pd.Series, name_of: Callable[[str], str | None]) -> pd.Series:
    """A column of categories by their new names (None is missing), sorted; several may become one."""
    new = [name_of(str(text)) for text in column.cat.categories]
    used = np.unique(column.cat.codes)
    known = sorted({new[code] or "" for code in used if code >= 0 and new[code] is not None})
    place = {name: number for number, name in enumerate(known)}
    codes = np.asarray([-1 if name is None else place.get(name, -1) for name in new] + [-1])
    found = pd.Categorical.from_codes(codes[column.cat.codes], categories=pd.Index(known, dtype=object))
    return pd.Series(found, index=column.index)


def _is_absent(column: pd.Series) -> bool:
    """Whether a column of categories is empty in every row."""
    return set(column.cat.categories[np.unique(column.cat.codes)]) <= {""}


def _first_row(records: Records, where: pd.Series) -> pd.Series:
    return records.table.iloc[int(np.flatnonzero(where.to_numpy())[0])]


def _given(records: Records, role: str, names: dict[Any, Any], stated: str | None) -> tuple[pd.Series, bool]:
    """A role's texts by row, out of its column or the names of the runs, and whether of the latter."""
    column, of_run = records.table[role], False
    if _is_absent(column):
        column = _renamed(records.table["run"], lambda text: getattr(names.get(text), role, None))
        of_run = bool(column.notna().any())
    else:
        column = _renamed(column, lambda text: text or None)
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
    return _renamed(given, resolved.__getitem__)


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
    return _renamed(given, resolved.__getitem__)


def _seeds(records: Records, names: dict[Any, Any], result: pd.DataFrame, messages: list[str]) -> pd.Series:
    """Seeds as whole numbers; other labels are numbered within method and task."""
    given = records.table["seed"]
    if _is_absent(given):
        seeds = {text: None if name.seed is None else str(name.seed) for text, name in names.items()}
        given = _renamed(records.table["run"], seeds.get)
        if given.notna().all():
            messages.append("The seed is read from the name of the run.")
        elif records.table["run"].nunique() > 1:
            given = records.table["run"]
            messages.append("Each run is a seed.")
        else:
            messages.append("No column names the seed: rows of one method, task and step are its seeds.")
            key = [result["method"], result["task"], result["step"].fillna(-1), result["selection"]]
            return result.groupby(key, sort=False, observed=True).cumcount()
    given = _renamed(given, lambda text: text.strip() or None)
    if given.isna().any():
        row = _first_row(records, given.isna())
        raise TablesError(f"{records.place(row)} has no seed, while other rows have one.")
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


def _in_order(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows by run (and selection rule) and step: their order, the run of each row, the step of each row."""
    key = [*_RUN, "selection"]
    run = table.groupby(key, sort=True, observed=True).ngroup().to_numpy(dtype=np.int32)
    step = table["step"].fillna(-1).to_numpy()
    return np.lexsort((step, run)), run, step


def _refuse_repeated(table: pd.DataFrame, records: Records) -> None:
    order, run, step = _in_order(table)
    same = (np.diff(run[order]) == 0) & (np.diff(step[order]) == 0)
    if not same.any():
        return
    second = int(order[1:][same].min())
    first = int(np.flatnonzero((run == run[second]) & (step == step[second]))[0])
    row, line = table.iloc[second], table["line"].iloc[first]
    at = "" if np.isnan(row["step"]) else f", step {row['step']:g}"
    raise TablesError(
        f"{records.path}, {records.counts} {row['line']}: {row['method']} on {row['task']}, seed "
        f"{row['seed']}{at} is there already in {records.counts} {line}; one row for each "
        "method, task, seed and step."
    )


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


def _selected(table: pd.DataFrame, options: ScoreOptions, messages: list[str]) -> pd.DataFrame:
    """One row for each run (and stated selection rule)."""
    stated = table["selection"] != ""
    if stated.any() and not stated.all():
        line = table.loc[~stated, "line"].iloc[0]
        raise TablesError(f"Row or line {line} has no selection rule, while other rows have one; fill it in.")
    if stated.all():
        if options.select is not None:
            messages.append("The column of the selection is used; select is not.")
        table["selection"] = _rules_of(table["selection"])
        return _score_rows(_chosen(table, "last", 1))
    rule, count = selection_of(options.select or "last")
    _, run, _ = _in_order(table)
    if int(np.bincount(run).max()) > 1:
        if options.select is None:
            messages.append("Runs have several steps: the last is taken (select=last, mean_last_K or best).")
        if table["step"].isna().any():
            raise TablesError("Runs have several rows and no column has the step; say columns=step:COLUMN.")
        if ends := _unequal_ends(table):
            messages.append(ends)
    chosen = _chosen(table, rule, count)
    if rule == "average_last_k" and (short := int((chosen["num_checkpoints"] < count).sum())):
        messages.append(f"{short} runs have fewer than {count} steps: the mean of all is taken.")
    if rule == "best_online":
        messages.append(
            "The best step of each run by its own evaluation: optimistic, higher than a new evaluation."
        )
    return _score_rows(chosen.assign(selection=rule))


def _rules_of(column: pd.Series) -> pd.Series:
    """Stated selection rules by the schema's names."""
    allowed = frames.load_schema("scores")["items"]["properties"]["selection"]["enum"]
    rules = {"average": "average_last_k", "best": "best_online", "final": "last"}
    renamed = _renamed(column, lambda text: rules.get(text, text))
    unknown = sorted(set(renamed.cat.categories) - set(allowed))
    if unknown:
        raise TablesError(f"The selection '{unknown[0]}' is unknown; allowed are {', '.join(allowed)}.")
    return renamed


def _chosen(table: pd.DataFrame, rule: str, count: int) -> pd.DataFrame:
    """One row for each run: its last step, its best, or the mean of its last `count` steps."""
    order, run, _ = _in_order(table)
    ends = np.flatnonzero(np.diff(run[order], append=-1)) + 1
    starts = np.concatenate([[0], ends[:-1]])
    scores = table["score_percent"].to_numpy()[order]
    if rule == "best_online":
        places = [start + int(np.argmax(scores[start:end])) for start, end in zip(starts, ends)]
        return table.iloc[order[places]].assign(num_checkpoints=1)
    chosen = table.iloc[order[ends - 1]].assign(num_checkpoints=1)
    if rule == "average_last_k":
        taken = [scores[max(start, end - count) : end] for start, end in zip(starts, ends)]
        chosen["score_percent"] = [float(np.mean(part)) for part in taken]
        chosen["num_checkpoints"] = [len(part) for part in taken]
    return chosen


def _unequal_ends(table: pd.DataFrame) -> str:
    """A message where runs of one method and task end at different steps."""
    ends = (
        table.groupby(_RUN, observed=True)["step"]
        .max()
        .groupby(level=["method", "task"], observed=True)
        .agg(["min", "max"])
    )
    unequal = ends[ends["min"] < ends["max"]]
    if unequal.empty:
        return ""
    row = frames.records(unequal.reset_index())[0]
    return (
        f"Runs end at different steps: {row['method']} on {row['task']} between {row['min']:g} and "
        f"{row['max']:g}{f' and {len(unequal) - 1} more' if len(unequal) > 1 else ''}; did some stop early?"
    )


def _score_rows(chosen: pd.DataFrame) -> pd.DataFrame:
    """Chosen records in the columns of the schema ``scores``."""
    chosen = chosen.astype(dict.fromkeys(("method", "task", "selection", "score_unit"), object))
    step = chosen["step"].fillna(0).clip(lower=0).round()
    methods = {name: hashlib.sha256(str(name).encode()).hexdigest()[:8] for name in chosen["method"].unique()}
    return pd.DataFrame(
        {
            "method": chosen["method"].to_numpy(),
            "task": chosen["task"].to_numpy(),
            "variant": STATED,
            "digest": chosen["method"].map(methods).to_numpy(),
            "diffusion_steps": 0,
            "sampling": "default",
            "seed": chosen["seed"].to_numpy(),
            "selection": chosen["selection"].to_numpy(),
            "update": step.astype("int64").to_numpy(),
            "score_percent": chosen["score_percent"].to_numpy(),
            "comparability": STATED,
            "score_unit": chosen["score_unit"].to_numpy(),
            "num_checkpoints": chosen["num_checkpoints"].to_numpy(),
        }
    )


def _warnings(runs: pd.DataFrame) -> list[str]:
    found: list[str] = []
    for _, rows in runs.groupby("selection", sort=True):
        found += plausible.identical_seeds(rows)
        found += plausible.repeated_runs(rows)
        for (method, task), own in rows[rows["score_unit"] == "percent"].groupby(["method", "task"]):
            if reason := plausible.unusual(str(task), own["score_percent"].to_numpy(dtype=float)):
                found.append(f"{method} on {task}: {reason}; it is not judged.")
    return list(dict.fromkeys(found))
