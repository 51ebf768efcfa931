"""Sample efficiency."""

from __future__ import annotations

import numpy as np
import pytest
from recheck.errors import TablesError
from scipy import stats

from paper_tables.statistics import estimators


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
