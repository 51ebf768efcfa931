"""What independent implementations of one method differ by: the band of re-runs, and pooling over several.

Seeds measure one implementation. Two correct implementations of a method differ by more, and with many seeds
nearly every such difference is outside the margin though nothing is wrong. So a second line is given with
each verdict: is the difference larger than independent re-runs usually show in this domain?
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from recheck.errors import TablesError

from paper_tables.verdicts import checks

if TYPE_CHECKING:
    import pandas as pd

BAND_SHARE = 0.80
"""Share of published differences that the band holds."""

LEAST_PAIRS = 10
"""Fewer published differences give no band."""

COPIED_SHARE = 0.5
"""Two columns that agree to the last digit on more than this share of their tasks are copies."""

POOLED_FROM = 3
"""Fewer implementations than this are not pooled."""

PREDICTION_LEVEL = 0.90


@dataclass(frozen=True)
class Band:
    """Spread between independent re-runs in one domain.

    Attributes:
        domain: the first part of its tasks' names, such as `hopper`.
        half_width_percent: `share` of the published differences are at most this, in points.
        share: `BAND_SHARE`.
        pairs: number of published differences.
        source: the documents that they come from, in words.
    """

    domain: str
    half_width_percent: float
    share: float
    pairs: int
    source: str

    def __post_init__(self) -> None:
        """Refuse a band without meaning.

        Raises:
            TablesError: a half-width that is negative or not finite.
        """
        checks.not_negative(self.half_width_percent, "The spread between independent re-runs")


def domain_of(task: str) -> str:
    """The environment in a task's name: `hopper` of `hopper-medium-v2`."""
    return task.split("-", 1)[0]


def bands_of_reruns(numbers: pd.DataFrame, share: float = BAND_SHARE) -> dict[str, Band]:
    """The band of every domain with enough published differences.

    A difference is between two documents that both ran the same method on the same task with the same
    version, each number once; checkpoints selected by the best score are left out. The seeds' noise is in
    these differences, so the bands are wide rather than narrow.

    Args:
        numbers: reported numbers, all documents, in the columns of ``schemas/reported.schema.json``.
        share: of the differences that the band holds.

    Returns:
        Domain -> band; a domain with fewer than `LEAST_PAIRS` differences has none.
    """
    differences: dict[str, list[float]] = {}
    sources: dict[str, set[str]] = {}
    for pair in _rerun_pairs(numbers):
        for task, value in pair.differences.items():
            differences.setdefault(domain_of(task), []).append(value)
            sources.setdefault(domain_of(task), set()).update(pair.documents)
    return {
        domain: Band(
            domain,
            float(np.quantile(values, share)),
            share,
            len(values),
            f"{len(values)} differences between re-runs in {', '.join(sorted(sources[domain]))}",
        )
        for domain, values in sorted(differences.items())
        if len(values) >= LEAST_PAIRS
    }


def rerun_differences(numbers: pd.DataFrame) -> list[tuple[str, float]]:
    """Task and absolute difference, in points, of every published re-run that `bands_of_reruns` uses."""
    return [item for pair in _rerun_pairs(numbers) for item in pair.differences.items()]


@dataclass(frozen=True)
class _Pair:
    documents: tuple[str, str]
    differences: Mapping[str, float]


def _rerun_pairs(numbers: pd.DataFrame) -> list[_Pair]:
    """Every two documents that ran one method, with their absolute differences by task, copies left out."""
    own = numbers[
        (numbers["aggregate"] == "cell")
        & (numbers["origin"] != "copied")
        & (numbers["confidence"] == "seen")
        & (numbers["selection"] != "best_online")
    ]
    pairs = []
    for _, of_method in own.groupby("method_key", sort=True):
        columns = {
            str(document): rows.drop_duplicates("task").set_index("task")["score_percent"]
            for document, rows in of_method.groupby("document", sort=True)
        }
        for one, other in itertools.combinations(columns, 2):
            both = (columns[one] - columns[other]).dropna().abs()
            if len(both) and (both == 0).mean() <= COPIED_SHARE:
                pairs.append(_Pair((one, other), {str(task): float(value) for task, value in both.items()}))
    return pairs


def largest_known_sd(numbers: pd.DataFrame) -> dict[tuple[str, str], float]:
    """The largest standard deviation over seeds that any document prints, by method and task.

    Args:
        numbers: reported numbers, all documents.

    Returns:
        (method_key, task) -> points. Standard errors over seeds are turned into standard deviations where
        the number of seeds is known; other kinds of spread are not used.
    """
    found: dict[tuple[str, str], float] = {}
    for row in numbers[numbers["spread_percent"].notna()].to_dict("records"):
        sd = _sd_over_seeds(row)
        if sd is not None and sd > 0:
            key = str(row["method_key"]), str(row["task"])
            found[key] = max(found.get(key, 0.0), sd)
    return found


def _sd_over_seeds(row: Mapping[Any, Any]) -> float | None:
    kind, spread = row["spread_kind"], float(row["spread_percent"])
    if kind == "standard_deviation_over_seeds":
        return spread
    seeds = str(row["num_seeds"]).removesuffix(".0")
    if not seeds.isdigit() or int(seeds) < 2:
        return None
    if kind == "population_standard_deviation_over_seeds":
        return spread * math.sqrt(int(seeds) / (int(seeds) - 1))
    return spread * math.sqrt(int(seeds)) if kind == "standard_error_over_seeds" else None


