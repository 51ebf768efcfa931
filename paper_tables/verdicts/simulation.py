"""How often verdicts are wrong: the rule on simulated papers and re-runs whose truth is known.

    python -m paper_tables.verdicts.simulation --output results/simulation [--studies 40000]

Writes ``simulation.csv`` and, as it goes, one file for each finished cell (``cells/``); called again it
computes only what is missing (`simulated_cells.py`). Prints the worst rate of every family. A false
`reproduced` is one at |true d| >= M, a false `different` one at |true d| <= M; both are likeliest at
|true d| = M, where they are simulated, on either side. Each rate is given for the rule and for Welch's
interval alone, which the rule replaces. Families (`family` in the file):

``made-up laws``     normal seeds with ratios of the standard deviations from 1/8 to 8, the same law
                     with collapses on both sides, exponential, Student's t
``real runs``        residuals of 141 methods and tasks, ten seeds each: mean and worst over them
``public runs``      groups of 20 or more other public runs, drawn without replacement: mean and worst
``printed``          the spread printed as standard error, or without saying what it is; the number
                     of seeds not stated
``no spread``        no spread printed; the true one is 1/3 to 3 times ours
``typical runs``     the verdict on typical runs, with collapses on both sides or on one
``one side``         collapses on one side, judged by means: a known limit, not promised
``sequential``       looks at 3, 5 and 10 seeds
``power``            the chance of a claim where it is true
``many numbers``     families of numbers after Benjamini and Hochberg (``simulated_families.py``)
``implementations``  correct re-implementations that differ as published re-runs do
"""

from __future__ import annotations

import argparse
import itertools
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from recheck import cli

from paper_tables import frames
from paper_tables.verdicts import decision_rule
from paper_tables.verdicts.laws import (
    MADE_UP,
    Collapse,
    Law,
    Normal,
    TypicalWithCollapse,
    public_groups,
    real_laws,
)
from paper_tables.verdicts.sequential import SequentialPlan
from paper_tables.verdicts.simulated_cells import Cell, Row, rows_of
from paper_tables.verdicts.simulated_families import (
    FAMILY_SEEDS,
    FAMILY_SIZES,
    IMPLEMENTATION_SEEDS,
    SDS_AT_MARGIN,
    SEEDS_AT_MARGIN,
    implementation_rows,
    margin_family_rows,
    mixed_family_rows,
)
from paper_tables.verdicts.simulated_studies import (
    LEAST_STUDIES,
    MARGIN_PERCENT,
    RULE,
    STATED,
    STUDIES,
    WELCH,
    Printed,
    Rates,
    Scenario,
    refuse_few,
    simulate_public,
    simulate_sequential,
    simulate_variants,
)
from paper_tables.verdicts.simulated_typical import simulate_typical

NUMBERS_OF_SEEDS = (3, 5, 10)


def pairs_of_seeds(numbers: Sequence[int] = NUMBERS_OF_SEEDS) -> list[tuple[int, int]]:
    """Every (ours, theirs)."""
    return list(itertools.product(numbers, numbers))


def made_up_scenarios(numbers: Sequence[int] = NUMBERS_OF_SEEDS) -> Iterator[Scenario]:
    """The made-up laws at the margin, what a paper can print, known limits, and power."""
    for name, (ours, theirs) in MADE_UP.items():
        for n, m in pairs_of_seeds(numbers):
            yield Scenario("made-up laws", name, ours, theirs, n, m)
    yield from _printed_scenarios(numbers)
    for ratio, (n, m) in itertools.product((1 / 3, 1.0, 2.0, 3.0), pairs_of_seeds(numbers)):
        sides = Normal(0.1), Normal(0.1 * ratio)
        yield Scenario("no spread", f"normal, sds 1:{ratio:.3g}", *sides, n, m, Printed("nothing", "none"))
    for chance, (n, m) in itertools.product((0.1, 0.3), pairs_of_seeds(numbers)):
        name = f"collapse {chance:.0%} on their side"
        yield Scenario("one side", name, Normal(3.0), Collapse(chance), n, m)
    for sd, (n, m) in itertools.product((2.0, 3.0), pairs_of_seeds(numbers)):
        sides = Normal(sd), Normal(sd)
        yield Scenario("power", f"normal, sd {sd:g}", *sides, n, m, true_difference_percent=0.0)


