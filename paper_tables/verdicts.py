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
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from paper_tables.config import load_margins
from paper_tables.errors import TablesError
from paper_tables.intervals import welch_standard_error_and_df
from paper_tables.readings import SPREAD_KINDS, ReportedReading, readings_of_report

if TYPE_CHECKING:
    import pandas as pd

REPRODUCED = "reproduced"
DIFFERENT_LOWER = "different (lower)"
DIFFERENT_HIGHER = "different (higher)"
INCONCLUSIVE = "inconclusive"
UNINFORMATIVE = "uninformative"
NOT_COMPARABLE = "not comparable"
VERDICTS = (REPRODUCED, DIFFERENT_LOWER, DIFFERENT_HIGHER, INCONCLUSIVE, UNINFORMATIVE, NOT_COMPARABLE)

LEVEL = 0.05
"""Of each one-sided test, and of Holm's procedure within a table."""

HOLDS_YES, HOLDS_LOWER, HOLDS_HIGHER, HOLDS_OPEN = "yes", "no (lower)", "no (higher)", "open"


@dataclass(frozen=True)
class Verdict:
    """What is known about one reported number; points are percent of the normalised score.

    Attributes:
        verdict: one of `VERDICTS`, by the rule above, for this cell alone.
        adjusted_verdict: after Holm over its table; equal to `verdict` for a cell judged alone.
        difference_percent: our mean minus the reported one.
        interval_low: lower end of the widest 90% interval of the difference over the grid.
        interval_high: its upper end.
        detectable: that interval does not hold 0. A footnote, never a verdict.
        holds_as_printed: the same rule with the printed number taken as a constant, which needs no spread:
            `yes`, `no (lower)`, `no (higher)`, `open`.
        as_printed_p_value: two-sided one-sample t test of our mean against the printed number.
        smallest_margin_percent: the margin above which the cell would be `reproduced`.
        power_n: our smallest number of seeds with 80% chance of `reproduced` at true difference 0.
        power: the same as text: a number, `never` or `>100`; empty where it has no meaning.
        assumed: the paper prints no spread; a multiple of ours stands in for it.
        margin_percent: the margin M.
        p_reproduced: larger of the two one-sided p values, at the worst grid point.
        p_different: one-sided p value of |true d| > M on the side of d, at the worst grid point.
        our_mean_percent: our mean over seeds.
        our_sd_percent: our sample standard deviation over seeds; None with one seed.
        our_seeds: our number of seeds.
        grid_points: readings of the paper that were tried.
        grid_agrees: all of them gave the same verdict.
        note: what a reader must know, one sentence each, or empty.
    """

    verdict: str
    adjusted_verdict: str
    difference_percent: float | None = None
    interval_low: float | None = None
    interval_high: float | None = None
    detectable: bool = False
    holds_as_printed: str = HOLDS_OPEN
    as_printed_p_value: float | None = None
    smallest_margin_percent: float | None = None
    power_n: int | None = None
    power: str = ""
    assumed: bool = False
    margin_percent: float | None = None
    p_reproduced: float | None = None
    p_different: float | None = None
    our_mean_percent: float | None = None
    our_sd_percent: float | None = None
    our_seeds: int = 0
    grid_points: int = 0
    grid_agrees: bool = True
    note: str = ""


VERDICT_COLUMNS = tuple(field.name for field in fields(Verdict))


# The rule itself, on arrays.


_CLAIMS = {0: INCONCLUSIVE, 1: REPRODUCED, 2: DIFFERENT_HIGHER, -2: DIFFERENT_LOWER}


def claims_of_intervals(
    low: np.ndarray | float, high: np.ndarray | float, margin_percent: np.ndarray | float
) -> np.ndarray:
    """The rule: 1 `reproduced`, 2 `different (higher)`, -2 `different (lower)`, 0 `inconclusive`.

    Args:
        low: lower ends of 90% intervals of the difference, in points; arguments broadcast.
        high: their upper ends.
        margin_percent: the margin M.
    """
    low, high, margin = np.asarray(low), np.asarray(high), np.asarray(margin_percent)
    inside = (-margin < low) & (high < margin)
    return np.where(inside, 1, np.where(low > margin, 2, np.where(high < -margin, -2, 0)))


