"""Statistics of an experiment: rliable's and scipy's values, known variances, the fixture, equal bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recheck.errors import TablesError
from scipy import stats

from paper_tables.rendering import table as table_module
from paper_tables.scores.d3rlpy import read_d3rlpy_runs
from paper_tables.statistics import __main__ as statistics_command
from paper_tables.statistics import bootstrap, configurations, estimators, intervals
from paper_tables.statistics import experiment as statistics_experiment
from paper_tables.statistics import summary as summary_module
from paper_tables.statistics import variance as variance_module

HAND = np.array([[0.0, 50.0], [20.0, 60.0], [40.0, 70.0], [140.0, 20.0]])
"""Four seeds, two tasks: task means 50 and 50, sorted 0 20 20 40 50 60 70 140."""


@pytest.fixture(scope="module")
def d3rlpy() -> pd.DataFrame:
    """The fixture's runs of five algorithms that share twelve tasks, last checkpoint."""
    runs = read_d3rlpy_runs()
    return runs[
        runs["method"].isin(["IQL", "CQL", "TD3PlusBC", "BCQ", "AWAC"]) & (runs["selection"] == "last")
    ]


@pytest.fixture(scope="module")
def d3rlpy_designs(d3rlpy: pd.DataFrame) -> dict[str, configurations.Design]:
    """label -> design."""
    labelled = configurations.with_labels(d3rlpy)
    return {design.label: design for design in configurations.designs(labelled, "last")}


# Point estimates.


def test_point_estimates_by_hand():
    found = estimators.point_estimates(HAND)
    assert found["mean"] == pytest.approx(50.0)
    assert found["median"] == pytest.approx(50.0)
    assert found["iqm"] == pytest.approx((20 + 40 + 50 + 60) / 4)
    # Only 140 is above 100: 100 - (0 + 20 + 40 + 100 + 50 + 60 + 70 + 20) / 8.
    assert found["optimality_gap"] == pytest.approx(100 - 360 / 8)


def test_point_estimates_of_the_fixture_are_rliables_and_scipys(
    d3rlpy_designs: dict[str, configurations.Design],
):
    from rliable import metrics

    assert len(d3rlpy_designs) == 5
    for design in d3rlpy_designs.values():
        assert design.matrix.shape == (10, 12)
        found = estimators.point_estimates(design.matrix)
        assert found["iqm"] == pytest.approx(stats.trim_mean(design.matrix, 0.25, axis=None))
        assert found["mean"] == pytest.approx(design.matrix.mean())
        assert found["median"] == pytest.approx(np.median(design.matrix.mean(axis=0)))
        assert found["optimality_gap"] == pytest.approx(
            100 * metrics.aggregate_optimality_gap(design.matrix / 100)
        )
        for metric in bootstrap.METRICS:
            assert found[metric] == pytest.approx(bootstrap.point_estimate(design.matrix, metric))


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


def test_probability_of_improvement_is_rliables(d3rlpy_designs: dict[str, configurations.Design]):
    from rliable import metrics

    first, second = d3rlpy_designs["IQL"].matrix, d3rlpy_designs["CQL"].matrix
    estimate, interval = estimators.probability_of_improvement(first, second)
    assert estimate == pytest.approx(metrics.probability_of_improvement(first, second))
    shares = [
        stats.mannwhitneyu(first[:, task], second[:, task], alternative="greater").statistic / 100
        for task in range(12)
    ]
    assert estimate == pytest.approx(np.mean(shares))
    assert interval.low < estimate < interval.high


def test_performance_profile_is_rliables(d3rlpy_designs: dict[str, configurations.Design]):
    from rliable import library

    matrix, thresholds = d3rlpy_designs["IQL"].matrix, np.linspace(0, 110, 23)
    found = estimators.performance_profile(matrix, thresholds)
    state = np.random.get_state()  # noqa: NPY002 (rliable draws from the global generator)
    np.random.seed(0)  # noqa: NPY002
    try:
        profile, bounds = library.create_performance_profile({"IQL": matrix}, thresholds, reps=1000)
    finally:
        np.random.set_state(state)  # noqa: NPY002
    assert found["share"].to_numpy() == pytest.approx(profile["IQL"])
    assert found["low"].to_numpy() == pytest.approx(bounds["IQL"][0], abs=0.02)
    assert found["high"].to_numpy() == pytest.approx(bounds["IQL"][1], abs=0.02)


