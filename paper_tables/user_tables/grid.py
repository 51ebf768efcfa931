"""The cells of a printed table: CSV, Markdown or LaTeX, with the line of each."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path

from recheck.errors import TablesError

_BOLD = re.compile(
    r"\*\*(.+?)\*\*|__(.+?)__|\\textbf\{((?:[^{}]|\{[^{}]*\})*)\}|\\bf(?:series)?\b|\\mathbf\{"
)
_RAISED = re.compile(
    r"<sup>.*?</sup>|\\textsuperscript\{[^{}]*\}|\^\{[^{}]*\}|\^\\?[a-zA-Z*†‡]+|\\(?:dag|ddag)ger\b|\\footnotemark(?:\[\d+\])?"
)
_COMMANDS = re.compile(
    r"\\(?:textbf|mathbf|underline|emph|textit|text|mathrm|scriptsize|footnotesize|small|tiny|multirow\{[^}]*\}\{[^}]*\}|"
    r"multicolumn\{\d+\}\{[^}]*\}|cellcolor(?:\[[^\]]*\])?\{[^}]*\}|rowcolor(?:\[[^\]]*\])?\{[^}]*\}|"
    r"color\{[^}]*\}|bfseries|bf|hspace\{[^}]*\}|phantom\{[^}]*\}|quad|,|;|!|surd|circ)(?![a-zA-Z])"
)
_RULES = re.compile(
    r"\\(?:toprule|midrule|bottomrule|hline|cmidrule(?:\([^)]*\))?\{[^}]*\}|addlinespace(?:\[[^\]]*\])?)"
)
_VERDICT = re.compile(r"[✓↓↑○]|\$\\(?:surd|downarrow|uparrow|circ)\$")
_NUMBER = re.compile(
    r"^(?P<mean>[+-]?\d+(?:\.\d+)?)\s*(?:(?:±|\+/-|\+-|\\pm)\s*(?P<spread>\d+(?:\.\d+)?)|"
    r"[(\[]\s*(?:±\s*)?(?P<bracketed>\d+(?:\.\d+)?)\s*[)\]])?\s*%?$"
)
_SEEDS_AT_END = re.compile(r"(±.*?)\s*\(\d+\)$")


@dataclass(frozen=True)
class PrintedCell:
    """One cell.

    Attributes:
        text: without bold, raised letters and commands.
        line: in the file.
        bold: whether it is set in bold.
    """

    text: str
    line: int
    bold: bool = False

    @property
    def number(self) -> tuple[float, float | None, int] | None:
        """Mean, spread (None without) and decimals of the mean; None where the cell holds no number."""
        match = _NUMBER.match(self.text)
        if match is None:
            return None
        spread = match["spread"] or match["bracketed"]
        decimals = len(match["mean"].partition(".")[2])
        return float(match["mean"]), None if spread is None else float(spread), decimals


def read_grid(path: Path) -> list[list[PrintedCell]]:
    """The rows of a table; the first has the headings.

    Raises:
        TablesError: the file is absent, empty, or no table.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise TablesError(f"There is no file {path}.") from None
    except UnicodeDecodeError as error:
        raise TablesError(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}.") from None
    except OSError as error:
        raise TablesError(f"{path} cannot be read: {error.strerror or error}.") from None
    if not text.strip():
        raise TablesError(f"{path} is empty; it needs a line of headings and rows.")
    suffix = path.suffix.lower()
    if suffix == ".tex" or ("\\\\" in text and "&" in text):
        rows = _latex_rows(text)
    elif suffix in (".md", ".markdown") or any(
        re.match(r"\s*\|?\s*:?-{2,}", line) for line in text.splitlines()
    ):
        rows = _markdown_rows(text)
    else:
        rows = _csv_rows(text, "\t" if suffix == ".tsv" else ",")
    grid = [[_cell(raw, line) for raw in cells] for line, cells in rows if any(raw.strip() for raw in cells)]
    if len(grid) < 2 or max(map(len, grid)) < 2:
        raise TablesError(
            f"{path} holds no table: a line of headings and rows of a task and numbers, as CSV, Markdown "
            "or LaTeX."
        )
    return grid


def _csv_rows(text: str, delimiter: str) -> list[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    return [(reader.line_num, cells) for cells in reader]


def _markdown_rows(text: str) -> list[tuple[int, list[str]]]:
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        if "|" not in line:
            continue
        cells = re.split(r"(?<!\\)\|", line.strip().removeprefix("|").removesuffix("|"))
        if not all(re.fullmatch(r"\s*:?-+:?\s*", cell) for cell in cells):
            rows.append((number, [cell.replace("\\|", "|") for cell in cells]))
    return rows


def _latex_rows(text: str) -> list[tuple[int, list[str]]]:
    rows: list[tuple[int, list[str]]] = []
    held, start = "", 0
    for number, raw in enumerate(text.splitlines(), 1):
        line = _RULES.sub("", re.sub(r"(?<!\\)%.*$", "", raw))
        if re.match(
            r"\s*\\(?:begin|end|caption|label|centering|resizebox|noindent|medskip|usepackage)", line
        ):
            held = ""
            continue
        if line.strip() and not held.strip():
            start = number
        held += f" {line}"
        while "\\\\" in held:
            row, _, held = held.partition("\\\\")
            held = re.sub(r"^\[[^\]]*\]", "", held)
            if "&" in row:
                rows.append((start, re.split(r"(?<!\\)&", row)))
            held, start = held.strip() and held, number
    return rows


def _cell(raw: str, line: int) -> PrintedCell:
    bold = bool(_BOLD.search(raw))
    text = _VERDICT.sub("", _RAISED.sub("", raw))
    text = text.replace("**", "").replace("__", "")
    for _ in range(3):
        text = _COMMANDS.sub("", text)
    text = (
        text.replace("$", "").replace("\\pm", "±").replace("\\%", "%").replace("\\_", "_").replace("\\&", "&")
    )
    text = text.replace("{", "").replace("}", "").replace("~", " ").replace("−", "-").replace("&amp;", "&")
    text = re.sub(r"\\[a-zA-Z]+\s*", "", text)
    text = " ".join(text.split()).rstrip("*†‡").strip()
    # Mean, spread and number of seeds, as this project prints them.
    return PrintedCell(_SEEDS_AT_END.sub(r"\1", text), line, bold)
