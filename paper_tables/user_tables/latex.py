"""LaTeX as people write tables: rows, spans, macros for bold, and the plain text of a cell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_RULES = re.compile(
    r"\\(?:toprule|midrule|bottomrule|hline|specialrule(?:\{[^{}]*\}){3}|cmidrule(?:\([^)]*\))?\{[^{}]*\}|"
    r"cline\{[^{}]*\}|addlinespace(?:\[[^\]]*\])?|endfirsthead|endhead|endfoot|endlastfoot|rowcolor(?:\[[^\]]*\])?"
    r"\{[^{}]*\}|noalign\{[^{}]*\})"
)
_OUTSIDE = re.compile(
    r"\s*\\(?:begin|end|caption|captionof|label|centering|resizebox|scalebox|noindent|medskip|smallskip|bigskip|"
    r"usepackage|documentclass|setlength|renewcommand|newcommand|providecommand|def|vspace|footnotesize|small|"
    r"scriptsize|tiny|input|arraystretch)(?![a-zA-Z])"
)
_ROW_END = re.compile(r"\\\\\*?(?:\s*\[[^\]]*\])?|\\tabularnewline(?:\[[^\]]*\])?")
_DEFINED = re.compile(
    r"\\(?:(?:re|provide)?(?:new)?command|DeclareRobustCommand)\*?\s*\{?\s*\\([a-zA-Z]+)\s*\}?\s*"
    r"(?:\[(\d)\])?\s*(?:\[[^\]]*\])?\s*(?=\{)|\\def\s*\\([a-zA-Z]+)\s*((?:#\d\s*)*)(?=\{)"
)
_MOST_EXPANSIONS = 20
# Names of macros by which authors mark the best of a row.
_BEST = re.compile(r"^(?:best|bst|bb|bold|bd|topone|winner|win)", re.IGNORECASE)
_TABULAR = re.compile(r"\\begin\s*\{(?:tabular[xy]?|tabular\*|longtable|tabu|array|supertabular|xltabular)\}")
_STACKED = re.compile(r"\\(?:makecell|thead|shortstack)(?:\[[^\]]*\])?\{")
_SPAN = re.compile(r"^\s*\\multicolumn\s*\{\s*(\d+)\s*\}\s*\{[^{}]*\}\s*\{(.*)\}\s*$", re.DOTALL)
_RAISED = re.compile(
    r"\\textsuperscript\{[^{}]*\}|\\(?:table)?footnote(?:mark|text)?(?![a-zA-Z])(?:\[\d+\])?(?:\{[^{}]*\})?|"
    r"\\tnote\{[^{}]*\}|\\cite[a-z]*\*?(?:\[[^\]]*\])*\{[^{}]*\}|\\d?dag(?:ger)?(?![a-zA-Z])|\\ddagger(?![a-zA-Z])|"
    r"\^\{?\s*(?:\\(?:dag|ddag|dagger|ddagger|ast|star|circ|S|P|bullet|diamond)(?![a-zA-Z])|[*†‡a-zA-Z,])+\s*\}?|"
    r"\^\{\s*\d{1,2}\s*\}|\^\d(?![\d.])"
)
# What is not set at all.
_LEFT_OUT = re.compile(
    r"\\iffalse(?![a-zA-Z]).*?\\fi(?![a-zA-Z])|\\begin\{comment\}.*?\\end\{comment\}", re.DOTALL
)
# A label that is set over the rows above: colours of rows ask for it in the last of them.
_UPWARD = re.compile(r"^\s*\\multirow\s*(?:\[[^\]]*\])?\s*\{\s*-\s*(\d+)\s*\}")
# Commands whose first argument is a setting and no text.
_SETTINGS = re.compile(
    r"\\(?:textcolor|color|cellcolor|colorbox|fcolorbox|hspace|vspace|phantom|hphantom|vphantom|fontsize|"
    r"multirow|multicolumn|rotatebox|raisebox|resizebox|scalebox|ref|label)(?![a-zA-Z])\*?(?:\[[^\]]*\])*"
)
_ARGUMENTS = {"multirow": 2, "multicolumn": 2, "fcolorbox": 2, "fontsize": 2, "resizebox": 2}
_VERBATIM = re.compile(r"\\verb\*?([^a-zA-Z\s*])(.*?)\1")
_NUMBER = r"\{\s*\$?\s*(\d+(?:\.\d+)?)\s*\$?\s*\}"
_MEAN_AND_SPREAD = re.compile(
    rf"\\(?!fontsize)[a-zA-Z]+\s*\{{\s*\$?\s*([+-]?\d+(?:\.\d+)?)\s*\$?\s*\}}\s*{_NUMBER}"
)
# A number without decimals may be a footnote's, unless the macro is called like a spread.
_SPREAD_AFTER = re.compile(
    r"(\d\}*\$?)\s*\\(?:(?!pm|num)[a-zA-Z]+\s*\{\s*\$?\s*(\d*\.\d+)|"
    r"(?:std|stdv|sd|se|sem|err|error|spread|dev|ci|unc)[a-zA-Z]?\s*\{\s*\$?\s*(\d+))\s*\$?\s*\}"
)
_DASHES = re.compile(r"\\text(?:em|en)dash(?![a-zA-Z])|\\(?:hfill|dotfill)(?![a-zA-Z])")


@dataclass(frozen=True)
class Macros:
    """Macros that a file defines: name -> number of arguments and text."""

    known: Mapping[str, tuple[int, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, text: str) -> Macros:
        """The macros that a text defines."""
        found: dict[str, tuple[int, str]] = {}
        for match in _DEFINED.finditer(text):
            end = closing(text, match.end())
            if end:
                count = int(match[2] or 0) if match[1] else (match[4] or "").count("#")
                found[match[1] or match[3]] = (count, text[match.end() + 1 : end])
        return cls(found)

    def expand(self, raw: str) -> str:
        """A text with every macro replaced by its content."""
        if not self.known:
            return raw
        calls = re.compile(rf"\\({'|'.join(map(re.escape, self.known))})(?![a-zA-Z])")
        for _ in range(_MOST_EXPANSIONS):
            match = calls.search(raw)
            if match is None:
                break
            count, text = self.known[match[1]]
            end = match.end()
            for number in range(1, count + 1):
                given, end = _argument(raw, end)
                text = text.replace(f"#{number}", given)
            raw = f"{raw[: match.start()]}{{{text}}}{raw[end:]}"
        return raw


def _argument(text: str, start: int) -> tuple[str, int]:
    """The argument of a macro that begins at a place, and where it ends: a group or one sign."""
    while start < len(text) and text[start] == " ":
        start += 1
    if text[start : start + 1] == "{" and (end := closing(text, start)):
        return text[start + 1 : end], end + 1
    return text[start : start + 1], min(start + 1, len(text))


def rows_of(text: str) -> list[tuple[int, list[str]]]:
    """The rows of all tabulars in a text: first line and raw cells; spans are repeated.

    Args:
        text: LaTeX; comments and rules are left out.
    """
    rows: list[tuple[int, list[str]]] = []
    text = _LEFT_OUT.sub(lambda match: "\n" * match[0].count("\n"), text)
    held, start = "", 0
    begun = {text.count("\n", 0, match.start()) + 1: match.end() for match in _TABULAR.finditer(text)}
    spreads: frozenset[int] = frozenset()
    for number, raw in enumerate(text.splitlines(), 1):
        if number in begun:
            spreads = _columns_of_spreads(text, begun[number])
        line = _RULES.sub(" ", re.sub(r"(?<!\\)%.*$", "", raw))
        if _OUTSIDE.match(line) and "&" not in line:
            held = ""
            continue
        if line.strip() and not held.strip():
            start = number
        held = _one_line_stacks(f"{held} {line}")
        while match := _ROW_END.search(held):
            row, held = held[: match.start()], held[match.end() :]
            if "&" in row or _SPAN.match(row):
                rows.append((start, _cells(row, spreads)))
            start = number
        if held.strip() and held.count("{") == held.count("}") and not line.strip():
            held = ""
    if "&" in held and "\\end" not in held:
        rows.append((start, _cells(held, spreads)))
    _move_labels_up(rows)
    return rows


def _move_labels_up(rows: list[tuple[int, list[str]]]) -> None:
    """Labels over the rows above them, moved to the first of these rows in place."""
    for number, (_, cells) in enumerate(rows):
        for place, raw in enumerate(cells):
            match = _UPWARD.match(raw)
            first = number - int(match[1]) + 1 if match else number
            if match and 0 <= first < number and place < len(rows[first][1]):
                rows[first][1][place], cells[place] = raw, ""


def _one_line_stacks(text: str) -> str:
    """Line breaks inside of a stacked cell as spaces, where the cell is complete."""
    for match in reversed(list(_STACKED.finditer(text))):
        end = closing(text, match.end() - 1)
        if end:
            inner = _ROW_END.sub(" ", text[match.end() : end])
            text = f"{text[: match.end()]}{inner}{text[end:]}"
    return text


def closing(text: str, opened: int) -> int:
    """The place of the brace that closes the one at `opened`; 0 where there is none."""
    depth = 0
    for place in range(opened, len(text)):
        if text[place] == "{":
            depth += 1
        elif text[place] == "}":
            depth -= 1
            if not depth:
                return place
    return 0


def _cells(row: str, spreads: frozenset[int]) -> list[str]:
    cells: list[str] = []
    for raw in re.split(r"(?<!\\)&", row):
        match = _SPAN.match(raw)
        if match:
            cells += [match[2]] * int(match[1])
        else:
            cells.append(rf"\pm {raw}" if len(cells) in spreads and re.search(r"\d", raw) else raw)
    return cells


def _columns_of_spreads(text: str, start: int) -> frozenset[int]:
    r"""The columns that a tabular sets a plus-minus sign in front of: ``r@{$\pm$}l``.

    Args:
        text: of the file.
        start: place after `\begin{tabular}`.
    """
    given = []
    while match := re.compile(r"\s*(?:\[[^\]]*\]\s*)?(?=\{)").match(text, start):
        end = closing(text, match.end())
        if not end:
            break
        given.append(text[match.end() + 1 : end])
        start = end + 1
    return frozenset(_spread_columns(given[-1], 0)[0]) if given else frozenset()


def _spread_columns(wanted: str, column: int) -> tuple[list[int], int]:
    """The columns with a plus-minus sign before them in a tabular's columns, and the next column's number."""
    found: list[int] = []
    place, sign = 0, False
    while place < len(wanted):
        letter = wanted[place]
        place += 1
        if letter == "*":
            count, place = _argument(wanted, place)
            part, place = _argument(wanted, place)
            for _ in range(int(count) if count.isdigit() else 0):
                more, column = _spread_columns(part, column)
                found += more
        elif letter in "@!><":
            part, place = _argument(wanted, place)
            sign |= letter != "<" and "\\pm" in part
        elif letter.isalpha():
            column, sign, found = column + 1, False, [*found, column] if sign else found
        elif letter in "{[":
            # The width of p{2cm}, the settings of S[...].
            end = closing(wanted, place - 1) if letter == "{" else wanted.find("]", place)
            place = max(end, place) + 1
    return found, column


def is_bold(raw: str) -> bool:
    """Whether a cell is set in bold, by a command of LaTeX or a macro that is called like the best."""
    if re.search(r"\\(?:textbf|mathbf|boldsymbol|bm)\s*\{|\\(?:bf|bfseries)(?![a-zA-Z])", raw):
        return True
    return any(_BEST.match(name) for name in re.findall(r"\\([a-zA-Z]+)", raw))


def plain(raw: str) -> str:
    """The text of a cell without commands, settings and raised letters."""
    text = _VERBATIM.sub(r"\2", _RAISED.sub("", _DASHES.sub("-", raw)))
    while match := _SETTINGS.search(text):
        end = match.end()
        name = re.match(r"\\([a-z]+)", match[0])
        for _ in range(_ARGUMENTS.get(name[1] if name else "", 1)):
            opened = re.compile(r"\s*(?:\[[^\]]*\])?\s*\{").match(text, end)
            if not opened:
                break
            end = (closing(text, opened.end() - 1) or len(text) - 1) + 1
        text = text[: match.start()] + " " + text[end:]
    # Macros of the author's that the file does not define: \score{66.3}{4.2} and 66.3\std{4.2}.
    text = _SPREAD_AFTER.sub(r"\1 \\pm \2\3", _MEAN_AND_SPREAD.sub(r"\1 \\pm \2", text))
    text = re.sub(r"[\^_]?\{?\s*\\(?:text)?pm(?![a-zA-Z])", " ± ", re.sub(r"\\[()]", "", text))
    text = re.sub(r"_\{?\s*(?=[(\[])", " {", text)
    # What a command sets next to a number is no more of its digits.
    text = re.sub(r"(?<=\d)(\}*\$?)\s*(?:\\[a-zA-Z]+\*?\s*)?\{(?=\s*[\d.])", r"\1 {", text)
    text = text.replace("_{", " {") if "±" in text else re.sub(r"_\{\s*(\d+(?:\.\d+)?)\s*\}", r" (\1)", text)
    text = text.replace("\\\\", " ").replace("$", "").replace("~", " ")
    for sign in "%_&#":
        text = text.replace(f"\\{sign}", sign)
    text = re.sub(r"\\[,;:! ]", " ", text)
    text = re.sub(r"\\[a-zA-Z]+\*?\s*", "", text)
    return text.replace("{", "").replace("}", "")
