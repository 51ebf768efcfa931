"""The names of records resolved: a method, a task, a seed and a selection rule for each run."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from recheck.errors import TablesError
from recheck.words import first_of

from paper_tables import task_table
from paper_tables.score_files.options import ScoreOptions
from paper_tables.score_files.records import Records
from paper_tables.score_files.run_names import RunName, method_key, parse

OURS = "ours"
RUN = ["method", "task", "seed", "selection"]
_AGGREGATE = re.compile(r"^(?:.*[-_ ])?(?:total|sum|average|avg|mean|overall|all)s?(?:[-_ ].*)?$", re.I)
_SEED = re.compile(r"^(?:seed|s|run)?[-_ ]*(\d{1,15})(?:\.0+)?$", re.IGNORECASE)
# What a row of means or spreads among the runs has in place of a method or a seed; the short ones may be
# names of methods.
_COMPUTED = r"total|sum|average|avg|mean|median|iqm|std|stdev|std[-_. ]?(?:dev|err)|stderr|sem|overall"
_NO_NAME = {
    "method": re.compile(rf"^(?:{_COMPUTED})\.?$", re.IGNORECASE),
    "seed": re.compile(rf"^(?:{_COMPUTED}|sd|se|ci|min|max|all|95%[-_ ]?ci)\.?$", re.IGNORECASE),
}
# What programs write for a missing text.
_MISSING = re.compile(r"^(?:nan|none|null|n/?a|#n/a)$", re.IGNORECASE)
_MOST_NAMED = 6
# A number that is not a seed: -1, 0.5.
_NO_SEED = re.compile(r"^(?:-\d*\.?\d+|\d*\.\d*[1-9]\d*)$")


@dataclass
class Runs:
    """The rows of one file or several, each with its run.

    Attributes:
        runs: one row a run, sorted: the columns of `RUN`.
        run: the place in `runs` of each row.
        step: NaN where unknown.
        value: score or return.
        files: the records, for messages; the rows are in their order.
    """

    runs: pd.DataFrame
    run: np.ndarray
    step: np.ndarray
    value: np.ndarray
    files: list[Records]

    def place(self, number: int) -> str:
        """The file and line of a row."""
        file, number = self.file_of(number)
        return file.place(number)

    def file_of(self, number: int) -> tuple[Records, int]:
        """The file of a row, and its place there."""
        for file in self.files:
            if number < len(file.row):
                return file, number
            number -= len(file.row)
        raise IndexError(number)


def named(found: list[Records], options: ScoreOptions, messages: list[str]) -> Runs:
    """Resolve the names of all records.

    Args:
        found: records of each file; their numbers by row are moved into the result.
        options: what the user states.
        messages: what is guessed is added.

    Raises:
        TablesError: a name is not a task or is missing, or a label is not a seed; the message has the line.
    """
    parts, runs = [], []
    for records in found:
        table, key = _of_file(records, options, messages)
        runs.append(table)
        parts.append(key)
    known = pd.concat(runs, ignore_index=True)
    grouped = known.groupby(RUN, sort=True)
    place = grouped.ngroup().to_numpy()
    small = place.astype(np.min_scalar_type(-int(place.max()) - 1))
    ends = np.cumsum([0, *(len(table) for table in runs)])
    joined = [small[start:end][key] for start, end, key in zip(ends, ends[1:], parts)]
    result = Runs(
        known.drop_duplicates().sort_values(RUN).reset_index(drop=True),
        _joined(joined),
        _joined([records.step for records in found]),
        _joined([records.value for records in found]),
        found,
    )
    for records in found:
        # A large file's rows are kept once.
        records.step = records.value = np.empty(0)
    return result


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _of_file(records: Records, options: ScoreOptions, messages: list[str]) -> tuple[pd.DataFrame, np.ndarray]:
    """The runs of a file, and the place in them of each row."""
    names = {text: parse(text, options.version) for text in records.keys["run"].unique() if text}
    table = pd.DataFrame({"selection": records.keys["selection"]})
    table["task"] = _tasks(records, names, options, messages)
    table["method"] = _methods(records, names, options, messages)
    labels = _labels(records, names, messages)
    if labels is not None:
        table["seed"] = _seeds(records, labels, table)
        if not all(map(_SEED.match, labels)) and not records.is_absent("seed"):
            messages.append("Seeds have names that are not numbers: numbered within each method and task.")
        return table[RUN], records.key
    group = table.groupby(["method", "task", "selection"]).ngroup().to_numpy()
    rows = pd.DataFrame({"run": group[records.key], "step": np.nan_to_num(records.step, nan=-1.0)})
    seeds = rows.groupby(["run", "step"], sort=False).cumcount().to_numpy()
    pairs = pd.DataFrame({"key": records.key, "seed": seeds})
    distinct = pairs.drop_duplicates()
    expanded = table.iloc[distinct["key"]].assign(seed=distinct["seed"].to_numpy())
    return expanded[RUN], pairs.groupby(["key", "seed"], sort=False).ngroup().to_numpy()


def _given(
    records: Records, role: str, names: dict[str, RunName], options: ScoreOptions, messages: list[str]
) -> list[str | None]:
    """A role's text of each key, out of its column or the names of the runs."""
    of_run = records.is_absent(role)
    stated: str | None = getattr(options, role)
    found: list[str | None]
    if of_run:
        found = [getattr(names.get(text), role, None) for text in records.keys["run"]]
    else:
        found = [text or None for text in records.keys[role]]
    if of_run and any(found):
        messages.append(f"The {role} is read from the name of the run.")
    if stated is not None and all(found):
        messages.append(f"{role}={stated} is not used: every row has its own {role}.")
    return [text or stated for text in found]


