"""Which provenance fields the runs of one row must share, and the footnote that cites them."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
from recheck.errors import TablesError

from paper_tables.scores.tables import RUN_COLUMNS

# What changes a score, or may: a row that mixes them compares more than the methods.
FIELDS = (
    "environment_id",
    "environment_match",
    "comparability",
    "score_unit",
    "content_sha256",
    "gymnasium_version",
    "mujoco_version",
    "torch_version",
    "git_commit",
)


def _values(runs: pd.DataFrame, field: str) -> list[str]:
    return sorted({str(value) for value in runs[field] if pd.notna(value)})


def refuse_mixed(runs: pd.DataFrame, where: str, allowed: Iterable[str] = ()) -> None:
    """Refuse runs of one row that differ in a field of `FIELDS`.

    Args:
        runs: rows of the schema ``scores`` of one row of a table.
        where: the row, for the error.
        allowed: fields in which they may differ.

    Raises:
        TablesError: they differ, or an allowed field is unknown.
    """
    permitted = set(allowed)
    unknown = sorted(permitted - set(FIELDS))
    if unknown:
        raise TablesError(
            f"{', '.join(unknown)} is not a field of provenance; known are {', '.join(FIELDS)}."
        )
    for field in FIELDS:
        found = _values(runs, field)
        if len(found) > 1 and field not in permitted:
            raise TablesError(
                f"{where} mixes {field} {' and '.join(found)}; run the older cells again, or allow it with "
                f"--allow-mixed-provenance {field}."
            )


def footnote(runs: pd.DataFrame) -> list[str]:
    """Sentences that cite the provenance of the rows shown; never that of the rebuild.

    Args:
        runs: rows of the schema ``scores`` that are shown.
    """
    if runs.empty:
        return []
    parts = []
    for name, field in (
        ("code", "git_commit"),
        ("torch", "torch_version"),
        ("gymnasium", "gymnasium_version"),
        ("mujoco", "mujoco_version"),
        ("environment", "environment_id"),
        ("device", "device"),
    ):
        found = _values(runs, field)
        if field == "git_commit":
            changed = runs["git_dirty"].fillna(False).astype(bool)
            dirty = {str(value) for value in runs.loc[changed, "git_commit"]}
            found = [value[:12] + (" with uncommitted changes" if value in dirty else "") for value in found]
        if found:
            parts.append(f"{name} {', '.join(found)}")
    notes = [f"Our runs: {'; '.join(parts)}."] if parts else ["Our runs: no provenance is recorded."]
    notes += _formats_note(runs)
    data = runs[["task", "comparability", "content_sha256"]].drop_duplicates()
    data = data.sort_values(["task", "comparability", "content_sha256"])
    described = []
    for task, comparability, digest in data.itertuples(index=False):
        hashed = f", content SHA-256 {str(digest)[:12]}" if pd.notna(digest) else ""
        described.append(f"{task} ({comparability}{hashed})")
    notes.append(f"Datasets: {'; '.join(described)}.")
    return notes


def _formats_note(runs: pd.DataFrame) -> list[str]:
    """A sentence where runs that were evaluated in different formats are shown together."""
    formats = runs["evaluation_format"]
    if formats.nunique(dropna=False) < 2:
        return []
    counted = []
    named = ["not recorded" if pd.isna(value) else str(int(value)) for value in formats]
    blocks = runs.assign(evaluation_format=named)
    for name, rows in blocks.groupby("evaluation_format", sort=True):
        count = len(rows.drop_duplicates([*RUN_COLUMNS, "sampling", "seed"]))
        counted.append(f"{name} ({count} {'run' if count == 1 else 'runs'})")
    return [
        f"Episodes of different evaluation formats meet here: {', '.join(counted)}. Another format draws "
        "other random numbers of the same distribution."
    ]
