"""Wide tables: what each column of scores is, and what is not a column of scores."""

from __future__ import annotations

from paper_tables.score_files.options import ScoreOptions
from paper_tables.score_files.wide import wide_columns

HOPPER = "hopper-medium-v2"


def test_seeds_go_before_everything_else():
    found, said = wide_columns(["seed_0", "1", "IQL"], {"task": "task"}, ScoreOptions())
    assert found == {"seed_0": {"seed": "0"}, "1": {"seed": "1"}}
    assert said == "One seed in each of the 2 columns 'seed_0', '1'."


def test_pairs_have_a_method_a_task_and_perhaps_a_seed():
    found, _ = wide_columns([f"IQL/{HOPPER}", f"Mine-{HOPPER}-seed3", "loss"], {}, ScoreOptions())
    assert found == {
        f"IQL/{HOPPER}": {"method": "IQL", "task": HOPPER},
        f"Mine-{HOPPER}-seed3": {"method": "Mine", "task": HOPPER, "seed": "3"},
    }


def test_tasks_are_columns_only_where_no_other_column_has_them():
    assert wide_columns([HOPPER, "average"], {"seed": "seed"}, ScoreOptions())[0] == {
        HOPPER: {"task": HOPPER}
    }
    assert wide_columns([HOPPER], {"task": "env"}, ScoreOptions()) == ({}, "")


def test_a_loggers_numbers_are_no_methods():
    found, _ = wide_columns(
        ["IQL", "Mine", "loss", "wall_time", "score_std"], {"task": "env"}, ScoreOptions()
    )
    assert list(found) == ["IQL", "Mine"]


def test_columns_of_unknown_names_are_not_guessed():
    assert wide_columns(["first", "second"], {"task": "env"}, ScoreOptions()) == ({}, "")
