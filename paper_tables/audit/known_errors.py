"""The known errors, and which of them the audit shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from paper_tables import frames
from paper_tables.audit.numbers import KNOWN_ERRORS


def read_known_errors(path: Path = KNOWN_ERRORS) -> list[dict[str, Any]]:
    """The errors known from the literature, each with what the data can show of it.

    Raises:
        TablesError: the file breaks ``schemas/known_errors.schema.json``.
    """
    entries: list[dict[str, Any]] = frames.read_yaml(path, "known_errors")
    return entries


def shows(findings: pd.DataFrame, wanted: dict[str, str]) -> pd.DataFrame:
    """The findings that match: equal in ``rule`` and ``severity``, containing the text in other columns."""
    mask = pd.Series(True, index=findings.index)
    for column, text in wanted.items():
        if column in ("rule", "severity"):
            mask &= findings[column] == text
        else:
            mask &= findings[column].astype(str).str.contains(str(text), regex=False)
    return findings[mask]


def known_errors_table(known_errors: list[dict[str, Any]]) -> list[str]:
    """The known errors as lines of a Markdown table."""
    lines = ["| no. | error | shown by the data | found as, or why not |", "|---|---|---|---|"]
    for entry in known_errors:
        rules = ", ".join(sorted({wanted["rule"] for wanted in entry.get("findings", [])}))
        found = ". ".join(part for part in (rules, entry.get("reason", "")) if part)
        lines.append(f"| {entry['number']} | {entry['error']} | {entry['shown']} | {found} |")
    return lines
