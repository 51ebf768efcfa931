"""One table, three forms: Markdown, CSV and LaTeX (booktabs).

A table is a list of rows of cells; a cell has text, may be bold and may carry marks that notes explain.
LaTeX output is a complete ``tabular``; ``document`` adds one around it, for a check that it compiles.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from paper_tables import frames

# A mark's text and what LaTeX sets for it, without a package of symbols.
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
MOST_LATEX_POINTS = 640.0
"""A wider part would be scaled to less than three fifths at a text width of 5.5 inches (397 points)."""
TEXT_POINTS = 330.0
"""An estimated width above this may be wider than 5.5 inches, the narrowest text width of a conference."""
_POINTS_PER_LETTER, _POINTS_BETWEEN_COLUMNS = 5.0, 12.0
# Scale to the text width what is wider, and nothing else.
_FIT = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"
_ENTITY = re.compile(r"&(?=#|[A-Za-z]+;)")
_LATIN = 0x24F
"""The last letter that pdflatex sets without a package; punctuation such as dashes is in `_LATEX`."""
_NUMBER_FIRST = re.compile(r"^[+-]\d[^=|!@A-Za-z]*(\[[a-z_ ()]+\])?( \([a-z,0-9]+\))?$")
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
    """One cell of a table: text, weight, and marks (raised letters or a verdict's sign)."""

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
        rows: cells by row; None is a rule between groups.
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


def markdown_text(text: str) -> str:
    """Text as Markdown shows it literally: no HTML, no link, no end of a cell or line."""
    flat = " ".join(text.split()) if "\n" in text or "\r" in text else text
    return _ENTITY.sub("&amp;", flat).replace("<", "&lt;").replace("](", "]\\(")


def markdown(table: Table) -> str:
    """The table as GitHub's Markdown, title above and notes below."""

    def literal(text: str) -> str:
        return markdown_text(text).replace("|", "\\|")

    def written(cell: Cell) -> str:
        text = literal(cell.text)
        text = f"**{text}**" if cell.bold and text else text
        sign = MARKS[cell.verdict][0] if cell.verdict else ""
        marks = f"<sup>{','.join(map(literal, cell.marks))}</sup>" if cell.marks else ""
        return " ".join(part for part in (text, sign) if part) + marks

    lines = [f"### {markdown_text(table.title)}", ""] if table.title else []
    for sentence in table.lead:
        lines += [markdown_text(sentence), ""]
    aligned = ["---" if position < table.text_columns else "---:" for position in range(len(table.header))]
    lines += ["| " + " | ".join(map(literal, table.header)) + " |"]
    lines += ["| " + " | ".join(aligned) + " |"]
    lines += ["| " + " | ".join(map(written, row)) + " |" for row in table.rows if row is not None]
    if table.notes:
        lines += ["", *[f"- {markdown_text(note)}" for note in table.notes]]
    return "\n".join(lines) + "\n"


def csv_text(text: str) -> str:
    """Text as a spreadsheet shows it: what it would run as a formula gets a leading apostrophe.

    A number, with or without an interval after it, stays as it is.
    """
    if text[:1] in ("=", "@", "\t", "\r") or (text[:1] in ("+", "-") and not _NUMBER_FIRST.match(text)):
        return "'" + text
    return text


def csv_frame(table: pd.DataFrame) -> str:
    """A data frame as CSV, its texts by `csv_text`."""
    plain = table.copy()
    for column in plain.columns:
        if pd.api.types.is_object_dtype(plain[column]) or pd.api.types.is_string_dtype(plain[column]):
            plain[column] = [csv_text(item) if isinstance(item, str) else item for item in plain[column]]
    plain.columns = [csv_text(str(column)) for column in plain.columns]
    return plain.to_csv(index=False, lineterminator="\n")


def as_csv(table: Table) -> str:
    """The table as CSV: the same cells, verdict and marks in words after the number."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(map(csv_text, table.header))
    for row in table.rows:
        if row is not None:
            writer.writerow(
                csv_text(
                    " ".join(
                        part
                        for part in (
                            cell.text,
                            f"[{cell.verdict}]" if cell.verdict else "",
                            f"({','.join(cell.marks)})" if cell.marks else "",
                        )
                        if part
                    )
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


def column_points(table: Table) -> list[float]:
    """Estimated width of each column at ten points, from the letters of its widest cell."""
    rows = [row for row in table.rows if row is not None]
    widths = []
    for place, name in enumerate(table.header):
        letters = [float(len(name))]
        letters += [
            len(row[place].text) + 2 * bool(row[place].verdict) + 0.7 * len(",".join(row[place].marks))
            for row in rows
            if place < len(row)
        ]
        widths.append(_POINTS_PER_LETTER * max(letters) + _POINTS_BETWEEN_COLUMNS)
    return widths


def panels(table: Table) -> list[list[int]]:
    """Columns cut into parts that are readable at the text width; each part begins with the text columns."""
    widths = column_points(table)
    first = list(range(table.text_columns))
    fixed = sum(widths[place] for place in first)
    parts: list[list[int]] = [[]]
    used = fixed
    for place in range(table.text_columns, len(table.header)):
        if parts[-1] and used + widths[place] > MOST_LATEX_POINTS:
            parts.append([])
            used = fixed
        parts[-1].append(place)
        used += widths[place]
    return [first + part for part in parts]


def latex(table: Table) -> str:
    """The table as booktabs ``tabular`` that is no wider than the text, sentences in small type around it.

    A ``tabular`` breaks neither over pages nor columns: a long or very wide table becomes several, each with
    its headings. What is still wider than the text is scaled down. Needs the package booktabs, and
    graphicx where something is scaled.
    """

    def written(cell: Cell) -> str:
        text = escape(cell.text)
        text = rf"\textbf{{{text}}}" if cell.bold and text else text
        sign = f" {MARKS[cell.verdict][1]}" if cell.verdict else ""
        marks = rf"\textsuperscript{{{escape(','.join(cell.marks))}}}" if cell.marks else ""
        return text + sign + marks

    widths = column_points(table)
    wide = sum(widths) > TEXT_POINTS

    def sentences(found: list[str]) -> list[str]:
        return [
            r"\noindent\begin{minipage}{\linewidth}\footnotesize" + (r"\raggedright" if wide else ""),
            *[rf"{escape(sentence)}\par" for sentence in found],
            r"\end{minipage}",
        ]

    lines = [f"% {' '.join(table.title.split())}"]
    if wide:
        lines.append(r"% needs \usepackage{booktabs,graphicx}")
    if any(ord(letter) > _LATIN and letter not in _LATEX for letter in _letters(table)):
        lines.append("% has letters beyond Latin: compile with xelatex or lualatex, and a font that has them")
    if table.lead:
        lines += [*sentences(table.lead), "", r"\medskip", r"\noindent"]
    parts = [(rows, places) for places in panels(table) for rows in pages(table.rows)]
    for number, (rows, places) in enumerate(parts):
        if number:
            lines += ["", r"\medskip", r"\noindent"]
        aligned = "".join("l" if place < table.text_columns else "r" for place in places)
        fitted = sum(widths[place] for place in places) > TEXT_POINTS
        lines += [*([_FIT] if fitted else []), rf"\begin{{tabular}}{{{aligned}}}", r"\toprule"]
        lines += [" & ".join(escape(table.header[place]) for place in places) + r" \\", r"\midrule"]
        lines += [
            r"\midrule"
            if row is None
            else " & ".join(written(row[place]) for place in places if place < len(row)) + r" \\"
            for row in rows
        ]
        lines += [r"\bottomrule", r"\end{tabular}" + ("}%" if fitted else "")]
    if table.notes:
        lines += ["", r"\medskip", *sentences(table.notes)]
    return "\n".join(lines) + "\n"


def _letters(table: Table) -> set[str]:
    """Every letter of a table's headings, labels and notes."""
    cells = [cell.text for row in table.rows if row is not None for cell in row]
    return set("".join([*table.header, *table.notes, *table.lead, *cells]))


def document(tabular: str) -> str:
    """A whole LaTeX document around a table, at a conference's text width, to see that it compiles."""
    return (
        "\\documentclass{article}\n\\usepackage{booktabs,graphicx}\n"
        "\\usepackage[textwidth=5.5in,textheight=9in]{geometry}\n"
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
