"""The three forms of a table: nothing in a cell is run by a spreadsheet, a browser or TeX, and all fits."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from paper_tables.rendering import table as table_module
from paper_tables.rendering.table import Cell, Table
from paper_tables.tables import layout as layout_module
from paper_tables.tables import paper_table

LAYOUTS = [*layout_module.layout_names(), *layout_module.combined_layout_names()]
FORMULA = '=HYPERLINK("http://x","y")'


@pytest.mark.parametrize("text", [FORMULA, "+cmd|' /C calc'!A0", "-1+cmd|'x'!A0", "@SUM(A1)", "\t=1", "-x"])
def test_a_formula_is_not_run_by_a_spreadsheet(text: str):
    written = table_module.as_csv(Table("", [text, "b"], [[Cell(text), Cell("1")]]))
    rows = list(csv.reader(io.StringIO(written)))
    assert rows == [["'" + text, "b"], ["'" + text, "1"]]
    frame = table_module.csv_frame(pd.DataFrame({"label": [text], "value": [-1.5]}))
    assert list(csv.reader(io.StringIO(frame)))[1] == ["'" + text, "-1.5"]


@pytest.mark.parametrize(
    "text", ["-1.5", "+3", "-53.8 [-60.0, -18.1] (3)", "-1.0 ± 0.5 (3) [different (lower)] (set,u)", "–"]
)
def test_a_number_stays_a_number(text: str):
    assert table_module.csv_text(text) == text


def test_markdown_shows_html_and_links_literally():
    bad = "<script>alert(1)</script> [x](javascript:1) &lt; a|b"
    table = Table(bad, [bad], [[Cell(bad, marks=("<b>",))]], [bad], lead=[bad])
    text = table_module.markdown(table).replace("<sup>", "").replace("</sup>", "")
    assert "<" not in text
    assert "](" not in text
    assert "&amp;lt;" in text
    assert all(
        line.count("|") - line.count("\\|") == 2 for line in text.splitlines() if line.startswith("| ")
    )
    assert "\n" not in table_module.markdown_text("one\ntwo")


def test_latex_sets_commands_literally_and_a_title_stays_a_comment():
    table = Table("t\n\\input{x}", ["\\input{x}"], [[Cell("\\write18{rm}")]], ["$x$ % _"])
    text = table_module.latex(table)
    assert "\n\\input" not in text
    assert "\\write18" not in text
    assert r"\textbackslash{}write18\{rm\}" in text


def _compiler() -> list[str] | None:
    if shutil.which("pdflatex"):
        return ["pdflatex", "-interaction=nonstopmode", "-halt-on-error"]
    return ["tectonic", "--keep-logs"] if shutil.which("tectonic") else None


def compiled(table: Table, folder: Path) -> list[float]:
    """Compile a table at a text width of 5.5 inches; returns the points by which boxes are too wide."""
    (folder / "table.tex").write_text(table_module.document(table_module.latex(table)), encoding="utf-8")
    done = subprocess.run(
        [*(_compiler() or []), "table.tex"],
        cwd=folder,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    log = (folder / "table.log").read_text(encoding="utf-8", errors="replace")
    return [float(points) for points in re.findall(r"Overfull .hbox \(([0-9.]+)pt too wide", log)]


@pytest.mark.skipif(_compiler() is None, reason="neither pdflatex nor tectonic is installed")
@pytest.mark.parametrize("name", [*LAYOUTS, "signs", "wide"])
def test_latex_compiles_and_fits(name: str, tmp_path: Path):
    if name == "signs":
        rows = [
            [Cell(f"a_{verdict} 100% #{{}}~^\\$&"), Cell("1 <2> ± –|", True, verdict, ("v2", "u"))]
            for verdict in table_module.MARKS
        ]
        table = Table("Every sign & letter", ["Task_1", "±"], list(rows), ["Note: 5% & more_ _."])
    elif name == "wide":
        cells = [Cell("halfcheetah-medium-expert-v2"), *[Cell(f"{n}.5 ± 0.1 (10)") for n in range(25)]]
        table = Table("Wide", ["Task", *[f"diffusion_ql {n}" for n in range(25)]], [cells] * 3, ["ab" * 60])
        table.notes = ["Datasets: " + ", ".join(["halfcheetah-medium-expert-v2"] * 9)]
    else:
        layout = layout_module.read_layout(name)
        table = paper_table.layout_table(layout, *paper_table.layout_cells(layout))
    assert all(points <= 5 for points in compiled(table, tmp_path))
    assert (tmp_path / "table.pdf").stat().st_size > 1000


def test_a_very_wide_table_is_cut_into_readable_parts():
    header = ["Task", *[f"method number {n}" for n in range(20)]]
    table = Table("Wide", header, [[Cell("hopper-medium-v2"), *[Cell("1.0")] * 20]])
    parts = table_module.panels(table)
    assert len(parts) > 1
    assert all(part[0] == 0 for part in parts)
    assert [place for part in parts for place in part[1:]] == list(range(1, 21))
    assert table_module.panels(Table("", ["a", "b"], [[Cell("1"), Cell("2")]])) == [[0, 1]]
