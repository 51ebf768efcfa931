"""Every figure is rendered: no text cut or over other text, no marker outside its axis."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from paper_tables import frames
from paper_tables.figures import style
from paper_tables.figures.draw import FigureInputs, draw_all
from paper_tables.scores import tables as tables_module
from paper_tables.scores.d3rlpy import read_d3rlpy_runs
from paper_tables.statistics import experiment

REPOSITORY = Path(__file__).parents[3]
PUBLISHED = REPOSITORY / "results/published"


def write_statistics(score_folder: Path, folder: Path) -> Path:
    """Coarse statistics of an experiment."""
    scores, episodes = experiment.read_experiment(score_folder)
    experiment.write_tables(
        experiment.all_tables(scores, episodes, replicates=100, coverage_studies=0), folder
    )
    return folder


def test_made_up_experiment(
    made_up_experiment: Path, judged_cells: Path, tmp_path: Path, checked_saves: dict[str, list[str]]
):
    statistics = write_statistics(made_up_experiment, tmp_path / "t")
    draw_all(FigureInputs(made_up_experiment, statistics, judged_cells), tmp_path / "f")
    assert {"forest", "intervals", "learning_curves", "steps", "cost"} <= set(checked_saves)
    assert {name: found for name, found in checked_saves.items() if found} == {}


@pytest.mark.slow
def test_published_scores(tmp_path: Path, checked_saves: dict[str, list[str]]):
    if not list(PUBLISHED.glob("*.parquet")):
        pytest.skip("results/published holds no tables: nothing has been published yet")
    statistics = write_statistics(PUBLISHED, tmp_path / "t")
    done = draw_all(FigureInputs(PUBLISHED, statistics), tmp_path / "f")
    assert "learning_curves" in checked_saves
    assert {name: found for name, found in checked_saves.items() if found} == {}
    index = done.index()
    assert set(index.loc[index["drawn"] == "no", "figure"]) == set(done.suppressed)
    assert tables_module.read(PUBLISHED, "scores")["method"].nunique() > 1


@pytest.mark.slow
def test_scores_of_d3rlpy(tmp_path: Path, checked_saves: dict[str, list[str]]):
    frames.write_parquet(read_d3rlpy_runs(), tmp_path / "s/scores.parquet", "scores")
    statistics = write_statistics(tmp_path / "s", tmp_path / "t")
    draw_all(FigureInputs(tmp_path / "s", statistics), tmp_path / "f")
    assert set(checked_saves) == {"improvement", "intervals", "profiles"}
    assert {name: found for name, found in checked_saves.items() if found} == {}


def test_faults_are_found(layout_faults):
    with style.house_style():
        figure = style.new_figure(2)
        figure.set_layout_engine("none")
        axis = figure.subplots()
        figure.text(0.95, 0.5, "far too long for the edge")
        axis.text(0.3, 0.5, "one label")
        axis.text(0.32, 0.5, "another label")
        axis.plot([0.5, 3.0], [0.5, 0.5], "o", label="method")
        axis.set_xlim(0, 1)
        found = layout_faults(figure)
    assert "cut at the edge: far too long for the edge" in found
    assert "overlap: one label / another label" in found or "overlap: another label / one label" in found
    assert any(fault.startswith("marker outside its axis") for fault in found)


def test_data_beyond_the_axis_are_found_unless_an_arrow_says_so(layout_faults):
    with style.house_style():
        figure = style.new_figure(2)
        bars, band, line, cut = figure.subplots(1, 4)
        bars.errorbar([0.5], [0.5], yerr=[0.8], fmt="none")
        band.fill_between([0.2, 0.8], [-0.4, 0.1], [0.6, 0.6])
        line.plot([0.2, 1.8], [0.5, 0.5])
        for axis in (bars, band, line, cut):
            axis.set(xlim=(0, 1), ylim=(0, 1))
        # Both ends leave this one, and both are marked; the shaded margin has the axis' own units.
        cut.plot([-0.5, 1.5], [0.5, 0.5])
        cut.plot([0], [0.5], "<", clip_on=False)
        cut.plot([1], [0.5], ">", clip_on=False)
        cut.axvspan(0.4, 0.6)
        assert {fault.split(" outside")[0] for fault in layout_faults(figure)} == {
            "error bar",
            "band",
            "line",
        }
        cut.lines[-1].remove()
        assert sum(fault.startswith("line outside") for fault in layout_faults(figure)) == 2


def test_nearly_empty_is_two_methods_of_three_seeds():
    rows = pd.DataFrame({"label": ["a", "b", "c"], "num_seeds": [3, 2, 1]})
    assert "1 method with" in str(style.nearly_empty(rows))
    assert style.nearly_empty(rows.assign(num_seeds=[3, 3, 1])) is None
