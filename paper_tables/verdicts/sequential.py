"""Seeds one after the other: three looks with fixed levels, and a rule for giving up.

    plan = SequentialPlan()
    look = sequential_verdict(reported, scores_in_order_of_seed_labels, comparison, plan)
    look.next_seeds         # None: stop; 5: train up to the fifth seed and look again

Looking after every seed at 5% makes up to 15% false claims. Here each look has its own level and the levels
sum to 5% (Bonferroni), so the error is at most 5% as far as each look keeps its own. Stopping for futility
never makes a claim, so it never adds an error. The plan is fixed before the first seed is trained; seeds are
taken in the order of their labels and never chosen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from recheck.errors import TablesError

from paper_tables.verdicts import checks, decision_rule
from paper_tables.verdicts.judge import Comparison, ReportedNumber, interpretations_of, judge
from paper_tables.verdicts.verdict import Verdict

DEFAULT_LEVELS = {3: 0.004, 5: 0.011, 10: 0.035}
FUTILE_BELOW = 0.10
_TOLERANCE = 1e-9

CLAIM, FUTILE, LAST_LOOK, CONTINUE = "claim", "futile", "last look", "continue"


@dataclass(frozen=True)
class SequentialPlan:
    """A sequential design, fixed before any seed is trained.

    Attributes:
        levels: number of our seeds at each look -> one-sided level of that look, ascending.
        futile_below: stop where the predicted chance of any claim at the last look is below this.
    """

    levels: Mapping[int, float] = field(default_factory=lambda: dict(DEFAULT_LEVELS))
    futile_below: float = FUTILE_BELOW

    def __post_init__(self) -> None:
        """Refuse a design that does not keep its error.

        Raises:
            TablesError: no look, a look at fewer than 2 seeds, looks that do not ascend, levels that are not
                above 0 or that sum to more than 5%, or a futility border outside 0 to 1.
        """
        checks.of_kind(self.levels, Mapping, "The levels of the looks, by number of seeds,")
        looks = [checks.count(look, "A look", 0) for look in self.levels]
        if not looks or looks[0] < 2 or looks != sorted(set(looks)):
            raise TablesError(f"Looks must be ascending numbers of seeds from 2 on, not {looks}.")
        levels = checks.numbers(list(self.levels.values()), "The level of a look").tolist()
        # Asked this way round so that NaN is refused.
        if not (all(level > 0 for level in levels) and sum(levels) <= decision_rule.LEVEL + _TOLERANCE):
            raise TablesError(
                f"The levels of the looks must be above 0 and sum to at most {decision_rule.LEVEL:g}, not "
                f"{sum(self.levels.values()):g}."
            )
        if not 0 <= float(checks.numbers(self.futile_below, "The futility border")[0]) < 1:
            raise TablesError(
                f"The futility border is {self.futile_below:g}; it must be at least 0 and below 1."
            )

    @property
    def looks(self) -> tuple[int, ...]:
        """The numbers of seeds at which the data are looked at."""
        return tuple(self.levels)

    @property
    def last(self) -> int:
        """The largest number of seeds."""
        return self.looks[-1]

    def strictness(self, seeds: int) -> decision_rule.Strictness:
        """Level and caution of one look: the larger k at all but the last, whose level is near 5%."""
        caution = decision_rule.CAUTION_AT_LEVEL if seeds == self.last else decision_rule.CAUTION_BELOW_LEVEL
        return decision_rule.Strictness(self.levels[seeds], caution)

    @property
    def text(self) -> str:
        """The design in words, for the results."""
        levels = ", ".join(f"{level:g} at {seeds}" for seeds, level in self.levels.items())
        return (
            f"one-sided levels {levels} seeds; given up where the chance of a claim is below "
            f"{self.futile_below:.0%}"
        )


@dataclass(frozen=True)
class SequentialLook:
    """The state of a sequential study.

    Attributes:
        verdict: the verdict so far; its interval is that of the last look; `inconclusive` while it continues.
        state: `claim`, `futile` or `last look` where the study stops, else `continue`.
        next_seeds: number of seeds at the next look, None where the study stops.
        looked_at: numbers of seeds that were looked at.
        chance_of_claim: predicted chance of any claim at the last look; None at the last look.
        p_reproduced: p value of `reproduced` over the looks so far, adjusted for them.
        p_different: that of `different`.
    """

    verdict: Verdict
    state: str
    next_seeds: int | None
    looked_at: tuple[int, ...]
    chance_of_claim: float | None
    p_reproduced: float
    p_different: float


def sequential_verdict(
    reported: ReportedNumber,
    runs: Sequence[float] | np.ndarray,
    comparison: Comparison,
    plan: SequentialPlan | None = None,
) -> SequentialLook:
    """Look at the seeds trained so far, all earlier looks included.

    Args:
        reported: the reported number.
        runs: our score of every seed in the order of their labels, `[seeds]`; exactly as many as a look has.
        comparison: the margin and what else the question fixes.
        plan: the design; the default has looks at 3, 5 and 10 seeds.

    Raises:
        TablesError: the number of runs is not one of the looks.
    """
    plan = SequentialPlan() if plan is None else plan
    ours = checks.scores(runs, "ours")
    if len(ours) not in plan.looks:
        listed = ", ".join(map(str, plan.looks))
        raise TablesError(
            f"{len(ours)} seeds are not a planned look: this design looks at {listed} seeds, and looking in "
            "between would make its error larger than it says."
        )
    p_of_look: dict[str, dict[int, float]] = {"reproduced": {}, "different": {}}
    looked: list[int] = []
    for seeds in [look for look in plan.looks if look <= len(ours)]:
        looked.append(seeds)
        verdict, bounds = _one_look(reported, ours[:seeds], comparison, plan, seeds)
        if bounds is not None:
            p_of_look["reproduced"][seeds] = float(bounds.p_reproduced)
            p_of_look["different"][seeds] = float(bounds.p_different)
        chance = None if seeds == plan.last else chance_of_claim(reported, ours[:seeds], comparison, plan)
        state = _state(verdict, seeds, chance, plan)
        if state != CONTINUE:
            break
    later = [look for look in plan.looks if look > looked[-1]]
    return SequentialLook(
        verdict=verdict,
        state=state,
        next_seeds=later[0] if state == CONTINUE else None,
        looked_at=tuple(looked),
        chance_of_claim=chance,
        p_reproduced=sequential_p(p_of_look["reproduced"], plan),
        p_different=sequential_p(p_of_look["different"], plan),
    )


def _one_look(
    reported: ReportedNumber, ours: np.ndarray, comparison: Comparison, plan: SequentialPlan, seeds: int
) -> tuple[Verdict, decision_rule.Bounds | None]:
    """The verdict at the level of one look, and its bounds; no bounds where the rule cannot be applied."""
    verdict = judge(reported, ours, comparison)
    if verdict.p_reproduced is None or verdict.our_sd_percent is None:
        return verdict, None
    interpretations, _ = interpretations_of(
        reported, verdict.our_sd_percent, comparison.largest_known_sd_percent
    )
    difference = float(verdict.difference_percent or 0.0)
    bounds = decision_rule.bounds_of_difference(
        difference,
        verdict.our_sd_percent,
        seeds,
        interpretations,
        comparison.margin_percent,
        plan.strictness(seeds),
    )
    low, high = decision_rule.confidence_interval(difference, bounds)
    name = decision_rule.verdict_of_interval(low, high, comparison.margin_percent)
    if not verdict.claims:
        # What prevents a claim at 5% (near the random policy, a spread that is not known) still does.
        name = verdict.verdict
    fields: dict[str, Any] = {"verdict": name, "adjusted_verdict": name}
    if math.isfinite(high):
        fields |= {
            "interval_low": low,
            "interval_high": high,
            "detectable": not low <= 0 <= high,
            "smallest_margin_percent": max(abs(low), abs(high)),
        }
    if name == decision_rule.INCONCLUSIVE:
        fields["flags"] = tuple(f for f in verdict.flags if f != decision_rule.WITHIN_IMPLEMENTATION_SPREAD)
    return replace(verdict, **fields), bounds


def _state(verdict: Verdict, seeds: int, chance: float | None, plan: SequentialPlan) -> str:
    if verdict.claims:
        return CLAIM
    if seeds == plan.last:
        return LAST_LOOK
    if verdict.verdict == decision_rule.UNINFORMATIVE or verdict.verdict == decision_rule.NOT_JUDGED:
        return FUTILE
    return FUTILE if chance is not None and chance < plan.futile_below else CONTINUE


def chance_of_claim(
    reported: ReportedNumber,
    runs: Sequence[float] | np.ndarray,
    comparison: Comparison,
    plan: SequentialPlan | None = None,
) -> float:
    """Predicted chance of any claim at the last look, from the seeds so far.

    The mean of all seeds at the last look is normal about the present one with standard deviation
    s sqrt(1 / n - 1 / last); the half-width there is taken from the present s.

    Args:
        reported: the reported number.
        runs: our scores so far, `[seeds]`, at least 2 and fewer than the last look's.
        comparison: the margin.
        plan: the design.

    Raises:
        TablesError: fewer than two seeds, or as many as the last look has.
    """
    plan = SequentialPlan() if plan is None else plan
    ours = checks.scores(runs, "ours", 2)
    if len(ours) >= plan.last:
        raise TablesError(f"After {len(ours)} seeds there is no later look of this design.")
    sd = checks.sample_sd(ours)
    counts = reported.seed_counts
    if sd == 0 or (counts is not None and counts[0] < 2):
        return 0.0
    difference = float(ours.mean()) - reported.mean_percent
    interpretations, _ = interpretations_of(reported, sd, comparison.largest_known_sd_percent)
    bounds = decision_rule.bounds_of_difference(
        difference,
        sd,
        plan.last,
        interpretations,
        comparison.margin_percent,
        plan.strictness(plan.last),
    )
    spread = sd * math.sqrt(1 / len(ours) - 1 / plan.last)
    return float(
        chance_at_last_look(difference, spread, bounds.half_width_percent, comparison.margin_percent)
    )


def chance_at_last_look(
    difference_percent: Any, later_sd_percent: Any, half_width_percent: Any, margin_percent: float
) -> Any:
    """P(|later d| < M - half) + P(|later d| > M + half) for a normal later difference, on arrays too.

    Args:
        difference_percent: of the means at this look, in points.
        later_sd_percent: standard deviation of the later mean about the present one, in points, above 0.
        half_width_percent: of the interval at the last look, in points.
        margin_percent: the margin M, in points.

    Raises:
        TablesError: a margin that is not above 0, a negative standard deviation, or what is not a number.
    """
    from scipy import special

    checks.margin(margin_percent)
    checks.finite(difference_percent, "The difference of the means")
    checks.not_negative(later_sd_percent, "The standard deviation of the later mean")
    checks.numbers(half_width_percent, "The half-width at the last look")
    inner, outer = margin_percent - half_width_percent, margin_percent + half_width_percent
    inside = special.ndtr((inner - difference_percent) / later_sd_percent) - special.ndtr(
        (-inner - difference_percent) / later_sd_percent
    )
    beyond = special.ndtr((difference_percent - outer) / later_sd_percent) + special.ndtr(
        (-difference_percent - outer) / later_sd_percent
    )
    return np.where(inner > 0, inside, 0.0) + beyond


def sequential_p(p_of_look: Mapping[int, float], plan: SequentialPlan | None = None) -> float:
    """The p value of one claim over the looks so far.

    Args:
        p_of_look: number of seeds -> p value at that look.
        plan: the design.

    Returns:
        The smallest of 0.05 p / level over the looks, at most 1: below 0.05 exactly where a look claims.

    Raises:
        TablesError: a number of seeds that is not a look, or a p value that is not from 0 to 1.
    """
    checks.of_kind(p_of_look, Mapping, "The p values of the looks, by number of seeds,")
    checks.p_values(list(p_of_look.values()))
    plan = SequentialPlan() if plan is None else plan
    strangers = sorted(set(p_of_look) - set(plan.looks))
    if strangers:
        raise TablesError(
            f"{strangers[0]} seeds are not a planned look; this design looks at "
            f"{', '.join(map(str, plan.looks))}."
        )
    return min([1.0, *(decision_rule.LEVEL * p / plan.levels[seeds] for seeds, p in p_of_look.items())])
