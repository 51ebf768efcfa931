"""What a printed +/- can mean: every reading of a paper that does not say.

A reading is a number of training seeds and a standard error of the reported mean. A verdict is given only if
all readings agree (`paper_tables/verdicts/rule.py`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from recheck.errors import TablesError

SPREAD_KINDS = {
    "standard_deviation_over_seeds": "sample standard deviation over training seeds",
    "population_standard_deviation_over_seeds": "standard deviation over training seeds with the divisor n",
    "population_standard_deviation_over_evaluations": (
        "standard deviation with the divisor n over several evaluations of one training seed"
    ),
    "standard_error_over_seeds": "standard error over training seeds",
    "standard_error_of_pooled_episodes": "standard error over all episodes of all seeds",
    "standard_deviation_of_pooled_episodes": "standard deviation over all episodes of all seeds",
    "unknown": "the paper does not say",
    "none": "no spread is printed",
}
"""What a printed +/- can mean."""

HOLDING_NO_SEEDS = ("none", "population_standard_deviation_over_evaluations")
"""Kinds that hold no variation between training seeds, so that a spread has to be assumed."""

UNKNOWN_SEEDS = (3, 5, 10)
"""Numbers of seeds tried where the paper does not say."""

ASSUMED_SD_FACTORS = (1.0, 2.0)
"""Without a printed spread the paper's standard deviation is tried at these multiples of ours."""


@dataclass(frozen=True)
class ReportedReading:
    """One reading of what a paper prints.

    Attributes:
        seeds: number of training seeds.
        error_percent: standard error of the reported mean over training seeds, in points; infinite where
            nothing bounds it.
        dependent: the error is a multiple of our own spread and brings no information of its own.
    """

    seeds: int
    error_percent: float
    dependent: bool = False


def readings_of_report(
    spread_percent: float | None,
    spread_kind: str,
    seeds: int | Sequence[int] | None,
    episodes_per_seed: int | None,
    our_sd_percent: float,
) -> tuple[list[ReportedReading], list[str]]:
    """The grid of readings of a reported spread, and notes on them.

    Args:
        spread_percent: what stands after the +/-, in points; None where nothing does.
        spread_kind: one of `SPREAD_KINDS`.
        seeds: training seeds; several numbers where the paper contradicts itself; None where unknown.
        episodes_per_seed: evaluation episodes per training seed; needed only for pooled spreads.
        our_sd_percent: our sample standard deviation over seeds, in points.
    """
    notes = []
    if seeds is None:
        counts: tuple[int, ...] = UNKNOWN_SEEDS
        notes.append("The number of the paper's seeds is not stated: 3, 5 and 10 are tried.")
    else:
        counts = (int(seeds),) if isinstance(seeds, int | np.integer) else tuple(int(n) for n in seeds)
    if spread_percent is None or spread_kind in HOLDING_NO_SEEDS:
        notes.append(
            "The paper prints no spread: 1 and 2 times ours are assumed."
            if spread_percent is None or spread_kind == "none"
            else "The +/- is over evaluations of one training seed and says nothing of seeds: 1 and 2 times "
            "our spread are assumed."
        )
        return [
            ReportedReading(n, factor * our_sd_percent / math.sqrt(n), dependent=True)
            for n in counts
            for factor in ASSUMED_SD_FACTORS
        ], notes
    if spread_kind == "unknown":
        notes.append(
            "The paper does not say what its +/- is: standard deviation and standard error are tried."
        )
    readings = []
    for n in counts:
        readings += [
            ReportedReading(n, error)
            for error in _errors_of_spread(spread_percent, spread_kind, n, episodes_per_seed)
        ]
    if spread_kind == "standard_error_of_pooled_episodes":
        if episodes_per_seed is None:
            notes.append(
                "The +/- is a standard error over episodes and the number of episodes per seed is not "
                "stated, so nothing bounds the error of the mean."
            )
        else:
            notes.append(
                "The +/- is a standard error over pooled episodes: the error of the mean lies between it and "
                f"{math.sqrt(episodes_per_seed):.3g} times it."
            )
    if spread_kind == "standard_deviation_of_pooled_episodes":
        notes.append(
            "The +/- is a standard deviation over pooled episodes, which only bounds that over seeds."
        )
    return readings, notes


def _errors_of_spread(spread: float, kind: str, seeds: int, episodes: int | None) -> list[float]:
    """Possible standard errors of the reported mean for one number of seeds."""
    as_sd = spread / math.sqrt(seeds)
    if kind == "standard_deviation_over_seeds":
        return [as_sd]
    if kind == "population_standard_deviation_over_seeds":
        return [spread / math.sqrt(seeds - 1)] if seeds > 1 else [math.inf]
    if kind == "standard_error_over_seeds":
        return [spread]
    if kind == "unknown":
        return [as_sd, spread]
    if kind == "standard_error_of_pooled_episodes":
        # Episodes that differ only by chance give the printed value; seeds whose episodes are all
        # alike give sqrt(episodes) times it.
        return [spread, math.inf] if episodes is None else _between(spread, spread * math.sqrt(episodes))
    if kind == "standard_deviation_of_pooled_episodes":
        lowest = 0.0 if episodes is None else as_sd / math.sqrt(episodes)
        return [lowest, as_sd] if lowest == 0 else _between(lowest, as_sd)
    raise TablesError(f"There is no kind of spread '{kind}'; allowed are {', '.join(SPREAD_KINDS)}.")


def _between(low: float, high: float) -> list[float]:
    """Both bounds and three values between them: Welch's interval need not be widest at a bound."""
    return [float(value) for value in np.linspace(low, high, 5)]
