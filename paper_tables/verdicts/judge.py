"""The verdict on one reported number, from runs whose score of every seed is known.

    reported = ReportedNumber(97.4, spread_percent=6.4, spread_kind="standard_deviation_over_seeds", seeds=4)
    judge(reported, [95.0, 98.2, 96.1], Comparison(margin_percent=5)).verdict

The rule itself is in ``decision_rule.py``. Here is what comes before and after it: what cannot be judged,
what is near the random policy, which spread is assumed where none is printed, typical runs, and the spread
between independent implementations.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from recheck.errors import TablesError

from paper_tables.config import load_margins
from paper_tables.verdicts import checks, decision_rule
from paper_tables.verdicts.implementations import Band
from paper_tables.verdicts.reported_error import (
    HOLDING_NO_SEEDS,
    SPREAD_KINDS,
    Interpretation,
    assumed_interpretations,
    counts_of,
    printed_interpretations,
)
from paper_tables.verdicts.typical import judge_typical_runs
from paper_tables.verdicts.units import two_units
from paper_tables.verdicts.verdict import Verdict


@dataclass(frozen=True)
class ReportedNumber:
    """A number as its document prints it.

    Attributes:
        mean_percent: the printed mean, in points of the normalised score.
        spread_percent: the number after the +/-, in points; None where nothing is printed.
        spread_kind: one of `SPREAD_KINDS`; `none` where there is no spread.
        seeds: training seeds; several numbers where the paper contradicts itself; None where unknown.
        episodes_per_seed: evaluation episodes per training seed, or None.
        scores_percent: the score of every seed, where they are known; None for a number in a paper.
    """

    mean_percent: float
    spread_percent: float | None = None
    spread_kind: str = "none"
    seeds: int | Sequence[int] | None = None
    episodes_per_seed: int | None = None
    scores_percent: tuple[float, ...] | None = None

    @classmethod
    def of_runs(cls, scores_percent: Sequence[float] | np.ndarray) -> ReportedNumber:
        """The reported side where it is runs: one score per seed, at least one.

        Raises:
            TablesError: no score, or one that is not finite.
        """
        scores = checks.scores(scores_percent, "the reference runs", least=0)
        if scores.size == 0:
            raise TablesError("The reference runs need one finite score per seed, at least one.")
        several = len(scores) > 1
        return cls(
            float(scores.mean()),
            checks.sample_sd(scores) if several else None,
            "standard_deviation_over_seeds" if several else "none",
            len(scores),
            scores_percent=tuple(map(float, scores)),
        )

    def __post_init__(self) -> None:
        """Refuse what no document can mean.

        Raises:
            TablesError: a mean that is not finite, an unknown kind of spread, a spread that is negative or
                not finite, a number of seeds or episodes that is not whole or below 1, or a score of a seed
                that is not finite. What is not printed is None, never NaN.
        """
        checks.finite(self.mean_percent, "The reported score")
        if self.spread_kind not in SPREAD_KINDS:
            allowed = ", ".join(SPREAD_KINDS)
            raise TablesError(f"There is no kind of spread '{self.spread_kind}'; allowed are {allowed}.")
        if self.spread_percent is not None:
            checks.not_negative(self.spread_percent, "The reported spread")
        if self.episodes_per_seed is not None:
            checks.count(self.episodes_per_seed, "The reported number of episodes per seed")
        if self.seeds is not None:
            counts_of(self.seeds)
        if self.scores_percent is not None:
            checks.scores(self.scores_percent, "the reference runs")

    @property
    def seed_counts(self) -> tuple[int, ...] | None:
        """The possible numbers of training seeds, ascending; None where unknown."""
        return None if self.seeds is None else counts_of(self.seeds)

    @property
    def prints_spread(self) -> bool:
        """Whether a spread is printed that can be used.

        A printed 0 is rounding or a mistake, unless every seed can be at the bound of the score.
        """
        if self.spread_percent is None or self.spread_kind in HOLDING_NO_SEEDS:
            return False
        above_rounding = self.spread_percent > checks.SAME_PERCENT
        return above_rounding or self.scores_percent is not None or checks.at_bound(self.mean_percent)


@dataclass(frozen=True)
class Comparison:
    """What is asked about a reported number, fixed before the runs are looked at.

    Attributes:
        margin_percent: the margin M of the suite, in points.
        not_judged_reason: why the runs cannot be compared with the number (another dataset, a number that is
            not verified); then the verdict is `not_judged` whatever the scores.
        other_settings: the runs have other hyperparameters than the number's.
        other_selection: the runs' checkpoints are selected by another rule than the number's.
        random_policy_percent: score of the random policy, 0 on the normalised scale.
        uninformative_within_percent: how near to it both sides must be for `uninformative`, in points; None
            takes that of ``config/margins.yaml``.
        band: spread between independent re-runs in this domain, or None where it is not known.
        largest_known_sd_percent: the largest standard deviation over seeds that any document prints for this
            method and task; used only where the number is printed without a spread.
        units_confirmed: both sides are known to be in percent, so that 0.7 against 70 is a result.
        with_seeds_needed: also compute how many seeds of ours would be conclusive.
    """

    margin_percent: float
    not_judged_reason: str | None = None
    other_settings: bool = False
    other_selection: bool = False
    random_policy_percent: float = 0.0
    uninformative_within_percent: float | None = None
    band: Band | None = None
    largest_known_sd_percent: float | None = None
    units_confirmed: bool = False
    with_seeds_needed: bool = True

    def __post_init__(self) -> None:
        """Refuse a question without meaning.

        Raises:
            TablesError: the margin is 0, negative or not finite; the score of the random policy, the distance
                from it or the largest known spread is not finite, or one of the last two is negative.
        """
        checks.margin(self.margin_percent)
        checks.finite(self.random_policy_percent, "The score of the random policy")
        if self.uninformative_within_percent is not None:
            checks.not_negative(self.uninformative_within_percent, "The distance from the random policy")
        if self.largest_known_sd_percent is not None:
            checks.not_negative(self.largest_known_sd_percent, "The largest known standard deviation")

    @property
    def flags(self) -> tuple[str, ...]:
        """The flags that the question itself brings, in the vocabulary's order."""
        asked = {
            decision_rule.OTHER_SETTINGS: self.other_settings,
            decision_rule.OTHER_SELECTION: self.other_selection,
        }
        return tuple(name for name, holds in asked.items() if holds)


