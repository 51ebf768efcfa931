"""Every figure that the data of an experiment allow, as PDF and PNG at column width.

    python -m paper_tables.figures --scores results/scores/<name> --output results/figures/<name>
        [--statistics results/statistics/<name>] [--verdicts <judged cells>.csv] [--selection last]

``intervals``        aggregates with both 95% intervals, and what these cover
``profiles``         performance profiles
``improvement``      probability of improvement, each pair of methods
``sample_efficiency``  IQM over the course of training
``learning_curves``  mean score over the course of training, per task
``forest``           our mean minus the reported one, with 90% interval and the margin band
``steps``            diffusion steps against score, training cost and action latency, with the Pareto front
``cost``             training in device hours, energy and money

Where methods cover different tasks, or equal tasks for different numbers of updates, the aggregates are
drawn apart: ``intervals_B`` and so on, named in ``statistics/task_sets.csv``. Beside the figures stand
``index.csv`` (figure, caption) and ``left_out.csv`` (what the data did not allow, and why). Colours are
those of Okabe and Ito, safe for the colour-blind, and never carry a meaning alone. No file holds a date,
so bytes repeat under the pinned versions.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from paper_tables import cost as costs
from paper_tables import scores, statistics, table_schema, verdicts
from paper_tables.errors import TablesError
from paper_tables.table_text import in_order

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMN_WIDTH_INCHES = 3.3
LARGEST_HEIGHT_INCHES = 8.5
PNG_DOTS_PER_INCH = 220
FOREST_ROWS = 36
"""Cells in one forest plot; more go to a second one."""
MOST_CURVES = 7
"""Curves in one panel; where there are more, runs of another length stand in another panel."""
MOST_PANELS = 8

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
"""Okabe and Ito's palette without yellow, which is too pale on white."""
LINES = ("-", "--", ":", "-.")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
INK = "#222222"
PALE = "#B8B8B8"

VERDICT_STYLE: dict[str, tuple[str, str, bool]] = {
    verdicts.REPRODUCED: ("#009E73", "o", True),
    verdicts.DIFFERENT_LOWER: ("#D55E00", "v", True),
    verdicts.DIFFERENT_HIGHER: ("#D55E00", "^", True),
    verdicts.INCONCLUSIVE: ("#666666", "s", False),
    verdicts.UNINFORMATIVE: ("#CC79A7", "D", False),
}
"""Colour, marker, filled."""

METRIC_NAMES = {"iqm": "IQM", "mean": "Mean", "median": "Median", "optimality_gap": "Optimality gap"}

STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 7,
    "axes.titlesize": 7.5,
    "axes.labelsize": 7,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "legend.fontsize": 6.5,
    "axes.linewidth": 0.6,
    "axes.edgecolor": "#555555",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.5,
    "axes.axisbelow": True,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.2,
    "legend.frameon": False,
    "legend.handlelength": 1.8,
    "legend.columnspacing": 1.0,
    "legend.handletextpad": 0.5,
    "pdf.fonttype": 42,
    "figure.constrained_layout.h_pad": 0.03,
    "figure.constrained_layout.w_pad": 0.03,
}


@dataclass
class Figures:
    """What was drawn.

    Attributes:
        folder: where the files go.
        captions: figure -> caption.
        left_out: what was not drawn, and why.
    """

    folder: Path
    captions: dict[str, str] = field(default_factory=dict)
    left_out: statistics.LeftOut = field(default_factory=statistics.LeftOut)

    def save(self, figure: Figure, name: str, caption: str) -> None:
        """Write `<name>.pdf` and `<name>.png`, without a date, and note the caption."""
        for ending, metadata in (
            ("pdf", {"CreationDate": None, "ModDate": None}),
            ("png", {"Software": None}),
        ):
            with table_schema.writing(self.folder / f"{name}.{ending}") as aside:
                figure.savefig(aside, format=ending, dpi=PNG_DOTS_PER_INCH, metadata=metadata)
        self.captions[name] = caption


