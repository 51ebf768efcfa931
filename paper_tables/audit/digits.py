"""Rules: what the printed digits allow, given the stated seeds and episodes.

They speak only where an episode's score has steps and the design is stated in single numbers, and of numbers
that were read, not remembered. Copies are left out: their design is their original's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd

from paper_tables.audit.arithmetic import (
    KINDS,
    Design,
    chance_that_a_mean_fits,
    chance_that_a_spread_fits,
    largest_deviation,
    mean_fits,
    spread_fits,
)
from paper_tables.audit.numbers import Finding, PrintedNumber, grouped_by

# Kind of spread in the reported numbers -> of the arithmetic.
KIND_OF = {
    "population_standard_deviation_over_seeds": "population_standard_deviation",
    "standard_deviation_over_seeds": "standard_deviation",
    "standard_error_over_seeds": "standard_error",
}
LEAST_CELLS = 5
"""Fewer cells prove no kind of spread."""


def design_of(number: PrintedNumber, suites: pd.DataFrame) -> Design | None:
    """Seeds and episodes, where both are single numbers and the suite's episodes have steps."""
    seeds, episodes = number.num_seeds, number.episodes_per_seed
    if number.aggregate != "cell" or number.origin == "copied" or number.confidence != "seen":
        return None
    if number.suite not in suites.index or not str(seeds).isdigit() or not episodes:
        return None
    step: Any = suites.loc[number.suite, "episode_step_percent"]
    return None if pd.isna(step) else Design(int(str(seeds)), int(episodes), float(step))


def _spread_text(number: PrintedNumber) -> str:
    return f"{number.text} +/- {number.spread_percent:.{int(number.decimals)}f}"


def impossible_mean(numbers: list[PrintedNumber], suites: pd.DataFrame) -> Iterator[Finding]:
    """A mean that no whole number of successes over the stated seeds and episodes gives (GRIM)."""
    for number in numbers:
        design = design_of(number, suites)
        if design is None:
            continue
        total, score, decimals = design.total, number.score_percent, int(number.decimals)
        if mean_fits(score, decimals, total, design.step):
            continue
        chance = chance_that_a_mean_fits(decimals, total, design.step)
        yield number.finding(
            "impossible_mean",
            "impossible",
            (
                f"No whole number of successes in {total} episodes gives {number.text}: the number or the "
                f"stated design is wrong. A wrong number would pass in {chance:.0%} of cases."
            ),
            other_source=f"{design.groups} seeds x {design.episodes} episodes",
            other_value=f"multiples of {design.step / total:.4g}",
        )


def _largest_spread(number: PrintedNumber, low: float, high: float) -> float | None:
    """The largest spread of the stated kind that scores between two bounds allow (Bhatia and Davis)."""
    half = 0.5 * 10.0 ** -int(number.decimals)
    middle = (low + high) / 2
    nearest = min(max(middle, number.score_percent - half), number.score_percent + half)
    deviation = largest_deviation(nearest, low, high)
    seeds = int(number.num_seeds) if number.num_seeds and number.num_seeds.isdigit() else None
    episodes = number.episodes_per_seed
    kind = number.spread_kind
    if kind in ("population_standard_deviation_over_seeds", "population_standard_deviation_over_evaluations"):
        return deviation
    if kind == "standard_deviation_over_seeds" and seeds and seeds > 1:
        return deviation * math.sqrt(seeds / (seeds - 1))
    if kind == "standard_error_over_seeds" and seeds and seeds > 1:
        return deviation / math.sqrt(seeds - 1)
    if kind == "standard_error_of_pooled_episodes" and episodes and (seeds or 1) * episodes > 1:
        return deviation / math.sqrt((seeds or 1) * episodes - 1)
    return None