def _printed_scenarios(numbers: Sequence[int]) -> Iterator[Scenario]:
    """What a paper prints and leaves out."""
    kinds = [
        Printed("se", "standard_error_over_seeds"),
        *(Printed(spread, "unknown") for spread in ("sd", "se")),
        Printed("sd", states_seeds=False),
        *(Printed(spread, "unknown", states_seeds=False) for spread in ("sd", "se")),
    ]
    laws = (
        *(f"normal, sds {ratio}" for ratio in ("1:1", "1:8", "8:1", "1:3", "3:1")),
        "collapse 10%",
        "collapse 30%",
        "minus exponential",
        "t, 3 df",
    )
    for printed, name, (n, m) in itertools.product(kinds, laws, pairs_of_seeds(numbers)):
        yield Scenario("printed", name, *MADE_UP[name], n, m, printed)


def run(
    studies: int = STUDIES,
    seed: int = 0,
    say: Callable[[str], None] = lambda _: None,
    folder: Path | None = None,
) -> pd.DataFrame:
    """Simulate every scenario.

    Args:
        studies: number of studies in each, at least 100.
        seed: of the first; every scenario has its own.
        say: called with the family that comes next.
        folder: of the finished cells; what is there is not computed again. None keeps none.

    Returns:
        One row per scenario and variant of the rule: shares of the claims and the Monte Carlo error of 5%.

    Raises:
        TablesError: fewer than 100 studies.
    """
    return pd.DataFrame(rows_of(list(cells_of(studies, seed)), folder, say))


def cells_of(studies: int, seed: int) -> Iterator[Cell]:
    """Every cell of the simulation, family by family.

    Args:
        studies: number of studies of each.
        seed: of the first.

    Raises:
        TablesError: fewer than 100 studies.
    """
    refuse_few(studies)
    for place, scenario in enumerate(made_up_scenarios()):
        yield _cell(_scenario_rows, scenario.family, scenario=scenario, studies=studies, seed=seed + place)
    yield from _cells_of_known_seeds(studies, seed)
    yield from _cells_of_looks(studies, seed)
    for size, seeds in itertools.product(FAMILY_SIZES, FAMILY_SEEDS):
        yield _cell(mixed_family_rows, "many numbers", size=size, seeds=seeds, studies=studies, seed=seed)
    for sds, seeds in itertools.product(SDS_AT_MARGIN, SEEDS_AT_MARGIN):
        yield _cell(margin_family_rows, "many numbers", sds=sds, seeds=seeds, studies=studies, seed=seed)
    for n, m in IMPLEMENTATION_SEEDS:
        yield _cell(
            implementation_rows, "implementations", our_seeds=n, their_seeds=m, studies=studies, seed=seed
        )


def _cells_of_known_seeds(studies: int, seed: int) -> Iterator[Cell]:
    """Typical runs, and the laws of real runs."""
    for scenario in _typical_scenarios():
        yield _cell(_typical_rows, "typical runs", scenario=scenario, studies=studies, seed=seed)
    for true, (n, m) in itertools.product((MARGIN_PERCENT, 0.0, 2 * MARGIN_PERCENT), pairs_of_seeds()):
        if m < n and true == MARGIN_PERCENT:
            continue  # The same law on both sides: as with the sides exchanged.
        # Power is a mean over cells, for which fewer studies of each suffice.
        family = "real runs" if true == MARGIN_PERCENT else "power"
        of_each = studies if family == "real runs" else fewer(studies)
        yield _cell(_real_rows, family, our_seeds=n, their_seeds=m, true=true, studies=of_each, seed=seed)
    for n, m in pairs_of_seeds():
        if m >= n:  # One group on both sides: as with the sides exchanged.
            yield _cell(_public_rows, "public runs", our_seeds=n, their_seeds=m, studies=studies, seed=seed)


