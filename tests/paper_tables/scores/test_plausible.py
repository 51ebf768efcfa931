"""Scores that cannot be what they are said to be are refused; real ones never are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recheck.errors import TablesError

from paper_tables.public_runs import reader
from paper_tables.scores import plausible
from paper_tables.scores.d3rlpy import read_d3rlpy_runs


def scores(cells: dict[tuple[str, str], list[float]], unit: str = "percent") -> pd.DataFrame:
    """(method, task) -> the score of every seed."""
    return pd.DataFrame(
        [
            {"method": method, "task": task, "seed": seed, "score_percent": score, "score_unit": unit}
            for (method, task), found in cells.items()
            for seed, score in enumerate(found)
        ]
    )


HOPPER, WALKER = "hopper-medium-v2", "walker2d-medium-v2"


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({("iql", HOPPER): [0.66, 0.67], ("bc", WALKER): [0.7, 0.72]}, "look like fractions"),
        ({("iql", HOPPER): [0.66, 0.67], ("bc", HOPPER): [52.0, 53.0]}, "of iql look like fractions"),
        ({("iql", HOPPER): [0.66, 0.65, 66.0, 67.0], ("bc", HOPPER): [52.0, 53.0]}, "two units"),
    ],
)
def test_fractions_are_refused(cells: dict[tuple[str, str], list[float]], words: str):
    with pytest.raises(TablesError, match=words):
        plausible.check_unit(scores(cells), "x.csv")


@pytest.mark.parametrize(
    "cells",
    [
        {("iql", "relocate-human-v1"): [0.1, 0.0, 0.2]},
        {("iql", "antmaze-large-play-v2"): [0.0, 0.0, 1.0]},
        {("iql", HOPPER): [66.0, 0.8], ("bc", HOPPER): [52.0, 53.0]},
        {("iql", HOPPER): [1.4, 1.5, 1.6]},
    ],
)
def test_low_scores_are_not(cells: dict[tuple[str, str], list[float]]):
    plausible.check_unit(scores(cells), "x.csv")


def test_no_real_run_is_refused():
    plausible.check_unit(read_d3rlpy_runs(), "d3rlpy")
    plausible.check_range(read_d3rlpy_runs(), "d3rlpy")
    plausible.check_against_reports(read_d3rlpy_runs(), "d3rlpy")
    for source in reader.read_sources().to_dict("records"):
        runs = reader.read_source(pd.Series(source))
        runs = runs.assign(method=runs["method_name"], score_unit="percent")
        runs = runs[runs["task"].notna()]
        if len(runs):
            plausible.check_unit(runs, source["source"])
            plausible.check_range(runs, source["source"])
            plausible.check_against_reports(runs, source["source"])


@pytest.mark.parametrize(
    ("task", "score", "words"),
    [
        ("antmaze-umaze-v2", 101.0, "0 to 100 percent"),
        ("antmaze-umaze-v2", -1.0, "0 to 100 percent"),
        ("kitchen-mixed-v0", 130.0, "0 to 100 percent"),
    ],
)
def test_a_score_that_the_task_cannot_give_is_refused(task: str, score: float, words: str):
    with pytest.raises(TablesError, match=words):
        plausible.check_range(scores({("iql", task): [50.0, score]}), "x.csv")


def test_an_unusual_score_is_named():
    assert "160" in plausible.unusual(HOPPER, np.array([66.0, 3000.0]))
    assert plausible.unusual(HOPPER, np.array([66.0, 112.0])) == ""
    assert plausible.unusual("no-task", np.array([9e9])) == ""


@pytest.mark.parametrize("task", ["hopper-medium-v2", "hopper-medium-v0", "hopper-medium-v1"])
def test_scores_of_a_few_tenths_are_refused_where_reports_of_any_version_begin_higher(task: str):
    few = scores({("iql", task): [0.10, 0.12, 0.13]})
    with pytest.raises(
        TablesError, match=f"iql on {task} has 0.1 to 0.13; reported scores of this task begin"
    ):
        plausible.check_against_reports(few, "x.csv")
    assert plausible.near_zero_unreported(few) == []


def test_where_no_score_is_reported_they_are_named():
    """Minari's tasks, and own data: nothing distinguishes fractions from what learned nothing."""
    unknown = scores({("iql", "minari-hopper-medium-v0"): [0.10, 0.12], ("iql", "mine-v0"): [0.1, 0.3]})
    plausible.check_against_reports(unknown, "x.csv")
    said = plausible.near_zero_unreported(unknown)
    assert [message.split(":")[0] for message in said] == ["iql on minari-hopper-medium-v0", "iql on mine-v0"]
    assert "scores of 0.1 to 0.12 are taken as percent" in said[0]
    assert (
        plausible.near_zero_unreported(scores({("iql", "mine-v0"): [0.0, 1.0], ("bc", "mine-v0"): [3.0]}))
        == []
    )
    # Relocate is near 0 in print too: neither refused nor named.
    relocate = scores({("iql", "relocate-human-v1"): [0.1, 0.2]})
    plausible.check_against_reports(relocate, "x.csv")
    assert plausible.near_zero_unreported(relocate) == []
    # On the large mazes nothing is reported below 0, but 0.02 may be 2 of 100 episodes.
    maze = scores(
        {("iql", "antmaze-large-play-v2"): [0.02, 0.08], ("bc", "antmaze-large-play-v2"): [0.0, 1.0]}
    )
    plausible.check_against_reports(maze, "x.csv")
    (said_of_maze,) = plausible.near_zero_unreported(maze)
    assert said_of_maze.startswith(
        "iql on antmaze-large-play-v2: scores of 0.02 to 0.08 are taken as percent"
    )


