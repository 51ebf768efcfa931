"""Learning curves: panels, lengths, sampling settings."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from paper_tables import prices as prices_module
from paper_tables.figures import draw, learning_curves, style
from paper_tables.figures.draw import FigureInputs
from paper_tables.scores import tables as tables_module
from paper_tables.statistics import experiment as statistics_experiment


def test_a_task_has_one_panel_and_short_runs_are_left_out(
    study: tuple[Path, dict[str, pd.DataFrame], style.Figures],
):
    _, found, _ = study
    curves = found["learning_curves"]
    assert learning_curves.long_enough(curves).all()
    short = curves[curves["label"] == "iql"].assign(label="short", num_updates=2000)
    one = curves[(curves["label"] == "iql") & (curves["update"] == 10_000)].assign(label="one checkpoint")
    every = pd.concat([curves, short, one], ignore_index=True)
    shown = learning_curves.long_enough(every)
    assert set(every.loc[~shown, "label"]) == {"short", "one checkpoint"}
    with style.house_style():
        drawn = every[shown].assign(panel=learning_curves.panels(every[shown]))
        figure = learning_curves.draw_learning_curves(drawn)
    assert [axis.get_title() for axis in figure.axes] == ["walker-easy-v0", "walker-hard-v0"]


def test_a_task_with_many_curves_has_a_panel_for_each_method(
    study: tuple[Path, dict[str, pd.DataFrame], style.Figures],
):
    _, found, _ = study
    curves = found["learning_curves"]
    one = curves[(curves["label"] == "iql") & (curves["task"] == "walker-easy-v0")]
    many = [f"{method} variant_{place}" for place in range(4) for method in ("iql", "bc", "My Method")]
    crowded = pd.concat([curves, *[one.assign(label=label) for label in many]], ignore_index=True)
    drawn = crowded.assign(panel=learning_curves.panels(crowded))
    with style.house_style():
        figure = learning_curves.draw_learning_curves(drawn)
    titles = [axis.get_title() for axis in figure.axes if axis.get_visible()]
    assert [title for title in titles if title.startswith("walker-hard")] == ["walker-hard-v0"]
    assert {"walker-easy-v0\nIQL", "walker-easy-v0\nBC"} < set(titles)
    assert "walker-easy-v0" not in titles


def test_no_panel_is_alone_on_a_second_page():
    tasks = [f"task {place}" for place in range(9)]
    assert [len(page) for page in learning_curves.pages(tasks)] == [4, 5]
    assert learning_curves.pages(tasks[:8]) == [tasks[:8]]
    assert learning_curves.pages([]) == []


def test_curves_of_other_tasks_or_lengths_are_drawn_apart(
    study: tuple[Path, dict[str, pd.DataFrame], style.Figures],
):
    """One figure for each set of tasks and updates that has two methods of three seeds."""
    _, found, done = study
    aggregates = found["aggregates"]
    sets = aggregates[aggregates["selection"] == "last"].groupby("task_set")["label"].nunique()
    drawn = {name for name in done.captions if name.startswith("sample_efficiency")}
    assert len(sets) == 3
    assert len(drawn) == int((sets > 1).sum())
    named = {f"sample_efficiency, task set {letter}" for letter in sets[sets < 2].index}
    assert named <= set(done.suppressed)


def test_a_training_is_listed_under_its_own_sampling_setting(
    made_up_experiment: Path, tmp_path: Path, monkeypatch
):
    """The policies of N = 20 were sampled with DDIM as well: that was not a training run of its own."""
    shown = {}
    monkeypatch.setattr(draw, "draw_cost", lambda table, currency: shown.setdefault("table", table))
    monkeypatch.setattr(style.Figures, "save", lambda *_: None)
    rows = tables_module.read(made_up_experiment, "scores")
    found = statistics_experiment.all_tables(rows, replicates=300, coverage_studies=0)
    done = style.Figures(tmp_path)
    draw.cost_figures(done, found, FigureInputs(made_up_experiment), rows, prices_module.load_prices())
    labels = set(shown["table"]["label"])
    assert "diffusion_ql N=20" in labels
    assert "diffusion_ql N=20 ddim_5" not in labels
