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


def test_each_table_has_its_own_forest(judged_cells: Path, tmp_path: Path):
    cells = pd.read_csv(judged_cells).assign(table=["one"] * 3 + ["two"] * 5)
    cells.to_csv(tmp_path / "cells.csv", index=False)
    judged = forest.forest_rows(tmp_path / "cells.csv")
    done = style.Figures(tmp_path / "f")
    with style.house_style():
        forest.forest_figures(done, judged)
    assert set(done.captions) == {"forest", "forest_2"}
    assert done.captions["forest_2"].startswith("Table two: our mean")


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
    assert "released code" in done.captions["forest"]
    assert "reported" not in done.captions["forest"]
