"""Method, task and seed out of the name of a run: ``IQL-hopper-medium-v2-seed3``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from paper_tables import literature, task_table

_SEED = re.compile(r"(?:^|[^A-Za-z0-9])seed[-_= ]?(\d{1,9})(?=$|[^A-Za-z0-9])", re.IGNORECASE)
# Also the start of a method's name: S4, s2.
_SHORT_SEED = re.compile(r"(?:^|[^A-Za-z0-9])(?:sd|s)[-_= ]?(\d{1,9})(?=$|[^A-Za-z0-9])", re.IGNORECASE)
# Not the end of 3e-4 or of 0.7.
_LAST_NUMBER = re.compile(r"(?:(?<!\d[eE])[^A-Za-z0-9.]|(?<!\d)\.)(\d{1,4})$")
# What a logger adds to a name: a hash, a date, a time.
_ADDED = re.compile(
    r"[-_. /](?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{6,40}$|[-_. /]\d{8}(?:[-_T]?\d{4,6})?$|"
    r"[-_. /]+\d{10}$|[-_. /]+20\d\d[-_.]\d\d?[-_.]\d\d?(?:[-_ T]+\d\d[-_:.]\d\d(?:[-_:.]\d\d)?)?$",
    re.IGNORECASE,
)
# The keys of a group of runs, as Weights & Biases writes them: `algo: IQL, env: hopper-medium-v2`.
_KEYS = re.compile(r"(?:^|[,\s]+)[A-Za-z][\w./-]*: ")
_ENDS = "-_. /|:,;=#()[]"
_SIGNS = re.compile(r"[-_. /+]+")


@dataclass(frozen=True)
class RunName:
    """What a run's name says; None where it says nothing.

    Attributes:
        method: what is before the task, or else behind it.
        task: its name.
        seed: a number that is called a seed, or the last one.
        rest: what is behind the task and is not used.
    """

    method: str | None = None
    task: str | None = None
    seed: int | None = None
    rest: str = ""


@cache
def parse(name: str, version: str | None = None) -> RunName:
    """Read a run's name.

    Args:
        name: as a logger or a folder has it.
        version: of tasks without one.
    """
    text = _KEYS.sub(" ", name).strip()
    seed = None
    if match := _SEED.search(text):
        seed = int(match[1])
        text = text[: match.start()] + text[match.end() :]
    text = _ADDED.sub("", text)
    task, start, end = _find_task(text, version)
    if task is None:
        if seed is None and (match := _SHORT_SEED.search(text)):
            seed = int(match[1])
            text = text[: match.start()] + text[match.end() :]
        # CORL names all runs of a method after it.
        return RunName(text.strip(_ENDS) if method_key(text.strip(_ENDS)) else None, seed=seed)
    before, behind = text[:start], text[end:]
    if seed is None:
        seed, before, behind = _unnamed_seed(before, behind)
    method, rest = before.strip(_ENDS), behind.strip(_ENDS)
    return RunName(method or rest or None, task, seed, rest if method else "")


def _unnamed_seed(before: str, behind: str) -> tuple[int | None, str, str]:
    """The seed that is not called so, and what is left before and behind the task without it."""
    if match := _SHORT_SEED.search(behind):
        left = behind[: match.start()] + behind[match.end() :]
        # hopper-medium-v2-S4-0: a method's name, and its seed.
        if before.strip(_ENDS) or not left.strip(_ENDS).isdigit():
            return int(match[1]), before, left
    # The sign before the number may have been next to the task.
    if match := _LAST_NUMBER.search(f"-{behind}"):
        return int(match[1]), before, behind[: max(match.start() - 1, 0)]
    if match := _SHORT_SEED.search(before):
        left = before[: match.start()] + before[match.end() :]
        # S4-hopper-medium-v2: a method's name.
        if left.strip(_ENDS) or behind.strip(_ENDS):
            return int(match[1]), left, behind
    return None, before, behind


def _find_task(text: str, version: str | None) -> tuple[str | None, int, int]:
    """The longest task name in a text, and its place."""
    for pattern, name in _patterns(version):
        if match := pattern.search(text):
            return name, match.start(1), match.end(1)
    return None, 0, 0


@cache
def _patterns(version: str | None) -> list[tuple[re.Pattern[str], str]]:
    names: dict[str, str] = {name: name for name in task_table.tasks()}
    if version is not None:
        for name in task_table.tasks():
            stem = task_table.stem_of(name)
            if name == f"{stem}-{task_table.version_of(stem, version)}":
                names[stem] = name
    ordered = sorted(names.items(), key=lambda item: -len(item[0]))
    # A version or a longer name must not be cut: hopper-medium-v2 is not in hopper-medium-v21.
    return [
        (
            re.compile(
                r"(?:^|[^A-Za-z0-9])("
                + "[-_ ]".join(map(re.escape, key.split("-")))
                + r")(?=$|[^A-Za-z0-9])",
                re.IGNORECASE,
            ),
            name,
        )
        for key, name in ordered
    ]


@cache
def _method_keys() -> dict[str, str]:
    """Normal form of a printed method -> its key, where all documents agree."""
    numbers = literature.read_all()[["method", "method_key"]].drop_duplicates()
    found: dict[str, set[str]] = {}
    for method, key in numbers.itertuples(index=False):
        found.setdefault(_normal(str(method)), set()).add(str(key))
        found.setdefault(_normal(str(key)), set()).add(str(key))
    return {form: min(keys) for form, keys in found.items() if len(keys) == 1}


def _normal(name: str) -> str:
    return _SIGNS.sub("", name.strip().lower())


def method_key(name: str) -> str | None:
    """The key of a method that the documents know, in any spelling: ``TD3+BC`` is ``td3_bc``; else None."""
    return _method_keys().get(_normal(name))