def judge(reported: ReportedNumber, runs: Sequence[float] | np.ndarray, comparison: Comparison) -> Verdict:
    """The verdict on one reported number.

    Args:
        reported: the number as printed, or `ReportedNumber.of_runs`.
        runs: our score of every training seed, `[seeds]`, one number per seed; none gives `no_evidence`.
        comparison: the margin and what else the question fixes.

    Raises:
        TablesError: a score of ours that is not finite, scores that are not a list, or another object where a
            number or a question is meant.
    """
    checks.of_kind(reported, ReportedNumber, "The reported number")
    checks.of_kind(comparison, Comparison, "The comparison")
    ours = checks.scores(runs, "ours", least=0)
    if ours.size == 0:
        return _without_claim(decision_rule.NO_EVIDENCE, "No runs of this method and task.", comparison)
    verdict = replace(
        _without_claim(decision_rule.INCONCLUSIVE, "", comparison),
        difference_percent=float(ours.mean()) - float(reported.mean_percent),
        our_mean_percent=float(ours.mean()),
        our_sd_percent=checks.sample_sd(ours) if len(ours) > 1 else None,
        our_seeds=len(ours),
    )
    refusal = comparison.not_judged_reason or _two_units(ours, reported, comparison)
    if refusal:
        return _decided(verdict, decision_rule.NOT_JUDGED, refusal)
    near_random = _near_random(float(ours.mean()), reported, comparison)
    missing = _missing_spread(ours, reported)
    if missing is None:
        verdict = _judged_by_rule(verdict, ours, reported, comparison)
    elif not near_random:
        return _decided(verdict, *missing)
    if near_random:
        return replace(
            _decided(verdict, decision_rule.UNINFORMATIVE, f"{near_random} {verdict.reason}"),
            seeds_needed="",
            ranks="",
        )
    return verdict


def _without_claim(name: str, reason: str, comparison: Comparison) -> Verdict:
    return Verdict(
        name, comparison.flags, reason, margin_percent=float(comparison.margin_percent), adjusted_verdict=name
    )


def _decided(verdict: Verdict, name: str, reason: str) -> Verdict:
    return replace(verdict, verdict=name, adjusted_verdict=name, reason=sentence(reason))


def sentence(text: str) -> str:
    """The text with a full stop."""
    text = text.strip()
    return text if not text or text.endswith(".") else text + "."


