"""What is wrong with the layout of a figure, found by rendering it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.patches import Rectangle

from paper_tables import frames
from paper_tables.figures import draw, style
from paper_tables.figures.draw import FigureInputs
from paper_tables.statistics import __main__ as statistics_command
from paper_tables.statistics import experiment as statistics_experiment

SMALLEST_POINTS = 5.5
ARROWS = {"<": "x0", ">": "x1", "v": "y0", "^": "y1"}
"""Markers that say where something leaves the axis -> the side."""


def undrawn_labels(figure: Any) -> set[Any]:
    """Labels of ticks outside their axis, and of hidden axes: matplotlib keeps but does not draw them."""
    found = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
                hidden = not axes.get_visible() or not axes.axison
                if hidden or not low <= tick.get_loc() <= high:
                    found |= {tick.label1, tick.label2}
    return found


def faults(figure: Any) -> list[str]:
    """Text that is cut at the edge, too small or over other text; data that an axis cuts silently."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Text

    FigureCanvasAgg(figure).draw()
    width, height = figure.get_size_inches() * figure.dpi
    undrawn, found, boxes = undrawn_labels(figure), [], []
    for text in figure.findobj(Text):
        words = text.get_text().strip()
        if not words or not text.get_visible() or text in undrawn:
            continue
        box = text.get_window_extent()
        if min(box.width, box.height) < 1:
            continue
        if text.get_fontsize() < SMALLEST_POINTS:
            found.append(f"small: {words}")
        if box.x0 < -1 or box.y0 < -1 or box.x1 > width + 1 or box.y1 > height + 1:
            found.append(f"cut at the edge: {words}")
        boxes.append((words, box))
    for (words, box), (other, second) in combinations(boxes, 2):
        across = min(box.x1, second.x1) - max(box.x0, second.x0)
        up = min(box.y1, second.y1) - max(box.y0, second.y0)
        # A box has room for the letters' descent; a pixel or two of it may be shared.
        if across > 1 and up > 2:
            found.append(f"overlap: {words} / {other}")
    return found + [fault for axes in figure.axes if axes.get_visible() for fault in cut_data(axes)]


def cut_data(axes: Any) -> list[str]:
    """Markers, lines, error bars, bars and bands that reach beyond their axis without an arrow at its edge.

    What is drawn in the axis' own units (a band from edge to edge, `axhline`) is not data.
    """
    frame = axes.get_window_extent()
    arrows = []
    for line in axes.lines:
        if line.get_marker() in ARROWS:
            side = ARROWS[line.get_marker()]
            for point in line.get_transform().transform(line.get_xydata()):
                if abs(point["xy".index(side[0])] - getattr(frame, side)) < 0.05 * frame.width:
                    arrows.append((side, point["yx".index(side[0])]))
    found = []
    for kind, name, corners in _drawn(axes):
        for side, beyond, across in (
            ("x0", frame.x0 - corners[:, 0], corners[:, 1]),
            ("x1", corners[:, 0] - frame.x1, corners[:, 1]),
            ("y0", frame.y0 - corners[:, 1], corners[:, 0]),
            ("y1", corners[:, 1] - frame.y1, corners[:, 0]),
        ):
            places = across[beyond > 1]
            marked = [any(s == side and abs(place - where) < 2 for s, where in arrows) for place in places]
            if not all(marked):
                found.append(f"{kind} outside its axis in {axes.get_title()}: {name}")
                break
    return found


def _drawn(axes: Any) -> Iterator[tuple[str, str, np.ndarray]]:
    """Kind, label and corners in pixels of what an axis shows in units of the data."""
    data = axes.transData
    for line in axes.lines:
        if line.get_transform() != data:
            continue
        kind = "line" if line.get_marker() in ("None", "", " ", None) else "marker"
        yield kind, str(line.get_label()), finite(data.transform(line.get_xydata()))
    for collection in axes.collections:
        if collection.get_transform() != data:
            continue
        kind = "band" if isinstance(collection, PolyCollection) else "error bar"
        for path in collection.get_paths():
            yield kind, str(collection.get_label()), finite(data.transform(path.vertices))
    for patch in axes.patches:
        if patch.get_data_transform() == data and isinstance(patch, Rectangle):
            yield (
                "bar",
                str(patch.get_label()),
                finite(patch.get_transform().transform(patch.get_path().vertices)),
            )


def finite(points: np.ndarray) -> np.ndarray:
    """The rows without NaN."""
    return points[np.isfinite(points).all(axis=1)]


@pytest.fixture
def layout_faults() -> Callable[[Any], list[str]]:
    """`faults`, as a fixture: test modules do not import each other."""
    return faults


@pytest.fixture
def checked_saves(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Figure -> faults, of every figure that is saved in this test."""
    from paper_tables.figures import style

    seen: dict[str, list[str]] = {}

    def save(self: style.Figures, figure: Any, name: str, caption: str) -> None:
        seen[name] = faults(figure)
        self.captions[name] = caption

    monkeypatch.setattr(style.Figures, "save", save)
    return seen


@pytest.fixture(scope="module")
def statistics_folder(made_up_experiment: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The experiment's statistics, coarse."""
    folder = tmp_path_factory.mktemp("statistics")
    arguments = ["--replicates", "500", "--coverage-studies", "20", "--output", str(folder)]
    assert statistics_command.main(["--scores", str(made_up_experiment), *arguments]) == 0
    return folder


@pytest.fixture(scope="module")
def drawn(
    made_up_experiment: Path,
    statistics_folder: Path,
    judged_cells: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, style.Figures]:
    """Every figure of the made-up experiment."""
    folder = tmp_path_factory.mktemp("figures")
    return folder, draw.draw_all(FigureInputs(made_up_experiment, statistics_folder, judged_cells), folder)


# A study: some runs of a method are longer, and its numbers of steps are compared on one task only.


@pytest.fixture(scope="module")
def study(
    made_up_tables: dict[str, pd.DataFrame], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, pd.DataFrame], style.Figures]:
    """N = 5 on both tasks, on the hard one for twice the updates as well; every other N on the easy one."""
    folder = tmp_path_factory.mktemp("study")
    tables = {}
    for name, table in made_up_tables.items():
        hard = (table["task"] == "walker-hard-v0") & (table["method"] == "diffusion_ql")
        longer = table[hard & (table["diffusion_steps"] == 5)].assign(digest="ffffffff")
        for column in {"update", "num_updates"} & set(longer.columns):
            longer[column] *= 2
        tables[name] = pd.concat([table[~hard | (table["diffusion_steps"] == 5)], longer])
        frames.write_parquet(tables[name], folder / "scores" / f"{name}.parquet", name)
    found = statistics_experiment.all_tables(
        tables["scores"], tables["episodes"], replicates=300, coverage_studies=0
    )
    statistics_experiment.write_tables(found, folder / "statistics")
    done = draw.draw_all(FigureInputs(folder / "scores", folder / "statistics"), folder / "figures")
    return folder, found, done
