"""Scores that cannot be what they are said to be: two units, outside the task's range, equal seeds."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import pandas as pd
from recheck.errors import TablesError

from paper_tables import literature, task_table

FRACTIONS_UP_TO = 1.5
PERCENT_FROM = 15.0
"""All scores up to the first, and the mean a hundredfold of at least the second: fractions, it seems."""
MIXED_SHARE = 0.1
_TINY = 1e-6
REPORTS, REPORTED_FROM = 5, 5.0
"""A task has no score of 1 where the lowest tenth of at least so many reports is above the second."""
AS_LOW = 0.25
"""A return may be one whose score is this share of the lowest reported ones."""
AS_UNUSUAL = 0.5
"""A number is a usual score from this share of the lowest reported ones on."""
PRINTED_DECIMALS = 1
"""Scores that are written with so many decimals are compared with what they may have been rounded from."""


def looks_like_fractions(scores: Sequence[float] | np.ndarray) -> bool:
    """Whether scores look like shares of 1 and not like percent."""
    found = np.asarray(scores, dtype=float)
    # Whole numbers are successes counted in percent: 1 of 100 episodes.
    return bool(
        found.size
        and np.abs(found).max() <= FRACTIONS_UP_TO
        and 100 * found.mean() >= PERCENT_FROM
        and (found % 1 != 0).any()
    )


def check_unit(runs: pd.DataFrame, where: str) -> None:
    """Refuse scores in percent that look like fractions, all of them or those of a method on a task.

    Args:
        runs: the columns `method`, `task`, `score_percent` and `score_unit`.
        where: what to call them in an error.

    Raises:
        TablesError: they do.
    """
    percent = runs[runs["score_unit"] == "percent"]
    if percent.empty:
        return
    if looks_like_fractions(percent["score_percent"].to_numpy()):
        low, high = percent["score_percent"].min(), percent["score_percent"].max()
        raise TablesError(
            f"{where}: all {len(percent)} scores are between {low:.3g} and {high:.3g} and look like "
            "fractions; scores are in percent, 66.5 and not 0.665. Give unit=fraction, or unit=percent if "
            "they are right."
        )
    by_method = {
        str(name): rows["score_percent"].to_numpy(dtype=float) for name, rows in percent.groupby("method")
    }
    small = [name for name, found in by_method.items() if looks_like_fractions(found)]
    large = [name for name, found in by_method.items() if found.mean() >= PERCENT_FROM]
    for name in small:
        hundredfold = 100 * by_method[name].mean()
        if any(_similar(hundredfold, by_method[other].mean()) for other in large):
            raise TablesError(
                f"{where}: the scores of {name} look like fractions and those of {', '.join(large)} like "
                "percent; give all in one unit, or give unit=percent if they are right."
            )
    mixed = _fractions_among_seeds(percent)
    # A seed that collapses to 0.8 next to 80 is real; many of them are another unit.
    if len(mixed) >= max(2, MIXED_SHARE * len(percent)):
        place, value, other = mixed[0]
        raise TablesError(
            f"{where}: {place} has {value:.3g} and {other:.3g}, and {len(mixed)} of {len(percent)} scores "
            "are like that; these look like two units. Give all in one unit, or unit=percent if they are "
            "right."
        )


def _fractions_among_seeds(percent: pd.DataFrame) -> list[tuple[str, float, float]]:
    """Scores whose hundredfold is like the other seeds' scores: where, the score, another seed's."""
    found: list[tuple[str, float, float]] = []
    for (method, task), rows in percent.groupby(["method", "task"], sort=True):
        scores = rows["score_percent"].to_numpy(dtype=float)
        fractions = np.abs(scores) <= FRACTIONS_UP_TO
        rest = scores[~fractions]
        if rest.size and looks_like_fractions(scores[fractions]):
            found += [
                (f"{method} on {task}", value, rest[0])
                for value in scores[fractions]
                if _similar(100 * value, rest.mean())
            ]
    return found


def check_against_reports(runs: pd.DataFrame, where: str) -> None:
    """Refuse scores of at most 1.5 of a method on a task that no document reports such scores for.

    Methods that fail give such scores too, and nothing in them distinguishes them from fractions (0.66 for
    66%): the author of the file has to state the unit.

    Args:
        runs: the columns `method`, `task`, `score_percent` and `score_unit`, in an unstated unit.
        where: what to call them in an error.

    Raises:
        TablesError: there are such scores; the message has the first and the number of them.
    """
    lowest = _lowest_reported()
    found = []
    for (method, task), rows in runs[runs["score_unit"] == "percent"].groupby(["method", "task"], sort=True):
        own = rows["score_percent"].to_numpy(dtype=float)
        small = np.abs(own).max() <= FRACTIONS_UP_TO and (own % 1 != 0).any()
        if small and lowest.get(str(task), 0.0) >= REPORTED_FROM and not unusual(str(task), 100 * own):
            found.append((f"{method} on {task}", own.min(), own.max(), lowest[str(task)]))
    if found:
        place, low, high, usual = found[0]
        more = f" ({len(found)} such methods and tasks)" if len(found) > 1 else ""
        raise TablesError(
            f"{where}: {place} has {low:.3g} to {high:.3g}{more}; reported scores of this task begin at "
            f"about {usual:.0f} percent. Give unit=fraction if all scores of the file are fractions, "
            "unit=percent if they are right, or give all in one unit."
        )


def unit_of_returns(task: str, values: Sequence[float] | np.ndarray) -> str | None:
    """The unit in which raw returns of a task would be usual scores, though as returns they are none.

    Programs call a normalised score a return as well (IQL's, in percent).

    Args:
        task: its name.
        values: what is called returns.

    Returns:
        `percent`, `fraction`, or None where they may be raw returns.
    """
    known, lowest = task_table.tasks().get(task), _lowest_reported().get(task, 0.0)
    found = np.asarray(values, dtype=float)
    if known is None or known.reference_min is None or not found.size:
        return None
    value = float(np.median(found))
    highest = known.max_percent or known.usual_max_percent or 100.0
    score = known.normalised(value)
    if score > highest:
        lowest = 0.0
    elif lowest < REPORTED_FROM or score >= AS_LOW * lowest:
        return None
    lowest *= AS_UNUSUAL
    for unit, factor in (("percent", 1.0), ("fraction", 100.0)):
        if lowest <= factor * value <= highest:
            return unit
    return None


@cache
def _lowest_reported() -> dict[str, float]:
    """The lowest tenth of the reported scores of each task, or of all its versions where it has too few."""
    reported = literature.read_all()
    cells = reported[reported["aggregate"] == "cell"]
    by_task, by_name = (
        _lowest_tenth(cells, cells["task"].map(name)) for name in (str, task_table.without_version)
    )
    names = {str(task) for task in cells["task"]} | set(task_table.tasks())
    found = {task: by_task.get(task, by_name.get(task_table.without_version(task))) for task in names}
    return {task: score for task, score in found.items() if score is not None}


def _lowest_tenth(cells: pd.DataFrame, names: pd.Series) -> dict[str, float]:
    scores = cells.groupby(names)["score_percent"]
    lowest = scores.quantile(0.1)[scores.count() >= REPORTS]
    return {str(name): float(score) for name, score in lowest.items()}


def not_of_episodes(task: str, score_percent: float, num_episodes: int) -> float | None:
    """The step of the mean of so many episodes where a score cannot be such a mean; None where it can.

    Args:
        task: its name.
        score_percent: mean of one checkpoint's episodes.
        num_episodes: episodes of this score.
    """
    known = task_table.tasks().get(task)
    if known is None or known.episode_step_percent is None or num_episodes < 1:
        return None
    step = known.episode_step_percent / num_episodes
    rounded = 0.0 if score_percent % 1 == 0 else 0.5 * 10.0**-PRINTED_DECIMALS
    distance = abs(score_percent - step * round(score_percent / step))
    return step if distance > rounded + _TINY else None


def near_zero_unreported(runs: pd.DataFrame) -> list[str]:
    """Messages about scores of at most 1.5 on tasks of whose reports too little follows to say more.

    That is where too few scores are reported, and where episodes succeed or fail and scores near 0 are
    reported: 0.04 may be 4 of 100 episodes.

    Args:
        runs: the columns `method`, `task`, `score_percent` and `score_unit`, in an unstated unit.
    """
    lowest, known = _lowest_reported(), task_table.tasks()
    messages = []
    for (method, task), rows in runs[runs["score_unit"] == "percent"].groupby(["method", "task"], sort=True):
        own = rows["score_percent"].to_numpy(dtype=float)
        if np.abs(own).max() > FRACTIONS_UP_TO or not (own % 1 != 0).any():
            continue
        if str(task) not in lowest:
            why = f"fewer than {REPORTS} reported scores of this task are known"
        elif str(task) in known and known[str(task)].episode_step_percent:
            why = "scores of this task are reported near 0"
        else:
            continue
        messages.append(
            f"{method} on {task}: scores of {own.min():.3g} to {own.max():.3g} are taken as percent, as of a "
            f"method that learned nothing; {why}, so that these scores cannot be told apart from fractions. "
            "Give unit=fraction, or unit=percent if they are right."
        )
    return messages


def fractions_among_percent(runs: pd.DataFrame) -> list[str]:
    """Messages about methods that on some tasks, or with some seeds, score like fractions, else like percent.

    A method may do badly on a task, so that these are no reason to refuse; an average over both is wrong
    where they are fractions.

    Args:
        runs: the columns `method`, `task`, `score_percent` and `score_unit`, under one selection rule.
    """
    percent = runs[runs["score_unit"] == "percent"]
    messages = [
        f"{place}: one seed has {value:.3g}, another {other:.3g}; if the first is a fraction, give "
        "all in one unit (unit=percent says that it is right)."
        for place, value, other in _fractions_among_seeds(percent)
    ]
    for method, rows in percent.groupby("method", sort=True):
        own = {
            str(task): found["score_percent"].to_numpy(dtype=float) for task, found in rows.groupby("task")
        }
        small = [task for task, found in own.items() if looks_like_fractions(found)]
        if small and any(found.mean() >= PERCENT_FROM for found in own.values()):
            messages.append(
                f"{method} on {', '.join(small)}: scores of {own[small[0]].min():.3g} to "
                f"{own[small[0]].max():.3g} among scores in percent; if these are fractions, give all in one "
                "unit (unit=percent says that they are right)."
            )
    return messages


def _similar(one_percent: float, other_percent: float) -> bool:
    """Whether two scores are within a factor of 1.5 of each other."""
    return other_percent >= PERCENT_FROM and 1 / 1.5 <= one_percent / other_percent <= 1.5


def check_range(runs: pd.DataFrame, where: str) -> None:
    """Refuse a score in percent that its task cannot give.

    Args:
        runs: the columns `method`, `task`, `seed`, `score_percent` and `score_unit`.
        where: what to call them in an error.

    Raises:
        TablesError: a score is outside the possible range of its task; the message has the first and the
            number of them.
    """
    known = task_table.tasks()
    percent = runs[runs["score_unit"] == "percent"]
    low = percent["task"].map(lambda name: _least(known.get(str(name))))
    high = percent["task"].map(lambda name: _largest(known.get(str(name))))
    outside = percent[(percent["score_percent"] < low - _TINY) | (percent["score_percent"] > high + _TINY)]
    if outside.empty:
        return
    row = outside.iloc[0]
    more = f" ({len(outside)} such scores)" if len(outside) > 1 else ""
    raise TablesError(
        f"{where}: {row['method']} on {row['task']}, seed {row['seed']}, scores "
        f"{row['score_percent']:g}{more}; the task allows {known[str(row['task'])].range_text()} percent."
    )


def _least(task: task_table.Task | None) -> float:
    return -np.inf if task is None or task.min_percent is None else task.min_percent


def _largest(task: task_table.Task | None) -> float:
    return np.inf if task is None or task.max_percent is None else task.max_percent


def unusual(task: str, scores: Sequence[float] | np.ndarray) -> str:
    """Why scores of a task are not to be believed though nothing bounds them, or empty.

    Args:
        task: its name.
        scores: in percent.
    """
    known = task_table.tasks().get(task)
    found = np.asarray(scores, dtype=float)
    if known is None or not found.size:
        return ""
    low = -np.inf if known.usual_min_percent is None else known.usual_min_percent
    high = np.inf if known.usual_max_percent is None else known.usual_max_percent
    outside = found[(found < low) | (found > high)]
    if not outside.size:
        return ""
    return f"a score of {outside[0]:g} is outside what {task} gives ({known.range_text()} percent)"


def identical_seeds(runs: pd.DataFrame) -> list[str]:
    """Messages about methods and tasks whose seeds all have one score, other than 0 or 100.

    Args:
        runs: the columns `method`, `task`, `seed`, `score_percent`, under one selection rule.
    """
    messages = []
    for (method, task), rows in runs.groupby(["method", "task"], sort=True):
        found = rows["score_percent"].to_numpy(dtype=float)
        if len(found) > 1 and np.ptp(found) == 0 and found[0] not in (0.0, 100.0):
            messages.append(
                f"{method} on {task}: all {len(found)} seeds are identical ({found[0]:g}); they are one run "
                "copied, or no seed was set. No verdict is given."
            )
    return messages


def repeated_runs(runs: pd.DataFrame) -> list[str]:
    """Messages about runs that are the same to the last digit on every task, under several seeds.

    Args:
        runs: the columns `method`, `task`, `seed`, `score_percent`, under one selection rule.
    """
    messages = []
    for method, rows in runs.groupby("method", sort=True):
        table = rows.pivot_table(index="seed", columns="task", values="score_percent", aggfunc="first")
        table = table.dropna()
        bounded = table.isin([0.0, 100.0]).all(axis=1)
        copies = table[~bounded & table.duplicated(keep=False)]
        if table.shape[1] > 1 and len(copies) and len(copies) < len(table):
            seeds = ", ".join(map(str, copies.index))
            messages.append(f"{method}: the seeds {seeds} have the same score on every task; is it one run?")
    return messages