def _two_units(ours: np.ndarray, reported: ReportedNumber, comparison: Comparison) -> str:
    """Why the two sides seem to be in two units, or empty."""
    if comparison.units_confirmed:
        return ""
    confirmed = replace(comparison, units_confirmed=True, with_seeds_needed=False)
    return two_units(ours, reported, lambda scores, number: judge(number, scores, confirmed).verdict)


def _near_random(our_mean: float, reported: ReportedNumber, comparison: Comparison) -> str:
    within = comparison.uninformative_within_percent
    if within is None:
        within = load_margins().uninformative_within_percent
    centre = comparison.random_policy_percent
    if max(abs(our_mean - centre), abs(reported.mean_percent - centre)) > within:
        return ""
    return f"Both sides are within {within:g} points of the random policy."


def _missing_spread(ours: np.ndarray, reported: ReportedNumber) -> tuple[str, str] | None:
    """The verdict and its reason where a side has no usable spread between seeds; None where both have."""
    if len(ours) == 1:
        return decision_rule.INCONCLUSIVE, "One seed of ours: nothing can be said about its error."
    counts = reported.seed_counts
    # One contested count of a single seed cannot be bounded, and every interpretation must agree.
    if counts is not None and counts[0] == 1:
        return (
            decision_rule.INCONCLUSIVE,
            "The reported number is of one seed: nothing can be said about its error.",
        )
    sides = [("Ours", ours)]
    if reported.scores_percent is not None:
        sides.append(("The reported side", np.asarray(reported.scores_percent)))
    constant = [(name, scores) for name, scores in sides if checks.identical(scores)]
    for name, scores in constant:
        if not checks.at_bound(float(scores[0])):
            return decision_rule.NOT_JUDGED, f"{name}: all {len(scores)} seeds are identical ({scores[0]:g})."
    their_sd = reported.spread_percent if reported.prints_spread else None
    if checks.identical(ours) and not their_sd:
        return decision_rule.NOT_JUDGED, "Neither side has a spread between seeds that is known and above 0."
    return None


def _judged_by_rule(
    verdict: Verdict, ours: np.ndarray, reported: ReportedNumber, comparison: Comparison
) -> Verdict:
    """The rule over every interpretation of the report, and the lines that are given with it."""
    margin, sd, seeds = comparison.margin_percent, checks.sample_sd(ours), len(ours)
    difference = float(verdict.difference_percent or 0.0)
    interpretations, notes = interpretations_of(reported, sd, comparison.largest_known_sd_percent)
    bounds = decision_rule.bounds_of_difference(difference, sd, seeds, interpretations, margin)
    cautious = decision_rule.bounds_of_difference(
        difference, sd, seeds, interpretations, margin, decision_rule.CAUTIOUS
    )
    low, high = decision_rule.confidence_interval(difference, bounds)
    bounded = math.isfinite(high)
    name = decision_rule.verdict_of_interval(low, high, margin)
    if name == decision_rule.REPRODUCED and (
        sd == 0 or not any(i.error_percent > 0 for i in interpretations)
    ):
        name = decision_rule.INCONCLUSIVE
        notes.append("All seeds of a side are exactly at a bound of the score: their spread is not known.")
    assumed = any(interpretation.assumed for interpretation in interpretations)
    verdict = replace(
        verdict,
        verdict=name,
        adjusted_verdict=name,
        flags=((decision_rule.CONDITIONAL,) if assumed else ()) + verdict.flags,
        interval_low=low if bounded else None,
        interval_high=high if bounded else None,
        detectable=bounded and not low <= 0 <= high,
        smallest_margin_percent=max(abs(low), abs(high)) if bounded else None,
        seeds_needed=_seeds_needed(sd, interpretations, comparison),
        p_reproduced=float(bounds.p_reproduced),
        p_different=float(bounds.p_different),
        cautious_p_reproduced=float(cautious.p_reproduced),
        cautious_p_different=float(cautious.p_different),
        interpretations=len(interpretations),
        interpretations_agree=_agree(difference, sd, seeds, interpretations, margin),
        ranks=rank_words(ours, reported) if assumed else "",
        reason=" ".join(notes),
    )
    if reported.scores_percent is not None:
        verdict = replace(verdict, **_typical_fields(ours, reported, margin))
    return _with_band(verdict, comparison)


