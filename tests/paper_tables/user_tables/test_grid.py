"""The same table as CSV, Markdown and LaTeX: numbers, spreads, bold, lines."""

from __future__ import annotations

from pathlib import Path

import pytest
from recheck.errors import TablesError
from recheck_command import actions

from paper_tables.user_tables.grid import PrintedCell, read_grid
from paper_tables.user_tables.numbers import read_table

MARKDOWN = """Some text.

| Task | IQL | **Ours** |
|---|---:|---:|
| hopper-medium-v2 | 66.3 | **90.5 ± 4.6**<sup>a</sup> |
| total | 66.3 | – |
"""
LATEX = r"""\begin{tabular}{lrr} % a comment
\toprule
Task & IQL & Ours \\
\midrule
hopper-medium-v2 & $66.3$ & $\mathbf{90.5} {\scriptsize \pm 4.6}$ \\
\midrule total & 66.3 & -- \\
\bottomrule
\end{tabular}
"""
CSV = "Task,IQL,Ours\nhopper-medium-v2,66.3,90.5 (4.6)\ntotal,66.3,\n"


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [("t.md", MARKDOWN, 5), ("t.tex", LATEX, 5), ("t.csv", CSV, 2), ("t.txt", LATEX, 5)],
)
def test_three_forms_give_the_same_cells(name: str, text: str, line: int, tmp_path: Path):
    (tmp_path / name).write_text(text, encoding="utf-8")
    grid = read_grid(tmp_path / name)
    assert [cell.text for cell in grid[0]] == ["Task", "IQL", "Ours"]
    row = grid[1]
    assert row[0].text == "hopper-medium-v2"
    assert row[0].line == line
    assert row[1].number == (66.3, None, 1)
    assert row[2].number == (90.5, 4.6, 1)
    assert row[2].bold == (name != "t.csv")
    assert grid[2][2].number is None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("66.3", (66.3, None, 1)),
        ("-1", (-1.0, None, 0)),
        ("66.3±1.25", (66.3, 1.25, 1)),
        ("66.3 +/- 1", (66.3, 1.0, 1)),
        ("66.3 (1.2)", (66.3, 1.2, 1)),
        ("66.3 (±2)", (66.3, 2.0, 1)),
        ("66 (2)", (66.0, 2.0, 0)),
        ("66.3 (std 1.2)", (66.3, 1.2, 1)),
        ("66.3 (SD=2)", (66.3, 2.0, 1)),
        # Of an interval, of two spreads and of a gain the mean alone.
        ("66.3 [64.0, 68.5]", (66.3, None, 1)),
        ("-1.5 (-3 to 0)", (-1.5, None, 1)),
        ("66.3^+1.0_-2.0", (66.3, None, 1)),
        ("66.3 (+2.1)", (66.3, None, 1)),
        # The mean is outside: no interval of it.
        ("66.3 [70.0, 75.5]", None),
        ("66.3 (5)", (66.3, None, 1)),
        ("66.3%", (66.3, None, 1)),
        ("–", None),
        ("n/a", None),
    ],
)
def test_numbers_of_cells(text: str, number: tuple[float, float | None, int] | None):
    assert PrintedCell(text, 1).number == number


def test_a_column_has_the_document_that_it_agrees_with(tmp_path: Path):
    (tmp_path / "t.md").write_text(MARKDOWN, encoding="utf-8")
    table = read_table(tmp_path / "t.md")
    rows = table.numbers.set_index(["method", "task"])
    assert rows.loc[("IQL", "hopper-medium-v2"), "method_key"] == "iql"
    assert rows.loc[("IQL", "hopper-medium-v2"), "origin"] == "copied"
    assert rows.loc[("IQL", "hopper-medium-v2"), "copied_from"] == "iql"
    assert rows.loc[("Ours", "hopper-medium-v2"), "origin"] == "own"
    assert [(item.row.kind, item.row.cells["IQL"].text) for item in table.aggregates] == [("total", "66.3")]


