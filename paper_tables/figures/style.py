"""The style of all figures: sizes, colours, markers, names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pandas as pd
from recheck import files
from recheck.errors import TablesError

from paper_tables.statistics import configurations
from paper_tables.verdicts import rule

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


COLUMN_WIDTH_INCHES = 3.3
LARGEST_HEIGHT_INCHES = 8.5
PNG_DOTS_PER_INCH = 220
FOREST_ROWS = 36
MOST_CURVES = 7
MOST_PANELS = 8
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
LINES = ("-", "--", ":", "-.")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
INK = "#222222"
PALE = "#B8B8B8"
VERDICT_STYLE: dict[str, tuple[str, str, bool]] = {
    rule.REPRODUCED: ("#009E73", "o", True),
    rule.DIFFERENT_LOWER: ("#D55E00", "v", True),
    rule.DIFFERENT_HIGHER: ("#D55E00", "^", True),
    rule.INCONCLUSIVE: ("#666666", "s", False),
    rule.UNINFORMATIVE: ("#CC79A7", "D", False),
}
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
    left_out: configurations.LeftOut = field(default_factory=configurations.LeftOut)

    def save(self, figure: Figure, name: str, caption: str) -> None:
        """Write `<name>.pdf` and `<name>.png`, without a date, and note the caption."""
        for ending, metadata in (
            ("pdf", {"CreationDate": None, "ModDate": None}),
            ("png", {"Software": None}),
        ):
            with files.atomic(self.folder / f"{name}.{ending}", TablesError) as temporary:
                figure.savefig(temporary, format=ending, dpi=PNG_DOTS_PER_INCH, metadata=metadata)
        self.captions[name] = caption


@contextmanager
def house_style() -> Iterator[None]:
    """Set matplotlib's defaults and ours, whatever the user's own settings; put back afterwards."""
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
