"""What a file of public runs must not hold: unknown tasks, a seed twice, fractions, returns."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from recheck.errors import TablesError

from paper_tables import frames, literature

D4RL_TASKS = Path(__file__).parents[1] / "config" / "d4rl_tasks.csv"

LARGEST_FRACTION = 1.6
"""The best policies known on D4RL score about 160 percent, so a fraction is at most 1.6."""

EVALUATIONS_AVERAGED = {"last": 1, "average_last_k": 10, "best_online": 1}
GROUP = ["source", "implementation", "method", "variant", "task", "selection"]


def read_d4rl_tasks(path: Path = D4RL_TASKS) -> pd.DataFrame:
    """The tasks of D4RL, indexed by task: suite, reference returns, points of one episode's step.

    Source: Farama-Foundation/D4RL@89141a689b0353b0dac3da5cba60da4b1b16254d, files named in ``defined_in``.

    Raises:
        TablesError: the file is absent or breaks ``schemas/d4rl_tasks.schema.json``.
    """
    return frames.read_csv(path, "d4rl_tasks").set_index("task")


def _line(index: Any) -> int:
    """The line of a row in a file without line breaks inside its cells."""
    return int(index) + 2


def check_tasks(table: pd.DataFrame, datasets: str, path: Path) -> None:
    """Refuse tasks that D4RL does not have, or D4RL's names for other data."""
    known = set(read_d4rl_tasks().index)
    for index, task in table["task"].items():
        if datasets == "d4rl" and task not in known:
            raise TablesError(
                f"{path}, line {_line(index)}: D4RL has no task '{task}'; {_nearest(task, known)}, "
                f"all are in {D4RL_TASKS}."
            )
        if datasets == "other" and task in known:
            raise TablesError(
                f"{path}, line {_line(index)}: '{task}' is a task of D4RL, and the source's line says that "
                "its runs are on other datasets."
            )


def _nearest(task: str, known: set[str]) -> str:
    names = get_close_matches(task, sorted(known), n=3)
    return f"near it are {', '.join(names)}" if names else "none is near it"


def check_seeds(table: pd.DataFrame, path: Path) -> None:
    """Refuse a seed that appears twice in one group."""
    for key, rows in table.groupby([*GROUP[1:], "seed"], sort=False):
        if len(rows) > 1:
            first, second = (_line(index) for index in rows.index[:2])
            method, variant, task, selection, seed = key[1:]
            raise TablesError(
                f"{path}, lines {first} and {second}: seed {seed} of {method} ({variant}, {selection}) on "
                f"{task} appears twice."
            )


def check_scores(table: pd.DataFrame, path: Path) -> None:
    """Refuse scores that are fractions, returns, or not what the stated episodes can give."""
    for index, message in _suspect_scores(table):
        raise TablesError(f"{path}, line {_line(index)}: {message}")


def _suspect_scores(table: pd.DataFrame) -> Iterator[tuple[Any, str]]:
    """Row and message of each score that cannot be, or need not be, percent.

    Three tests. A score outside its suite's range is a return or a slip. Where an episode's score has steps
    (antmaze, kitchen), a mean over a stated number of episodes is a multiple of step / episodes: 0.73 is
    none over 100 episodes. Elsewhere 0.73 may be a fraction or a run that learned nothing, and only the
    source can say: within `LARGEST_FRACTION` of zero a score must be marked ``near_zero_checked``.
    A marked score is believed. No test can do without the mark: in ``d3rlpy.csv`` a collapsed run scores
    0.843 percent where other seeds score 32 to 113, just as a fraction of theirs would.
    """
    yield from _out_of_range(table)
    yield from _not_a_mean_of_episodes(table)
    scores = table["score_percent"]
    near_zero = (scores.abs() <= LARGEST_FRACTION) & (scores != 0)
    unchecked = near_zero & ~table["near_zero_checked"].fillna(False).astype(bool)
    for index in table.index[unchecked]:
        yield (
            index,
            f"score {scores[index]:g} may be a fraction; percent is required. If the source gives it in "
            "percent, write true under near_zero_checked.",
        )


def _out_of_range(table: pd.DataFrame) -> Iterator[tuple[Any, str]]:
    suites = read_d4rl_tasks()["suite"].reindex(table["task"]).to_numpy()
    limits = literature.read_suites().reindex(suites)
    for low, high in (("min_percent", "max_percent"), ("warn_below_percent", "warn_above_percent")):
        lowest, highest = limits[low].to_numpy(dtype=float), limits[high].to_numpy(dtype=float)
        outside = (table["score_percent"] < lowest) | (table["score_percent"] > highest)
        for index in table.index[outside]:
            place = table.index.get_loc(index)
            yield (
                index,
                f"score {table['score_percent'][index]:g} is outside {lowest[place]:g} to "
                f"{highest[place]:g}, the range of {suites[place]}; percent is required, no return.",
            )


def _not_a_mean_of_episodes(table: pd.DataFrame) -> Iterator[tuple[Any, str]]:
    steps = read_d4rl_tasks()["episode_step_percent"].reindex(table["task"]).to_numpy(dtype=float)
    episodes = table["episodes"].astype("Float64") * table["selection"].map(EVALUATIONS_AVERAGED)
    step = steps / episodes.to_numpy(dtype=float, na_value=np.nan)
    multiples = (table["score_percent"] / step).round()
    # Half of the fourth decimal: the scores are written with four.
    off = (table["score_percent"] - step * multiples).abs() > 0.5e-4 + 1e-9
    for index in table.index[off]:
        yield (
            index,
            f"score {table['score_percent'][index]:g} cannot be the mean of {episodes[index]:g} episodes, "
            f"which is a multiple of {step[table.index.get_loc(index)]:g}; percent is required, no fraction.",
        )
