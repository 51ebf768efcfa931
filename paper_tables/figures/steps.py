"""Score and cost against the number of diffusion steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from paper_tables import prices
from paper_tables.figures.style import (
    INK,
    LEAST_SEEDS_FOR_INTERVAL,
    PALE,
    LabelStyle,
    label_styles,
    legend_below,
    legend_inches,
    new_figure,
    readable_log,
    records,
)
from paper_tables.rendering.names import display_name, method_of
from paper_tables.rendering.text import in_order
from paper_tables.statistics import configurations

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


MARKER_POINTS = 4.5
"""Large enough to see which part of a marker is filled."""


def draw_steps(points: pd.DataFrame) -> Figure:
    """Diffusion steps against score, training cost and action latency, and the Pareto front.

    Args:
        points: one row per configuration: `label`, `method`, `family` (what a line joins), `diffusion_steps`,
            `num_updates`, `score_percent`, `low_percent`, `high_percent`, `ms_per_update`,
            `action_latency_ms`. The Pareto front is one for each number of updates.
    """
    families = in_order(points["family"])
    letters = _letters(families)
    names = [
        f"{letters[family]}: {display_name(family)}" if letters[family] else display_name(family)
        for family in families
    ]
    styles = label_styles(families)
    figure = new_figure(3.4 + legend_inches(names))
    axes = figure.subplots(2, 2)
    panels = (
        (axes[0, 0], "score_percent", "score in percent"),
        (axes[0, 1], "ms_per_update", "ms per update"),
        (axes[1, 0], "action_latency_ms", "action latency in ms"),
    )
    for axis, column, name in panels:
        _draw_over_steps(axis, points, column, styles)
        axis.set_ylabel(name)
    _draw_front(axes[1, 1], points, styles)
    # Beside the points of the front: equal numbers of steps are told apart.
    _name_points(axes[1, 1], points, letters)
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], markersize=MARKER_POINTS, **styles[f].line_arguments, **styles[f].marker_arguments)
        for f in families
    ]
    legend_below(figure, handles, names)
    return figure


def _draw_over_steps(axis: Axes, points: pd.DataFrame, column: str, styles: dict[str, LabelStyle]) -> None:
    """One column over the number of diffusion steps, a line for each family."""
    stepped = points[points["diffusion_steps"] > 0]
    for family in in_order(stepped["family"]):
        rows = stepped[(stepped["family"] == family) & stepped[column].notna()].sort_values("diffusion_steps")
        if rows.empty:
            continue
        style = styles[family]
        if column == "score_percent" and rows["low_percent"].notna().all():
            errors = np.stack([rows[column] - rows["low_percent"], rows["high_percent"] - rows[column]])
            axis.errorbar(
                rows["diffusion_steps"],
                rows[column],
                yerr=errors.astype(float),
                fmt="none",
                ecolor=style.colour,
                elinewidth=0.8,
            )
        axis.plot(
            rows["diffusion_steps"],
            rows[column],
            markersize=MARKER_POINTS,
            **style.line_arguments,
            **style.marker_arguments,
        )
    steps = sorted(set(stepped["diffusion_steps"]))
    if len(steps) > 1 and steps[-1] / steps[0] > 4:
        axis.set_xscale("log")
    axis.set_xticks(steps, [str(step) for step in steps])
    axis.minorticks_off()
    axis.margins(x=0.08, y=0.1)
    if column != "score_percent":
        axis.set_ylim(bottom=0)
    axis.set_xlabel("diffusion steps N")


def _draw_front(axis: Axes, points: pd.DataFrame, styles: dict[str, LabelStyle]) -> None:
    """Score over action latency with the Pareto front of each number of updates."""
    timed = points[points["action_latency_ms"].notna() & points["score_percent"].notna()].reset_index(
        drop=True
    )
    for family in in_order(timed["family"]):
        rows = timed[timed["family"] == family]
        axis.plot(
            rows["action_latency_ms"],
            rows["score_percent"],
            linestyle="none",
            markersize=MARKER_POINTS,
            **styles[family].marker_arguments,
        )
    for _, rivals in timed.groupby("num_updates"):
        front = prices.pareto_front(list(rivals["action_latency_ms"]), list(rivals["score_percent"]))
        axis.plot(
            rivals["action_latency_ms"].iloc[front],
            rivals["score_percent"].iloc[front],
            color=PALE,
            linewidth=2.5,
            zorder=0,
            drawstyle="steps-post",
            marker="o",  # a front of one point is seen, too
            markersize=9,
            markeredgewidth=0,
        )
    if len(timed) and timed["action_latency_ms"].max() > 8 * timed["action_latency_ms"].min():
        readable_log(axis)
    axis.margins(x=0.18, y=0.15)
    axis.set_xlabel("action latency in ms")
    axis.set_ylabel("score in percent")
    title = "grey: Pareto front"
    if timed["num_updates"].nunique() > 1:
        title += "\nat equal updates"
    axis.set_title(title, fontsize=6.5)


def _letters(families: Sequence[str]) -> dict[str, str]:
    """A letter for each family; none where all are of different methods, whose markers differ."""
    methods = [method_of(family) for family in families]
    several = len(set(methods)) < len(methods)
    return {family: chr(ord("a") + place) if several else "" for place, family in enumerate(families)}


def _name_points(axis: Axes, points: pd.DataFrame, letters: dict[str, str]) -> None:
    """Write N and the letter of the legend next to each point, where they cover no label and no point."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.transforms import Bbox

    figure = axis.figure.figure
    FigureCanvasAgg(figure)
    figure.draw_without_rendering()
    timed = points[points["action_latency_ms"].notna() & points["score_percent"].notna()]
    half = MARKER_POINTS / 2 * figure.dpi / 72
    places = axis.transData.transform(timed[["action_latency_ms", "score_percent"]].to_numpy(dtype=float))
    taken = [Bbox([place - half, place + half]) for place in places]
    for row in records(timed[timed["diffusion_steps"] > 0]):
        for offset in ((3, 3), (3, -8), (-8, 3), (-8, -8)):
            text = axis.annotate(
                f"{row['diffusion_steps']}{letters[row['family']]}",
                (row["action_latency_ms"], row["score_percent"]),
                xytext=offset,
                textcoords="offset points",
                fontsize=6,
                color=INK,
            )
            box = text.get_window_extent()
            if not any(box.overlaps(other) for other in taken):
                taken.append(box)
                break
            text.remove()


