"""All figures of an experiment: sizes, legible text, equal bytes, what is left out."""

from __future__ import annotations

import shutil
import struct
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recheck.errors import TablesError

from paper_tables import frames
from paper_tables import prices as prices_module
from paper_tables.figures import __main__ as figures_command
from paper_tables.figures import aggregates as aggregates_module
from paper_tables.figures import draw, forest, learning_curves, style
from paper_tables.figures.draw import FigureInputs
from paper_tables.scores.d3rlpy import read_d3rlpy_runs
from paper_tables.statistics import __main__ as statistics_command

ALL = {
    "cost",
    "forest",
    "improvement",
    "intervals",
    "learning_curves",
    "profiles",
    "sample_efficiency",
    "steps",
}


def test_every_figure_is_drawn_as_pdf_and_png(drawn: tuple[Path, style.Figures]):
    folder, done = drawn
    assert set(done.captions) == ALL
    for name in ALL:
        assert (folder / f"{name}.pdf").read_bytes().startswith(b"%PDF")
        assert (folder / f"{name}.png").stat().st_size > 5000
    index = pd.read_csv(folder / "index.csv")
    assert set(index["figure"]) == ALL
    assert index["caption"].str.len().min() > 40
    assert not list(folder.glob("*.part"))


def test_figures_are_one_or_two_columns_wide_and_fit_a_page(drawn: tuple[Path, style.Figures]):
    folder, done = drawn
    for name in done.captions:
        inches = style.PAGE_WIDTH_INCHES if name == "learning_curves" else style.COLUMN_WIDTH_INCHES
        width, height = struct.unpack(">II", (folder / f"{name}.png").read_bytes()[16:24])
        assert width == pytest.approx(inches * style.PNG_DOTS_PER_INCH, abs=1)
        assert height <= style.LARGEST_HEIGHT_INCHES * style.PNG_DOTS_PER_INCH + 1


def test_text_is_legible_and_inside_the_figure(
    made_up_tables: dict[str, pd.DataFrame], statistics_folder: Path, judged_cells: Path
):
    """No text under 6 points, none over the edge, no tick label over another."""
    tables = draw.read_statistics(statistics_folder)
    improvement = tables["improvement"]
    long_names = improvement.assign(
        **{column: improvement[column] + " for 100k updates" for column in ("label", "other")}
    )
    with style.house_style():
        for figure in (
            aggregates_module.draw_intervals(tables["aggregates"], tables["coverage"]),
            aggregates_module.draw_profiles(tables["profiles"]),
            aggregates_module.draw_improvement(tables["improvement"]),
            aggregates_module.draw_improvement(long_names),
            learning_curves.draw_sample_efficiency(tables["sample_efficiency"]),
            learning_curves.draw_learning_curves(
                tables["learning_curves"].assign(panel=learning_curves.panels(tables["learning_curves"]))
            ),
            forest.draw_forest(forest.forest_rows(judged_cells)),
        ):
            from matplotlib.backends.backend_agg import FigureCanvasAgg
            from matplotlib.text import Text

            canvas = FigureCanvasAgg(figure)
            canvas.draw()
            width, height = figure.get_size_inches() * figure.dpi
            undrawn = set()
            for axis in figure.axes:
                for half in (axis.xaxis, axis.yaxis):
                    low, high = sorted(half.get_view_interval())
                    for tick in [*half.get_major_ticks(), *half.get_minor_ticks()]:
                        if not low <= tick.get_loc() <= high:
                            undrawn |= {tick.label1, tick.label2}
            for text in figure.findobj(Text):
                if not text.get_text().strip() or not text.get_visible() or text in undrawn:
                    continue
                assert text.get_fontsize() >= 6
                box = text.get_window_extent()
                assert box.x0 >= -2, text.get_text()
                assert box.x1 <= width + 2, text.get_text()
                assert box.y0 >= -2, text.get_text()
                assert box.y1 <= height + 2, text.get_text()
            for axis in figure.axes:
                boxes = [
                    label.get_window_extent()
                    for label in axis.get_yticklabels()
                    if label.get_text() and label.get_visible() and label not in undrawn
                ]
                for lower, upper in pairwise(boxes):
                    assert not lower.overlaps(upper) or min(lower.height, upper.height) < 1


