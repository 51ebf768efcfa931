"""Families: Benjamini and Hochberg, and what adding numbers must not change."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from paper_tables.verdicts import decision_rule, multiplicity
from paper_tables.verdicts.verdict import Verdict


def reproduced(p: float, **fields: object) -> Verdict:
    return _verdict(decision_rule.REPRODUCED, p, 0.9, **fields)


def different(p: float, **fields: object) -> Verdict:
    return _verdict(decision_rule.DIFFERENT_LOWER, 1.0, p, **fields)


def _verdict(name: str, p_reproduced: float, p_different: float, **fields: object) -> Verdict:
    return Verdict(
        name,
        adjusted_verdict=name,
        cautious_p_reproduced=p_reproduced,
        cautious_p_different=p_different,
        **fields,  # type: ignore[arg-type]
    )


def test_it_is_scipys_procedure_and_statsmodels():
    from statsmodels.stats.multitest import multipletests

    rng = np.random.default_rng(0)
    for count in (1, 2, 9, 40):
        values = rng.uniform(0, 0.1, count)
        found = multiplicity.benjamini_hochberg(values)
        assert found == pytest.approx(stats.false_discovery_control(values))
        assert found == pytest.approx(multipletests(values, method="fdr_bh")[1])
        assert multiplicity.holm(values) == pytest.approx(multipletests(values, method="holm")[1])
    assert multiplicity.benjamini_hochberg([]).shape == (0,)


def test_the_two_claims_are_adjusted_apart():
    cells = [reproduced(0.02), reproduced(0.04), different(0.01), Verdict(decision_rule.NOT_JUDGED)]
    found = multiplicity.adjust(cells, ["f"] * 4)
    # Three are tested: 0.02 and 0.04 become 0.06, 0.01 becomes 0.03.
    assert [cell.adjusted_verdict for cell in found[:3]] == [
        decision_rule.INCONCLUSIVE,
        decision_rule.INCONCLUSIVE,
        decision_rule.DIFFERENT_LOWER,
    ]
    assert [cell.adjusted_p for cell in found[:3]] == pytest.approx([0.06, 0.06, 0.03])
    assert [cell.verdict for cell in found] == [cell.verdict for cell in cells]
    assert [cell.family_size for cell in found] == [3, 3, 3, 0]


def test_an_adjusted_claim_is_a_claim():
    rng = np.random.default_rng(1)
    cells = [
        reproduced(p) if p < 0.05 else _verdict(decision_rule.INCONCLUSIVE, p, 0.9)
        for p in rng.uniform(0, 0.15, 30)
    ]
    for before, after in zip(cells, multiplicity.adjust(cells, ["f"] * 30)):
        if after.adjusted_verdict in decision_rule.CLAIMS:
            assert after.adjusted_verdict == before.verdict
        if before.verdict == decision_rule.INCONCLUSIVE:
            assert after.adjusted_verdict == decision_rule.INCONCLUSIVE


def test_another_family_changes_nothing():
    first = [reproduced(0.004), reproduced(0.03), different(0.02)]
    alone = multiplicity.adjust(first, ["iql | last"] * 3)
    more = [reproduced(0.04)] * 20
    both = multiplicity.adjust([*first, *more], ["iql | last"] * 3 + ["iql | last | conditional"] * 20)
    assert both[:3] == alone


def test_the_level_of_one_member_is_where_its_fate_turns():
    rng = np.random.default_rng(2)
    for _ in range(50):
        values = np.where(rng.random(8) < 0.5, rng.uniform(0, 0.01, 8), rng.uniform(0, 1, 8))
        level = multiplicity.level_within_family(list(values), 3)
        for p, kept in ((level * 0.999, True), (min(1.0, level * 1.001), False)):
            changed = values.copy()
            changed[3] = p
            assert (multiplicity.benjamini_hochberg(changed)[3] <= 0.05 + 1e-12) == kept


def test_plans_are_made_at_the_level_of_the_family():
    asked = {}

    def replan(place: int, level: float) -> tuple[float | None, str]:
        asked[place] = level
        return 7.0, "12"

    found = multiplicity.adjust([reproduced(0.001), reproduced(0.2)], ["f", "f"], replan)
    # The other is far: each alone must be below 0.025 or, the first being kept, 0.05.
    assert asked == {0: pytest.approx(0.025), 1: pytest.approx(0.05)}
    assert found[0].adjusted_smallest_margin_percent == 7.0
    assert found[0].adjusted_seeds_needed == "12"


def test_a_family_has_its_flags_in_its_name():
    conditional = Verdict(decision_rule.REPRODUCED, (decision_rule.CONDITIONAL,))
    plain = Verdict(decision_rule.REPRODUCED, (decision_rule.WITHIN_IMPLEMENTATION_SPREAD,))
    assert multiplicity.family_of("iql", "IQL", "last", conditional) == "iql | IQL | last | conditional"
    assert multiplicity.family_of("iql", "IQL", "last", plain) == "iql | IQL | last"
