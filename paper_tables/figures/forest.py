"""Forest plots of verdicts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from recheck.errors import TablesError
from recheck.words import named

from paper_tables import literature
from paper_tables.figures.style import (
    FOREST_ROWS,
    VERDICT_STYLE,
    Figures,
    legend_below,
    new_figure,
    records,
)
from paper_tables.rendering.names import display_name
from paper_tables.rendering.verdicts import differs_under_adjustment
from paper_tables.verdicts import decision_rule

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_forest(cells: pd.DataFrame, other: str = "reported") -> Figure:
    """Our mean minus the other one, cell by cell.

    Args:
        cells: judged cells, drawn from the top in their order; columns `task`, `who` (method or column),
            `difference_percent`, `interval_low`, `interval_high`, `margin_percent`, `verdict`, `flags`.
        other: what ours are compared with, as the axis says it.
    """
    count = len(cells)
    lines = 2 if cells["who"].nunique() > 1 else 1
    figure = new_figure((0.06 + 0.1 * lines) * count + 1.0)
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
        verdict = str(row["verdict"])
        colour, marker, filled = VERDICT_STYLE[verdict]
        used.append(verdict)
        if np.isfinite(row["interval_low"]):
            low, high = max(row["interval_low"], -reach), min(row["interval_high"], reach)
            line = "--" if decision_rule.CONDITIONAL in str(row["flags"]) else "-"
            axis.plot([low, high], [height, height], line, color=colour, linewidth=1.1, zorder=2)
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
        if differs_under_adjustment(row):
            axis.plot(middle, height, "x", color="white", markersize=3, markeredgewidth=0.9, zorder=4)
    names = list(cells["task"])
    if lines > 1:
        names = [f"{task}\n{display_name(str(who))}" for task, who in zip(cells["task"], cells["who"])]
    else:
        axis.set_title(display_name(str(cells["who"].iloc[0])))
    axis.set_yticks(heights, names)
    axis.set_ylim(-0.7, count - 0.3)
    axis.set_xlim(-1.04 * reach, 1.04 * reach)
    axis.grid(visible=False, axis="y")
    axis.tick_params(axis="y", length=0)
    axis.set_xlabel(f"ours − {other} (points)")
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
        "verdict",
        "flags",
    ]
    missing = [column for column in needed if column not in cells.columns]
    if missing:
        raise TablesError(f"{path} lacks the {named('column', missing)} of judged cells.")
    cells = cells[cells["verdict"].isin(list(VERDICT_STYLE)) & cells["difference_percent"].notna()].copy()
    if "adjusted_verdict" not in cells.columns:
        cells["adjusted_verdict"] = cells["verdict"]
    second = next((column for column in ("method", "label", "column") if column in cells.columns), None)
    cells["who"] = "" if second is None else cells[second].astype(str)
    return cells.reset_index(drop=True)


def forest_figures(done: Figures, judged: pd.DataFrame | None) -> None:
    """Draw the forest plots of each table, in pages of `FOREST_ROWS` cells.

    Args:
        done: takes the figures.
        judged: see `forest_rows`; None where no file was given.
    """
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
        if table == literature.REFERENCE_TABLE:
            other = "released code"
            compared = "Our mean minus that of the released code's runs"
            interval = ""
        else:
            other = "reported"
            compared = f"{f'Table {table}: our' if table else 'Our'} mean minus the reported one"
            interval = " (the widest of all interpretations of the paper)"
        done.save(
            draw_forest(rows, other),
            "forest" if place == 0 else f"forest_{place + 1}",
            f"{compared}, with its 90% interval{interval}, and the margin. The interval decides the verdict; "
            "an arrow at its end says that it goes on. A dashed line is conditional: the paper prints no "
            "spread, and one is assumed. A cross on the mark: the claim is not kept by Benjamini and "
            "Hochberg at 5% in its family. Without a line: one seed on a side, or an error that "
            "nothing bounds.",
        )
