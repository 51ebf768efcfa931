"""The style of all figures: sizes, colours, markers, names."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pandas as pd
from recheck import files
from recheck.errors import TablesError
from recheck.words import how_many

from paper_tables.rendering import names
from paper_tables.statistics import configurations
from paper_tables.verdicts import decision_rule

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


# Widths of one and two columns of a conference page.
COLUMN_WIDTH_INCHES = 3.3
PAGE_WIDTH_INCHES = 7.0
LARGEST_HEIGHT_INCHES = 8.5
PNG_DOTS_PER_INCH = 220
FOREST_ROWS = 36
MOST_PANELS = 8
# A t interval of fewer seeds is wider than the differences that it should show: their curves are drawn.
LEAST_SEEDS_FOR_BAND = 5
LEAST_SEEDS_FOR_INTERVAL = 3
BAND_ALPHA = 0.13
SEED_ALPHA = 0.4
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
_LINES = ("solid", "dashed", "dotted", "dashdot")
# With more variants of a method than this their lighter colours are too much alike.
MOST_LIGHTER = 3
# Which part of a marker is filled: a method's variants are told apart where no line shows its dash.
_FILLS = ("full", "none", "left", "top", "right", "bottom")
INK = "#222222"
PALE = "#B8B8B8"
VERDICT_STYLE: dict[str, tuple[str, str, bool]] = {
    decision_rule.REPRODUCED: ("#009E73", "o", True),
    decision_rule.DIFFERENT_LOWER: ("#D55E00", "v", True),
    decision_rule.DIFFERENT_HIGHER: ("#D55E00", "^", True),
    decision_rule.INCONCLUSIVE: ("#666666", "s", False),
    decision_rule.UNINFORMATIVE: ("#CC79A7", "D", False),
}
METRIC_NAMES = {"iqm": "IQM", "mean": "Mean", "median": "Median", "optimality_gap": "Optimality gap"}
STYLE: dict[str, Any] = {
    # The one sans-serif font that comes with matplotlib, so that the bytes are the same on every machine.
    "font.family": "DejaVu Sans",
    "font.size": 7,
    # A dollar sign in the name of a user's method is one, and no formula begins there.
    "text.parse_math": False,
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
        suppressed: figure -> why it would be nearly empty.
        left_out: what was not drawn, and why.
    """

    folder: Path
    captions: dict[str, str] = field(default_factory=dict)
    suppressed: dict[str, str] = field(default_factory=dict)
    left_out: configurations.LeftOut = field(default_factory=configurations.LeftOut)

    def save(self, figure: Figure, name: str, caption: str) -> None:
        """Write `<name>.pdf` and `<name>.png`, without a date, and note the caption."""
        for ending, metadata in (
            ("pdf", {"CreationDate": None, "ModDate": None}),
            ("png", {"Software": None}),
        ):
            # In memory first: on a full disk matplotlib's PDF writer fails with an error of its own.
            image = io.BytesIO()
            figure.savefig(image, format=ending, dpi=PNG_DOTS_PER_INCH, metadata=metadata)
            with files.atomic(self.folder / f"{name}.{ending}", TablesError) as temporary:
                temporary.write_bytes(image.getvalue())
        self.captions[name] = caption

    def free_name(self, name: str) -> str:
        """`name`, or with a number at its end where the name has been used."""
        number = 1 + sum(bool(re.fullmatch(rf"{name}(_[0-9]+)?", other)) for other in self.captions)
        return name if number == 1 else f"{name}_{number}"

    def suppress(self, name: str, reason: str) -> None:
        """Note a figure that would be nearly empty; the index names it."""
        self.suppressed[name] = reason
        self.left_out.add(name, reason)

    def index(self) -> pd.DataFrame:
        """One row per figure: `figure`, `drawn` (yes or no), `caption` (the reason where it is not drawn)."""
        rows = [(name, "yes", caption) for name, caption in self.captions.items()]
        rows += [(name, "no", reason) for name, reason in self.suppressed.items()]
        return pd.DataFrame(sorted(rows), columns=["figure", "drawn", "caption"])


# Every label of the experiment that is drawn: a variant keeps its lightness and dash in all of its figures.
_LABELS: ContextVar[tuple[str, ...]] = ContextVar("labels", default=())


@contextmanager
def house_style(labels: Iterable[str] = ()) -> Iterator[None]:
    """Set matplotlib's defaults and ours, whatever the user's own settings; restored afterwards."""
    token = _LABELS.set(tuple(labels))
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(cast(Any, STYLE))
        try:
            yield
        finally:
            _LABELS.reset(token)


def new_figure(height_inches: float, width_inches: float = COLUMN_WIDTH_INCHES) -> Figure:
    """An empty figure, one column wide by default; no window system is involved."""
    from matplotlib.figure import Figure as MatplotlibFigure

    height = min(height_inches, LARGEST_HEIGHT_INCHES)
    return MatplotlibFigure(figsize=(width_inches, height), layout="constrained")


