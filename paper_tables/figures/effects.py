"""The figure of an ablation: the effect of each value of one hyperparameter, a panel for each method."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from recheck.errors import TablesError

from paper_tables.figures.style import (
    COLUMN_WIDTH_INCHES,
    INK,
    MOST_PANELS,
    PAGE_WIDTH_INCHES,
    PALE,
    Figures,
    label_styles,
    new_figure,
    records,
)
from paper_tables.rendering.names import display_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ALL_TASKS = "all tasks"
PANELS_ABREAST = 3


def effect_figure(done: Figures, path: Path | None) -> None:
    """Draw the effects of an ablation, where there is one.

    Args:
        done: takes the figure.
        path: ``effects_cells.csv`` of `paper_tables.tables`, or None.

    Raises:
        TablesError: the file is absent.
    """
    if path is None:
        return
    if not path.is_file():
        raise TablesError(f"There is no file {path}; --effects takes effects_cells.csv of tables.")
    table = pd.read_csv(path, converters={"value": str})  # null is a value
    if "effect_percent" not in table.columns:
        raise TablesError(
            f"{path} has no column effect_percent; --effects takes effects_cells.csv of tables."
        )
    name = str(table["hyperparameter"].iloc[0])
    groups = table.groupby(["method", "family"], sort=False).ngroups
    if groups > MOST_PANELS:
        done.left_out.add("effects: some methods", f"The first {MOST_PANELS} of {groups} are drawn.")
    seeds = f"{table['num_seeds'].min()} to {table['num_seeds'].max()}"
    seeds = seeds if table["num_seeds"].nunique() > 1 else str(table["num_seeds"].iloc[0])
    over = (
        " The thick line is the mean over tasks, thin lines are single tasks."
        if ALL_TASKS in set(table["task"])
        else ""
    )
    done.save(
        draw_effects(table),
        "effects",
        f"Effect of {name}: the score of the last checkpoint less that with the run's own value (ring), over "
        f"{seeds} seeds; bars are 95% intervals of the difference.{over}",
    )


def draw_effects(table: pd.DataFrame) -> Figure:
    """One panel for each method and variant.

    Args:
        table: ``effects_cells.csv``, see `tables.effects.COLUMNS`.
    """
    groups = list(table.groupby(["method", "family"], sort=False))[:MOST_PANELS]
    several = {str(method): rows["family"].nunique() > 1 for method, rows in table.groupby("method")}
    labels = [f"{method} {family}" if several[str(method)] else str(method) for (method, family), _ in groups]
    columns = min(len(groups), PANELS_ABREAST)
    lines = -(-len(groups) // columns)
    width = COLUMN_WIDTH_INCHES if columns == 1 else PAGE_WIDTH_INCHES
    figure = new_figure(2.1 * lines + 0.2, width)
    axes = figure.subplots(lines, columns, squeeze=False, sharey=table["score_unit"].nunique() == 1)
    styles = label_styles(labels)
    for axis, label, (_, rows) in zip(axes.flat, labels, groups):
        _panel(axis, rows, styles[label])
        axis.set_title(display_name(label), fontsize=7)
        axis.set_xlabel(str(table["hyperparameter"].iloc[0]).replace("_", " "))
    for axis in axes.flat[len(groups) :]:
        axis.set_visible(False)
    unit = "return" if set(table["score_unit"]) == {"return"} else "points of the score"
    for row in axes:
        row[0].set_ylabel(f"effect in {unit}")
    return figure


def _panel(axis: Axes, rows: pd.DataFrame, style: Any) -> None:
    """The effects of one method: single tasks thin, their mean thick."""
    values = list(dict.fromkeys(rows["value"]))
    places = _places(values)
    axis.axhline(0, color=INK, linewidth=0.6, zorder=1)
    tasks = [task for task in dict.fromkeys(rows["task"]) if task != ALL_TASKS]
    alone = len(tasks) == 1
    for task in tasks:
        _line(axis, rows[rows["task"] == task], places, style, thin=not alone)
    together = rows[rows["task"] == ALL_TASKS]
    if len(together):
        _line(axis, together, places, style, thin=False)
    shown = sorted(values, key=lambda value: places[value])
    axis.set_xticks([places[value] for value in shown], [_shown(value) for value in shown])
    axis.margins(x=0.12)


def _line(axis: Axes, rows: pd.DataFrame, places: dict[str, float], style: Any, thin: bool) -> None:
    points = []
    for row in records(rows):
        own = bool(row["reference"])
        effect = 0.0 if own else row["effect_percent"]
        half = 0.0 if own or pd.isna(row["effect_low_percent"]) else effect - row["effect_low_percent"]
        points.append((places[row["value"]], effect, half, own))
    points.sort()
    x, y = [point[0] for point in points], [point[1] for point in points]
    if thin:
        axis.plot(x, y, color=PALE, linewidth=0.7, zorder=2)
        return
    axis.plot(x, y, color=style.colour, linewidth=1.2, zorder=3)
    axis.errorbar(
        x,
        y,
        yerr=[point[2] for point in points],
        linestyle="none",
        color=style.colour,
        capsize=2,
        zorder=4,
        **style.marker_arguments,
    )
    for place, effect, _, own in points:
        if own:
            axis.plot(
                [place], [effect], marker="o", markersize=7, markerfacecolor="none", color=INK, zorder=5
            )


def _places(values: list[str]) -> dict[str, float]:
    """The place of each value: in the order of the numbers, equally far apart, then what is not a number."""
    return {value: float(place) for place, value in enumerate(sorted(values, key=_number))}


def _number(value: str) -> float:
    found = json.loads(value)
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else float("inf")


def _shown(value: str) -> str:
    number = _number(value)
    return f"{number:g}" if number != float("inf") else str(json.loads(value))
