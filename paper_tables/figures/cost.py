"""Bars of what training and acting cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from paper_tables.figures.style import COLOURS, INK, new_figure, wrapped

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_cost(table: pd.DataFrame, currency: str) -> Figure:
    """Training cost per configuration.

    Args:
        table: rows of `cost.cost_table`; several devices of a configuration stand below each other.
        currency: of the money column.
    """
    rows = table.sort_values(["kind", "hours", "label"], ascending=[True, True, True]).reset_index(drop=True)
    several = rows["device"].nunique() > 1
    names = [
        wrapped(f"{row.label} ({row.device})" if several else str(row.label)) for row in rows.itertuples()
    ]
    lines = sum(name.count("\n") + 1 for name in names)
    figure = new_figure(0.13 * lines + 0.05 * len(names) + 0.65)
    axes = figure.subplots(1, 3, sharey=True)
    hours = {"gpu": "GPU-hours", "cpu_core": "CPU core-hours"}
    kinds = [hours.get(kind, "device hours") for kind in sorted(set(rows["kind"]))]
    panels = (
        ("hours", " and\n".join(kinds)),
        ("energy_kwh", "energy in kWh"),
        ("money", f"cost in {currency}"),
    )
    for axis, (column, name) in zip(axes, panels):
        values = rows[column].to_numpy(dtype=float)
        colours = [COLOURS[0] if kind == "gpu" else COLOURS[5] for kind in rows["kind"]]
        axis.barh(range(len(rows)), np.nan_to_num(values), color=colours, height=0.65)
        largest = float(np.nanmax(values)) if np.isfinite(values).any() else 1.0
        for place, value in enumerate(values):
            text = _short_number(value) if np.isfinite(value) else "?"
            axis.text(
                (value if np.isfinite(value) else 0) + 0.03 * largest,
                place,
                text,
                va="center",
                fontsize=6,
                color=INK,
            )
        axis.set_xlim(0, 1.5 * largest)
        axis.set_xlabel(name)
        axis.grid(visible=False, axis="y")
        axis.tick_params(axis="y", length=0)
        axis.locator_params(axis="x", nbins=3)
    axes[0].set_yticks(range(len(rows)), names)
    return figure


def _short_number(value: float) -> str:
    if value == 0:
        return "0"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.2g}" if value >= 0.001 else "<0.001"