# From an experiment's tables to the figures.
def steps_points(
    cells: pd.DataFrame, aggregates: pd.DataFrame, cost: pd.DataFrame, selection: str
) -> tuple[pd.DataFrame, list[str], str | None]:
    """One point per configuration over the tasks that all configurations with diffusion share.

    Args:
        cells: `cells.csv`.
        aggregates: `aggregates.csv`, which holds the interval of a mean over several tasks.
        cost: rows of the schema `cost` with labels.
        selection: the rule.

    Returns:
        The points (see `draw_steps`), their tasks, and the device whose training times are shown, if known.
    """
    rows = cells[(cells["selection"] == selection) & (cells["score_unit"] == "percent")]
    diffusion = rows[rows["diffusion_steps"] > 0]
    # The tasks on which numbers of steps were compared, at equal numbers of updates.
    setting = ["method", "variant", "num_updates", "task"]
    varied = diffusion.groupby(setting)["diffusion_steps"].nunique().rename("numbers").reset_index()
    subjects = diffusion.merge(varied.loc[varied["numbers"] > 1, setting], on=setting)
    shared = [set(group["task"]) for _, group in subjects.groupby("label")]
    tasks = sorted(set.intersection(*shared)) if shared else []
    if not tasks:
        return pd.DataFrame(), [], None
    # A method of another length of training is not compared with them.
    rows = rows[rows["task"].isin(tasks) & rows["num_updates"].isin(set(subjects["num_updates"]))]
    complete = rows.groupby("label")["task"].nunique()
    rows = rows[rows["label"].isin(set(complete[complete == len(tasks)].index))]
    # One state a call, as when a robot acts; training times of one kind of machine, the most common one.
    single = cost[(cost["num_states"].isna()) | (cost["num_states"] == 1)]
    device = _most_common(single.loc[single["label"].isin(rows["label"]), "device"])
    families = _families(rows)
    points = []
    for label, group in rows.groupby("label", sort=True):
        own = single[(single["label"] == label) & single["task"].isin(tasks)]
        timed = own["action_latency_ms"].dropna()
        blocks = prices.training_blocks(own if device is None else own[own["device"] == device])
        first = group.iloc[0]
        low, high = _mean_interval(group, aggregates, str(label), selection)
        points.append(
            {
                "label": label,
                "method": first["method"],
                "family": families[str(label)],
                "diffusion_steps": int(first["diffusion_steps"]),
                "num_updates": int(group["num_updates"].max()),
                "score_percent": float(group["mean_percent"].mean()),
                "low_percent": low,
                "high_percent": high,
                "ms_per_update": _mean_or_nan(3.6e6 * blocks["per_seed_hours"] / blocks["num_updates"]),
                "action_latency_ms": float(timed.median()) if len(timed) else np.nan,
            }
        )
    return pd.DataFrame(points), tasks, device


def _mean_interval(
    cells: pd.DataFrame, aggregates: pd.DataFrame, label: str, selection: str
) -> tuple[float, float]:
    """The interval of one configuration's mean: of its cell, or over tasks if an aggregate spans these."""
    if cells["num_seeds"].min() < LEAST_SEEDS_FOR_INTERVAL:
        return float("nan"), float("nan")
    if len(cells) == 1:
        return float(cells["low_percent"].iloc[0]), float(cells["high_percent"].iloc[0])
    rows = aggregates[
        (aggregates["label"] == label)
        & (aggregates["selection"] == selection)
        & (aggregates["metric"] == "mean")
        & (aggregates["num_tasks"] == len(cells))
    ]
    if rows.empty:
        return float("nan"), float("nan")
    return (
        float(rows["small_sample_low_percent"].iloc[0]),
        float(rows["small_sample_high_percent"].iloc[0]),
    )


def _families(cells: pd.DataFrame) -> dict[str, str]:
    """Label -> what a line of the steps figure joins: all but the number of steps.

    Args:
        cells: rows of `cells.csv` that are shown.
    """
    names = {}
    several = cells["num_updates"].nunique() > 1
    variants = cells.groupby("method")["variant"].nunique()
    short = cells["sampling"].str.replace(r"-[0-9a-f]{8}$", "", regex=True)
    for row, sampling in zip(records(cells), short):
        parts = [row["method"]]
        if variants[row["method"]] > 1:
            parts.append(row["variant"])
        if sampling != "default":
            parts.append(sampling)
        if several:
            parts.append(f"{configurations.updates_text(int(row['num_updates']))} updates")
        names[str(row["label"])] = " ".join(parts)
    return names


def _mean_or_nan(values: pd.Series) -> float:
    present = values.dropna()
    return float(present.mean()) if len(present) else float("nan")


def _most_common(values: pd.Series) -> str | None:
    counts = values.dropna().value_counts()
    return None if counts.empty else str(sorted(counts[counts == counts.max()].index)[0])
