"""Simulated families of numbers, and correct re-implementations: what many claims at once are worth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from paper_tables import literature
from paper_tables.verdicts import decision_rule
from paper_tables.verdicts.implementations import bands_of_reruns, domain_of, rerun_differences
from paper_tables.verdicts.laws import Law, Normal, real_laws
from paper_tables.verdicts.multiplicity import FALSE_DISCOVERY_RATE, holm
from paper_tables.verdicts.reported_error import Interpretation
from paper_tables.verdicts.simulated_studies import LEAST_STUDIES, MARGIN_PERCENT

FAMILY_SIZES = (9, 27, 63)
FAMILY_SEEDS = ((5, 5), (10, 10))
FAMILY_AT_MARGIN = 9
SDS_AT_MARGIN = ((0.3, 0.1), (0.1, 0.3))
SEEDS_AT_MARGIN = ((3, 5), (3, 10), (5, 10))
SHARES = {0.0: 0.6, MARGIN_PERCENT: 0.2, 2 * MARGIN_PERCENT: 0.2}
"""True difference -> share of a family's numbers."""

IMPLEMENTATION_SEEDS = ((3, 5), (5, 5), (10, 10), (20, 20))
BENJAMINI_HOCHBERG, HOLM, RAW = "Benjamini-Hochberg", "Holm", "raw"


@dataclass(frozen=True)
class FamilyRates:
    """What is claimed in many simulated families, as shares of the numbers of which it is true.

    Attributes:
        reproduced: claims of `reproduced` among numbers with true difference 0.
        different: claims of `different` among numbers at twice the margin.
        false_share: false claims among all claims.
        any_false: families with at least one false claim, the larger share of the two claims apart.
    """

    reproduced: float
    different: float
    false_share: float
    any_false: float


def simulate_families(
    laws: Sequence[tuple[Law, Law]],
    true_differences: np.ndarray,
    seeds: tuple[int, int],
    seed: int = 0,
) -> Mapping[str, FamilyRates]:
    """Judge families of numbers together.

    Args:
        laws: of both sides; number j of every family has the one at j modulo their number, shifted from
            family to family.
        true_differences: `[families, numbers]`, in points.
        seeds: ours and theirs.
        seed: of the draw.

    Returns:
        Procedure -> rates: Benjamini and Hochberg, Holm, and none.
    """
    rng = np.random.default_rng(seed)
    families, size = true_differences.shape
    shift = np.arange(families)[:, None] * 7
    which = (np.arange(size)[None, :] + shift) % len(laws)
    difference, sd, their_sd = (np.empty((families, size)) for _ in range(3))
    for place, (ours, theirs) in enumerate(laws):
        here = which == place
        ours_drawn = ours.draw(rng, (int(here.sum()), seeds[0]))
        theirs_drawn = theirs.draw(rng, (int(here.sum()), seeds[1]))
        difference[here] = ours_drawn.mean(axis=1) - theirs_drawn.mean(axis=1)
        sd[here], their_sd[here] = ours_drawn.std(axis=1, ddof=1), theirs_drawn.std(axis=1, ddof=1)
    difference += true_differences
    known = [Interpretation(seeds[1], their_sd / math.sqrt(seeds[1]))]
    raw = decision_rule.bounds_of_difference(difference, sd, seeds[0], known, MARGIN_PERCENT)
    cautious = decision_rule.bounds_of_difference(
        difference, sd, seeds[0], known, MARGIN_PERCENT, decision_rule.CAUTIOUS
    )
    kept: dict[str, tuple[np.ndarray, np.ndarray]] = {
        RAW: (raw.p_reproduced < decision_rule.LEVEL, raw.p_different < decision_rule.LEVEL)
    }
    p_values = cautious.p_reproduced, cautious.p_different
    kept[BENJAMINI_HOCHBERG] = _kept_by_bh(p_values[0]), _kept_by_bh(p_values[1])
    kept[HOLM] = _kept_by_holm(p_values[0]), _kept_by_holm(p_values[1])
    return {
        name: _family_rates(reproduced, different, difference, true_differences)
        for name, (reproduced, different) in kept.items()
    }


def _kept_by_bh(p_values: np.ndarray) -> np.ndarray:
    """Benjamini and Hochberg in every row of `[families, numbers]`."""
    size = p_values.shape[1]
    ordered = np.sort(p_values, axis=1)
    below = ordered <= FALSE_DISCOVERY_RATE * np.arange(1, size + 1) / size
    largest = np.where(below, ordered, -1.0).max(axis=1, keepdims=True)
    result: np.ndarray = p_values <= largest
    return result


def _kept_by_holm(p_values: np.ndarray) -> np.ndarray:
    return np.array([holm(row) for row in p_values]) < decision_rule.LEVEL


