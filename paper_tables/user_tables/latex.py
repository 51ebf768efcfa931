"""LaTeX as people write tables: rows, spans, macros for bold, and the plain text of a cell."""

from __future__ import annotations

import re
from dataclasses import dataclass

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
    r"\\(?:re|provide)?(?:newcommand|command|def)\*?\{?\\([a-zA-Z]+)\}?(?:\[\d\])?\s*\{(.*)$"
)
# Names of macros by which authors mark the best of a row.
_BEST = re.compile(r"^(?:best|bst|bb|bold|bd|topone|winner|win)", re.IGNORECASE)
_STACKED = re.compile(r"\\(?:makecell|thead|shortstack)(?:\[[^\]]*\])?\{")
_SPAN = re.compile(r"^\s*\\multicolumn\s*\{\s*(\d+)\s*\}\s*\{[^{}]*\}\s*\{(.*)\}\s*$", re.DOTALL)
_RAISED = re.compile(
    r"\\textsuperscript\{[^{}]*\}|\\footnote(?:mark|text)?(?:\[\d+\])?(?:\{[^{}]*\})?|\\tnote\{[^{}]*\}|"
    r"\\cite[a-z]*\*?(?:\[[^\]]*\])*\{[^{}]*\}|\\d?dag(?:ger)?(?![a-zA-Z])|\\ddagger(?![a-zA-Z])|"
    r"\^\{?\s*(?:\\(?:dag|ddag|dagger|ddagger|ast|star|circ|S|P|bullet|diamond)(?![a-zA-Z])|[*†‡a-zA-Z,])+\s*\}?|"
    r"\^\{\s*\d{1,2}\s*\}"
)
# Commands whose first argument is a setting and no text.
_SETTINGS = re.compile(
    r"\\(?:textcolor|color|cellcolor|colorbox|fcolorbox|hspace|vspace|phantom|hphantom|vphantom|fontsize|"
    r"multirow|multicolumn|rotatebox|raisebox|resizebox|scalebox|ref|label)\*?(?:\[[^\]]*\])*"
)
_ARGUMENTS = {"multirow": 2, "multicolumn": 2, "fcolorbox": 2, "fontsize": 2, "resizebox": 2}
_DASHES = re.compile(r"\\text(?:em|en)dash(?![a-zA-Z])|\\(?:hfill|dotfill)(?![a-zA-Z])")


@dataclass(frozen=True)
class Macros:
    """Macros that a file defines: those that set their text in bold."""

    bold: frozenset[str] = frozenset()

    @classmethod
    def of(cls, text: str) -> Macros:
        """The macros that a text defines."""
        found = [match for line in text.splitlines() if (match := _DEFINED.search(line))]
        return cls(
            frozenset(
                m[1] for m in found if re.search(r"\\(?:textbf|mathbf|bf|bfseries|boldsymbol|bm)\b", m[2])
            )
        )


def rows_of(text: str) -> list[tuple[int, list[str]]]:
    """The rows of all tabulars in a text: first line and raw cells; spans are repeated.

    Args:
        text: LaTeX; comments and rules are left out.
    """
    rows: list[tuple[int, list[str]]] = []
    held, start = "", 0
    for number, raw in enumerate(text.splitlines(), 1):
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
                rows.append((start, _cells(row)))
            start = number
        if held.strip() and held.count("{") == held.count("}") and not line.strip():
            held = ""
    if "&" in held and "\\end" not in held:
        rows.append((start, _cells(held)))
    return rows


def _one_line_stacks(text: str) -> str:
    """Line breaks inside of a stacked cell as spaces, where the cell is complete."""
    for match in reversed(list(_STACKED.finditer(text))):
        end = _closing(text, match.end() - 1)
        if end:
            inner = _ROW_END.sub(" ", text[match.end() : end])
            text = f"{text[: match.end()]}{inner}{text[end:]}"
    return text


def _closing(text: str, opened: int) -> int:
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


def _cells(row: str) -> list[str]:
    cells: list[str] = []
    for raw in re.split(r"(?<!\\)&", row):
        match = _SPAN.match(raw)
        cells += [match[2]] * int(match[1]) if match else [raw]
    return cells


def is_bold(raw: str, macros: Macros) -> bool:
    """Whether a cell is set in bold, by a command of LaTeX or a macro of the author's."""
    if re.search(r"\\(?:textbf|mathbf|boldsymbol|bm)\s*\{|\\(?:bf|bfseries)(?![a-zA-Z])", raw):
        return True
    return any(name in macros.bold or _BEST.match(name) for name in re.findall(r"\\([a-zA-Z]+)", raw))


def plain(raw: str) -> str:
    """The text of a cell without commands, settings and raised letters."""
    text = _RAISED.sub("", _DASHES.sub("-", raw))
    while match := _SETTINGS.search(text):
        end = match.end()
        name = re.match(r"\\([a-z]+)", match[0])
        for _ in range(_ARGUMENTS.get(name[1] if name else "", 1)):
            opened = re.compile(r"\s*(?:\[[^\]]*\])?\s*\{").match(text, end)
            if not opened:
                break
            end = (_closing(text, opened.end() - 1) or len(text) - 1) + 1
        text = text[: match.start()] + " " + text[end:]
    text = re.sub(r"\\pm(?![a-zA-Z])", "±", text)
    text = text.replace("_{", " {") if "±" in text else re.sub(r"_\{\s*(\d+(?:\.\d+)?)\s*\}", r" (\1)", text)
    text = text.replace("\\\\", " ").replace("$", "").replace("~", " ")
    for sign in "%_&#":
        text = text.replace(f"\\{sign}", sign)
    text = re.sub(r"\\[,;:! ]", " ", text)
    text = re.sub(r"\\[a-zA-Z]+\*?\s*", "", text)
    return text.replace("{", "").replace("}", "")