def test_a_column_that_agrees_with_nothing_is_the_users_own(tmp_path: Path):
    rows = ("| hopper-medium-v2 | 12.3 |", "| walker2d-medium-v2 | 45.6 |")
    (tmp_path / "t.md").write_text("\n".join(["| Task | IQL |", "|---|---|", *rows]), encoding="utf-8")
    table = read_table(tmp_path / "t.md")
    assert set(table.numbers["origin"]) == {"rerun"}
    assert "agrees with no document" in table.messages[0]


def test_tasks_may_be_columns(tmp_path: Path):
    (tmp_path / "t.csv").write_text("Method,hopper-medium-v2,walker2d-medium-v2\nIQL,66.3,78.3\n")
    table = read_table(tmp_path / "t.csv")
    assert sorted(table.numbers["task"]) == ["hopper-medium-v2", "walker2d-medium-v2"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("no table", "holds no table"),
        ("Task,IQL\nhopper-medium,66.3\n", "line 2: Task 'hopper-medium' has no version"),
        ("Task,IQL\nhopper-medum-v2,66.3\n", "line 2: There is no task 'hopper-medum-v2'"),
        ("Game,IQL\nPong,66.3\n", "holds no number of a task"),
    ],
)
def test_what_is_no_table_is_refused(text: str, words: str, tmp_path: Path):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(TablesError, match=words):
        read_table(tmp_path / "t.csv")


def test_what_is_not_used_is_named(tmp_path: Path):
    (tmp_path / "t.csv").write_text("Task,IQL\nhopper-medium-v2,66.3\nPong,1\nwalker2d-medium-v2,see text\n")
    messages = " ".join(read_table(tmp_path / "t.csv").messages)
    assert "Not used (2): 'Pong' (line 3), 'see text' (line 4, column 'IQL')." in messages


@pytest.mark.parametrize(
    ("text", "spread"),
    [
        *(
            (text, None)
            for text in ("***66.3***", "66.3\\*", "~~66.3~~", "==66.3==", "🥇 66.3", "66.3 ✅", "66.3 (↑)")
        ),
        *((text, None) for text in ("<mark>66.3</mark>", "66.3<!-- x -->", "66.3<sup>1</sup>", "６６．３")),
        *((text, 4.2) for text in ("66.3<sub>4.2</sub>", "66.3<sup>±4.2</sup>", "66.3 <small>±4.2</small>")),
        *((text, 4.2) for text in ("66.3 \\± 4.2", "66.3<br>±4.2", "66.3 &plusmn; 4.2", "**66.3**±4.2")),
    ],
)
def test_markup_and_signs_of_markdown_are_not_of_the_number(text: str, spread: float | None, tmp_path: Path):
    (tmp_path / "t.md").write_text(
        f"| Task | IQL |\n|---|---|\n| hopper-medium-v2 | {text} |\n", encoding="utf-8"
    )
    assert read_grid(tmp_path / "t.md")[1][1].number == (66.3, spread, 1)


def test_a_dash_before_a_number_is_a_minus(tmp_path: Path):
    (tmp_path / "t.csv").write_text("Task,IQL\nhopper-medium-v2,–1.5\npen-human-v1,–\n", encoding="utf-8")
    assert [row[1].number for row in read_grid(tmp_path / "t.csv")[1:]] == [(-1.5, None, 1), None]


@pytest.mark.parametrize("layout", ["locomotion", "iql_table_1"])
def test_a_table_that_this_project_printed_has_the_same_numbers_in_every_form(layout: str, tmp_path: Path):
    """Marks, footnotes and numbers of seeds behind a number are not of it."""
    rows = [f"{name},hopper-medium-v2,0,{score}" for name, score in (("IQL", 65.3), ("Mine", 71.2))]
    (tmp_path / "s.csv").write_text("\n".join(["method,task,seed,score", *rows]))
    actions.table(tmp_path / "s.csv", like=layout, output=tmp_path)
    read = [read_table(tmp_path / f"{layout}{ending}") for ending in (".md", ".tex", ".csv")]
    found = [{key: places[0].cell.number for key, places in table.places.items()} for table in read]
    assert found[0][("Mine", "hopper-medium-v2")] == (71.2, None, 1)
    assert found[0] == found[1] == found[2]
