"""How much power the verdicts lose by the ways to fit an experiment into a budget of hours.

    python -m paper_tables.verdicts.budget results/cost/<name>.json [--margin 5]

The file is `snakemake cost`'s; without a budget in it nothing is printed. Power is the chance that a number
is judged `reproduced` if nothing differs, against a paper with as many seeds as planned before the cut, as a
mean over real cells: the spreads between seeds of the public runs. Fewer episodes add V (1/E' - 1/E) to the
variance of a seed's score, V between episodes by nested fits of the published runs (their median).
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from recheck import cli, files
from recheck.errors import TablesError

from paper_tables.config import load_margins
from paper_tables.public_runs.reader import read_runs
from paper_tables.rendering import table as table_module
from paper_tables.rendering.table import Cell, Table
from paper_tables.statistics.experiment import read_experiment
from paper_tables.verdicts import checks
from paper_tables.verdicts.planning import planning_rows
from paper_tables.verdicts.power import TwoSides, chances_of_claims

LEAST_SEEDS = 5
"""Public runs of fewer seeds are left out: their spread is hardly known."""

QUANTILES = 25
"""Of the spreads, of equal weight: as many as a mean chance needs."""

_CELL = ["implementation", "method", "variant", "settings", "task"]


def spreads_between_seeds() -> np.ndarray:
    """Standard deviations over seeds of last scores of the public runs, `[QUANTILES]` of them, in points.

    Raises:
        TablesError: a source cannot be read, or none has enough seeds.
    """
    runs = read_runs()
    last = runs[runs["selection"] == "last"]
    groups = last.groupby(_CELL, dropna=False)["score_percent"]
    found = np.asarray(groups.std(ddof=1)[groups.count() >= LEAST_SEEDS].dropna(), dtype=float)
    if len(found) == 0:
        raise TablesError("No public run has enough seeds to know a spread from.")
    spreads: np.ndarray = np.quantile(found, (np.arange(QUANTILES) + 0.5) / QUANTILES)
    return spreads


def spread_between_episodes(published: Path) -> float:
    """Median standard deviation between episodes of one policy in the published runs, in points.

    Raises:
        TablesError: the runs cannot be read.
    """
    rows = planning_rows(*read_experiment(published))
    return float(rows["episode_sd_percent"].dropna().median())


def power(
    spreads: Sequence[float] | np.ndarray,
    seeds: tuple[int, int],
    added_variance: float,
    margin_percent: float,
) -> float:
    """Mean chance of `reproduced` at true difference zero, 0 to 1.

    Args:
        spreads: standard deviations between seeds, in points.
        seeds: ours, and the paper's.
        added_variance: to that of our seeds, points squared.
        margin_percent: the margin M, in points.

    Raises:
        TablesError: fewer than two seeds on a side, or a margin that is not above 0.
    """
    checks.margin(margin_percent)
    chances = [
        chances_of_claims(
            TwoSides(*seeds, math.sqrt(float(spread) ** 2 + added_variance), float(spread)), margin_percent
        ).reproduced
        for spread in spreads
    ]
    return float(np.mean(chances))


def budget_table(
    budget: Mapping[str, Any],
    spreads: Sequence[float] | np.ndarray,
    episode_sd_percent: float,
    margin_percent: float,
) -> Table:
    """The ways to fit, each with hours, what remains and the power.

    Args:
        budget: of the file: budget_hours, unit, whole and options.
        spreads: standard deviations between seeds, in points.
        episode_sd_percent: between episodes of one policy, in points.
        margin_percent: the margin M, in points.

    Raises:
        TablesError: as `power`.
    """
    whole = budget["whole"]
    unit = str(budget["unit"])
    table = Table(
        f"Ways to fit into {budget['budget_hours']:g} {unit}",
        ["Cut", "Fits", unit, "Range", "Seeds", "Checkpoints", "Episodes", "Tasks", "Power", "Lost"],
        text_columns=2,
    )
    paper = max(2, int(whole["seeds"]))
    before = power(spreads, (paper, paper), 0.0, margin_percent)
    for option in [{**whole, "lever": "nothing", "fits": not budget["options"]}, *budget["options"]]:
        low, likely, high = option["hours"]
        added = episode_sd_percent**2 * (1 / option["episodes"] - 1 / whole["episodes"])
        seeds = max(2, int(option["seeds"]))
        at_this = power(spreads, (seeds, paper), max(0.0, added), margin_percent)
        counts = [Cell(str(option[key])) for key in ("seeds", "checkpoints", "episodes", "tasks")]
        table.rows.append(
            [
                Cell(option["lever"]),
                Cell("yes" if option["fits"] else "no"),
                Cell(f"{likely:,.2f}"),
                Cell(f"{low:,.2f} to {high:,.2f}"),
                *counts,
                Cell(f"{at_this:.0%}"),
                Cell(f"{100 * (before - at_this):.0f} points"),
            ]
        )
    table.notes = [
        f"Power: the chance of `reproduced` at a margin of {margin_percent:g} points if nothing differs, "
        f"against a paper with {paper} seeds; a mean over {len(spreads)} quantiles of the spreads between "
        "seeds of public runs. Each task that is left out is a verdict that is not made at all.",
        f"Fewer episodes: {episode_sd_percent:.0f} points between episodes of one policy, the median of the "
        "published runs.",
        "Fewer checkpoints: a verdict on the last checkpoint loses nothing; one on the mean of the last "
        "checkpoints, or on the best one, answers another question with fewer.",
    ]
    left_out = [name for option in budget["options"] for name in option["left_out"]]
    if left_out:
        table.notes.append(f"Left out by `tasks`: {', '.join(left_out)}.")
    if not all(option["fits"] for option in budget["options"]):
        table.notes.append("A cut that does not fit is shown in its strongest form.")
    return table


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the top of this file."""
    parser = argparse.ArgumentParser(
        prog="python -m paper_tables.verdicts.budget", description="What a budget of hours costs in power."
    )
    parser.add_argument("cost", type=Path, help="file of snakemake cost")
    parser.add_argument("--margin", type=float, help="margin in points; by default that of margins.yaml")
    parser.add_argument("--published", type=Path, default=Path("results/published"), help="folder of scores")
    options = parser.parse_args(arguments)

    def command() -> None:
        found = files.read_json(options.cost, TablesError).get("budget")
        if found is None:
            return
        if not found["options"]:
            print(f"\nThe likely hours are within the budget of {found['budget_hours']:g} {found['unit']}.")
            return
        margin = load_margins().default_percent if options.margin is None else options.margin
        table = budget_table(
            found, spreads_between_seeds(), spread_between_episodes(options.published), margin
        )
        print("\n" + table_module.markdown(table))

    return cli.run(command)


if __name__ == "__main__":
    sys.exit(main())
