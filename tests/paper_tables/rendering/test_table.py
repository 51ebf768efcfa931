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
from paper_tables.tables import layout_files, paper_table

LAYOUTS = [*layout_files.layout_names(), *layout_files.combined_layout_names()]
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
        layout = layout_files.read_layout(name)
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


# --- Rendering ---


def test_the_three_forms_of_a_small_table():
    table = Table(
        "A & B",
        ["Task", "x_1"],
        [
            [Cell("hopper_a"), Cell("1.0 ± 0.1", True, "reproduced", ("u", "h"))],
            None,
            [Cell("b|c"), Cell("–")],
        ],
        ["50% of #1."],
    )
    assert table_module.markdown(table) == (
        "### A & B\n\n| Task | x_1 |\n| --- | ---: |\n| hopper_a | **1.0 ± 0.1** ✓<sup>u,h</sup> |\n"
        "| b\\|c | – |\n\n- 50% of #1.\n"
    )
    assert table_module.as_csv(table) == 'Task,x_1\nhopper_a,"1.0 ± 0.1 [reproduced] (u,h)"\nb|c,–\n'
    assert table_module.latex(table) == (
        "% A & B\n\\begin{tabular}{lr}\n\\toprule\nTask & x\\_1 \\\\\n\\midrule\n"
        "hopper\\_a & \\textbf{1.0 $\\pm$ 0.1} $\\surd$\\textsuperscript{u,h} \\\\\n\\midrule\n"
        "b$|$c & -- \\\\\n\\bottomrule\n\\end{tabular}\n\n"
        "\\medskip\n\\noindent\\begin{minipage}{\\linewidth}\\footnotesize\n"
        "50\\% of \\#1.\\par\n\\end{minipage}\n"
    )


def test_a_long_table_is_cut_between_groups_for_latex():
    rows: list[list[Cell] | None] = []
    for group in range(5):
        rows += [None] if group else []
        rows += [[Cell(f"{group} {number}")] for number in range(20)]
    parts = table_module.pages(rows)
    assert [len(part) for part in parts] == [41, 41, 20]
    assert [row for part in parts for row in part if row] == [row for row in rows if row]
    assert all(part[0] is not None and part[-1] is not None for part in parts)
    assert [len(part) for part in table_module.pages([[Cell(str(number))] for number in range(100)])] == [
        45,
        45,
        10,
    ]
    written = table_module.latex(Table("Long", ["Task"], rows))
    assert written.count("\\toprule") == written.count("Task \\\\") == 3


def test_every_verdict_has_a_sign():
    from paper_tables.verdicts.decision_rule import VERDICTS

    assert set(table_module.MARKS) == set(VERDICTS)
    assert len({sign for sign, _ in table_module.MARKS.values()}) == len(VERDICTS)
