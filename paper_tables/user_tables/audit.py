"""Findings about a user's table: the rules of the audit, and bold numbers that are within noise."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from paper_tables import frames, literature
from paper_tables.audit import rules
from paper_tables.audit.numbers import Finding
from paper_tables.user_tables.aggregates import Misfit, misfits
from paper_tables.user_tables.numbers import DOCUMENT, UserTable, read_table
from paper_tables.user_tables.selections import OtherRule, other_rules
from paper_tables.user_tables.sources import Literature

# Remarks about how a document describes itself say nothing of a table that a user hands in.
NOT_OF_A_TABLE = (
    "spread_absent",
    *("seeds_unclear", "unverified", "spreads", "spread_unknown", "selections_mixed", "unknown_names"),
    *("revised", "versions_differ"),
)
RANGE = "out_of_range"
_NORMAL_90 = 1.645
# So many letters distinguish the two reasons of `_why_not_best`.
_KIND = 5


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
    path: Path, version: str | None = None, seeds: int | None = None, select: str | None = None
) -> tuple[UserTable, list[TableFinding]]:
    """Compare a user's table with the reported numbers.

    Args:
        path: CSV, Markdown or LaTeX.
        version: of tasks whose names have none.
        seeds: training seeds of the numbers, where stated.
        select: the checkpoint of each run that the table reports, `last` or `best`, where stated.

    Raises:
        TablesError: the table cannot be read.
    """
    table = read_table(path, version, seeds)
    known = literature.read_all()
    cells = known[known["aggregate"] == "cell"]
    columns = [_column_finding(other, table) for other in other_rules(table, cells, select)]
    errors, corrected = rules.audit_table(table.numbers, known)
    errors = [error for error in errors if error.rule not in NOT_OF_A_TABLE]
    # A cell that was copied wrongly may be out of range as well: one error, one finding. One that was copied
    # rightly is unusual in its source, where the audit of the literature names it.
    named = {
        (error.method, task) for error in errors if error.rule != RANGE for task in error.task.split(", ")
    }
    named |= _rightly_copied(table, corrected)
    found = [
        _finding(error, table)
        for error in errors
        if error.rule != RANGE or (error.method, error.task) not in named
    ]
    totals, unchecked = misfits(table, corrected)
    found += [_total_finding(misfit, table) for misfit in totals if misfit.impossible]
    table.messages += unchecked
    rounded = [
        f"{misfit.column} {misfit.cell.text} ({misfit.computed})"
        for misfit in totals
        if not misfit.impossible
    ]
    if rounded:
        table.messages.append(
            f"Totals and averages that differ from their printed rows by rounding ({len(rounded)}): "
            f"{', '.join(rounded[:4])}{' and more' if len(rounded) > 4 else ''}."
        )
    table.messages += repeated_rows(table)
    found += [*bold_within_noise(table, corrected), *columns]
    return table, sorted(found, key=lambda finding: (finding.line, finding.cell, finding.rule))


def _finding(error: Finding, table: UserTable) -> TableFinding:
    tasks, values = error.task.split(", "), error.value.split(", ")
    places = [
        table.place(error.method, task, value.split(" ")[0])
        for task, value in itertools.zip_longest(tasks, values, fillvalue="")
    ]
    known = [place for place in places if place is not None]
    rows = ", ".join(dict.fromkeys(place.row for place in known)) if known else error.task
    return TableFinding(
        rule=error.rule,
        line=known[0].cell.line if known else 0,
        cell=f"{error.method} on {rows}",
        printed=error.value,
        source=error.other_source.replace(f"{DOCUMENT}, {table.path.name}", "your table"),
        source_value=error.other_value,
        explanation=error.explanation,
        certainty="possible" if error.severity == "doubt" else error.certainty,
    )


def _column_finding(other: OtherRule, table: UserTable) -> TableFinding:
    """One finding for a whole column, at its first cell that differs."""
    row = frames.records(other.rows)[0]
    place = table.place(other.heading, row["task"])
    assert place is not None
    right = f"{row['score_percent_y']:.{int(row['decimals_y'])}f}"
    count = len(other.rows)
    return TableFinding(
        rule="column_under_another_rule",
        line=place.cell.line,
        cell=f"{other.heading} on {place.row}{f' and {count - 1} more rows' if count > 1 else ''}",
        printed=place.cell.text,
        source=f"{other.document} under the rule {other.wanted}",
        source_value=right,
        explanation=f"The column has {other.document}'s numbers under the rule {other.rule}; under "
        f"{other.wanted}, {other.reason}, {count} of them are others.",
        certainty=other.certainty,
    )


def _rightly_copied(table: UserTable, corrected: Mapping[tuple[str, str], float]) -> set[tuple[str, str]]:
    """Method and task of the cells that agree with the document that they were copied from."""
    copied = table.numbers[table.numbers["copied_from"].notna()]
    return set(copied[["method", "task"]].itertuples(index=False, name=None)) - set(corrected)


def _total_finding(misfit: Misfit, table: UserTable) -> TableFinding:
    printed = misfit.cell.text
    word = misfit.aggregate.row.kind
    return TableFinding(
        rule="totals",
        line=misfit.cell.line,
        cell=f"{misfit.column} on {misfit.aggregate.row.label}",
        printed=printed,
        source=f"the {word} of its {misfit.num_rows} rows",
        source_value=misfit.computed,
        explanation=f"The printed {word} is {printed}; the rows give {misfit.computed}, which rounding "
        "cannot explain.",
        certainty="certain",
    )


def repeated_rows(table: UserTable) -> list[str]:
    """Messages about tasks that appear twice with the same numbers; others are findings of the rules."""
    tasks: dict[str, bool] = {}
    for (_, task), places in table.places.items():
        if len({place.row_number for place in places}) > 1:
            tasks[task] = tasks.get(task, True) and len({place.cell.number for place in places}) == 1
    return [f"Task {task} appears twice, with the same numbers." for task, same in tasks.items() if same]


def bold_within_noise(
    table: UserTable, corrected: Mapping[tuple[str, str], float] | None = None
) -> list[TableFinding]:
    """Bold numbers that are not the highest of their row, or whose lead is within the printed spreads.

    What follows from one wrong cell alone is not a further error.

    Args:
        table: as it was read.
        corrected: (method, task) -> the right number of a wrong cell.
    """
    found = []
    known = Literature(literature.read_all())
    for task, rows in table.numbers.groupby("task", sort=False):
        records = frames.records(rows.drop_duplicates("method"))
        places = {row["method"]: table.places[(row["method"], str(task))][0] for row in records}
        bold = [row for row in records if places[row["method"]].cell.bold]
        if not bold or len(bold) == len(records):
            continue
        lowest, runner_up, reason = _doubt(records, bold, known)
        right = [
            row | {"score_percent": (corrected or {}).get((row["method"], str(task)), row["score_percent"])}
            for row in records
        ]
        if reason and right != records:
            best = {row["method"] for row in bold}
            still = _doubt(right, [row for row in right if row["method"] in best], known)[2]
            reason = reason if still[:_KIND] == reason[:_KIND] else ""
        if reason:
            place, other = places[lowest["method"]], places[runner_up["method"]]
            found.append(
                TableFinding(
                    "bold_within_noise" if reason.startswith("It alone") else "bold_is_not_the_highest",
                    place.cell.line,
                    f"{lowest['method']} on {place.row}",
                    place.cell.text,
                    f"your table, {runner_up['method']}",
                    other.cell.text,
                    reason,
                    "likely",
                )
            )
    return found


def _doubt(
    records: list[dict[str, Any]], bold: list[dict[str, Any]], known: Literature
) -> tuple[dict[str, Any], dict[str, Any], str]:
    """The lowest bold number, the highest of the others, and why the first should not be bold."""
    runner_up = max((row for row in records if row not in bold), key=lambda row: row["score_percent"])
    lowest = min(bold, key=lambda row: row["score_percent"])
    return lowest, runner_up, _why_not_best(lowest, runner_up, alone=len(bold) == 1, known=known)


def _why_not_best(row: dict[str, Any], other: dict[str, Any], alone: bool, known: Literature) -> str:
    lead = row["score_percent"] - other["score_percent"]
    if lead < 0:
        # Papers that set all within some percent of the highest in bold set the highest in bold as well.
        highest = max(row["score_percent"], other["score_percent"])
        return f"It is bold, and {other['method']} is higher with {highest:g}, which is not."
    spreads = [row["spread_percent"], other["spread_percent"]]
    if not alone or any(spread is None or pd.isna(spread) for spread in spreads):
        return ""
    error = math.hypot(_standard_error(row), _standard_error(other))
    if error == 0 or lead >= _NORMAL_90 * error or known.prints_both(row, other):
        return ""
    return (
        f"It alone is bold, but leads {other['method']} by {lead:.1f}, which is within the noise of the "
        f"printed spreads (90%: {_NORMAL_90 * error:.1f})."
    )


def _standard_error(row: dict[str, Any]) -> float:
    """The error of a mean; the printed spread itself where it is one, or where the seeds are not stated."""
    spread = float(row["spread_percent"])
    counts = [int(count) for count in str(row["num_seeds"] or "").split("|") if count.isdigit()]
    if "standard_error" in str(row["spread_kind"]) or not counts:
        return spread
    return spread / math.sqrt(min(counts))