def test_identical_seeds_and_repeated_runs_are_named():
    equal = scores({("iql", HOPPER): [66.0] * 5, ("iql", "antmaze-umaze-v2"): [100.0] * 5})
    assert [message.split(":")[0] for message in plausible.identical_seeds(equal)] == [f"iql on {HOPPER}"]
    copied = scores({("iql", HOPPER): [66.0, 67.0, 66.0], ("iql", WALKER): [80.0, 81.0, 80.0]})
    assert "seeds 0, 2" in plausible.repeated_runs(copied)[0]
    assert plausible.repeated_runs(scores({("iql", HOPPER): [66.0, 67.0], ("iql", WALKER): [8.0, 9.0]})) == []


def test_the_commands_refuse_fractions(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    from paper_tables import frames
    from paper_tables.statistics.__main__ import main as statistics
    from paper_tables.tables.__main__ import main as tables

    runs = read_d3rlpy_runs()
    runs = runs[(runs["method"] == "IQL") & (runs["selection"] == "last")]
    runs = runs.assign(score_percent=runs["score_percent"] / 100)
    frames.write_parquet(runs, tmp_path / "scores.parquet", "scores")
    for command, more in ((statistics, []), (tables, ["--layout", "iql_table_1"])):
        out = tmp_path / "out"
        assert command(["--scores", str(tmp_path), "--output", str(out), *more]) == 2
        assert "look like fractions" in capsys.readouterr().err
        assert not out.exists()


@pytest.mark.parametrize(
    ("score", "episodes", "step"),
    [
        (51.0, 10, 2.5),
        (48.3, 10, 2.5),
        (52.5, 10, None),
        (33.3, 3, None),
        (33.4, 3, 25 / 3),
        (48.3, 100, None),
    ],
)
def test_a_kitchen_score_is_a_mean_of_its_episodes(score: float, episodes: int, step: float | None):
    assert plausible.not_of_episodes("kitchen-mixed-v0", score, episodes) == step
    assert plausible.not_of_episodes(HOPPER, score, episodes) is None
