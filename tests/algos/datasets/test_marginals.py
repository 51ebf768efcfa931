"""Shares of the data's own distribution, by hand."""

import numpy as np

from algos.datasets.marginals import Marginals


def test_shares_there_and_back() -> None:
    """0 1 1 3: shares 1/4, 3/4, 1 of the data are not larger; between 1 and 3 they grow linearly."""
    marginals = Marginals(np.array([[1.0], [3.0], [0.0], [1.0]], dtype=np.float32))
    values = np.array([[0.0], [0.5], [1.0], [2.0], [3.0]], dtype=np.float32)
    units = marginals.to_unit(values)
    np.testing.assert_allclose(units[:, 0], [-0.5, 0.0, 0.5, 0.75, 1.0])
    np.testing.assert_allclose(marginals.from_unit(units), values)
    assert units.dtype == np.float32


def test_beyond_the_data_the_nearest_value_counts() -> None:
    marginals = Marginals(np.array([[0.0], [1.0], [2.0], [4.0]], dtype=np.float32))
    np.testing.assert_allclose(marginals.to_unit(np.array([-9.0, 9.0])[:, None])[:, 0], [-0.5, 1.0])
    np.testing.assert_allclose(marginals.from_unit(np.array([-1.0, 2.0])[:, None])[:, 0], [0.0, 4.0])


def test_a_constant_entry_stays_as_it_is() -> None:
    marginals = Marginals(np.array([[5.0, 0.0], [5.0, 1.0]], dtype=np.float32))
    np.testing.assert_allclose(marginals.to_unit(np.array([[6.0, 0.0]])), [[6.0, 0.0]])
    np.testing.assert_allclose(marginals.from_unit(np.array([[6.0, 1.0]])), [[6.0, 1.0]])
