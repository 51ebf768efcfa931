"""The cells of a printed table: CSV, Markdown or LaTeX, with the line of each."""

from __future__ import annotations

import csv
import html
import io
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from recheck.errors import TablesError

from paper_tables.user_tables import latex

_MARKDOWN_BOLD = re.compile(r"\*\*(?=\S).+?\*\*|(?<!\w)__(?=\S).+?__(?!\w)|<(?:b|strong)>", re.IGNORECASE)
_SPREAD_BELOW = re.compile(
    r"<(sub|sup|small)\b[^<>]*>\s*((?:±|\+/-|\+-|&plusmn;)\s*[\d.]+)\s*</\1>", re.IGNORECASE
)
_NUMBER_BELOW = re.compile(r"(?<=\d)\s*<sub\b[^<>]*>\s*([\d.]+)\s*</sub>", re.IGNORECASE)
_MARKUP = re.compile(r"<sup\b[^<>]*>.*?</sup>|<!--.*?-->|</?[a-z][^<>]*>|~~|==", re.IGNORECASE)
_ESCAPED = re.compile(r"\\(?=[*_~`|±#\[\]<>+!-])")
# Signs of another width than usual, as input methods for Chinese and Japanese give them.
_WIDE = {sign: sign - 0xFEE0 for sign in range(0xFF01, 0xFF5F)}
_LEADING_DASH = re.compile(r"^[\u2010-\u2013](?=[\d.])")
_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()]*\)|\[\^\w+\]")
_VERDICT = re.compile(r"[✓↓↑○]|\$\\(?:surd|downarrow|uparrow|circ)\$")
_NUMBER = re.compile(
    r"^(?P<mean>[+-]?(?:\d+(?:\.\d*)?|\.\d+))\s*%?\s*(?:(?:±|\+/-|\+-)\s*(?P<spread>\d+(?:\.\d+)?|\.\d+)|"
    r"[(\[]\s*(?P<sign>±|\+/-|\+-|(?:std|sd|s\.d|sem|se)\.?\s*[=:]?)?\s*(?P<bracketed>\d+(?:\.\d+)?)\s*[)\]])?"
    r"\s*%?$",
    re.IGNORECASE,
)
# A mean with an interval, two one-sided spreads or a gain, of which the mean alone is used.
_MEAN_AND_MORE = re.compile(
    r"^(?P<mean>[+-]?(?:\d+(?:\.\d*)?|\.\d+))\s*(?:[(\[]\s*(?P<low>[+-]?\d+(?:\.\d+)?)\s*(?:[,;\u2013]|to)\s*"
    r"(?P<high>[+-]?\d+(?:\.\d+)?)\s*[)\]]|\^?\s*\+\s*\d+(?:\.\d+)?\s*_?\s*-\s*\d+(?:\.\d+)?|"
    r"\(\s*[+-]\s*\d+(?:\.\d+)?\s*%?\s*\))$"
)
_COMMA_NUMBER = re.compile(r"^[+-]?\d+,\d{1,2}(?:\s*(?:±|\+/-)\s*\d+(?:,\d+)?)?$")
_MARKDOWN_RULE = re.compile(r"\s*\|?\s*:?-{2,}:?\s*(?:\|\s*:?-{2,}:?\s*)*\|?\s*$")
_SUPERSCRIPTS = re.compile(r"[*†‡§¶¹²³]+$")
_MARKS_BEFORE = re.compile(r"^[*†‡§¶]+\s*(?=[+-]?[\d.])")
# Marks and words behind a number: 66.3 ?, 66.3 [inconclusive] (s,cond).
_WORDS_AT_END = re.compile(r"(?<=[\d)])(?:\s*(?:\?|\[[a-z][a-z ()]*\]|\([a-z]+(?:,[a-z]+)*\)))+$")
_SEEDS_AT_END = re.compile(r"(±.*?)\s*\(\d+(?:\s*(?:seeds?|runs?))?\)$")


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
            more = self._mean_and_more()
            return None if more is None else (float(more), None, len(more.partition(".")[2]))
        spread = match["spread"] or match["bracketed"]
        if match["bracketed"] and match["bracketed"].isdigit() and "." in match["mean"] and not match["sign"]:
            # 66.3 (5): a number of seeds or a footnote; a spread has the decimals of its mean.
            spread = None
        decimals = len(match["mean"].partition(".")[2])
        return float(match["mean"]), None if spread is None else float(spread), decimals

    @property
    def has_more(self) -> bool:
        """Whether the mean alone is used of what the cell holds: an interval or a gain is not."""
        return _NUMBER.match(self.text) is None and self._mean_and_more() is not None

    def _mean_and_more(self) -> str | None:
        match = _MEAN_AND_MORE.match(self.text)
        if match is None:
            return None
        low, high = (float(match[name]) if match[name] else float(match["mean"]) for name in ("low", "high"))
        return match["mean"] if low <= float(match["mean"]) <= high else None


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
    cell: Callable[[str, int], PrintedCell]
    if suffix == ".tex" or ("\\\\" in text and "&" in text):
        rows, cell = latex.rows_of(text), partial(_latex_cell, latex.Macros.of(text))
    elif suffix in (".md", ".markdown") or any(_MARKDOWN_RULE.match(line) for line in text.splitlines()):
        rows, cell = _markdown_rows(text), _markdown_cell
    else:
        rows, cell = _csv_rows(text, suffix), _markdown_cell
    grid = [[cell(raw, line) for raw in cells] for line, cells in rows if any(raw.strip() for raw in cells)]
    _refuse_decimal_commas(grid, path)
    if len(grid) < 2 or max(map(len, grid)) < 2:
        raise TablesError(
            f"{path} holds no table: a line of headings and rows of a task and numbers, as CSV, Markdown "
            "or LaTeX."
        )
    return grid


