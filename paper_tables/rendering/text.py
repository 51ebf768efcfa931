"""How a number, a mark and a judged cell are written; shared by every table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence, Set
from typing import Any

import numpy as np
import pandas as pd

from paper_tables.rendering.table import csv_frame

NOTHING = "–"
DIGITS = 6
COMPARABILITY_MARKS = {
    "unverified": ("u", "our dataset is of unknown origin, or nothing published could be compared with it"),
    "recollected": ("r", "our dataset was collected again"),
    "toy": ("t", "our dataset is a toy"),
    "stated": ("s", "dataset, environment and unit are as the author of the scores states them"),
}


FLAG_MARKS = {
    "conditional": (
        "cond",
        "conditional: the paper prints no spread, and the verdict depends on an assumed one",
    ),
    "other_settings": ("set", "our runs have other hyperparameters than the reported number"),
    "other_selection": ("sel", "our checkpoints are selected by another rule than the paper's"),
    "within_implementation_spread": ("impl", "different, but independent re-runs differ as much"),
}
NOT_KEPT = "bh"
"""The mark of a claim that does not survive the adjustment in its family."""


def in_order(labels: Iterable[Any]) -> list[str]:
    """Distinct labels sorted with their numbers as numbers: N=2 before N=10, eta_0.01 before eta_0.1."""

    def key(label: str) -> tuple[list[tuple[int, float, str]], str]:
        # Every second part is a number. Labels of equal numbers (01 and 1) are in the order of their letters.
        parts = enumerate(re.split(r"([0-9]+(?:\.[0-9]+)?)", label))
        return [(0, float(part), "") if place % 2 else (1, 0.0, part) for place, part in parts], label

    return sorted({str(label) for label in labels}, key=key)


def number(value: float, decimals: int) -> str:
    """A rounded number as text, without a negative zero."""
    return f"{round(float(value), decimals) + 0.0:.{decimals}f}"


def signed(value: float, decimals: int = 1) -> str:
    """A rounded difference with its sign, without a negative zero."""
    return f"{round(float(value), decimals) + 0.0:+.{decimals}f}"


def with_spread(mean: float, spread: float | None, decimals: int) -> str:
    """A number and, where there is one, its ±."""
    plus_minus = "" if spread is None or pd.isna(spread) else f" ± {number(spread, decimals)}"
    return f"{number(mean, decimals)}{plus_minus}"


def our_text(found: Sequence[float], decimals: int) -> str:
    """Mean, sample standard deviation over seeds and, in brackets, the number of seeds."""
    sd = float(np.std(found, ddof=1)) if len(found) > 1 else None
    return f"{with_spread(float(np.mean(found)), sd, decimals)} ({len(found)})"


def marks_of_run(run: pd.Series, task: str, trained: int, wanted: int | None) -> tuple[str, ...]:
    """Letters next to our number; `mark_notes` explains them.

    Args:
        run: a row of the schema ``scores``.
        task: the task of the number's row.
        trained: updates of the run.
        wanted: updates of the paper's training, None where there is no paper.
    """
    marks = []
    if run["task"] != task:
        marks.append(str(run["task"]).rsplit("-", 1)[-1])
    if run["comparability"] in COMPARABILITY_MARKS:
        marks.append(COMPARABILITY_MARKS[run["comparability"]][0])
    if run["environment_match"] == "adapted":
        marks.append("a")
    if run["environment_match"] == "none":
        marks.append("e")
    if pd.notna(run["hyperparameters_like"]) and run["hyperparameters_like"] != run["task"]:
        marks.append("h")
    if run["comparability"] == "original" and pd.isna(run["environment_match"]):
        marks.append("n")
    if wanted is not None and trained != wanted:
        marks.append("l" if trained else "q")
    return tuple(marks)


def mark_notes(marks: set[str], runs: pd.DataFrame, everywhere: Set[str] = frozenset()) -> list[str]:
    """One sentence for each mark that is used; a mark of all cells is written there in words alone.

    Args:
        marks: those used in the table.
        runs: the score rows shown, for what the marks refer to.
        everywhere: marks that every cell carries.
    """
    notes = dict(COMPARABILITY_MARKS.values()) | dict(FLAG_MARKS.values())
    like = sorted({str(value) for value in runs["hyperparameters_like"].dropna()})
    notes |= {
        "a": "our environment is adapted to the paper's",
        "e": "our environment is another than the paper's",
        "h": f"our hyperparameters are those of {', '.join(like)}",
        "l": "ours was trained for another number of updates",
        "n": "the environment of our runs is not stated",
        "q": "the length of our training is not stated",
        "w": "below the row's highest, but its 95% interval reaches it",
        "raw": "raw returns, because the task has no reference scores",
        "m": "noted from memory, unverified",
        "c": "computed from the rows, not printed or not transcribed",
        "d": "detectable: the 90% interval of the difference does not hold 0",
        "low": "the interval covers less than 90% of simulated studies, though it says 95%",
        NOT_KEPT: "the claim is not kept by Benjamini and Hochberg at 5% in its family",
    }
    explained = [
        f"{'All cells' if mark in everywhere else mark}: {notes[mark]}."
        for mark in sorted(marks)
        if mark in notes
    ]
    versions = sorted(mark for mark in marks if mark not in notes)
    if versions:
        explained.append(
            f"{', '.join(versions)}: our dataset has this version, the paper's the one in the row."
        )
    return explained


def cells_csv(cells: pd.DataFrame) -> str:
    """Judged cells as CSV, both verdicts, numbers rounded."""
    plain = cells.copy()
    for column in ("our_scores_percent", "reference_scores_percent"):
        if column in plain.columns:
            plain[column] = [" ".join(f"{value:.4f}" for value in found) for found in plain[column]]
    if "marks" in plain.columns:
        plain["marks"] = [" ".join(marks) for marks in plain["marks"]]
    for column in plain.columns:
        if pd.api.types.is_float_dtype(plain[column]):
            plain[column] = plain[column].round(DIGITS) + 0.0  # no negative zero
    return csv_frame(plain)
