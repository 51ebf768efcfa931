"""From records to an experiment's scores: names resolved, units made one, a selection rule applied."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from recheck.errors import TablesError

from paper_tables import frames, task_table
from paper_tables.score_files.names import Runs, named, of_runs
from paper_tables.score_files.options import ScoreOptions
from paper_tables.score_files.records import Records
from paper_tables.score_files.steps import Steps, checkpoints_of, selected
from paper_tables.scores import plausible


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
        found: records of each file; their rows are used up.
        options: what the user states.

    Raises:
        TablesError: a name that is not a task, a run that appears twice, scores in an unclear unit or out of
            range; the message has the file and the line.
    """
    messages = list(dict.fromkeys(message for records in found for message in records.messages))
    rows = named(found, options, messages)
    messages = list(dict.fromkeys(messages))
    steps = Steps.of(rows)
    _refuse_repeated(rows, steps)
    raw = _in_percent(rows, options, messages)
    checkpoints = checkpoints_of(rows, steps, raw)
    _refuse_impossible_means(rows, raw)
    where = str(found[0].path)
    runs = frames.check(selected(rows, steps, raw, options, messages), "scores", where)
    if options.unit is None:
        plausible.check_unit(runs, where)
        plausible.check_against_reports(runs, where)
    warnings = warnings_of(runs, options.unit is not None)
    return UserScores(runs, messages, warnings, checkpoints)


def _refuse_repeated(rows: Runs, steps: Steps) -> None:
    second = steps.first_repeated(rows)
    if second is None:
        return
    step = rows.step[second]
    same = np.isnan(rows.step) if np.isnan(step) else rows.step == step
    first = int(np.flatnonzero((rows.run == rows.run[second]) & same)[0])
    run = rows.runs.iloc[rows.run[second]]
    file, place = rows.file_of(first)
    there = file.line(place) if rows.file_of(second)[0] is file else file.place(place)
    at = "" if np.isnan(step) else f", step {step:g}"
    raise TablesError(
        f"{rows.place(second)}: {run['method']} on {run['task']}, seed {run['seed']}{at} is there "
        f"already in {there}; one row for each method, task, seed and step."
    )


def _in_percent(rows: Runs, options: ScoreOptions, messages: list[str]) -> np.ndarray:
    """Make the values scores in percent, and say of each run whether it is kept as a raw return."""
    raw = np.zeros(len(rows.runs), dtype=bool)
    start = 0
    for records in rows.files:
        part = slice(start, start + len(records.row))
        start = part.stop
        own = Runs(rows.runs, rows.run[part], rows.step[part], rows.value[part], [records])
        unit = options.unit or ("return" if records.unit == "return" else None)
        if unit == "fraction":
            _refuse_no_fractions(own)
            rows.value[part] = 100 * own.value
            messages.append("Scores are fractions, as stated: multiplied by 100.")
        elif unit == "return":
            if options.unit is None and "return" not in options.columns:
                _refuse_scores_called_returns(own)
            raw |= _normalise(own, messages)
        elif unit is None:
            _refuse_raw_returns(own)
    messages[:] = list(dict.fromkeys(messages))
    _refuse_out_of_range(rows, raw)
    return raw


def _refuse_no_fractions(rows: Runs) -> None:
    most = int(np.abs(rows.value).argmax())
    if np.abs(rows.value[most]) > plausible.FRACTIONS_UP_TO:
        raise TablesError(
            f"{rows.place(most)}: {rows.value[most]:g} is not a fraction of 1; "
            "leave unit=fraction out where scores are in percent."
        )


def _groups(rows: Runs, columns: list[str]) -> Iterator[tuple[str, np.ndarray]]:
    """Task and places of the rows of each group of runs, in the order of its names; none without rows."""
    for _, own in rows.runs.groupby(columns, sort=True):
        here = np.flatnonzero(np.isin(rows.run, own.index.to_numpy()))
        if len(here):
            yield str(own["task"].iat[0]), here


def _refuse_scores_called_returns(rows: Runs) -> None:
    """A column may be called return and hold scores: those of a method on each of its tasks, or most."""
    like: dict[str, list[tuple[str, int]]] = {}
    groups = list(_groups(rows, ["method", "task"]))
    for task, here in groups:
        if found := plausible.unit_of_returns(task, rows.value[here]):
            like.setdefault(found, []).append((task, int(here[0])))
    unit = max(like, key=lambda name: len(like[name]), default="")
    if unit and 2 * len(like[unit]) > len(groups):
        task, place = like[unit][0]
        value = rows.value[place]
        raise TablesError(
            f"{rows.place(place)}: the column is called a return, and {value:g} on {task} looks like a "
            f"score ({'in percent' if unit == 'percent' else 'a fraction of 1'}); as a raw return it is "
            f"{task_table.tasks()[task].normalised(value):.3g} percent. Give unit={unit}, or unit=return "
            "if it is raw."
        )


