"""The verdict rule: which claim a difference between our mean and a reported one supports.

d is our mean minus the reported mean, over training seeds. M is the margin, fixed beforehand per suite
(``config/margins.yaml``). A claim is made only where two intervals agree:

- unequal variances: Welch's standard error (Biometrika 34, 1947) with cautious degrees of freedom, the
  smallest that Satterthwaite's formula gives within k standard errors of the estimated share of variance;
- equal variances: the pooled standard error with n + m - 2 degrees of freedom.

Neither is safe alone. Welch's error is too small where the side with few seeds has missed the collapses,
the pooled one where that side truly varies more. ``docs/statistics.md`` has the measured rates of both.

With the 90% interval [d - half, d + half], half being the larger of the two half-widths:

- ``reproduced``: it is inside (-M, M): two one-sided tests at 5% (Schuirmann, Journal of
  Pharmacokinetics and Biopharmaceutics 15, 1987);
- ``different (higher)``, ``different (lower)``: it is wholly above M, or wholly below -M;
- ``inconclusive``: anything else.

What a paper leaves out gives several interpretations of its spread (`reported_error`). All share d, so the
widest interval decides. Everything here works on numbers and on arrays alike; arguments broadcast.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from recheck.errors import TablesError

from paper_tables.verdicts import checks
from paper_tables.verdicts.reported_error import Interpretation

REPRODUCED = "reproduced"
DIFFERENT_LOWER = "different (lower)"
DIFFERENT_HIGHER = "different (higher)"
INCONCLUSIVE = "inconclusive"
UNINFORMATIVE = "uninformative"
NOT_JUDGED = "not_judged"
NO_EVIDENCE = "no_evidence"
VERDICTS = (
    REPRODUCED,
    DIFFERENT_LOWER,
    DIFFERENT_HIGHER,
    INCONCLUSIVE,
    UNINFORMATIVE,
    NOT_JUDGED,
    NO_EVIDENCE,
)
"""The closed vocabulary of verdicts."""

CLAIMS = (REPRODUCED, DIFFERENT_LOWER, DIFFERENT_HIGHER)
"""The verdicts that claim something and can therefore be wrong."""

CONDITIONAL = "conditional"
OTHER_SETTINGS = "other_settings"
OTHER_SELECTION = "other_selection"
WITHIN_IMPLEMENTATION_SPREAD = "within_implementation_spread"
FLAGS = {
    CONDITIONAL: "the verdict depends on a spread that the paper does not print and that is assumed",
    OTHER_SETTINGS: "the runs have other hyperparameters than the reported number",
    OTHER_SELECTION: "the runs are selected by another rule than the reported number",
    WITHIN_IMPLEMENTATION_SPREAD: "different, but independent re-runs differ as much",
}
"""The closed vocabulary of flags, which are given with a verdict."""

LEVEL = 0.05
"""Of each one-sided test."""

CAUTION_AT_LEVEL = 0.5
"""k at 5%: how many standard errors of the share of variance the degrees of freedom are guarded against."""

CAUTION_BELOW_LEVEL = 1.25
"""k at every smaller level (adjusted p values, early looks): Welch's approximation fails in the far tail."""


@dataclass(frozen=True)
class Strictness:
    """How strict the rule is.

    Attributes:
        level: of each one-sided test; the interval has the confidence 1 - 2 level.
        caution: k of the degrees of freedom.
    """

    level: float = LEVEL
    caution: float = CAUTION_AT_LEVEL

    def __post_init__(self) -> None:
        """Refuse what is not a level or not a caution.

        Raises:
            TablesError: a level that is not above 0 and below 0.5, or a caution below 0.
        """
        checks.level(self.level)
        checks.not_negative(self.caution, "The caution of the degrees of freedom")


AT_LEVEL = Strictness()
"""The rule for one number."""

CAUTIOUS = Strictness(LEVEL, CAUTION_BELOW_LEVEL)
"""For p values that are compared with smaller levels than 5%: many numbers judged together."""

Number = float | np.ndarray


@dataclass(frozen=True)
class ErrorEstimate:
    """A standard error of the difference, in points, and its degrees of freedom."""

    error_percent: np.ndarray
    df: np.ndarray


