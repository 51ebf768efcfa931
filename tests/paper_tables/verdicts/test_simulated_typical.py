"""Typical runs keep the promised error with collapses on one side too, and what that costs."""

from __future__ import annotations

import numpy as np
import pytest
from recheck.errors import TablesError
from scipy import stats

from paper_tables.verdicts import simulated_typical as module
from paper_tables.verdicts import simulation
from paper_tables.verdicts.laws import Law, Mixture, Normal, TypicalWithCollapse, real_laws
from paper_tables.verdicts.simulated_studies import MARGIN_PERCENT
from paper_tables.verdicts.typical import judge_typical_runs

COUNT = 10_000
PAIRS = simulation.pairs_of_seeds()
CASES = [
    (chance, points, sd)
    for chance in (0.1, 0.3, 0.5)
    for points, sd in ((22.0, 4.0), (25.0, 3.0), (40.0, 3.0))
]
SIDES = ("both", "ours", "theirs")


def laws(where: str, chance: float, points: float, sd: float) -> tuple[Law, Law]:
    falling, whole = TypicalWithCollapse(chance, sd, points), Normal(sd)
    return {"both": (falling, falling), "ours": (falling, whole), "theirs": (whole, falling)}[where]


@pytest.mark.parametrize("where", SIDES)
@pytest.mark.parametrize("case", CASES)
def test_the_error_keeps_its_promise(where: str, case: tuple[float, float, float]):
    """Collapses of one seed in ten to one in two, hardly deeper than four margins or far deeper."""
    sides = laws(where, *case)
    rates = [module.simulate_typical(*sides, n, m, COUNT, seed=10 * n + m).worst_claim for n, m in PAIRS]
    cells = len(CASES) * len(SIDES) * len(PAIRS) * 6
    worst = stats.norm.ppf((1 - 1e-3) ** (1 / cells))
    assert max(rates) <= 0.05 + worst * (0.05 * 0.95 / COUNT) ** 0.5


def test_without_its_guards_it_does_not(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "collapses_instead", lambda *_: (np.False_, np.False_))
    whole = module.simulate_typical(*laws("ours", 0.5, 40.0, 3.0), 3, 3, COUNT)
    assert whole.lower > 0.1
    shallow = module.simulate_typical(*laws("ours", 0.5, 22.0, 4.0), 10, 5, COUNT)
    assert shallow.lower > 0.15


def test_a_side_that_collapsed_as_a_whole_looks_like_a_worse_method():
    """The proof that no rule separates the two with few seeds: equal data from two laws."""
    draws = np.random.default_rng(0)
    collapsed = TypicalWithCollapse(1.0, 3.0, 40.0).draw(draws, (100, 3))
    worse = Normal(3.0).draw(np.random.default_rng(0), (100, 3)) - 40.0
    # The same seeds of the same distribution: one from a method as good, one from a worse one.
    assert collapsed.mean() == pytest.approx(worse.mean(), abs=1.0)
    assert collapsed.std() == pytest.approx(worse.std(), rel=0.2)
    verdicts = {judge_typical_runs(row, [0.0, 1.0, -1.0, 0.5], MARGIN_PERCENT).verdict for row in worse}
    assert verdicts == {"inconclusive"}


@pytest.mark.parametrize(("n", "m"), [(3, 3), (3, 10), (5, 5), (10, 10)])
def test_on_real_runs_the_guards_cost_little(n: int, m: int, monkeypatch: pytest.MonkeyPatch):
    """Nothing of `reproduced`, and of `different` at twice the margin at most 6 points."""
    mixture = Mixture(tuple(real_laws().values()))
    rng = np.random.default_rng(0)
    ours, theirs = mixture.draw(rng, (141 * 40, n)), mixture.draw(rng, (141 * 40, m))

    def share(true: float, claim: int) -> float:
        return float((module.typical_codes(ours + true, theirs, MARGIN_PERCENT) == claim).mean())

    reproduced, different = share(0.0, 1), share(2 * MARGIN_PERCENT, 2)
    monkeypatch.setattr(module, "collapses_instead", lambda *_: (np.False_, np.False_))
    assert reproduced == share(0.0, 1)
    # The same studies: the difference of the shares is below their own Monte Carlo error of 0.6 points.
    assert different >= share(2 * MARGIN_PERCENT, 2) - 0.066


@pytest.mark.parametrize("sd", [0.5, 2.0, 4.0])
def test_simulated_typical_runs_are_those_of_the_rule(sd: float):
    rng = np.random.default_rng(1)
    falling = TypicalWithCollapse(0.4, sd, 22.0)
    ours, theirs = (
        falling.draw(rng, (300, 9)) + rng.choice([-12.0, 0.0, 20.0], (300, 1)),
        falling.draw(rng, (300, 5)),
    )
    codes = module.typical_codes(ours, theirs, MARGIN_PERCENT)
    names = {1: "reproduced", 2: "different (higher)", -2: "different (lower)", 0: "inconclusive"}
    found = [judge_typical_runs(a, b, MARGIN_PERCENT).verdict for a, b in zip(ours, theirs)]
    assert [names[int(code)] for code in codes] == found
    assert len(set(found)) >= 2


def test_moments_and_gaps_of_the_kept_seeds():
    scores = np.array([[1.0, 5.0, 9.0, -40.0], [0.0, 0.0, 20.0, 21.0]])
    kept = scores > -10
    mean, sd, count = module._moments_where(scores, kept)
    assert mean == pytest.approx([5.0, 10.25])
    assert sd == pytest.approx([4.0, np.std([0, 0, 20, 21], ddof=1)])
    assert count.tolist() == [3, 4]
    assert module._widest_gap_where(scores, kept).tolist() == [4.0, 20.0]
    assert module._range_where(scores, kept).tolist() == [8.0, 21.0]


def test_too_few_studies_are_refused():
    with pytest.raises(TablesError, match="says nothing"):
        module.simulate_typical(Normal(1.0), Normal(1.0), 5, 5, 99)
