"""How many seeds a verdict needs: the chance of a claim, and the smallest number that gives 80%.

The chance is computed by quadrature over the distributions of the sample variances, not by drawing: given
both sample variances the difference of the means is normal and independent of them, so
P(reproduced) = E[ P(|d| < M - half) ] with the half-width of the rule. Same input, same figure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from recheck.errors import TablesError

from paper_tables.verdicts import checks, decision_rule
from paper_tables.verdicts.reported_error import Interpretation

LARGEST_NUMBER_OF_SEEDS = 100
WANTED_CHANCE = 0.80
NEVER = "never"
_NODES = 100
_NODES_OF_BOTH = 40
_EVERY_NUMBER_UP_TO = 30
_THEN_STEPS_OF = 10

PRINTED, ASSUMED, HYPOTHETICAL = "printed", "assumed", "hypothetical"
SPREADS = (PRINTED, ASSUMED, HYPOTHETICAL)


@dataclass(frozen=True)
class TwoSides:
    """Two sides whose true spreads between seeds are known, in points.

    Attributes:
        our_seeds: our number of training seeds, at least 2.
        reported_seeds: the reported number of training seeds, at least 2.
        our_sd_percent: true standard deviation between our seeds.
        reported_sd_percent: that between the reported seeds.
        reported_spread: `printed`, the reported sample standard deviation is already known to be this one;
            `assumed`, the paper prints none and this multiple of our sample standard deviation is assumed;
            `hypothetical`, it varies from one hypothetical paper to the next.
    """

    our_seeds: int
    reported_seeds: int
    our_sd_percent: float
    reported_sd_percent: float
    reported_spread: str = HYPOTHETICAL

    def __post_init__(self) -> None:
        """Refuse what has no meaning.

        Raises:
            TablesError: fewer than two seeds or a number that is not whole, a standard deviation that is
                negative or not finite, or an unknown kind of spread.
        """
        ours = checks.count(self.our_seeds, "Our number of seeds", 0)
        reported = checks.count(self.reported_seeds, "The reported number of seeds", 0)
        if min(ours, reported) < 2:
            raise TablesError(f"A verdict needs at least 2 seeds on either side, not {ours} and {reported}.")
        checks.not_negative(self.our_sd_percent, "The standard deviation between our seeds")
        checks.not_negative(self.reported_sd_percent, "The standard deviation between the reported seeds")
        if self.reported_spread not in SPREADS:
            raise TablesError(f"A reported spread is {', '.join(SPREADS)}, not '{self.reported_spread}'.")

    @property
    def true_error_percent(self) -> float:
        """Standard deviation of the difference of the means, in points."""
        return math.sqrt(
            self.our_sd_percent**2 / self.our_seeds + self.reported_sd_percent**2 / self.reported_seeds
        )


@dataclass(frozen=True)
class Chances:
    """Chances of the claims, 0 to 1."""

    reproduced: float
    different: float


def chances_of_claims(
    sides: TwoSides,
    margin_percent: float,
    true_difference_percent: float = 0.0,
    level: float = decision_rule.LEVEL,
) -> Chances:
    """Chances that a number is judged `reproduced` and `different`, for normal seeds.

    Args:
        sides: seeds and true spreads of both.
        margin_percent: the margin M, in points.
        true_difference_percent: our true mean minus the reported one, in points.
        level: of each one-sided test.

    Raises:
        TablesError: the margin is not above 0, the true difference is not finite, or the level is none.
    """
    checks.margin(margin_percent)
    checks.finite(true_difference_percent, "The true difference")
    checks.level(level)
    half = _half_widths(sides, level)
    error = sides.true_error_percent
    if error == 0:
        outside = abs(true_difference_percent) > margin_percent
        return Chances(float(abs(true_difference_percent) < margin_percent), float(outside))
    from scipy import special

    inner, outer = margin_percent - half, margin_percent + half
    inside = special.ndtr((inner - true_difference_percent) / error) - special.ndtr(
        (-inner - true_difference_percent) / error
    )
    beyond = special.ndtr((true_difference_percent - outer) / error) + special.ndtr(
        (-true_difference_percent - outer) / error
    )
    return Chances(float(np.where(inner > 0, inside, 0.0).mean()), float(beyond.mean()))


def _half_widths(sides: TwoSides, level: float) -> np.ndarray:
    """The rule's half-widths over the nodes of both sample variances, `[nodes]`, in points."""
    varies = sides.reported_spread == HYPOTHETICAL
    nodes = _NODES_OF_BOTH if varies else _NODES
    ours = _variance_nodes(sides.our_sd_percent, sides.our_seeds, nodes)
    caution = (
        decision_rule.CAUTION_AT_LEVEL if level >= decision_rule.LEVEL else decision_rule.CAUTION_BELOW_LEVEL
    )
    if sides.reported_spread == ASSUMED:
        ratio = sides.reported_sd_percent / sides.our_sd_percent if sides.our_sd_percent > 0 else 1.0
        error = np.sqrt(ours) * ratio / math.sqrt(sides.reported_seeds)
        known = Interpretation(sides.reported_seeds, error, assumed=True)
    elif sides.reported_spread == PRINTED:
        known = Interpretation(
            sides.reported_seeds, sides.reported_sd_percent / math.sqrt(sides.reported_seeds)
        )
    else:
        theirs = _variance_nodes(sides.reported_sd_percent, sides.reported_seeds, nodes)
        ours, reported = (grid.ravel() for grid in np.meshgrid(ours, theirs))
        known = Interpretation(sides.reported_seeds, np.sqrt(reported / sides.reported_seeds))
    half = np.zeros_like(ours)
    for estimate in decision_rule.error_estimates(np.sqrt(ours), sides.our_seeds, [known], caution):
        half = np.maximum(half, decision_rule.half_width(estimate, level))
    return half


