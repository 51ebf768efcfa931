"""Bars of hours, and energy and money as text."""

from __future__ import annotations

import numpy as np
import pandas as pd

from paper_tables.figures.cost import _one_number_of_digits, draw_cost
from paper_tables.figures.style import house_style


def cost(**changes):
    table = {
        "label": ["iql", "bc"],
        "device": "A100",
        "kind": "gpu",
        "runs": 5,
        "hours": [10.0, 2.5],
        "energy_kwh": [5.2, 1.3],
        "money": [15.0, np.nan],
        "currency": "USD",
    }
    return pd.DataFrame(table | changes)


def drawn(table):
    with house_style(["iql", "bc"]):
        return draw_cost(table, "USD").axes


def test_a_bar_is_as_long_as_its_hours_and_the_numbers_are_next_to_it():
    axis, numbers = drawn(cost())
    assert [bar.get_width() for bar in axis.patches] == [2.5, 10.0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["BC", "IQL"]
    assert axis.get_xlabel() == "GPU-hours"
    texts = [text.get_text() for text in numbers.texts]
    assert texts == ["2", "10", "hours", "1", "5", "kWh", "?", "15", "USD"]


def test_several_devices_are_named_and_kinds_are_in_the_axis():
    axis, _ = drawn(cost(device=["A100", "Epyc"], kind=["gpu", "cpu_core"]))
    assert [label.get_text() for label in axis.get_yticklabels()] == ["BC, Epyc", "IQL, A100"]
    assert axis.get_xlabel() == "CPU core-hours and GPU-hours"
    assert drawn(cost(kind="unknown"))[0].get_xlabel() == "device hours"


def test_a_column_has_one_digit_of_its_smallest_number():
    assert _one_number_of_digits(np.array([0.034, 12.0])) == ["0.03", "12.00"]
    assert _one_number_of_digits(np.array([1234.5, 2.0])) == ["1,234", "2"]
    assert _one_number_of_digits(np.array([0.0, np.nan])) == ["0", "?"]
    assert _one_number_of_digits(np.array([1e-9])) == ["0.000000"]
