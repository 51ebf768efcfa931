"""What a printed +/- can mean: every interpretation of a paper that does not say.

An interpretation is a number of training seeds and a standard error of the reported mean. A claim is made
only if all interpretations agree (``decision_rule.py``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from recheck.errors import TablesError

from paper_tables.verdicts import checks

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

ASSUMED_SD_FACTORS = (1.0, 2.0, 3.0)
"""Without a printed spread the paper's standard deviation is tried at these multiples of ours.

The standard deviations of two implementations of one method and task differ by a factor of 2.05 in the
median and 4.2 in four of five cases (35 pairs of public runs), so no factor is safe: hence `conditional`.
"""


@dataclass(frozen=True)
class Interpretation:
    """One interpretation of what a paper prints.

    Attributes:
        seeds: number of training seeds.
        error_percent: standard error of the reported mean over training seeds, in points; infinite where
            nothing bounds it; an array where many studies are simulated at once.
        assumed: the error does not come from the reported number, and adds no degrees of freedom to ours.
    """

    seeds: int
    error_percent: Any
    assumed: bool = False

    def __post_init__(self) -> None:
        """Refuse what is not a number of seeds or not a standard error.

        Raises:
            TablesError: a number of seeds that is not whole or below 1, or an error that is negative or NaN.
        """
        checks.count(self.seeds, "The number of seeds of an interpretation")
        if not np.all(checks.numbers(self.error_percent, "The standard error of an interpretation") >= 0):
            raise TablesError("The standard error of an interpretation must be 0 or more, or infinite.")


def assumed_interpretations(
    seeds: int | Sequence[int] | None, our_sd_percent: Any, largest_known_sd_percent: float | None = None
) -> tuple[list[Interpretation], list[str]]:
    """The interpretations of a number that is printed without a spread, and the assumption in words.

    Args:
        seeds: training seeds; several numbers where the paper contradicts itself; None where unknown.
        our_sd_percent: our sample standard deviation over seeds, in points.
        largest_known_sd_percent: the largest standard deviation over seeds that any document prints for the
            same method and task, in points; None where none is known.

    Raises:
        TablesError: no number of seeds, or one that is not whole; a standard deviation that is negative or
            not finite.
    """
    checks.not_negative(our_sd_percent, "Our standard deviation over seeds")
    if largest_known_sd_percent is not None:
        checks.not_negative(largest_known_sd_percent, "The largest known standard deviation")
    counts, notes = _seed_counts(seeds)
    if largest_known_sd_percent is not None:
        deviations = [our_sd_percent, largest_known_sd_percent]
        notes.append(
            "The paper prints no spread: the largest one printed anywhere for this method and task "
            f"({largest_known_sd_percent:.3g} points) is assumed, or ours if that is larger."
        )
    else:
        deviations = [factor * our_sd_percent for factor in ASSUMED_SD_FACTORS]
        notes.append(f"The paper prints no spread: up to {ASSUMED_SD_FACTORS[-1]:g} times ours is assumed.")
    return [
        Interpretation(n, deviation / math.sqrt(n), assumed=True) for n in counts for deviation in deviations
    ], notes


def printed_interpretations(
    spread_percent: Any, spread_kind: str, seeds: int | Sequence[int] | None, episodes_per_seed: int | None
) -> tuple[list[Interpretation], list[str]]:
    """The interpretations of a printed spread, and what a reader must know about them.

    Args:
        spread_percent: the number after the +/-, in points; an array where many studies are simulated.
        spread_kind: one of `SPREAD_KINDS` but `none`.
        seeds: training seeds; several numbers where the paper contradicts itself; None where unknown.
        episodes_per_seed: evaluation episodes per training seed; needed only for pooled spreads.

    Raises:
        TablesError: the kind is unknown or `none`; no number of seeds or episodes, or one that is not
            whole; a spread that is negative or not finite.
    """
    checks.not_negative(spread_percent, "The reported spread")
    if episodes_per_seed is not None:
        checks.count(episodes_per_seed, "The reported number of episodes per seed")
    counts, notes = _seed_counts(seeds)
    if spread_kind == "unknown":
        notes.append(
            "The paper does not say what its +/- is: standard deviation and standard error are tried."
        )
    interpretations = [
        Interpretation(n, error)
        for n in counts
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
                "The +/- is a standard error over pooled episodes: the error of the mean is between it and "
                f"{math.sqrt(episodes_per_seed):.3g} times it."
            )
    if spread_kind == "standard_deviation_of_pooled_episodes":
        notes.append(
            "The +/- is a standard deviation over pooled episodes, which only bounds that over seeds."
        )
    return interpretations, notes


def _seed_counts(seeds: int | Sequence[int] | None) -> tuple[tuple[int, ...], list[str]]:
    if seeds is None:
        return UNKNOWN_SEEDS, ["The number of the paper's seeds is not stated: 3, 5 and 10 are tried."]
    return counts_of(seeds), []


def counts_of(seeds: int | Sequence[int]) -> tuple[int, ...]:
    """One or several numbers of training seeds, ascending, each once.

    Raises:
        TablesError: there is none, or one is not whole or below 1.
    """
    several = (
        list(seeds) if isinstance(seeds, Sequence | np.ndarray) and not isinstance(seeds, str) else [seeds]
    )
    if not several:
        raise TablesError("The reported number of seeds is an empty list; it must be 1 or more, or None.")
    return tuple(sorted({checks.count(n, "The reported number of seeds") for n in several}))


def _errors_of_spread(spread: Any, kind: str, seeds: int, episodes: int | None) -> list[Any]:
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
        lowest = 0.0 * as_sd if episodes is None else as_sd / math.sqrt(episodes)
        return _between(lowest, as_sd)
    allowed = ", ".join(other for other in SPREAD_KINDS if other not in HOLDING_NO_SEEDS)
    raise TablesError(f"A spread between seeds of the kind '{kind}' has no meaning; allowed are {allowed}.")


def _between(low: Any, high: Any) -> list[Any]:
    """Both bounds and three values between them: the interval need not be widest at a bound."""
    values = np.linspace(low, high, 5)
    return [float(value) for value in values] if values.ndim == 1 else list(values)