@dataclass(frozen=True)
class LabelStyle:
    """How one configuration is drawn.

    Attributes:
        colour: of the method, lighter for its further variants.
        line: dash.
        marker: of the method.
        fill: which part of the marker is filled, matplotlib's `fillstyle`.
    """

    colour: str
    line: str
    marker: str
    fill: str

    @property
    def line_arguments(self) -> dict[str, Any]:
        """Colour and dash, as arguments of `Axes.plot`."""
        return {"color": self.colour, "linestyle": self.line}

    @property
    def marker_arguments(self) -> dict[str, Any]:
        """Marker and its face, as arguments of `Axes.plot`."""
        # An open marker covers the line below it: white, not empty.
        opened = self.fill == "none"
        return {
            "marker": self.marker,
            "fillstyle": "full" if opened else self.fill,
            "markerfacecolor": "white" if opened else self.colour,
            "markerfacecoloralt": "white",
            "markeredgecolor": self.colour,
        }


def label_styles(labels: Iterable[str]) -> dict[str, LabelStyle]:
    """The style of every label of a figure.

    The first variant of a method has the style of `config/names.yaml`. Further ones are lighter, or darker
    where there are many, with another dash, and another part of their marker is filled.

    Args:
        labels: of `statistics.configurations.with_labels`.
    """
    ordered = names.in_order_of_settings([*_LABELS.get(), *labels])
    styles = names.styles_of(names.method_of(label) for label in ordered)
    found = {}
    for method, style in styles.items():
        variants = [label for label in ordered if names.method_of(label) == method]
        for place, (label, share) in enumerate(zip(variants, _shades(len(variants)))):
            line = _LINES[(_LINES.index(style.line) + place) % len(_LINES)]
            fill = _FILLS[place % len(_FILLS)]
            found[label] = LabelStyle(_mixed(style.colour, share), line, style.marker, fill)
    return found


def _shades(count: int) -> list[float]:
    """How much white, or black below 0, is mixed into the colour of each variant of a method."""
    if count <= MOST_LIGHTER:
        return [0.55 * place / max(count - 1, 2) for place in range(count)]
    darker = (count - 1) // 2
    lighter = count - 1 - darker
    return [0.0, *_steps(-0.6, -0.25, darker), *_steps(0.25, 0.6, lighter)]


def _steps(first: float, last: float, count: int) -> list[float]:
    """So many values from one to the other, equally far apart."""
    return [first + (last - first) * place / max(count - 1, 1) for place in range(count)]


def _mixed(colour: str, share: float) -> str:
    """A colour mixed with a share of white, or of black where the share is below 0."""
    goal = 255 if share > 0 else 0
    parts = [int(colour[start : start + 2], 16) for start in (1, 3, 5)]
    return "#" + "".join(f"{round(part + (goal - part) * abs(share)):02X}" for part in parts)


def nearly_empty(rows: pd.DataFrame) -> str | None:
    """Why a comparison of these rows shows nothing; None where two methods or more have three seeds.

    Args:
        rows: of a table with `label` and `num_seeds`.
    """
    enough = rows.loc[rows["num_seeds"] >= LEAST_SEEDS_FOR_INTERVAL, "label"].nunique()
    if enough >= 2:
        return None
    methods = how_many(enough, "method")
    return f"It would be nearly empty: {methods} with {LEAST_SEEDS_FOR_INTERVAL} seeds or more."


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table as dictionaries."""
    return [{str(column): value for column, value in row.items()} for row in table.to_dict("records")]


def wrapped(text: str, width: int = 20) -> str:
    """A label on a few short lines, broken before its bracket first, then at commas, then at spaces.

    Never inside a word.
    """
    import textwrap

    if len(text) <= width:
        return text
    parts = text.split(" (", 1)
    pieces = [parts[0], *[f"({part}" for part in parts[1:]]]
    lines: list[str] = []
    for piece in pieces:
        line = ""
        for part in piece.split(", ") if len(piece) > width else [piece]:
            joined = f"{line}, {part}" if line else part
            if line and len(joined) > width:
                lines.append(f"{line},")
                joined = part
            line = joined
        lines.append(line)
    return "\n".join(
        part
        for line in lines
        for part in textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False)
    )


def legend_columns(labels: Sequence[str]) -> int:
    """Columns of a legend that fit into the column width."""
    return max(1, min(len(labels), int(58 / (max(len(label) for label in labels) + 8)), 4))


def legend_inches(labels: Sequence[str]) -> float:
    """Height that a legend below the axes takes."""
    return 0.14 * -(-len(labels) // legend_columns(labels)) + 0.08


def legend_below(figure: Figure, handles: Sequence[Any], labels: Sequence[str]) -> None:
    """A legend under the axes, in as many columns as the column width holds."""
    figure.legend(handles, labels, loc="outside lower center", ncols=legend_columns(labels))


def readable_log(axis: Axes) -> None:
    """A logarithmic horizontal axis whose ticks are plain numbers; call it when the data are drawn."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

    axis.set_xscale("log")
    low, high = axis.dataLim.intervalx
    # More labels than the powers of ten collide where there are many of these.
    wide = low > 0 and high > 100 * low
    axis.xaxis.set_major_locator(LogLocator(subs=(1.0,) if wide else (1.0, 3.0)))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_minor_formatter(NullFormatter())