def verdict_of_interval(low: float, high: float, margin_percent: float) -> str:
    """`reproduced`, `different (...)` or `inconclusive` for a 90% interval of the difference, in points."""
    return _CLAIMS[int(claims_of_intervals(low, high, margin_percent))]


def difference_interval(
    difference: np.ndarray | float, error: np.ndarray | float, df: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:
    """The 90% interval of a difference with a standard error and degrees of freedom; arguments broadcast."""
    from scipy import special

    half = special.stdtrit(df, 1 - LEVEL) * error
    return np.asarray(difference - half), np.asarray(difference + half)


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
            note=_sentence(not_comparable_reason),
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
    from paper_tables.power import seeds_needed

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
        reproduced, different = _p_values(difference, float(error), float(df), margin)
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


def error_and_df(
    our_sd: np.ndarray | float, our_seeds: int, reading: ReportedReading, error: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:
    """Standard error of the difference and its degrees of freedom for one reading.

    Args:
        our_sd: our sample standard deviation over seeds, in points; broadcasts with `error`.
        our_seeds: our number of seeds.
        reading: gives the paper's number of seeds.
        error: standard error of the reported mean under this reading, in points.
    """
    total, df = welch_standard_error_and_df(
        np.square(our_sd), our_seeds, np.square(error) * reading.seeds, reading.seeds
    )
    # An assumed spread is a multiple of ours: it adds no degrees of freedom to our n - 1.
    return total, np.minimum(df, our_seeds - 1) if reading.dependent else df


def _p_values(difference: float, error: float, df: float, margin: float) -> tuple[float, float]:
    """One-sided p values of the two claims, below 5% exactly where the interval gives the verdict."""
    from scipy import stats

    distance = margin - abs(difference)
    if error == 0:
        return float(distance <= 0), float(distance >= 0)
    return float(stats.t.sf(distance / error, df)), float(stats.t.sf(-distance / error, df))


def _sentence(text: str) -> str:
    text = text.strip()
    return text if not text or text.endswith(".") else text + "."


# A table of cells.


def holm(p_values: Iterable[float]) -> np.ndarray:
    """Holm's adjusted p values (Scandinavian Journal of Statistics 6, 1979), in the order given.

    Args:
        p_values: `[cells]`, each between 0 and 1.

    Returns:
        `[cells]`: a claim stands at 5% within the table where its adjusted value is below 0.05.
    """
    values = np.asarray(list(p_values), dtype=float)
    order = np.argsort(values, kind="stable")
    factors = len(values) - np.arange(len(values))
    stepped = np.minimum(1.0, np.maximum.accumulate(values[order] * factors)) if len(values) else values
    adjusted = np.empty_like(values)
    adjusted[order] = stepped
    return adjusted


def adjust(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Holm at 5% over the cells of one table, apart for `reproduced` and for `different`.

    A cell with p values belongs to both families, whatever its verdict; cells that were never open
    (`not comparable`, one seed) belong to none.
    """
    tested = [i for i, verdict in enumerate(verdicts) if verdict.p_reproduced is not None]
    reproduced = holm(verdicts[i].p_reproduced or 0.0 for i in tested)
    different = holm(verdicts[i].p_different or 0.0 for i in tested)
    result = list(verdicts)
    for place, i in enumerate(tested):
        verdict = verdicts[i]
        if verdict.verdict in (REPRODUCED, DIFFERENT_LOWER, DIFFERENT_HIGHER):
            adjusted = reproduced[place] if verdict.verdict == REPRODUCED else different[place]
            if adjusted >= LEVEL:
                result[i] = replace(verdict, adjusted_verdict=INCONCLUSIVE)
    return result


def judge_table(cells: pd.DataFrame) -> pd.DataFrame:
    """Judge one row per cell and adjust for the number of cells.

    Args:
        cells: columns `our_scores_percent` (a sequence of scores per training seed; empty or None where
            there are no runs of ours), `reported_mean`, `reported_spread`, `spread_kind`,
            `reported_seeds`, `reported_episodes_per_seed`, `margin_percent`; optional
            `not_comparable_reason`, `against_reference_runs`, `random_policy_percent`, and `table`: Holm runs
            within each of its values, over all rows where it is absent. Other columns are kept.

    Returns:
        The rows in their order with the columns `VERDICT_COLUMNS` added; a cell without runs of ours
        has an empty verdict.

    Raises:
        TablesError: a column is missing, or a cell cannot be judged; the message names the row.
    """
    import pandas as pd

    required = (
        "our_scores_percent",
        "reported_mean",
        "reported_spread",
        "spread_kind",
        "reported_seeds",
        "reported_episodes_per_seed",
        "margin_percent",
    )
    missing = [column for column in required if column not in cells.columns]
    if missing:
        raise TablesError(f"The table of cells lacks the column(s) {', '.join(missing)}.")
    judged: list[Verdict] = []
    for place, row in enumerate(cells.to_dict("records")):
        scores = row["our_scores_percent"]
        if scores is None or np.size(scores) == 0 or (np.ndim(scores) == 0 and pd.isna(scores)):
            judged.append(
                Verdict(
                    verdict="",
                    adjusted_verdict="",
                    holds_as_printed="",
                    margin_percent=float(row["margin_percent"]),
                    note="No runs of ours.",
                )
            )
            continue
        reason = _optional(row.get("not_comparable_reason"))
        try:
            judged.append(
                judge_cell(
                    scores,
                    float(row["reported_mean"]),
                    _optional(row["reported_spread"]),
                    str(row["spread_kind"]),
                    _whole(row["reported_seeds"]),
                    _whole(row["reported_episodes_per_seed"]),
                    float(row["margin_percent"]),
                    not_comparable_reason=str(reason) if reason else None,
                    against_reference_runs=bool(_optional(row.get("against_reference_runs")) or False),
                    random_policy_percent=float(_optional(row.get("random_policy_percent")) or 0.0),
                )
            )
        except TablesError as error:
            raise TablesError(f"Row {place} of the table of cells: {error}") from error
    groups = cells["table"].tolist() if "table" in cells.columns else [""] * len(cells)
    for group in dict.fromkeys(groups):
        places = [i for i, name in enumerate(groups) if name == group]
        for i, verdict in zip(places, adjust([judged[i] for i in places])):
            judged[i] = verdict
    added = pd.DataFrame(
        [asdict(verdict) for verdict in judged], columns=list(VERDICT_COLUMNS), index=cells.index
    )
    # The margin stands in both; the cells' own column keeps its place.
    kept = cells.drop(columns=[column for column in VERDICT_COLUMNS if column in cells.columns])
    return pd.concat([kept, added], axis=1)


def _optional(value: Any) -> Any:
    """None for every way a table says that nothing is there."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    return None if type(value).__name__ in ("NAType", "NaTType") else value


def _whole(value: Any) -> Any:
    """A number of seeds or episodes: None, an int, or a list of ints (written `5|6` in a CSV)."""
    value = _optional(value)
    if isinstance(value, str):
        parts = [part.strip() for part in value.split("|") if part.strip()]
        if not parts:
            return None
        if not all(part.isdigit() for part in parts):
            raise TablesError(
                f"'{value}' is not a number of seeds; write 5, or 5|6 where the paper contradicts itself."
            )
        return [int(part) for part in parts] if len(parts) > 1 else int(parts[0])
    if value is None or isinstance(value, list | tuple):
        return value
    return int(value)
