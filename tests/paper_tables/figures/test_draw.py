"""Figures: what is drawn and what is left out, sizes and fonts, equal bytes, costs, the Pareto front."""

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
from paper_tables.figures import draw, forest, learning_curves, steps, style
from paper_tables.figures.draw import FigureInputs
from paper_tables.scores import tables as tables_module
from paper_tables.scores.d3rlpy import read_d3rlpy_runs
from paper_tables.statistics import __main__ as statistics_command
from paper_tables.statistics import configurations
from paper_tables.statistics import experiment as statistics_experiment

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
            learning_curves.draw_learning_curves(tables["learning_curves"]),
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


def test_what_the_data_do_not_allow_is_said(
    made_up_tables: dict[str, pd.DataFrame], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    scores = made_up_tables["scores"]
    frames.write_parquet(scores[scores["method"] == "iql"], tmp_path / "s" / "scores.parquet", "scores")
    assert figures_command.main(["--scores", str(tmp_path / "s"), "--output", str(tmp_path / "f")]) == 0
    out = capsys.readouterr().out
    for sentence in (
        "Left out: intervals, task set A. It would be nearly empty: 1 method(s) with 3 seeds or more.",
        "Left out: improvement. No two methods share a task at equal numbers of updates.",
        "Left out: learning_curves, sample_efficiency. There are no evaluation episodes.",
        "Left out: forest. No judged cells were given (--verdicts).",
        "Left out: cost, steps. There is no cost.parquet in the folder of the scores.",
    ):
        assert sentence in out
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


def test_forest_leaves_out_what_cannot_be_compared(judged_cells: Path, tmp_path: Path):
    cells = pd.read_csv(judged_cells)
    cells.loc[0, "verdict"] = "not_judged"
    path = tmp_path / "cells.csv"
    cells.to_csv(path, index=False)
    rows = forest.forest_rows(path)
    assert len(rows) == len(cells) - 1
    assert rows[["task", "who"]].iloc[0].tolist() == ["walker-easy-v1", "iql"]
    # As the tables stage writes it where nothing was judged.
    cells.iloc[:0].to_csv(path, index=False)
    assert forest.forest_rows(path).empty
    cells.drop(columns="margin_percent").to_csv(path, index=False)
    with pytest.raises(TablesError, match="margin_percent"):
        forest.forest_rows(path)


def test_a_conditional_verdict_has_a_dashed_line_and_a_claim_that_is_not_kept_a_cross(
    judged_cells: Path, tmp_path: Path
):
    cells = pd.read_csv(judged_cells).iloc[:2].copy()
    cells["verdict"] = "reproduced"
    cells["flags"] = ["conditional", ""]
    cells["adjusted_verdict"] = ["reproduced", "inconclusive"]
    cells["interval_low"], cells["interval_high"] = -1.0, 1.0
    cells.to_csv(tmp_path / "cells.csv", index=False)
    figure = forest.draw_forest(forest.forest_rows(tmp_path / "cells.csv"))
    lines = figure.axes[0].lines
    intervals = [line.get_linestyle() for line in lines if list(line.get_xdata()) == [-1.0, 1.0]]
    assert intervals == ["--", "-"]
    assert sum(line.get_marker() == "x" for line in lines) == 1


def test_each_table_has_its_own_forest(judged_cells: Path, tmp_path: Path):
    cells = pd.read_csv(judged_cells).assign(table=["one"] * 3 + ["two"] * 5)
    cells.to_csv(tmp_path / "cells.csv", index=False)
    judged = forest.forest_rows(tmp_path / "cells.csv")
    done = style.Figures(tmp_path / "f")
    with style.house_style():
        forest.forest_figures(done, judged)
    assert set(done.captions) == {"forest", "forest_2"}
    assert done.captions["forest_2"].startswith("Table two: our mean")


def test_colours_are_distinct_for_the_colour_blind():
    """Simulated deuteranopia and protanopia (Vienot, Brettel and Mollon 1999) keep the palette apart."""
    linear = np.array([[int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)] for colour in style.COLOURS])
    linear = np.where(linear <= 0.04045, linear / 12.92, ((linear + 0.055) / 1.055) ** 2.4)
    to_lms = np.array(
        [[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]]
    )
    protan = np.array([[0, 2.02344, -2.52581], [0, 1, 0], [0, 0, 1]])
    deutan = np.array([[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]])
    for vision in (np.eye(3), protan, deutan):
        seen = linear @ (np.linalg.inv(to_lms) @ vision @ to_lms).T
        distances = [np.linalg.norm(a - b) for i, a in enumerate(seen) for b in seen[i + 1 :]]
        assert min(distances) > 0.07


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