def interpretations_of(
    reported: ReportedNumber, our_sd_percent: float, largest_known_sd_percent: float | None = None
) -> tuple[list[Interpretation], list[str]]:
    """Every interpretation of a reported number, and what a reader must know about them.

    Args:
        reported: the number.
        our_sd_percent: our sample standard deviation over seeds, used where no spread is printed.
        largest_known_sd_percent: the largest printed anywhere for the method and task, or None.
    """
    if reported.prints_spread:
        return printed_interpretations(
            reported.spread_percent, reported.spread_kind, reported.seed_counts, reported.episodes_per_seed
        )
    interpretations, notes = assumed_interpretations(
        reported.seed_counts, our_sd_percent, largest_known_sd_percent
    )
    if reported.spread_percent is not None and reported.spread_kind != "none":
        of_one_seed = reported.spread_kind in HOLDING_NO_SEEDS
        why = "is over one training seed" if of_one_seed else "is 0"
        notes.insert(0, f"The printed spread {why} and is taken as none.")
    return interpretations, notes


def _agree(
    difference: float, sd: float, seeds: int, interpretations: Sequence[Interpretation], margin: float
) -> bool:
    if len(interpretations) == 1:
        return True
    alone = set()
    for interpretation in interpretations:
        bounds = decision_rule.bounds_of_difference(difference, sd, seeds, [interpretation], margin)
        alone.add(
            decision_rule.verdict_of_interval(*decision_rule.confidence_interval(difference, bounds), margin)
        )
    return len(alone) == 1


def _seeds_needed(sd: float, interpretations: Sequence[Interpretation], comparison: Comparison) -> str:
    from paper_tables.verdicts.power import seeds_needed_by_all

    if not comparison.with_seeds_needed:
        return ""
    return seeds_needed_by_all(sd, interpretations, comparison.margin_percent)


def _typical_fields(ours: np.ndarray, reported: ReportedNumber, margin: float) -> dict[str, Any]:
    typical = judge_typical_runs(ours.tolist(), reported.scores_percent or (), margin)
    return {
        "typical_verdict": typical.verdict,
        "typical_difference_percent": typical.difference_percent,
        "typical_interval_low": typical.interval_low,
        "typical_interval_high": typical.interval_high,
        "our_collapsed": typical.ours.text,
        "reported_collapsed": typical.reported.text,
        "collapse_p_value": typical.collapse_p_value,
        "typical_note": typical.note,
    }


def rank_words(ours: np.ndarray, reported: ReportedNumber) -> str:
    """How a number printed without a spread ranks among our runs; says nothing about its error."""
    lower, higher = int((ours < reported.mean_percent).sum()), int((ours > reported.mean_percent).sum())
    if higher == len(ours):
        return f"all {len(ours)} seeds are above the reported number"
    if lower == len(ours):
        return f"all {len(ours)} seeds are below the reported number"
    return f"{higher} of {len(ours)} seeds are above the reported number, {lower} below"


def _with_band(verdict: Verdict, comparison: Comparison) -> Verdict:
    """The second line: within or outside the spread of independent re-runs."""
    band = comparison.band
    if band is None or verdict.interval_low is None or verdict.interval_high is None:
        return verdict
    half = max(band.half_width_percent, comparison.margin_percent)
    code = int(decision_rule.claims_of_intervals(verdict.interval_low, verdict.interval_high, half))
    place = {1: "within", 0: "open"}.get(code, "outside")
    flags, reason = verdict.flags, verdict.reason
    if verdict.verdict in (decision_rule.DIFFERENT_LOWER, decision_rule.DIFFERENT_HIGHER):
        if place == "outside":
            words = (
                f"The difference is also beyond the spread of independent re-runs in {band.domain} "
                f"({half:.3g} points): it is more than two implementations usually differ by."
            )
        else:
            flags = (*flags, decision_rule.WITHIN_IMPLEMENTATION_SPREAD)
            words = (
                f"Independent re-runs in {band.domain} differ by up to {half:.3g} points ({band.share:.0%} "
                f"of {band.pairs}), and the interval does not exclude that: these implementations differ, "
                "which does not show that the reported number is wrong."
            )
        reason = f"{reason} {words}".strip()
    return replace(
        verdict,
        flags=flags,
        reason=reason,
        implementation_spread=place,
        implementation_band_percent=half,
        implementation_band_source=band.source,
    )
