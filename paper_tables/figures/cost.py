"""Bars of what training costs, with energy and money as a table next to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from paper_tables.figures.style import INK, label_styles, new_figure, wrapped
from paper_tables.rendering.names import display_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_HOURS = {"gpu": "GPU-hours", "cpu_core": "CPU core-hours"}


def draw_cost(table: pd.DataFrame, currency: str) -> Figure:
    """Training cost per configuration: bars of hours, and hours, energy and money as columns of text.

    Args:
        table: rows of `prices.cost_table`; several devices of a configuration are drawn below each other.
        currency: of the money column.
    """
    rows = table.sort_values(["kind", "hours", "label"], ascending=[True, True, True]).reset_index(drop=True)
    several = rows["device"].nunique() > 1
    names = [display_name(str(label)) for label in rows["label"]]
    if several:
        names = [f"{name}, {device}" for name, device in zip(names, rows["device"])]
    names = [wrapped(name, 24) for name in names]
    lines = sum(name.count("\n") + 1 for name in names)
    kinds = " and ".join(_HOURS.get(kind, "device hours") for kind in sorted(set(rows["kind"])))
    figure = new_figure(0.125 * lines + 0.06 * len(names) + 0.6)
    axis, numbers = figure.subplots(1, 2, sharey=True, width_ratios=[1, 1.25])
    hours = rows["hours"].to_numpy(dtype=float)
    styles = label_styles(rows["label"])
    axis.barh(
        range(len(rows)),
        np.nan_to_num(hours),
        color=[styles[str(label)].colour for label in rows["label"]],
        height=0.6,
    )
    axis.set_xlim(0, 1.05 * (float(np.nanmax(hours)) if np.isfinite(hours).any() else 1.0))
    axis.set_ylim(-0.6, len(rows) + 0.5)
    axis.locator_params(axis="x", nbins=3)
    axis.set_xlabel(kinds)
    axis.set_yticks(range(len(rows)), names)
    axis.grid(visible=False, axis="y")
    axis.tick_params(axis="y", length=0)
    columns = (("hours", "hours"), ("energy_kwh", "kWh"), ("money", currency))
    for place, (column, head) in enumerate(columns):
        texts = _one_number_of_digits(rows[column].to_numpy(dtype=float))
        for height, text in [*enumerate(texts), (len(rows) - 0.3, head)]:
            numbers.text(
                0.34 * (place + 0.94),
                height,
                text,
                ha="right",
                va="bottom" if text == head else "center",
                fontsize=6.5,
                color=INK,
            )
    numbers.set_axis_off()
    return figure


def _one_number_of_digits(values: np.ndarray) -> list[str]:
    """Numbers of a column with equally many decimals: one digit of the smallest that is not zero."""
    finite = values[np.isfinite(values) & (values > 0)]
    smallest = float(finite.min()) if len(finite) else 1.0
    decimals = int(np.clip(-np.floor(np.log10(smallest)), 0, 6))
    return [f"{value:,.{decimals}f}" if np.isfinite(value) else "?" for value in values]
