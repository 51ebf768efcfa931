"""LaTeX as authors write it: macros with arguments, columns of plus-minus signs, verbatim names."""

from __future__ import annotations

from pathlib import Path

import pytest

from paper_tables.user_tables import latex
from paper_tables.user_tables.grid import PrintedCell, read_grid
from paper_tables.user_tables.shape import shape_of


@pytest.mark.parametrize(
    ("definition", "call", "text", "bold"),
    [
        (r"\newcommand{\res}[2]{#1 {\tiny $\pm$ #2}}", r"\res{66.3}{4.2}", "66.3 ± 4.2", False),
        (r"\newcommand\top[2]{\textbf{#1} $\pm$ #2}", r"\top{66.3}{4.2}", "66.3 ± 4.2", True),
        (r"\def\pms#1#2{#1_{\pm #2}}", r"$\pms{66.3}{4.2}$", "66.3 ± 4.2", False),
        (r"\newcommand{\std}[1]{{\scriptsize $\pm$ #1}}", r"66.3\std{4.2}", "66.3 ± 4.2", False),
        (r"\newcommand{\b}[1]{\textbf{#1}}\newcommand{\bb}[1]{\b{#1}}", r"\bb{66.3}", "66.3", True),
        # The definition stayed in the paper's preamble.
        ("", r"\score{66.3}{4.2}", "66.3 ± 4.2", False),
        ("", r"$66.3$\std{4.2}", "66.3 ± 4.2", False),
        ("", r"\verb|66.3|", "66.3", False),
    ],
)
def test_a_macro_is_what_it_stands_for(definition: str, call: str, text: str, bold: bool, tmp_path: Path):
    path = tmp_path / "t.tex"
    path.write_text(
        f"{definition}\n\\begin{{tabular}}{{lr}}\nTask & IQL \\\\\nhopper-medium-v2 & {call} \\\\\n"
    )
    _, (_, cell) = read_grid(path)
    assert (cell.text.replace(" ", ""), cell.bold) == (text.replace(" ", ""), bold)


def test_a_macro_that_calls_itself_ends():
    macros = latex.Macros.of(r"\newcommand{\loop}[1]{\loop{#1}}")
    assert "66.3" in macros.expand(r"\loop{66.3}")


@pytest.mark.parametrize(
    ("columns", "row", "heading"),
    [
        (
            r"l r@{$\pm$}l r@{\,$\pm$\,}l",
            "67.53&3.78 & 59.08&3.77",
            r"\multicolumn{2}{c}{IQL} & \multicolumn{2}{c}{CQL}",
        ),
        (
            r"l *{2}{r@{$\pm$}p{1cm}}",
            "67.53&3.78 & 59.08&3.77",
            r"\multicolumn{2}{c}{IQL} & \multicolumn{2}{c}{CQL}",
        ),
        ("lrlrl", r"67.53& $\pm$ 3.78 & 59.08& $\pm 3.77$", "IQL & & CQL &"),
        ("lrclrcl", r"67.53& $\pm$ & 3.78 & 59.08& $\pm$ & 3.77", "IQL & & & CQL & &"),
        (
            r"@{}l S[table-format=2.1] >{$\pm$}l r!{\vrule}>{$\pm$}l@{}",
            "67.53&3.78 & 59.08&3.77",
            "IQL & & CQL &",
        ),
    ],
)
def test_spreads_in_columns_of_their_own(columns: str, row: str, heading: str, tmp_path: Path):
    path = tmp_path / "t.tex"
    path.write_text(
        rf"\begin{{tabular}}[t]{{{columns}}}"
        f"\nTask & {heading} \\\\\n\\midrule\nhopper-medium-v2 & {row} \\\\\n"
        f"walker2d-medium-v2 & {row} \\\\\n"
        r"\end{tabular}"
    )
    shape = shape_of(read_grid(path))
    assert list(shape.methods) == ["IQL", "CQL"]
    for found in shape.rows:
        assert [cell.number for cell in found.cells.values()] == [(67.53, 3.78, 2), (59.08, 3.77, 2)]


