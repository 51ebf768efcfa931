"""What is wrong with the layout of a figure, found by rendering it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from paper_tables import frames
from paper_tables.figures import draw, style
from paper_tables.figures.draw import FigureInputs
from paper_tables.statistics import __main__ as statistics_command
from paper_tables.statistics import experiment as statistics_experiment

SMALLEST_POINTS = 5.5


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
    """Text that is cut at the figure's edge, too small or over other text, and markers that an axis cuts."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.lines import Line2D
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
    for axes in figure.axes:
        frame = axes.get_window_extent()
        for line in axes.findobj(Line2D):
            if (
                line.axes is not axes
                or line.get_marker() in ("None", "", " ", None)
                or not line.get_clip_on()
            ):
                continue
            if line not in axes.lines:
                continue
            for x, y in line.get_transform().transform(line.get_xydata()):
                inside = frame.x0 - 1 <= x <= frame.x1 + 1 and frame.y0 - 1 <= y <= frame.y1 + 1
                if x == x and y == y and not inside:
                    found.append(f"marker outside its axis in {axes.get_title()}: {line.get_label()}")
    return found


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
