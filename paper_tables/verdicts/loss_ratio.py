"""Training curves against reference runs: a loss at one checkpoint, as a ratio of means.

Losses vary far less between seeds than scores, so three seeds can decide what scores leave open. As with
scores, a claim needs the intervals under unequal and under equal variances to agree.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from recheck.errors import TablesError

from paper_tables.verdicts import checks
from paper_tables.verdicts.decision_rule import INCONCLUSIVE, LEVEL, two_error_estimates, verdict_of_interval

_ROUNDS = 50
_CLOSE = 1e-12


@dataclass(frozen=True)
class RatioVerdict:
    """What is known about the ratio of our mean loss to the reference's at one checkpoint.

    Attributes:
        verdict: `reproduced` if the 90% interval of the ratio is inside (1 - m, 1 + m), `different (...)`
            if wholly outside, else `inconclusive`.
        ratio: our mean over the reference mean.
        interval_low: lower end of the 90% interval, None where it is unbounded.
        interval_high: its upper end.
        margin_ratio: the margin m.
        note: one sentence, or empty.
    """

    verdict: str
    ratio: float | None
    interval_low: float | None
    interval_high: float | None
    margin_ratio: float
    note: str = ""


def judge_ratio(
    our_values: Sequence[float] | np.ndarray,
    reference_values: Sequence[float] | np.ndarray,
    margin_ratio: float = 0.10,
) -> RatioVerdict:
    """Compare a loss of our runs with that of reference runs at the same checkpoint, as a ratio of means.

    The interval is Fieller's (Journal of the Royal Statistical Society B 16, 1954): the ratios r for which
    mean(ours) - r mean(reference) is not significantly different from 0. It is right where the reference mean
    is uncertain, and is unbounded where that mean may be 0. It is the wider of two: with unequal variances
    and the rule's degrees of freedom taken at each end, and with equal variances of ours and of r times
    the reference's.

    Args:
        our_values: one value per seed, `[seeds]`.
        reference_values: `[reference seeds]`.
        margin_ratio: the margin m, 0.1 for 10%.

    Raises:
        TablesError: no value on a side, one that is not finite, or a margin that is not above 0 and below 1.
    """
    checks.between(margin_ratio, "The margin of a ratio", 0.0, 1.0)
    ours, reference = (checks.numbers(side, "A loss") for side in (our_values, reference_values))
    for side in (ours, reference):
        if side.ndim != 1 or side.size == 0 or not np.isfinite(side).all():
            raise TablesError("A ratio needs finite values on both sides, at least one seed each.")
    mean = float(reference.mean())
    ratio = float(ours.mean()) / mean if mean != 0 else None
    if min(len(ours), len(reference)) < 2:
        return RatioVerdict(INCONCLUSIVE, ratio, None, None, margin_ratio, "One seed on a side.")
    for side, whose in ((ours, "Ours"), (reference, "The reference")):
        if checks.identical(side):
            note = f"{whose}: all {len(side)} seeds are identical."
            return RatioVerdict(INCONCLUSIVE, ratio, None, None, margin_ratio, note)
    low, high = _fieller(ours, reference)
    if low is None or high is None or ratio is None:
        note = "The reference mean may be 0: a ratio says nothing."
        return RatioVerdict(INCONCLUSIVE, ratio, None, None, margin_ratio, note)
    return RatioVerdict(verdict_of_interval(low - 1, high - 1, margin_ratio), ratio, low, high, margin_ratio)


def _fieller(ours: np.ndarray, reference: np.ndarray) -> tuple[float | None, float | None]:
    """Ends of the 90% Fieller interval of mean(ours) / mean(reference), None where unbounded."""
    ends = [_fieller_end(ours, reference, sign, which) for sign in (-1, 1) for which in (0, 1)]
    known = [end for end in ends if end is not None]
    return (None, None) if len(known) < len(ends) else (min(known), max(known))


def _fieller_end(ours: np.ndarray, reference: np.ndarray, sign: int, which: int) -> float | None:
    """One end under unequal (0) or equal (1) variances.

    The variance of mean(ours) - r mean(reference) is a + b r^2 under either; only a, b and the degrees of
    freedom differ.
    """
    from scipy import special

    n, m = len(ours), len(reference)
    our_mean, mean = float(ours.mean()), float(reference.mean())
    our_variance, variance = float(ours.var(ddof=1)), float(reference.var(ddof=1))
    if which == 0:
        a, b = our_variance / n, variance / m
    else:
        a, b = ((k - 1) * v * (1 / n + 1 / m) / (n + m - 2) for k, v in ((n, our_variance), (m, variance)))
    end = our_mean / mean if mean else 0.0
    # The degrees of freedom depend on the end and the end on them: a few rounds find both.
    for _ in range(_ROUNDS):
        estimate = two_error_estimates(our_variance, n, end**2 * variance, m)[which]
        quantile = float(special.stdtrit(float(estimate.df), 1 - LEVEL))
        leading = mean**2 - quantile**2 * b
        if leading <= 0:
            return None
        # Roots of leading r^2 - 2 our_mean mean r + our_mean^2 - t^2 a = 0.
        root = math.sqrt(max(0.0, (our_mean * mean) ** 2 - leading * (our_mean**2 - quantile**2 * a)))
        moved = (our_mean * mean + sign * root) / leading
        if abs(moved - end) <= _CLOSE * max(1.0, abs(end)):
            return moved
        end = moved
    return end
