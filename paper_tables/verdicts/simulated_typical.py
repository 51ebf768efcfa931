"""Simulated studies of typical runs: how often their verdict claims what is not so, for all studies at once.

The arithmetic is that of `typical.judge_typical_runs`; a test compares the two. Which studies are run is in
``simulation.py``.
"""

from __future__ import annotations

import numpy as np

from paper_tables.verdicts import decision_rule
from paper_tables.verdicts.laws import Law
from paper_tables.verdicts.simulated_studies import (
    MARGIN_PERCENT,
    Rates,
    rates_of_codes,
    refuse_few,
    tabulated_half_width,
)
from paper_tables.verdicts.typical import (
    COLLAPSE_MARGINS,
    LEAST_TYPICAL_SEEDS,
    SPLIT_MARGINS,
    collapses_instead,
)


def simulate_typical(
    ours: Law, theirs: Law, our_seeds: int, their_seeds: int, studies: int, seed: int = 0
) -> Rates:
    """Rates of the verdict on typical runs, each the larger of both signs of a true difference of the margin.

    Args:
        ours: law of our seeds.
        theirs: law of theirs.
        our_seeds: our number of seeds.
        their_seeds: theirs.
        studies: number of studies.
        seed: of the draw.

    Raises:
        TablesError: fewer than 100 studies.
    """
    refuse_few(studies)
    worst: list[Rates] = []
    for sign in (1, -1):
        rng = np.random.default_rng(seed)
        ours_scores = ours.draw(rng, (studies, our_seeds)) + sign * MARGIN_PERCENT
        their_scores = theirs.draw(rng, (studies, their_seeds))
        worst.append(rates_of_codes(typical_codes(ours_scores, their_scores, MARGIN_PERCENT)))
    return Rates(max(r.reproduced for r in worst), max(r.higher for r in worst), max(r.lower for r in worst))


def typical_codes(ours: np.ndarray, theirs: np.ndarray, margin_percent: float) -> np.ndarray:
    """Claims on typical runs, coded as in `decision_rule.claims_of_intervals`, `[studies]`.

    Args:
        ours: `[studies, seeds]`.
        theirs: `[studies, reported seeds]`.
        margin_percent: the margin M.
    """
    median = np.median(np.concatenate([ours, theirs], axis=1), axis=1, keepdims=True)
    kept, their_kept = (side >= median - COLLAPSE_MARGINS * margin_percent for side in (ours, theirs))
    mean, sd, count = _moments_where(ours, kept)
    their_mean, their_sd, their_count = _moments_where(theirs, their_kept)
    gap = np.maximum(_widest_gap_where(ours, kept), _widest_gap_where(theirs, their_kept))
    enough = (np.minimum(count, their_count) >= LEAST_TYPICAL_SEEDS) & (sd > 0) & (their_sd > 0)
    enough &= gap <= SPLIT_MARGINS * margin_percent
    n, m = np.where(enough, count, 2), np.where(enough, their_count, 2)
    half = np.zeros(len(ours))
    for estimate in decision_rule.two_error_estimates(sd**2, n, their_sd**2, m):
        half = np.maximum(half, tabulated_half_width(estimate))
    difference = mean - their_mean
    codes = decision_rule.claims_of_intervals(difference - half, difference + half, margin_percent)
    lower_range = np.where(difference < 0, _range_where(ours, kept), _range_where(theirs, their_kept))
    lower_seeds = np.asarray(np.where(difference < 0, ours.shape[1], theirs.shape[1]))
    wide, whole = collapses_instead(difference, lower_range, lower_seeds, margin_percent)
    return np.where(enough & ~((np.abs(codes) == 2) & (wide | whole)), codes, 0)


def _range_where(scores: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Highest less lowest kept score, `[studies]`; minus infinity where none is kept."""
    highest = np.where(kept, scores, -np.inf).max(axis=1)
    lowest = np.where(kept, scores, np.inf).min(axis=1)
    return np.asarray(highest - lowest)


def _moments_where(scores: np.ndarray, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    count = kept.sum(axis=1)
    divisor = np.maximum(count, 1)
    mean = np.where(kept, scores, 0.0).sum(axis=1) / divisor
    squares = np.where(kept, (scores - mean[:, None]) ** 2, 0.0).sum(axis=1)
    return mean, np.sqrt(squares / np.maximum(count - 1, 1)), count


def _widest_gap_where(scores: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Largest distance between neighbouring kept scores, `[studies]`."""
    highest = np.where(kept, scores, scores.min()).max(axis=1, keepdims=True)
    # What is not kept is put at the highest kept score, where it makes no gap.
    result: np.ndarray = np.diff(np.sort(np.where(kept, scores, highest), axis=1), axis=1).max(axis=1)
    return result
