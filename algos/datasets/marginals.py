"""Each entry of a vector to [-1, 1] by its own cumulative distribution in the data, and back.

Decision Diffuser's normaliser (decision-diffuser diffuser/datasets/normalization.py:203-310): a value
becomes the share of the data that is not larger, linearly between the values that occur, so that every entry
is uniform.
"""

from __future__ import annotations

import numpy as np


class Marginals:
    """The distributions of w entries.

    Args:
        values: ``[n, w]`` float32, in any order.

    Attributes:
        ordered: the values, each column ascending: all that has to be stored.
    """

    def __init__(self, values: np.ndarray) -> None:
        self.ordered: np.ndarray = np.sort(np.asarray(values, dtype=np.float32), axis=0)
        self._columns: list[tuple[np.ndarray, np.ndarray] | None] = []
        for column in self.ordered.T:
            quantiles, counts = np.unique(column, return_counts=True)
            # A constant entry carries nothing; the release leaves it as it is, too.
            constant = len(quantiles) < 2
            shares = np.cumsum(counts) / len(column)
            self._columns.append(None if constant else (quantiles.astype(np.float64), shares))

    def to_unit(self, values: np.ndarray) -> np.ndarray:
        """Values ``[..., w]`` as shares in [-1, 1], float32; those beyond the data as the nearest in them."""
        result = np.array(values, dtype=np.float32)
        for index, column in enumerate(self._columns):
            if column is not None:
                quantiles, shares = column
                result[..., index] = 2.0 * np.interp(values[..., index], quantiles, shares) - 1.0
        return result

    def from_unit(self, units: np.ndarray) -> np.ndarray:
        """The reverse: shares ``[..., w]`` in [-1, 1] as values of the data, float32."""
        result = np.array(units, dtype=np.float32)
        for index, column in enumerate(self._columns):
            if column is not None:
                quantiles, shares = column
                result[..., index] = np.interp((units[..., index] + 1.0) / 2.0, shares, quantiles)
        return result