@contextmanager
def house_style() -> Iterator[None]:
    """matplotlib's defaults and ours, whatever the user's own settings; put back afterwards."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(cast(Any, STYLE))
        yield


def new_figure(height_inches: float) -> Figure:
    """An empty figure of column width; no window system is involved."""
    from matplotlib.figure import Figure as MatplotlibFigure

    height = min(height_inches, LARGEST_HEIGHT_INCHES)
    return MatplotlibFigure(figsize=(COLUMN_WIDTH_INCHES, height), layout="constrained")


def line_style(place: int) -> dict[str, Any]:
    """Colour and dash of the n-th method; 28 differ."""
    return {
        "color": COLOURS[place % len(COLOURS)],
        "linestyle": LINES[place // len(COLOURS) % len(LINES)],
    }


def marker_of(place: int) -> str:
    """Marker of the n-th method; methods of one colour differ in it as well."""
    return MARKERS[(place + place // len(COLOURS)) % len(MARKERS)]


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table as dictionaries."""
    return [{str(column): value for column, value in row.items()} for row in table.to_dict("records")]


def wrapped(text: str, width: int = 20) -> str:
    """A label on at most a few short lines, broken at spaces and hyphens."""
    import textwrap

    return "\n".join(textwrap.wrap(text, width, break_long_words=False)) or text


def legend_columns(labels: Sequence[str]) -> int:
    """Columns of a legend that fit into the column width."""
    return max(1, min(len(labels), int(62 / (max(len(label) for label in labels) + 8)), 4))


