"""Learning curves and sample efficiency."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from paper_tables.figures.style import (
    MOST_CURVES,
    MOST_PANELS,
    Figures,
    legend_below,
    legend_inches,
    line_style,
    marker_of,
    new_figure,
    wrapped,
)
from paper_tables.rendering.text import in_order
from paper_tables.statistics import configurations

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_sample_efficiency(curve: pd.DataFrame) -> Figure:
    """IQM over the course of training.

    Args:
        curve: rows of `sample_efficiency.csv`.
    """
    labels = in_order(curve["label"])
    figure = new_figure(2.1 + legend_inches(labels))
    axis = figure.subplots()
    handles = []
    for place, label in enumerate(labels):
        rows = curve[curve["label"] == label]
        style = line_style(place)
        marker = marker_of(place)
        handles += axis.plot(rows["update"], rows["iqm_percent"], marker=marker, **style)
        low = rows["small_low_percent"].where(rows["small_low_percent"].notna(), rows["low_percent"])
        high = rows["small_high_percent"].where(rows["small_high_percent"].notna(), rows["high_percent"])
        if low.notna().all():
            axis.fill_between(rows["update"], low, high, color=style["color"], alpha=0.13, linewidth=0)
    _updates_axis(axis)
    axis.set_ylabel("IQM in percent")
    legend_below(figure, handles, labels)
    return figure


def _updates_axis(axis: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    def text(value: float, _: object) -> str:
        if value >= 1e6:
            return f"{value / 1e6:g}M"
        return f"{value / 1e3:g}k" if value >= 1e3 else f"{value:g}"

    axis.xaxis.set_major_locator(MaxNLocator(4))
    axis.xaxis.set_major_formatter(FuncFormatter(text))
    axis.set_xlabel("updates")
    axis.set_xlim(left=0)


def with_panels(curves: pd.DataFrame) -> pd.DataFrame:
    """Add `panel`: the task, and the updates of training where one panel would hold too many curves.

    Args:
        curves: rows of `learning_curves.csv`.
    """
    crowded = curves.groupby("task")["label"].transform("nunique") > MOST_CURVES
    apart = crowded & (curves.groupby("task")["num_updates"].transform("nunique") > 1)
    lengths = [f", {configurations.updates_text(int(updates))} updates" for updates in curves["num_updates"]]
    return curves.assign(
        panel=curves["task"].where(~apart, curves["task"] + pd.Series(lengths, curves.index))
    )


def draw_learning_curves(curves: pd.DataFrame) -> Figure:
    """Mean score over the course of training with the 95% t interval over seeds, one panel per `panel`.

    Args:
        curves: rows of `learning_curves.csv` with the column of `with_panels`, of at most `MOST_PANELS`.
    """
    panels = in_order(curves["panel"])
    labels = in_order(curves["label"])
    columns = 1 if len(panels) == 1 else 2
    lines = -(-len(panels) // columns)
    figure = new_figure(1.35 * lines + 0.35 + legend_inches(labels) + (0.5 if lines == 1 else 0))
    axes = figure.subplots(lines, columns, squeeze=False)
    handles: dict[str, Any] = {}
    for axis, panel in zip(axes.flat, panels):
        rows = curves[curves["panel"] == panel]
        for place, label in enumerate(labels):
            own = rows[rows["label"] == label]
            if own.empty:
                continue
            style = line_style(place)
            (line,) = axis.plot(own["update"], own["mean_percent"], marker=marker_of(place), **style)
            handles.setdefault(label, line)
            if own["low_percent"].notna().all():
                axis.fill_between(
                    own["update"],
                    own["low_percent"],
                    own["high_percent"],
                    color=style["color"],
                    alpha=0.13,
                    linewidth=0,
                )
        # A t interval of two or three seeds can be far wider than any score; the curves set the scale.
        low, high = rows["mean_percent"].min(), rows["mean_percent"].max()
        room = max(5.0, 0.35 * (high - low))
        axis.set_ylim(
            max(low - room, rows["low_percent"].min()) if rows["low_percent"].notna().any() else None
        )
        axis.set_ylim(top=high + room)
        axis.set_title(wrapped(panel, 26), fontsize=6.5)
        _updates_axis(axis)
        raw = (rows["score_unit"] != "percent").any()
        if columns == 1 or axis in axes[:, 0]:
            axis.set_ylabel("return" if raw else "score in percent")
        elif raw:
            axis.set_ylabel("return")
    for axis in list(axes.flat)[len(panels) :]:
        axis.set_visible(False)
    for axis in axes[:-1].flat:
        axis.set_xlabel("")
    legend_below(figure, [handles[label] for label in labels], labels)
    return figure


def curve_figures(done: Figures, tables: dict[str, pd.DataFrame], selection: str) -> None:
    """Draw the learning curves of each task, and sample efficiency over all tasks of a set.

    Args:
        done: takes the figures.
        tables: of `paper_tables.statistics`, by name.
        selection: rule of the aggregates.
    """
    curves = tables.get("learning_curves")
    if curves is None or curves.empty:
        done.left_out.add("learning_curves, sample_efficiency", "There are no evaluation episodes.")
        return
    if curves["update"].nunique() < 2:
        done.left_out.add(
            "learning_curves, sample_efficiency", "Every run was evaluated at one checkpoint only."
        )
        return
    curves = with_panels(curves)
    panels = in_order(curves["panel"])
    for place, start in enumerate(range(0, len(panels), MOST_PANELS)):
        page = panels[start : start + MOST_PANELS]
        done.save(
            draw_learning_curves(curves[curves["panel"].isin(page)]),
            "learning_curves" if place == 0 else f"learning_curves_{place + 1}",
            "Mean score over training seeds in the course of training; bands are 95% t intervals over seeds, "
            "cut where they leave the panel.",
        )
    curve = tables["sample_efficiency"]
    if curve.empty:
        done.left_out.add("sample_efficiency", "No method has checkpoints that all its tasks share.")
        return
    # As the aggregates: methods of other tasks or other lengths of training are drawn apart.
    aggregates = tables["aggregates"][tables["aggregates"]["selection"] == selection]
    letters = curve["label"].map(aggregates.drop_duplicates("label").set_index("label")["task_set"])
    if letters.isna().any():
        alone = ", ".join(in_order(curve.loc[letters.isna(), "label"]))
        done.left_out.add(f"sample_efficiency: {alone}", "It has no aggregate to be compared with.")
    for letter, rows in curve.groupby(letters, sort=True):
        done.save(
            draw_sample_efficiency(rows),
            "sample_efficiency" if letter == letters.min() else f"sample_efficiency_{letter}",
            f"Interquartile mean over seeds and {int(rows['num_tasks'].iloc[0])} task(s) in the course of "
            "training; bands are 95% small-sample intervals over seeds.",
        )
