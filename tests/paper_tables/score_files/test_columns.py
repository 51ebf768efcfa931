"""Roles of columns by their names: loggers' groups are left out, and nothing is chosen between two."""

from __future__ import annotations

import pytest
from recheck.errors import TablesError

from paper_tables.score_files.columns import find_columns, plain
from paper_tables.score_files.options import ScoreOptions


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("eval/d4rl_normalized_score", "d4rlnormalizedscore"),
        ("config.seed", "seed"),
        ("test/return_mean", "return"),
        ("Normalized Score (mean)", "normalizedscore"),
        ("normalized_score [avg]", "normalizedscore"),
        ("mean", "mean"),
    ],
)
def test_a_name_without_its_loggers_groups(name: str, wanted: str):
    assert plain(name) == wanted


def test_a_stated_column_goes_before_a_guess():
    found = find_columns(
        ["task", "seed", "score", "z"], ScoreOptions(columns={"score": "z"}), "s.csv, line 1"
    )
    assert found.values == {"z": {}}
    assert found.unused == ["score"]


def test_a_return_is_said_to_be_one():
    assert find_columns(["task", "seed", "episode_return"], ScoreOptions(), "s.csv").is_return


def test_of_several_steps_the_first_known_is_taken_and_of_two_scores_none():
    found = find_columns(["epoch", "step", "task", "score"], ScoreOptions(), "s.csv")
    assert found.by_role["step"] == "step"
    with pytest.raises(TablesError, match="'score' and 'norm_score' could each be the score"):
        find_columns(["task", "score", "norm_score"], ScoreOptions(), "s.csv")


@pytest.mark.parametrize(
    ("names", "column"),
    [
        (["method", "task", "score", "std"], "std"),
        (["method", "task", "mean", "std", "n"], "std"),
        (["task", "IQL", "IQL_std", "Ours", "Ours_std"], "IQL_std"),
        (["method", "task", "score", "score (SEM)"], r"score \(SEM\)"),
    ],
)
def test_means_with_their_spreads_are_no_scores_of_seeds(names: list[str], column: str):
    with pytest.raises(TablesError, match=rf"line 1 has the column '{column}' and none of the seeds: means"):
        find_columns(names, ScoreOptions(), "s.csv, line 1")


@pytest.mark.parametrize(
    "names",
    [
        ["method", "task", "seed", "score", "std"],
        ["name", "score", "score_std"],
        ["method", "task", "seed_0", "seed_1", "mean", "std"],
        ["method", "task", "score", "studs"],
    ],
)
def test_spreads_next_to_the_scores_of_runs_are_not_used(names: list[str]):
    assert names[-1] in find_columns(names, ScoreOptions(), "s.csv").unused
