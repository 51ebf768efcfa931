"""Findings about a user's table: the rules of the audit, and bold numbers that are within noise."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from paper_tables import frames, literature
from paper_tables.audit import rules
from paper_tables.audit.numbers import Finding
from paper_tables.user_tables.numbers import UserTable, read_table

# Remarks about how a document describes itself say nothing of a table that a user hands in.
NOT_OF_A_TABLE = (
    "spread_absent",
    *("seeds_unclear", "unverified", "spreads", "spread_unknown", "selections_mixed", "unknown_names"),
    *("revised", "versions_differ"),
)
_NORMAL_90 = 1.645


@dataclass(frozen=True)
class TableFinding:
    """One error of a table.

    Attributes:
        rule: name of the rule.
        line: of the user's file; 0 where it concerns a column.
        cell: row and column.
        printed: what is there.
        source: document that has another value.
        source_value: what the source has.
        explanation: one sentence.
        certainty: how sure it is.
    """

    rule: str
    line: int
    cell: str
    printed: str
    source: str
    source_value: str
    explanation: str
    certainty: str

    def text(self) -> str:
        """One line to read."""
        where = f"line {self.line}, " if self.line else ""
        source = f" {self.source} has {self.source_value}." if self.source_value else ""
        return (
            f"{where}{self.cell}: {self.printed}.{source} {self.explanation} ({self.rule}, {self.certainty})"
        )


def audit_table(
    path: Path, version: str | None = None, seeds: int | None = None
) -> tuple[UserTable, list[TableFinding]]:
    """Compare a user's table with the reported numbers.

    Args:
        path: CSV, Markdown or LaTeX.
        version: of tasks whose names have none.
        seeds: training seeds of the numbers, where stated.

    Raises:
        TablesError: the table cannot be read.
    """
    table = read_table(path, version, seeds)
    found = [
        _finding(error, table)
        for error in rules.audit_table(table.numbers, literature.read_all())
        if error.rule not in NOT_OF_A_TABLE
    ]
    # A cell that was copied wrongly may be out of range as well: one error, one finding.
    explained = {finding.cell for finding in found if finding.line and finding.rule != "out_of_range"}
    found = [item for item in found if item.rule != "out_of_range" or item.cell not in explained]
    found = _without_consequences(found, table)
    found += bold_within_noise(table)
    return table, sorted(found, key=lambda finding: (finding.line, finding.cell, finding.rule))


def _finding(error: Finding, table: UserTable) -> TableFinding:
    place = table.places.get((error.method, error.task))
    return TableFinding(
        rule=error.rule,
        line=0 if place is None else place.cell.line,
        cell=f"{error.method} on {error.task if place is None else place.row}",
        printed=error.value,
        source=error.other_source,
        source_value=error.other_value,
        explanation=error.explanation,
        certainty=error.certainty,
    )


def _without_consequences(found: list[TableFinding], table: UserTable) -> list[TableFinding]:
    """Leave out totals that are right but for a wrong cell that is found already: one error, one finding."""
    wrong: dict[str, float] = {}
    for finding in found:
        column = finding.cell.split(" on ", 1)[0]
        source = _first_number(finding.source_value)
        printed = _first_number(finding.printed)
        if finding.rule != "totals" and source is not None and printed is not None:
            wrong[column] = wrong.get(column, 0.0) + source - printed
    kept = []
    for finding in found:
        column = finding.cell.split(" on ", 1)[0]
        printed, summed = _first_number(finding.printed), _first_number(finding.source_value)
        explained = (
            finding.rule == "totals"
            and column in wrong
            and printed is not None
            and summed is not None
            and _same_sum(printed, summed, wrong[column], table, column)
        )
        if not explained:
            kept.append(finding)
    return kept


def _same_sum(printed: float, summed: float, correction: float, table: UserTable, column: str) -> bool:
    """Whether a total (or average) fits its rows once the wrong cells have the source's values."""
    rows = int(((table.numbers["method"] == column) & (table.numbers["aggregate"] == "cell")).sum())
    tolerance = 0.05 * max(rows, 1) + 1e-6
    return any(abs(printed - summed - correction / divisor) <= tolerance for divisor in (1, max(rows, 1)))


def _first_number(text: str) -> float | None:
    match = re.search(r"-?\d+(?:\.\d+)?", text)
    return None if match is None else float(match[0])


def bold_within_noise(table: UserTable) -> list[TableFinding]:
    """Bold numbers that are not the highest of their row, or whose lead is within the printed spreads."""
    found = []
    cells = table.numbers[table.numbers["aggregate"] == "cell"]
    for task, rows in cells.groupby("task", sort=False):
        records = frames.records(rows)
        bold = [row for row in records if table.places[(row["method"], str(task))].cell.bold]
        if not bold or len(bold) == len(records):
            continue
        rest = [row for row in records if row not in bold]
        runner_up = max(rest, key=lambda row: row["score_percent"])
        for row in bold:
            reason = _why_not_best(row, runner_up)
            if reason:
                place = table.places[(row["method"], str(task))]
                found.append(
                    TableFinding(
                        "bold_within_noise",
                        place.cell.line,
                        f"{row['method']} on {place.row}",
                        place.cell.text,
                        f"your table, {runner_up['method']}",
                        table.places[(runner_up["method"], str(task))].cell.text,
                        reason,
                        "likely",
                    )
                )
    return found


def _why_not_best(row: dict[str, Any], other: dict[str, Any]) -> str:
    lead = row["score_percent"] - other["score_percent"]
    if lead < 0:
        # Some papers set all within 5% of the highest in bold.
        within = 0.05 * abs(other["score_percent"])
        return "" if -lead <= within else f"It is bold, and {other['method']} is higher by {-lead:.1f}."
    spreads = [row["spread_percent"], other["spread_percent"]]
    if any(spread is None or pd.isna(spread) for spread in spreads):
        return ""
    seeds = [_seeds(item) for item in (row, other)]
    error = math.sqrt(sum(spread**2 / count for spread, count in zip(spreads, seeds)))
    if error == 0 or lead >= _NORMAL_90 * error:
        return ""
    return (
        f"It alone is bold, but leads {other['method']} by {lead:.1f}, which is within the noise of the "
        f"printed spreads (90%: {_NORMAL_90 * error:.1f})."
    )


def _seeds(row: dict[str, Any]) -> int:
    """Seeds of a number; one where they are not stated: the printed spread is then taken as the error."""
    counts = str(row["num_seeds"] or "").split("|")
    return min((int(count) for count in counts if count.isdigit()), default=1)
