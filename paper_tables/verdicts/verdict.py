"""The answer for one reported number: the verdict, its flags, and the figures behind it."""

from __future__ import annotations

from dataclasses import dataclass, fields

from paper_tables.verdicts import decision_rule


@dataclass(frozen=True)
class Verdict:
    """What is known about one reported number; points are percent of the normalised score.

    Attributes:
        verdict: one of `decision_rule.VERDICTS`, by the rule for this number alone, at 5%.
        flags: out of `decision_rule.FLAGS`, in that order.
        reason: why the verdict is what it is and what a reader must know, in sentences.
        difference_percent: our mean minus the reported one.
        interval_low: lower end of the 90% interval of the difference, the widest over both variance
            assumptions and all interpretations of the report. It decides the verdict.
        interval_high: its upper end.
        detectable: the interval does not hold 0. A footnote, never a verdict.
        margin_percent: the margin M.
        smallest_margin_percent: the margin above which the number would be `reproduced`.
        seeds_needed: our number of seeds with 80% chance of `reproduced` if the true difference is 0: a
            number, `never` or `>100`; empty where it has no meaning.
        p_reproduced: p value of `reproduced`, the largest over all that the rule asks for.
        p_different: p value of `different` on the side of the difference, likewise.
        cautious_p_reproduced: the same with the degrees of freedom for levels below 5%; used where many
            numbers are judged together.
        cautious_p_different: likewise.
        our_mean_percent: our mean over seeds.
        our_sd_percent: our sample standard deviation over seeds; None with one seed.
        our_seeds: our number of seeds.
        interpretations: interpretations of the report that were tried.
        interpretations_agree: all of them alone give the same verdict.
        ranks: where no spread is printed, how the number ranks among our runs, in words. No claim.
        implementation_spread: the second line: `within` or `outside` the spread of independent re-runs of
            published methods, `open` where the interval reaches over its border; empty where none is known.
        implementation_band_percent: half of that spread's band, in points.
        implementation_band_source: where the band comes from.
        typical_verdict: the verdict on typical runs, collapsed seeds set apart; empty where not every seed
            of both sides is known.
        typical_difference_percent: difference of the means of typical runs.
        typical_interval_low: lower end of its 90% interval.
        typical_interval_high: upper end.
        our_collapsed: our collapsed seeds as `k of n [low, high]`, a 95% interval of the rate in percent.
        reported_collapsed: the same for the reported side.
        collapse_p_value: Boschloo's exact test of equal collapse rates.
        typical_note: why typical runs are not judged although every seed is known; else empty.
        look: state of a sequential study, `claim`, `futile`, `last look` or `continue`; else empty.
        next_seeds: number of seeds at its next look, None where it stops.
        chance_of_claim: predicted chance of a claim at its last look.
        adjusted_family: the numbers that were judged together with this one; empty where it was judged alone.
        family_size: how many they are.
        adjusted_p: Benjamini and Hochberg's adjusted p value of the claim; None without a claim.
        adjusted_verdict: the claim if it is kept at 5% in its family, else `inconclusive`; the verdict itself
            where there is no claim.
        adjusted_smallest_margin_percent: as `smallest_margin_percent`, in the family, the other numbers held
            at their present p values.
        adjusted_seeds_needed: as `seeds_needed`, likewise.
    """

    verdict: str
    flags: tuple[str, ...] = ()
    reason: str = ""
    difference_percent: float | None = None
    interval_low: float | None = None
    interval_high: float | None = None
    detectable: bool = False
    margin_percent: float | None = None
    smallest_margin_percent: float | None = None
    seeds_needed: str = ""
    p_reproduced: float | None = None
    p_different: float | None = None
    cautious_p_reproduced: float | None = None
    cautious_p_different: float | None = None
    our_mean_percent: float | None = None
    our_sd_percent: float | None = None
    our_seeds: int = 0
    interpretations: int = 0
    interpretations_agree: bool = True
    ranks: str = ""
    implementation_spread: str = ""
    implementation_band_percent: float | None = None
    implementation_band_source: str = ""
    typical_verdict: str = ""
    typical_difference_percent: float | None = None
    typical_interval_low: float | None = None
    typical_interval_high: float | None = None
    our_collapsed: str = ""
    reported_collapsed: str = ""
    collapse_p_value: float | None = None
    typical_note: str = ""
    look: str = ""
    next_seeds: int | None = None
    chance_of_claim: float | None = None
    adjusted_family: str = ""
    family_size: int = 0
    adjusted_p: float | None = None
    adjusted_verdict: str = ""
    adjusted_smallest_margin_percent: float | None = None
    adjusted_seeds_needed: str = ""

    def __post_init__(self) -> None:
        unknown = set(self.flags) - set(decision_rule.FLAGS)
        if self.verdict not in decision_rule.VERDICTS or unknown:
            raise ValueError(f"Not in the vocabulary: {self.verdict!r}, {sorted(unknown)}.")

    @property
    def claims(self) -> bool:
        """Whether the verdict is `reproduced` or `different`."""
        return self.verdict in decision_rule.CLAIMS


VERDICT_COLUMNS = tuple(field.name for field in fields(Verdict))
