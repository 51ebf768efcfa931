"""Intervals of a mean, by hand and against scipy."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from recheck.errors import TablesError
from scipy import stats

from paper_tables.statistics import bootstrap, intervals


def test_mean_interval_equals_scipy():
    scores = np.array([71.0, 74, 69, 80, 75])
    expected = stats.ttest_1samp(scores, 0).confidence_interval(0.9)
    found = intervals.mean_interval(scores, 0.9)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.df == pytest.approx(4)


def test_satterthwaite_by_hand():
    # Two tasks, three seeds: variances 1 and 4, so v = (1 + 4) / 3 / 4 and df = 2 * 5^2 / 17.
    scores = np.array([[9.0, 18], [10, 20], [11, 22]])
    found = intervals.satterthwaite_interval(scores)
    assert found.df == pytest.approx(50 / 17)
    half = stats.t.ppf(0.975, 50 / 17) * np.sqrt(5 / 12)
    assert (found.low, found.high) == pytest.approx((15 - half, 15 + half))


def test_satterthwaite_of_two_tasks_is_welch():
    # The mean over two tasks and Welch's difference have the same error, up to the factor 2, and the same df.
    scores = np.random.default_rng(0).normal(size=(6, 2)) * [1, 3]
    mirrored = scores * [1, -1]
    result = stats.ttest_ind(scores[:, 0], scores[:, 1], equal_var=False).confidence_interval(0.95)
    found = intervals.satterthwaite_interval(mirrored)
    assert (2 * found.low, 2 * found.high) == pytest.approx((result.low, result.high))


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        (np.zeros(3), "matrix"),
        (np.array([[1.0, np.nan], [1.0, 2.0]]), "finite"),
        (np.zeros((1, 4)), "at least 2 seeds"),
    ],
)
def test_bad_scores_are_refused(scores: np.ndarray, words: str):
    with pytest.raises(TablesError, match=words):
        intervals.satterthwaite_interval(scores)


def test_unknown_metric_is_refused(matrix: np.ndarray):
    with pytest.raises(TablesError, match="known are mean, median, iqm, optimality_gap"):
        bootstrap.bootstrap(matrix, ("mode",), 10)


def test_import_is_light():
    """Reading a module must not wait for torch, rliable or matplotlib."""
    program = (
        "import importlib, pkgutil, sys; import paper_tables;"
        "modules = pkgutil.walk_packages(paper_tables.__path__, 'paper_tables.');"
        "[importlib.import_module(m.name) for m in modules if not m.name.endswith('__main__')];"
        "print([m for m in ('torch', 'rliable', 'matplotlib', 'arch', 'seaborn') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