def test_bytes_repeat_and_hold_no_date(
    drawn: tuple[Path, style.Figures],
    made_up_experiment: Path,
    statistics_folder: Path,
    judged_cells: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    import matplotlib

    folder, done = drawn
    # Neither the user's settings nor the clock may show.
    monkeypatch.setitem(matplotlib.rcParams, "font.size", 20)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")
    draw.draw_all(FigureInputs(made_up_experiment, statistics_folder, judged_cells), tmp_path)
    for path in sorted(folder.iterdir()):
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), path.name
    for name in done.captions:
        assert b"CreationDate" not in (folder / f"{name}.pdf").read_bytes()
        assert b"Software" not in (folder / f"{name}.png").read_bytes()
    assert matplotlib.rcParams["font.size"] == 20


def test_what_the_data_do_not_allow_is_reported(
    made_up_tables: dict[str, pd.DataFrame], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    scores = made_up_tables["scores"]
    frames.write_parquet(scores[scores["method"] == "iql"], tmp_path / "s" / "scores.parquet", "scores")
    assert figures_command.main(["--scores", str(tmp_path / "s"), "--output", str(tmp_path / "f")]) == 0
    out = capsys.readouterr().out
    for message in (
        "Left out: intervals, task set A. It would be nearly empty: 1 method with 3 seeds or more.",
        "Left out: improvement. No two methods share a task at equal numbers of updates.",
        "Left out: learning_curves, sample_efficiency. There are no evaluation episodes.",
        "Left out: forest. No judged cells were given (--verdicts).",
        "Left out: cost, steps. There is no cost.parquet in the folder of the scores.",
    ):
        assert message in out
    left_out = pd.read_csv(tmp_path / "f" / "left_out.csv")
    assert len(left_out) >= 4


def test_the_fixture_is_drawn(tmp_path: Path):
    runs = read_d3rlpy_runs()
    runs = runs[(runs["selection"] == "last") & runs["method"].isin(["IQL", "CQL", "PLAS", "DT"])]
    frames.write_parquet(runs, tmp_path / "s" / "scores.parquet", "scores")
    coarse = ["--replicates", "300", "--coverage-studies", "10", "--output", str(tmp_path / "t")]
    equal = ["--lengths", "equal"]
    assert statistics_command.main(["--scores", str(tmp_path / "s"), *coarse, *equal]) == 0
    done = draw.draw_all(FigureInputs(tmp_path / "s", tmp_path / "t"), tmp_path / "f")
    # Algorithms trained for a million updates, and DT on other tasks, are not mixed with the rest.
    assert {"intervals", "profiles", "improvement"} == set(done.captions)
    assert {"intervals, task set B", "profiles, task set B"} <= set(done.suppressed)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"selection": "best_online"}, "has last"),
        ({"verdicts": Path("nowhere.csv")}, "There is no file nowhere.csv"),
        ({"statistics": Path("nowhere")}, "holds no aggregates.csv"),
        ({"cost_table": Path("nowhere.yaml")}, "There is no file nowhere.yaml"),
    ],
)
def test_bad_input_is_refused_before_anything_is_drawn(
    change: dict, words: str, made_up_experiment: Path, tmp_path: Path
):
    with pytest.raises(TablesError, match=words):
        draw.draw_all(FigureInputs(made_up_experiment, **change), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_users_mistake_is_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert figures_command.main(["--scores", "nowhere", "--output", str(tmp_path / "f")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_missing_costs_do_not_stop_the_rest(
    made_up_experiment: Path, statistics_folder: Path, made_up_tables: dict[str, pd.DataFrame], tmp_path: Path
):
    shutil.copytree(made_up_experiment, tmp_path / "s")
    empty = made_up_tables["cost"].assign(
        train_wall_seconds=np.nan, seconds_per_update=np.nan, action_latency_ms=np.nan
    )
    frames.write_parquet(empty, tmp_path / "s" / "cost.parquet", "cost")
    done = style.Figures(tmp_path / "f")
    tables = draw.read_statistics(statistics_folder)
    runs = made_up_tables["scores"].query("method != 'bc'")
    with style.house_style():
        draw.cost_figures(done, tables, FigureInputs(tmp_path / "s"), runs, prices_module.load_prices())
    assert "cost" not in done.captions
    assert "steps" in done.captions
    assert ("steps: action latency", "No policy call was timed.") in done.left_out.rows
    named = dict(done.left_out.rows)["cost of runs without scores"]
    assert named == (
        "4 rows of the cost not used, since their runs have no scores: bc on walker-easy-v0 (2), "
        "bc on walker-hard-v0 (2)."
    )
