"""Figures of aggregates: intervals, profiles, probability of improvement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from paper_tables.figures.style import (
    BAND_ALPHA,
    COLUMN_WIDTH_INCHES,
    INK,
    LEAST_SEEDS_FOR_BAND,
    LEAST_SEEDS_FOR_INTERVAL,
    METRIC_NAMES,
    PAGE_WIDTH_INCHES,
    label_styles,
    legend_below,
    legend_inches,
    new_figure,
    records,
    wrapped,
)
from paper_tables.rendering.names import display_name
from paper_tables.rendering.text import in_order

if TYPE_CHECKING:
    from matplotlib.figure import Figure


# One figure each; all take plain tables, draw, and return the figure.

NOT_COMPARED = "#DDDDDD"
# Of the matrix of improvements: columns with a name below them, and columns that one column of a page holds.
MOST_NAMED_COLUMNS = 3
MOST_COLUMNS = 9


def draw_intervals(aggregates: pd.DataFrame, coverage: pd.DataFrame | None) -> Figure:
    """Aggregates of one set of tasks with both intervals.

    Args:
        aggregates: rows of `aggregates.csv` of one selection rule and one set of tasks.
        coverage: rows of `coverage.csv` of that set, or None.
    """
    labels = aggregate_order(aggregates)
    places = {label: place for place, label in enumerate(reversed(labels))}
    names = {label: wrapped(display_name(label), 24) for label in labels}
    lines = max(name.count("\n") + 1 for name in names.values())
    styles = label_styles(labels)
    figure = new_figure(2 * ((0.07 + 0.095 * lines) * len(labels) + 0.42) + 0.55)
    axes = figure.subplots(2, 2, sharey=True)
    for axis, metric in zip(axes.flat, ("iqm", "mean", "median", "optimality_gap")):
        rows = aggregates[aggregates["metric"] == metric]
        for row in records(rows):
            height, style = places[row["label"]], styles[str(row["label"])]
            if row["num_seeds"] >= LEAST_SEEDS_FOR_INTERVAL and np.isfinite(row["small_sample_low_percent"]):
                axis.plot(
                    [row["percentile_low_percent"], row["percentile_high_percent"]],
                    [height, height],
                    color=style.colour,
                    linewidth=4.5,
                    alpha=0.35,
                    solid_capstyle="butt",
                )
                axis.plot(
                    [row["small_sample_low_percent"], row["small_sample_high_percent"]],
                    [height, height],
                    color=style.colour,
                    linewidth=1.1,
                    solid_capstyle="butt",
                    zorder=3,
                )
            axis.plot(
                row["estimate_percent"],
                height,
                markersize=4,
                markeredgewidth=0.9,
                linestyle="none",
                zorder=4,
                **style.marker_arguments,
            )
        title = METRIC_NAMES[metric]
        axis.set_title(f"{title} ↓" if metric == "optimality_gap" else title)
        axis.set_yticks(list(places.values()), [names[label] for label in places])
        axis.set_ylim(-0.6, len(labels) - 0.4)
        axis.margins(x=0.06)
        axis.locator_params(axis="x", nbins=4)
        axis.grid(visible=False, axis="y")
        axis.tick_params(axis="y", length=0)
    for axis in axes[1]:
        axis.set_xlabel("score in percent")
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color="#777777", linewidth=4.5, alpha=0.45),
        Line2D([], [], color="#444444", linewidth=1.1),
    ]
    figure.legend(handles, _interval_names(coverage), loc="outside lower center", ncols=1)
    return figure


def _interval_names(coverage: pd.DataFrame | None) -> list[str]:
    """The legend of both intervals, with their simulated coverage where it is known."""
    names = ["95% percentile bootstrap", "95% small-sample"]
    if coverage is None or coverage.empty:
        return names
    actual = coverage[coverage["actual_design"] & (coverage["metric"] == "iqm")]
    for place, kind in enumerate(("percentile", "small_sample")):
        share = actual.loc[actual["interval"] == kind, "simulated"]
        if len(share):
            names[place] += f"; covers {range_text(100 * share.min(), 100 * share.max())}% (IQM, simulated)"
    return names


def range_text(low: float, high: float) -> str:
    """Two numbers in words, or one where they round to the same."""
    return f"{low:.0f}" if round(low) == round(high) else f"{low:.0f} to {high:.0f}"


def aggregate_order(aggregates: pd.DataFrame) -> list[str]:
    """Labels from the highest IQM to the lowest."""
    iqm = aggregates[aggregates["metric"] == "iqm"].sort_values(
        ["estimate_percent", "label"], ascending=[False, True]
    )
    return [str(label) for label in iqm["label"]]


def draw_profiles(profiles: pd.DataFrame, num_runs: Mapping[str, int] | None = None) -> Figure:
    """Performance profiles of one set of tasks.

    Args:
        profiles: rows of `profiles.csv` of one selection rule and one set of tasks.
        num_runs: label -> runs; fewer than `LEAST_SEEDS_FOR_BAND` have no band, which would be as high as
            the panel. By default every label has its band.
    """
    enough = {} if num_runs is None else num_runs
    labels = in_order(profiles["label"])
    names = [display_name(label) for label in labels]
    styles = label_styles(labels)
    figure = new_figure(2.1 + legend_inches(names))
    axis = figure.subplots()
    handles = []
    # Beyond the best run every profile is 0.
    thresholds = profiles["threshold_percent"]
    reached = thresholds[profiles[["share", "high"]].max(axis=1) > 0]
    end = min(thresholds.max(), 1.1 * reached.max() + 1) if len(reached) else thresholds.max()
    for place, label in enumerate(labels):
        rows = profiles[(profiles["label"] == label) & (thresholds <= end)]
        style = styles[label]
        # Markers at a few thresholds, at other ones for each method, so that they do not cover each other.
        every = max(1, len(rows) // 6)
        handles += axis.plot(
            rows["threshold_percent"],
            100 * rows["share"],
            markevery=(place * every // max(1, len(labels)), every),
            **style.line_arguments,
            **style.marker_arguments,
        )
        if rows["low"].notna().all() and enough.get(label, LEAST_SEEDS_FOR_BAND) >= LEAST_SEEDS_FOR_BAND:
            axis.fill_between(
                rows["threshold_percent"],
                100 * rows["low"],
                100 * rows["high"],
                color=style.colour,
                alpha=BAND_ALPHA,
                linewidth=0,
            )
    axis.set_xlabel("score τ in percent")
    axis.set_ylabel("runs with score > τ, in %")
    axis.set_ylim(-2, 102)
    axis.margins(x=0.03)
    legend_below(figure, handles, names)
    return figure


def draw_improvement(improvement: pd.DataFrame) -> Figure:
    """Matrix of the probability that the row beats the column, in percent.

    Args:
        improvement: rows of `improvement.csv` of one selection rule.
    """
    wide = improvement.pivot(index="label", columns="other", values="probability")
    # The strongest first, by the mean over opponents.
    order = list(wide.mean(axis=1).sort_values(ascending=False, kind="stable").index)
    values, low, high = (
        improvement.pivot(index="label", columns="other", values=column)
        .reindex(index=order, columns=order)
        .to_numpy(dtype=float)
        for column in ("probability", "low", "high")
    )
    count = len(order)
    names = [display_name(label) for label in order]
    # Names fit below few columns. Else the rows are numbered, and the columns have the numbers.
    numbered = count > MOST_NAMED_COLUMNS
    across = [str(place) for place in range(1, count + 1)] if numbered else [wrapped(n, 24) for n in names]
    down = [wrapped(f"{n} [{place}]", 34) for place, n in enumerate(names, 1)] if numbered else across
    lines = max(label.count("\n") + 1 for label in down)
    width = COLUMN_WIDTH_INCHES if count <= MOST_COLUMNS else PAGE_WIDTH_INCHES
    figure = new_figure(count * max(0.17, 0.06 + 0.1 * lines) + 0.915, width)
    axis = figure.subplots()
    # Pairs that are not compared, and the diagonal, are grey: white is the colour of 50%.
    axis.set_facecolor(NOT_COMPARED)
    image = axis.imshow(100 * values, cmap="PuOr_r", vmin=0, vmax=100, aspect="auto")
    for row in range(count):
        for column in range(count):
            value = values[row, column]
            if not np.isfinite(value):
                if row != column:
                    axis.text(column, row, "–", ha="center", va="center", fontsize=6.5, color=INK)
                continue
            conclusive = low[row, column] > 0.5 or high[row, column] < 0.5
            axis.text(
                column,
                row,
                f"{100 * value:.0f}",
                ha="center",
                va="center",
                fontsize=5.5 if count > 8 else 6.5,
                fontweight="bold" if conclusive else "normal",
                color=_ink_on(image.cmap(image.norm(100 * value))),
            )
    axis.set_xticks(range(count), across)
    axis.set_yticks(range(count), down)
    axis.tick_params(length=0)
    axis.grid(visible=False)
    for side in ("left", "bottom"):
        axis.spines[side].set_visible(False)
    bar = figure.colorbar(image, ax=axis, location="top", aspect=40, pad=0.06, ticks=[0, 25, 50, 75, 100])
    bar.set_label("row beats column, in %", fontsize=6.5)
    bar.outline.set_linewidth(0.4)
    return figure


def _ink_on(background: Any) -> str:
    """White or dark, whichever is the easier to read on a colour (relative luminance of WCAG 2)."""
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in background[:3]
    )
    return "white" if 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.25 else INK
