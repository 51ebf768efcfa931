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
