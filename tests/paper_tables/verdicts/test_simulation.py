"""Error rates of the verdicts with fixed seeds; `make simulate` gives all of them.

Limits are the promised rate plus the Monte Carlo error of the largest of the tested rates, never tuned.
"""

from __future__ import annotations

import numpy as np
import pytest
from recheck.errors import TablesError
from scipy import stats

from paper_tables.verdicts import simulated_families, simulation
from paper_tables.verdicts import simulated_studies as studies
from paper_tables.verdicts.judge import Comparison, ReportedNumber, judge
from paper_tables.verdicts.laws import (
    MADE_UP,
    Collapse,
    Exponential,
    Mixture,
    Normal,
    public_groups,
    real_laws,
)
from paper_tables.verdicts.sequential import sequential_verdict
from paper_tables.verdicts.simulated_studies import (
    MARGIN_PERCENT,
    POOLED,
    RULE,
    STATED,
    WELCH,
    Printed,
    Scenario,
)

COUNT = 40_000
PAIRS = simulation.pairs_of_seeds()
PROMISED = 0.055


def scenario(law: str, n: int, m: int, printed: Printed = STATED) -> Scenario:
    if law == "real runs":
        mixture = Mixture(tuple(real_laws().values()))
        return Scenario("real", law, mixture, mixture, n, m, printed)
    return Scenario("made-up", law, *MADE_UP[law], n, m, printed)


def limit(cells: int, count: int = COUNT, rate: float = 0.05) -> float:
    """What the largest of `cells` rates exceeds once in a thousand suites if each truly is `rate`."""
    quantile = stats.norm.ppf((1 - 1e-3) ** (1 / cells))
    return rate + quantile * (rate * (1 - rate) / count) ** 0.5


@pytest.mark.parametrize("law", [*MADE_UP, "real runs"])
def test_the_one_sided_error_keeps_its_promise(law: str):
    """Every law of the promise, all numbers of seeds, at a true difference of exactly the margin."""
    rates = [studies.simulate(scenario(law, n, m), COUNT, seed=10 * n + m).worst_claim for n, m in PAIRS]
    assert max(rates) <= PROMISED
    assert max(rates) <= limit(9 * 2 * 2 * (len(MADE_UP) + 1))


def test_other_public_runs_confirm_it():
    """Runs on which the rule was not chosen, drawn without replacement."""
    groups = list(public_groups().values())
    assert len(groups) >= 20
    for n, m in ((3, 10), (5, 5), (10, 10)):
        rates = [
            studies.simulate_public(scores, n, m, 10_000, place, (RULE,))[RULE]
            for place, scores in enumerate(groups)
        ]
        worst = max(found.worst_claim for found in rates)
        assert worst <= limit(3 * len(groups) * 6, 10_000)


def test_neither_variance_assumption_alone_keeps_it():
    """The same tests fail without one of the two intervals: they can fail."""
    welch = studies.simulate(scenario("collapse 30%", 3, 10), COUNT, variant=WELCH)
    assert welch.worst_claim == pytest.approx(0.18, abs=0.01)
    pooled = studies.simulate(scenario("normal, sds 3:1", 3, 10), COUNT, variant=POOLED)
    assert pooled.worst_claim > 0.15


@pytest.mark.parametrize(
    "printed",
    [
        Printed("se", "standard_error_over_seeds"),
        Printed("sd", "unknown"),
        Printed("se", "unknown"),
        Printed("sd", states_seeds=False),
        Printed("se", "unknown", states_seeds=False),
    ],
)
@pytest.mark.parametrize("law", ["normal, sds 1:8", "normal, sds 8:1", "collapse 30%", "collapse 50%"])
def test_what_a_paper_leaves_out_buys_no_claim(printed: Printed, law: str):
    rates = [studies.simulate(scenario(law, n, m, printed), 20_000, seed=n + m).worst_claim for n, m in PAIRS]
    assert max(rates) <= limit(20 * 9 * 4, 20_000)


def test_errors_away_from_the_margin_are_rarer():
    normal = Normal(3.0)
    for true in (0.0, 3.0):
        rates = studies.simulate(Scenario("", "", normal, normal, 5, 5, STATED, true), COUNT)
        assert rates.different <= 0.01
    far = studies.simulate(Scenario("", "", normal, normal, 5, 5, STATED, 7.0), COUNT)
    assert far.reproduced <= 0.01


def test_means_do_not_with_collapses_on_one_side():
    """The known limit that the documents state."""
    one_side = Scenario("", "", Normal(3.0), Collapse(0.1), 10, 10)
    assert studies.simulate(one_side, COUNT).worst_claim > 0.25


