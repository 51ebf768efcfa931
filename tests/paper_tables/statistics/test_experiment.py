"""The statistics of a whole experiment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from paper_tables.statistics import __main__ as statistics_command
from paper_tables.statistics import bootstrap, configurations
from paper_tables.statistics import experiment as statistics_experiment


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


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--scores", "nowhere"], "There is no folder nowhere"),
        (["--scores", "{made}", "--replicates", "5"], "at least 100"),
    ],
)
def test_a_users_mistake_is_one_sentence(
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
