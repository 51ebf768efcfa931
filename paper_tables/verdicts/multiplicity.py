"""Many numbers at once: families, and Benjamini and Hochberg's procedure within each.

A family is one document's numbers for one method under one selection rule, each number once. A copied
number is not a new test. Runs of released code, comparisons under other settings, training curves and
conditional verdicts are families of their own, so that adding one never changes a first answer. The
two claims are adjusted apart. The 90% interval that is shown decides the verdict; the adjustment is a
second sign.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np
from recheck.errors import TablesError

from paper_tables.verdicts import checks, decision_rule
from paper_tables.verdicts.verdict import Verdict

FALSE_DISCOVERY_RATE = 0.05


def family_of(document: str, method: str, selection: str, verdict: Verdict) -> str:
    """The name of the family that a judged number belongs to.

    Args:
        document: where the number is printed first; a copy belongs to its origin.
        method: the method's column.
        selection: the rule that selected the checkpoint of the number.
        verdict: its flags part families.
    """
    parting = [
        flag
        for flag in (decision_rule.CONDITIONAL, decision_rule.OTHER_SETTINGS, decision_rule.OTHER_SELECTION)
        if flag in verdict.flags
    ]
    return " | ".join([document, method, selection, *parting])


def benjamini_hochberg(p_values: Iterable[float]) -> np.ndarray:
    """Adjusted p values (Journal of the Royal Statistical Society B 57, 1995), in the order given.

    Raises:
        TablesError: a p value is not from 0 to 1.
    """
    from scipy import stats

    values = checks.p_values(p_values)
    return stats.false_discovery_control(values) if len(values) else values


def holm(p_values: Iterable[float]) -> np.ndarray:
    """Holm's adjusted p values (Scandinavian Journal of Statistics 6, 1979), in the order given.

    For a statement such as "no number of this paper is different": one false claim at all is an error.

    Raises:
        TablesError: a p value is not from 0 to 1.
    """
    values = checks.p_values(p_values)
    order = np.argsort(values, kind="stable")
    factors = len(values) - np.arange(len(values))
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(values[order] * factors))
    return adjusted


def level_within_family(p_values: Sequence[float], place: int, rate: float = FALSE_DISCOVERY_RATE) -> float:
    """The p value that one member must not exceed, the others held at theirs.

    With m members, k of them at or below k rate / m are kept. So the member at `place` is kept at any p up to
    the largest k rate / m for which at least k - 1 of the others are at or below it.

    Args:
        p_values: of all members, at least one.
        place: which member.
        rate: the false discovery rate, above 0 and below 1.

    Raises:
        TablesError: no such member, a p value that is not from 0 to 1, or no such rate.
    """
    values = checks.p_values(p_values)
    place = checks.count(place, "The place in a family", 0)
    checks.between(rate, "The false discovery rate", 0.0, 1.0)
    if place >= len(values):
        raise TablesError(f"A family of {len(values)} has no member {place}.")
    others = np.delete(values, place)
    steps = rate * np.arange(1, len(values) + 1) / len(values)
    enough = np.array([(others <= step).sum() >= k for k, step in enumerate(steps)])
    return float(steps[enough].max())


Replan = Callable[[int, float], tuple[float | None, str]]
"""Member's place and level -> smallest margin and seeds needed at that level."""


def adjust(
    verdicts: Sequence[Verdict], families: Sequence[str], replan: Replan | None = None
) -> list[Verdict]:
    """Mark which claims are kept at 5% within their family.

    Every member with p values belongs to both tests of its family, whatever its verdict; `uninformative`,
    `not_judged`, `no_evidence` and numbers of one seed belong to none.

    Args:
        verdicts: one for each number.
        families: the family of each; an empty name leaves the verdict alone.
        replan: gives margin and seeds under the adjusted level; None leaves those fields empty.

    Returns:
        The verdicts in their order with the adjusted fields filled.
    """
    result = list(verdicts)
    members: dict[str, list[int]] = {}
    for place, (verdict, family) in enumerate(zip(verdicts, families, strict=True)):
        tested = verdict.claims or verdict.verdict == decision_rule.INCONCLUSIVE
        if family and tested and verdict.cautious_p_reproduced is not None:
            members.setdefault(family, []).append(place)
    for family, places in members.items():
        reproduced = [float(verdicts[i].cautious_p_reproduced or 0.0) for i in places]
        different = [float(verdicts[i].cautious_p_different or 0.0) for i in places]
        kept_reproduced, kept_different = benjamini_hochberg(reproduced), benjamini_hochberg(different)
        for position, i in enumerate(places):
            verdict = replace(verdicts[i], adjusted_family=family, family_size=len(places))
            if verdict.claims:
                adjusted = kept_reproduced if verdict.verdict == decision_rule.REPRODUCED else kept_different
                p_value = float(adjusted[position])
                kept = p_value <= FALSE_DISCOVERY_RATE
                verdict = replace(
                    verdict,
                    adjusted_p=p_value,
                    adjusted_verdict=verdict.verdict if kept else decision_rule.INCONCLUSIVE,
                )
            if replan is not None:
                margin, seeds = replan(i, level_within_family(reproduced, position))
                verdict = replace(
                    verdict, adjusted_smallest_margin_percent=margin, adjusted_seeds_needed=seeds
                )
            result[i] = verdict
    return result
