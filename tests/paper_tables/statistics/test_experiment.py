"""The statistics of a whole experiment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from paper_tables import frames
from paper_tables.scores import tables as tables_module
from paper_tables.statistics import __main__ as statistics_command
from paper_tables.statistics import bootstrap, configurations
from paper_tables.statistics import experiment as statistics_experiment
from paper_tables.tables import __main__ as tables_command


def test_fixture_intervals_are_rliables(d3rlpy_designs: dict[str, configurations.Design]):
    from rliable import library, metrics

    matrix = d3rlpy_designs["CQL"].matrix
    state = np.random.get_state()  # noqa: NPY002 (rliable draws from the global generator)
    np.random.seed(0)  # noqa: NPY002
    try:
        _, theirs = library.get_interval_estimates(
            {"CQL": matrix}, lambda scores: np.array([metrics.aggregate_iqm(scores)]), reps=3000
        )
    finally:
        np.random.set_state(state)  # noqa: NPY002
    distribution = bootstrap.bootstrap(matrix, ("iqm",), 20_000)["iqm"]
    ours = bootstrap.percentile_interval(distribution)
    assert [ours.low, ours.high] == pytest.approx(
        list(theirs["CQL"][:, 0]), abs=0.12 * float(distribution.std())
    )


def test_methods_are_ranked_only_at_equal_updates(made_up_tables: dict[str, pd.DataFrame]):
    rows = made_up_tables["scores"].copy()
    easy = rows["task"] == "walker-easy-v0"
    rows.loc[(rows["method"] == "iql") & easy, "update"] = 100_000
    tables = statistics_experiment.all_tables(rows, replicates=200, coverage_studies=0, lengths="equal")
    pair = tables["improvement"].query("label == 'iql' and other == 'bc'")
    assert list(pair["num_tasks"]) == [1]
    sets = tables["aggregates"].groupby("label")["task_set"].first()
    assert sets["iql"] == "B"
    assert sets["bc"] == "A"


def test_raw_returns_are_not_averaged(made_up_tables: dict[str, pd.DataFrame]):
    rows = made_up_tables["scores"].copy()
    rows.loc[rows["task"] == "walker-hard-v0", "score_unit"] = "return"
    left_out = configurations.LeftOut()
    found = configurations.designs(configurations.with_labels(rows), "last", left_out)
    assert all(design.tasks == ["walker-easy-v0"] for design in found)
    assert "no reference scores" in left_out.rows[0][1]


def test_one_seed_gets_an_estimate_and_no_interval(made_up_tables: dict[str, pd.DataFrame]):
    rows = made_up_tables["scores"]
    tables = statistics_experiment.all_tables(rows[rows["seed"] == 0], replicates=200, coverage_studies=10)
    assert tables["aggregates"]["estimate_percent"].notna().all()
    assert tables["aggregates"]["percentile_low_percent"].isna().all()
    assert tables["coverage"].empty
    assert "Fewer than 3 seeds have no interval." in set(tables["left_out"]["reason"])


# The command line.


def test_command_line_writes_every_table_twice_the_same(made_up_experiment: Path, tmp_path: Path):
    arguments = ["--scores", str(made_up_experiment), "--replicates", "500", "--coverage-studies", "20"]
    for name in ("a", "b"):
        assert statistics_command.main([*arguments, "--output", str(tmp_path / name)]) == 0
    names = {path.name for path in (tmp_path / "a").iterdir()}
    assert names == {
        f"{name}.csv"
        for name in (
            "aggregates",
            "cells",
            "coverage",
            "improvement",
            "learning_curves",
            "left_out",
            "profiles",
            "sample_efficiency",
            "task_sets",
            "variance",
            "summary",
        )
    } | {"summary.md", "summary.tex"}
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    # The table to read prints nominal and simulated coverage of the design's own 4 seeds.
    summary = (tmp_path / "a" / "summary.md").read_text(encoding="utf-8")
    assert "Set A, 4 seeds: nominal 95%, simulated coverage of the small-sample interval" in summary
    assert "| diffusion_ql N=20 | 2 (A) | 4 |" in summary
    coverage = pd.read_csv(tmp_path / "a" / "coverage.csv")
    # Nominal and simulated, at 3, 5, 10 and the design's own 4 seeds.
    assert set(coverage["num_seeds"]) == {3, 4, 5, 10}
    assert set(coverage.loc[coverage["actual_design"], "num_seeds"]) == {4}
    assert set(coverage["nominal"]) == {0.95}
    variance = pd.read_csv(tmp_path / "a" / "variance.csv")
    assert variance["episode_sd_percent"].mean() == pytest.approx(8.0, rel=0.15)


def test_the_fixture_goes_through_the_whole(d3rlpy: pd.DataFrame, tmp_path: Path):
    tables = statistics_experiment.all_tables(d3rlpy, replicates=1000, coverage_studies=0)
    statistics_experiment.write_tables(tables, tmp_path)
    written = pd.read_csv(tmp_path / "aggregates.csv")
    assert len(written) == 5 * 4
    assert (written["small_sample_low_percent"] < written["estimate_percent"]).all()
    assert set(written["num_seeds"]) == {10}
    assert len(pd.read_csv(tmp_path / "cells.csv")) == 5 * 12


def test_names_that_are_likely_slips_are_reported_and_noted(
    made_up_tables: dict[str, pd.DataFrame], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    rows = made_up_tables["scores"].query("method != 'diffusion_ql'").copy()
    rows.loc[(rows["method"] == "iql") & (rows["task"] == "walker-easy-v0"), "task"] = "walker2d-medum-v2"
    rows.loc[(rows["method"] == "bc") & (rows["task"] == "walker-hard-v0"), "method"] = "BC"
    frames.write_parquet(rows, tmp_path / "scores.parquet", "scores")
    arguments = ["--scores", str(tmp_path), "--replicates", "100", "--coverage-studies", "0"]
    assert statistics_command.main([*arguments, "--output", str(tmp_path / "out")]) == 0
    sentences = [
        "There is no task 'walker2d-medum-v2' (4 rows); is it walker2d-medium-v2? "
        "It is taken for another task.",
        "The methods 'BC' and 'bc' differ only in their spelling; they are taken for two.",
    ]
    said = capsys.readouterr().out.splitlines()
    assert [line for line in said if not line.startswith("Note: ")] == sentences
    summary = (tmp_path / "out" / "summary.md").read_text(encoding="utf-8")
    assert all(f"- {sentence}\n" in summary for sentence in sentences)


def test_the_planners_own_runs_of_nine_tasks_are_one_row_a_method(tmp_path: Path):
    """Invented scores; the sampling label of each environment has another digest."""
    scores = Path(__file__).parent / "scores_d4rl"
    arguments = ["--scores", str(scores), "--coverage-studies", "0", "--output", str(tmp_path / "statistics")]
    assert statistics_command.main(arguments) == 0
    rows = pd.read_csv(tmp_path / "statistics" / "summary.csv").set_index("Method")
    assert rows[["Tasks", "Seeds", "IQM"]].T.to_dict("list") == {
        "diffusion_ql": ["9 (A)", 10, "85.1 [84.4, 85.8]"],
        "iql": ["9 (A)", 10, "75.2 [74.5, 75.9]"],
    }
    iql = tables_module.read_runs(scores).query("method == 'iql'")
    middle = np.sort(iql["score_percent"].to_numpy())
    assert len(middle) == 90
    # The mean of all but the 22 lowest and the 22 highest.
    assert stats.trim_mean(middle, 0.25) == pytest.approx(75.2, abs=0.05)
    pairs = pd.read_csv(tmp_path / "statistics" / "improvement.csv").set_index(["label", "other"])
    assert list(pairs["num_tasks"]) == [9, 9]
    assert pairs.loc[("diffusion_ql", "iql"), "probability"] == pytest.approx(_share_higher(scores), abs=1e-4)
    assert set(pd.read_csv(tmp_path / "statistics" / "profiles.csv")["label"]) == {"diffusion_ql", "iql"}
    written = ["--scores", str(scores), "--experiment", "d4rl", "--output", str(tmp_path / "tables")]
    assert tables_command.main(written) == 0
    table = pd.read_csv(tmp_path / "tables" / "scores.csv")
    assert list(table.columns) == ["Task", "diffusion_ql", "iql"]
    assert len(table) == 9
    assert table.notna().all(axis=None)


def _share_higher(scores: Path) -> float:
    """How often Diffusion-QL scores higher than IQL, over all pairs of seeds of a task, mean over tasks."""
    runs = tables_module.read_runs(scores)
    shares = []
    for _, rows in runs.groupby("task"):
        ours, other = (
            rows.loc[rows["method"] == method, "score_percent"].to_numpy()
            for method in ("diffusion_ql", "iql")
        )
        shares.append((ours[:, None] > other[None, :]).mean())
    return float(np.mean(shares))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--scores", "nowhere"], "There is no folder nowhere"),
        (["--scores", "{made}", "--replicates", "5"], "at least 100"),
    ],
)
def test_a_users_mistake_is_one_message(
    arguments: list[str],
    words: str,
    made_up_experiment: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):
    filled = [item.format(made=made_up_experiment) for item in arguments]
    assert statistics_command.main([*filled, "--output", str(tmp_path / "out")]) == 2
    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.err.count("\n") == 1
    assert not (tmp_path / "out").exists()
