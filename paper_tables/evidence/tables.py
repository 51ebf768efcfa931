"""The evidence as tables: every number, each paper in its own layout, and summaries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from paper_tables import frames
from paper_tables.evidence.direct import INDEPENDENT, SAME_CODE
from paper_tables.evidence.judgement import NO_BASIS, RE_REPORTED
from paper_tables.evidence.numbers import slug
from paper_tables.rendering.table import Cell, Table
from paper_tables.rendering.text import FLAG_MARKS, NOTHING, number, with_spread
from paper_tables.rendering.text import signed as signed_text
from paper_tables.rendering.verdicts import counted, differs_under_adjustment
from paper_tables.verdicts import decision_rule

BASIS_WORDS = {
    INDEPENDENT: "independent runs",
    SAME_CODE: "runs of the document's own code",
    RE_REPORTED: "other documents' reports",
    decision_rule.OTHER_SELECTION: "runs selected by another rule",
    decision_rule.OTHER_SETTINGS: "runs with other settings",
    NO_BASIS: NOTHING,
}
BASIS_MARKS = {
    SAME_CODE: ("own", "the runs are of the code that made the number: repeatability, not confirmation"),
    RE_REPORTED: ("rep", "the verdict rests on other documents' reports, not on runs"),
}
IMPOSSIBLE = ("dig", "the printed digits are impossible for the stated design")
COPIED = ("cp", "a copy, judged at its origin")
NOT_KEPT = ("bh", "the claim is not kept by Benjamini and Hochberg at 5% in its family")
OPEN = (decision_rule.INCONCLUSIVE, decision_rule.UNINFORMATIVE)
DIFFERENT = (decision_rule.DIFFERENT_HIGHER, decision_rule.DIFFERENT_LOWER)


def marks_of(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The raised letters of a number."""
    marks = [FLAG_MARKS[flag][0] for flag in str(row["flags"]).split("; ") if flag]
    if row["basis"] in BASIS_MARKS:
        marks.append(BASIS_MARKS[row["basis"]][0])
    if row["judged_at"]:
        marks.append(COPIED[0])
    if row["arithmetic"] == "impossible":
        marks.append(IMPOSSIBLE[0])
    if row["basis"] != NO_BASIS and differs_under_adjustment(row):
        marks.append(NOT_KEPT[0])
    return tuple(dict.fromkeys(marks))


def mark_notes(marks: Iterable[str]) -> list[str]:
    """One sentence for each mark that is used."""
    explained = dict([*FLAG_MARKS.values(), *BASIS_MARKS.values(), IMPOSSIBLE, COPIED, NOT_KEPT])
    return [f"{mark}: {explained[mark]}." for mark in sorted(set(marks))]


def sign_note(verdicts: Iterable[str]) -> str:
    """What the signs mean, and how often each is used."""
    return f"Verdicts: {counted(verdicts)}."


def number_cell(row: Mapping[str, Any]) -> Cell:
    """A printed number with its verdict's sign and marks."""
    spread = None if row["spread_kind"] == "none" else row["spread_percent"]
    text = with_spread(row["score_percent"], spread, int(row["decimals"]))
    return Cell(text, verdict=str(row["verdict"]), marks=marks_of(row))


def signed(value: Any) -> str:
    """A difference with its sign, or a dash."""
    return NOTHING if value is None or pd.isna(value) else signed_text(value)


def interval_text(row: Mapping[str, Any]) -> str:
    """The 90% interval of a row, or a dash."""
    low, high = row["interval_low"], row["interval_high"]
    return NOTHING if low is None or pd.isna(low) else f"[{number(low, 1)}, {number(high, 1)}]"


def numbers_table(frame: pd.DataFrame, version: str) -> Table:
    """Every reported number with its verdict and basis, one row each."""
    table = Table(
        f"Evidence for {len(frame)} reported numbers, version {version}",
        ["Number", "Reported", "Evidence minus reported", "90% interval", "Basis", "Reason"],
        text_columns=1,
    )
    used: list[str] = []
    for row in frames.records(frame):
        cell = number_cell(row)
        used += cell.marks
        table.rows.append(
            [
                Cell(str(row["id"])),
                cell,
                Cell(signed(row["difference_percent"])),
                Cell(interval_text(row)),
                Cell(BASIS_WORDS[row["basis"]]),
                Cell(str(row["reason"])),
            ]
        )
    table.notes = [sign_note(frame["verdict"]), *mark_notes(used)]
    return table


