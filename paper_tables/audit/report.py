"""The audit's report for readers."""

from __future__ import annotations

from typing import Any

import pandas as pd
from recheck.words import how_many

from paper_tables.audit.known_errors import known_errors_table
from paper_tables.audit.numbers import SEVERITIES, grouped_by, numbers_of
from paper_tables.audit.rules import COPY_RULES, RULES, SUITE_RULES
from paper_tables.audit.totals import rows_of


def unchecked_totals(reported: pd.DataFrame) -> list[str]:
    """Totals and averages whose rows are not all here, so that nothing can be said of them."""
    numbers = numbers_of(reported)
    by_document = grouped_by(numbers, "document")
    unchecked = [
        number
        for number in numbers
        if number.aggregate != "cell" and rows_of(number, by_document[(number.document,)]) is None
    ]
    return [
        f"{document}, {table}, {suite} {task}: {', '.join(sorted({number.method for number in group}))}"
        for (document, table, suite, task), group in sorted(
            grouped_by(unchecked, "document", "table", "suite", "task").items()
        )
    ]


def report(reported: pd.DataFrame, findings: pd.DataFrame, known_errors: list[dict[str, Any]]) -> str:
    """The audit in Markdown: counts, findings by rule, known errors, what could not be checked."""
    functions = {rule.__name__: rule for rule in (*RULES, *COPY_RULES, *SUITE_RULES)}
    meaning = {name: (function.__doc__ or "").strip().split("\n")[0] for name, function in functions.items()}
    meaning |= {
        "copied_from_another_version": "A copied number of another version of the dataset.",
        "copied_from_an_earlier_version": "A copied number of an earlier version of the document.",
        "copied_under_another_rule": "A copied number of the same runs under another selection rule.",
        "copied_from_another_column": "A copied number of a variant, a rerun or another method.",
        "copied_from_another_row": "A copied number of another task.",
        "column_is_not_the_original": "A copied column of which no number is the original's.",
        "mean_and_spread_swapped": "A copied number whose spread is printed as the mean.",
        "sign_differs": "A copied number with the other sign.",
        "digits_differ": "A copied number with a changed, exchanged or lost digit, or a moved decimal point.",
        "copy_differs": "A copied number that is not the original's; no cause is found.",
        "spread_of_another_kind": "A copied column whose spreads are a constant multiple of the original's.",
        "spread_of_another_row": "Copied spreads that are exchanged between rows.",
        "spread_differs": "A copied spread that is not the original's.",
        "spread_unknown": "A +/- whose meaning the document does not state.",
        "spread_absent": "No +/- at all for a document's own numbers.",
        "spreads_differ": "Two documents with common tasks whose +/- means different things.",
    }
    memory = int((reported["confidence"] == "from_memory").sum())
    lines = [
        "# Audit of the reported numbers",
        "",
        f"{len(reported)} numbers of {reported['document'].nunique()} documents; {memory} of them are "
        f"unverified (noted from memory) and support no verdict. {how_many(len(findings), 'finding')}:",
        "",
        "| severity | findings |",
        "|---|---|",
    ]
    lines += [
        f"| {severity.replace('_', ' ')} | {int((findings['severity'] == severity).sum())} |"
        for severity in SEVERITIES
    ]
    for severity in SEVERITIES:
        part = findings[findings["severity"] == severity]
        if part.empty:
            continue
        lines += ["", f"## {severity.replace('_', ' ').capitalize()}"]
        for rule in sorted(part["rule"].unique()):
            rows = part[part["rule"] == rule]
            lines += ["", f"### {rule.replace('_', ' ').capitalize()}", "", meaning.get(rule, ""), ""]
            lines += [
                "| source | method | task | value | against | its value | |",
                "|---|---|---|---|---|---|---|",
            ]
            lines += [
                "| "
                + " | ".join(
                    str(row[column]).replace("|", "/")
                    for column in (
                        "source",
                        "method",
                        "task",
                        "value",
                        "other_source",
                        "other_value",
                        "explanation",
                    )
                )
                + " |"
                for row in rows.to_dict("records")
            ]
    lines += ["", "## Known errors", "", "Errors known from reading papers, notes and code, and whether the"]
    lines += ["reported numbers alone can show them.", "", *known_errors_table(known_errors)]
    unchecked = unchecked_totals(reported)
    if unchecked:
        lines += ["", "## Not checked", "", "Totals and averages whose rows are not all transcribed:", ""]
        lines += [f"- {line}" for line in unchecked]
    return "\n".join(lines) + "\n"
