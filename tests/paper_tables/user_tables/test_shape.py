"""Tables as papers print them: labels over two columns, headings of two lines, sections, macros."""

from __future__ import annotations

from pathlib import Path

import pytest
from recheck.errors import TablesError

from paper_tables.user_tables.audit import audit_table
from paper_tables.user_tables.numbers import UserTable, read_table

TWO_LABELS = r"""\newcommand{\mark}[1]{\textbf{#1}}
\begin{table}[t]
\caption{Results. $\pm$ is the standard error.}
\resizebox{\textwidth}{!}{
\begin{tabular}{ll|rrrr}
\toprule
\multicolumn{2}{c}{} & \multicolumn{2}{c}{\textbf{Model-free}} & \multicolumn{2}{c}{Diffusion} \\
\cmidrule(lr){3-4} \cmidrule(lr){5-6}
\textbf{Dataset} & \textbf{Environment} & CQL~\cite{kumar} & IQL$^\dagger$ & Diffusion-QL & \textbf{Ours} \\
\midrule
\multirow{3}{*}{Medium} & HalfCheetah & 44.0 & 47.4 & 51.1 {\scriptsize $\pm$ 0.5} & \mark{55.1} $\pm$ 0.5 \\
 & Hopper & 58.5 & 66.3 & 90.5 {\scriptsize $\pm$ 4.6} & \mark{99.9} $\pm$ 0.5 \\
 & Walker2d & 72.5 & 78.3 & $87.0_{\pm 0.9}$ & \mark{90.1} $\pm$ 0.5 \\
\midrule
\multirow{3}{*}{Medium-Replay} & HalfCheetah & 45.5 & 44.2 & 47.8 $\pm$ 0.3 & -- \\
 & Hopper & 95.0 & 94.7 & \mark{101.3} $\pm$ 0.6 & 99.0 $\pm$ 0.4 \\
 % & Walker2d & 1.0 & 2.0 & 3.0 & 4.0 \\
 & Walker2d & 77.2 & 73.9 & \textcolor{blue}{\textbf{95.5}} $\pm$ 1.5 & 90.1 $\pm$ 1.0 \\
\midrule
\multicolumn{2}{c}{\textbf{Average}} & 65.5 & 67.5 & 78.9 & -- \\
\bottomrule
\end{tabular}}
\end{table}
"""
SECTIONS = """
| | BC | TD3+BC | IQL [12] | Ours |
|---|:-:|:-:|:-:|:-:|
| **Gym (v2)** | | | | |
| halfcheetah-medium | 42.6 | 48.3 | 47.4 | **51.2** |
| hopper-medium | 52.9 | 59.3 | 66.3 | **80** |
| walker2d-medium | 75.3 | 83.7 | 78.3 | _80_ |
| *average* | 56.9 | 63.8 | 64.0 | 70.4 |
| **AntMaze** | | | | |
| umaze | 54.6 | 78.6 | 87.5 | 90.0 |
| umaze-diverse | 45.6 | 71.4 | 62.2<sup>1</sup> | 70.0 |
| Average (antmaze) | 50.1 | 75.0 | 74.9 | 80.0 |
| Mean over all | 54.2 | 68.3 | 68.3 | 74.2 |

<sup>1</sup> A footnote with a | bar.
"""
SPREADS_APART = (
    "Method;hopper-medium-v2;;walker2d-medium-v2;\n;mean;std;mean;std\nIQL;66.3;;78.3;\n"
    "IQL (CORL);67.53;3.78;80.91;3.17\n"
)
SPREAD_COLUMNS = (
    "Task,IQL,std,Ours,±\nhopper-medium-v2,67.53,3.78,70.1,1.5\nwalker2d-medium-v2,80.91,3.17,82,2\n"
)


def cell(table: UserTable, method: str, task: str) -> tuple[float, float | None, int]:
    place = table.place(method, task)
    assert place is not None
    assert place.cell.number is not None
    return place.cell.number


def test_labels_over_two_columns_and_headings_of_two_lines(tmp_path: Path):
    (tmp_path / "t.tex").write_text(TWO_LABELS)
    table, found = audit_table(tmp_path / "t.tex", "v2")
    assert found == []
    assert list(dict.fromkeys(table.numbers["method"])) == ["CQL", "IQL", "Diffusion-QL", "Ours"]
    assert set(table.numbers["task"]) == {
        f"{body}-{kind}-v2"
        for body in ("halfcheetah", "hopper", "walker2d")
        for kind in ("medium", "medium-replay")
    }
    assert len(table.numbers) == 23
    assert cell(table, "Diffusion-QL", "walker2d-medium-v2") == (87.0, 0.9, 1)
    assert cell(table, "Ours", "hopper-medium-v2") == (99.9, 0.5, 1)
    bold = table.place("Diffusion-QL", "walker2d-medium-replay-v2")
    assert bold is not None
    assert bold.cell.bold
    assert (bold.cell.line, bold.cell.text) == (18, "95.5 ± 1.5")
    # A wrong average of these rows, in a column of its own, is found.
    (tmp_path / "t.tex").write_text(TWO_LABELS.replace("67.5 & 78.9", "76.5 & 78.9"))
    _, (wrong,) = audit_table(tmp_path / "t.tex", "v2")
    assert (wrong.rule, wrong.cell, wrong.source_value) == ("totals", "IQL on Average", "67.467")


