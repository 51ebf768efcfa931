"""Every score that was read is shown or named."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from paper_tables import frames
from paper_tables.tables import layout_files, not_used, paper_table
from paper_tables.tables.__main__ import main


def runs(rows: list[tuple[str, str]], seeds: int = 3) -> pd.DataFrame:
    """(method, task) -> made-up runs that IQL's table shows if their names are right."""
    made = [
        {
            "method": method,
            "task": task,
            "variant": "paper",
            "digest": "01234567",
            "diffusion_steps": 0,
            "sampling": "default-0123abcd",
            "seed": seed,
            "selection": "last",
            "update": 1_000_000,
            "score_percent": 60.0 + seed,
            "comparability": "original",
            "score_unit": "percent",
            "num_checkpoints": 1,
        }
        for method, task in rows
        for seed in range(seeds)
    ]
    return frames.check(pd.DataFrame(made), "scores", "made up")


@pytest.mark.parametrize(
    ("method", "task", "words"),
    [
        (
            "iql",
            "walker2d-medum-v2",
            "there is no task 'walker2d-medum-v2', the nearest is walker2d-medium-v2",
        ),
        ("iql", "hopper-medium-v2 ", "there is no task 'hopper-medium-v2 ', the nearest is hopper-medium-v2"),
        ("iql", "Hopper-medium-v2", "there is no task 'Hopper-medium-v2', the nearest is hopper-medium-v2"),
        ("IQL", "hopper-medium-v2", "method 'IQL' is not spelled 'iql'"),
        ("sac_n", "hopper-medium-v2", "method sac_n has no column"),
        ("iql", "maze2d-umaze-v1", "task maze2d-umaze-v1 is not in this table"),
    ],
)
def test_what_matches_nothing_is_named_with_its_number(method: str, task: str, words: str):
    layout = layout_files.read_layout("iql_table_1")
    every = runs([("iql", "halfcheetah-medium-v2"), (method, task)])
    cells, shown = paper_table.layout_cells(layout, every)
    assert not_used.not_used_note(layout, every, shown) == f"3 rows not used: {words} (3)."
    assert any("3 rows not used" in n for n in paper_table.layout_table(layout, cells, shown, every).notes)


def test_nothing_is_said_where_all_is_used():
    layout = layout_files.read_layout("iql_table_1")
    every = runs([("iql", "halfcheetah-medium-v2")])
    _, shown = paper_table.layout_cells(layout, every)
    assert not_used.not_used_note(layout, every, shown) == ""


def test_an_absent_environment_is_unknown_and_not_another(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    every = runs([("iql", "hopper-medium-v2")], seeds=5).drop(columns="environment_match")
    every.to_parquet(tmp_path / "scores.parquet", index=False)
    arguments = ["--scores", str(tmp_path), "--layout", "iql_table_1", "--output", str(tmp_path / "out")]
    assert main(arguments) == 0
    text = (tmp_path / "out/iql_table_1.md").read_text(encoding="utf-8")
    assert "the environment of our runs is not stated" in text
    assert "another" not in text
    cells = pd.read_csv(tmp_path / "out/iql_table_1_cells.csv")
    assert set(cells["verdict"].dropna()) != {"not_judged"}
    assert capsys.readouterr().out == ""
