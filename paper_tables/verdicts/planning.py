"""What to spend on: seeds, episodes or checkpoints, from existing runs.

    python -m paper_tables.verdicts.planning --scores results/scores/<name> --output results/power/<name>
        [--margin 5] [--reported-seeds 5] [--seconds-per-episode 1]

The variance of one seed's score is S + C / K + V / (K E): S between training seeds, C between checkpoints of
a run, V between episodes; K checkpoints are averaged, with E episodes each. Only seeds reduce S. Averaging
the last checkpoints is free where they are evaluated anyway. Written: ``power.{md,csv,tex}``, one row for
each method and task: the three standard deviations by a nested fit, and the seeds needed at the margin as
things are, with the mean of the last checkpoints, and with ten times the episodes.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from recheck import cli
from recheck.errors import TablesError

from paper_tables.config import load_margins
from paper_tables.rendering import table as table_module
from paper_tables.rendering.table import Cell, Table
from paper_tables.rendering.text import NOTHING, number
from paper_tables.statistics.configurations import CONFIGURATION, with_labels
from paper_tables.statistics.experiment import read_experiment
from paper_tables.statistics.variance import VarianceSplit, split_variance
from paper_tables.verdicts import checks
from paper_tables.verdicts.power import (
    HYPOTHETICAL,
    LARGEST_NUMBER_OF_SEEDS,
    WANTED_CHANCE,
    TwoSides,
    chances_of_claims,
    check_wanted,
)

TAIL_CHECKPOINTS = 10
MORE_EPISODES = 10


@dataclass(frozen=True)
class Components:
    """Variances of a score by origin, points squared.

    Attributes:
        seeds: S, between training seeds.
        checkpoints: C, between checkpoints of one run.
        episodes: V, between episodes of one checkpoint.
    """

    seeds: float
    checkpoints: float
    episodes: float

    def __post_init__(self) -> None:
        """Refuse what is not a variance.

        Raises:
            TablesError: one that is negative or not finite.
        """
        for name in ("seeds", "checkpoints", "episodes"):
            checks.not_negative(getattr(self, name), f"The variance between {name}")

    @classmethod
    def of(cls, split: VarianceSplit) -> Components:
        """From a nested fit of existing runs."""
        return cls(split.seed_sd**2, (split.checkpoint_sd or 0.0) ** 2, split.episode_sd**2)

    def sd_of_score(self, episodes: float, checkpoints: int = 1) -> float:
        """Standard deviation of one seed's score, in points.

        Args:
            episodes: E, per checkpoint, at least 1.
            checkpoints: K, averaged, at least 1.

        Raises:
            TablesError: fewer than one episode or checkpoint.
        """
        asked = [
            checks.number(value, "The number of episodes or checkpoints") for value in (episodes, checkpoints)
        ]
        if min(asked) < 1:
            raise TablesError(
                f"A score needs at least 1 episode and 1 checkpoint, not {episodes:g}, {checkpoints}."
            )
        variance = self.seeds + self.checkpoints / checkpoints + self.episodes / (checkpoints * episodes)
        return math.sqrt(variance)

    def best_episodes(self, training_seconds: float, seconds_per_episode: float) -> float:
        """E that gives the smallest error of a mean for its cost, sqrt(V / S * T / c), with one checkpoint.

        n seeds cost n (T + E c) seconds and have the variance (S + V / E) / n. Infinite where seeds do not
        differ.

        Args:
            training_seconds: T, of one seed.
            seconds_per_episode: c, of one evaluation episode.

        Raises:
            TablesError: a cost that is not above 0.
        """
        for cost in (training_seconds, seconds_per_episode):
            if not 0 < float(checks.numbers(cost, "A cost in seconds")[0]) < math.inf:
                raise TablesError("The costs of a training run and of an episode must be above 0 seconds.")
        if self.seeds == 0:
            return math.inf
        return max(1.0, math.sqrt(self.episodes / self.seeds * training_seconds / seconds_per_episode))


def seeds_for_margin(
    sd_percent: float,
    margin_percent: float,
    reported_seeds: int | None = None,
    wanted_chance: float = WANTED_CHANCE,
    largest: int = LARGEST_NUMBER_OF_SEEDS,
) -> str:
    """Our smallest number of seeds with the wanted chance of `reproduced`, if nothing truly differs.

    Both sides have the same true spread.

    Args:
        sd_percent: standard deviation between seeds, in points.
        margin_percent: the margin M, in points.
        reported_seeds: the paper's number of seeds; None for as many as ours.
        wanted_chance: the chance asked for.
        largest: the search ends here.

    Returns:
        The number, or `>100`.

    Raises:
        TablesError: fewer than two reported seeds, a spread below 0, a margin that is not above 0, or a
            chance or largest number that has no meaning.
    """
    # Checked before they are looked up: what cannot be hashed is refused in words too.
    sd = checks.number(checks.not_negative(sd_percent, "The standard deviation"), "The standard deviation")
    margin = checks.number(checks.margin(margin_percent), "The margin")
    check_wanted(wanted_chance, largest)
    theirs = (
        None if reported_seeds is None else checks.count(reported_seeds, "The reported number of seeds", 0)
    )
    return _seeds_for_margin(sd, margin, theirs, float(wanted_chance), int(largest))


@lru_cache(maxsize=4096)
def _seeds_for_margin(
    sd_percent: float, margin_percent: float, reported_seeds: int | None, wanted_chance: float, largest: int
) -> str:
    """`seeds_for_margin` of checked arguments."""

    def chance(seeds: int) -> float:
        theirs = seeds if reported_seeds is None else reported_seeds
        sides = TwoSides(seeds, theirs, sd_percent, sd_percent, HYPOTHETICAL)
        return chances_of_claims(sides, margin_percent).reproduced

    for seeds in _numbers(largest):
        if chance(seeds) >= wanted_chance:
            low = max(2, int(seeds / _STEP))
            return str(next(n for n in range(low, seeds + 1) if n == seeds or chance(n) >= wanted_chance))
    return f">{largest}"


_STEP = 1.3


def _numbers(largest: int) -> Iterable[int]:
    """2, 3, 4, ... and then in steps of a third, up to `largest`."""
    seeds = 2
    while seeds < largest:
        yield seeds
        seeds = max(seeds + 1, int(seeds * _STEP))
    yield largest


def planning_rows(
    score_rows: pd.DataFrame,
    episode_rows: pd.DataFrame | None,
    margin_percent: float | None = None,
    reported_seeds: int | None = None,
) -> pd.DataFrame:
    """One row for each method and task: spreads by origin, and the seeds needed.

    Args:
        score_rows: rows of the schema ``scores``.
        episode_rows: rows of the schema ``episodes``, or None; without them the origins are not separated.
        margin_percent: the margin; None takes the default of ``config/margins.yaml``.
        reported_seeds: the paper's number of seeds; None for as many as ours.

    Raises:
        TablesError: a margin that is not above 0, or fewer than two reported seeds.
    """
    margin = load_margins().default_percent if margin_percent is None else margin_percent
    checks.margin(margin)
    if reported_seeds is not None:
        checks.count(reported_seeds, "The reported number of seeds")
    labelled = with_labels(score_rows[score_rows["score_unit"] == "percent"])
    splits = _splits(labelled, episode_rows)
    rows = []
    for (label, task), group in labelled.groupby(["label", "task"], sort=True):
        last = group.loc[group["selection"] == "last", "score_percent"].to_numpy(dtype=float)
        if len(last) < 2:
            continue
        tail = group.loc[group["selection"] == "average_last_k"]
        row: dict[str, Any] = {
            "label": label,
            "task": task,
            "margin_percent": margin,
            "num_seeds": len(last),
            "sd_last_percent": float(last.std(ddof=1)),
            "seeds_needed_last": seeds_for_margin(round(float(last.std(ddof=1)), 3), margin, reported_seeds),
        }
        if len(tail) > 1:
            sd = float(tail["score_percent"].std(ddof=1))
            row |= {
                "tail_checkpoints": int(tail["num_checkpoints"].max()),
                "sd_tail_percent": sd,
                "seeds_needed_tail": seeds_for_margin(round(sd, 3), margin, reported_seeds),
            }
        split = splits.get((str(label), str(task)))
        if split is not None:
            row |= _by_origin(split, margin, reported_seeds)
        rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS))


SPREADS = ("sd_last", "sd_tail", "seed_sd", "checkpoint_sd", "episode_sd")
COLUMNS = (
    "label",
    "task",
    "margin_percent",
    "num_seeds",
    "sd_last_percent",
    "seeds_needed_last",
    "tail_checkpoints",
    "sd_tail_percent",
    "seeds_needed_tail",
    "seed_sd_percent",
    "checkpoint_sd_percent",
    "episode_sd_percent",
    "num_checkpoints",
    "episodes_per_checkpoint",
    "seeds_needed_now",
    "seeds_needed_more_episodes",
    "seeds_needed_more_checkpoints",
)


def _by_origin(split: VarianceSplit, margin: float, reported_seeds: int | None) -> dict[str, Any]:
    parts = Components.of(split)
    averaged = min(TAIL_CHECKPOINTS, split.checkpoints)

    def needed(episodes: float, checkpoints: int = 1) -> str:
        return seeds_for_margin(round(parts.sd_of_score(episodes, checkpoints), 3), margin, reported_seeds)

    return {
        "seed_sd_percent": split.seed_sd,
        "checkpoint_sd_percent": split.checkpoint_sd,
        "episode_sd_percent": split.episode_sd,
        "num_checkpoints": averaged,
        "episodes_per_checkpoint": split.episodes,
        "seeds_needed_now": needed(split.episodes),
        "seeds_needed_more_episodes": needed(MORE_EPISODES * split.episodes),
        "seeds_needed_more_checkpoints": needed(split.episodes, averaged) if averaged > 1 else None,
    }


def _splits(
    labelled: pd.DataFrame, episode_rows: pd.DataFrame | None
) -> dict[tuple[str, str], VarianceSplit]:
    """(label, task) -> nested fit over the last checkpoints, where the episodes allow one."""
    if episode_rows is None or episode_rows.empty:
        return {}
    updates = labelled[[*CONFIGURATION, "task", "digest", "num_updates"]].drop_duplicates()
    episodes = with_labels(episode_rows[episode_rows["purpose"] == "checkpoint"], updates)
    found = {}
    for (label, task), group in episodes[episodes["label"].notna()].groupby(["label", "task"], sort=True):
        last = sorted(set(group["update"]))[-TAIL_CHECKPOINTS:]
        try:
            found[str(label), str(task)] = split_variance(group[group["update"].isin(last)])
        except TablesError:
            continue  # One seed, one episode, or a checkpoint that a seed lacks: nothing to separate.
    return found


def planning_table(rows: pd.DataFrame, reported_seeds: int | None = None) -> Table:
    """The rows, ready to be written.

    Args:
        rows: as `planning_rows` gives them.
        reported_seeds: the paper's number of seeds; None for as many as ours.
    """
    margin = f"{rows['margin_percent'].iloc[0]:g}" if len(rows) else "5"
    table = Table(
        f"Seeds needed at a margin of {margin} points",
        [
            "Task", "Method", "Seeds", "sd last", "sd tail", "seed sd", "checkpoint sd", "episode sd",
            "needed, last", "needed, tail", f"needed, {MORE_EPISODES}x episodes",
        ],
        text_columns=2,
    )  # fmt: skip
    previous = None
    for row in sorted(rows.to_dict("records"), key=lambda row: (row["task"], row["label"])):
        if previous not in (None, row["task"]):
            table.rows.append(None)
        previous = row["task"]
        nested = pd.notna(row["seed_sd_percent"])
        needed = (
            ("seeds_needed_now", "seeds_needed_more_checkpoints", "seeds_needed_more_episodes")
            if nested
            else ("seeds_needed_last", "seeds_needed_tail", "seeds_needed_more_episodes")
        )
        table.rows.append(
            [Cell(str(row["task"])), Cell(str(row["label"])), Cell(str(row["num_seeds"]))]
            + [_figure(row[f"{name}_percent"]) for name in SPREADS]
            + [_words(row[name]) for name in needed]
        )
    theirs = "as many seeds as ours" if reported_seeds is None else f"{reported_seeds} seeds"
    table.notes = [
        "Seeds needed: ours, for an 80% chance of `reproduced` if nothing differs, against a paper with "
        f"{theirs} and the same spread; from the nested fit where there is one. Few seeds give rough "
        "figures.",
        "sd last, sd tail: standard deviation over seeds of the last checkpoint's score, and of the mean of "
        "the last checkpoints (rule average_last_k). A tail mean answers a paper that reports tail means; "
        "against a last value the verdict carries the flag other_selection.",
        "Seed, checkpoint and episode sd: by a nested fit over the last checkpoints; a score's variance is "
        "S + C/K + V/(K E) with K checkpoints of E episodes. –: nothing to separate.",
        *_tail_note(rows),
    ]
    return table


def _figure(value: Any) -> Cell:
    return Cell(NOTHING if pd.isna(value) else number(float(value), 1))


def _words(value: Any) -> Cell:
    return Cell(NOTHING if value is None or pd.isna(value) else str(value))


def _tail_note(rows: pd.DataFrame) -> list[str]:
    """What tail averaging buys in these runs."""
    known = rows[rows["sd_tail_percent"].notna() & (rows["sd_last_percent"] > 0)]
    known = known[known["sd_tail_percent"] > 0]
    if known.empty:
        return []
    last, tail = known["sd_last_percent"] ** 2, known["sd_tail_percent"] ** 2
    gains = (last / tail).to_numpy(dtype=float)
    low, middle, high = np.quantile(gains, [0.25, 0.5, 0.75])
    checkpoints = sorted({int(count) for count in known["tail_checkpoints"]})
    named = " or ".join(map(str, checkpoints))
    notes = [
        f"In these {len(known)} cells the mean of the last {named} checkpoints has "
        f"1/{last.sum() / tail.sum():.2f} of the variance of the last one (median cell 1/{middle:.2f}, "
        f"quartiles 1/{low:.2f} and 1/{high:.2f})."
    ]
    if middle > 1:
        notes.append(
            f"So averaging is worth {middle:.2g} times the seeds, at no cost where checkpoints are evaluated."
        )
    return notes


def best_episodes_note(rows: pd.DataFrame, training_seconds: float, seconds_per_episode: float) -> list[str]:
    """The number of episodes that costs least for one precision, by method and task.

    Args:
        rows: as `planning_rows` gives them.
        training_seconds: T, of one seed.
        seconds_per_episode: c, of one evaluation episode.

    Raises:
        TablesError: a cost that is not above 0.
    """
    notes = []
    for row in rows[rows["seed_sd_percent"].notna()].to_dict("records"):
        checkpoint = row["checkpoint_sd_percent"]
        parts = Components(
            float(row["seed_sd_percent"]) ** 2,
            0.0 if pd.isna(checkpoint) else float(checkpoint) ** 2,
            float(row["episode_sd_percent"]) ** 2,
        )
        best = parts.best_episodes(training_seconds, seconds_per_episode)
        words = "as many as can be had: seeds show no spread" if math.isinf(best) else f"{best:.0f}"
        notes.append(f"{row['label']} on {row['task']}: best number of episodes per seed {words}.")
    return notes


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the top of this file."""
    parser = argparse.ArgumentParser(
        prog="python -m paper_tables.verdicts.planning",
        description="How many seeds and episodes a verdict needs.",
    )
    parser.add_argument("--scores", type=Path, required=True, help="folder of scores.parquet")
    parser.add_argument("--output", type=Path, required=True, help="folder of power.{md,csv,tex}")
    parser.add_argument("--margin", type=float, help="margin in points; by default that of margins.yaml")
    parser.add_argument("--reported-seeds", type=int, help="seeds of the paper; by default as many as ours")
    parser.add_argument("--training-seconds", type=float, help="cost of training one seed")
    parser.add_argument("--seconds-per-episode", type=float, help="cost of one evaluation episode")
    options = parser.parse_args(arguments)

    def command() -> int:
        costs = (options.training_seconds, options.seconds_per_episode)
        if (costs[0] is None) != (costs[1] is None):
            raise TablesError("Give both --training-seconds and --seconds-per-episode, or neither.")
        score_rows, episode_rows = read_experiment(options.scores)
        rows = planning_rows(score_rows, episode_rows, options.margin, options.reported_seeds)
        table = planning_table(rows, options.reported_seeds)
        if costs[0] is not None:
            table.notes += best_episodes_note(rows, *costs)
        table_module.write(table, options.output, "power")
        print(table_module.markdown(table))
        return 0

    return cli.run(command)


if __name__ == "__main__":
    sys.exit(main())
