"""Percent against fractions: where the verdict would depend on the unit, nothing is judged.

A side whose scores are all at most 1.5 can be fractions (0.7 for 70%); a printed spread below 1 next to a
mean in percent can be one too (70 +/- 0.05). Neither can be distinguished from a small percentage by itself.
So both units are tried, and where their verdicts do not agree the user is asked to confirm the units.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from paper_tables.verdicts import decision_rule

if TYPE_CHECKING:
    from paper_tables.verdicts.judge import ReportedNumber

FRACTIONS_UP_TO = 1.5
"""Fractions of the normalised score are at most this."""

PERCENT_FROM = 15.0
"""Fractions that are as much in percent, against a mean as large: two units, whatever the verdict."""

SPREAD_BELOW = 1.0
"""A spread in percent below this can be a fraction."""

TIMES_SMALLER = (20.0, 500.0)
"""The printed spread is as many times smaller than ours: nearer to 100 times than to 4, and to 2500."""

Judge = Callable[[np.ndarray, "ReportedNumber"], str]
"""Scores and a number, both taken in percent -> the verdict."""


def two_units(ours: np.ndarray, reported: ReportedNumber, judge: Judge) -> str:
    """Why the two sides seem to be in two units, or empty.

    Args:
        ours: our scores, `[seeds]`, at least one.
        reported: the reported number.
        judge: gives the verdict where the units are taken as they are.
    """
    theirs = np.asarray(reported.scores_percent or (reported.mean_percent,))
    for small, large, whose in ((ours, theirs, "Our"), (theirs, ours, "The reported")):
        if not _can_be_fractions(small) or _can_be_fractions(large):
            continue
        surely = 100 * small.mean() >= PERCENT_FROM and large.mean() >= PERCENT_FROM
        if surely or _depends(ours, reported, judge, _other_units(ours, reported, small is ours)):
            return (
                f"{whose} score of {small.mean():.3g} looks like a fraction and {large.mean():.3g} like "
                "percent: give both in percent, or confirm the units"
            )
    spread = reported.spread_percent
    if spread and _spread_can_be_a_fraction(ours, reported, spread):
        in_percent = replace(reported, spread_percent=100 * spread)
        if _depends(ours, reported, judge, iter([(ours, in_percent)])):
            return (
                f"The reported spread of {spread:.3g} looks like a fraction and the mean of "
                f"{reported.mean_percent:.3g} like percent: give both in percent, or confirm the units"
            )
    return ""


def _can_be_fractions(scores: np.ndarray) -> bool:
    return bool(np.abs(scores).max() <= FRACTIONS_UP_TO)


def _spread_can_be_a_fraction(ours: np.ndarray, reported: ReportedNumber, spread: float) -> bool:
    if reported.scores_percent is not None or len(ours) < 2 or spread >= SPREAD_BELOW:
        return False
    low, high = TIMES_SMALLER
    # Both sides in fractions have a spread in fractions too.
    in_percent = abs(reported.mean_percent) > FRACTIONS_UP_TO
    return in_percent and low <= float(ours.std(ddof=1)) / spread <= high


def _other_units(
    ours: np.ndarray, reported: ReportedNumber, ours_are_fractions: bool
) -> Iterator[tuple[np.ndarray, ReportedNumber]]:
    """Both sides in percent, where the small one is taken as fractions."""
    if ours_are_fractions:
        yield 100 * ours, reported
        return
    scores, spread = reported.scores_percent, reported.spread_percent
    in_percent = replace(
        reported,
        mean_percent=100 * reported.mean_percent,
        scores_percent=None if scores is None else tuple(100 * score for score in scores),
    )
    # The spread next to a fraction is a fraction, if it can be one.
    fraction = spread is not None and spread <= FRACTIONS_UP_TO
    yield ours, replace(in_percent, spread_percent=100 * spread) if fraction and spread else in_percent


def _depends(
    ours: np.ndarray,
    reported: ReportedNumber,
    judge: Judge,
    choices: Iterator[tuple[np.ndarray, ReportedNumber]],
) -> bool:
    """Whether another choice of the units gives another verdict."""
    as_given = judge(ours, reported)
    # Near the random policy nothing is said about the number, so no unit makes it wrong.
    return as_given != decision_rule.UNINFORMATIVE and any(judge(*choice) != as_given for choice in choices)
