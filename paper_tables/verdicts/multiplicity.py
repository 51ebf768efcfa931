"""Verdicts of many cells at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from paper_tables.verdicts.rule import (
    DIFFERENT_HIGHER,
    DIFFERENT_LOWER,
    INCONCLUSIVE,
    LEVEL,
    REPRODUCED,
    Verdict,
)

if TYPE_CHECKING:
    pass


# A table of cells.
def holm(p_values: Iterable[float]) -> np.ndarray:
    """Holm's adjusted p values (Scandinavian Journal of Statistics 6, 1979), in the order given.

    Args:
        p_values: `[cells]`, each between 0 and 1.

    Returns:
        `[cells]`: a claim stands at 5% within the table where its adjusted value is below 0.05.
    """
    values = np.asarray(list(p_values), dtype=float)
    order = np.argsort(values, kind="stable")
    factors = len(values) - np.arange(len(values))
    stepped = np.minimum(1.0, np.maximum.accumulate(values[order] * factors)) if len(values) else values
    adjusted = np.empty_like(values)
    adjusted[order] = stepped
    return adjusted


def adjust(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Holm at 5% over the cells of one table, apart for `reproduced` and for `different`.

    A cell with p values belongs to both families, whatever its verdict; cells that were never open
    (`not comparable`, one seed) belong to none.
    """
    tested = [i for i, verdict in enumerate(verdicts) if verdict.p_reproduced is not None]
    reproduced = holm(verdicts[i].p_reproduced or 0.0 for i in tested)
    different = holm(verdicts[i].p_different or 0.0 for i in tested)
    result = list(verdicts)
    for place, i in enumerate(tested):
        verdict = verdicts[i]
        if verdict.verdict in (REPRODUCED, DIFFERENT_LOWER, DIFFERENT_HIGHER):
            adjusted = reproduced[place] if verdict.verdict == REPRODUCED else different[place]
            if adjusted >= LEVEL:
                result[i] = replace(verdict, adjusted_verdict=INCONCLUSIVE)
    return result
