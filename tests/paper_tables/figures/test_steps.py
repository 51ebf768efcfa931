"""Figures of the number of diffusion steps."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from paper_tables.figures import draw, steps, style
from paper_tables.scores import tables as tables_module
from paper_tables.statistics import configurations
from paper_tables.statistics import experiment as statistics_experiment


def test_steps_points_are_over_shared_tasks(made_up_tables: dict[str, pd.DataFrame], statistics_folder: Path):
    tables = draw.read_statistics(statistics_folder)
    labelled = configurations.with_labels(made_up_tables["scores"])
    key = [*configurations.CONFIGURATION, "task", "digest"]
    rows = made_up_tables["cost"].merge(labelled[[*key, "label"]].drop_duplicates(), on=key)
    points, tasks, device = steps.steps_points(tables["cells"], tables["aggregates"], rows, "last")
    assert tasks == ["walker-easy-v0", "walker-hard-v0"]
    assert device == "AMD EPYC"
    point = points.set_index("label").loc["diffusion_ql N=5"]
    scores = made_up_tables["scores"].query("method == 'diffusion_ql' and diffusion_steps == 5")[
        "score_percent"
    ]
    assert point["score_percent"] == pytest.approx(scores.mean(), abs=1e-3)
    assert point["low_percent"] < point["score_percent"] < point["high_percent"]
    assert point["ms_per_update"] == pytest.approx(1000 * 0.03 / 4)
    assert point["family"] == "diffusion_ql"
    # Latency of one state, not of ten.
    assert point["action_latency_ms"] == pytest.approx(0.2 + 0.3 * 5 + 0.02)
    one_n = tables["cells"][tables["cells"]["diffusion_steps"].isin([0, 5])]
    assert steps.steps_points(one_n, tables["aggregates"], rows, "last")[0].empty


def test_numbers_of_steps_are_compared_where_updates_are_equal(
    study: tuple[Path, dict[str, pd.DataFrame], style.Figures],
):
    folder, found, done = study
    assert "on walker-easy-v0, after 50,000 updates" in done.captions["steps"]
    labelled = configurations.with_labels(tables_module.read(folder / "scores", "scores"))
    key = [*configurations.CONFIGURATION, "task", "digest"]
    own_cost = tables_module.read(folder / "scores", "cost").merge(
        labelled[[*key, "label"]].drop_duplicates(), on=key
    )
    points, tasks, _ = steps.steps_points(found["cells"], found["aggregates"], own_cost, "last")
    assert tasks == ["walker-easy-v0"]
    # One line through all numbers of steps, though only N = 5 was trained longer elsewhere.
    own = points[points["family"] == "diffusion_ql"]
    assert sorted(own["diffusion_steps"]) == [2, 5, 10, 20]
    assert set(points["num_updates"]) == {50_000}
    assert "diffusion_ql N=5 50k updates" in set(points["label"])


def test_a_method_of_another_length_is_no_rival(made_up_tables: dict[str, pd.DataFrame], tmp_path: Path):
    """IQL of twice the updates is not on the front of the others."""
    rows = made_up_tables["scores"]
    iql = rows["method"] == "iql"
    longer = rows.assign(update=rows["update"].where(~iql, 2 * rows["update"]))
    found = statistics_experiment.all_tables(longer, replicates=300, coverage_studies=0)
    labelled = configurations.with_labels(longer)
    key = [*configurations.CONFIGURATION, "task", "digest"]
    own = made_up_tables["cost"].merge(labelled[[*key, "label"]].drop_duplicates(), on=key)
    points, _, _ = steps.steps_points(found["cells"], found["aggregates"], own, "last")
    assert "bc" in set(points["method"])
    assert "iql" not in set(points["method"])


def test_three_methods_of_two_lengths_leave_no_text_cut_or_over_other_text(layout_faults):
    """The front of each number of updates is seen, that of one point too."""
    rows = []
    for method, updates, latency in (
        ("diffusion_ql", 20_000, 3.0),
        ("fql", 20_000, 0.1),
        ("idql", 5_000, 9.0),
    ):
        for place, number in enumerate((2, 5, 10, 20)):
            row = {"label": f"{method} N={number}", "method": method, "family": f"{method} {updates} updates"}
            row |= {"diffusion_steps": number, "num_updates": updates, "score_percent": 60.0 + 3 * place}
            row |= {"low_percent": 55.0, "high_percent": 75.0, "ms_per_update": 10.0 + number}
            rows.append({**row, "action_latency_ms": latency * number})
    with style.house_style():
        figure = steps.draw_steps(pd.DataFrame(rows))
        assert layout_faults(figure) == []
    front = [line for line in figure.axes[3].lines if line.get_color() == style.PALE]
    assert len(front) == 2
    assert all(line.get_marker() == "o" for line in front)
