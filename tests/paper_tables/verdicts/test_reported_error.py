"""Every interpretation of a printed +/-."""

from __future__ import annotations

import math

import numpy as np
import pytest
from recheck.errors import TablesError

from paper_tables.verdicts import reported_error as module
from paper_tables.verdicts.reported_error import assumed_interpretations, printed_interpretations


def errors(kind: str, seeds: object = 4, episodes: int | None = 9, spread: float = 6.0) -> list[float]:
    return [float(found.error_percent) for found in printed_interpretations(spread, kind, seeds, episodes)[0]]


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("standard_deviation_over_seeds", [3.0]),
        ("population_standard_deviation_over_seeds", [6 / math.sqrt(3)]),
        ("standard_error_over_seeds", [6.0]),
        ("unknown", [3.0, 6.0]),
        # Between itself and sqrt(9) times itself; between sd / sqrt(4 * 9) and sd / sqrt(4).
        ("standard_error_of_pooled_episodes", [6.0, 9.0, 12.0, 15.0, 18.0]),
        ("standard_deviation_of_pooled_episodes", [1.0, 1.5, 2.0, 2.5, 3.0]),
    ],
)
def test_the_standard_errors_of_every_kind(kind: str, wanted: list[float]):
    assert errors(kind) == pytest.approx(wanted)


def test_without_a_number_of_episodes_nothing_bounds_a_pooled_error():
    assert errors("standard_error_of_pooled_episodes", episodes=None) == [6.0, math.inf]
    assert errors("standard_deviation_of_pooled_episodes", episodes=None) == pytest.approx(
        [0.0, 0.75, 1.5, 2.25, 3.0]
    )
    _, notes = printed_interpretations(6.0, "standard_error_of_pooled_episodes", 4, None)
    assert "nothing bounds" in notes[0]


def test_a_population_deviation_of_one_seed_bounds_nothing():
    assert errors("population_standard_deviation_over_seeds", seeds=1) == [math.inf]


def test_numbers_of_seeds_that_are_not_stated_are_tried():
    found, notes = printed_interpretations(6.0, "standard_deviation_over_seeds", None, None)
    assert [one.seeds for one in found] == [3, 5, 10]
    assert [one.error_percent for one in found] == pytest.approx([6 / math.sqrt(n) for n in (3, 5, 10)])
    assert "3, 5 and 10 are tried" in notes[0]
    assert not any(one.assumed for one in found)


def test_without_a_spread_multiples_of_ours_are_assumed():
    found, notes = assumed_interpretations(4, 2.0)
    assert [one.error_percent for one in found] == pytest.approx([1.0, 2.0, 3.0])
    assert all(one.assumed for one in found)
    assert "up to 3 times ours" in notes[0]
    found, notes = assumed_interpretations(4, 2.0, largest_known_sd_percent=8.0)
    assert [one.error_percent for one in found] == pytest.approx([1.0, 4.0])
    assert "8 points" in notes[0]


def test_many_studies_at_once():
    spreads = np.array([2.0, 6.0])
    found, _ = printed_interpretations(spreads, "unknown", 4, None)
    assert [one.error_percent.tolist() for one in found] == [[1.0, 3.0], [2.0, 6.0]]
    pooled, _ = printed_interpretations(spreads, "standard_error_of_pooled_episodes", 4, 9)
    assert pooled[-1].error_percent.tolist() == [6.0, 18.0]


@pytest.mark.parametrize(
    ("seeds", "wanted"), [(5, (5,)), (5.0, (5,)), ([6, 5, 5], (5, 6)), (np.int64(3), (3,)), ((10,), (10,))]
)
def test_numbers_of_seeds(seeds: object, wanted: tuple[int, ...]):
    assert module.counts_of(seeds) == wanted


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda: module.counts_of([]), "empty list"),
        (lambda: module.counts_of(2.9), "whole number"),
        (lambda: module.counts_of("5"), "whole number"),
        (lambda: errors("none"), "has no meaning; allowed are standard_deviation_over_seeds"),
        (lambda: errors("stdev"), "has no meaning"),
        (lambda: errors("unknown", spread=-1.0), "0 or more"),
        (lambda: errors("unknown", spread=math.nan), "finite"),
        (lambda: errors("unknown", episodes=0), "1 or more"),
        (lambda: errors("unknown", seeds=0), "1 or more"),
    ],
)
def test_what_has_no_meaning_is_refused(made, words: str):
    with pytest.raises(TablesError, match=words):
        made()
