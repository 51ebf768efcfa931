"""Typical runs: where every seed of both sides is known, collapsed seeds are counted and judged apart.

A mean over seeds of which some collapse says little: with collapses on one side only, no rule for means
keeps its error (`docs/statistics.md`). A seed is collapsed if its score is more than four margins below the
median of both sides' seeds together. The others are judged by the same rule; the rates are compared exactly.

Where most seeds have collapsed, or collapses are hardly deeper than four margins, some of them stay among the
others. Three guards keep the error of both claims at 5% there, with collapses of 10 to 50% of the seeds by 22
points and more, on one side or on both (`docs/statistics.md`):

- a side that is left in two groups, more than three margins apart, is not judged: which group is typical is
  not known;
- `different` needs a lower side whose typical seeds are within 3.5 margins: a wider one may hold collapses
  that nothing sets apart;
- `different` by more than three margins needs eight seeds of the lower side. A side that has collapsed as a
  whole looks exactly like a worse method, so no rule can distinguish the two; with n seeds, half of which
  collapse, it happens in 1 of 2^n studies: 12.5% at three seeds, 0.4% at eight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from recheck.errors import TablesError

from paper_tables.verdicts import checks, decision_rule
from paper_tables.verdicts.reported_error import Interpretation

COLLAPSE_MARGINS = 4.0
"""A seed this many margins below the joint median is collapsed."""

LEAST_TYPICAL_SEEDS = 2

SPLIT_MARGINS = 3.0
"""Two neighbouring seeds of one side this many margins apart: the side is in two groups."""

WIDE_MARGINS = 3.5
"""Typical seeds of the lower side that are spread over more margins than this may hold a collapse."""

LEAST_SEEDS_OF_A_SHIFT = 8
"""Seeds of the lower side below which it may have collapsed as a whole: 2^-8 is 0.4%."""

FEW = f"Fewer than {LEAST_TYPICAL_SEEDS} typical seeds are left on a side."
TWO_GROUPS = "A side is in two groups of seeds, and which of them is typical is not known."
IDENTICAL = "The typical seeds of a side are identical."
AT_BOUND = "The typical seeds of a side are exactly at a bound of the score: their spread is not known."
WIDE = "The seeds of the lower side are spread so widely that some of them may have collapsed."
WHOLE = f"With fewer than {LEAST_SEEDS_OF_A_SHIFT} seeds the lower side may have collapsed as a whole."


@dataclass(frozen=True)
class CollapseRate:
    """Collapsed seeds of one side.

    Attributes:
        collapsed: number of collapsed seeds.
        seeds: number of seeds.
        low: lower end of Clopper and Pearson's exact 95% interval of the rate, 0 to 1.
        high: its upper end.
    """

    collapsed: int
    seeds: int
    low: float
    high: float

    @property
    def text(self) -> str:
        """`3 of 10 [7%, 65%]`."""
        return f"{self.collapsed} of {self.seeds} [{100 * self.low:.0f}%, {100 * self.high:.0f}%]"


@dataclass(frozen=True)
class TypicalRuns:
    """The judgement of typical runs and of the collapses.

    Attributes:
        verdict: `reproduced`, `different (...)` or `inconclusive` for typical runs.
        difference_percent: our mean minus theirs, collapsed seeds left out; None where a side has fewer than
            two typical seeds or is in two groups.
        interval_low: lower end of its 90% interval.
        interval_high: upper end.
        ours: our collapse rate.
        reported: theirs.
        collapse_p_value: Boschloo's exact test of equal rates (two-sided).
        note: why typical runs are not judged although their seeds are known; else empty.
    """

    verdict: str
    difference_percent: float | None
    interval_low: float | None
    interval_high: float | None
    ours: CollapseRate
    reported: CollapseRate
    collapse_p_value: float
    note: str = ""


def judge_typical_runs(
    our_scores_percent: Sequence[float], their_scores_percent: Sequence[float], margin_percent: float
) -> TypicalRuns:
    """Judge typical runs by the rule and compare the collapse rates.

    Args:
        our_scores_percent: `[seeds]`, at least 2.
        their_scores_percent: `[reported seeds]`, at least 2.
        margin_percent: the margin M, in points.

    Raises:
        TablesError: fewer than two seeds on a side, a score that is not finite, or a margin that is not
            above 0.
    """
    ours = checks.scores(our_scores_percent, "ours", LEAST_TYPICAL_SEEDS)
    theirs = checks.scores(their_scores_percent, "theirs", LEAST_TYPICAL_SEEDS)
    checks.margin(margin_percent)
    lowest = float(np.median(np.concatenate([ours, theirs]))) - COLLAPSE_MARGINS * margin_percent
    typical, their_typical = ours[ours >= lowest], theirs[theirs >= lowest]
    rates = (
        collapse_rate(len(ours) - len(typical), len(ours)),
        collapse_rate(len(theirs) - len(their_typical), len(theirs)),
    )
    p_value = compare_collapses(*rates)
    if min(len(typical), len(their_typical)) < LEAST_TYPICAL_SEEDS:
        return TypicalRuns(decision_rule.INCONCLUSIVE, None, None, None, *rates, p_value, FEW)
    if max(widest_gap(typical), widest_gap(their_typical)) > SPLIT_MARGINS * margin_percent:
        return TypicalRuns(decision_rule.INCONCLUSIVE, None, None, None, *rates, p_value, TWO_GROUPS)
    difference = float(typical.mean() - their_typical.mean())
    sd, their_sd = checks.sample_sd(typical), checks.sample_sd(their_typical)
    constant = [side for side, spread in ((typical, sd), (their_typical, their_sd)) if spread == 0]
    if sd == their_sd == 0 or not all(checks.at_bound(float(side[0])) for side in constant):
        # As with all runs: seeds that are identical by mistake say nothing of their spread.
        return TypicalRuns(decision_rule.INCONCLUSIVE, difference, None, None, *rates, p_value, IDENTICAL)
    known = Interpretation(len(their_typical), their_sd / len(their_typical) ** 0.5)
    bounds = decision_rule.bounds_of_difference(difference, sd, len(typical), [known], margin_percent)
    low, high = decision_rule.confidence_interval(difference, bounds)
    verdict = decision_rule.verdict_of_interval(low, high, margin_percent)
    note = ""
    if verdict == decision_rule.REPRODUCED and min(sd, their_sd) == 0:
        verdict, note = decision_rule.INCONCLUSIVE, AT_BOUND
    lower, seeds = (typical, len(ours)) if difference < 0 else (their_typical, len(theirs))
    wide, whole = collapses_instead(difference, float(np.ptp(lower)), seeds, margin_percent)
    if verdict in (decision_rule.DIFFERENT_LOWER, decision_rule.DIFFERENT_HIGHER) and (wide or whole):
        verdict, note = decision_rule.INCONCLUSIVE, WIDE if wide else WHOLE
    return TypicalRuns(verdict, difference, low, high, *rates, p_value, note)


def collapses_instead(
    difference_percent: decision_rule.Number,
    lower_range_percent: decision_rule.Number,
    lower_seeds: int | np.ndarray,
    margin_percent: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Whether collapses explain a difference of typical runs as well; arguments broadcast.

    Args:
        difference_percent: difference of the means of typical runs, in points.
        lower_range_percent: highest less lowest typical seed of the side with the lower mean, in points.
        lower_seeds: number of all its seeds.
        margin_percent: the margin M, in points.

    Returns:
        Whether the lower side may hold collapses that are not set apart, and whether it may have collapsed as
        a whole.
    """
    wide = np.asarray(lower_range_percent) > WIDE_MARGINS * margin_percent
    far = np.abs(difference_percent) > SPLIT_MARGINS * margin_percent
    whole = far & (np.asarray(lower_seeds) < LEAST_SEEDS_OF_A_SHIFT)
    return wide, whole


