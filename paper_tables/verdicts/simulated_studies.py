"""Simulated studies of one number whose truth is known: how often the rule claims what is not so.

A study draws the seeds of both sides from their laws (`laws.py`), lets the paper print what it prints, and
applies the rule with the arithmetic of `judge`, for all studies at once. Which studies are run is in
``simulation.py``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from recheck.errors import TablesError

from paper_tables.verdicts import checks, decision_rule
from paper_tables.verdicts.laws import Law, Normal, real_laws
from paper_tables.verdicts.reported_error import (
    Interpretation,
    assumed_interpretations,
    printed_interpretations,
)
from paper_tables.verdicts.sequential import SequentialPlan, chance_at_last_look

MARGIN_PERCENT = 5.0
STUDIES = 40_000
LEAST_STUDIES = 100
COVERAGE_STUDIES_PER_LAW = 1000

RULE, WELCH, POOLED = "rule", "Welch alone", "pooled alone"


@dataclass(frozen=True)
class Printed:
    """What the simulated paper prints of its side.

    Attributes:
        spread: `sd`, `se` or `nothing`.
        kind: what the reader takes it for, one of `reported_error.SPREAD_KINDS`.
        states_seeds: whether the number of seeds is stated.
    """

    spread: str = "sd"
    kind: str = "standard_deviation_over_seeds"
    states_seeds: bool = True

    @property
    def text(self) -> str:
        """In words, for the results."""
        meaning = "meaning not stated" if self.kind == "unknown" else "meaning stated"
        seeds = "seeds stated" if self.states_seeds else "seeds not stated"
        return f"{self.spread}, {seeds}" if self.spread == "nothing" else f"{self.spread}, {meaning}, {seeds}"


STATED = Printed()


@dataclass(frozen=True)
class Scenario:
    """Two sides, what the paper prints, and the true difference.

    Attributes:
        family: see the top of this file.
        law: name of the law, for the results.
        ours: law of our seeds.
        theirs: law of the reported seeds.
        our_seeds: our number of seeds.
        their_seeds: the reported number of seeds.
        printed: what the paper prints.
        true_difference_percent: our true mean minus theirs; at the margin both signs are simulated.
    """

    family: str
    law: str
    ours: Law
    theirs: Law
    our_seeds: int
    their_seeds: int
    printed: Printed = STATED
    true_difference_percent: float = MARGIN_PERCENT


@dataclass(frozen=True)
class Rates:
    """Shares of studies with each claim, 0 to 1."""

    reproduced: float
    higher: float
    lower: float

    @property
    def different(self) -> float:
        """Share of `different`, either way."""
        return self.higher + self.lower

    @property
    def worst_claim(self) -> float:
        """The larger of the three: the one-sided error at the margin."""
        return max(self.reproduced, self.higher, self.lower)


def simulate(scenario: Scenario, studies: int = STUDIES, seed: int = 0, variant: str = RULE) -> Rates:
    """Shares of the claims in many studies of one scenario; at the margin the worst over both signs.

    Raises:
        TablesError: fewer than 100 studies.
    """
    return simulate_variants(scenario, studies, seed, (variant,))[variant]


def simulate_variants(
    scenario: Scenario, studies: int = STUDIES, seed: int = 0, variants: Sequence[str] = (RULE, WELCH)
) -> dict[str, Rates]:
    """`simulate` for several variants of the rule on the same studies.

    Args:
        scenario: the two sides.
        studies: number of studies.
        seed: of the draw.
        variants: out of `RULE`, `WELCH` and `POOLED`.

    Raises:
        TablesError: fewer than 100 studies.
    """
    refuse_few(studies)
    rng = np.random.default_rng(seed)
    ours = scenario.ours.draw(rng, (studies, scenario.our_seeds))
    theirs = scenario.theirs.draw(rng, (studies, scenario.their_seeds))
    sd, their_sd = ours.std(axis=1, ddof=1), theirs.std(axis=1, ddof=1)
    difference = ours.mean(axis=1) - theirs.mean(axis=1)
    return {
        variant: worst_rates(
            difference,
            half_widths(sd, scenario.our_seeds, their_sd, scenario, variant),
            scenario.true_difference_percent,
        )
        for variant in variants
    }


def refuse_few(studies: int) -> None:
    """Refuse a simulation of fewer than 100 studies.

    Raises:
        TablesError: it has fewer.
    """
    if checks.count(studies, "The number of studies", 0) < LEAST_STUDIES:
        raise TablesError(
            f"A simulation of {studies} studies says nothing; at least {LEAST_STUDIES} are needed."
        )


def simulate_public(
    scores_percent: np.ndarray,
    our_seeds: int,
    their_seeds: int,
    studies: int,
    seed: int,
    variants: Sequence[str] = (RULE, WELCH),
) -> dict[str, Rates]:
    """Rates at the margin for both sides drawn from one group of real runs, without replacement.

    A study with a side without any spread is not judged.

    Args:
        scores_percent: of the group, mean 0, `[runs]`.
        our_seeds: our number of seeds.
        their_seeds: the reported number of seeds.
        studies: number of studies.
        seed: of the draw.
        variants: of the rule.

    Raises:
        TablesError: fewer than 100 studies, or fewer runs than the two sides need.
    """
    refuse_few(studies)
    drawn_runs = our_seeds + their_seeds
    if len(scores_percent) < drawn_runs:
        raise TablesError(f"{drawn_runs} runs cannot be drawn from {len(scores_percent)}.")
    rng = np.random.default_rng(seed)
    # The runs with the smallest of independent keys: a draw without replacement. Their order is drawn again,
    # since a partition leaves the smallest in an order of its own.
    keys = rng.random((studies, len(scores_percent)))
    chosen = np.argpartition(keys, drawn_runs - 1, axis=1)[:, :drawn_runs]
    drawn = scores_percent[rng.permuted(chosen, axis=1)]
    ours, theirs = drawn[:, :our_seeds], drawn[:, our_seeds:]
    sd, their_sd = ours.std(axis=1, ddof=1), theirs.std(axis=1, ddof=1)
    difference = ours.mean(axis=1) - theirs.mean(axis=1)
    sides = Normal(1.0), Normal(1.0)
    found = {}
    for variant in variants:
        half = half_widths(sd, our_seeds, their_sd, Scenario("", "", *sides, our_seeds, their_seeds), variant)
        half[(sd == 0) | (their_sd == 0)] = np.inf
        found[variant] = worst_rates(difference, half, MARGIN_PERCENT)
    return found


def worst_rates(difference: np.ndarray, half: np.ndarray, true_difference_percent: float) -> Rates:
    """Rates of the claims at +- the true difference, each the larger of the two signs.

    Args:
        difference: of the means, true difference 0, `[studies]`.
        half: half-widths of the intervals, `[studies]`.
        true_difference_percent: in points.
    """
    found = []
    for shift in sorted({true_difference_percent, -true_difference_percent}):
        codes = decision_rule.claims_of_intervals(
            difference + shift - half, difference + shift + half, MARGIN_PERCENT
        )
        found.append(Rates(*(float((codes == code).mean()) for code in (1, 2, -2))))
    if abs(true_difference_percent) > MARGIN_PERCENT:
        # Beyond the margin `different` in the true direction is right: power, not error.
        return Rates(max(f.reproduced for f in found), found[-1].higher, 0.0)
    return Rates(max(f.reproduced for f in found), max(f.higher for f in found), max(f.lower for f in found))


def half_widths(
    our_sd: np.ndarray, our_seeds: int, their_sd: np.ndarray, scenario: Scenario, variant: str = RULE
) -> np.ndarray:
    """The rule's half-widths, or those of one variance assumption alone, `[studies]`."""
    interpretations = interpretations_of_studies(our_sd, their_sd, scenario.their_seeds, scenario.printed)
    half = np.zeros_like(our_sd)
    for interpretation in interpretations:
        for estimate in _estimates(our_sd, our_seeds, interpretation, variant):
            half = np.maximum(half, tabulated_half_width(estimate))
    return half


