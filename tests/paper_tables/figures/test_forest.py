"""Figures of verdicts."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from recheck.errors import TablesError

from paper_tables.figures import forest, style


def test_forest_leaves_out_what_cannot_be_compared(judged_cells: Path, tmp_path: Path):
    cells = pd.read_csv(judged_cells)
    cells.loc[0, "verdict"] = "not_judged"
    path = tmp_path / "cells.csv"
    cells.to_csv(path, index=False)
    rows = forest.forest_rows(path)
    assert len(rows) == len(cells) - 1
    assert rows[["task", "who"]].iloc[0].tolist() == ["walker-easy-v1", "iql"]
    # As the tables stage writes it where nothing was judged.
    cells.iloc[:0].to_csv(path, index=False)
    assert forest.forest_rows(path).empty
    cells.drop(columns="margin_percent").to_csv(path, index=False)
    with pytest.raises(TablesError, match="margin_percent"):
        forest.forest_rows(path)


def test_a_conditional_verdict_has_a_dashed_line_and_a_claim_that_is_not_kept_a_cross(
    judged_cells: Path, tmp_path: Path
):
    cells = pd.read_csv(judged_cells).iloc[:2].copy()
    cells["verdict"] = "reproduced"
    cells["flags"] = ["conditional", ""]
    cells["adjusted_verdict"] = ["reproduced", "inconclusive"]
    cells["interval_low"], cells["interval_high"] = -1.0, 1.0
    cells.to_csv(tmp_path / "cells.csv", index=False)
    figure = forest.draw_forest(forest.forest_rows(tmp_path / "cells.csv"))
    lines = figure.axes[0].lines
    intervals = [line.get_linestyle() for line in lines if list(line.get_xdata()) == [-1.0, 1.0]]
    assert intervals == ["--", "-"]
    assert sum(line.get_marker() == "x" for line in lines) == 1


def numbers(judged_cells: Path, tmp_path: Path, names: list[str], **columns: list[str]) -> pd.DataFrame:
    """The judged cells as numbers of these identities, read for the figure."""
    cells = pd.read_csv(judged_cells).assign(table="a_layout", number=names, **columns)
    cells.to_csv(tmp_path / "cells.csv", index=False)
    return forest.forest_rows(tmp_path / "cells.csv")


def test_a_copied_number_is_one_row_under_the_table_that_printed_it_first(judged_cells: Path, tmp_path: Path):
    names = [f"iql | Table 1 | IQL | task-{place} | last" for place in range(3)]
    names += [f"td3_bc | Table 2 | TD3+BC | task-{place} | last" for place in range(3)]
    # The seventh shows the first number again, as a copy; the eighth shows the second, in a combined table.
    rows = numbers(judged_cells, tmp_path, [*names, *names[:2]], judged_at=[""] * 6 + ["iql, Table 1", ""])
    assert rows["number"].tolist() == names
    done = style.Figures(tmp_path / "f")
    with style.house_style():
        forest.forest_figures(done, rows)
        figure = forest.draw_forest(rows)
    assert set(done.captions) == {"forest"}
    labels = [label.get_text().split("\n")[0] for label in figure.axes[0].get_yticklabels()]
    heights = figure.axes[0].get_yticks()
    from_the_top = [label for _, label in sorted(zip(heights, labels), reverse=True)]
    first, second = rows["task"].tolist()[:3], rows["task"].tolist()[3:]
    assert from_the_top == ["IQL, Table 1", *first, "TD3+BC, Table 2", *second]
    assert figure.axes[0].get_title() == ""


def test_one_table_is_the_title_and_long_ones_go_on_in_a_second_figure(
    judged_cells: Path, tmp_path: Path, monkeypatch
):
    names = [f"iql | Table 1 | IQL | task-{place} | last" for place in range(8)]
    rows = numbers(judged_cells, tmp_path, names, method=["iql"] * 8)
    with style.house_style():
        assert forest.draw_forest(rows).axes[0].get_title() == "IQL, Table 1: IQL"
    monkeypatch.setattr(forest, "FOREST_ROWS", 5)
    assert [len(page) for page in forest._pages(rows)] == [5, 3]
    # Headings take their place.
    rows["printed_in"] = list("abcdefgh")
    assert [len(page) for page in forest._pages(rows)] == [2, 2, 2, 2]


def test_runs_of_released_code_are_not_called_reported(judged_cells: Path, tmp_path: Path, monkeypatch):
    pd.read_csv(judged_cells).assign(table="reference_runs").to_csv(tmp_path / "cells.csv", index=False)
    others = []
    draw = forest.draw_forest
    monkeypatch.setattr(forest, "draw_forest", lambda rows, other: others.append(other) or draw(rows, other))
    done = style.Figures(tmp_path / "f")
    with style.house_style():
        forest.forest_figures(done, forest.forest_rows(tmp_path / "cells.csv"))
        figure = draw(forest.forest_rows(tmp_path / "cells.csv"), "released code")
    assert others == ["released code"]
    assert figure.axes[0].get_xlabel() == "ours − released code (points)"
    assert figure.axes[0].get_title() == ""
    assert "released code" in done.captions["forest"]
    assert "reported" not in done.captions["forest"]