def legend_inches(labels: Sequence[str]) -> float:
    """Height that a legend below the axes takes."""
    return 0.14 * -(-len(labels) // legend_columns(labels)) + 0.08


def legend_below(figure: Figure, handles: Sequence[Any], labels: Sequence[str]) -> None:
    """A legend under the axes, in as many columns as the column width holds."""
    figure.legend(handles, labels, loc="outside lower center", ncols=legend_columns(labels))


def readable_log(axis: Axes) -> None:
    """A logarithmic horizontal axis whose ticks are plain numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_minor_formatter(NullFormatter())


# One figure each; all take plain tables, draw, and return the figure.


def draw_intervals(aggregates: pd.DataFrame, coverage: pd.DataFrame | None) -> Figure:
    """Aggregates of one set of tasks with both intervals.

    Args:
        aggregates: rows of `aggregates.csv` of one selection rule and one set of tasks.
        coverage: rows of `coverage.csv` of that set, or None.
    """
    labels = aggregate_order(aggregates)
    places = {label: place for place, label in enumerate(reversed(labels))}
    lines = max(wrapped(label).count("\n") + 1 for label in labels)
    figure = new_figure(2 * ((0.06 + 0.095 * lines) * len(labels) + 0.42) + 0.5)
    axes = figure.subplots(2, 2, sharey=True)
    for axis, metric in zip(axes.flat, ("iqm", "mean", "median", "optimality_gap")):
        rows = aggregates[aggregates["metric"] == metric]
        for row in records(rows):
            height = places[row["label"]]
            if np.isfinite(row["small_sample_low_percent"]):
                axis.plot(
                    [row["small_sample_low_percent"], row["small_sample_high_percent"]],
                    [height, height],
                    color=COLOURS[0],
                    linewidth=1.1,
                    solid_capstyle="butt",
                    zorder=3,
                )
                axis.plot(
                    [row["percentile_low_percent"], row["percentile_high_percent"]],
                    [height, height],
                    color=COLOURS[4],
                    linewidth=4,
                    alpha=0.6,
                    solid_capstyle="butt",
                )
            axis.plot(
                row["estimate_percent"], height, "|", color=INK, markersize=6, markeredgewidth=1.3, zorder=4
            )
        title = METRIC_NAMES[metric]
        axis.set_title(f"{title} ↓" if metric == "optimality_gap" else title)
        axis.set_yticks(list(places.values()), [wrapped(label) for label in places])
        axis.set_ylim(-0.6, len(labels) - 0.4)
        axis.grid(visible=False, axis="y")
        axis.tick_params(axis="y", length=0)
    for axis in axes[1]:
        axis.set_xlabel("score in percent")
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=COLOURS[4], linewidth=4, alpha=0.6),
        Line2D([], [], color=COLOURS[0], linewidth=1.1),
    ]
    names = ["95% percentile bootstrap", "95% small-sample"]
    if coverage is not None and not coverage.empty:
        actual = coverage[coverage["actual_design"] & (coverage["metric"] == "iqm")]
        for place, kind in enumerate(("percentile", "small_sample")):
            share = actual.loc[actual["interval"] == kind, "simulated"]
            if len(share):
                names[place] += (
                    f"; covers {_range_text(100 * share.min(), 100 * share.max())}% (IQM, simulated)"
                )
    figure.legend(handles, names, loc="outside lower center", ncols=1)
    return figure


def _range_text(low: float, high: float) -> str:
    return f"{low:.0f}" if round(low) == round(high) else f"{low:.0f} to {high:.0f}"


def aggregate_order(aggregates: pd.DataFrame) -> list[str]:
    """Labels from the highest IQM to the lowest."""
    iqm = aggregates[aggregates["metric"] == "iqm"].sort_values(
        ["estimate_percent", "label"], ascending=[False, True]
    )
    return [str(label) for label in iqm["label"]]


def draw_profiles(profiles: pd.DataFrame) -> Figure:
    """Performance profiles of one set of tasks.

    Args:
        profiles: rows of `profiles.csv` of one selection rule and one set of tasks.
    """
    labels = in_order(profiles["label"])
    figure = new_figure(2.1 + legend_inches(labels))
    axis = figure.subplots()
    handles = []
    for place, label in enumerate(labels):
        rows = profiles[profiles["label"] == label]
        style = line_style(place)
        handles += axis.plot(rows["threshold_percent"], 100 * rows["share"], **style)
        if rows["low"].notna().all():
            axis.fill_between(
                rows["threshold_percent"],
                100 * rows["low"],
                100 * rows["high"],
                color=style["color"],
                alpha=0.12,
                linewidth=0,
            )
    axis.set_xlabel("score τ in percent")
    axis.set_ylabel("runs with score > τ, in %")
    axis.set_ylim(-2, 102)
    axis.margins(x=0.01)
    legend_below(figure, handles, labels)
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
    across, down = [wrapped(label, 24) for label in order], [wrapped(label) for label in order]
    # Labels of the columns stand upright where there are many; those of the rows may take two lines.
    upright = max(len(line) for label in across for line in label.split("\n")) if count > 3 else 3
    lines = max(label.count("\n") + 1 for label in down)
    figure = new_figure(count * max(0.17, 0.06 + 0.1 * lines) + 0.055 * upright + 0.75)
    axis = figure.subplots()
    image = axis.imshow(100 * values, cmap="PuOr_r", vmin=0, vmax=100, aspect="auto")
    for row in range(count):
        for column in range(count):
            value = values[row, column]
            if not np.isfinite(value):
                continue
            settled = low[row, column] > 0.5 or high[row, column] < 0.5
            axis.text(
                column,
                row,
                f"{100 * value:.0f}",
                ha="center",
                va="center",
                fontsize=6 if count > 8 else 6.5,
                fontweight="bold" if settled else "normal",
                color=_ink_on(image.cmap(image.norm(100 * value))),
            )
    axis.set_xticks(range(count), across, rotation=90 if count > 3 else 0)
    axis.set_yticks(range(count), down)
    axis.tick_params(length=0)
    axis.grid(visible=False)
    for side in ("left", "bottom"):
        axis.spines[side].set_visible(False)
    bar = figure.colorbar(image, ax=axis, location="top", aspect=40, pad=0.02, ticks=[0, 25, 50, 75, 100])
    bar.set_label("row beats column, in %", fontsize=6.5)
    bar.outline.set_linewidth(0.4)
    return figure


def _ink_on(background: Any) -> str:
    """White or dark, whichever is the easier to read on a colour (relative luminance of WCAG 2)."""
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in background[:3]
    )
    return "white" if 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.25 else INK


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
    lengths = [f", {statistics.updates_text(int(updates))} updates" for updates in curves["num_updates"]]
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


def draw_forest(cells: pd.DataFrame) -> Figure:
    """Our mean minus the reported one, cell by cell.

    Args:
        cells: judged cells, drawn from the top in their order; columns `task`, `who` (method or column),
            `difference_percent`, `interval_low`, `interval_high`, `margin_percent`, `adjusted_verdict`.
    """
    count = len(cells)
    figure = new_figure(0.155 * count + 1.0)
    axis = figure.subplots()
    heights = np.arange(count)[::-1]
    margins = cells["margin_percent"].to_numpy(dtype=float)
    for height, margin in zip(heights, margins):
        axis.fill_betweenx(
            [height - 0.5, height + 0.5], -margin, margin, color="#DCE9F2", linewidth=0, zorder=0
        )
    axis.axvline(0, color="#555555", linewidth=0.6, zorder=1)
    reach = _forest_reach(cells)
    used = []
    for height, row in zip(heights, records(cells)):
        verdict = str(row["adjusted_verdict"])
        colour, marker, filled = VERDICT_STYLE[verdict]
        used.append(verdict)
        if np.isfinite(row["interval_low"]):
            low, high = max(row["interval_low"], -reach), min(row["interval_high"], reach)
            axis.plot([low, high], [height, height], color=colour, linewidth=1.1, zorder=2)
            for end, cut, arrow in (
                (low, row["interval_low"] < -reach, "<"),
                (high, row["interval_high"] > reach, ">"),
            ):
                if cut:
                    axis.plot(end, height, arrow, color=colour, markersize=3, zorder=2)
        middle = float(np.clip(row["difference_percent"], -reach, reach))
        axis.plot(
            middle,
            height,
            marker,
            color=colour,
            markerfacecolor=colour if filled else "white",
            markersize=4,
            markeredgewidth=0.9,
            zorder=3,
        )
    names = list(cells["task"])
    if cells["who"].nunique() > 1:
        names = [f"{task}, {who}" for task, who in zip(cells["task"], cells["who"])]
    else:
        axis.set_title(str(cells["who"].iloc[0]))
    axis.set_yticks(heights, names)
    axis.set_ylim(-0.7, count - 0.3)
    axis.set_xlim(-1.04 * reach, 1.04 * reach)
    axis.grid(visible=False, axis="y")
    axis.tick_params(axis="y", length=0)
    axis.set_xlabel("ours − reported (points)")
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [Patch(color="#DCE9F2")]
    legend = ["margin"]
    for verdict, (colour, marker, filled) in VERDICT_STYLE.items():
        if verdict in used:
            face = colour if filled else "white"
            handles.append(
                Line2D([], [], color=colour, marker=marker, markerfacecolor=face, markersize=4, linewidth=1.1)
            )
            legend.append(verdict)
    legend_below(figure, handles, legend)
    return figure


def _forest_reach(cells: pd.DataFrame) -> float:
    """Half-width of the axis: three margins at least, and nine tenths of the differences."""
    margin = float(cells["margin_percent"].max())
    differences = cells["difference_percent"].abs()
    return float(
        max(3 * margin, np.ceil(1.15 * np.quantile(differences, 0.9)), min(1.15 * differences.max(), 60))
    )


def draw_steps(points: pd.DataFrame) -> Figure:
    """Diffusion steps against score, training cost and action latency, and the Pareto front.

    Args:
        points: one row per configuration: `label`, `method`, `family` (what a line joins), `train_steps`,
            `num_updates`, `score_percent`, `low_percent`, `high_percent`, `ms_per_update`,
            `action_latency_ms`. The Pareto front is one for each number of updates.
    """
    families = in_order(points["family"])
    figure = new_figure(3.1 + legend_inches(families))
    axes = figure.subplots(2, 2)
    panels = (
        (axes[0, 0], "score_percent", "score in percent"),
        (axes[0, 1], "ms_per_update", "training, ms per update"),
        (axes[1, 0], "action_latency_ms", "action latency in ms"),
    )
    handles: dict[str, Any] = {}
    steps = sorted(set(points.loc[points["train_steps"] > 0, "train_steps"]))
    for axis, column, name in panels:
        for place, family in enumerate(families):
            rows = points[(points["family"] == family) & (points["train_steps"] > 0)].sort_values(
                "train_steps"
            )
            rows = rows[rows[column].notna()]
            if rows.empty:
                continue
            style = line_style(place)
            marker = marker_of(place)
            if column == "score_percent" and rows["low_percent"].notna().all():
                errors = np.stack(
                    [rows[column] - rows["low_percent"], rows["high_percent"] - rows[column]]
                ).astype(float)
                axis.errorbar(
                    rows["train_steps"],
                    rows[column],
                    yerr=errors,
                    fmt="none",
                    ecolor=style["color"],
                    elinewidth=0.8,
                )
            (line,) = axis.plot(rows["train_steps"], rows[column], marker=marker, **style)
            handles.setdefault(family, line)
        if column == "score_percent":
            _keep_scale(axis, points[column])
        else:
            axis.set_ylim(bottom=0)
        axis.set_xlabel("diffusion steps N")
        axis.set_ylabel(name)
        if len(steps) > 1 and steps[-1] / steps[0] > 4:
            axis.set_xscale("log")
        axis.set_xticks(steps, [str(step) for step in steps])
        axis.minorticks_off()
    axis = axes[1, 1]
    timed = points[points["action_latency_ms"].notna() & points["score_percent"].notna()].reset_index(
        drop=True
    )
    stepped = in_order(points.loc[points["train_steps"] > 0, "family"])
    for place, family in enumerate(families):
        rows = timed[timed["family"] == family]
        style = line_style(place)
        (line,) = axis.plot(
            rows["action_latency_ms"],
            rows["score_percent"],
            marker_of(place),
            color=style["color"],
        )
        handles.setdefault(family, line)
        for row in records(rows):
            if row["train_steps"] > 0:
                axis.annotate(
                    str(row["train_steps"]),
                    (row["action_latency_ms"], row["score_percent"]),
                    xytext=(3, 3) if family == stepped[0] else (3, -8),
                    textcoords="offset points",
                    fontsize=6,
                    color=INK,
                )
    for _, rivals in timed.groupby("num_updates"):
        front = costs.pareto_front(list(rivals["action_latency_ms"]), list(rivals["score_percent"]))
        axis.plot(
            rivals["action_latency_ms"].iloc[front],
            rivals["score_percent"].iloc[front],
            color=PALE,
            linewidth=2.5,
            zorder=0,
            drawstyle="steps-post",
        )
    _keep_scale(axis, timed["score_percent"])
    if len(timed) and timed["action_latency_ms"].max() > 8 * timed["action_latency_ms"].min():
        readable_log(axis)
    axis.margins(x=0.15)
    axis.set_xlabel("action latency in ms")
    axis.set_ylabel("score in percent")
    axis.set_title("grey: Pareto front; numbers: N", fontsize=6.5, loc="right")
    legend_below(figure, list(handles.values()), list(handles))
    return figure


def _keep_scale(axis: Axes, values: pd.Series) -> None:
    """Let the means, not the widest interval of three seeds, set the scale."""
    if values.notna().sum() == 0:
        return
    low, high = float(values.min()), float(values.max())
    room = max(5.0, 0.5 * (high - low))
    axis.set_ylim(low - room, high + room)


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
    diffusion = rows[rows["train_steps"] > 0]
    # The tasks on which numbers of steps were compared, at equal numbers of updates.
    setting = ["method", "variant", "num_updates", "task"]
    varied = diffusion.groupby(setting)["train_steps"].nunique().rename("numbers").reset_index()
    subjects = diffusion.merge(varied.loc[varied["numbers"] > 1, setting], on=setting)
    shared = [set(group["task"]) for _, group in subjects.groupby("label")]
    tasks = sorted(set.intersection(*shared)) if shared else []
    if not tasks:
        return pd.DataFrame(), [], None
    # A method of another length of training is no rival of theirs.
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
        blocks = costs.training_blocks(own if device is None else own[own["device"] == device])
        first = group.iloc[0]
        low, high = _mean_interval(group, aggregates, str(label), selection)
        points.append(
            {
                "label": label,
                "method": first["method"],
                "family": families[str(label)],
                "train_steps": int(first["train_steps"]),
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
            parts.append(f"{statistics.updates_text(int(row['num_updates']))} updates")
        names[str(row["label"])] = " ".join(parts)
    return names


def _mean_or_nan(values: pd.Series) -> float:
    present = values.dropna()
    return float(present.mean()) if len(present) else float("nan")


def _most_common(values: pd.Series) -> str | None:
    counts = values.dropna().value_counts()
    return None if counts.empty else str(sorted(counts[counts == counts.max()].index)[0])


def read_statistics(folder: Path) -> dict[str, pd.DataFrame]:
    """The CSV files of `paper_tables.statistics`.

    Raises:
        TablesError: the folder lacks `aggregates.csv`.
    """
    if not (folder / "aggregates.csv").is_file():
        raise TablesError(
            f"{folder} holds no aggregates.csv; --statistics takes results/statistics/<experiment>."
        )
    tables = {path.stem: pd.read_csv(path) for path in sorted(folder.glob("*.csv"))}
    return {name: table for name, table in tables.items() if name != "left_out"}


def forest_rows(path: Path) -> pd.DataFrame:
    """Judged cells with a finite difference, from a CSV file with the columns of `judge_table`.

    Raises:
        TablesError: the file is absent or lacks a column.
    """
    if not path.is_file():
        raise TablesError(f"There is no file {path}; --verdicts takes the judged cells as CSV.")
    cells = pd.read_csv(path)
    needed = [
        "task",
        "difference_percent",
        "interval_low",
        "interval_high",
        "margin_percent",
        "adjusted_verdict",
    ]
    missing = [column for column in needed if column not in cells.columns]
    if missing:
        raise TablesError(f"{path} lacks the column(s) {', '.join(missing)} of judged cells.")
    cells = cells[
        cells["adjusted_verdict"].isin(list(VERDICT_STYLE)) & cells["difference_percent"].notna()
    ].copy()
    second = next((column for column in ("method", "label", "column") if column in cells.columns), None)
    cells["who"] = "" if second is None else cells[second].astype(str)
    return cells.reset_index(drop=True)


def draw_all(
    score_folder: Path,
    output: Path,
    statistics_folder: Path | None = None,
    verdicts_file: Path | None = None,
    selection: str = "last",
    prices_file: Path | None = None,
) -> Figures:
    """Draw every figure that the data allow.

    Args:
        score_folder: `results/scores/<experiment>`.
        output: folder of the figures.
        statistics_folder: tables written before; computed where absent.
        verdicts_file: judged cells for the forest plot.
        selection: rule that picks the checkpoint.
        prices_file: a cost table in place of `config/cost.yaml`.

    Raises:
        TablesError: an input is absent or breaks its schema, or no score has this selection rule.
    """
    score_rows, episode_rows = statistics.read_experiment(score_folder)
    rules = sorted(set(score_rows["selection"]))
    if selection not in rules:
        raise TablesError(f"No score was selected by '{selection}'; {score_folder} has {', '.join(rules)}.")
    prices = costs.load_prices(prices_file)
    judged = None if verdicts_file is None else forest_rows(verdicts_file)
    if statistics_folder is None:
        tables = statistics.all_tables(score_rows, episode_rows)
    else:
        tables = read_statistics(statistics_folder)
    done = Figures(output)
    with house_style():
        _aggregate_figures(done, tables, selection)
        _curve_figures(done, tables, selection)
        _forest_figures(done, judged)
        _cost_figures(done, tables, score_folder, score_rows, prices, selection)
    index = pd.DataFrame(sorted(done.captions.items()), columns=["figure", "caption"])
    table_schema.write_text(index.to_csv(index=False, lineterminator="\n"), output / "index.csv")
    table_schema.write_text(
        done.left_out.table().to_csv(index=False, lineterminator="\n"), output / "left_out.csv"
    )
    return done


def _aggregate_figures(done: Figures, tables: dict[str, pd.DataFrame], selection: str) -> None:
    aggregates = tables["aggregates"][tables["aggregates"]["selection"] == selection]
    profiles = tables["profiles"][tables["profiles"]["selection"] == selection]
    coverage = tables.get("coverage")
    if aggregates.empty:
        for name in ("intervals", "profiles"):
            done.left_out.add(name, "No method has scores on the normalised scale of every task.")
    for letter, rows in aggregates.groupby("task_set", sort=True):
        ending = "" if letter == min(aggregates["task_set"]) else f"_{letter}"
        seeds = _range_text(rows["num_seeds"].min(), rows["num_seeds"].max())
        num_tasks = int(rows["num_tasks"].iloc[0])
        told = f"{num_tasks} task(s), {seeds} seeds each, checkpoint rule '{selection}'"
        own = None if coverage is None else coverage[coverage["task_set"] == letter]
        done.save(
            draw_intervals(rows, own),
            f"intervals{ending}",
            f"Aggregates over {told}. Tick: estimate (rliable). Pale bar: 95% percentile interval of the "
            "stratified bootstrap over seeds. Dark line: 95% small-sample interval. A small optimality gap "
            "is good. The coverage is simulated in this very design.",
        )
        done.save(
            draw_profiles(profiles[profiles["task_set"] == letter]),
            f"profiles{ending}",
            f"Performance profiles over {told}: share of runs above each score; bands are pointwise 95% "
            "percentile intervals over seeds.",
        )
    improvement = tables["improvement"][tables["improvement"]["selection"] == selection]
    if improvement.empty:
        done.left_out.add("improvement", "No two methods share a task at equal numbers of updates.")
    else:
        for place, group in enumerate(_compared_groups(improvement)):
            done.save(
                draw_improvement(improvement[improvement["label"].isin(group)]),
                "improvement" if place == 0 else f"improvement_{place + 1}",
                "Probability that a run of the row's method scores higher than one of the column's, in "
                "percent, averaged over the tasks on which both were trained for equal numbers of updates; "
                "ties count one half. Bold: the 95% interval over seeds leaves out 50.",
            )


def _compared_groups(improvement: pd.DataFrame) -> list[set[str]]:
    """Methods that are linked by comparisons, the largest group first."""
    groups: list[set[str]] = []
    for label, other in zip(improvement["label"], improvement["other"]):
        linked = [group for group in groups if label in group or other in group]
        groups = [group for group in groups if group not in linked]
        groups.append({str(label), str(other)}.union(*linked))
    return sorted(groups, key=lambda group: (-len(group), sorted(group)))


def _curve_figures(done: Figures, tables: dict[str, pd.DataFrame], selection: str) -> None:
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
        done.left_out.add(f"sample_efficiency: {alone}", "There is no aggregate to stand beside.")
    for letter, rows in curve.groupby(letters, sort=True):
        done.save(
            draw_sample_efficiency(rows),
            "sample_efficiency" if letter == letters.min() else f"sample_efficiency_{letter}",
            f"Interquartile mean over seeds and {int(rows['num_tasks'].iloc[0])} task(s) in the course of "
            "training; bands are 95% small-sample intervals over seeds.",
        )


def _forest_figures(done: Figures, judged: pd.DataFrame | None) -> None:
    if judged is None:
        done.left_out.add("forest", "No judged cells were given (--verdicts).")
        return
    if judged.empty:
        done.left_out.add("forest", "No cell of the verdicts can be compared with a run of ours.")
        return
    tables = judged["table"] if "table" in judged.columns else pd.Series("", index=judged.index)
    pages = [
        (str(table), rows.iloc[start : start + FOREST_ROWS])
        for table, rows in judged.groupby(tables, sort=False)
        for start in range(0, len(rows), FOREST_ROWS)
    ]
    for place, (table, rows) in enumerate(pages):
        told = f"Table {table}: our" if table else "Our"
        done.save(
            draw_forest(rows),
            "forest" if place == 0 else f"forest_{place + 1}",
            f"{told} mean minus the reported one, with its 90% interval (the widest over all readings of the "
            "paper), and the margin. Marks are the verdicts after Holm's adjustment within the table; a cell "
            "without a line has one seed on a side, or an error that nothing bounds.",
        )


def _cost_figures(
    done: Figures,
    tables: dict[str, pd.DataFrame],
    score_folder: Path,
    score_rows: pd.DataFrame,
    prices: costs.Prices,
    selection: str,
) -> None:
    if not (score_folder / "cost.parquet").is_file():
        done.left_out.add("cost, steps", "There is no cost.parquet beside the scores.")
        return
    labelled = statistics.with_labels(score_rows)
    key = [*statistics.CONFIGURATION, "task", "digest"]
    cost = scores.read(score_folder, "cost").merge(
        labelled[[*key, "label"]].drop_duplicates(), on=key, how="inner"
    )
    # A block that was evaluated under several sampling settings was trained once: its own setting names it.
    by_setting = cost.sort_values(
        "sampling", key=lambda names: ~names.str.startswith("default-"), kind="stable"
    )
    table, missing = costs.cost_table(by_setting, prices)
    for sentence in missing:
        done.left_out.add("cost: part of it", sentence)
    if table.empty:
        done.left_out.add("cost", "No block has a training time.")
    else:
        done.save(
            draw_cost(table, prices.currency),
            "cost",
            "Training cost of all runs of each method, from measured wall time and the prices and powers of "
            "paper_tables/config/cost.yaml; evaluation is not counted.",
        )
    points, tasks, device = steps_points(tables["cells"], tables["aggregates"], cost, selection)
    if points.empty:
        done.left_out.add(
            "steps", "No method was trained with two numbers of diffusion steps on the same tasks."
        )
        return
    if points["action_latency_ms"].isna().all():
        done.left_out.add("steps: action latency", "No policy call was timed.")
    if points["ms_per_update"].isna().all():
        done.left_out.add("steps: training cost", "No block has a training time.")
    where = f" ({device})" if device else ""
    lengths = [f"{updates:,}" for updates in sorted(set(points["num_updates"]))]
    done.save(
        draw_steps(points),
        "steps",
        f"Number of diffusion steps N against score, training time of one seed's update{where} and median "
        f"action latency of one state, on {', '.join(tasks)}, after {' or '.join(lengths)} updates; bars are "
        "95% t intervals over seeds. Lower right: the front of those that no other configuration of equal "
        "updates beats in both score and latency.",
    )


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the top of this file."""
    parser = argparse.ArgumentParser(prog="python -m paper_tables.figures", description="Draw every figure.")
    parser.add_argument("--scores", type=Path, required=True, help="folder of scores.parquet")
    parser.add_argument("--output", type=Path, required=True, help="folder of the figures")
    parser.add_argument("--statistics", type=Path, help="folder of tables written by paper_tables.statistics")
    parser.add_argument("--verdicts", type=Path, help="judged cells as CSV, for the forest plot")
    parser.add_argument("--selection", default="last", help="checkpoint rule of the aggregates")
    parser.add_argument("--cost-table", type=Path, help="a table in place of paper_tables/config/cost.yaml")
    options = parser.parse_args(arguments)
    try:
        done = draw_all(
            options.scores,
            options.output,
            options.statistics,
            options.verdicts,
            options.selection,
            options.cost_table,
        )
    except TablesError as error:
        print(error, file=sys.stderr)
        return 2
    for name in sorted(done.captions):
        print(f"Drawn: {name}.")
    for what, reason in done.left_out.rows:
        print(f"Left out: {what}. {reason}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