def _cells_of_looks(studies: int, seed: int) -> Iterator[Cell]:
    last = SequentialPlan().last
    for m, (name, sides) in itertools.product(NUMBERS_OF_SEEDS, MADE_UP.items()):
        scenario = Scenario("sequential", name, *sides, last, m)
        yield _cell(_sequential_rows, "sequential", scenario=scenario, studies=studies, seed=seed)
    for m, true in itertools.product(NUMBERS_OF_SEEDS, (MARGIN_PERCENT, 0.0, 2 * MARGIN_PERCENT)):
        yield _cell(
            _sequential_real_rows, "sequential", their_seeds=m, true=true, studies=fewer(studies), seed=seed
        )


def fewer(studies: int) -> int:
    """Studies of each real cell where only their mean is shown."""
    return max(LEAST_STUDIES, studies // 10)


def _cell(rows: Callable[..., list[Row]], family: str, **arguments: Any) -> Cell:
    """A cell that is a function and its arguments; they are its parameters."""
    parameters = {name: repr(value) for name, value in arguments.items()}
    return Cell(family, {"function": rows.__name__, **parameters}, partial(rows, **arguments))


def _scenario_rows(scenario: Scenario, studies: int, seed: int) -> list[Row]:
    found = simulate_variants(scenario, studies, seed)
    return [_row(scenario, variant, rates, studies) for variant, rates in found.items()]


def _row(scenario: Scenario, variant: str, rates: Rates, studies: int) -> Row:
    return {
        "family": scenario.family,
        "law": scenario.law,
        "printed": scenario.printed.text,
        "our_seeds": scenario.our_seeds,
        "reported_seeds": scenario.their_seeds,
        "true_difference_percent": scenario.true_difference_percent,
        "variant": variant,
        "reproduced": round(rates.reproduced, 5),
        "different": round(rates.different, 5),
        "worst_claim": round(rates.worst_claim, 5),
        "mean_seeds": None,
        "monte_carlo_error": round(math.sqrt(decision_rule.LEVEL * (1 - decision_rule.LEVEL) / studies), 5),
        "studies": studies,
    }


def _typical_scenarios() -> Iterator[Scenario]:
    for chance, points in itertools.product((0.1, 0.2, 0.3, 0.5), (22.0, 25.0, 40.0)):
        falling = TypicalWithCollapse(chance, 3.0, points)
        sides: dict[str, tuple[Law, Law]] = {
            "both sides": (falling, falling),
            "our side": (falling, Normal(3.0)),
            "their side": (Normal(3.0), falling),
        }
        for where, (n, m) in itertools.product(sides, pairs_of_seeds()):
            name = f"collapse {chance:.0%} by {points:g} points on {where}"
            yield Scenario("typical runs", name, *sides[where], n, m)


def _typical_rows(scenario: Scenario, studies: int, seed: int) -> list[Row]:
    rates = simulate_typical(
        scenario.ours, scenario.theirs, scenario.our_seeds, scenario.their_seeds, studies, seed
    )
    return [_row(scenario, RULE, rates, studies)]


def _real_rows(our_seeds: int, their_seeds: int, true: float, studies: int, seed: int) -> list[Row]:
    """Mean over the methods and tasks, and at the margin the worst of them."""
    family = "real runs" if true == MARGIN_PERCENT else "power"
    sides = Normal(1), Normal(1)
    asked = Scenario(family, "real, mean of cells", *sides, our_seeds, their_seeds, STATED, true)
    found = [
        simulate_variants(replace(asked, law=name, ours=law, theirs=law), studies, seed + place)
        for place, (name, law) in enumerate(real_laws().items())
    ]
    rows = []
    for variant in (RULE, WELCH):
        of_variant = [rates[variant] for rates in found]
        rows.append(_row(asked, variant, mean_rates(of_variant), studies))
        if family == "real runs":
            worst = max(of_variant, key=lambda rates: rates.worst_claim)
            rows.append(_row(replace(asked, law="real, worst cell"), variant, worst, studies))
    return rows


def _public_rows(our_seeds: int, their_seeds: int, studies: int, seed: int) -> list[Row]:
    found = [
        simulate_public(scores, our_seeds, their_seeds, studies, seed + place)
        for place, scores in enumerate(public_groups().values())
    ]
    rows = []
    for variant in (RULE, WELCH):
        of_variant = [rates[variant] for rates in found]
        worst = max(of_variant, key=lambda rates: rates.worst_claim)
        for law, rates in (
            ("public, mean of groups", mean_rates(of_variant)),
            ("public, worst group", worst),
        ):
            scenario = Scenario("public runs", law, Normal(1), Normal(1), our_seeds, their_seeds)
            rows.append(_row(scenario, variant, rates, studies))
    return rows


def _sequential_rows(scenario: Scenario, studies: int, seed: int) -> list[Row]:
    found = simulate_sequential(scenario, studies, seed)
    return [_row(scenario, RULE, found.rates, studies) | {"mean_seeds": round(found.mean_seeds, 2)}]


def _sequential_real_rows(their_seeds: int, true: float, studies: int, seed: int) -> list[Row]:
    last = SequentialPlan().last
    found = [
        simulate_sequential(
            Scenario("sequential", name, law, law, last, their_seeds, STATED, true), studies, seed
        )
        for name, law in real_laws().items()
    ]
    sides = Normal(1), Normal(1)
    scenario = Scenario("sequential", "real, mean of cells", *sides, last, their_seeds, STATED, true)
    rates = mean_rates([one.rates for one in found])
    seeds = round(float(np.mean([one.mean_seeds for one in found])), 2)
    return [_row(scenario, RULE, rates, studies) | {"mean_seeds": seeds}]


def mean_rates(rates: Sequence[Rates]) -> Rates:
    """The mean of every rate; at least one."""
    return Rates(*np.mean([(one.reproduced, one.higher, one.lower) for one in rates], axis=0).tolist())


def summary(table: pd.DataFrame) -> list[str]:
    """The worst one-sided error of each family and variant, one sentence each."""
    lines = []
    at_margin = table[table["true_difference_percent"] == MARGIN_PERCENT]
    for (family, variant), rows in at_margin.groupby(["family", "variant"], sort=False):
        worst = rows.sort_values("worst_claim").to_dict("records")[-1]
        lines.append(
            f"{family}, {variant}: at most {100 * worst['worst_claim']:.2f}% ({worst['law']}, "
            f"{worst['our_seeds']} and {worst['reported_seeds']} seeds, {worst['printed']}); "
            f"Monte Carlo error {100 * worst['monte_carlo_error']:.2f}%."
        )
    return lines


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the top of this file."""
    parser = argparse.ArgumentParser(
        prog="python -m paper_tables.verdicts.simulation",
        description="Simulate how often verdicts are wrong.",
    )
    parser.add_argument(
        "--output",
        type=Path,
        help="folder of simulation.csv and of cells/, where a second call resumes; without it, print only",
    )
    parser.add_argument("--studies", type=int, default=STUDIES, help="simulated studies per scenario")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)

    def command() -> int:
        folder = None if options.output is None else options.output / "cells"
        table = run(options.studies, options.seed, lambda text: print(text, flush=True), folder)
        if options.output is not None:
            text = table.to_csv(index=False, lineterminator="\n")
            frames.write_text(text, options.output / "simulation.csv")
        print("\n".join(summary(table)))
        return 0

    return cli.run(command)


if __name__ == "__main__":
    sys.exit(main())