def _refuse_blank(records: Records, role: str, number: int) -> None:
    """A column that has a text in other rows has one in every row."""
    if not records.is_absent(role):
        raise TablesError(
            f"{records.place_of_key(number)}: the cell of the {role} is empty, while other rows have one; "
            f"fill it in, or say {role}={role.upper()} for all empty cells."
        )


def _first_missing(found: list[str | None]) -> int | None:
    return next((number for number, text in enumerate(found) if text is None), None)


def _tasks(
    records: Records, names: dict[str, RunName], options: ScoreOptions, messages: list[str]
) -> list[str]:
    given = _given(records, "task", names, options, messages)
    if (missing := _first_missing(given)) is not None:
        _refuse_blank(records, "task", missing)
        run = records.keys["run"][missing]
        raise TablesError(
            f"{records.place_of_key(missing)}{f' (run {run!r})' if run else ''} names no "
            f"task{_why_no_task(run, options)}; add a column task, or give task=TASK."
        )
    resolved: dict[str, str] = {}
    for number, text in enumerate(map(str, given)):
        if text not in resolved:
            try:
                resolved[text] = task_table.resolve(text, options.version).name
            except TablesError as error:
                if _AGGREGATE.match(text.strip()):
                    raise TablesError(
                        f"{records.place_of_key(number)}: '{text}' is not a task but an aggregate; leave out "
                        "rows and columns of totals and averages, which are computed."
                    ) from None
                raise TablesError(f"{records.place_of_key(number)}: {error}") from None
    changed = [f"'{text}' is {name}" for text, name in sorted(resolved.items()) if text != name]
    if changed:
        messages.append(f"Tasks: {first_of(changed, _MOST_NAMED)}.")
    return [resolved[str(text)] for text in given]


def _why_no_task(run: str, options: ScoreOptions) -> str:
    """A hint where a run's name has a task without its version."""
    if options.version is not None or not run:
        return ""
    versions = sorted({name.rsplit("-", 1)[-1] for name in task_table.tasks()})
    found = [version for version in versions if parse(run, version).task]
    return f" with a version (version={found[-1]} gives it)" if found else ""


