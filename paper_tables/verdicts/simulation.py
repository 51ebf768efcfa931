"""How often the verdicts are wrong: the rule of `paper_tables/verdicts/rule.py` on made-up papers and reruns.

    python -m paper_tables.verdicts.simulation --output results/simulation [--studies 200000]

Writes ``simulation.csv`` and prints the worst rate of each family. A false `reproduced` is one at
|true d| >= M, a false `different` one at |true d| <= M; both are likeliest at |true d| = M, where they are
simulated. Families:

``stated``       normal seeds; the paper states seeds and standard deviation
``unknown``      the paper prints the standard deviation or the standard error and does not say which
``unstated``     nor how many seeds it used
``pooled``       the paper prints the standard error over all episodes of all seeds
``no spread``    the paper prints none; the true one is 0.5, 1 or 2 times ours
``collapse``     one seed in ten, five or three loses 40 points, on either side: skewed, so the rate is
                 reported, not promised
``table``        nine cells at the margin: a table with at least one false claim after Holm's adjustment
``power``        the chance of `reproduced` at equal means
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from recheck.errors import TablesError

from paper_tables.verdicts.reported_error import ReportedReading, readings_of_report
from paper_tables.verdicts.rule import LEVEL, claims_of_intervals, difference_interval, error_and_df

if TYPE_CHECKING:
    import pandas as pd

MARGIN_PERCENT = 5.0
NUMBERS_OF_SEEDS = (3, 5, 10)
STUDIES = 200_000
COLLAPSE_CHANCES = (0.1, 0.2, 0.3)
COLLAPSE_POINTS = 40.0
"""A collapsed seed loses this many points."""
_CHUNK = 50_000


@dataclass(frozen=True)
class Side:
    """How the seeds of one side are distributed.

    Attributes:
        seeds: number of training seeds.
        sd_percent: standard deviation of a seed's true score, in points.
        episode_sd_percent: standard deviation between episodes of one seed, in points.
        episodes: episodes per seed; only counted where episodes vary.
        collapse: chance that a seed loses `COLLAPSE_POINTS`.
    """

    seeds: int
    sd_percent: float
    episode_sd_percent: float = 0.0
    episodes: int = 1
    collapse: float = 0.0

    def draw(self, rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Mean `[count]`, sample sd over seeds `[count]` and pooled-episode standard error `[count]`.

        The expected mean is 0, with collapses too, so that the true difference is the one asked for.
        """
        true = rng.normal(0.0, self.sd_percent, (count, self.seeds))
        if self.collapse:
            fallen = rng.random((count, self.seeds)) < self.collapse
            true += COLLAPSE_POINTS * (self.collapse - fallen)
        within = np.zeros((count, self.seeds))
        scores = true
        if self.episode_sd_percent:
            scores = true + rng.normal(0.0, self.episode_sd_percent / math.sqrt(self.episodes), true.shape)
            if self.episodes > 1:
                freedom = self.episodes - 1
                within = self.episode_sd_percent**2 * rng.chisquare(freedom, true.shape)
        mean = scores.mean(axis=1)
        squares = ((scores - mean[:, None]) ** 2).sum(axis=1)
        sd = np.sqrt(squares / (self.seeds - 1))
        total = self.seeds * self.episodes
        pooled = np.sqrt((self.episodes * squares + within.sum(axis=1)) / max(1, total - 1) / total)
        return mean, sd, pooled


@dataclass(frozen=True)
class Paper:
    """What the made-up paper prints of its side.

    Attributes:
        prints: `sd`, `se`, `pooled` or `nothing`.
        kind: what the reader is told it is, one of `readings.SPREAD_KINDS`.
        states_seeds: whether the number of seeds is stated.
        states_episodes: whether the number of episodes per seed is.
    """

    prints: str = "sd"
    kind: str = "standard_deviation_over_seeds"
    states_seeds: bool = True
    states_episodes: bool = True