def test_a_profile_counts_scores_strictly_above():
    found = estimators.performance_profile(HAND, np.array([20.0, 19.9]))
    assert list(found["share"]) == [5 / 8, 7 / 8]


def test_sample_efficiency_is_the_iqm_at_every_checkpoint():
    rng = np.random.default_rng(0)
    frames = rng.normal(50, 10, (5, 4, 3))
    found = estimators.sample_efficiency_curve(frames, replicates=500)
    for checkpoint in range(3):
        assert found["iqm_percent"][checkpoint] == pytest.approx(
            stats.trim_mean(frames[:, :, checkpoint], 0.25, axis=None)
        )
    assert (found["small_low_percent"] < found["iqm_percent"]).all()
    small = found["small_high_percent"] - found["small_low_percent"]
    assert (small > found["high_percent"] - found["low_percent"]).all()
    with pytest.raises(TablesError, match="checkpoints"):
        estimators.sample_efficiency_curve(frames[0])


# The split of the variance.


def made_up_episodes(
    seeds: int, updates: int, episodes: int, sds: tuple[float, float, float], rng: np.random.Generator
) -> pd.DataFrame:
    """Episodes with known standard deviations between seeds, between checkpoints and between episodes."""
    course = np.linspace(0, 30, updates)
    level = (
        rng.normal(0, sds[0], (seeds, 1, 1)) + rng.normal(0, sds[1], (seeds, updates, 1)) + course[:, None]
    )
    score = level + rng.normal(0, sds[2], (seeds, updates, episodes))
    index = np.indices(score.shape).reshape(3, -1)
    return pd.DataFrame({"seed": index[0], "update": index[1], "score_percent": score.ravel()})


def test_variance_split_recovers_what_was_put_in():
    rng = np.random.default_rng(0)
    found = variance_module.split_variance(made_up_episodes(400, 6, 5, (4.0, 3.0, 8.0), rng))
    assert found.seed_sd == pytest.approx(4.0, rel=0.1)
    assert found.checkpoint_sd == pytest.approx(3.0, rel=0.1)
    assert found.episode_sd == pytest.approx(8.0, rel=0.03)
    assert (found.seeds, found.checkpoints, found.episodes) == (400, 6, pytest.approx(5))


def test_variance_split_is_unbiased_with_unequal_episodes():
    rng = np.random.default_rng(1)
    found = []
    for _ in range(40):
        episodes = made_up_episodes(100, 3, 12, (3.0, 2.0, 9.0), rng)
        kept = (episodes.groupby(["seed", "update"]).cumcount() < 3) | (episodes["update"] == 2)
        split = variance_module.split_variance(episodes[kept])
        assert split.checkpoint_sd is not None
        found.append([split.seed_sd**2, split.checkpoint_sd**2, split.episode_sd**2])
    error = np.std(found, axis=0) / np.sqrt(len(found))
    assert (np.abs(np.mean(found, axis=0) - [9, 4, 81]) < 3.5 * error).all()


def test_variance_split_by_hand_at_one_checkpoint():
    # Two seeds, two episodes: within 2 each, between means (1 and 5) 8; 8 - 2 / 2 = 7.
    episodes = pd.DataFrame({"seed": [0, 0, 1, 1], "update": 1, "score_percent": [0.0, 2.0, 4.0, 6.0]})
    found = variance_module.split_variance(episodes)
    assert found.episode_sd == pytest.approx(np.sqrt(2))
    assert found.seed_sd == pytest.approx(np.sqrt(7))
    assert found.checkpoint_sd is None


