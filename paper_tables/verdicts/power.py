"""How many seeds a verdict needs: the chance of `reproduced`, and the smallest number that gives 80%.

The chance is computed by quadrature over the distributions of the sample variances, not by drawing:
given both sample variances the difference of the means is normal and independent of them, so
P(reproduced) = E[ P(|d| < M - t(0.95, df) se) ] with Welch's se and df. Same input, same figure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from recheck.errors import TablesError
from scipy import special, stats

from paper_tables.statistics.intervals import welch_standard_error_and_df

LARGEST_NUMBER_OF_SEEDS = 100
WANTED_CHANCE = 0.80
ONE_SIDED_LEVEL = 0.05
_NODES = 200


@dataclass(frozen=True)
class SeedsNeeded:
    """What would settle a cell.

    Attributes:
        seeds: our smallest number of seeds with the wanted chance of `reproduced` at true difference
            zero, or None where there is none up to the largest number.
        never: the reported error alone fills the margin: no number of our seeds can give `reproduced`.
        text: `never`, `>100` or the number, as the tables print it.
    """

    seeds: int | None
    never: bool
    text: str


@cache
def _unit_variance_nodes(num_seeds: int) -> np.ndarray:
    """Equal-probability nodes of the sample variance of standard normal scores, `[nodes]`."""
    probabilities = (np.arange(_NODES) + 0.5) / _NODES
    return stats.chi2.ppf(probabilities, num_seeds - 1) / (num_seeds - 1)


def _variance_nodes(sd: float, num_seeds: int, known: bool) -> np.ndarray:
    """Nodes of the sample variance of `num_seeds` normal scores, or the variance itself, `[nodes]`."""
    return np.array([sd**2]) if known or sd == 0 else sd**2 * _unit_variance_nodes(num_seeds)


def chance_of_reproduced(
    our_seeds: int,
    reported_seeds: int,
    our_sd_percent: float,
    reported_sd_percent: float,
    margin_percent: float,
    true_difference_percent: float = 0.0,
    reported_spread_is_printed: bool = False,
    reported_spread_is_assumed: bool = False,
) -> float:
    """Chance that a cell comes out as `reproduced`, for normal seeds.

    Args:
        our_seeds: our number of training seeds, at least 2.
        reported_seeds: the paper's number of training seeds, at least 2.
        our_sd_percent: true standard deviation between our seeds, in points.
        reported_sd_percent: that between the paper's seeds, in points.
        margin_percent: the margin M, in points.
        true_difference_percent: our true mean minus the paper's.
        reported_spread_is_printed: the paper's sample standard deviation is already known to be
            `reported_sd_percent`; otherwise it varies from one hypothetical paper to the next.
        reported_spread_is_assumed: the paper prints no spread, a fixed multiple of our sample standard
            deviation stands in for it, and the degrees of freedom are at most our seeds less one.

    Raises:
        TablesError: fewer than two seeds, a negative standard deviation or a margin of 0 or less.
    """
    if min(our_seeds, reported_seeds) < 2:
        raise TablesError(
            f"A verdict needs at least 2 seeds on either side, not {our_seeds} and {reported_seeds}."
        )
    if min(our_sd_percent, reported_sd_percent) < 0 or margin_percent <= 0:
        raise TablesError("Standard deviations must be 0 or more and the margin above 0.")
    ours = _variance_nodes(our_sd_percent, our_seeds, known=False)[:, None]
    if reported_spread_is_assumed and our_sd_percent > 0:
        reported = ours * (reported_sd_percent / our_sd_percent) ** 2
    else:
        reported = _variance_nodes(reported_sd_percent, reported_seeds, known=reported_spread_is_printed)[
            None, :
        ]
    error, df = welch_standard_error_and_df(ours, our_seeds, reported, reported_seeds)
    if reported_spread_is_assumed:
        df = np.minimum(df, our_seeds - 1)
    # What is left of the margin once the half-width of the interval is taken from it.
    room = margin_percent - special.stdtrit(df, 1 - ONE_SIDED_LEVEL) * error
    true_error = math.sqrt(our_sd_percent**2 / our_seeds + reported_sd_percent**2 / reported_seeds)
    if true_error == 0:
        return float(abs(true_difference_percent) < margin_percent)
    upper = special.ndtr((room - true_difference_percent) / true_error)
    lower = special.ndtr((-room - true_difference_percent) / true_error)
    return float(np.where(room > 0, upper - lower, 0.0).mean())


def never_reproducible(reported_error_percent: float, reported_seeds: int, margin_percent: float) -> bool:
    """Whether t(0.95, n_r - 1) s_r / sqrt(n_r) >= M: the paper's own error already fills the margin.

    Args:
        reported_error_percent: the standard error of the paper's mean, s_r / sqrt(n_r), in points.
        reported_seeds: the paper's number of training seeds n_r, at least 2.
        margin_percent: the margin M, in points.
    """
    if reported_seeds < 2:
        return True
    return bool(
        stats.t.ppf(1 - ONE_SIDED_LEVEL, reported_seeds - 1) * reported_error_percent >= margin_percent
    )


def seeds_needed(
    our_sd_percent: float,
    reported_error_percent: float,
    reported_seeds: int,
    margin_percent: float,
    wanted_chance: float = WANTED_CHANCE,
    largest: int = LARGEST_NUMBER_OF_SEEDS,
    spread_is_assumed: bool = False,
) -> SeedsNeeded:
    """Our smallest number of seeds with the wanted chance of `reproduced` at true difference zero.

    The paper's spread is taken as printed, ours as estimated from the seeds at hand.

    Args:
        our_sd_percent: standard deviation between our seeds, in points.
        reported_error_percent: standard error of the paper's mean, in points.
        reported_seeds: the paper's number of training seeds.
        margin_percent: the margin M, in points.
        wanted_chance: the chance asked for, 0.8.
        largest: the search stops here, 100.
        spread_is_assumed: the paper's error is a multiple of our own spread, as in `chance_of_reproduced`.
    """
    if never_reproducible(reported_error_percent, reported_seeds, margin_percent):
        return SeedsNeeded(None, True, "never")
    reported_sd = reported_error_percent * math.sqrt(reported_seeds)

    def enough(our_seeds: int) -> bool:
        chance = chance_of_reproduced(
            our_seeds,
            reported_seeds,
            our_sd_percent,
            reported_sd,
            margin_percent,
            reported_spread_is_printed=not spread_is_assumed,
            reported_spread_is_assumed=spread_is_assumed,
        )
        return chance >= wanted_chance

    # A plain search, not halving: Welch's degrees of freedom fall towards the paper's n_r - 1 as our
    # share of the error vanishes, so the chance need not grow with every seed of ours.
    for our_seeds in range(2, largest + 1):
        if enough(our_seeds):
            return SeedsNeeded(our_seeds, False, str(our_seeds))
    return SeedsNeeded(None, False, f">{largest}")
