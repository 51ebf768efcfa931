"""From records to an experiment's scores: names resolved, units made one, a selection rule applied."""

from __future__ import annotations

import hashlib
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
    table = pd.concat(parts, ignore_index=True)
    if len(found) > 1:
        _refuse_repeated(table, found[0])
    steps = int(table.groupby(_RUN, observed=True).size().max())
    runs = _selected(table, options, messages)
    where = str(found[0].path)
    runs = frames.check(runs, "scores", where)
    if options.unit is None:
        plausible.check_unit(runs, where)
    warnings = _warnings(runs)
    return UserScores(runs, messages, warnings, steps)


def _named(records: Records, options: ScoreOptions, messages: list[str]) -> pd.DataFrame:
    """Records with method, task and seed as names and numbers."""
    table = records.table
    names = {
        text: parse(str(text), options.version) for text in table["run"].cat.categories if str(text) != ""
    }
    result = pd.DataFrame({"line": table["line"], "step": table["step"], "value": table["value"]})
    result["selection"] = table["selection"].astype(object)
    result["task"] = _tasks(records, names, options, messages)
    result["method"] = _methods(records, names, options, messages)
    result["seed"] = _seeds(records, names, result, messages)
    return result


def _from_runs(table: pd.DataFrame, names: dict[Any, Any], part: str) -> pd.Series:
    found = {text: getattr(name, part) for text, name in names.items()}
    return table["run"].astype(object).map(lambda text: found.get(text))


def _tasks(records: Records, names: dict[Any, Any], options: ScoreOptions, messages: list[str]) -> pd.Series:
    table = records.table
    given = table["task"].astype(object)
    if set(table["task"].cat.categories[np.unique(table["task"].cat.codes)]) <= {""}:
        given = _from_runs(table, names, "task")
        if given.notna().any():
            messages.append("The task is read from the name of the run.")
    given = given.where(given.notna() & (given != ""), options.task)
    if given.isna().any():
        row = table[given.isna()].iloc[0]
        named = f" (run '{row['run']}')" if row["run"] else ""
        raise TablesError(f"{records.place(row)}{named} names no task; add a column task, or say task=TASK.")
    resolved = {}
    for text in given.unique():
        try:
            resolved[text] = task_table.resolve(str(text), options.version).name
        except TablesError as error:
            row = table[(given == text).to_numpy()].iloc[0]
            raise TablesError(f"{records.place(row)}: {error}") from None
    changed = [f"'{text}' is {name}" for text, name in resolved.items() if text != name]
    if changed:
        more = f" and {len(changed) - 6} more" if len(changed) > 6 else ""
        messages.append(f"Tasks: {', '.join(changed[:6])}{more}.")
    return given.map(resolved)


def _methods(
    records: Records, names: dict[Any, Any], options: ScoreOptions, messages: list[str]
) -> pd.Series:
    table = records.table
    given = table["method"].astype(object)
    if set(table["method"].cat.categories[np.unique(table["method"].cat.codes)]) <= {""}:
        given = _from_runs(table, names, "method")
        if given.notna().any():
            messages.append("The method is read from the name of the run.")
    given = given.where(given.notna() & (given != ""), options.method)
    if given.isna().any():
        messages.append(f"No column names the method: it is called '{OURS}' (method=NAME changes it).")
        given = given.fillna(OURS)
    resolved = {text: method_key(str(text)) or " ".join(str(text).split()) for text in given.unique()}
    changed = [f"'{text}' is {name}" for text, name in resolved.items() if text != name]
    if changed:
        messages.append(f"Methods of the documents: {', '.join(changed)}.")
    return given.map(resolved)


def _seeds(records: Records, names: dict[Any, Any], result: pd.DataFrame, messages: list[str]) -> pd.Series:
    """Seeds as whole numbers; other labels are numbered within method and task."""
    given = records.table["seed"].astype(object)
    if (given == "").all():
        given = _from_runs(records.table, names, "seed")
        if given.notna().all():
            messages.append("The seed is read from the name of the run.")
        elif records.table["run"].nunique() > 1:
            given = records.table["run"].astype(object)
            messages.append("Each run is a seed.")
        else:
            messages.append("No column names the seed: rows of one method, task and step are its seeds.")
            key = [result["method"], result["task"], result["step"].fillna(-1), result["selection"]]
            return result.groupby(key, sort=False).cumcount()
    text = given.astype(str).str.strip()
    missing = (text == "") | given.isna()
    if missing.any():
        row = records.table[missing.to_numpy()].iloc[0]
        raise TablesError(f"{records.place(row)} has no seed, while other rows have one.")
    digits = text.str.extract(r"^(?:seed|s|run)?[-_ ]*(\d{1,15})(?:\.0+)?$", flags=2)[0]
    if digits.notna().all():
        return digits.astype("int64")
    labels = text.groupby([result["method"], result["task"]], sort=False)
    return labels.transform(lambda own: pd.factorize(own, sort=True)[0]).astype("int64")


