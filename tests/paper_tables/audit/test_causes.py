"""Slips of one sign, and what a constant ratio of spreads means."""

from __future__ import annotations

import math

import pytest

from paper_tables.audit.causes import decimals_of, is_multiple, one_slip, ratio_meaning


@pytest.mark.parametrize(
    ("first", "second", "wanted"),
    [
        ("66.3", "66.3", False),
        ("66.3", "63.3", True),
        ("66.3", "63.6", False),
        ("91.5", "19.5", True),
        ("107.4", "17.4", True),
        ("107.4", "7.4", False),
    ],
)
def test_one_sign_changed_exchanged_or_lost(first: str, second: str, wanted: bool):
    assert one_slip(first, second) is wanted
    assert one_slip(second, first) is wanted


def test_decimals_as_they_were_typed():
    assert [decimals_of(value) for value in (8.0, 8.6, 8.67)] == [0, 1, 2]


@pytest.mark.parametrize(
    ("ratio", "words"),
    [
        (1 / math.sqrt(5), "standard error over 5 seeds in place of the standard deviation"),
        (math.sqrt(5), "standard deviation over 5 seeds in place of the standard error"),
        (0.5, "half of the original"),
        (2.0, "twice the original"),
    ],
)
def test_a_ratio_of_spreads_has_a_meaning(ratio: float, words: str):
    assert words in str(ratio_meaning(ratio, None if "original" in words else 5))


def test_other_ratios_have_none():
    assert ratio_meaning(0.7, 5) is None
    assert is_multiple(1.9, 3.8, 0.5)
    assert not is_multiple(2.4, 3.8, 0.5)
