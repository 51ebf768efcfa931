"""The record of one verdict: a closed vocabulary, and all of its fields in the tables."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from paper_tables.verdicts import decision_rule
from paper_tables.verdicts.verdict import VERDICT_COLUMNS, Verdict


@pytest.mark.parametrize("name", decision_rule.VERDICTS)
def test_three_verdicts_claim_something(name: str):
    assert Verdict(name).claims == (name in ("reproduced", "different (lower)", "different (higher)"))


@pytest.mark.parametrize(
    "fields", [{"verdict": "not comparable"}, {"verdict": ""}, {"verdict": "reproduced", "flags": ("best",)}]
)
def test_another_word_is_a_fault(fields: dict):
    with pytest.raises(ValueError, match="vocabulary"):
        Verdict(**fields)


def test_the_columns_are_the_fields():
    assert tuple(asdict(Verdict("reproduced"))) == VERDICT_COLUMNS
    assert VERDICT_COLUMNS[:3] == ("verdict", "flags", "reason")
