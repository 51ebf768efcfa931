"""Means and spreads in columns of their own, by their headings."""

from __future__ import annotations

import pytest

from paper_tables.user_tables.spreads import columns_of_spreads


@pytest.mark.parametrize(
    ("headings", "spreads", "left"),
    [
        ([["IQL"], ["std"], ["CQL"], ["±"]], {0: 1, 2: 3}, ["IQL", "std", "CQL", "±"]),
        ([["IQL mean"], ["IQL std"], ["CQL"]], {0: 1}, ["IQL", "IQL std", "CQL"]),
        (
            [["IQL"], ["CQL"], ["IQL (SE)"], ["CQL (SE)"]],
            {0: 2, 1: 3},
            ["IQL", "CQL", "IQL (SE)", "CQL (SE)"],
        ),
        ([["TD3+BC_mean"], ["TD3+BC_std"]], {0: 1}, ["TD3+BC", "TD3+BC_std"]),
        ([["IQL", "mean"], ["IQL", "std"]], {0: 1}, ["IQL", "std"]),
        # A name that ends in such a word has no partner: it is a method.
        ([["IQL"], ["My SE"]], {}, ["IQL", "My SE"]),
        ([["TD3"], ["TD3+BC std"]], {}, ["TD3", "TD3+BC std"]),
    ],
)
def test_a_spread_finds_its_mean(headings: list[list[str]], spreads: dict[int, int], left: list[str]):
    assert columns_of_spreads(headings) == spreads
    assert [heading[-1] for heading in headings] == left
