"""Names of what can be collected."""

import numpy as np
import pytest
from recheck.errors import DatasetError

from algos.recollect.catalogue import (
    load_recollection,
    load_recollections,
)
from algos.recollect.collect import recollect

RECOLLECTIONS = sorted(load_recollections())


MAZES = [name for name in RECOLLECTIONS if load_recollection(name).planner is not None]


def lengths(rows: dict[str, np.ndarray]) -> np.ndarray:
    """Steps of each episode, in order."""
    ends = np.flatnonzero(rows["terminals"] | rows["timeouts"])
    return np.diff(ends, prepend=-1)


# --- Refusals, one message each ---


def refusal(*arguments: object) -> str:
    with pytest.raises(DatasetError) as caught:
        recollect(*arguments)  # type: ignore[arg-type]
    message = str(caught.value)
    assert message.endswith(".")
    assert "\n" not in message
    return message