def test_a_skewed_law_with_two_spreads_is_two_laws():
    """The known limit that the documents state; the same law on both sides keeps 5%."""
    few, many = Exponential(-9.0), Exponential(-3.0)
    assert studies.simulate(Scenario("", "", few, many, 3, 10), 20_000).worst_claim > 0.10
    assert studies.simulate(Scenario("", "", few, few, 3, 10), 20_000).worst_claim < 0.05


@pytest.mark.parametrize("m", [3, 5, 10])
def test_three_looks_make_no_more_errors_than_one(m: int):
    laws = [*MADE_UP, "real runs"]
    rates = [studies.simulate_sequential(scenario(law, 10, m), 20_000).rates.worst_claim for law in laws]
    # The three levels sum to 5%; the last interval alone would have 3.5%.
    assert max(rates) <= 0.052
    assert max(rates) > 0.035


def test_the_futility_rule_saves_seeds():
    found = studies.simulate_sequential(scenario("real runs", 10, 10), 10_000)
    assert 3 <= found.mean_seeds < 7


def test_families_hold_few_false_claims():
    laws = [(law, law) for law in real_laws().values()]
    rng = np.random.default_rng(0)
    shares = simulated_families.SHARES
    true = rng.choice(list(shares), p=list(shares.values()), size=(500, 27))
    rates = simulated_families.simulate_families(laws, true, (5, 5))
    adjusted, holm = (rates[name] for name in ("Benjamini-Hochberg", "Holm"))
    assert adjusted.false_share <= 0.02
    assert holm.reproduced < adjusted.reproduced < rates["raw"].reproduced
    assert adjusted.reproduced == pytest.approx(0.38, abs=0.04)


# The simulation is the rule.


@pytest.mark.parametrize("printed", [STATED, Printed("se", "unknown", False), Printed("nothing", "none")])
def test_simulated_intervals_are_those_of_judge(printed: Printed):
    rng = np.random.default_rng(0)
    ours, theirs = rng.normal(70, 2, (20, 4)), rng.normal(72, 3, (20, 5))
    sds, their_sds = ours.std(axis=1, ddof=1), theirs.std(axis=1, ddof=1)
    asked = Scenario("", "", Normal(1), Normal(1), 4, 5, printed)
    half = studies.half_widths(sds, 4, their_sds, asked)
    for place in range(20):
        shown = {"sd": their_sds[place], "se": their_sds[place] / 5**0.5, "nothing": None}[printed.spread]
        number = ReportedNumber(
            theirs[place].mean(), shown, printed.kind, 5 if printed.states_seeds else None
        )
        found = judge(number, ours[place], Comparison(MARGIN_PERCENT, with_seeds_needed=False))
        assert found.interval_high - found.difference_percent == pytest.approx(half[place])


def test_simulated_looks_are_those_of_the_design():
    rng = np.random.default_rng(2)
    ours = rng.normal(70, 3, (200, 10)) + rng.choice([0.0, 4.0, 12.0], (200, 1))
    theirs = rng.normal(70, 3, (200, 5))
    asked = Scenario("", "", Normal(3), Normal(3), 10, 5)
    codes, used = studies._sequential_codes(
        ours - theirs.mean(axis=1, keepdims=True),
        theirs.std(axis=1, ddof=1),
        asked,
        simulation.SequentialPlan(),
    )
    names = {1: "reproduced", 2: "different (higher)", -2: "different (lower)", 0: "inconclusive"}
    for place in range(200):
        number = ReportedNumber.of_runs(theirs[place])
        found = sequential_verdict(number, ours[place], Comparison(MARGIN_PERCENT, with_seeds_needed=False))
        assert found.verdict.verdict == names[int(codes[place])]
        assert found.looked_at[-1] == used[place]


def test_equal_seeds_give_equal_rates_and_too_few_studies_are_refused():
    asked = scenario("normal, sds 1:1", 3, 5)
    assert studies.simulate(asked, 2000, 7) == studies.simulate(asked, 2000, 7)
    assert studies.simulate(asked, 2000, 7) != studies.simulate(asked, 2000, 8)
    with pytest.raises(TablesError, match="at least 100"):
        studies.simulate(asked, 99)


def test_the_command_writes_the_same_table_twice(tmp_path, capsys):
    assert simulation.main(["--studies", "100", "--output", str(tmp_path)]) == 0
    written = (tmp_path / "simulation.csv").read_text(encoding="utf-8")
    assert written == simulation.run(100).to_csv(index=False, lineterminator="\n")
    assert "made-up laws, rule: at most" in capsys.readouterr().out
    assert simulation.main(["--studies", "3"]) == 2
