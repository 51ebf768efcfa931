"""Wide tables, with several columns of scores: one for each seed, method, task, or method and task."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from recheck.errors import TablesError
from recheck.words import first_of

from paper_tables import task_table
from paper_tables.score_files.options import ScoreOptions
from paper_tables.score_files.run_names import method_key, parse

SEED_COLUMN = re.compile(r"^(?:seed|run|trial|s)?[ _#-]*(\d+)$", re.IGNORECASE)
# Brackets and quotes around a pair, as pandas writes it: ('IQL', 'hopper-medium-v2').
_PAIR = re.compile(r"[()\[\]{}'\"|:,;/\s]+")
# A number that a logger writes next to the scores, or that is computed from them.
_NO_METHOD = re.compile(
    r"(?:^|[^a-z])(?:loss|time|seconds|hours|std|sd|se|sem|ci|var|min|max|mean|avg|average|total|sum|median|iqm|"
    r"length|lr|fps|grad|entropy|wall|epoch|episodes?|runtime|count|index|version|q|alpha|temperature)"
    r"(?:$|[^a-z])",
    re.IGNORECASE,
)
_MOST_NAMED = 8

Texts = dict[str, dict[str, str]]


def wide_columns(
    names: Sequence[str], by_role: Mapping[str, str], options: ScoreOptions
) -> tuple[Texts, str]:
    """The columns of scores of a wide table, with what each of them is.

    Args:
        names: the columns that have no role.
        by_role: role -> column, of the others.
        options: what the user states.

    Returns:
        Column -> role -> text (empty where the table is none of these forms), and a message that says what
        was guessed.
    """
    seeds = {name: match[1] for name in names if (match := SEED_COLUMN.match(name.strip()))}
    if seeds:
        found = {name: {"seed": seed} for name, seed in seeds.items()}
        return found, f"One seed in each of the {len(seeds)} columns {_few(seeds)}."
    runs = {name: parsed for name in names if (parsed := _pair(name, options.version))}
    if runs:
        return runs, f"One method and task in each of the {len(runs)} columns {_few(runs)}."
    if "task" not in by_role and options.task is None:
        tasks = {name: {"task": name} for name in names if _is_task(name, options.version)}
        if tasks:
            return tasks, f"One task in each of the {len(tasks)} columns {_few(tasks)}."
    if "method" not in by_role and options.method is None and any(method_key(name) for name in names):
        methods = {
            name: {"method": name}
            for name in names
            if name and (method_key(name) or not _NO_METHOD.search(name))
        }
        return methods, f"One method in each of the {len(methods)} columns {_few(methods)}."
    return {}, ""


def _pair(name: str, version: str | None) -> dict[str, str]:
    """Method, task and perhaps seed that a column's name has; empty where it has no method or no task."""
    run = parse(_PAIR.sub(" ", name).strip(), version)
    if run.task is None or not run.method:
        return {}
    seed = {} if run.seed is None else {"seed": str(run.seed)}
    return {"method": run.method, "task": run.task} | seed


def _is_task(name: str, version: str | None) -> bool:
    try:
        task_table.resolve(name, version)
    except TablesError as error:
        # A task without its version is one: the error about it has the versions that there are.
        return "has no version" in str(error)
    return True


def _few(names: Sequence[str] | Mapping[str, object]) -> str:
    return first_of([f"'{name}'" for name in names], _MOST_NAMED)
