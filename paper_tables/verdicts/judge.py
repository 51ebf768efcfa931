"""The verdict on a reported number: does it hold, is it different, or can it not be settled?

d is our mean minus the reported one, over training seeds, with Welch's error and degrees of freedom; M is the
margin, fixed beforehand per suite (`config/margins.yaml`).

- `reproduced`: the 90% interval of d lies inside (-M, M): two one-sided tests at 5% (Schuirmann,
  J. Pharmacokinetics and Biopharmaceutics 15, 1987).
- `different (lower)`, `different (higher)`: it lies wholly outside [-M, M].
- `inconclusive`: anything else.
- `uninformative`: against reference runs, where both sides are near the random policy.
- `not comparable`: another dataset, another selection rule, or a number that is not verified.

What the paper does not say is not guessed: every reading of it is a point of a grid, and a verdict is
given only if all points agree. All points share d and differ in the width of the interval alone, so the
widest one decides, and it is the one shown.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from recheck.errors import TablesError

from paper_tables.config import load_margins
from paper_tables.verdicts.reported_error import SPREAD_KINDS, readings_of_report
from paper_tables.verdicts.rule import (
    DIFFERENT_HIGHER,
    DIFFERENT_LOWER,
    HOLDS_HIGHER,
    HOLDS_LOWER,
    HOLDS_OPEN,
    HOLDS_YES,
    INCONCLUSIVE,
    NOT_COMPARABLE,
    REPRODUCED,
    UNINFORMATIVE,
    Verdict,
    as_sentence,
    difference_interval,
    error_and_df,
    p_values,
    verdict_of_interval,
)

if TYPE_CHECKING:
    pass


"""Of each one-sided test, and of Holm's procedure within a table."""


# One cell.
def judge_cell(
    our_scores_percent: Sequence[float] | np.ndarray,
    reported_mean: float,
    reported_spread: float | None,
    spread_kind: str,
    reported_seeds: int | Sequence[int] | None,
    reported_episodes_per_seed: int | None,
    margin_percent: float,
    *,
    not_comparable_reason: str | None = None,
    against_reference_runs: bool = False,
    random_policy_percent: float = 0.0,
    random_policy_points: float | None = None,
) -> Verdict:
    """The verdict on one reported number.

    Args:
        our_scores_percent: our score of every training seed, `[seeds]`, one number per seed.
        reported_mean: the printed number, in points.
        reported_spread: what stands after the +/-, in points, or None.
        spread_kind: one of `SPREAD_KINDS`; `none` where there is no spread.
        reported_seeds: training seeds of the paper; several numbers where it contradicts itself; None
            where it does not say.
        reported_episodes_per_seed: evaluation episodes per training seed, or None.
        margin_percent: the margin M of the suite, in points.
        not_comparable_reason: why the two numbers cannot be held against each other (other dataset, other
            selection rule, number not verified); then the verdict is `not comparable` whatever the scores.
        against_reference_runs: the reported side is reference runs; only then can a cell be `uninformative`.
        random_policy_percent: score of the random policy, 0 on the normalised scale.
        random_policy_points: how near to it both sides must lie for `uninformative`; by default that of
            `config/margins.yaml`.

    Raises:
        TablesError: no score of ours, a score that is not finite, a negative spread, an unknown kind of
            spread, a number of seeds or episodes below 1, or a margin that is not above 0.
    """
    ours = np.asarray(our_scores_percent, dtype=float)
    seeds = _check_cell(
        ours,
        reported_mean,
        reported_spread,
        spread_kind,
        reported_seeds,
        reported_episodes_per_seed,
        margin_percent,
    )
    if reported_spread is not None and math.isnan(reported_spread):
        reported_spread = None
    our_seeds = len(ours)
    our_mean = float(ours.mean())
    difference = our_mean - float(reported_mean)
    our_sd = float(ours.std(ddof=1)) if our_seeds > 1 else None
    verdict = Verdict(
        verdict=INCONCLUSIVE,
        adjusted_verdict=INCONCLUSIVE,
        difference_percent=difference,
        margin_percent=float(margin_percent),
        our_mean_percent=our_mean,
        our_sd_percent=our_sd,
        our_seeds=our_seeds,
    )
    if not_comparable_reason is not None:
        return replace(
            verdict,
            verdict=NOT_COMPARABLE,
            adjusted_verdict=NOT_COMPARABLE,
            holds_as_printed="",
            note=as_sentence(not_comparable_reason),
        )
    if our_sd is None:
        verdict = replace(verdict, note="One seed of ours: nothing can be said about its error.")
    else:
        verdict = replace(verdict, **_as_printed(difference, our_sd, our_seeds, margin_percent))
        if seeds == [1]:
            verdict = replace(
                verdict, note="The reported number is of one seed: nothing can be said about its error."
            )
        else:
            verdict = _judge_difference(
                verdict,
                difference,
                our_sd,
                our_seeds,
                reported_spread,
                spread_kind,
                seeds,
                reported_episodes_per_seed,
                margin_percent,
            )
    if not against_reference_runs:
        return verdict
    if random_policy_points is None:
        random_policy_points = load_margins().uninformative_within_percent
    near = max(abs(our_mean - random_policy_percent), abs(reported_mean - random_policy_percent))
    if near <= random_policy_points:
        note = f"Both sides lie within {random_policy_points:g} points of the random policy."
        return replace(
            verdict,
            verdict=UNINFORMATIVE,
            adjusted_verdict=UNINFORMATIVE,
            power_n=None,
            power="",
            note=" ".join(part for part in (note, verdict.note) if part),
        )
    return verdict


