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
from paper_tables.audit.claims import Claim, Finding, grouped_by, make_finding, place_of, value_text

# Kind of spread in the reported numbers -> of the arithmetic.
KIND_OF = {
    "population_standard_deviation_over_seeds": "population_standard_deviation",
    "standard_deviation_over_seeds": "standard_deviation",
    "standard_error_over_seeds": "standard_error",
}
LEAST_CELLS = 5
"""Fewer cells prove no kind of spread."""


def _design(claim: Claim, suites: pd.DataFrame) -> Design | None:
    """Seeds and episodes, where both are single numbers and the suite's episodes have steps."""
    seeds, episodes = claim["num_seeds"], claim["episodes_per_seed"]
    if claim["aggregate"] != "cell" or claim["origin"] == "copied" or claim["confidence"] != "seen":
        return None
    if claim["suite"] not in suites.index or not str(seeds).isdigit() or not episodes:
        return None
    step = suites.loc[claim["suite"], "episode_step_percent"]
    return None if pd.isna(step) else Design(int(str(seeds)), int(episodes), float(step))


def _spread_text(claim: Claim) -> str:
    return f"{value_text(claim)} +/- {claim['spread_percent']:.{int(claim['decimals'])}f}"


def impossible_mean(claims: list[Claim], suites: pd.DataFrame) -> Iterator[Finding]:
    """A mean that no whole number of successes over the stated seeds and episodes gives (GRIM)."""
    for claim in claims:
        design = _design(claim, suites)
        if design is None:
            continue
        total, score, decimals = design.total, claim["score_percent"], int(claim["decimals"])
        if mean_fits(score, decimals, total, design.step):
            continue
        chance = chance_that_a_mean_fits(decimals, total, design.step)
        yield make_finding(
            "impossible_mean",
            "impossible",
            claim,
            value_text(claim),
            f"{design.groups} seeds x {design.episodes} episodes",
            f"multiples of {design.step / total:.4g}",
            f"No whole number of successes in {total} episodes gives {value_text(claim)}: the number or the "
            f"stated design is wrong. A wrong number would pass in {chance:.0%} of cases.",
        )


def _largest_spread(claim: Claim, low: float, high: float) -> float | None:
    """The largest spread of the stated kind that scores between two bounds allow (Bhatia and Davis)."""
    half = 0.5 * 10.0 ** -int(claim["decimals"])
    middle = (low + high) / 2
    nearest = min(max(middle, claim["score_percent"] - half), claim["score_percent"] + half)
    deviation = largest_deviation(nearest, low, high)
    seeds = int(claim["num_seeds"]) if str(claim["num_seeds"]).isdigit() else None
    episodes = claim["episodes_per_seed"]
    kind = claim["spread_kind"]
    if kind in ("population_standard_deviation_over_seeds", "population_standard_deviation_over_evaluations"):
        return deviation
    if kind == "standard_deviation_over_seeds" and seeds and seeds > 1:
        return deviation * math.sqrt(seeds / (seeds - 1))
    if kind == "standard_error_over_seeds" and seeds and seeds > 1:
        return deviation / math.sqrt(seeds - 1)
    if kind == "standard_error_of_pooled_episodes" and episodes and (seeds or 1) * episodes > 1:
        return deviation / math.sqrt((seeds or 1) * episodes - 1)
    return None


def impossible_spread(claims: list[Claim], suites: pd.DataFrame) -> Iterator[Finding]:
    """A spread that scores with that mean cannot have: above its bound, or of no whole numbers (GRIMMER)."""
    lows, highs = suites["min_percent"].to_dict(), suites["max_percent"].to_dict()
    for claim in claims:
        spread = claim["spread_percent"]
        if claim["aggregate"] != "cell" or spread is None or claim["suite"] not in suites.index:
            continue
        if claim["confidence"] != "seen" or claim["origin"] == "copied":
            continue
        decimals = int(claim["decimals"])
        low, high = float(lows[claim["suite"]]), float(highs[claim["suite"]])
        bound = None if math.isnan(low + high) else _largest_spread(claim, low, high)
        if bound is not None and spread - 0.5 * 10.0**-decimals > bound:
            yield make_finding(
                "impossible_spread",
                "impossible",
                claim,
                _spread_text(claim),
                f"largest {claim['spread_kind'].replace('_', ' ')} with this mean",
                f"{bound:.{decimals + 1}f}",
                f"Scores between {low:g} and {high:g} with the mean {value_text(claim)} have a "
                f"{claim['spread_kind'].replace('_', ' ')} of at most {bound:.{decimals + 1}f}.",
            )
            continue
        design, kind = _design(claim, suites), KIND_OF.get(claim["spread_kind"])
        if design is None or kind is None or design.groups < 2 or spread == 0:
            continue
        score = claim["score_percent"]
        if not mean_fits(score, decimals, design.total, design.step):
            continue
        if spread_fits(score, spread, decimals, design, kind):
            continue
        chance = chance_that_a_spread_fits(score, spread, decimals, design, kind)
        yield make_finding(
            "impossible_spread",
            "impossible",
            claim,
            _spread_text(claim),
            f"{design.groups} seeds x {design.episodes} episodes",
            claim["spread_kind"],
            f"No whole numbers of successes of {design.groups} seeds give both the mean and this "
            f"{claim['spread_kind'].replace('_', ' ')}. A wrong one would pass in {chance:.0%} of cases.",
        )


def kind_of_spread_proven(claims: list[Claim], suites: pd.DataFrame) -> Iterator[Finding]:
    """A table's spreads that fit exactly one kind in all cells: what +/- means, whatever is stated."""
    for _, group in sorted(grouped_by(claims, "document", "table", "suite").items()):
        cells: list[tuple[Claim, Design]] = []
        for claim in group:
            design = _design(claim, suites)
            tested = design is not None and design.groups > 1 and claim["spread_percent"]
            if design is not None and tested and claim["spread_kind"] in (*KIND_OF, "unknown"):
                cells.append((claim, design))
        if len(cells) < LEAST_CELLS:
            continue
        fits = {kind: sum(_fits(claim, design, kind) for claim, design in cells) for kind in KINDS}
        complete = [kind for kind in KINDS if fits[kind] == len(cells)]
        if len(complete) != 1:
            continue
        kind = complete[0]
        by_chance = sum(
            chance_that_a_spread_fits(
                claim["score_percent"], claim["spread_percent"], int(claim["decimals"]), design, kind
            )
            for claim, design in cells
        )
        # Where nearly all wrong spreads would fit as well, a complete fit says nothing.
        if by_chance > len(cells) - 2:
            continue
        first = cells[0][0]
        stated = {KIND_OF.get(claim["spread_kind"], "unknown") for claim, _ in cells}
        counts = ", ".join(f"{name.replace('_', ' ')} {fits[name]}" for name in KINDS)
        yield make_finding(
            "kind_of_spread_proven",
            "remark" if stated == {kind} else "contradiction",
            first,
            kind.replace("_", " "),
            "the document",
            ", ".join(sorted(stated)).replace("_", " "),
            f"Of {len(cells)} spreads the digits allow: {counts}. By chance {by_chance:.0f} would fit.",
            task=f"{len(cells)} numbers",
            method=", ".join(sorted({claim["method"] for claim, _ in cells})),
            source=place_of(first),
        )


def _fits(claim: dict[str, Any], design: Design, kind: str) -> bool:
    return spread_fits(claim["score_percent"], claim["spread_percent"], int(claim["decimals"]), design, kind)