def two_error_estimates(
    our_variance: Number,
    our_seeds: int | np.ndarray,
    reported_variance: Number,
    reported_seeds: int | np.ndarray,
    caution: float = CAUTION_AT_LEVEL,
) -> tuple[ErrorEstimate, ErrorEstimate]:
    """The standard error of a difference of two means, under unequal and under equal variances.

    With x our share of the squared error and f(z) = 1 / (z^2 / (n - 1) + (1 - z)^2 / (m - 1)), the degrees of
    freedom under unequal variances are the smaller of f(x - r) and f(x + r), arguments kept in [0, 1], where
    r = caution * x (1 - x) sqrt(2 / (n - 1) + 2 / (m - 1)) is `caution` standard errors of x.

    Args:
        our_variance: sample variance between our seeds, points squared.
        our_seeds: our number of seeds n, at least 2.
        reported_variance: the reported side's sample variance between seeds, points squared.
        reported_seeds: the reported side's number of seeds m, at least 2.
        caution: k; 0 gives Welch's own degrees of freedom.

    Returns:
        The estimate under unequal variances, then the one under equal variances.

    Raises:
        TablesError: fewer than two seeds on a side, a number of seeds that is not whole, or a variance that
            is negative or no number. An infinite variance of the reported side bounds nothing.
    """
    n = checks.counts(our_seeds, "Our number of seeds", 2)
    m = checks.counts(reported_seeds, "The reported number of seeds", 2)
    checks.not_negative(caution, "The caution of the degrees of freedom")
    variances = [
        checks.numbers(side, "A variance between seeds") for side in (our_variance, reported_variance)
    ]
    if not all((side >= 0).all() for side in variances):
        raise TablesError("A variance between seeds must be 0 or more.")
    ours = np.asarray(our_variance, dtype=float) / n
    reported = np.asarray(reported_variance, dtype=float) / m
    total = ours + reported
    with np.errstate(divide="ignore", invalid="ignore"):
        # Shares, not squares of small numbers: a variance of 1e-200 must not underflow to 0 / 0.
        share = np.where(total > 0, ours / total, 0.5)
    distance = caution * share * (1 - share) * np.sqrt(2 / (n - 1) + 2 / (m - 1))

    def satterthwaite(z: np.ndarray) -> np.ndarray:
        result: np.ndarray = 1 / (z**2 / (n - 1) + (1 - z) ** 2 / (m - 1))
        return result

    cautious_df = np.minimum(
        satterthwaite(np.maximum(0.0, share - distance)), satterthwaite(np.minimum(1.0, share + distance))
    )
    pooled_df = n + m - 2
    pooled_variance = (
        (n - 1) * np.asarray(our_variance) + (m - 1) * np.asarray(reported_variance)
    ) / pooled_df
    return (
        ErrorEstimate(np.sqrt(total), cautious_df),
        ErrorEstimate(np.sqrt(pooled_variance * (1 / n + 1 / m)), pooled_df + np.zeros_like(total)),
    )


@dataclass(frozen=True)
class Bounds:
    """The widest interval over all interpretations, and the largest p values.

    Attributes:
        half_width_percent: half of the interval of the difference, in points; infinite where an
            interpretation bounds nothing.
        p_reproduced: the larger of the two one-sided p values of |true d| >= M.
        p_different: the one-sided p value of |true d| <= M on the side of d.
    """

    half_width_percent: Any
    p_reproduced: Any
    p_different: Any


def bounds_of_difference(
    difference_percent: Number,
    our_sd_percent: Number,
    our_seeds: int,
    interpretations: Sequence[Interpretation],
    margin_percent: Number,
    strictness: Strictness = AT_LEVEL,
) -> Bounds:
    """Apply the rule to every interpretation of the reported spread and keep the worst.

    Args:
        difference_percent: our mean minus the reported one, in points.
        our_sd_percent: our sample standard deviation over seeds, in points.
        our_seeds: our number of seeds, at least 2.
        interpretations: those of the reported side, at least one.
        margin_percent: the margin M, in points.
        strictness: level and caution; those of one number at 5% by default.

    Raises:
        TablesError: no interpretation, fewer than two seeds on a side, a margin that is not above 0, a
            standard deviation below 0, or a number that is not finite.
    """
    checks.list_of(interpretations, Interpretation, "The interpretations")
    if not interpretations:
        raise TablesError("A verdict needs at least one interpretation of the reported spread.")
    checks.finite(difference_percent, "The difference of the means")
    checks.not_negative(our_sd_percent, "Our standard deviation over seeds")
    checks.margin(margin_percent)
    difference = np.asarray(difference_percent, dtype=float)
    half: Any = np.zeros_like(difference)
    reproduced: Any = np.zeros_like(difference)
    different: Any = np.zeros_like(difference)
    for estimate in error_estimates(our_sd_percent, our_seeds, interpretations, strictness.caution):
        half = np.maximum(half, half_width(estimate, strictness.level))
        p_reproduced, p_different = p_values(difference, estimate, margin_percent)
        reproduced = np.maximum(reproduced, p_reproduced)
        different = np.maximum(different, p_different)
    return Bounds(half, reproduced, different)