def test_sections_and_averages_over_each_and_all(tmp_path: Path):
    (tmp_path / "t.md").write_text(SECTIONS)
    table, found = audit_table(tmp_path / "t.md", "v2,antmaze:v0")
    assert found == []
    assert cell(table, "IQL [12]", "antmaze-umaze-diverse-v0") == (62.2, None, 1)
    (tmp_path / "t.md").write_text(SECTIONS.replace("| 68.3 | 68.3 |", "| 63.8 | 68.3 |"))
    _, (wrong,) = audit_table(tmp_path / "t.md", "v2,antmaze:v0")
    assert (wrong.cell, wrong.printed, wrong.source) == (
        *("TD3+BC on Mean over all", "63.8", "the average of its 5 rows"),
    )


@pytest.mark.parametrize(("name", "text"), [("a.csv", SPREADS_APART), ("b.csv", SPREAD_COLUMNS)])
def test_spreads_in_columns_of_their_own(name: str, text: str, tmp_path: Path):
    (tmp_path / name).write_text(text, encoding="utf-8")
    table, found = audit_table(tmp_path / name)
    assert found == []
    heading = "IQL (CORL)" if name == "a.csv" else "IQL"
    assert cell(table, heading, "hopper-medium-v2") == (67.53, 3.78, 2)
    assert len(table.numbers) == 4


def test_an_aggregate_that_fits_no_rows_is_named_as_not_checked(tmp_path: Path):
    text = SECTIONS.replace(
        "| Mean over all | 54.2 | 68.3 | 68.3 | 74.2 |", "| Average rank | 3.9 | 2.2 | 2.4 | 1.2 |"
    )
    (tmp_path / "t.md").write_text(text)
    table, found = audit_table(tmp_path / "t.md", "v2,antmaze:v0")
    assert found == []
    assert any("'Average rank' (line 13): it fits no rows above it" in text for text in table.messages)


ROWS = ["42.6 & 47.4", "52.9 & 66.3", "75.3 & 78.3", "36.6 & 44.2", "18.1 & 94.7", "26.0 & 73.9"]
BODIES, KINDS = ("HalfCheetah", "Hopper", "Walker2d"), ("Medium", "Medium-Replay")


def two_kinds(labels: dict[int, str]) -> str:
    """BC and IQL as IQL's Table 1 prints them; each kind's label is in the rows that `labels` names."""
    lines = []
    for number, numbers in enumerate(ROWS):
        label = labels.get(number % 3, "").format(KINDS[number // 3])
        lines.append(rf"{label} & {BODIES[number % 3]} & {numbers} \\")
    head = r"\begin{tabular}{llcc}" + "\nDataset & Env & BC & IQL \\\\ \\midrule\n"
    return head + "\n".join(lines) + "\n\\end{tabular}\n"


def tasks_of(text: str, name: str, folder: Path) -> list[tuple[str, float, float]]:
    """Task, BC and IQL of each row."""
    (folder / name).write_text(text)
    numbers = read_table(folder / name, "v2").numbers
    wide = numbers.pivot(index="task", columns="method", values="score_percent")
    return [tuple(row) for row in wide[["BC", "IQL"]].reset_index().to_numpy().tolist()]


RIGHT = sorted(
    (f"{body.lower()}-{kind.lower()}-v2", *map(float, ROWS[3 * at + number].split(" & ")))
    for at, kind in enumerate(KINDS)
    for number, body in enumerate(BODIES)
)


@pytest.mark.parametrize(
    "labels",
    [
        {0: "{}", 1: "{}", 2: "{}"},
        {0: r"\multirow{{3}}{{*}}{{{}}}"},
        # Colours of rows need the label in the last of them.
        {2: r"\multirow{{-3}}{{*}}{{{}}}"},
        {2: r"\multirow[c]{{-3}}{{*}}{{{}}}"},
    ],
)
def test_a_label_over_several_rows_is_that_of_each(labels: dict[int, str], tmp_path: Path):
    assert tasks_of(two_kinds(labels), "t.tex", tmp_path) == RIGHT


def test_a_label_in_the_middle_of_its_rows_is_refused(tmp_path: Path):
    words = r"t\.tex, line 3: the label of 'HalfCheetah' is empty, and 'Medium' is in line 4; write"
    with pytest.raises(TablesError, match=words):
        tasks_of(two_kinds({1: "{}"}), "t.tex", tmp_path)


def test_sections_may_be_the_kinds_of_data(tmp_path: Path):
    lines = ["| Dataset | BC | IQL |", "|---|---|---|"]
    for number, numbers in enumerate(ROWS):
        lines += [f"| **{KINDS[number // 3]}** | | |"] * (number % 3 == 0)
        lines.append(f"| {BODIES[number % 3]} | {numbers.replace('&', '|')} |")
    lines.append("| Average | 41.9 | 67.5 |")
    assert tasks_of("\n".join(lines), "t.md", tmp_path) == RIGHT
    (average,) = read_table(tmp_path / "t.md", "v2").aggregates
    assert (average.row.label, average.row.kind) == ("Average", "average")


def test_tables_next_to_each_other_are_two(tmp_path: Path):
    names = [f"{body}-{kind}-v2".lower() for kind in KINDS for body in BODIES]
    lines = ["| Task | BC | IQL | Task | BC | IQL |", "|---|---|---|---|---|---|"]
    for left, right in ((0, 3), (1, 4), (2, 5)):
        halves = [f"{names[at]} | {ROWS[at].replace('&', '|')}" for at in (left, right)]
        lines.append(f"| {' | '.join(halves)} |")
    (tmp_path / "t.md").write_text("\n".join(lines))
    table = read_table(tmp_path / "t.md")
    found = [
        (row["task"], row["method"].split()[0], row["score_percent"])
        for row in table.numbers.to_dict("records")
    ]
    wanted = [
        (task, method, value) for task, *values in RIGHT for method, value in zip(("BC", "IQL"), values)
    ]
    assert sorted(found) == sorted(wanted)