# Several implementations of one number.


@dataclass(frozen=True)
class Estimate:
    """One implementation's mean, or one report of a number.

    Attributes:
        name: who ran it.
        mean_percent: mean over seeds, in points.
        error_percent: its standard error over seeds, in points, above 0.
    """

    name: str
    mean_percent: float
    error_percent: float

    def __post_init__(self) -> None:
        """Refuse what is not a number; `pool` refuses what cannot be pooled.

        Raises:
            TablesError: a mean or an error that is not a number.
        """
        checks.numbers(self.mean_percent, f"The mean of {self.name}")
        checks.numbers(self.error_percent, f"The standard error of {self.name}")

    @classmethod
    def of_runs(cls, name: str, scores_percent: Sequence[float]) -> Estimate:
        """The estimate from one score per seed, at least 2 that are not all equal.

        Raises:
            TablesError: fewer than two seeds, no spread between them, or a score that is not finite.
        """
        scores = checks.scores(scores_percent, f"those of {name}", least=0)
        if len(scores) < 2 or checks.identical(scores):
            raise TablesError(f"{name}: pooling needs at least 2 seeds that differ, not {len(scores)}.")
        return cls(name, float(scores.mean()), float(scores.std(ddof=1)) / math.sqrt(len(scores)))


@dataclass(frozen=True)
class Pooled:
    """Random effects over implementations.

    Attributes:
        mean_percent: the pooled mean, in points.
        error_percent: its standard error by Hartung and Knapp, in points.
        df: degrees of freedom, implementations less one.
        between_sd_percent: standard deviation between implementations, in points.
        inconsistency: I squared, 0 to 1.
        prediction_low: lower end of the 90% interval for one more implementation.
        prediction_high: its upper end.
        implementations: how many.
    """

    mean_percent: float
    error_percent: float
    df: int
    between_sd_percent: float
    inconsistency: float
    prediction_low: float
    prediction_high: float
    implementations: int

    def holds(self, score_percent: float) -> bool:
        """Whether a reported score is inside the prediction interval.

        Raises:
            TablesError: a score that is not finite.
        """
        checks.finite(score_percent, "The reported score")
        return self.prediction_low <= score_percent <= self.prediction_high


def pool(estimates: Sequence[Estimate], level: float = PREDICTION_LEVEL) -> Pooled:
    """Pool implementations by random effects.

    The variance between implementations is Paule and Mandel's (Journal of Research of the National Bureau of
    Standards 87, 1982), the standard error Hartung and Knapp's (Statistics in Medicine 20, 2001), as
    statsmodels computes them. The prediction interval for one more implementation is the pooled mean plus
    and minus t(k - 1) times sqrt(between^2 + error^2) (Higgins, Thompson and Spiegelhalter, Journal of the
    Royal Statistical Society A 172, 2009, with k - 1 degrees of freedom).

    Args:
        estimates: one for each implementation, at least `POOLED_FROM`.
        level: of the prediction interval.

    Raises:
        TablesError: fewer than three implementations, a mean that is not finite, an error that is not above
            0 and finite, or a level that is not above 0 and below 1.
    """
    from scipy import special
    from statsmodels.stats.meta_analysis import combine_effects

    checks.list_of(estimates, Estimate, "The estimates to pool")
    if len(estimates) < POOLED_FROM:
        raise TablesError(f"Pooling needs at least {POOLED_FROM} implementations, not {len(estimates)}.")
    for estimate in estimates:
        checks.finite(estimate.mean_percent, f"The mean of {estimate.name}")
        checks.finite(estimate.error_percent, f"The standard error of {estimate.name}")
        if not estimate.error_percent > checks.SAME_PERCENT:
            raise TablesError(f"{estimate.name}: the standard error must be above 0 to be pooled.")
    checks.between(level, "The level of a prediction interval", 0.0, 1.0)
    means = np.array([estimate.mean_percent for estimate in estimates])
    variances = np.array([estimate.error_percent**2 for estimate in estimates])
    with np.errstate(divide="ignore"):
        # Its I squared divides by 0 where all means are equal.
        combined = combine_effects(means, variances, method_re="iterated")
    between = max(0.0, float(combined.tau2))
    # Hartung and Knapp's factor is not let below 1: with k = 3 it is often near 0 by chance alone.
    error = max(math.sqrt(float(combined.var_hksj_re)), float(combined.sd_eff_w_re))
    df = len(estimates) - 1
    centre = float(combined.mean_effect_re)
    half = float(special.stdtrit(df, 0.5 + level / 2)) * math.sqrt(between + error**2)
    return Pooled(
        mean_percent=centre,
        error_percent=error,
        df=df,
        between_sd_percent=math.sqrt(between),
        inconsistency=max(0.0, 1 - df / combined.q) if combined.q > 0 else 0.0,
        prediction_low=centre - half,
        prediction_high=centre + half,
        implementations=len(estimates),
    )
