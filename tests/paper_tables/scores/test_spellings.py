"""Names that are likely slips are named, others are not."""

from __future__ import annotations

import pandas as pd

from paper_tables.scores import spellings


def rows(*pairs: tuple[str, str]) -> pd.DataFrame:
    """(method, task), each with three seeds."""
    return pd.DataFrame([pair for pair in pairs for _ in range(3)], columns=["method", "task"])


def test_a_likely_slip_is_named_with_what_follows():
    found = spellings.slips(
        rows(("iql", "walker2d-medum-v2"), ("IQL", "hopper-medium-v2"), ("iql", "toy-v0")), "It is alone."
    )
    assert found == [
        "There is no task 'walker2d-medum-v2' (3 rows); is it walker2d-medium-v2? It is alone.",
        "The methods 'IQL' and 'iql' differ only in their spelling; they are taken for two.",
    ]


def test_right_names_and_unlike_ones_are_no_slips():
    assert spellings.slips(rows(("iql", "hopper-medium-v2"), ("bc", "toy-v0")), "It is alone.") == []
    assert spellings.near_name("toy-v0") == ""
    assert spellings.near_name("Hopper-medium-v2") == "hopper-medium-v2"
