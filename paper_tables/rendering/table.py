"""One table, three forms: Markdown, CSV and LaTeX (booktabs).

A table is a list of rows of cells; a cell has text, may be bold and may carry marks that notes explain.
LaTeX output is a complete ``tabular``; ``document`` adds one around it, for a check that it compiles.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from pathlib import Path

from paper_tables import frames

# A mark's text and what LaTeX sets for it, without packages beyond booktabs.
MARKS = {
    "reproduced": ("✓", r"$\surd$"),
    "different (lower)": ("↓", r"$\downarrow$"),
    "different (higher)": ("↑", r"$\uparrow$"),
    "inconclusive": ("?", "?"),
    "uninformative": ("○", r"$\circ$"),
    "not_judged": ("×", r"$\times$"),
    "no_evidence": ("·", r"$\cdot$"),
}
MOST_LATEX_ROWS = 45
_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "–": "--",
    "×": r"$\times$",
    "✓": r"$\surd$",
    "↓": r"$\downarrow$",
    "↑": r"$\uparrow$",
    "○": r"$\circ$",
    "·": r"$\cdot$",
    "<": r"$<$",
    ">": r"$>$",
    "|": r"$|$",
}


@dataclass(frozen=True)
class Cell:
    """What stands in one place: text, weight, and marks (raised letters or a verdict's sign)."""

    text: str = ""
    bold: bool = False
    verdict: str = ""
    marks: tuple[str, ...] = ()


@dataclass
class Table:
    """A table ready to be written.

    Attributes:
        title: one line.
        header: column headings.
        rows: cells by row; None stands for a rule between groups.
        notes: sentences below the table.
        text_columns: leading columns that hold text, set to the left.
        lead: sentences above the table.
    """

    title: str
    header: list[str]
    rows: list[list[Cell] | None] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    text_columns: int = 1
    lead: list[str] = field(default_factory=list)


def markdown(table: Table) -> str:
    """The table as GitHub's Markdown, title above and notes below."""

    def written(cell: Cell) -> str:
        text = cell.text.replace("|", "\\|")
        text = f"**{text}**" if cell.bold and text else text
        sign = MARKS[cell.verdict][0] if cell.verdict else ""
        marks = f"<sup>{','.join(cell.marks)}</sup>" if cell.marks else ""
        return " ".join(part for part in (text, sign) if part) + marks

    lines = [f"### {table.title}", ""] if table.title else []
    for sentence in table.lead:
        lines += [sentence, ""]
    aligned = ["---" if position < table.text_columns else "---:" for position in range(len(table.header))]
    lines += ["| " + " | ".join(name.replace("|", "\\|") for name in table.header) + " |"]
    lines += ["| " + " | ".join(aligned) + " |"]
    lines += ["| " + " | ".join(map(written, row)) + " |" for row in table.rows if row is not None]
    if table.notes:
        lines += ["", *[f"- {note}" for note in table.notes]]
    return "\n".join(lines) + "\n"


def as_csv(table: Table) -> str:
    """The table as CSV: the same cells, verdict and marks in words after the number."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(table.header)
    for row in table.rows:
        if row is not None:
            writer.writerow(
                " ".join(
                    part
                    for part in (
                        cell.text,
                        f"[{cell.verdict}]" if cell.verdict else "",
                        f"({','.join(cell.marks)})" if cell.marks else "",
                    )
                    if part
                )
                for cell in row
            )
    return stream.getvalue()


def escape(text: str) -> str:
    """Text as LaTeX sets it literally."""
    return "".join(_LATEX.get(letter, letter) for letter in text)


def pages(rows: list[list[Cell] | None], most: int = MOST_LATEX_ROWS) -> list[list[list[Cell] | None]]:
    """Rows cut into parts of at most `most`, between groups where one ends in the second half of a part."""
    parts: list[list[list[Cell] | None]] = []
    rest = list(rows)
    while len(rest) > most:
        ends = [place for place in range(most // 2, most + 1) if rest[place] is None]
        cut = ends[-1] if ends else most
        parts.append(rest[:cut])
        rest = rest[cut + 1 :] if ends else rest[cut:]
    return [*parts, rest]


def latex(table: Table) -> str:
    """The table as booktabs ``tabular``, sentences above and below it in small type.

    A ``tabular`` does not break over pages: a long table becomes several, each with the headings.
    """

    def written(cell: Cell) -> str:
        text = escape(cell.text)
        text = rf"\textbf{{{text}}}" if cell.bold and text else text
        sign = f" {MARKS[cell.verdict][1]}" if cell.verdict else ""
        marks = rf"\textsuperscript{{{escape(','.join(cell.marks))}}}" if cell.marks else ""
        return text + sign + marks

    columns = "l" * table.text_columns + "r" * (len(table.header) - table.text_columns)

    def sentences(found: list[str]) -> list[str]:
        return [
            r"\noindent\begin{minipage}{\linewidth}\footnotesize",
            *[rf"{escape(sentence)}\par" for sentence in found],
            r"\end{minipage}",
        ]

    lines = [f"% {table.title}"]
    if table.lead:
        lines += [*sentences(table.lead), "", r"\medskip", r"\noindent"]
    for place, rows in enumerate(pages(table.rows)):
        if place:
            lines += ["", r"\medskip", r"\noindent"]
        lines += [rf"\begin{{tabular}}{{{columns}}}", r"\toprule"]
        lines += [" & ".join(escape(name) for name in table.header) + r" \\", r"\midrule"]
        lines += [r"\midrule" if row is None else " & ".join(map(written, row)) + r" \\" for row in rows]
        lines += [r"\bottomrule", r"\end{tabular}"]
    if table.notes:
        lines += ["", r"\medskip", *sentences(table.notes)]
    return "\n".join(lines) + "\n"


def document(tabular: str) -> str:
    """A whole LaTeX document around a table, to see that it compiles."""
    return (
        "\\documentclass{article}\n\\usepackage{booktabs}\n\\usepackage[landscape,a3paper,margin=1cm]{geometry}\n"
        f"\\begin{{document}}\n\\noindent\n{tabular}\\end{{document}}\n"
    )


def write(table: Table, folder: Path, name: str) -> list[Path]:
    """Write ``<folder>/<name>.md``, ``.csv`` and ``.tex``; returns the three paths."""
    written = []
    for suffix, render in (("md", markdown), ("csv", as_csv), ("tex", latex)):
        path = folder / f"{name}.{suffix}"
        frames.write_text(render(table), path)
        written.append(path)
    return written