def error_estimates(
    our_sd_percent: Number,
    our_seeds: int,
    interpretations: Sequence[Interpretation],
    caution: float = CAUTION_AT_LEVEL,
) -> Iterable[ErrorEstimate]:
    """The error estimates that a claim must satisfy: two for each interpretation, one for an assumed spread.

    An assumed spread brings no information of its own. The larger of the two standard errors is then a
    multiple of ours, or a constant next to ours, and has our n - 1 degrees of freedom.
    """
    our_variance = np.square(our_sd_percent)
    for interpretation in interpretations:
        reported_variance = np.square(interpretation.error_percent) * interpretation.seeds
        unequal, equal = two_error_estimates(
            our_variance, our_seeds, reported_variance, interpretation.seeds, caution
        )
        if interpretation.assumed:
            larger = np.maximum(unequal.error_percent, equal.error_percent)
            yield ErrorEstimate(larger, np.full_like(larger, our_seeds - 1))
        else:
            yield unequal
            yield equal


def half_width(estimate: ErrorEstimate, level: float = LEVEL) -> np.ndarray:
    """Half of the interval with confidence 1 - 2 level, in points.

    Raises:
        TablesError: the level is not above 0 and below 0.5.
    """
    from scipy import special

    checks.level(level)
    with np.errstate(invalid="ignore"):
        width = special.stdtrit(estimate.df, 1 - level) * estimate.error_percent
    return np.where(np.isinf(estimate.error_percent), np.inf, width)


def p_values(
    difference_percent: Number, estimate: ErrorEstimate, margin_percent: Number
) -> tuple[np.ndarray, np.ndarray]:
    """One-sided p values of `reproduced` and `different`, below a level exactly where its interval claims.

    Raises:
        TablesError: the margin is not above 0, or the difference is not finite.
    """
    from scipy import special

    checks.margin(margin_percent)
    checks.finite(difference_percent, "The difference of the means")
    slack = np.asarray(margin_percent) - np.abs(difference_percent)
    error = estimate.error_percent
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = np.where(error == 0, np.sign(slack) * np.inf, slack / error)
    # Without any error the claim is certain, but not at the margin itself: 0 * inf is NaN.
    statistic = np.where(np.isnan(statistic), -np.inf, statistic)
    reproduced = special.stdtr(estimate.df, -statistic)
    different = special.stdtr(estimate.df, np.where((error == 0) & (slack == 0), np.inf, statistic))
    unbounded = np.isinf(error)
    return np.where(unbounded, 1.0, reproduced), np.where(unbounded, 1.0, different)


_VERDICT_OF_CODE = {0: INCONCLUSIVE, 1: REPRODUCED, 2: DIFFERENT_HIGHER, -2: DIFFERENT_LOWER}


def claims_of_intervals(low: Number, high: Number, margin_percent: Number) -> np.ndarray:
    """The rule on intervals: 1 `reproduced`, 2 and -2 `different` (higher, lower), 0 `inconclusive`.

    Args:
        low: lower ends of the intervals of the difference, in points.
        high: their upper ends.
        margin_percent: the margin M.

    Raises:
        TablesError: the margin is not above 0.
    """
    for end in (low, high):
        checks.numbers(end, "The end of an interval")
    low, high, margin = np.asarray(low), np.asarray(high), np.asarray(checks.margin(margin_percent))
    inside = (-margin < low) & (high < margin)
    return np.where(inside, 1, np.where(low > margin, 2, np.where(high < -margin, -2, 0)))


def verdict_of_interval(low: float, high: float, margin_percent: float) -> str:
    """`reproduced`, `different (...)` or `inconclusive` for one interval of the difference, in points."""
    return _VERDICT_OF_CODE[int(claims_of_intervals(low, high, margin_percent))]


def confidence_interval(difference_percent: float, bounds: Bounds) -> tuple[float, float]:
    """Both ends of the widest interval of the difference, in points; infinite where nothing bounds it."""
    half = float(bounds.half_width_percent)
    if math.isinf(half):
        return -math.inf, math.inf
    return difference_percent - half, difference_percent + half