def _variance_nodes(sd: float, num_seeds: int, nodes: int) -> np.ndarray:
    """Equal-probability nodes of the sample variance of `num_seeds` normal scores, `[nodes]`."""
    return np.zeros(1) if sd == 0 else sd**2 * _unit_variance_nodes(num_seeds, nodes)


@lru_cache(maxsize=256)
def _unit_variance_nodes(num_seeds: int, nodes: int) -> np.ndarray:
    from scipy import stats

    probabilities = (np.arange(nodes) + 0.5) / nodes
    return np.asarray(stats.chi2.ppf(probabilities, num_seeds - 1) / (num_seeds - 1))


def least_half_width(
    our_sd_percent: float, interpretation: Interpretation, level: float = decision_rule.LEVEL
) -> float:
    """What the half-width tends to as our number of seeds grows, in points.

    With m reported seeds and a reported standard deviation t it is the larger of t(m - 1) t / sqrt(m), under
    unequal variances, and z s / sqrt(m), under equal ones; with an assumed spread both have the normal
    quantile.

    Args:
        our_sd_percent: standard deviation s between our seeds, in points.
        interpretation: of the reported number.
        level: of each one-sided test.

    Raises:
        TablesError: a standard deviation that is negative or not finite, or no level.
    """
    from scipy import special

    checks.not_negative(our_sd_percent, "Our standard deviation over seeds")
    checks.of_kind(interpretation, Interpretation, "The interpretation")
    checks.level(level)
    if interpretation.seeds < 2 or math.isinf(interpretation.error_percent):
        return math.inf
    normal = float(special.ndtri(1 - level))
    quantile = (
        normal if interpretation.assumed else float(special.stdtrit(interpretation.seeds - 1, 1 - level))
    )
    return max(
        quantile * float(interpretation.error_percent),
        normal * our_sd_percent / math.sqrt(interpretation.seeds),
    )