QUANTILES = 1 << 15
"""Number of tabulated quantiles of Student's t, evenly spaced in 1 / df."""


@cache
def _quantiles(level: float) -> np.ndarray:
    """Upper quantiles of Student's t at 1 / df = 0, ..., 1, `[QUANTILES + 1]`."""
    from scipy import special

    inverse = np.arange(1, QUANTILES + 1) / QUANTILES
    return np.concatenate([[special.ndtri(1 - level)], special.stdtrit(1 / inverse, 1 - level)])


def tabulated_half_width(
    estimate: decision_rule.ErrorEstimate, level: float = decision_rule.LEVEL
) -> np.ndarray:
    """`decision_rule.half_width` by linear interpolation of the quantile in 1 / df: right to 1e-7 of itself.

    A root is found for every degree of freedom otherwise, which is most of the time of a simulation.

    Args:
        estimate: with at least one degree of freedom.
        level: of each one-sided test.
    """
    table = _quantiles(level)
    df = np.asarray(estimate.df, dtype=float)
    if df.size and (df == df.flat[0]).all():
        return decision_rule.half_width(
            decision_rule.ErrorEstimate(estimate.error_percent, df.flat[0]), level
        )
    place = QUANTILES / df
    left = np.minimum(place.astype(int), QUANTILES - 1)
    quantile = table[left] + (place - left) * (table[left + 1] - table[left])
    result: np.ndarray = quantile * estimate.error_percent
    return result


def _estimates(
    our_sd: np.ndarray, our_seeds: int, interpretation: Interpretation, variant: str
) -> Sequence[decision_rule.ErrorEstimate]:
    if variant == RULE:
        return list(decision_rule.error_estimates(our_sd, our_seeds, [interpretation]))
    reported_variance = np.square(interpretation.error_percent) * interpretation.seeds
    unequal, equal = decision_rule.two_error_estimates(
        our_sd**2, our_seeds, reported_variance, interpretation.seeds, caution=0.0
    )
    if interpretation.assumed:
        return [replace(unequal, df=np.minimum(unequal.df, our_seeds - 1))]
    return [unequal] if variant == WELCH else [equal]