def test_what_follows_a_table_of_such_columns_is_not_of_it(tmp_path: Path):
    path = tmp_path / "t.tex"
    path.write_text(
        "\\begin{tabular}{lr@{$\\pm$}l}\nTask & \\multicolumn{2}{c}{IQL} \\\\\n"
        "hopper-medium-v2 & 66.3 & 1.0 \\\\\n"
        "\\end{tabular}\n\\begin{tabular}{lrr}\nwalker2d-medium-v2 & 78.3 & 1.0 \\\\\n\\end{tabular}\n"
    )
    texts = [[cell.text for cell in row] for row in read_grid(path)]
    assert texts[1:] == [["hopper-medium-v2", "66.3", "± 1.0"], ["walker2d-medium-v2", "78.3", "1.0"]]


@pytest.mark.parametrize(
    "raw",
    [
        *(r"\cellcolor{mygreen!25}\textbf{66.3}", r"\colorbox{yellow}{66.3}", r"{\color[HTML]{FF0000} 66.3}"),
        *(
            r"66.3\footnotemark[1]",
            r"66.3\tablefootnote{see text}",
            r"\textbf{66.3}\textsuperscript{$\dagger$}",
        ),
        *(
            r"\multicolumn{1}{c|}{\textbf{66.3}}",
            r"\underline{\textbf{66.3}}",
            r"\phantom{0}66.3",
            r"66.3\,\%",
            r"$66.3^1$",
            r"$^\dagger$66.3",
            r"†66.3",
        ),
    ],
)
def test_what_is_set_around_a_number_is_not_of_it(raw: str, tmp_path: Path):
    assert cell_of(raw, tmp_path).number == (66.3, None, 1)


def test_what_is_not_set_is_not_read(tmp_path: Path):
    path = tmp_path / "t.tex"
    row = "hopper-medium-v2 & {} \\\\\n"
    path.write_text(
        "\\begin{tabular}{lr}\nTask & IQL \\\\\n\\iffalse\n" + row.format("1.0") + "\\fi\n\\begin{comment}\n"
        + row.format("2.0") + "\\end{comment}\n" + row.format("66.3") + "\\end{tabular}\n"
    )  # fmt: skip
    grid = read_grid(path)
    assert [[cell.text for cell in row] for row in grid[1:]] == [["hopper-medium-v2", "66.3"]]
    assert grid[1][1].line == 9


@pytest.mark.parametrize(
    "raw",
    [
        *(
            r"66.3$^{\pm 4.2}$",
            r"66.3$_{(4.2)}$",
            r"66.3\(\pm\)4.2",
            r"66.3 \textpm 4.2",
            r"66.3\tiny{$\pm$4.2}",
        ),
        *(r"66.3{\footnotesize\textcolor{gray}{$\pm$4.2}}", r"\num{66.3 +- 4.2}", r"66.3 {\small [4.2]}"),
        *(
            r"\shortstack{66.3\\($\pm$4.2)}",
            r"$\mathbf{66.3}\scriptstyle{\pm 4.2}$",
            r"66.3 $\mathbin{\pm}$ 4.2",
        ),
    ],
)
def test_a_spread_is_one_however_it_is_set(raw: str, tmp_path: Path):
    assert cell_of(raw, tmp_path).number == (66.3, 4.2, 1)


def test_an_unknown_command_never_makes_other_digits(tmp_path: Path):
    """A spread by its name; else it may be a footnote: the cell is not a number, and is named as not used."""
    assert cell_of(r"99.5\std{1}", tmp_path).number == (99.5, 1.0, 1)
    assert cell_of(r"99.5\fn{1}", tmp_path).number is None


def cell_of(raw: str, folder: Path) -> PrintedCell:
    path = folder / "t.tex"
    path.write_text(f"\\begin{{tabular}}{{lr}}\nTask & IQL \\\\\nhopper-medium-v2 & {raw} \\\\\n")
    _, (_, cell) = read_grid(path)
    return cell
