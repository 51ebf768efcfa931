"""Re-reported evidence: other documents that ran the same method on the same task and version again.

A document is one report, whatever the number of its tables; a copy is the report it copies, so that one run
is never counted twice. Reports are pooled by random effects (``verdicts.implementations.pool``). With fewer
than three of them only the difference is stated.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from paper_tables.audit.columns import column_equals_another
from paper_tables.audit.numbers import numbers_of
from paper_tables.config import load_margins
from paper_tables.evidence.direct import comparison_of, reported_number
from paper_tables.evidence.numbers import Number
from paper_tables.rendering.names import document_name
from paper_tables.rendering.text import signed
from paper_tables.verdicts import checks, decision_rule
from paper_tables.verdicts.background import Background
from paper_tables.verdicts.implementations import POOLED_FROM, Estimate, Pooled, pool
from paper_tables.verdicts.pooled import pooled_errors
from paper_tables.verdicts.reported_error import UNKNOWN_SEEDS, printed_interpretations
from paper_tables.verdicts.verdict import Verdict

PREDICTION_LEVEL = 0.95
BEST = "best_online"
TUNED = "tuned_per_task"
NEGLIGIBLE_ERROR_PERCENT = 1e-3
OTHER_RULE = "its checkpoints are selected by another rule"
PER_TASK = "its hyperparameters are chosen for each task"


@dataclass(frozen=True)
class Report:
    """Another document's number for the same method, task and version.

    Attributes:
        id: stable name of the number.
        document: its document.
        score_percent: as printed.
        error_percent: standard error over seeds, in points; None where nothing bounds it.
        assumed: the error rests on a spread that another document prints.
        left_out: why it is not pooled, or empty.
    """

    id: str
    document: str
    score_percent: float
    error_percent: float | None
    assumed: bool = False
    left_out: str = ""


@dataclass(frozen=True)
class ReportedAgain:
    """What the literature says about one number.

    Attributes:
        reports: all other documents that ran it, pooled or not.
        pooled: random effects over those that can be pooled, None with fewer than three.
        inside: whether the number is in the 95% prediction interval; None without pooling.
        verdict: the rule on the pooled mean; None without pooling.
        words: one sentence.
    """

    reports: tuple[Report, ...]
    pooled: Pooled | None
    inside: bool | None
    verdict: Verdict | None
    words: str


class Literature:
    """All reports that are runs of their own, by method and task."""

    def __init__(self, numbers: Sequence[Number], table: pd.DataFrame, runs: pd.DataFrame) -> None:
        """Index the reports.

        Args:
            numbers: the reported numbers with their `id`.
            table: the same as rows of the schema ``reported``.
            runs: rows of the schema ``public_runs``, for which documents tune each task.
        """
        copies = {(finding.source, finding.method) for finding in column_equals_another(numbers_of(table))}
        tuned = runs[(runs["settings"] == TUNED) & runs["printed_in"].notna()]
        own = {(n["document"], n["method_key"]) for n in numbers if n["origin"] == "own"}
        self._tuned = set(zip(tuned["printed_in"], tuned["method"])) - own
        self._cells: dict[tuple[str, str], list[Number]] = {}
        for number in numbers:
            column = (f"{number['document']}, {number['table']}", number["method"])
            if number["aggregate"] == "cell" and number["origin"] != "copied" and column not in copies:
                key = str(number["method_key"]), str(number["task"])
                self._cells.setdefault(key, []).append(number)

    def others(self, number: Mapping[str, Any], known: Background) -> list[Report]:
        """The reports of other documents, one for each."""
        first: dict[str, Number] = {}
        for other in self._cells.get((str(number["method_key"]), str(number["task"])), []):
            same_rule = (other["selection"] == BEST) == (number["selection"] == BEST)
            if other["document"] == number["document"]:
                continue
            held = first.get(other["document"])
            if held is None or (same_rule and (held["selection"] == BEST) != (number["selection"] == BEST)):
                first[other["document"]] = other
        return [self._report(number, other, known) for other in first.values()]

    def _report(self, number: Mapping[str, Any], other: Number, known: Background) -> Report:
        error, assumed = _standard_error(other, known)
        left_out = ""
        if other["confidence"] != "seen":
            left_out = "unverified"
        elif (other["selection"] == BEST) != (number["selection"] == BEST):
            left_out = OTHER_RULE
        elif (other["document"], other["method_key"]) in self._tuned:
            left_out = PER_TASK
        return Report(other["id"], other["document"], float(other["score_percent"]), error, assumed, left_out)


def _standard_error(number: Mapping[str, Any], known: Background) -> tuple[float | None, bool]:
    """The largest standard error that the printed spread allows, and whether it is assumed."""
    rounding = 0.5 * 10.0 ** -int(number["decimals"]) / math.sqrt(3)
    reported = reported_number(number)
    counts = reported.seed_counts
    if reported.prints_spread:
        interpretations, _ = printed_interpretations(
            reported.spread_percent, reported.spread_kind, counts, reported.episodes_per_seed
        )
        largest = max(float(interpretation.error_percent) for interpretation in interpretations)
        if math.isfinite(largest):
            return max(largest, rounding), False
    sd = known.largest_known_sds.get((str(number["method_key"]), str(number["task"])))
    if sd is None:
        return None, False
    return max(sd / math.sqrt(min(counts or UNKNOWN_SEEDS)), rounding), True


def judge_by_reports(
    number: Mapping[str, Any], literature: Literature, known: Background, refusal: str | None = None
) -> ReportedAgain:
    """What other documents' runs say about a number.

    Args:
        number: the number as its origin prints it.
        literature: the reports.
        known: what all documents together say.
        refusal: why the number cannot be judged, or None.
    """
    reports = literature.others(number, known)
    plain = [report for report in reports if not report.left_out]
    usable, flags = _enough(reports)
    if len(usable) < POOLED_FROM:
        return ReportedAgain(tuple(reports), None, None, None, _few(number, plain))
    pooled = pool(
        [
            Estimate(
                report.document, report.score_percent, float(report.error_percent or NEGLIGIBLE_ERROR_PERCENT)
            )
            for report in usable
        ],
        PREDICTION_LEVEL,
    )
    inside = pooled.holds(float(number["score_percent"]))
    verdict = _verdict(number, pooled, usable, known, refusal)
    verdict = replace(verdict, flags=(*verdict.flags, *flags))
    words = (
        f"{pooled.implementations} other reports ({_names(usable)}) pooled by random effects: mean "
        f"{pooled.mean_percent:.1f}, standard deviation between them {pooled.between_sd_percent:.1f}, 95% "
        f"prediction interval [{pooled.prediction_low:.1f}, {pooled.prediction_high:.1f}]; the number is "
        f"{'inside' if inside else 'outside'}."
    )
    return ReportedAgain(tuple(reports), pooled, inside, verdict, words)


def _enough(reports: Sequence[Report]) -> tuple[list[Report], tuple[str, ...]]:
    """The reports to pool: the comparable ones, with others where they are too few, and flags for that."""
    usable = [report for report in reports if not report.left_out]
    flags: list[str] = []
    for flag, words in (
        (decision_rule.OTHER_SELECTION, OTHER_RULE),
        (decision_rule.OTHER_SETTINGS, PER_TASK),
    ):
        more = [report for report in reports if report.left_out == words]
        if len(usable) < POOLED_FROM and more:
            usable = [*usable, *more]
            flags.append(flag)
    return _with_errors(usable), tuple(flags)


def _with_errors(usable: Sequence[Report]) -> list[Report]:
    """Reports whose error is not known get the largest of the others.

    Where no report has one, all get the same negligible error: the pooled standard deviation between reports
    then holds the spread between seeds as well, and the intervals are those of equal weights.
    """
    known = [report.error_percent for report in usable if report.error_percent is not None]
    largest = max(known, default=NEGLIGIBLE_ERROR_PERCENT)
    return [
        report if report.error_percent is not None else replace(report, error_percent=largest, assumed=True)
        for report in usable
    ]


def _few(number: Mapping[str, Any], usable: Sequence[Report]) -> str:
    """The difference alone, in words."""
    if not usable:
        return ""
    listed = "; ".join(
        f"{document_name(report.document)} has {report.score_percent:g} "
        f"({signed(report.score_percent - float(number['score_percent']))})"
        for report in usable
    )
    many = "One other report" if len(usable) == 1 else "Two other reports"
    return f"{many}, too few for an interval: {listed}."


def _names(reports: Iterable[Report]) -> str:
    return ", ".join(document_name(report.document) for report in reports)


def _verdict(
    number: Mapping[str, Any],
    pooled: Pooled,
    usable: Sequence[Report],
    known: Background,
    refusal: str | None,
) -> Verdict:
    """The rule on the pooled mean of the reports minus the number."""
    comparison = comparison_of(number, known, not_judged_reason=refusal)
    reported = reported_number(number)
    difference = pooled.mean_percent - reported.mean_percent
    margin = comparison.margin_percent
    # The reports' own seeds are not known: their largest standard deviation is taken for "ours" where the
    # number itself has no spread.
    assumed_sd = comparison.largest_known_sd_percent or math.sqrt(
        pooled.error_percent**2 * pooled.implementations
    )
    estimates = pooled_errors(reported, pooled, float(assumed_sd), comparison)
    half = max(float(decision_rule.half_width(estimate)) for estimate in estimates)
    p_values = [decision_rule.p_values(difference, estimate, margin) for estimate in estimates]
    reproduced, different = (max(float(p[which]) for p in p_values) for which in (0, 1))
    low, high = difference - half, difference + half
    bounded = bool(np.isfinite(half))
    conditional = not reported.prints_spread or any(report.assumed for report in usable)
    name = decision_rule.verdict_of_interval(low, high, margin)
    reason = ""
    within = load_margins().uninformative_within_percent
    if refusal:
        name, reason = decision_rule.NOT_JUDGED, refusal
    elif max(abs(pooled.mean_percent), abs(reported.mean_percent)) <= within:
        name, reason = (
            decision_rule.UNINFORMATIVE,
            f"Both sides are within {within:g} points of the random policy.",
        )
    elif reported.seed_counts is not None and reported.seed_counts[0] == 1:
        name = decision_rule.INCONCLUSIVE
        reason = "The reported number is of one seed: nothing can be said about its error."
    elif (
        name == decision_rule.REPRODUCED
        and checks.at_bound(reported.mean_percent)
        and not reported.spread_percent
    ):
        name = decision_rule.INCONCLUSIVE
    tested = name in (*decision_rule.CLAIMS, decision_rule.INCONCLUSIVE)
    return Verdict(
        name,
        (decision_rule.CONDITIONAL,) if conditional else (),
        reason,
        difference_percent=difference,
        interval_low=low if bounded else None,
        interval_high=high if bounded else None,
        detectable=bounded and not low <= 0 <= high,
        margin_percent=margin,
        smallest_margin_percent=max(abs(low), abs(high)) if bounded else None,
        p_reproduced=reproduced if tested else None,
        p_different=different if tested else None,
        cautious_p_reproduced=reproduced if tested else None,
        cautious_p_different=different if tested else None,
        our_mean_percent=pooled.mean_percent,
        adjusted_verdict=name,
    )