def check_wanted(wanted_chance: float, largest: int) -> None:
    """Refuse a wanted chance that is not above 0 and below 1, and a search that ends before two seeds.

    Raises:
        TablesError: as it says.
    """
    checks.count(largest, "The largest number of seeds", 2)
    checks.between(wanted_chance, "The wanted chance", 0.0, 1.0)


def seeds_needed(
    our_sd_percent: float,
    interpretation: Interpretation,
    margin_percent: float,
    level: float = decision_rule.LEVEL,
    wanted_chance: float = WANTED_CHANCE,
    largest: int = LARGEST_NUMBER_OF_SEEDS,
) -> str:
    """Our smallest number of seeds with the wanted chance of `reproduced` at true difference zero.

    Args:
        our_sd_percent: standard deviation between our seeds, in points, as estimated from those there are.
        interpretation: of the reported number; its spread is taken as printed.
        margin_percent: the margin M, in points.
        level: of each one-sided test.
        wanted_chance: the chance asked for.
        largest: the search ends here.

    Returns:
        The number, `never` where the reported number's own error is as wide as the margin, or `>100`.

    Raises:
        TablesError: a margin that is not above 0, a standard deviation that is negative or not finite, or a
            chance or largest number that has no meaning.
    """
    # Checked before they are looked up: what cannot be hashed is refused in words too.
    sd = checks.number(our_sd_percent, "Our standard deviation over seeds")
    margin = checks.number(checks.margin(margin_percent), "The margin")
    checks.of_kind(interpretation, Interpretation, "The interpretation")
    error = interpretation.error_percent
    if np.ndim(error) != 0 or math.isfinite(error):
        error = checks.number(error, "The standard error of an interpretation")
    check_wanted(wanted_chance, largest)
    known = replace(interpretation, error_percent=float(error))
    return _seeds_needed(sd, known, margin, checks.level(level), wanted_chance, int(largest))


@lru_cache(maxsize=4096)
def _seeds_needed(
    our_sd_percent: float,
    interpretation: Interpretation,
    margin_percent: float,
    level: float,
    wanted_chance: float,
    largest: int,
) -> str:
    """`seeds_needed` of checked arguments."""
    if least_half_width(our_sd_percent, interpretation, level) >= margin_percent:
        return NEVER
    sides = TwoSides(
        2,
        interpretation.seeds,
        our_sd_percent,
        float(interpretation.error_percent) * math.sqrt(interpretation.seeds),
        ASSUMED if interpretation.assumed else PRINTED,
    )

    def enough(seeds: int) -> bool:
        at_this = replace(sides, our_seeds=seeds)
        return chances_of_claims(at_this, margin_percent, level=level).reproduced >= wanted_chance

    # A search upwards, not halving: the degrees of freedom fall towards the paper's m - 1 as our share of
    # the error vanishes, so the chance need not grow with every seed of ours.
    tried = [*range(2, min(_EVERY_NUMBER_UP_TO, largest) + 1)]
    tried += [*range(_EVERY_NUMBER_UP_TO + _THEN_STEPS_OF, largest + 1, _THEN_STEPS_OF)]
    for before, seeds in zip([1, *tried], tried):
        if enough(seeds):
            return str(next(n for n in range(before + 1, seeds + 1) if n == seeds or enough(n)))
    return f">{largest}"


def seeds_needed_by_all(
    our_sd_percent: float,
    interpretations: Sequence[Interpretation],
    margin_percent: float,
    level: float = decision_rule.LEVEL,
) -> str:
    """`seeds_needed` for the most demanding interpretation of the reported number.

    Raises:
        TablesError: no interpretation, or as `seeds_needed`.
    """
    checks.list_of(interpretations, Interpretation, "The interpretations")
    if not interpretations:
        raise TablesError("A verdict needs at least one interpretation of the reported spread.")
    needed = [
        seeds_needed(our_sd_percent, interpretation, margin_percent, level)
        for interpretation in interpretations
    ]
    if NEVER in needed:
        return NEVER
    return max(needed, key=lambda text: math.inf if text.startswith(">") else int(text))
