"""Learning curves and sample efficiency."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pandas as pd
from recheck.words import how_many

from paper_tables.figures.style import (
    BAND_ALPHA,
    COLUMN_WIDTH_INCHES,
    LEAST_SEEDS_FOR_BAND,
    MOST_PANELS,
    PAGE_WIDTH_INCHES,
    SEED_ALPHA,
    Figures,
    LabelStyle,
    label_styles,
    legend_below,
    legend_inches,
    nearly_empty,
    new_figure,
)
from paper_tables.rendering.names import display_name, method_of
from paper_tables.rendering.text import in_order

# More curves than this in one panel cannot be told apart.
MOST_CURVES = 8

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_sample_efficiency(curve: pd.DataFrame) -> Figure:
    """IQM over the course of training.

    Args:
        curve: rows of `sample_efficiency.csv`.
    """
    labels = in_order(curve["label"])
    names = [display_name(label) for label in labels]
    styles = label_styles(labels)
    figure = new_figure(2.1 + legend_inches(names))
    axis = figure.subplots()
    handles = []
    for label in labels:
        rows = curve[curve["label"] == label]
        style = styles[label]
        handles += axis.plot(
            rows["update"],
            rows["iqm_percent"],
            clip_on=False,
            **style.line_arguments,
            **style.marker_arguments,
        )
        low = rows["small_low_percent"].where(rows["small_low_percent"].notna(), rows["low_percent"])
        high = rows["small_high_percent"].where(rows["small_high_percent"].notna(), rows["high_percent"])
        if low.notna().all() and rows["num_seeds"].min() >= LEAST_SEEDS_FOR_BAND:
            axis.fill_between(rows["update"], low, high, color=style.colour, alpha=BAND_ALPHA, linewidth=0)
    _updates_axis(axis)
    axis.set_ylabel("IQM in percent")
    legend_below(figure, handles, names)
    return figure


def _updates_axis(axis: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    def text(value: float, _: object) -> str:
        if value >= 1e6:
            return f"{value / 1e6:g}M"
        return f"{value / 1e3:g}k" if value >= 1e3 else f"{value:g}"

    axis.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    axis.xaxis.set_major_formatter(FuncFormatter(text))
    axis.set_xlabel("updates")


def long_enough(curves: pd.DataFrame) -> pd.Series:
    """Which rows are of a curve that says something next to the others of its task.

    Args:
        curves: rows of `learning_curves.csv`.

    Returns:
        False for runs of one checkpoint, and for those shorter than a tenth of the longest on their task.
    """
    checkpoints = curves.groupby(["task", "label"])["update"].transform("nunique")
    longest = curves.groupby("task")["num_updates"].transform("max")
    return (checkpoints > 1) & (10 * curves["num_updates"] >= longest)


def panels(curves: pd.DataFrame) -> pd.Series:
    """The panel of each row: its task, with the method where a task has more than `MOST_CURVES` curves.

    Args:
        curves: rows of `learning_curves.csv`.
    """
    crowded = curves.groupby("task")["label"].transform("nunique") > MOST_CURVES
    methods = curves["label"].map(lambda label: display_name(method_of(label)))
    return curves["task"].where(~crowded, curves["task"] + "\n" + methods)


def _titles(curves: pd.DataFrame) -> list[str]:
    """The panels, those of a task next to each other."""
    return [
        title
        for task in in_order(curves["task"])
        for title in in_order(curves.loc[curves["task"] == task, "panel"])
    ]


def pages(tasks: list[str]) -> list[list[str]]:
    """Panels in pages of at most `MOST_PANELS` of nearly equal length, so that none is alone on the last."""
    count = -(-len(tasks) // MOST_PANELS)
    ends = [round(place * len(tasks) / count) for place in range(count + 1)] if count else []
    return [tasks[start:end] for start, end in pairwise(ends)]


def draw_learning_curves(curves: pd.DataFrame, checkpoints: pd.DataFrame | None = None) -> Figure:
    """Mean score over the course of training, one panel per task or task and method, two columns wide.

    Args:
        curves: rows of `learning_curves.csv` with `panel`, of at most `MOST_PANELS` panels, see `panels`.
        checkpoints: `label`, `task`, `seed`, `update`, `score_percent`; the seeds of a configuration with
            fewer than `LEAST_SEEDS_FOR_BAND` are drawn as thin lines.
    """
    titles = _titles(curves)
    styles = label_styles(curves["label"])
    columns = 1 if len(titles) == 1 else 2
    lines = -(-len(titles) // columns)
    by_panel = [set(curves.loc[curves["panel"] == title, "label"]) for title in titles]
    shared = all(labels == by_panel[0] for labels in by_panel)
    same_ends = curves.groupby("panel")["update"].max().nunique() == 1
    figure = new_figure(1.75 * lines + 0.35, COLUMN_WIDTH_INCHES if columns == 1 else PAGE_WIDTH_INCHES)
    axes = figure.subplots(lines, columns, squeeze=False)
    for place, (axis, title) in enumerate(zip(axes.flat, titles)):
        rows = curves[curves["panel"] == title]
        for label in in_order(rows["label"]):
            own = rows[rows["label"] == label].sort_values("update")
            seeds = None if checkpoints is None else _seeds_of(own, checkpoints)
            _draw_curve(axis, own, seeds, styles[label])
        # Every seed and band is inside the panel.
        axis.margins(x=0.03, y=0.08)
        axis.set_title(title)
        _updates_axis(axis)
        raw = (rows["score_unit"] != "percent").any()
        if place % columns == 0 or raw:
            axis.set_ylabel("return" if raw else "score in percent")
        if place + columns < len(titles) and same_ends:
            axis.set_xlabel("")
        if not shared:
            axis.legend(
                loc="upper left" if columns == 2 else "upper center",
                bbox_to_anchor=(1.0, 1.0) if columns == 2 else (0.5, -0.22),
                borderaxespad=0.2,
            )
    for axis in list(axes.flat)[len(titles) :]:
        axis.set_visible(False)
    if shared:
        handles, names = axes.flat[0].get_legend_handles_labels()
        figure.set_size_inches(figure.get_figwidth(), figure.get_figheight() + legend_inches(names))
        legend_below(figure, handles, names)
    return figure


def _seeds_of(own: pd.DataFrame, checkpoints: pd.DataFrame) -> pd.DataFrame:
    """The checkpoints of the seeds of one curve."""
    label, task = str(own["label"].iloc[0]), str(own["task"].iloc[0])
    return checkpoints[(checkpoints["label"] == label) & (checkpoints["task"] == task)]


def _draw_curve(axis: Axes, own: pd.DataFrame, seeds: pd.DataFrame | None, style: LabelStyle) -> None:
    """The mean of one configuration, with its band, or with its seeds where these are few."""
    axis.plot(
        own["update"],
        own["mean_percent"],
        label=display_name(str(own["label"].iloc[0])),
        **style.line_arguments,
        **style.marker_arguments,
    )
    fewest = int(own["num_seeds"].min())
    if fewest >= LEAST_SEEDS_FOR_BAND and own["low_percent"].notna().all():
        axis.fill_between(
            own["update"],
            own["low_percent"],
            own["high_percent"],
            color=style.colour,
            alpha=BAND_ALPHA,
            linewidth=0,
        )
    elif fewest > 1 and seeds is not None:
        for _, one in seeds.groupby("seed", sort=True):
            one = one.sort_values("update")
            axis.plot(
                one["update"], one["score_percent"], color=style.colour, alpha=SEED_ALPHA, linewidth=0.5
            )


def curve_figures(
    done: Figures, tables: dict[str, pd.DataFrame], selection: str, checkpoints: pd.DataFrame | None = None
) -> None:
    """Draw the learning curves of each task, and sample efficiency over all tasks of a set.

    Args:
        done: takes the figures.
        tables: of `paper_tables.statistics`, by name.
        selection: rule of the aggregates.
        checkpoints: see `draw_learning_curves`.
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
    shown = long_enough(curves)
    for task, rows in curves[~shown].groupby("task", sort=True):
        short = ", ".join(display_name(label) for label in in_order(rows["label"]))
        done.left_out.add(
            f"learning_curves: {short} on {task}",
            "One checkpoint, or less than a tenth of the longest run.",
        )
    drawn = curves[shown].assign(panel=panels(curves[shown]))
    for place, titles in enumerate(pages(_titles(drawn))):
        done.save(
            draw_learning_curves(drawn[drawn["panel"].isin(titles)], checkpoints),
            "learning_curves" if place == 0 else f"learning_curves_{place + 1}",
            "Mean score over training seeds in the course of training. Bands are 95% t intervals over "
            f"{LEAST_SEEDS_FOR_BAND} or more seeds; thin lines are the seeds of a method that has fewer.",
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
        if reason := nearly_empty(rows):
            done.suppress(f"sample_efficiency, task set {letter}", reason)
            continue
        num_tasks = int(rows["num_tasks"].iloc[0])
        done.save(
            draw_sample_efficiency(rows),
            done.free_name("sample_efficiency"),
            f"Interquartile mean over seeds and {how_many(num_tasks, 'task')} (set {letter} of "
            "task_sets.csv) in the course of training; bands are 95% small-sample intervals over seeds, of "
            f"{LEAST_SEEDS_FOR_BAND} seeds or more.",
        )
