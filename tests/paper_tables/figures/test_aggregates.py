"""What figures of aggregates draw: order, intervals, bold places, colours of text."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from paper_tables.figures import aggregates
from paper_tables.figures.style import INK, house_style


@pytest.fixture(autouse=True)
def style():
    with house_style(["a", "b", "c"]):
        yield


def rows_of(iqms, seeds=5):
    return pd.DataFrame(
        [
            {
                "label": label,
                "metric": metric,
                "num_seeds": seeds,
                "estimate_percent": value,
                "percentile_low_percent": value - 2,
                "percentile_high_percent": value + 2,
                "small_sample_low_percent": value - 3,
                "small_sample_high_percent": value + 3,
            }
            for label, value in iqms.items()
            for metric in ("iqm", "mean", "median", "optimality_gap")
        ]
    )


def test_labels_go_from_the_highest_iqm_to_the_lowest_and_ties_by_name():
    assert aggregates.aggregate_order(rows_of({"a": 10.0, "c": 30.0, "b": 30.0})) == ["b", "c", "a"]


def test_each_metric_has_estimates_and_both_intervals():
    figure = aggregates.draw_intervals(rows_of({"a": 10.0, "b": 30.0}), None)
    assert [axis.get_title() for axis in figure.axes] == ["IQM", "Mean", "Median", "Optimality gap ↓"]
    lines = [tuple(line.get_xdata()) for line in figure.axes[0].get_lines()]
    assert set(lines) == {(8, 12), (7, 13), (10,), (28, 32), (27, 33), (30,)}
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["a", "b"]
    few = aggregates.draw_intervals(rows_of({"a": 10.0}, seeds=2), None)
    assert [tuple(line.get_xdata()) for line in few.axes[0].get_lines()] == [(10,)]


def test_the_legend_says_the_simulated_coverage_of_the_actual_design():
    coverage = pd.DataFrame(
        {
            "metric": ["iqm", "iqm", "iqm", "mean"],
            "interval": ["percentile", "percentile", "small_sample", "percentile"],
            "actual_design": [True, True, True, True],
            "simulated": [0.82, 0.871, 0.95, 0.1],
        }
    )
    names = aggregates._interval_names(coverage)
    assert names == [
        "95% percentile bootstrap; covers 82 to 87% (IQM, simulated)",
        "95% small-sample; covers 95% (IQM, simulated)",
    ]
    plain = ["95% percentile bootstrap", "95% small-sample"]
    assert aggregates._interval_names(None) == plain
    assert aggregates._interval_names(coverage.assign(actual_design=False)) == plain


def test_two_numbers_that_round_to_the_same_are_one():
    assert aggregates.range_text(94.6, 95.4) == "95"
    assert aggregates.range_text(94.4, 95.4) == "94 to 95"


def test_profiles_are_drawn_in_percent_with_bands_where_all_are_known():
    profiles = pd.DataFrame(
        {
            "label": ["a", "a", "b", "b"],
            "threshold_percent": [0.0, 100.0] * 2,
            "share": [1.0, 0.25, 0.5, 0.0],
            "low": [1.0, 0.1, np.nan, np.nan],
            "high": [1.0, 0.4, np.nan, np.nan],
        }
    )
    axis = aggregates.draw_profiles(profiles).axes[0]
    assert [list(line.get_ydata()) for line in axis.get_lines()] == [[100.0, 25.0], [50.0, 0.0]]
    assert len(axis.collections) == 1


def test_the_matrix_has_the_strongest_first_and_what_is_conclusive_in_bold():
    pairs = {("a", "b"): (0.2, 0.1, 0.4), ("a", "c"): (0.5, 0.3, 0.7), ("b", "c"): (0.9, 0.45, 1.0)}
    rows = []
    for (label, other), (p, low, high) in pairs.items():
        rows.append({"label": label, "other": other, "probability": p, "low": low, "high": high})
        rows.append({"label": other, "other": label, "probability": 1 - p, "low": 1 - high, "high": 1 - low})
    axis = aggregates.draw_improvement(pd.DataFrame(rows)).axes[0]
    # Means over opponents: a 0.35, b 0.85, c 0.3.
    assert [label.get_text() for label in axis.get_yticklabels()] == ["b", "a", "c"]
    shown = {
        (text.get_position()[1], text.get_position()[0]): (text.get_text(), text.get_fontweight())
        for text in axis.texts
    }
    assert shown[0, 1] == ("80", "bold")
    assert shown[1, 0] == ("20", "bold")
    assert shown[0, 2] == ("90", "normal")
    assert (0, 0) not in shown


def test_text_is_white_on_dark_and_dark_on_light():
    assert aggregates._ink_on((0.0, 0.0, 0.0, 1.0)) == "white"
    assert aggregates._ink_on((1.0, 1.0, 1.0, 1.0)) == INK
    assert aggregates._ink_on((0.0, 0.0, 1.0, 1.0)) == "white"  # luminance 0.07
    assert aggregates._ink_on((0.0, 1.0, 0.0, 1.0)) == INK  # luminance 0.72
