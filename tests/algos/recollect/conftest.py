"""A small collected set."""

import numpy as np
import pytest

from algos.recollect.collect import recollect


@pytest.fixture(scope="module")
def hopper() -> dict[str, np.ndarray]:
    return recollect("hopper-medium", 6_000, seed=3)
