"""Forest plots of verdicts."""

from __future__ import annotations

from collections.abc import Iterator
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
from paper_tables.rendering.names import display_name, document_name
from paper_tables.rendering.verdicts import differs_under_adjustment, numbers_once
from paper_tables.verdicts import decision_rule, origins

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_forest(cells: pd.DataFrame, other: str = "reported") -> Figure:
    """Our mean minus the other one, cell by cell.

    Args:
        cells: judged cells, drawn from the top in their order; columns `task`, `who` (method or column),
            `printed_in` (its table, a heading where there are several), `difference_percent`,
            `interval_low`, `interval_high`, `margin_percent`, `verdict`, `flags`.
        other: what ours are compared with, as the axis says it.
    """
    lines = 2 if cells["who"].nunique() > 1 else 1
    heights, headings = _places(cells)
    count = len(heights) + len(headings)
    figure = new_figure((0.06 + 0.1 * lines) * count + 1.0)
    axis = figure.subplots()
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
    title = [] if headings else [str(cells["printed_in"].iloc[0])]
    if lines > 1:
        names = [f"{task}\n{display_name(str(who))}" for task, who in zip(cells["task"], cells["who"])]
    else:
        title.append(display_name(str(cells["who"].iloc[0])))
    axis.set_title(": ".join(filter(None, title)))
    axis.set_yticks([*heights, *headings], [*names, *headings.values()])
    for label in axis.get_yticklabels()[len(names) :]:
        label.set_fontweight("bold")
    axis.set_ylim(-0.7, count - 0.3)
    axis.set_xlim(-1.04 * reach, 1.04 * reach)
    axis.grid(visible=False, axis="y")
    axis.tick_params(axis="y", length=0)
    axis.set_xlabel(f"ours − {other} (points)")
    _legend(figure, used)
    return figure


def _legend(figure: Figure, used: list[str]) -> None:
    """The margin and the verdicts that are drawn, under the axes."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [Patch(color="#DCE9F2")]
    words = ["margin"]
    for verdict, (colour, marker, filled) in VERDICT_STYLE.items():
        if verdict in used:
            face = colour if filled else "white"
            handles.append(
                Line2D([], [], color=colour, marker=marker, markerfacecolor=face, markersize=4, linewidth=1.1)
            )
            words.append(verdict)
    legend_below(figure, handles, words)


def _places(cells: pd.DataFrame) -> tuple[list[int], dict[int, str]]:
    """Height of each cell, and height -> heading of its table where there is more than one."""
    several = cells["printed_in"].nunique() > 1
    places: list[int] = []
    headings: dict[int, str] = {}
    height = len(cells) + (cells["printed_in"].nunique() if several else 0)
    previous = None
    for printed_in in cells["printed_in"]:
        if several and printed_in != previous:
            height -= 1
            headings[height] = str(printed_in)
            previous = printed_in
        height -= 1
        places.append(height)
    return places, headings


def _forest_reach(cells: pd.DataFrame) -> float:
    """Half-width of the axis: three margins at least, and nine tenths of the differences."""
    margin = float(cells["margin_percent"].max())
    differences = cells["difference_percent"].abs()
    return float(
        max(3 * margin, np.ceil(1.15 * np.quantile(differences, 0.9)), min(1.15 * differences.max(), 60))
    )


def forest_rows(path: Path) -> pd.DataFrame:
    """Judged cells with a finite difference, from a CSV file with the columns of `judge_table`.

    A number that is shown in several tables is one row, at its origin. Column `printed_in` is added: document
    and table of the number, or the file's `table`; those of one are next to each other.

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
    cells = cells[cells["verdict"].isin(list(VERDICT_STYLE)) & cells["difference_percent"].notna()]
    cells = numbers_once(cells).copy()
    if "adjusted_verdict" not in cells.columns:
        cells["adjusted_verdict"] = cells["verdict"]
    second = next((column for column in ("method", "label", "column") if column in cells.columns), None)
    cells["who"] = "" if second is None else cells[second].astype(str)
    cells["printed_in"] = [_printed_in(row) for row in records(cells)]
    order = {printed_in: place for place, printed_in in enumerate(dict.fromkeys(cells["printed_in"]))}
    return cells.sort_values("printed_in", key=lambda column: column.map(order), kind="stable").reset_index(
        drop=True
    )


def _printed_in(row: dict[str, Any]) -> str:
    """Document and table of a judged cell; empty for released code, which the axis names."""
    if isinstance(row.get("number"), str):
        document, table = origins.printed_in(row["number"])
        return f"{document_name(document)}, {table}"
    layout = row.get("table")
    return "" if pd.isna(layout) or layout == literature.REFERENCE_TABLE else str(layout)


def forest_figures(done: Figures, judged: pd.DataFrame | None) -> None:
    """Draw the forest plots, in pages of `FOREST_ROWS` lines; runs of released code have their own.

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
    for rows in _pages(judged):
        if _of_released_code(rows).all():
            other = "released code"
            compared = "Our mean minus that of the released code's runs"
            interval = ""
        else:
            other = "reported"
            compared = "Our mean minus the reported one, each number once, where it was printed first"
            interval = " (the widest of all interpretations of the paper)"
        done.save(
            draw_forest(rows, other),
            done.free_name("forest"),
            f"{compared}, with its 90% interval{interval}, and the margin. The interval decides the verdict; "
            "an arrow at its end says that it goes on. A dashed line is conditional: the paper prints no "
            "spread, and one is assumed. A cross on the mark: the claim is not kept by Benjamini and "
            "Hochberg at 5% in its family. Without a line: one seed on a side, or an error that "
            "nothing bounds.",
        )


def _of_released_code(judged: pd.DataFrame) -> pd.Series:
    """Whether a cell is compared with runs of released code, not with a reported number."""
    if "table" not in judged.columns:
        return pd.Series(False, index=judged.index)
    return judged["table"] == literature.REFERENCE_TABLE


def _pages(judged: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """The cells of each figure: as many as have a place with the headings of their tables."""
    for _, rows in judged.groupby(_of_released_code(judged), sort=False):
        start = 0
        while start < len(rows):
            taken = 1
            while start + taken < len(rows) and _lines(rows.iloc[start : start + taken + 1]) <= FOREST_ROWS:
                taken += 1
            yield rows.iloc[start : start + taken]
            start += taken


def _lines(rows: pd.DataFrame) -> int:
    return sum(map(len, _places(rows)))