def paper_tables(frame: pd.DataFrame, titles: Mapping[str, str]) -> dict[str, Table]:
    """One table for each table of each document, rows and columns in the document's order.

    Args:
        frame: as `evidence_frame` gives it.
        titles: document -> title.

    Returns:
        File name without ending -> table.
    """
    result = {}
    for (document, name), part in frame.groupby(["document", "table"], sort=False):
        methods = list(dict.fromkeys(part["method"]))
        places: dict[tuple[str, str, int], dict[str, Cell]] = {}
        times: dict[tuple[str, str, str], int] = {}
        used: list[str] = []
        for row in frames.records(part):
            key = row["suite"], row["task"], row["method"]
            times[key] = times.get(key, 0) + 1
            cell = number_cell(row)
            used += cell.marks
            places.setdefault((row["suite"], row["task"], times[key]), {})[row["method"]] = cell
        table = Table(f"{titles[str(document)]}, {name}", ["Task", *methods])
        suite = None
        for (of_suite, task, _), cells in places.items():
            if suite not in (None, of_suite):
                table.rows.append(None)
            suite = of_suite
            table.rows.append([Cell(str(task)), *(cells.get(method, Cell(NOTHING)) for method in methods)])
        table.notes = [sign_note(part["verdict"]), *mark_notes(used)]
        result[f"{slug(document)}_{slug(name)}".replace("-", "_")] = table
    return result


def distinct(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows without copies that are judged at another place."""
    return frame[frame["judged_at"] == ""]


def counts_of(part: pd.DataFrame) -> dict[str, int]:
    """Judged, reproduced, different, open and not judged numbers of some rows."""
    verdicts = part["verdict"]
    reproduced = int((verdicts == decision_rule.REPRODUCED).sum())
    different = int(verdicts.isin(DIFFERENT).sum())
    still_open = int(verdicts.isin(OPEN).sum())
    return {
        "numbers": len(part),
        "judged": reproduced + different + still_open,
        "reproduced": reproduced,
        "different": different,
        "open": still_open,
        "without": len(part) - reproduced - different - still_open,
    }


COUNT_HEADINGS = ("Numbers", "Judged", "Reproduced", "Different", "Open", "Without evidence")
_COUNTS_NOTE = (
    "Copies are counted where they are printed first. Open: inconclusive or uninformative. Without evidence: "
    "no_evidence or not_judged, sums over tasks among them."
)


def summary_by(frame: pd.DataFrame, column: str, heading: str, title: str) -> Table:
    """Counts of verdicts by document, method or another column, with sums by basis."""
    rows = distinct(frame)
    table = Table(title, [heading, *COUNT_HEADINGS], notes=[_COUNTS_NOTE])
    for name, part in rows.groupby(column, sort=True):
        table.rows.append([Cell(str(name)), *(Cell(f"{count:,}") for count in counts_of(part).values())])
    table.rows.append(None)
    table.rows.append([Cell("all"), *(Cell(f"{count:,}") for count in counts_of(rows).values())])
    return table


def _conditional(part: pd.DataFrame) -> pd.Series:
    return part["flags"].str.split("; ").map(lambda flags: decision_rule.CONDITIONAL in flags)


def first_screen(frame: pd.DataFrame) -> Table:
    """What was found, in at most eight lines: basis by verdict."""
    rows = distinct(frame)
    conditional = _conditional(rows)
    judged = rows["verdict"].isin((decision_rule.REPRODUCED, *DIFFERENT, *OPEN))
    independent = judged & (rows["basis"] == INDEPENDENT)
    lines: list[tuple[str, pd.Series]] = [
        ("Independent runs, spread printed", independent & ~conditional),
        ("Independent runs, spread assumed (conditional)", independent & conditional),
        *(
            (f"{quantity}{BASIS_WORDS[basis]}".capitalize(), judged & (rows["basis"] == basis))
            for quantity, basis in (
                ("", SAME_CODE),
                ("three or more ", RE_REPORTED),
                ("", decision_rule.OTHER_SELECTION),
                ("", decision_rule.OTHER_SETTINGS),
            )
        ),
        (
            f"No public run, and fewer than three {BASIS_WORDS[RE_REPORTED]}",
            rows["verdict"] == decision_rule.NO_EVIDENCE,
        ),
        (
            "Not judged: a sum over tasks, or a number that could not be looked up",
            rows["verdict"] == decision_rule.NOT_JUDGED,
        ),
    ]
    table = Table(
        "What public evidence says about the reported numbers",
        ["Evidence", "Numbers", "Reproduced", "Different", "Inconclusive", "Uninformative", "Conditional"],
        notes=[
            _COUNTS_NOTE.split(". Open", maxsplit=1)[0] + ".",
            "Conditional: how many of the line's verdicts rest on a spread that is assumed.",
        ],
    )
    for name, chosen in lines:
        part = rows[chosen]
        verdicts = part["verdict"]
        values = (
            len(part),
            int((verdicts == decision_rule.REPRODUCED).sum()),
            int(verdicts.isin(DIFFERENT).sum()),
            int((verdicts == decision_rule.INCONCLUSIVE).sum()),
            int((verdicts == decision_rule.UNINFORMATIVE).sum()),
            int((chosen & conditional).sum()),
        )
        table.rows.append([Cell(name), *(Cell(f"{value:,}") for value in values)])
    return table
