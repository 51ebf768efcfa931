"""From records to scores: units of single cells, means of episodes, empty names, the project's tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recheck.errors import TablesError

from paper_tables import frames
from paper_tables.score_files.options import ScoreOptions
from paper_tables.score_files.read import read_scores

CELLS = {
    (method, task): 50.0 + 10 * number
    for method in ("iql", "bc")
    for number, task in enumerate(("hopper-medium-v2", "walker2d-medium-v2", "halfcheetah-medium-v2"))
}


def table(folder: Path, factor: dict[tuple[str, str], float] | None = None, **columns: object) -> Path:
    """A file of three seeds a cell; `factor` multiplies the scores of cells."""
    rows = [
        {
            "method": method,
            "task": task,
            "seed": seed,
            "score": ((factor or {}).get((method, task), 1.0)) * (mean + seed),
        }
        for (method, task), mean in CELLS.items()
        for seed in range(3)
    ]
    path = folder / "s.csv"
    pd.DataFrame(rows).assign(**columns).to_csv(path, index=False)
    return path


@pytest.mark.parametrize("factor", [0.01, 0.001])
@pytest.mark.parametrize("methods", [("iql",), ("iql", "bc")])
def test_fractions_on_one_task_are_refused(factor: float, methods: tuple[str, ...], tmp_path: Path):
    path = table(tmp_path, {(method, "hopper-medium-v2"): factor for method in methods})
    with pytest.raises(TablesError, match=r"on hopper-medium-v2 has .*Give unit=fraction if all"):
        read_scores(path)
    scores = read_scores(path, ScoreOptions(unit="percent")).runs
    own = scores[(scores["method"] == "iql") & (scores["task"] == "hopper-medium-v2")]
    assert list(own["score_percent"]) == pytest.approx([factor * mean for mean in (50, 51, 52)])


def test_very_small_fractions_are_refused_and_stated_ones_multiplied(tmp_path: Path):
    path = table(tmp_path, dict.fromkeys(CELLS, 0.001))
    with pytest.raises(TablesError, match=r"\(6 such methods and tasks\)"):
        read_scores(path)
    scores = read_scores(path, ScoreOptions(unit="fraction")).runs["score_percent"]
    assert sorted(scores)[0] == pytest.approx(5.0)


def test_low_scores_of_a_task_that_has_them_are_read(tmp_path: Path):
    (tmp_path / "s.csv").write_text(
        "method,task,seed,score\na,relocate-human-v1,0,0.12\na,relocate-human-v1,1,0.05\n"
    )
    assert list(read_scores(tmp_path / "s.csv").runs["score_percent"]) == [0.12, 0.05]


@pytest.mark.parametrize("role", ["method", "task", "seed"])
def test_an_empty_cell_of_a_name_is_refused_with_its_line(role: str, tmp_path: Path):
    path = table(tmp_path)
    frame = pd.read_csv(path, dtype=str)
    frame.loc[4, role] = ""
    frame.to_csv(path, index=False)
    with pytest.raises(TablesError, match=f"s.csv, line 6.*{role}.* while other rows have one"):
        read_scores(path)


def test_empty_methods_can_be_stated(tmp_path: Path):
    path = table(tmp_path)
    frame = pd.read_csv(path, dtype=str)
    frame.loc[frame["method"] == "bc", "method"] = ""
    frame.to_csv(path, index=False)
    assert set(read_scores(path, ScoreOptions(method="mine")).runs["method"]) == {"iql", "mine"}


def test_a_score_is_a_mean_of_the_episodes_that_are_stated(tmp_path: Path):
    head = "method,task,seed,score,num_episodes\n"
    (tmp_path / "s.csv").write_text(f"{head}a,kitchen-mixed-v0,0,52.5,10\na,kitchen-mixed-v0,1,48.3,10\n")
    with pytest.raises(
        TablesError, match=r"line 3: 48.3 on kitchen-mixed-v0 is not a mean of 10 episodes.* 2.5;"
    ):
        read_scores(tmp_path / "s.csv")
    (tmp_path / "s.csv").write_text(f"{head}a,kitchen-mixed-v0,0,52.5,10\na,kitchen-mixed-v0,1,48.3,30\n")
    assert list(read_scores(tmp_path / "s.csv").runs["score_percent"]) == [52.5, 48.3]


def test_a_table_of_this_project_is_read_as_it_is(tmp_path: Path):
    runs = read_scores(table(tmp_path)).runs
    runs = runs.assign(environment_id="Hopper-v4", comparability="recollected", num_episodes=10)
    frames.write_parquet(runs, tmp_path / "scores.parquet", "scores")
    for path in (tmp_path / "scores.parquet", tmp_path):
        found = read_scores(path)
        pd.testing.assert_frame_equal(found.runs[runs.columns], runs, check_dtype=False)
        assert "table of scores of this project" in found.messages[0]
    with pytest.raises(TablesError, match="leave out unit, version"):
        read_scores(tmp_path, ScoreOptions(unit="percent", version="v2"))


def test_a_task_beside_its_environment_is_the_task(tmp_path: Path):
    path = table(tmp_path, environment_id="Hopper-v4")
    found = read_scores(path)
    assert set(found.runs["task"]) == {task for _, task in CELLS}
    assert "Columns not used (1): 'environment_id'." in found.messages
    assert np.isfinite(found.runs["score_percent"]).all()


@pytest.mark.parametrize(("factor", "unit"), [(1.0, "percent"), (0.01, "fraction")])
def test_scores_that_are_called_returns_are_not_normalised_again(factor: float, unit: str, tmp_path: Path):
    path = table(tmp_path, dict.fromkeys(CELLS, factor))
    named = path.with_name("r.csv")
    named.write_text(path.read_text().replace("score", "evaluation/average_return"))
    with pytest.raises(
        TablesError, match=rf"r\.csv, line \d+: the column is called .*Give unit={unit}, or unit="
    ):
        read_scores(named)
    runs = read_scores(named, ScoreOptions(unit=unit)).runs
    hopper = runs[(runs["method"] == "iql") & (runs["task"] == "hopper-medium-v2")]
    np.testing.assert_allclose(hopper["score_percent"], [50.0, 51.0, 52.0])
    # Stated returns are normalised: 50 is 2.2 percent between D4RL's -20.27 and 3234.3.
    stated = read_scores(named, ScoreOptions(unit="return")).runs if factor == 1.0 else None
    if stated is not None:
        assert stated["score_percent"].max() < 5.0


def test_raw_returns_of_a_failed_method_next_to_others_are_returns(tmp_path: Path):
    rows = [
        ("ok", "hopper-medium-v2", 2000.0),
        ("ok", "walker2d-medium-v2", 3500.0),
        ("bad", "hopper-medium-v2", 66.0),
    ]
    lines = [f"{method},{task},{seed},{value + seed}" for method, task, value in rows for seed in range(3)]
    (tmp_path / "r.csv").write_text("method,task,seed,return\n" + "\n".join(lines))
    runs = read_scores(tmp_path / "r.csv").runs
    np.testing.assert_allclose(
        runs[runs["method"] == "bad"]["score_percent"].min(), 100 * 86.272305 / 3254.572305
    )


def test_scores_that_cannot_be_fractions_are_those_of_a_method_that_failed(tmp_path: Path):
    path = table(tmp_path, {("iql", "halfcheetah-medium-v2"): -1 / 60})
    runs = read_scores(path).runs
    failed = runs[(runs["method"] == "iql") & (runs["task"] == "halfcheetah-medium-v2")]
    assert failed["score_percent"].between(-1.3, -1.0).all()


@pytest.mark.parametrize("count", ["ten", "0", "2.5", "-3"])
def test_a_number_of_episodes_is_a_whole_one(count: str, tmp_path: Path):
    path = table(tmp_path, episodes=count)
    with pytest.raises(
        TablesError, match=rf"s\.csv, line 2: the number of episodes is '{count}'; it is a whole"
    ):
        read_scores(path)
