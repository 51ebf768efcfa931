"""What printed digits allow: means and spreads that a stated design cannot give.

Where an episode's score has steps (antmaze 100 points: it succeeds or not; kitchen 25 points: up to four
sub-tasks), a mean over N episodes is a whole number of steps divided by N, and its spread follows from whole
numbers too. The tests need the printed digits and the design and nothing else.

- `mean_fits`: GRIM, Brown and Heathers 2017, Social Psychological and Personality Science 8(4).
- `spread_fits`: GRIMMER, Anaya 2016, PeerJ Preprints 4:e2400v1, for spreads over groups of episodes.
- `largest_deviation`: Bhatia and Davis 2000, American Mathematical Monthly 107(4), theorem 1.

A test that cannot fail proves nothing, so each has a chance level: how often a number that came from another
design would pass.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

TOLERANCE = 1e-9
"""Added to half a last digit: both ways of rounding a half are allowed."""

MOST_ENUMERATED_GROUPS = 3
"""Up to this many groups all counts are tried; with more, every sum of squares between the least and the
largest is taken for possible, which says "possible" too often and never too rarely."""

SHIFTS = tuple(step / 10 for step in range(-10, 11) if step)
"""Points by which a spread is shifted to see how often a wrong one would fit."""


@dataclass(frozen=True)
class Design:
    """How the number was made.

    Attributes:
        groups: training seeds or evaluations whose means the spread is over.
        episodes: of each group.
        step: points by which the sum of a group's episode scores can change: 100 or 25.
    """

    groups: int
    episodes: int
    step: float = 100.0

    @property
    def total(self) -> int:
        """Episodes of all groups."""
        return self.groups * self.episodes

    @property
    def most(self) -> int:
        """The largest number of steps that one group can collect."""
        return round(100.0 / self.step) * self.episodes


def whole_counts(mean: float, decimals: int, total_episodes: int, step: float = 100.0) -> list[int]:
    """The numbers k of steps over all episodes that are printed as this mean: |step k / N - m| <= u / 2.

    Args:
        mean: as printed, in percent.
        decimals: that are printed; u is the last digit, 10^-decimals.
        total_episodes: N, over all groups.
        step: points of one success.
    """
    half = 0.5 * 10.0**-decimals + TOLERANCE
    first = math.ceil((mean - half) * total_episodes / step - TOLERANCE)
    last = math.floor((mean + half) * total_episodes / step + TOLERANCE)
    return [k for k in range(max(first, 0), last + 1) if abs(step * k / total_episodes - mean) <= half]


def mean_fits(mean: float, decimals: int, total_episodes: int, step: float = 100.0) -> bool:
    """GRIM: whether a mean over this many episodes can be printed so."""
    return bool(whole_counts(mean, decimals, total_episodes, step))


def chance_that_a_mean_fits(decimals: int, total_episodes: int, step: float = 100.0) -> float:
    """The share of all printable means that fit by chance: N 10^-decimals / step, 1 at most.

    4 percent for 400 episodes and two decimals; no information for 1,000 and one.
    """
    return min(1.0, total_episodes * 10.0**-decimals / step)


def largest_deviation(mean: float, low: float = 0.0, high: float = 100.0) -> float:
    """The largest standard deviation (divisor n) that scores between two bounds with this mean can have."""
    return math.sqrt(max(0.0, (high - mean) * (mean - low)))


def largest_standard_error(mean: float, decimals: int, total_episodes: int) -> float:
    """The largest standard error over pooled episodes: sqrt(m (100 - m) / (N - 1)).

    The mean is taken at the end of its rounding interval that is nearer to 50.
    """
    half = 0.5 * 10.0**-decimals
    nearest = min(max(50.0, mean - half), mean + half)
    return largest_deviation(nearest) / math.sqrt(total_episodes - 1)


def _divisor(kind: str, groups: int) -> float:
    """D in variance = (Q - S^2 / G) (step / E)^2 / D."""
    divisors = {
        "population_standard_deviation": groups,
        "standard_deviation": groups - 1,
        "standard_error": groups * (groups - 1),
    }
    return float(divisors[kind])


KINDS = ("population_standard_deviation", "standard_deviation", "standard_error")
"""Kinds of spread over the means of groups."""


@lru_cache(maxsize=4096)
def _sums_of_squares(total: int, groups: int, most: int) -> frozenset[int] | None:
    """All sums of squares of whole counts with this sum, or None where they are not enumerated."""
    if groups > MOST_ENUMERATED_GROUPS:
        return None
    return frozenset(_enumerate(total, groups, most, most))


def _enumerate(total: int, groups: int, most: int, largest: int) -> Iterator[int]:
    """Sums of squares of `groups` counts in falling order, each at most `largest`."""
    if groups == 1:
        if 0 <= total <= min(most, largest):
            yield total * total
        return
    least = -(-total // groups)
    for count in range(max(least, 0), min(most, largest, total) + 1):
        for rest in _enumerate(total - count, groups - 1, most, count):
            yield count * count + rest


def _extreme_sums(total: int, groups: int, most: int) -> tuple[int, int]:
    """The least and the largest sum of squares: counts as equal, and as unequal, as can be."""
    share, rest = divmod(total, groups)
    least = rest * (share + 1) ** 2 + (groups - rest) * share**2
    full, remainder = divmod(total, most) if most else (0, 0)
    return least, full * most**2 + remainder**2


def spread_fits(
    mean: float, spread: float, decimals: int, design: Design, kind: str, spread_decimals: int | None = None
) -> bool:
    """GRIMMER: whether some whole counts give both the printed mean and the printed spread.

    Args:
        mean: as printed, in percent.
        spread: as printed, in points.
        decimals: of the mean.
        design: groups and episodes.
        kind: one of `KINDS`.
        spread_decimals: of the spread; the mean's by default.

    With up to three groups the answer is exact. With more, a sum of squares counts as possible if it has the
    parity of the sum and is between the extremes.
    """
    half = 0.5 * 10.0 ** -(decimals if spread_decimals is None else spread_decimals) + TOLERANCE
    scale = design.step / design.episodes
    divisor = _divisor(kind, design.groups)
    if divisor == 0:
        return False
    for total in whole_counts(mean, decimals, design.total, design.step):
        low = max(spread - half, 0.0) ** 2 * divisor / scale**2 + total**2 / design.groups
        high = (spread + half) ** 2 * divisor / scale**2 + total**2 / design.groups
        sums = _sums_of_squares(total, design.groups, design.most)
        if sums is not None:
            if any(low - TOLERANCE <= square <= high + TOLERANCE for square in sums):
                return True
            continue
        least, largest = _extreme_sums(total, design.groups, design.most)
        first = max(least, math.ceil(low - TOLERANCE))
        first += (first - total) % 2
        if first <= min(largest, math.floor(high + TOLERANCE)):
            return True
    return False


def chance_that_a_spread_fits(mean: float, spread: float, decimals: int, design: Design, kind: str) -> float:
    """The share of spreads up to one point off that would fit as well."""
    shifted = [round(spread + shift, decimals) for shift in SHIFTS if spread + shift > 0]
    fits = [spread_fits(mean, value, decimals, design, kind) for value in shifted]
    return sum(fits) / len(fits) if fits else 1.0
