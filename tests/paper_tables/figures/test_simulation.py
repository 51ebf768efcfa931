"""Tables and figures of the simulation, and the page that shows them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from paper_tables.figures import simulation as figures
from paper_tables.figures import style
from paper_tables.publish import readme
from paper_tables.verdicts import simulation

REPOSITORY = Path(__file__).parents[3]
PAGE = REPOSITORY / "docs/statistics.md"


@pytest.fixture(scope="module")
def small() -> pd.DataFrame:
    """The whole simulation at its smallest size."""
    return simulation.run(100, seed=0)


def test_every_table_and_figure_is_written(small: pd.DataFrame, tmp_path: Path):
    names = figures.write(small, tmp_path)
    for name in names:
        assert list(tmp_path.glob(f"{name}.*")), name
    text = (tmp_path / "verdict_error.md").read_text(encoding="utf-8")
    for group in figures.GROUPS:
        assert f"| {group} |" in text
    assert (tmp_path / "verdict_error.png").stat().st_size > 10_000
    assert (tmp_path / "verdict_power.png").stat().st_size > 10_000


def test_a_missing_file_is_one_message(tmp_path: Path, capsys):
    arguments = ["--simulation", str(tmp_path / "absent.csv"), "--output", str(tmp_path)]
    assert figures.main(arguments) == 2
    assert "There is no file" in capsys.readouterr().err


def test_the_page_shows_every_table_and_no_rate_above_the_promise(small: pd.DataFrame, tmp_path: Path):
    figures.write(small, tmp_path)
    blocks = readme.blocks(PAGE.read_text(encoding="utf-8"), "statistics.md")
    assert {block.name for block in blocks} == {path.name for path in tmp_path.glob("*.md")}
    assert all(block.body for block in blocks)
    error = next(block.body for block in blocks if block.name == "verdict_error.md")
    after = [
        float(cell.split("→")[-1])
        for line in error.splitlines()
        if line.startswith("| ") and not line.startswith(("| Seeds", "| ---"))
        for cell in line.strip("| ").split(" | ")[1:]
    ]
    assert len(after) == 6 * len(figures.GROUPS)
    assert max(after) <= 5.5
    for path in readme.pictures(PAGE.read_text(encoding="utf-8")):
        assert (PAGE.parent / path).is_file()


def test_no_text_is_cut_or_over_other_text(small: pd.DataFrame, layout_faults):
    with style.house_style():
        assert layout_faults(figures.draw_error(small)) == []
        assert layout_faults(figures.draw_power(small)) == []
