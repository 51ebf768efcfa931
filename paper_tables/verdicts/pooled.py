"""The verdict on one number from several implementations: none of them is chosen.

    judge_implementations(reported, {"d3rlpy": [...], "CORL": [...]}, Comparison(margin_percent=5))

One implementation is judged as `judge` does. Two must agree on a claim. From three on their means are pooled
by random effects, so that the spread between implementations is part of the error of the pooled mean.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from paper_tables.verdicts import checks, decision_rule
from paper_tables.verdicts.implementations import POOLED_FROM, Estimate, Pooled, pool
from paper_tables.verdicts.judge import Comparison, ReportedNumber, interpretations_of, judge
from paper_tables.verdicts.verdict import Verdict


@dataclass(frozen=True)
class SeveralImplementations:
    """What several implementations say about one number.

    Attributes:
        verdict: the verdict on the number.
        single: implementation -> its own verdict.
        pooled: random effects over implementations, None with fewer than three that can be pooled.
        in_prediction: whether the reported number is inside the 90% prediction interval for one more
            implementation; None without pooling.
    """

    verdict: Verdict
    single: Mapping[str, Verdict]
    pooled: Pooled | None = None
    in_prediction: bool | None = None


def judge_implementations(
    reported: ReportedNumber, runs: Mapping[str, Sequence[float]], comparison: Comparison
) -> SeveralImplementations:
    """Judge one number by the runs of independent implementations.

    Args:
        reported: the reported number.
        runs: implementation -> score of every training seed. No two of them may share runs.
        comparison: the margin and what else the question fixes.

    Raises:
        TablesError: a score that is not finite, or runs that are not a mapping.
    """
    checks.of_kind(reported, ReportedNumber, "The reported number")
    checks.of_kind(comparison, Comparison, "The comparison")
    checks.of_kind(runs, Mapping, "The runs of several implementations")
    single = {name: judge(reported, scores, comparison) for name, scores in runs.items()}
    if len(single) < 2:
        verdict = next(iter(single.values()), None)
        return SeveralImplementations(verdict or judge(reported, [], comparison), single)
    usable = {name: scores for name, scores in runs.items() if single[name].our_sd_percent}
    if len(usable) < POOLED_FROM:
        return SeveralImplementations(_agreement(single), single)
    pooled = pool([Estimate.of_runs(name, scores) for name, scores in usable.items()])
    verdict = _judge_pooled(reported, pooled, usable, single, comparison)
    return SeveralImplementations(verdict, single, pooled, pooled.holds(reported.mean_percent))


def _agreement(single: Mapping[str, Verdict]) -> Verdict:
    """The verdict that all give, with the widest interval; `inconclusive` where they do not agree."""
    listed = "; ".join(f"{name}: {verdict.verdict}" for name, verdict in single.items())
    widest = max(single.values(), key=_width)
    if len({verdict.verdict for verdict in single.values()}) == 1:
        return replace(widest, reason=f"{listed}. {widest.reason}".strip())
    return replace(
        widest,
        verdict=decision_rule.INCONCLUSIVE,
        adjusted_verdict=decision_rule.INCONCLUSIVE,
        flags=tuple(flag for flag in widest.flags if flag != decision_rule.WITHIN_IMPLEMENTATION_SPREAD),
        reason=f"The implementations do not agree ({listed}), and none is chosen.",
        # No single test answers this question, so it is in no family.
        p_reproduced=None,
        p_different=None,
        cautious_p_reproduced=None,
        cautious_p_different=None,
    )


def _width(verdict: Verdict) -> float:
    if verdict.interval_low is None or verdict.interval_high is None:
        return math.inf
    return verdict.interval_high - verdict.interval_low


def _judge_pooled(
    reported: ReportedNumber,
    pooled: Pooled,
    usable: Mapping[str, Sequence[float]],
    single: Mapping[str, Verdict],
    comparison: Comparison,
) -> Verdict:
    first = next(single[name] for name in usable)
    difference = pooled.mean_percent - reported.mean_percent
    summary = (
        f"{pooled.implementations} implementations pooled by random effects: standard deviation between "
        f"them {pooled.between_sd_percent:.3g} points, 90% prediction interval for one more "
        f"[{pooled.prediction_low:.3g}, {pooled.prediction_high:.3g}]."
    )
    left_out = [name for name in single if name not in usable]
    if left_out:
        summary += f" Left out, without a spread between its seeds: {', '.join(left_out)}."
    verdict = replace(
        first,
        difference_percent=difference,
        our_mean_percent=pooled.mean_percent,
        our_sd_percent=max(float(np.std(scores, ddof=1)) for scores in usable.values()),
        our_seeds=sum(len(scores) for scores in usable.values()),
        ranks="",
        seeds_needed="",
        typical_verdict="",
        implementation_spread="",
        flags=tuple(flag for flag in first.flags if flag != decision_rule.WITHIN_IMPLEMENTATION_SPREAD),
        reason=summary,
    )
    undecided = {single[name].verdict for name in usable} & {
        decision_rule.NOT_JUDGED,
        decision_rule.UNINFORMATIVE,
    }
    if undecided or first.p_reproduced is None:
        agreed = _agreement({name: single[name] for name in usable})
        return replace(verdict, verdict=agreed.verdict, adjusted_verdict=agreed.verdict, reason=agreed.reason)
    margin = comparison.margin_percent
    estimates = pooled_errors(reported, pooled, float(verdict.our_sd_percent or 0.0), comparison)
    half = max(float(decision_rule.half_width(estimate)) for estimate in estimates)
    p_values = [decision_rule.p_values(difference, estimate, margin) for estimate in estimates]
    reproduced, different = (max(float(p[which]) for p in p_values) for which in (0, 1))
    low, high = difference - half, difference + half
    bounded = math.isfinite(half)
    name = decision_rule.verdict_of_interval(low, high, margin)
    return replace(
        verdict,
        verdict=name,
        adjusted_verdict=name,
        interval_low=low if bounded else None,
        interval_high=high if bounded else None,
        detectable=bounded and not low <= 0 <= high,
        smallest_margin_percent=max(abs(low), abs(high)) if bounded else None,
        p_reproduced=reproduced,
        p_different=different,
        cautious_p_reproduced=reproduced,
        cautious_p_different=different,
    )


def pooled_errors(
    reported: ReportedNumber, pooled: Pooled, our_sd_percent: float, comparison: Comparison
) -> list[decision_rule.ErrorEstimate]:
    """The error of the pooled mean minus the reported one, for every interpretation of the report.

    The pooled mean's error has k - 1 degrees of freedom; the reported one's can only lower them.
    """
    interpretations, _ = interpretations_of(reported, our_sd_percent, comparison.largest_known_sd_percent)
    estimates = []
    for interpretation in interpretations:
        reported_variance = float(interpretation.error_percent) ** 2 * interpretation.seeds
        unequal, _ = decision_rule.two_error_estimates(
            pooled.error_percent**2 * pooled.implementations,
            pooled.implementations,
            reported_variance,
            max(2, interpretation.seeds),
        )
        df = pooled.df if interpretation.assumed else min(pooled.df, float(unequal.df))
        error = math.hypot(pooled.error_percent, float(interpretation.error_percent))
        estimates.append(decision_rule.ErrorEstimate(np.asarray(error), np.asarray(float(df))))
    return estimates