def claims(
    ours: Side,
    theirs: Side,
    paper: Paper,
    true_difference_percent: float,
    margin_percent: float,
    studies: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """The rule's answer in many made-up studies, coded as in `claims_of_intervals`, `[studies]`.

    The same readings and the same arithmetic as `judge_cell`, on arrays; a test holds the two equal.
    """
    our_mean, our_sd, _ = ours.draw(rng, studies)
    their_mean, their_sd, their_pooled = theirs.draw(rng, studies)
    printed = {
        "sd": their_sd,
        "se": their_sd / math.sqrt(theirs.seeds),
        "pooled": their_pooled,
        "nothing": np.full(studies, np.nan),
    }[paper.prints]
    low, high, _, _ = widest_intervals(
        our_mean + true_difference_percent - their_mean,
        our_sd,
        ours.seeds,
        printed,
        theirs,
        paper,
        margin_percent,
    )
    return claims_of_intervals(low, high, margin_percent)


def widest_intervals(
    difference: np.ndarray,
    our_sd: np.ndarray,
    our_seeds: int,
    printed: np.ndarray,
    theirs: Side,
    paper: Paper,
    margin_percent: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Ends of the widest interval over all readings, and the worst p values of both claims, `[studies]`."""
    from scipy import special

    low, high = difference.copy(), difference.copy()
    p_reproduced, p_different = np.zeros_like(difference), np.zeros_like(difference)
    for reading in unit_readings(theirs, paper):
        error = reading.error_percent * (our_sd if reading.dependent else printed)
        total, df = error_and_df(our_sd, our_seeds, reading, error)
        point_low, point_high = difference_interval(difference, total, df)
        low, high = np.minimum(low, point_low), np.maximum(high, point_high)
        distance = (margin_percent - np.abs(difference)) / total
        p_reproduced = np.maximum(p_reproduced, special.stdtr(df, -distance))
        p_different = np.maximum(p_different, special.stdtr(df, distance))
    return low, high, p_reproduced, p_different


def unit_readings(theirs: Side, paper: Paper) -> list[ReportedReading]:
    """Readings of a printed spread of 1 and a spread of ours of 1: errors are proportional to them."""
    readings, _ = readings_of_report(
        None if paper.prints == "nothing" else 1.0,
        paper.kind,
        theirs.seeds if paper.states_seeds else None,
        theirs.episodes if paper.states_episodes else None,
        1.0,
    )
    return readings


@dataclass(frozen=True)
class Scenario:
    """One row of the simulation: two sides, what the paper prints, and the true difference."""

    family: str
    ours: Side
    theirs: Side
    paper: Paper
    true_difference_percent: float = MARGIN_PERCENT


def scenarios(numbers: tuple[int, ...] = NUMBERS_OF_SEEDS) -> Iterator[Scenario]:
    """Every scenario of the fine simulation, in a fixed order."""
    told = Paper()
    pairs = [(n, m) for n in numbers for m in numbers]
    for n, m in pairs:
        for our_sd, their_sd in ((1, 1), (3, 3), (5, 5), (1, 3), (3, 1), (2, 8), (8, 2)):
            yield Scenario("stated", Side(n, our_sd), Side(m, their_sd), told)
            if (our_sd, their_sd) == (3, 3):
                yield Scenario("power", Side(n, 3), Side(m, 3), told, 0.0)
            if (our_sd, their_sd) == (5, 5):
                yield Scenario("power", Side(n, 5), Side(m, 5), told, 0.0)
    for n, m in pairs:
        for prints in ("sd", "se"):
            for our_sd, their_sd in ((1, 1), (1, 3), (3, 1)):
                sides = Side(n, our_sd), Side(m, their_sd)
                yield Scenario("unknown", *sides, Paper(prints, "unknown"))
                yield Scenario("unstated", *sides, Paper(prints, "unknown", states_seeds=False))
        for seed_sd, episode_sd in ((0, 8), (2, 5), (3, 0)):
            ours, theirs = (Side(count, seed_sd, episode_sd, 10) for count in (n, m))
            yield Scenario("pooled", ours, theirs, Paper("pooled", "standard_error_of_pooled_episodes"))
        for ratio in (0.5, 1.0, 2.0):
            yield Scenario("no spread", Side(n, 1), Side(m, ratio), Paper("nothing", "none"))
        for chance in COLLAPSE_CHANCES:
            ours, theirs = (Side(count, 3, collapse=chance) for count in (n, m))
            yield Scenario("collapse", ours, theirs, told)


def simulate(
    scenario: Scenario, studies: int = STUDIES, seed: int = 0, margin_percent: float = MARGIN_PERCENT
) -> dict[str, float]:
    """Shares of `reproduced`, `different` and `inconclusive` among many studies of one scenario.

    Raises:
        TablesError: fewer than 100 studies.
    """
    if studies < 100:
        raise TablesError(f"A simulation of {studies} studies says nothing; at least 100 are needed.")
    rng = np.random.default_rng(seed)
    counts = {"reproduced": 0, "different": 0, "inconclusive": 0}
    for start in range(0, studies, _CHUNK):
        found = claims(
            scenario.ours,
            scenario.theirs,
            scenario.paper,
            scenario.true_difference_percent,
            margin_percent,
            min(_CHUNK, studies - start),
            rng,
        )
        counts["reproduced"] += int((found == 1).sum())
        counts["different"] += int((np.abs(found) == 2).sum())
        counts["inconclusive"] += int((found == 0).sum())
    return {name: count / studies for name, count in counts.items()}


def simulate_tables(
    our_seeds: int,
    their_seeds: int,
    sd_percent: float = 1.0,
    cells: int = 9,
    tables: int = 20_000,
    seed: int = 0,
    margin_percent: float = MARGIN_PERCENT,
) -> tuple[float, float]:
    """Share of tables with at least one false claim, all cells at |true d| = M, after Holm's adjustment.

    Returns:
        For `reproduced` and for `different`.
    """
    rng = np.random.default_rng(seed)
    ours, theirs, paper = Side(our_seeds, sd_percent), Side(their_seeds, sd_percent), Paper()
    count = tables * cells
    our_mean, our_sd, _ = ours.draw(rng, count)
    their_mean, their_sd, _ = theirs.draw(rng, count)
    difference = our_mean - their_mean + margin_percent
    _, _, p_reproduced, p_different = widest_intervals(
        difference, our_sd, our_seeds, their_sd, theirs, paper, margin_percent
    )
    # The smallest p value decides whether anything is claimed: Holm's first step.
    first = [values.reshape(tables, cells).min(axis=1) for values in (p_reproduced, p_different)]
    return float((first[0] * cells < LEVEL).mean()), float((first[1] * cells < LEVEL).mean())


def run(studies: int = STUDIES, seed: int = 0, numbers: tuple[int, ...] = NUMBERS_OF_SEEDS) -> pd.DataFrame:
    """Simulate every scenario.

    Returns:
        One row per scenario: the two sides, the true difference, shares of the three answers, and the
        Monte Carlo error of a share of 5%.
    """
    import pandas as pd

    rows: list[dict[str, object]] = []
    for place, scenario in enumerate(scenarios(numbers)):
        shares = simulate(scenario, studies, seed=seed + place)
        rows.append(
            {
                "family": scenario.family,
                "prints": scenario.paper.prints,
                "our_seeds": scenario.ours.seeds,
                "reported_seeds": scenario.theirs.seeds,
                "our_sd_percent": scenario.ours.sd_percent,
                "reported_sd_percent": scenario.theirs.sd_percent,
                "episode_sd_percent": scenario.theirs.episode_sd_percent,
                "collapse_chance": scenario.theirs.collapse,
                "true_difference_percent": scenario.true_difference_percent,
                "margin_percent": MARGIN_PERCENT,
                **{name: round(share, 5) for name, share in shares.items()},
                "monte_carlo_error": round(math.sqrt(LEVEL * (1 - LEVEL) / studies), 5),
                "studies": studies,
            }
        )
    for n in numbers:
        for m in numbers:
            tables = max(100, studies // 9)
            reproduced, different = simulate_tables(n, m, tables=tables, seed=seed)
            rows.append(
                {
                    "family": "table",
                    "prints": "sd",
                    "our_seeds": n,
                    "reported_seeds": m,
                    "our_sd_percent": 1.0,
                    "reported_sd_percent": 1.0,
                    "episode_sd_percent": 0.0,
                    "collapse_chance": 0.0,
                    "true_difference_percent": MARGIN_PERCENT,
                    "margin_percent": MARGIN_PERCENT,
                    "reproduced": round(reproduced, 5),
                    "different": round(different, 5),
                    "inconclusive": None,
                    "monte_carlo_error": round(math.sqrt(LEVEL * (1 - LEVEL) / tables), 5),
                    "studies": tables,
                }
            )
    return pd.DataFrame(rows)


def summary(table: pd.DataFrame) -> list[str]:
    """The worst false rate of each family and the power figures, one sentence each."""
    lines = []
    for family, rows in table.groupby("family", sort=False):
        if family == "power":
            continue
        parts = []
        for claim in ("reproduced", "different"):
            worst = rows.iloc[int(rows[claim].to_numpy().argmax())]
            parts.append(
                f"false {claim} at most {100 * worst[claim]:.2f}% ({worst['our_seeds']} against "
                f"{worst['reported_seeds']} seeds, sd {worst['our_sd_percent']:g} and "
                f"{worst['reported_sd_percent']:g})"
            )
        error = 100 * rows["monte_carlo_error"].max()
        lines.append(f"{family}: {'; '.join(parts)}; Monte Carlo error {error:.2f}%.")
    power = table[(table["family"] == "power") & (table["our_seeds"] == table["reported_seeds"])]
    for _, row in power.iterrows():
        lines.append(
            f"power: {row['our_seeds']} against {row['reported_seeds']} seeds, sd {row['our_sd_percent']:g}, "
            f"equal means: reproduced in {100 * row['reproduced']:.1f}%."
        )
    return lines


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the top of this file."""
    from paper_tables import frames

    parser = argparse.ArgumentParser(
        prog="python -m paper_tables.verdicts.simulation",
        description="Simulate how often verdicts are wrong.",
    )
    parser.add_argument("--output", type=Path, help="folder of simulation.csv; without it, print only")
    parser.add_argument("--studies", type=int, default=STUDIES, help="made-up studies per scenario")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    try:
        table = run(options.studies, options.seed)
        if options.output is not None:
            frames.write_text(
                table.to_csv(index=False, lineterminator="\n"), options.output / "simulation.csv"
            )
    except TablesError as error:
        print(error, file=sys.stderr)
        return 2
    print("\n".join(summary(table)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