def _normalise(rows: Runs, messages: list[str]) -> np.ndarray:
    """Normalise raw returns in place; the runs whose tasks have no references are marked and left."""
    known = task_table.tasks()
    low = of_runs(rows, "task", lambda name: known[name].reference_min)
    high = of_runs(rows, "task", lambda name: known[name].reference_max)
    bare = np.isnan(low) | np.isnan(high)
    rows.value[:] = np.where(bare, rows.value, 100 * (rows.value - low) / (high - low))
    messages.append("Raw returns, normalised by D4RL's reference returns of each task.")
    marked = np.isin(np.arange(len(rows.runs)), np.unique(rows.run[bare]))
    if marked.any():
        without = ", ".join(sorted(set(rows.runs.loc[marked, "task"])))
        messages.append(f"Without reference returns, kept raw and not averaged with others: {without}.")
    return marked


def _refuse_raw_returns(rows: Runs) -> None:
    """Scores far above what a task gives in percent are raw returns, it seems."""
    known = task_table.tasks()
    for task, here in _groups(rows, ["task"]):
        own = known[task]
        most = own.usual_max_percent or own.max_percent
        if most is not None and np.median(np.abs(rows.value[here])) > 2 * most:
            raise TablesError(
                f"{rows.place(int(here[0]))}: {rows.value[here[0]]:g} on {task} looks like a "
                f"raw return; a score in percent is {own.range_text()}. Give unit=return, or "
                "unit=percent if it is right."
            )


def _refuse_out_of_range(rows: Runs, raw: np.ndarray) -> None:
    known = task_table.tasks()
    low = of_runs(rows, "task", lambda name: known[name].min_percent)
    outside = rows.value < low - 1e-6
    low = of_runs(rows, "task", lambda name: known[name].max_percent)
    outside |= rows.value > low + 1e-6
    if raw.any():
        outside &= ~raw[rows.run]
    if outside.any():
        first, count = int(np.flatnonzero(outside)[0]), int(outside.sum())
        run = rows.runs.iloc[rows.run[first]]
        more = f" ({count} such scores)" if count > 1 else ""
        raise TablesError(
            f"{rows.place(first)}: {run['method']} on {run['task']} scores "
            f"{rows.value[first]:g}{more}; the task allows {known[run['task']].range_text()} percent."
        )


def _refuse_impossible_means(rows: Runs, raw: np.ndarray) -> None:
    """Refuse a score that is not a mean of as many episodes as its row states."""
    start = 0
    for records in rows.files:
        if not records.is_absent("episodes"):
            counts = [_whole(records, number) for number in range(len(records.keys))]
            for place, key in enumerate(records.key):
                run, value = rows.run[start + place], float(rows.value[start + place])
                task = str(rows.runs["task"].iat[run])
                step = None if raw[run] else plausible.not_of_episodes(task, value, counts[key])
                if step is not None:
                    raise TablesError(
                        f"{records.place(place)}: {value:g} on {task} is not a mean of {counts[key]} "
                        f"episodes, which is a multiple of {step:.4g}; correct it, or remove the column of "
                        "episodes if the score is an average over checkpoints."
                    )
        start += len(records.row)


def _whole(records: Records, key: int) -> int:
    """The number of episodes of a combination of texts; 0 where its cell is empty."""
    text = str(records.keys["episodes"].iat[key])
    number = pd.to_numeric(text, errors="coerce") if text else 0
    if text and not (np.isfinite(number) and number >= 1 and number % 1 == 0):
        raise TablesError(
            f"{records.place_of_key(key)}: the number of episodes is '{text}'; it is a whole number from 1."
        )
    return int(number)


def warnings_of(runs: pd.DataFrame, stated: bool) -> list[str]:
    """What a reader of scores must heed.

    Args:
        runs: rows of the schema ``scores``.
        stated: whether the unit is stated.
    """
    found: list[str] = []
    if not stated:
        found = [*plausible.fractions_among_percent(runs), *plausible.near_zero_unreported(runs)]
    for _, rows in runs.groupby("selection", sort=True):
        found += plausible.identical_seeds(rows)
        found += plausible.repeated_runs(rows)
        for (method, task), own in rows[rows["score_unit"] == "percent"].groupby(["method", "task"]):
            if reason := plausible.unusual(str(task), own["score_percent"].to_numpy(dtype=float)):
                found.append(f"{method} on {task}: {reason}; it is not judged.")
    return list(dict.fromkeys(found))