def _family_rates(
    reproduced: np.ndarray, different: np.ndarray, difference: np.ndarray, true: np.ndarray
) -> FamilyRates:
    wrong_way = np.sign(difference) != np.sign(true)
    false_reproduced = reproduced & (np.abs(true) >= MARGIN_PERCENT)
    false_different = different & ((np.abs(true) <= MARGIN_PERCENT) | wrong_way)
    num_false = int(false_reproduced.sum() + false_different.sum())
    claims = int(reproduced.sum() + different.sum())
    same, far = true == 0, np.abs(true) == 2 * MARGIN_PERCENT
    return FamilyRates(
        reproduced=float(reproduced[same].mean()) if same.any() else math.nan,
        different=float(different[far].mean()) if far.any() else math.nan,
        false_share=num_false / claims if claims else 0.0,
        any_false=max(float(false.any(axis=1).mean()) for false in (false_reproduced, false_different)),
    )


def mixed_family_rows(size: int, seeds: tuple[int, int], studies: int, seed: int) -> list[dict[str, object]]:
    """Families of real runs with mixed truths, one row for each procedure.

    Args:
        size: numbers of a family.
        seeds: ours and theirs.
        studies: numbers in all that are simulated.
        seed: of the draw.
    """
    real = [(law, law) for law in real_laws().values()]
    families = max(LEAST_STUDIES, studies // size)
    rng = np.random.default_rng([seed, size, *seeds])
    true = rng.choice(list(SHARES), p=list(SHARES.values()), size=(families, size))
    true = true * rng.choice([-1.0, 1.0], size=true.shape)
    return [
        _row(f"real runs, {size} numbers", name, seeds, rates, families)
        for name, rates in simulate_families(real, true, seeds, seed).items()
    ]


def margin_family_rows(
    sds: tuple[float, float], seeds: tuple[int, int], studies: int, seed: int
) -> list[dict[str, object]]:
    """Families whose numbers all differ by the margin, one row for each procedure.

    Args:
        sds: standard deviations of ours and theirs, in points.
        seeds: ours and theirs.
        studies: numbers in all that are simulated.
        seed: of the draw.
    """
    families = max(LEAST_STUDIES, studies // FAMILY_AT_MARGIN)
    true = np.full((families, FAMILY_AT_MARGIN), MARGIN_PERCENT)
    law = f"all {FAMILY_AT_MARGIN} at the margin, normal, sds {10 * sds[0]:g}:{10 * sds[1]:g}"
    return [
        _row(law, name, seeds, rates, families)
        for name, rates in simulate_families([(Normal(sds[0]), Normal(sds[1]))], true, seeds, seed).items()
    ]


def _row(
    law: str, procedure: str, seeds: tuple[int, int], rates: FamilyRates, families: int
) -> dict[str, object]:
    return {
        "family": "many numbers",
        "law": law,
        "printed": procedure,
        "our_seeds": seeds[0],
        "reported_seeds": seeds[1],
        "variant": procedure,
        "reproduced": round(rates.reproduced, 5),
        "different": round(rates.different, 5),
        "false_share": round(rates.false_share, 5),
        "any_false": round(rates.any_false, 5),
        "studies": families,
    }


def implementation_rows(our_seeds: int, their_seeds: int, studies: int, seed: int) -> list[dict[str, object]]:
    """How often a correct re-implementation is called different, and how often beyond the band.

    True differences are drawn from those between published re-runs, whose own noise between seeds is thus
    counted twice: the rates are upper figures.

    Args:
        our_seeds: our number of seeds.
        their_seeds: the reported number of seeds.
        studies: number of studies.
        seed: of the draw.
    """
    numbers = literature.read_all()
    bands = bands_of_reruns(numbers)
    drawn_from = [
        (domain_of(task), difference)
        for task, difference in rerun_differences(numbers)
        if domain_of(task) in bands
    ]
    laws = list(real_laws().values())
    n, m = our_seeds, their_seeds
    rng = np.random.default_rng([seed, n, m])
    place = rng.integers(0, len(drawn_from), studies)
    true = np.array([drawn_from[i][1] for i in place]) * rng.choice([-1.0, 1.0], studies)
    half_bands = np.array([max(MARGIN_PERCENT, bands[drawn_from[i][0]].half_width_percent) for i in place])
    ours, theirs = np.empty((studies, n)), np.empty((studies, m))
    for start, law in enumerate(laws):
        ours[start :: len(laws)] = law.draw(rng, ours[start :: len(laws)].shape)
        theirs[start :: len(laws)] = law.draw(rng, theirs[start :: len(laws)].shape)
    difference = ours.mean(axis=1) - theirs.mean(axis=1) + true
    known = [Interpretation(m, theirs.std(axis=1, ddof=1) / math.sqrt(m))]
    bounds = decision_rule.bounds_of_difference(
        difference, ours.std(axis=1, ddof=1), n, known, MARGIN_PERCENT
    )
    low, high = difference - bounds.half_width_percent, difference + bounds.half_width_percent
    claims = decision_rule.claims_of_intervals(low, high, MARGIN_PERCENT)
    beyond = np.abs(decision_rule.claims_of_intervals(low, high, half_bands)) == 2
    return [
        {
            "family": "implementations",
            "law": "real runs, differences of published re-runs",
            "printed": "sd",
            "our_seeds": n,
            "reported_seeds": m,
            "variant": "rule",
            "reproduced": round(float((claims == 1).mean()), 5),
            "different": round(float((np.abs(claims) == 2).mean()), 5),
            "beyond_band": round(float((beyond & (np.abs(claims) == 2)).mean()), 5),
            "studies": studies,
        }
    ]