def judge_against_runs(
    our_scores_percent: Sequence[float] | np.ndarray,
    reference_scores_percent: Sequence[float] | np.ndarray,
    margin_percent: float,
    *,
    not_comparable_reason: str | None = None,
    random_policy_percent: float = 0.0,
) -> Verdict:
    """The verdict on reference runs whose score of every seed is known.

    Args:
        our_scores_percent: `[seeds]`.
        reference_scores_percent: `[reference seeds]`.
        margin_percent: the margin M, in points.
        not_comparable_reason: as in `judge_cell`.
        random_policy_percent: score of the random policy.
    """
    reference = np.asarray(reference_scores_percent, dtype=float)
    if reference.ndim != 1 or reference.size == 0 or not np.isfinite(reference).all():
        raise TablesError("The reference runs need one finite score per seed, at least one.")
    several = len(reference) > 1
    return judge_cell(
        our_scores_percent,
        float(reference.mean()),
        float(reference.std(ddof=1)) if several else None,
        "standard_deviation_over_seeds" if several else "none",
        len(reference),
        None,
        margin_percent,
        not_comparable_reason=not_comparable_reason,
        against_reference_runs=True,
        random_policy_percent=random_policy_percent,
    )


def _check_cell(
    ours: np.ndarray,
    reported_mean: float,
    spread: float | None,
    kind: str,
    seeds: int | Sequence[int] | None,
    episodes: int | None,
    margin: float,
) -> list[int] | None:
    """Refuse what cannot be judged; the reported numbers of seeds as a list, None where unknown."""
    if ours.ndim != 1 or ours.size == 0:
        raise TablesError("A verdict needs one score of ours per training seed, at least one.")
    if not np.isfinite(ours).all() or not math.isfinite(reported_mean):
        raise TablesError("A verdict needs finite scores on both sides.")
    if kind not in SPREAD_KINDS:
        raise TablesError(f"There is no kind of spread '{kind}'; allowed are {', '.join(SPREAD_KINDS)}.")
    if spread is not None and (spread < 0 or math.isinf(spread)):
        raise TablesError(f"The reported spread is {spread:g}; it must be a finite number, 0 or more.")
    if not (math.isfinite(margin) and margin > 0):
        raise TablesError(f"The margin is {margin:g} points; it must be above 0.")
    if episodes is not None and episodes < 1:
        raise TablesError(f"The reported number of episodes per seed is {episodes}; it must be 1 or more.")
    if seeds is None:
        return None
    counts = [int(seeds)] if isinstance(seeds, int | float | np.number) else sorted({int(n) for n in seeds})
    if not counts or counts[0] < 1:
        raise TablesError(f"The reported number of seeds is {seeds}; it must be 1 or more.")
    # One contested reading with a single seed cannot be bounded, and every reading must agree.
    return [1] if counts[0] == 1 else counts