def test_a_users_mistake_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert figures_command.main(["--scores", "nowhere", "--output", str(tmp_path / "f")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


# Costs.


def test_pareto_front_by_hand():
    assert prices_module.pareto_front([1, 2, 3, 4, 2], [10, 30, 20, 40, 30]) == [0, 1, 3]
    assert prices_module.pareto_front([], []) == []
    assert prices_module.pareto_front([1, 1], [5, 7]) == [1]


def test_a_block_is_paid_for_once(made_up_tables: dict[str, pd.DataFrame]):
    """Four rows of a block (two sampling settings, two sizes of call) are one training."""
    rows = made_up_tables["cost"]
    block = rows[(rows["method"] == "diffusion_ql") & (rows["diffusion_steps"] == 20)]
    blocks = prices_module.training_blocks(block)
    assert len(block) == 8
    assert len(blocks) == 2
    assert blocks["train_hours"].iloc[0] == pytest.approx(50_000 * 0.09 / 3600)
    assert blocks["per_seed_hours"].iloc[0] == pytest.approx(50_000 * 0.09 / 3600 / 4)
    untimed = prices_module.training_blocks(block.assign(train_wall_seconds=np.nan))
    assert untimed["train_hours"].iloc[0] == pytest.approx(50_000 * 0.09 / 3600)


def test_cost_table_by_hand(made_up_tables: dict[str, pd.DataFrame]):
    rows = made_up_tables["cost"]
    iql = rows[rows["method"] == "iql"].assign(
        label="iql", device="NVIDIA A100-SXM4-40GB", train_wall_seconds=1800.0
    )
    table, missing = prices_module.cost_table(iql, prices_module.load_prices())
    assert missing == []
    assert len(table) == 1
    row = table.iloc[0]
    # Two tasks, half an hour each, at 400 W and a room that takes 30% on top.
    assert (row["kind"], row["runs"], row["hours"]) == ("gpu", 8, 1.0)
    assert row["energy_kwh"] == pytest.approx(0.4 * 1.3)
    assert row["money"] == pytest.approx(1.5)


def test_unknown_devices_and_own_machines(made_up_tables: dict[str, pd.DataFrame], tmp_path: Path):
    rows = made_up_tables["cost"]
    odd = rows[rows["method"] == "iql"].assign(label="iql", device="Abacus")
    table, missing = prices_module.cost_table(odd, prices_module.load_prices())
    assert table["hours"].notna().all()
    assert table["money"].isna().all()
    assert "'Abacus'" in missing[0]
    path = tmp_path / "cost.yaml"
    path.write_text(
        "format: 1\ncurrency: EUR\nelectricity_price_per_kwh: 0.5\npower_usage_effectiveness: 1\n"
        "devices:\n  - {match: abacus, kind: gpu, power_watts: 100, price_per_hour: null, source: mine}\n"
    )
    prices = prices_module.load_prices(path)
    device = prices.device("Abacus")
    assert device is not None
    assert prices.money(device, 10) == pytest.approx(0.5)
    assert prices.device(None) is None


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
    with style.house_style():
        draw.cost_figures(
            done, tables, FigureInputs(tmp_path / "s"), made_up_tables["scores"], prices_module.load_prices()
        )
    assert "cost" not in done.captions
    assert "steps" in done.captions
    assert ("steps: action latency", "No policy call was timed.") in done.left_out.rows


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
        figure = learning_curves.draw_learning_curves(every[shown])
    assert [axis.get_title() for axis in figure.axes] == ["walker-easy-v0", "walker-hard-v0"]


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
    """The policies of N = 20 were sampled with DDIM as well: that was no training of its own."""
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
