"""What to spend on: components of the variance, seeds needed, and what averaging buys."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from recheck.errors import TablesError

from paper_tables import frames
from paper_tables.rendering.table import markdown
from paper_tables.verdicts import planning, power
from paper_tables.verdicts.planning import Components, planning_rows, planning_table, seeds_for_margin


def test_a_scores_spread_is_that_of_its_parts():
    """By drawing seeds, checkpoints and episodes."""
    rng = np.random.default_rng(0)
    parts = Components(seeds=9.0, checkpoints=16.0, episodes=100.0)
    for checkpoints, episodes in ((1, 10), (5, 4)):
        seeds = rng.normal(0, 3, (100_000, 1))
        drawn = seeds + rng.normal(0, 4, (100_000, checkpoints))
        drawn += rng.normal(0, 10 / math.sqrt(episodes), drawn.shape)
        found = parts.sd_of_score(episodes, checkpoints)
        assert found == pytest.approx(drawn.mean(axis=1).std(), rel=0.01)


def test_the_best_number_of_episodes_costs_least():
    """IQL on hopper-sac-tqc: episode sd 19.1, seed sd 8.7, 540 s of training, 1 s an episode: 51."""
    parts = Components(8.7**2, 0.0, 19.1**2)
    best = parts.best_episodes(540.0, 1.0)
    assert best == pytest.approx(51, abs=0.5)

    def cost_of_one_error(episodes: float) -> float:
        return (540 + episodes) * parts.sd_of_score(episodes) ** 2

    assert cost_of_one_error(best) < min(cost_of_one_error(best * 1.2), cost_of_one_error(best / 1.2))
    assert Components(0.0, 1.0, 1.0).best_episodes(1.0, 1.0) == math.inf
    with pytest.raises(TablesError, match="above 0"):
        parts.best_episodes(540.0, 0.0)
    with pytest.raises(TablesError, match="at least 1"):
        parts.sd_of_score(0)


@pytest.mark.parametrize("reported", [None, 5])
def test_seeds_for_a_margin_is_the_smallest_number(reported: int | None):
    found = int(seeds_for_margin(3.0, 5.0, reported))

    def chance(seeds: int) -> float:
        sides = power.TwoSides(seeds, reported or seeds, 3.0, 3.0)
        return power.chances_of_claims(sides, 5.0).reproduced

    assert chance(found) >= 0.8 > chance(found - 1)


def test_too_wide_a_spread_is_reported():
    assert seeds_for_margin(30.0, 5.0) == ">100"
    with pytest.raises(TablesError, match="above 0"):
        seeds_for_margin(3.0, 0.0)


@pytest.fixture
def rows(made_up_tables) -> pd.DataFrame:
    return planning_rows(made_up_tables["scores"], made_up_tables["episodes"])


def test_every_method_and_task_has_a_row(rows: pd.DataFrame, made_up_tables):
    scores = made_up_tables["scores"]
    assert len(rows) == len(scores.groupby(["method", "task", "diffusion_steps", "sampling"]))
    # The fixture's episodes have a standard deviation of 8 and its runs one of 3.
    assert rows["episode_sd_percent"].mean() == pytest.approx(8, rel=0.1)
    assert (rows["num_checkpoints"] == 5).all()
    now = rows["seeds_needed_now"].str.lstrip(">").astype(int)
    averaged = rows["seeds_needed_more_checkpoints"].str.lstrip(">").astype(int)
    more = rows["seeds_needed_more_episodes"].str.lstrip(">").astype(int)
    assert (averaged <= now).all()
    assert (more <= now).all()
    assert (averaged < now).any()


def test_the_table_says_what_a_tail_mean_answers(rows: pd.DataFrame):
    text = markdown(planning_table(rows))
    assert "against a last value the verdict carries the flag other_selection" in text
    assert "| walker-easy-v0 |" in text
    assert "as many seeds as ours" in text
    assert "against a paper with 5 seeds" in markdown(planning_table(rows, 5))


def test_the_mean_of_the_last_ten_evaluations_nearly_halves_the_variance_of_real_runs():
    from paper_tables.scores.d3rlpy import read_d3rlpy_runs

    found = planning_rows(read_d3rlpy_runs(), None)
    assert len(found) == 141
    gains = found["sd_last_percent"] ** 2 / found["sd_tail_percent"] ** 2
    assert gains.median() == pytest.approx(1.84, abs=0.01)
    notes = "\n".join(planning_table(found).notes)
    assert "mean of the last 10 checkpoints" in notes
    assert "averaging is worth 1.8 times the seeds" in notes


def test_the_command_and_its_mistakes(made_up_tables, tmp_path, capsys):
    for name in ("scores", "episodes"):
        frames.write_parquet(made_up_tables[name], tmp_path / f"scores/{name}.parquet", name)
    arguments = ["--scores", str(tmp_path / "scores"), "--output", str(tmp_path / "power")]
    assert planning.main([*arguments, "--training-seconds", "600", "--seconds-per-episode", "2"]) == 0
    assert "best number of episodes per seed" in (tmp_path / "power/power.md").read_text(encoding="utf-8")
    assert {path.name for path in (tmp_path / "power").iterdir()} == {"power.md", "power.csv", "power.tex"}
    for words, message in (
        (["--margin", "0"], "above 0"),
        (["--reported-seeds", "1"], "at least 2 seeds"),
        (["--training-seconds", "600"], "both"),
    ):
        assert planning.main([*arguments, *words]) == 2
        assert message in capsys.readouterr().err
