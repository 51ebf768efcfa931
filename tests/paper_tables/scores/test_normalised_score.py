"""Normalised scores, by hand."""

import numpy as np
import pytest

from paper_tables.scores.normalised_score import normalise

# D4RL's reference returns of Hopper (d4rl/infos.py).
HOPPER = {"reference_min_score": -20.272305, "reference_max_score": 3234.3}


def test_the_references_are_0_and_100():
    scores, unit = normalise(np.array([-20.272305, 3234.3, 1607.0138475]), HOPPER)
    assert unit == "percent"
    assert scores == pytest.approx([0, 100, 50])


@pytest.mark.parametrize("missing", ["reference_min_score", "reference_max_score"])
def test_without_a_reference_the_return_stays(missing):
    returns = np.array([1.0, 2.0])
    scores, unit = normalise(returns, {**HOPPER, missing: None})
    assert unit == "return"
    assert scores.tolist() == [1.0, 2.0]