def widest_gap(scores: np.ndarray) -> float:
    """The largest distance between neighbouring scores, 0 where there are fewer than two."""
    return float(np.diff(np.sort(scores)).max()) if len(scores) > 1 else 0.0


def collapse_rate(collapsed: int, seeds: int) -> CollapseRate:
    """The rate with Clopper and Pearson's exact 95% interval (Biometrika 26, 1934).

    Args:
        collapsed: number of collapsed seeds, 0 or more.
        seeds: number of seeds of the side, at least 1.

    Raises:
        TablesError: more collapsed seeds than seeds, or a number that is not whole.
    """
    from scipy import stats

    collapsed = checks.count(collapsed, "The number of collapsed seeds", 0)
    seeds = checks.count(seeds, "The number of seeds")
    if collapsed > seeds:
        raise TablesError(f"{collapsed} of {seeds} seeds cannot have collapsed.")
    interval = stats.binomtest(collapsed, seeds).proportion_ci(0.95, method="exact")
    return CollapseRate(collapsed, seeds, float(interval.low), float(interval.high))


def compare_collapses(ours: CollapseRate, theirs: CollapseRate) -> float:
    """Two-sided p value of equal rates: Boschloo's exact test (Statistica Neerlandica 24, 1970)."""
    from scipy import stats

    if ours.collapsed == theirs.collapsed == 0:
        return 1.0
    table = [
        [ours.collapsed, theirs.collapsed],
        [ours.seeds - ours.collapsed, theirs.seeds - theirs.collapsed],
    ]
    return min(1.0, float(stats.boschloo_exact(table).pvalue))
