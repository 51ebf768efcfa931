"""Sample efficiency."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from recheck.errors import TablesError
from scipy import stats

from paper_tables.statistics import curves, estimators


def test_a_learning_curve_has_an_interval_from_three_seeds_on():
    checkpoints = pd.DataFrame(
        {
            "label": "iql",
            "task": "hopper-medium-v2",
            "score_unit": "percent",
            "num_updates": 2,
            "update": [1, 1, 2, 2, 2],
            "score_percent": [10.0, 20.0, 10.0, 20.0, 30.0],
        }
    )
    two, three = curves.learning_curve_table(checkpoints).to_dict("records")
    assert (two["num_seeds"], two["mean_percent"]) == (2, 15.0)
    assert np.isnan(two["low_percent"])
    # t(0.975, 2) = 4.302653, standard error 10 / sqrt(3).
    assert three["high_percent"] == pytest.approx(20 + 4.302653 * 10 / 3**0.5)


def test_sample_efficiency_is_the_iqm_at_every_checkpoint():
    rng = np.random.default_rng(0)
    frames = rng.normal(50, 10, (5, 4, 3))
    found = estimators.sample_efficiency_curve(frames, replicates=500)
    for checkpoint in range(3):
        assert found["iqm_percent"][checkpoint] == pytest.approx(
            stats.trim_mean(frames[:, :, checkpoint], 0.25, axis=None)
        )
    assert (found["small_low_percent"] < found["iqm_percent"]).all()
    small = found["small_high_percent"] - found["small_low_percent"]
    assert (small > found["high_percent"] - found["low_percent"]).all()
    with pytest.raises(TablesError, match="checkpoints"):
        estimators.sample_efficiency_curve(frames[0])