def impossible_spread(numbers: list[PrintedNumber], suites: pd.DataFrame) -> Iterator[Finding]:
    """A spread that scores with that mean cannot have: above its bound, or of no whole numbers (GRIMMER)."""
    lows, highs = suites["min_percent"].to_dict(), suites["max_percent"].to_dict()
    for number in numbers:
        spread = number.spread_percent
        if number.aggregate != "cell" or spread is None or number.suite not in suites.index:
            continue
        if number.confidence != "seen" or number.origin == "copied":
            continue
        decimals = int(number.decimals)
        low, high = float(lows[number.suite]), float(highs[number.suite])
        bound = None if math.isnan(low + high) else _largest_spread(number, low, high)
        if bound is not None and spread - 0.5 * 10.0**-decimals > bound:
            yield number.finding(
                "impossible_spread",
                "impossible",
                (
                    f"Scores between {low:g} and {high:g} with the mean {number.text} have a "
                    f"{number.spread_kind.replace('_', ' ')} of at most {bound:.{decimals + 1}f}."
                ),
                value=_spread_text(number),
                other_source=f"largest {number.spread_kind.replace('_', ' ')} with this mean",
                other_value=f"{bound:.{decimals + 1}f}",
            )
            continue
        design, kind = design_of(number, suites), KIND_OF.get(number.spread_kind)
        if design is None or kind is None or design.groups < 2 or spread == 0:
            continue
        score = number.score_percent
        if not mean_fits(score, decimals, design.total, design.step):
            continue
        if spread_fits(score, spread, decimals, design, kind):
            continue
        chance = chance_that_a_spread_fits(score, spread, decimals, design, kind)
        yield number.finding(
            "impossible_spread",
            "impossible",
            (
                f"No whole numbers of successes of {design.groups} seeds give both the mean and this "
                f"{number.spread_kind.replace('_', ' ')}. A wrong one would pass in {chance:.0%} of cases."
            ),
            value=_spread_text(number),
            other_source=f"{design.groups} seeds x {design.episodes} episodes",
            other_value=number.spread_kind,
        )


def kind_of_spread_proven(numbers: list[PrintedNumber], suites: pd.DataFrame) -> Iterator[Finding]:
    """A table's spreads that fit exactly one kind in all cells: what +/- means, whatever is stated."""
    for _, group in sorted(grouped_by(numbers, "document", "table", "suite").items()):
        cells: list[tuple[PrintedNumber, Design]] = []
        for number in group:
            design = design_of(number, suites)
            tested = design is not None and design.groups > 1 and number.spread_percent
            if design is not None and tested and number.spread_kind in (*KIND_OF, "unknown"):
                cells.append((number, design))
        if len(cells) < LEAST_CELLS:
            continue
        fits = {kind: sum(_fits(number, design, kind) for number, design in cells) for kind in KINDS}
        complete = [kind for kind in KINDS if fits[kind] == len(cells)]
        if len(complete) != 1:
            continue
        kind = complete[0]
        by_chance = sum(
            chance_that_a_spread_fits(
                number.score_percent, number.spread_percent or 0.0, number.decimals, design, kind
            )
            for number, design in cells
        )
        # Where nearly all wrong spreads would fit as well, a complete fit says nothing.
        if by_chance > len(cells) - 2:
            continue
        first = cells[0][0]
        stated = {KIND_OF.get(number.spread_kind, "unknown") for number, _ in cells}
        counts = ", ".join(f"{name.replace('_', ' ')} {fits[name]}" for name in KINDS)
        yield first.finding(
            "kind_of_spread_proven",
            "remark" if stated == {kind} else "contradiction",
            f"Of {len(cells)} spreads the digits allow: {counts}. By chance {by_chance:.0f} would fit.",
            value=kind.replace("_", " "),
            other_source="the document",
            other_value=", ".join(sorted(stated)).replace("_", " "),
            task=f"{len(cells)} numbers",
            method=", ".join(sorted({number.method for number, _ in cells})),
            source=first.place,
        )


def _fits(number: PrintedNumber, design: Design, kind: str) -> bool:
    return spread_fits(number.score_percent, number.spread_percent or 0.0, number.decimals, design, kind)
