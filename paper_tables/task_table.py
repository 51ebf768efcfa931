"""Every task that has a name: D4RL's and this repository's, with references, ranges and nearest names.

The table is ``config/d4rl_tasks.csv`` (with the package) and ``workflow/config/tasks.csv`` (where the
repository is there). Code lists no task.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
from recheck.errors import RecheckError, TablesError

from paper_tables import frames, literature

D4RL = Path(__file__).parent / "config" / "d4rl_tasks.csv"
_VERSION = re.compile(r"[-_ ]?v(\d+)$")
_INNER_VERSION = re.compile(r"-v\d+(?=-)")
MOST_NEAREST = 3
SHORTEST = 3
"""Letters that are left of a word that is cut: `med` for `medium`."""
SLIP = 0.9
"""From this similarity on (difflib's ratio) an unknown name is a likely slip."""


@dataclass(frozen=True)
class Task:
    """A task with its version.

    Attributes:
        name: as the documents write it.
        suite: group of tasks.
        reference_min: return of the random policy, 0 percent; None where none is known.
        reference_max: return of the expert, 100 percent.
        min_percent: least possible score; None where unbounded.
        max_percent: largest possible score.
        usual_min_percent: a lower score is a mistake in all likelihood; None where nothing is known.
        usual_max_percent: a higher score likewise.
        episode_step_percent: the score of one episode is a multiple of this; None where it is not.
    """

    name: str
    suite: str
    reference_min: float | None = None
    reference_max: float | None = None
    min_percent: float | None = None
    max_percent: float | None = None
    usual_min_percent: float | None = None
    usual_max_percent: float | None = None
    episode_step_percent: float | None = None

    def normalised(self, raw_return: float) -> float:
        """D4RL's normalised score in percent of a raw return.

        Raises:
            TablesError: the task has no reference returns.
        """
        if self.reference_min is None or self.reference_max is None:
            raise TablesError(f"Task {self.name} has no reference returns: its scores cannot be normalised.")
        return 100 * (raw_return - self.reference_min) / (self.reference_max - self.reference_min)

    def range_text(self) -> str:
        """The possible or usual scores in words."""
        low = self.min_percent if self.min_percent is not None else self.usual_min_percent
        high = self.max_percent if self.max_percent is not None else self.usual_max_percent
        return "any score" if low is None and high is None else f"{_end(low)} to {_end(high)}"


def _end(value: float | None) -> str:
    return "any" if value is None else f"{value:g}"


def without_version(name: str) -> str:
    """The name of a task that its versions have in common."""
    return _VERSION.sub("", name)


@cache
def tasks() -> dict[str, Task]:
    """All tasks by name.

    Raises:
        TablesError: a table of tasks cannot be used.
    """
    suites = literature.read_suites()
    found: dict[str, Task] = {}
    for row in frames.records(frames.read_csv(D4RL, "d4rl_tasks")):
        found[row["task"]] = _task(row, suites)
    for name, row in _repository_rows().items():
        if name not in found:
            found[name] = _task(row, suites)
    return found


def _repository_rows() -> dict[str, dict[str, object]]:
    """The rows of the repository's table of tasks; none where the package is used without it."""
    from recheck import tasks as task_file

    if not task_file.TASKS_FILE.is_file():
        return {}
    try:
        return {name: asdict(task) for name, task in task_file.load_tasks().items()}
    except RecheckError as error:
        raise TablesError(str(error)) from error


def _task(row: dict[str, object], suites: pd.DataFrame) -> Task:
    suite = str(row["suite"])
    limits = suites.loc[suite].to_dict() if suite in suites.index else {}
    steps = _number(row.get("episode_step_percent")) or _number(limits.get("episode_step_percent"))
    return Task(
        name=str(row["task"]),
        suite=suite,
        reference_min=_number(row.get("reference_min_score")),
        reference_max=_number(row.get("reference_max_score")),
        min_percent=0.0 if steps else _number(limits.get("min_percent")),
        max_percent=100.0 if steps else _number(limits.get("max_percent")),
        usual_min_percent=_number(limits.get("warn_below_percent")),
        usual_max_percent=_number(limits.get("warn_above_percent")),
        episode_step_percent=steps,
    )


def _number(value: Any) -> float | None:
    return None if value is None or pd.isna(value) else float(value)


def normal_form(name: str) -> str:
    """A name without what spellings differ in: case, spaces, underscores for hyphens."""
    return re.sub(r"[\s_/-]+", "-", name.strip().lower()).strip("-")


def short_form(name: str) -> str:
    """`normal_form` of what a printed table may have: other signs between words, a version among them.

    ``HalfCheetah-v2 (Medium)`` is ``halfcheetah-medium-v2``.
    """
    form = normal_form(re.sub(r"[()\[\]:,|]+", "-", name))
    inner = _INNER_VERSION.findall(form)
    return (
        f"{_INNER_VERSION.sub('', form)}{inner[0]}" if len(inner) == 1 and not _VERSION.search(form) else form
    )


def version_of(stem: str, stated: str | None) -> str | None:
    """The version that is stated for a task's name without one.

    Args:
        stem: the name, ``antmaze-umaze``.
        stated: `2` or `v2`; with others for some tasks, ``v2,antmaze:v0,kitchen:v0``; None where not stated.

    Returns:
        ``v2``, or None where nothing is stated for this task.

    Raises:
        TablesError: it is not of that form.
    """
    general = own = None
    for part in (stated or "").split(","):
        if not part.strip():
            continue
        prefix, sign, version = part.strip().lower().rpartition(":")
        match = re.fullmatch(r"\s*v?(\d+)\s*", version)
        if match is None:
            raise TablesError(
                f"version is '{stated}'; write v2, or v2,antmaze:v0 where some tasks have another version."
            )
        if not sign:
            general = f"v{match[1]}"
        elif normal_form(stem).startswith(normal_form(prefix)):
            own = f"v{match[1]}"
    return own or general


def check_version(stated: str | None) -> None:
    """Refuse a version that is none, also where every name has its own.

    Raises:
        TablesError: it is not of the form that `version_of` takes.
    """
    version_of("", stated)


def stem_of(name: str) -> str:
    """A task's name without its version."""
    return _VERSION.sub("", name)


@cache
def _compact_forms() -> dict[str, str]:
    """Names without any sign -> name: ``Half-Cheetah medium v2`` and ``HalfCheetah (medium, v2)``."""
    found: dict[str, list[str]] = {}
    for name in tasks():
        found.setdefault(_compact(name), []).append(name)
    return {form: names[0] for form, names in found.items() if len(names) == 1}


def _compact(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


@cache
def _abbreviations() -> dict[str, tuple[str, ...]]:
    """First word and initials of the others -> names without version: ``hopper-m-r``, ``antmaze-ud``."""
    found: dict[str, dict[str, None]] = {}
    for stem in dict.fromkeys(stem_of(name) for name in tasks()):
        first, *others = stem.split("-")
        if others:
            found.setdefault(first + "".join(word[0] for word in others), {})[stem] = None
    return {form: tuple(stems) for form, stems in found.items()}


@cache
def _shortened() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Patterns of names whose words are cut (``hopper-med-exp``, ``walker-m-r``), and the names."""
    found = []
    for stem in dict.fromkeys(stem_of(name) for name in tasks()):
        first, *others = map(_compact, stem.split("-"))
        if others:
            initials = "".join(word[0] for word in others)
            # Initials are behind a sign: hopper is not hoppe-r.
            form = f"{_cut(first)}(?:-?{''.join(map(_cut, others))}|-{initials})"
            found.append((re.compile(form), stem))
    return tuple(found)


def _cut(word: str) -> str:
    """A pattern of a word without some of its last letters."""
    rest = word[SHORTEST:]
    return word[:SHORTEST] + "".join(f"(?:{letter}" for letter in rest) + ")?" * len(rest)


@cache
def _stems_meant(form: str) -> tuple[str, ...]:
    """The names without version that an abbreviation or cut words mean; `form` has no version either."""
    first, sign, rest = form.partition("-")
    cut = f"{_compact(first)}{sign}{_compact(rest)}"
    return _abbreviations().get(_compact(form)) or tuple(
        stem for pattern, stem in _shortened() if pattern.fullmatch(cut)
    )


def is_name(text: str) -> bool:
    """Whether a text is a task's name in any spelling, with or without its version, or its abbreviation."""
    stem = stem_of(short_form(text.split("/")[-1]))
    return _compact(stem) in _compact_stems() or bool(_stems_meant(stem))


@cache
def _compact_stems() -> frozenset[str]:
    return frozenset(_compact(stem_of(name)) for name in tasks())


def resolve(text: str, version: str | None = None) -> Task:
    """The task that a name means, in any spelling.

    ``Hopper-Medium-v2`` and ``hopper_medium-v2`` are ``hopper-medium-v2``. Minari's
    ``mujoco/hopper/medium-v0`` and ``D4RL/door/human-v2`` are the ``minari-`` tasks, never D4RL's.

    Args:
        text: the name as it was written.
        version: `2` or `v2`, for names without a version; `version_of` has the whole form.

    Raises:
        TablesError: no such task, or a name without version where none is given; the message has the nearest
            names.
    """
    known = tasks()
    if text in known:
        return known[text]
    by_form = {normal_form(name): task for name, task in known.items()}
    parts = [part for part in text.strip().strip("/").split("/") if part]
    if len(parts) == 3 or text.lower().startswith("minari-"):
        return _minari(text, parts, by_form)
    form = short_form(text.replace(":", "/").split("/")[-1])
    if form in by_form:
        return by_form[form]
    if _compact(form) in _compact_forms():
        return known[_compact_forms()[_compact(form)]]
    stem, versions = _VERSION.sub("", form), _versions(form, by_form)
    if not versions and (meant := _meant(form, version)):
        if len(meant) > 1:
            candidates = [name for name in known if stem_of(name) in map(stem_of, meant)]
            raise TablesError(f"Task '{text}' could be {', '.join(candidates)}; write the name in full.")
        return resolve(meant[0], version)
    if not _VERSION.search(form) and versions:
        stem = stem_of(versions[0])
        stated = version_of(stem, version)
        if stated is None:
            raise TablesError(
                f"Task '{text}' has no version; there are {', '.join(versions)}. Give the version, "
                f"e.g. version={versions[-1].rsplit('-', 1)[-1]}."
            )
        if f"{stem}-{stated}" in known:
            return known[f"{stem}-{stated}"]
        raise TablesError(
            f"There is no task '{stem}-{stated}'; there are {', '.join(versions)}. Say for example "
            f"version={stated},{stem.split('-')[0]}:{versions[-1].rsplit('-', 1)[-1]}."
        )
    raise TablesError(f"There is no task '{text}'; the nearest names are {', '.join(nearest(text))}.")


def _versions(form: str, by_form: dict[str, Task]) -> list[str]:
    stem = _compact(_VERSION.sub("", form))
    found = [task.name for key, task in by_form.items() if _compact(_VERSION.sub("", key)) == stem]
    return sorted(found, key=lambda name: (len(name), name))


def _meant(form: str, version: str | None) -> list[str]:
    """The names that an abbreviation means, with its version where it has one; several are of one version."""
    given = _VERSION.search(form)
    found = []
    for stem in _stems_meant(_VERSION.sub("", form)):
        stated = f"v{given[1]}" if given else version_of(stem, version)
        if stated is None or f"{stem}-{stated}" in tasks():
            found.append(f"{stem}-{stated}" if given else stem)
    return found


def _minari(text: str, parts: list[str], by_form: dict[str, Task]) -> Task:
    """A dataset name of Minari: group/environment/dataset-version."""
    form = normal_form("-".join(["minari", *parts[1:]]) if len(parts) == 3 else text)
    if form in by_form:
        return by_form[form]
    names = [name for name in tasks() if name.startswith("minari-")]
    raise TablesError(
        f"There is no Minari task '{text}'; the nearest names are {', '.join(nearest(form, names))}."
    )


def nearest(text: str, names: Iterable[str] | None = None, most: int = MOST_NEAREST) -> list[str]:
    """The known names that are most like a text, the nearest first; at least one."""
    known = {normal_form(name): name for name in (tasks() if names is None else names)}
    form = normal_form(text)
    found = difflib.get_close_matches(form, known, n=most, cutoff=0.6)
    return [known[item] for item in found or difflib.get_close_matches(form, known, n=1, cutoff=0.0)]


def similarity(text: str, name: str) -> float:
    """How alike two names are, 0 to 1 (difflib's ratio), without case and signs between words."""
    return difflib.SequenceMatcher(None, normal_form(text), normal_form(name)).ratio()
