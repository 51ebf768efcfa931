"""The verdict rule: intervals of a difference, and what they allow to say."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from paper_tables.statistics.intervals import welch_standard_error_and_df
from paper_tables.verdicts.reported_error import ReportedReading

if TYPE_CHECKING:
    pass


REPRODUCED = "reproduced"
DIFFERENT_LOWER = "different (lower)"
DIFFERENT_HIGHER = "different (higher)"
INCONCLUSIVE = "inconclusive"
UNINFORMATIVE = "uninformative"
NOT_COMPARABLE = "not comparable"
VERDICTS = (REPRODUCED, DIFFERENT_LOWER, DIFFERENT_HIGHER, INCONCLUSIVE, UNINFORMATIVE, NOT_COMPARABLE)
LEVEL = 0.05
HOLDS_YES, HOLDS_LOWER, HOLDS_HIGHER, HOLDS_OPEN = "yes", "no (lower)", "no (higher)", "open"


@dataclass(frozen=True)
class Verdict:
    """What is known about one reported number; points are percent of the normalised score.

    Attributes:
        verdict: one of `VERDICTS`, by the rule above, for this cell alone.
        adjusted_verdict: after Holm over its table; equal to `verdict` for a cell judged alone.
        difference_percent: our mean minus the reported one.
        interval_low: lower end of the widest 90% interval of the difference over the grid.
        interval_high: its upper end.
        detectable: that interval does not hold 0. A footnote, never a verdict.
        holds_as_printed: the same rule with the printed number taken as a constant, which needs no spread:
            `yes`, `no (lower)`, `no (higher)`, `open`.
        as_printed_p_value: two-sided one-sample t test of our mean against the printed number.
        smallest_margin_percent: the margin above which the cell would be `reproduced`.
        power_n: our smallest number of seeds with 80% chance of `reproduced` at true difference 0.
        power: the same as text: a number, `never` or `>100`; empty where it has no meaning.
        assumed: the paper prints no spread; a multiple of ours stands in for it.
        margin_percent: the margin M.
        p_reproduced: larger of the two one-sided p values, at the worst grid point.
        p_different: one-sided p value of |true d| > M on the side of d, at the worst grid point.
        our_mean_percent: our mean over seeds.
        our_sd_percent: our sample standard deviation over seeds; None with one seed.
        our_seeds: our number of seeds.
        grid_points: readings of the paper that were tried.
        grid_agrees: all of them gave the same verdict.
        note: what a reader must know, one sentence each, or empty.
    """

    verdict: str
    adjusted_verdict: str
    difference_percent: float | None = None
    interval_low: float | None = None
    interval_high: float | None = None
    detectable: bool = False
    holds_as_printed: str = HOLDS_OPEN
    as_printed_p_value: float | None = None
    smallest_margin_percent: float | None = None
    power_n: int | None = None
    power: str = ""
    assumed: bool = False
    margin_percent: float | None = None
    p_reproduced: float | None = None
    p_different: float | None = None
    our_mean_percent: float | None = None
    our_sd_percent: float | None = None
    our_seeds: int = 0
    grid_points: int = 0
    grid_agrees: bool = True
    note: str = ""


VERDICT_COLUMNS = tuple(field.name for field in fields(Verdict))
# The rule itself, on arrays.
_CLAIMS = {0: INCONCLUSIVE, 1: REPRODUCED, 2: DIFFERENT_HIGHER, -2: DIFFERENT_LOWER}


def claims_of_intervals(
    low: np.ndarray | float, high: np.ndarray | float, margin_percent: np.ndarray | float
) -> np.ndarray:
    """The rule: 1 `reproduced`, 2 `different (higher)`, -2 `different (lower)`, 0 `inconclusive`.

    Args:
        low: lower ends of 90% intervals of the difference, in points; arguments broadcast.
        high: their upper ends.
        margin_percent: the margin M.
    """
    low, high, margin = np.asarray(low), np.asarray(high), np.asarray(margin_percent)
    inside = (-margin < low) & (high < margin)
    return np.where(inside, 1, np.where(low > margin, 2, np.where(high < -margin, -2, 0)))


def verdict_of_interval(low: float, high: float, margin_percent: float) -> str:
    """`reproduced`, `different (...)` or `inconclusive` for a 90% interval of the difference, in points."""
    return _CLAIMS[int(claims_of_intervals(low, high, margin_percent))]


def difference_interval(
    difference: np.ndarray | float, error: np.ndarray | float, df: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:
    """The 90% interval of a difference with a standard error and degrees of freedom; arguments broadcast."""
    from scipy import special

    half = special.stdtrit(df, 1 - LEVEL) * error
    return np.asarray(difference - half), np.asarray(difference + half)


def error_and_df(
    our_sd: np.ndarray | float, our_seeds: int, reading: ReportedReading, error: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:
    """Standard error of the difference and its degrees of freedom for one reading.

    Args:
        our_sd: our sample standard deviation over seeds, in points; broadcasts with `error`.
        our_seeds: our number of seeds.
        reading: gives the paper's number of seeds.
        error: standard error of the reported mean under this reading, in points.
    """
    total, df = welch_standard_error_and_df(
        np.square(our_sd), our_seeds, np.square(error) * reading.seeds, reading.seeds
    )
    # An assumed spread is a multiple of ours: it adds no degrees of freedom to our n - 1.
    return total, np.minimum(df, our_seeds - 1) if reading.dependent else df


def p_values(difference: float, error: float, df: float, margin: float) -> tuple[float, float]:
    """One-sided p values of the two claims, below 5% exactly where the interval gives the verdict."""
    from scipy import stats

    distance = margin - abs(difference)
    if error == 0:
        return float(distance <= 0), float(distance >= 0)
    return float(stats.t.sf(distance / error, df)), float(stats.t.sf(-distance / error, df))


def as_sentence(text: str) -> str:
    text = text.strip()
    return text if not text or text.endswith(".") else text + "."
