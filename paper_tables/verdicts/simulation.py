"""How often verdicts are wrong: the rule on simulated papers and re-runs whose truth is known.

    python -m paper_tables.verdicts.simulation --output results/simulation [--studies 40000]

Writes ``simulation.csv`` and prints the worst rate of every family. A false `reproduced` is one at
|true d| >= M, a false `different` one at |true d| <= M; both are likeliest at |true d| = M, where
they are simulated, on either side. Each rate is given for the rule and for Welch's interval alone,
which the rule replaces. Families (`family` in the file):

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
from pathlib import Path

import numpy as np
import pandas as pd
from recheck import cli

from paper_tables import frames
from paper_tables.verdicts import rule
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
from paper_tables.verdicts.simulated_families import family_rows, implementation_rows
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
    simulate,
    simulate_public,
    simulate_sequential,
    simulate_typical,
)

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


def run(studies: int = STUDIES, seed: int = 0, say: Callable[[str], None] = lambda _: None) -> pd.DataFrame:
    """Simulate every scenario.

    Args:
        studies: number of studies in each.
        seed: of the first; every scenario has its own.
        say: called with the family that comes next.

    Returns:
        One row per scenario and variant of the rule: shares of the claims and the Monte Carlo error of 5%.
    """
    rows: list[dict[str, object]] = []
    family = ""
    for place, scenario in enumerate(made_up_scenarios()):
        if scenario.family != family:
            family = scenario.family
            say(family)
        for variant in (RULE, WELCH):
            rates = simulate(scenario, studies, seed + place, variant)
            rows.append(_row(scenario, variant, rates, studies))
    say("typical runs")
    rows += _typical_rows(studies, seed)
    say("real runs")
    rows += _real_rows(studies, seed)
    say("public runs")
    rows += _public_rows(studies, seed)
    say("sequential")
    rows += _sequential_rows(studies, seed)
    say("many numbers")
    rows += family_rows(studies, seed)
    say("implementations")
    rows += implementation_rows(studies, seed)
    return pd.DataFrame(rows)


def _row(scenario: Scenario, variant: str, rates: Rates, studies: int) -> dict[str, object]:
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
        "monte_carlo_error": round(math.sqrt(rule.LEVEL * (1 - rule.LEVEL) / studies), 5),
        "studies": studies,
    }


def _typical_rows(studies: int, seed: int) -> list[dict[str, object]]:
    rows = []
    for chance, points in itertools.product((0.1, 0.2, 0.3), (25.0, 40.0)):
        falling = TypicalWithCollapse(chance, 3.0, points)
        sides: dict[str, tuple[Law, Law]] = {
            "both sides": (falling, falling),
            "our side": (falling, Normal(3.0)),
            "their side": (Normal(3.0), falling),
        }
        for where, (ours, theirs) in sides.items():
            for n, m in pairs_of_seeds():
                name = f"collapse {chance:.0%} by {points:g} points on {where}"
                scenario = Scenario("typical runs", name, ours, theirs, n, m)
                rows.append(
                    _row(scenario, RULE, simulate_typical(ours, theirs, n, m, studies, seed), studies)
                )
    return rows


def _real_rows(studies: int, seed: int) -> list[dict[str, object]]:
    rows = []
    laws = real_laws()
    asked = ((MARGIN_PERCENT, "real runs"), (0.0, "power"), (2 * MARGIN_PERCENT, "power"))
    for (n, m), (true, family) in itertools.product(pairs_of_seeds(), asked):
        if m < n and true == MARGIN_PERCENT:
            continue  # The same law on both sides: as with the sides exchanged.
        # Power is a mean over cells, for which fewer studies of each suffice.
        of_each = studies if family == "real runs" else max(LEAST_STUDIES, studies // 10)
        for variant in (RULE, WELCH):
            found = [
                simulate(Scenario(family, name, law, law, n, m, STATED, true), of_each, seed + place, variant)
                for place, (name, law) in enumerate(laws.items())
            ]
            mean = Rates(*np.mean([(f.reproduced, f.higher, f.lower) for f in found], axis=0))
            scenario = Scenario(family, "real, mean of cells", Normal(1), Normal(1), n, m, STATED, true)
            rows.append(_row(scenario, variant, mean, of_each))
            if family == "real runs":
                worst = max(found, key=lambda rates: rates.worst_claim)
                rows.append(_row(replace(scenario, law="real, worst cell"), variant, worst, of_each))
    return rows


def _public_rows(studies: int, seed: int) -> list[dict[str, object]]:
    rows = []
    for (n, m), variant in itertools.product(pairs_of_seeds(), (RULE, WELCH)):
        if m < n:
            continue  # One group on both sides: as with the sides exchanged.
        found = [
            simulate_public(scores, n, m, studies, seed + place, variant)
            for place, scores in enumerate(public_groups().values())
        ]
        mean = Rates(*np.mean([(f.reproduced, f.higher, f.lower) for f in found], axis=0))
        worst = max(found, key=lambda rates: rates.worst_claim)
        for law, rates in (("public, mean of groups", mean), ("public, worst group", worst)):
            scenario = Scenario("public runs", law, Normal(1), Normal(1), n, m)
            rows.append(_row(scenario, variant, rates, studies))
    return rows


def _sequential_rows(studies: int, seed: int) -> list[dict[str, object]]:
    rows = []
    plan = SequentialPlan()
    for m in NUMBERS_OF_SEEDS:
        for name, (ours, theirs) in MADE_UP.items():
            scenario = Scenario("sequential", name, ours, theirs, plan.last, m)
            found = simulate_sequential(scenario, studies, seed, plan)
            rows.append(
                _row(scenario, RULE, found.rates, studies) | {"mean_seeds": round(found.mean_seeds, 2)}
            )
        for true in (MARGIN_PERCENT, 0.0, 2 * MARGIN_PERCENT):
            rows.append(_sequential_real_row(m, true, max(LEAST_STUDIES, studies // 10), seed, plan))
    return rows


def _sequential_real_row(
    m: int, true: float, studies: int, seed: int, plan: SequentialPlan
) -> dict[str, object]:
    found = [
        simulate_sequential(
            Scenario("sequential", name, law, law, plan.last, m, STATED, true), studies, seed, plan
        )
        for name, law in real_laws().items()
    ]
    mean = Rates(*np.mean([(f.rates.reproduced, f.rates.higher, f.rates.lower) for f in found], axis=0))
    scenario = Scenario("sequential", "real, mean of cells", Normal(1), Normal(1), plan.last, m, STATED, true)
    seeds = round(float(np.mean([f.mean_seeds for f in found])), 2)
    return _row(scenario, RULE, mean, studies) | {"mean_seeds": seeds}


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
    parser.add_argument("--output", type=Path, help="folder of simulation.csv; without it, print only")
    parser.add_argument("--studies", type=int, default=STUDIES, help="simulated studies per scenario")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)

    def command() -> int:
        table = run(options.studies, options.seed, say=lambda family: print(f"{family} ...", flush=True))
        if options.output is not None:
            text = table.to_csv(index=False, lineterminator="\n")
            frames.write_text(text, options.output / "simulation.csv")
        print("\n".join(summary(table)))
        return 0

    return cli.run(command)


if __name__ == "__main__":
    sys.exit(main())