def interpretations_of_studies(
    our_sd: np.ndarray, their_sd: np.ndarray, their_seeds: int, printed: Printed
) -> list[Interpretation]:
    """The interpretations that `judge` would try, for all studies at once."""
    seeds = their_seeds if printed.states_seeds else None
    if printed.spread == "nothing":
        return assumed_interpretations(seeds, our_sd)[0]
    spread = their_sd if printed.spread == "sd" else their_sd / math.sqrt(their_seeds)
    return printed_interpretations(spread, printed.kind, seeds, None)[0]


@cache
def coverage_of_one_mean(num_seeds: int, level: float = 0.95, seed: int = 0) -> float:
    """Share of t intervals of one mean over seeds that hold the truth, on the residuals of real runs.

    Args:
        num_seeds: at least 2.
        level: nominal coverage.
        seed: of the draw.
    """
    from scipy import special

    rng = np.random.default_rng([seed, num_seeds])
    held = []
    for law in real_laws().values():
        scores = law.draw(rng, (COVERAGE_STUDIES_PER_LAW, num_seeds))
        error = scores.std(axis=1, ddof=1) / math.sqrt(num_seeds)
        half = special.stdtrit(num_seeds - 1, 0.5 + level / 2) * error
        held.append(float((np.abs(scores.mean(axis=1)) <= half).mean()))
    return float(np.mean(held))


# Sequential seeds.


def rates_of_codes(codes: np.ndarray) -> Rates:
    """Shares of the claims, coded as in `decision_rule.claims_of_intervals`, `[studies]`."""
    return Rates(*(float((codes == code).mean()) for code in (1, 2, -2)))


@dataclass(frozen=True)
class SequentialRates:
    """Claims of a sequential study and the seeds that it took."""

    rates: Rates
    mean_seeds: float


def simulate_sequential(
    scenario: Scenario, studies: int = STUDIES, seed: int = 0, plan: SequentialPlan | None = None
) -> SequentialRates:
    """Claims over all looks, with the futility rule; the worst over both signs of the true difference.

    Args:
        scenario: `our_seeds` is ignored, the plan has them.
        studies: number of studies.
        seed: of the draw.
        plan: the design.
    """
    refuse_few(studies)
    plan = SequentialPlan() if plan is None else plan
    rng = np.random.default_rng(seed)
    ours = scenario.ours.draw(rng, (studies, plan.last))
    theirs = scenario.theirs.draw(rng, (studies, scenario.their_seeds))
    their_mean, their_sd = theirs.mean(axis=1), theirs.std(axis=1, ddof=1)
    found, seeds_used = [], []
    for shift in sorted({scenario.true_difference_percent, -scenario.true_difference_percent}):
        codes, used = _sequential_codes(ours + shift - their_mean[:, None], their_sd, scenario, plan)
        found.append(rates_of_codes(codes))
        seeds_used.append(float(used.mean()))
    worst = Rates(max(f.reproduced for f in found), max(f.higher for f in found), max(f.lower for f in found))
    if abs(scenario.true_difference_percent) > MARGIN_PERCENT:
        worst = Rates(worst.reproduced, found[-1].higher, 0.0)
    return SequentialRates(worst, max(seeds_used))


def _sequential_codes(
    differences: np.ndarray, their_sd: np.ndarray, scenario: Scenario, plan: SequentialPlan
) -> tuple[np.ndarray, np.ndarray]:
    """Claims and seeds used, `[studies]` each, from our seeds minus the reported mean."""
    codes = np.zeros(len(differences), dtype=int)
    used = np.full(len(differences), plan.last)
    active = np.ones(len(differences), dtype=bool)
    for seeds in plan.looks:
        now = differences[:, :seeds]
        difference, sd = now.mean(axis=1), now.std(axis=1, ddof=1)
        interpretations = interpretations_of_studies(sd, their_sd, scenario.their_seeds, scenario.printed)

        def half(number: int, sd: np.ndarray = sd, known: Any = interpretations) -> np.ndarray:
            strictness = plan.strictness(number)
            estimates = decision_rule.error_estimates(sd, number, known, strictness.caution)
            widths = [tabulated_half_width(estimate, strictness.level) for estimate in estimates]
            return np.asarray(np.max(widths, axis=0))

        width = half(seeds)
        found = decision_rule.claims_of_intervals(difference - width, difference + width, MARGIN_PERCENT)
        stops = active & (found != 0)
        codes[stops], used[stops] = found[stops], seeds
        active &= found == 0
        if seeds != plan.last:
            later = sd * math.sqrt(1 / seeds - 1 / plan.last)
            width = half(plan.last)
            chance = chance_at_last_look(difference, later, width, MARGIN_PERCENT)
            futile = active & (chance < plan.futile_below)
            used[futile] = seeds
            active &= ~futile
    return codes, used
