"""How verdicts are shown in tables: signs, marks, and the notes that count and explain them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
from recheck.words import first_of

from paper_tables.rendering.table import MARKS
from paper_tables.rendering.text import FLAG_MARKS, NOT_KEPT

MOST_LISTED = 12


def verdict_marks(cell: Mapping[str, Any]) -> tuple[str, ...]:
    """The raised letters next to a verdict: its flags, detectable, and a claim that is not kept.

    Args:
        cell: a row with the columns of a verdict.
    """
    flags = str(cell["flags"]).split("; ") if isinstance(cell["flags"], str) and cell["flags"] else []
    marks = [FLAG_MARKS[flag][0] for flag in flags]
    if pd.notna(cell["detectable"]) and cell["detectable"]:
        marks.append("d")
    if differs_under_adjustment(cell):
        marks.append(NOT_KEPT)
    return tuple(marks)


def mark_notes_of_verdicts(marks: set[str]) -> list[str]:
    """One sentence for each flag's mark that is used, and for `detectable`."""
    explained = dict(FLAG_MARKS.values()) | {"d": "detectable: the 90% interval does not hold 0"}
    return [f"{mark}: {explained[mark]}." for mark in sorted(marks) if mark in explained]


def counted(verdicts: Iterable[str], order: Iterable[str] = tuple(MARKS)) -> str:
    """Verdicts with how many there are and their signs: `5 inconclusive (?), 1 reproduced (✓)`.

    Args:
        verdicts: any number of them; what is not in `order` is left out.
        order: in which they are named.
    """
    counts = Counter(verdicts)
    return ", ".join(f"{counts[name]} {name} ({MARKS[name][0]})" for name in order if counts[name])


def differs_under_adjustment(cell: Mapping[Any, Any]) -> bool:
    """Whether a claim is not kept by Benjamini and Hochberg in its family."""
    adjusted = cell["adjusted_verdict"]
    return isinstance(adjusted, str) and adjusted != "" and adjusted != cell["verdict"]


def numbers_once(cells: pd.DataFrame) -> pd.DataFrame:
    """One row for each reported number: the first place where it is shown, its own table if that is there.

    Args:
        cells: judged cells, with `number` and `judged_at` where a number can be shown at several places.
    """
    copied = pd.Series(False, index=cells.index)
    if "judged_at" in cells.columns:
        copied = cells["judged_at"].fillna("").astype(str) != ""
    if "number" not in cells.columns:
        return cells[~copied]
    copies_last = pd.concat([cells[~copied], cells[copied]])
    keep = ~copies_last["number"].duplicated() | copies_last["number"].isna()
    return copies_last[keep].sort_index()


def by_reason(cells: pd.DataFrame, among: pd.DataFrame) -> list[str]:
    """One text for each reason, after the cells that have it: `IQL on hopper-medium-v2: why`.

    Args:
        cells: judged cells; those without a reason are skipped.
        among: what is shown together with them, see `place_of`.
    """
    grouped: dict[str, list[str]] = {}
    for row in cells[cells["reason"].fillna("") != ""].to_dict("records"):
        grouped.setdefault(str(row["reason"]), []).append(place_of(row, among))
    return [f"{', '.join(places)}: {reason}" for reason, places in grouped.items()]


def place_of(cell: Mapping[Any, Any], among: pd.DataFrame) -> str:
    """Column and task of a cell, with its table where another table has both too."""
    place = f"{cell['column']} on {cell['task']}"
    if "table" not in among.columns:
        return place
    alike = among[(among["column"] == cell["column"]) & (among["task"] == cell["task"])]
    return f"{place} ({cell['table']})" if alike["table"].nunique() > 1 else place


def verdict_notes(cells: pd.DataFrame) -> list[str]:
    """What a reader must know about the verdicts of a table: counts, the adjustment, and where it matters.

    Args:
        cells: rows with the columns of a verdict and `task` and `column`; those without a verdict are
            skipped. Rows with one `number` are counted once.
    """
    judged = cells[cells["verdict"].isin(list(MARKS))]
    if judged.empty:
        return []
    once = numbers_once(judged)
    notes = [
        f"Verdicts by the 90% interval: {counted(once['verdict'])}.",
        "A second sign: claims that Benjamini and Hochberg keep at 5% among the numbers of one document for "
        "one method and selection rule, apart for reproduced and for different.",
    ]
    changed = once[[differs_under_adjustment(row) for row in once.to_dict("records")]]
    if len(changed):
        places = [f"{row['column']} on {row['task']}" for row in changed.to_dict("records")]
        notes.append(f"Not kept ({NOT_KEPT}): {first_of(places, MOST_LISTED)}.")
    if len(once) < len(judged):
        notes.append(
            f"{len(judged)} places show {len(once)} numbers: a copied number is judged once, at its origin."
        )
    return notes