def _refuse_repeated(table: pd.DataFrame, records: Records) -> None:
    key = [*_RUN, "step", "selection"]
    filled = table[key].assign(step=table["step"].fillna(-1))
    again = filled.duplicated()
    if not again.any():
        return
    second = table[again].iloc[0]
    wanted = filled[again].iloc[0]
    first = table[(filled == wanted).all(axis=1)].iloc[0]
    step = "" if np.isnan(second["step"]) else f", step {second['step']:g}"
    raise TablesError(
        f"{records.path}, {records.counts} {second['line']}: {second['method']} on {second['task']}, seed "
        f"{second['seed']}{step} is there already in {records.counts} {first['line']}; one row for each "
        "method, task, seed and step."
    )


def _in_percent(
    table: pd.DataFrame, records: Records, options: ScoreOptions, messages: list[str]
) -> pd.DataFrame:
    """Values as scores in percent, or as raw returns where a task has no references."""
    unit = options.unit or ("return" if records.unit == "return" else None)
    known = task_table.tasks()
    values = table["value"].to_numpy(dtype=float)
    table = table.assign(score_unit="percent")
    if unit == "fraction":
        values = 100 * values
        messages.append("Scores are fractions, as stated: multiplied by 100.")
    elif unit == "return":
        low = table["task"].map(lambda name: known[name].reference_min).to_numpy(dtype=float)
        high = table["task"].map(lambda name: known[name].reference_max).to_numpy(dtype=float)
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


def _refuse_raw_returns(table: pd.DataFrame, records: Records) -> None:
    """Scores far above what a task gives in percent are raw returns, it seems."""
    known = task_table.tasks()
    for task, rows in table.groupby("task", sort=True):
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
    low = percent["task"].map(lambda name: known[name].min_percent).to_numpy(dtype=float)
    high = percent["task"].map(lambda name: known[name].max_percent).to_numpy(dtype=float)
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
    table = table.assign(selection=table["selection"].fillna(""))
    grouped = table.groupby([*_RUN, "selection"], sort=True)
    if (table["selection"] != "").all():
        allowed = frames.load_schema("scores")["items"]["properties"]["selection"]["enum"]
        rules = {"average": "average_last_k", "best": "best_online", "final": "last"}
        table["selection"] = [rules.get(text, text) for text in table["selection"]]
        unknown = sorted(set(table["selection"]) - set(allowed))
        if unknown:
            raise TablesError(f"The selection '{unknown[0]}' is unknown; allowed are {', '.join(allowed)}.")
        chosen = table.sort_values("step").groupby([*_RUN, "selection"], sort=True).tail(1)
        return _score_rows(chosen.assign(num_checkpoints=1))
    rule, count = selection_of(options.select or "last")
    several = int(grouped.size().max()) > 1
    if several and options.select is None:
        messages.append("Runs have several steps: the last is taken (select=last, mean_last_K or best).")
    if several and grouped["step"].apply(lambda steps: steps.isna().any()).any():
        raise TablesError("Runs have several rows and no column has the step; say columns=step:COLUMN.")
    if several and (ends := _unequal_ends(table)):
        messages.append(ends)
    ordered = table.sort_values([*_RUN, "step"], kind="stable")
    if rule == "average_last_k":
        last = ordered.groupby(_RUN, sort=True).tail(count)
        means = last.groupby(_RUN, sort=True).agg(
            score_percent=("score_percent", "mean"),
            step=("step", "max"),
            score_unit=("score_unit", "first"),
            num_checkpoints=("score_percent", "size"),
        )
        chosen = means.reset_index()
        short = chosen[chosen["num_checkpoints"] < count]
        if len(short):
            messages.append(f"{len(short)} runs have fewer than {count} steps: the mean of all is taken.")
    elif rule == "best_online":
        best = ordered.groupby(_RUN, sort=True)["score_percent"].idxmax()
        chosen = ordered.loc[best].assign(num_checkpoints=1)
        messages.append(
            "The best step of each run by its own evaluation: optimistic, higher than a new evaluation."
        )
    else:
        chosen = ordered.groupby(_RUN, sort=True).tail(1).assign(num_checkpoints=1)
    return _score_rows(chosen.assign(selection=rule))


def _unequal_ends(table: pd.DataFrame) -> str:
    """A message where runs of one method and task end at different steps."""
    ends = table.groupby(_RUN)["step"].max().groupby(level=["method", "task"]).agg(["min", "max"])
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