def _methods(
    records: Records, names: dict[str, RunName], options: ScoreOptions, messages: list[str]
) -> list[str]:
    given = _given(records, "method", names, options, messages)
    if records.is_absent("method"):
        messages += _not_used_of_names(names)
    if (missing := _first_missing(given)) is not None:
        _refuse_blank(records, "method", missing)
        messages.append(f"No column names the method: it is called '{OURS}' (method=NAME changes it).")
    filled = [text or OURS for text in given]
    _refuse_no_name(records, "method", filled)
    resolved = {text: method_key(text) or " ".join(text.split()) for text in sorted(set(filled))}
    changed = [f"'{text}' is {name}" for text, name in resolved.items() if text != name]
    if changed:
        messages.append(f"Methods of the documents: {', '.join(changed)}.")
    return [resolved[text] for text in filled]


def _not_used_of_names(names: dict[str, RunName]) -> list[str]:
    """A message about what is behind the tasks in the names of the runs: perhaps settings that differ."""
    rests = sorted({name.rest for name in names.values() if name.rest})
    if not rests:
        return []
    listed = first_of(list(map(repr, rests)), _MOST_NAMED)
    # Without a seed in the name each run is a seed, whatever else its name has.
    several = ": runs that differ in it alone count as seeds of one method" if len(rests) > 1 else ""
    return [f"Not used of the names of the runs: {listed}{several}."]


def _refuse_no_name(records: Records, role: str, texts: list[str]) -> None:
    """Refuse a row of means or spreads among the rows of runs, and a name that is missing."""
    missing = next((number for number, text in enumerate(texts) if _MISSING.match(text)), None)
    if missing is not None:
        raise TablesError(
            f"{records.place_of_key(missing)}: '{texts[missing]}' is no {role} but stands for a missing one; "
            "fill it in, or leave the row out."
        )
    number = next((number for number, text in enumerate(texts) if _NO_NAME[role].match(text)), None)
    if number is not None:
        raise TablesError(
            f"{records.place_of_key(number)}: '{texts[number]}' is no {role} but computed from several runs; "
            "leave out rows of means and spreads, which are computed here."
        )


def _labels(records: Records, names: dict[str, RunName], messages: list[str]) -> list[str] | None:
    """The label of each key's seed; None where nothing distinguishes the seeds."""
    if not records.is_absent("seed"):
        labels = list(records.keys["seed"])
        if "" in labels:
            raise TablesError(
                f"{records.place_of_key(labels.index(''))} has no seed, while other rows have one."
            )
        return labels
    of_run = [getattr(names.get(text), "seed", None) for text in records.keys["run"]]
    if all(seed is not None for seed in of_run):
        messages.append("The seed is read from the name of the run.")
        return [str(seed) for seed in of_run]
    if records.keys["run"].nunique() > 1:
        messages.append("Each run is a seed.")
        return list(records.keys["run"])
    messages.append("No column names the seed: rows of one method, task and step are its seeds.")
    return None


def _seeds(records: Records, labels: list[str], table: pd.DataFrame) -> np.ndarray:
    """Seeds as whole numbers; labels that are none are numbered within method and task."""
    _refuse_no_name(records, "seed", labels)
    odd = next((number for number, text in enumerate(labels) if _NO_SEED.match(text)), None)
    if odd is not None:
        raise TablesError(
            f"{records.place_of_key(odd)}: seed {labels[odd]}; a seed is a whole number from 0, or a name."
        )
    digits = [_SEED.match(text) for text in labels]
    if all(digits):
        return np.asarray([int(match[1]) for match in digits if match], dtype="int64")
    runs = table.assign(label=labels)
    distinct = runs[["method", "task", "label"]].drop_duplicates().sort_values(["method", "task", "label"])
    distinct["seed"] = distinct.groupby(["method", "task"], sort=False).cumcount()
    result: np.ndarray = runs.merge(distinct, on=["method", "task", "label"], how="left")["seed"].to_numpy()
    return result


def of_runs(runs: Runs, column: str, value_of: Callable[[str], float | None]) -> np.ndarray:
    """A number of each row by its run's method or task; NaN where it has none."""
    values = np.asarray([value_of(str(name)) for name in runs.runs[column]], dtype=float)
    result: np.ndarray = values[runs.run]
    return result