def _refuse_decimal_commas(grid: list[list[PrintedCell]], path: Path) -> None:
    for row in grid:
        for cell in row[1:]:
            if _COMMA_NUMBER.match(cell.text):
                raise TablesError(
                    f"{path}, line {cell.line}: '{cell.text}' has a decimal comma; write "
                    f"{cell.text.replace(',', '.')}."
                )


def _csv_rows(text: str, suffix: str) -> list[tuple[int, list[str]]]:
    """Rows of a table with one sign between its cells: the one that is most often in the first line."""
    first = next(line for line in text.splitlines() if line.strip())
    signs = "\t,;" if suffix in (".tsv", ".tab") else ",\t;"
    reader = csv.reader(io.StringIO(text), delimiter=max(signs, key=first.count), skipinitialspace=True)
    rows, start = [], 1
    for cells in reader:
        rows.append((start, cells))
        start = reader.line_num + 1
    return rows


def _markdown_rows(text: str) -> list[tuple[int, list[str]]]:
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        if "|" not in line:
            continue
        cells = re.split(r"(?<!\\)\|", line.strip().removeprefix("|").removesuffix("|"))
        if not all(re.fullmatch(r"\s*:?-+:?\s*", cell) for cell in cells):
            rows.append((number, [cell.replace("\\|", "|") for cell in cells]))
    return rows


def _latex_cell(macros: latex.Macros, raw: str, line: int) -> PrintedCell:
    expanded = macros.expand(raw)
    bold = latex.is_bold(raw) or latex.is_bold(expanded)
    return _cell(latex.plain(_VERDICT.sub("", expanded)), line, bold)


def _markdown_cell(raw: str, line: int) -> PrintedCell:
    bold = bool(_MARKDOWN_BOLD.search(raw)) or latex.is_bold(raw)
    text = _SPREAD_BELOW.sub(r" \2", _LINK.sub(r"\1", _VERDICT.sub("", raw)))
    text = _ESCAPED.sub("", _MARKUP.sub("", _NUMBER_BELOW.sub(r" (\1)", text)))
    text = text.replace("**", "").replace("`", "")
    text = re.sub(r"(?<!\w)__?(?=\S)|(?<=\S)__?(?!\w)|(?<![\w*])\*(?=[\w+-])", "", text)
    # Formulas between dollar signs are LaTeX in Markdown as well.
    text = latex.plain(text) if "\\" in text or "$" in text else text
    return _cell(text, line, bold)


def _cell(text: str, line: int, bold: bool) -> PrintedCell:
    text = html.unescape(text).translate(_WIDE).replace("\u2212", "-")
    # Medals, ticks and arrows next to a number.
    text = "".join(
        sign for sign in text if unicodedata.category(sign) != "So" and not "\u2190" <= sign <= "\u21ff"
    )
    text = " ".join(text.replace("()", "").split()).strip("'\"")
    text = _LEADING_DASH.sub("-", _MARKS_BEFORE.sub("", _SUPERSCRIPTS.sub("", text).strip()))
    # Mean, spread and number of seeds, as this project prints them.
    without = _WORDS_AT_END.sub("", text) if text[:1].isdigit() or text[:1] in "+-." else text
    return PrintedCell(_SEEDS_AT_END.sub(r"\1", without), line, bold)