def _as_printed(difference: float, our_sd: float, our_seeds: int, margin: float) -> dict[str, Any]:
    """The printed number as a constant: the rule and the t test with our error alone."""
    from scipy import stats

    error = our_sd / math.sqrt(our_seeds)
    low, high = difference_interval(difference, error, our_seeds - 1)
    answer = {
        REPRODUCED: HOLDS_YES,
        DIFFERENT_LOWER: HOLDS_LOWER,
        DIFFERENT_HIGHER: HOLDS_HIGHER,
        INCONCLUSIVE: HOLDS_OPEN,
    }[verdict_of_interval(float(low), float(high), margin)]
    if error > 0:
        p_value = float(2 * stats.t.sf(abs(difference) / error, our_seeds - 1))
    else:
        p_value = 1.0 if difference == 0 else 0.0
    return {"holds_as_printed": answer, "as_printed_p_value": p_value}


def _judge_difference(
    verdict: Verdict,
    difference: float,
    our_sd: float,
    our_seeds: int,
    spread: float | None,
    kind: str,
    seeds: list[int] | None,
    episodes: int | None,
    margin: float,
) -> Verdict:
    """The rule over every reading of the report."""
    from paper_tables.verdicts.power import seeds_needed

    readings, notes = readings_of_report(spread, kind, seeds, episodes, our_sd)
    low, high = difference, difference
    p_reproduced = p_different = 0.0
    verdicts = set()
    needed = []
    for reading in readings:
        if math.isinf(reading.error_percent):
            # Nothing bounds this reading: its interval is the whole line.
            low, high, p_reproduced, p_different = -math.inf, math.inf, 1.0, 1.0
            verdicts.add(INCONCLUSIVE)
            continue
        error, df = error_and_df(our_sd, our_seeds, reading, reading.error_percent)
        point_low, point_high = (float(end) for end in difference_interval(difference, error, df))
        verdicts.add(verdict_of_interval(point_low, point_high, margin))
        low, high = min(low, point_low), max(high, point_high)
        reproduced, different = p_values(difference, float(error), float(df), margin)
        p_reproduced, p_different = max(p_reproduced, reproduced), max(p_different, different)
        needed.append(
            seeds_needed(
                our_sd, reading.error_percent, reading.seeds, margin, spread_is_assumed=reading.dependent
            )
        )
    bounded = math.isfinite(high)
    if low == high:
        notes.append("Neither side shows any spread between seeds, so the interval has no width.")
    # All intervals share their centre: the widest decides for all, and is decided only if all are.
    decided = verdict_of_interval(low, high, margin)
    if not bounded or any(need.never for need in needed):
        power_n, power = None, "never"
    elif any(need.seeds is None for need in needed):
        power_n, power = None, next(need.text for need in needed if need.seeds is None)
    else:
        power_n = max(need.seeds for need in needed if need.seeds is not None)
        power = str(power_n)
    return replace(
        verdict,
        verdict=decided,
        adjusted_verdict=decided,
        interval_low=low if bounded else None,
        interval_high=high if bounded else None,
        detectable=bounded and not low <= 0 <= high,
        smallest_margin_percent=max(abs(low), abs(high)) if bounded else None,
        power_n=power_n,
        power=power,
        assumed=any(reading.dependent for reading in readings),
        p_reproduced=p_reproduced,
        p_different=p_different,
        grid_points=len(readings),
        grid_agrees=len(verdicts) == 1,
        note=" ".join(notes),
    )