def test_episodes_are_never_taken_for_seeds():
    """A thousand episodes of two seeds leave the interval of the mean as wide as two seeds make it."""
    episodes = pd.DataFrame({"seed": [0, 0, 1, 1], "update": 1, "score_percent": [0.0, 2.0, 4.0, 6.0]})
    many = pd.concat([episodes] * 500, ignore_index=True)
    runs = many.groupby("seed")["score_percent"].mean().to_numpy()
    found = intervals.mean_interval(runs)
    assert found.df == 1
    assert found.high - found.low == pytest.approx(2 * stats.t.ppf(0.975, 1) * 2)


@pytest.mark.parametrize(
    ("episodes", "words"),
    [
        ({"seed": [0, 0], "update": [1, 1], "score_percent": [1.0, 2.0]}, "at least 2 training seeds"),
        ({"seed": [0, 0, 1], "update": [1, 2, 1], "score_percent": [1.0, 2.0, 3.0]}, "same checkpoints"),
        ({"seed": [0, 1], "update": [1, 1], "score_percent": [1.0, 2.0]}, "two episodes"),
    ],
)
def test_variance_that_cannot_be_split_is_said(episodes: dict, words: str):
    with pytest.raises(TablesError, match=words):
        variance_module.split_variance(pd.DataFrame(episodes))


# From rows to matrices.


def test_labels_are_as_short_as_they_can_be(made_up_tables: dict[str, pd.DataFrame]):
    labels = set(configurations.with_labels(made_up_tables["scores"])["label"])
    assert labels == {
        "bc",
        "iql",
        "diffusion_ql N=2",
        "diffusion_ql N=5",
        "diffusion_ql N=10",
        "diffusion_ql N=20",
        "diffusion_ql N=20 ddim_5",
    }


def test_several_training_lengths_are_several_configurations(made_up_tables: dict[str, pd.DataFrame]):
    rows = made_up_tables["scores"]
    rows = rows[rows["method"] == "iql"]
    longer = rows.assign(digest="ffffffff", update=100_000)
    labels = set(configurations.with_labels(pd.concat([rows, longer]))["label"])
    assert labels == {"iql 50k updates", "iql 100k updates"}


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


def test_a_summary_without_aggregates_says_so(made_up_tables: dict[str, pd.DataFrame]):
    raw = made_up_tables["scores"].assign(score_unit="return")
    table = summary_module.summary_table(
        statistics_experiment.all_tables(raw, replicates=100, coverage_studies=0)
    )
    assert table.rows == []
    assert "normalised scale" in table.lead[0]


def test_one_seed_has_a_summary_without_intervals(made_up_tables: dict[str, pd.DataFrame]):
    scores = made_up_tables["scores"]
    one = scores[scores["seed"] == scores["seed"].min()]
    table = summary_module.summary_table(
        statistics_experiment.all_tables(one, replicates=100, coverage_studies=10)
    )
    assert table.rows
    assert not any("simulated coverage" in note for note in table.notes)


def test_the_fixture_goes_through_the_whole(d3rlpy: pd.DataFrame, tmp_path: Path):
    tables = statistics_experiment.all_tables(d3rlpy, replicates=1000, coverage_studies=0)
    statistics_experiment.write_tables(tables, tmp_path)
    written = pd.read_csv(tmp_path / "aggregates.csv")
    assert len(written) == 5 * 4
    assert (written["small_sample_low_percent"] < written["estimate_percent"]).all()
    assert set(written["num_seeds"]) == {10}
    assert len(pd.read_csv(tmp_path / "cells.csv")) == 5 * 12


def test_the_table_in_the_documentation_is_what_the_fixture_gives():
    runs = read_d3rlpy_runs()
    table = summary_module.summary_table(
        statistics_experiment.all_tables(runs[runs["selection"] == "last"], coverage_studies=0)
    )
    page = (Path(__file__).parents[3] / "docs" / "tables.md").read_text(encoding="utf-8")
    lines = [line for line in table_module.markdown(table).splitlines() if "(A)" in line]
    assert len([line for line in lines if line.startswith("| ") and line in page]) == 11


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
