"""The audit's report for readers."""

from __future__ import annotations

from typing import Any

import pandas as pd

from paper_tables.audit.claims import GRADES, claims_of, grouped_by
from paper_tables.audit.known_errors import known_errors_table
from paper_tables.audit.rules import RULES, SUITE_RULES
from paper_tables.audit.totals import rows_of


def unchecked_totals(reported: pd.DataFrame) -> list[str]:
    """Totals and averages whose rows are not all here, so that nothing can be said of them."""
    claims = claims_of(reported)
    by_document = grouped_by(claims, "document")
    unchecked = [
        claim
        for claim in claims
        if claim["aggregate"] != "cell" and rows_of(claim, by_document[(claim["document"],)]) is None
    ]
    return [
        f"{document}, {table}, {suite} {task}: {', '.join(sorted({claim['method'] for claim in group}))}"
        for (document, table, suite, task), group in sorted(
            grouped_by(unchecked, "document", "table", "suite", "task").items()
        )
    ]


def report(reported: pd.DataFrame, findings: pd.DataFrame, known_errors: list[dict[str, Any]]) -> str:
    """The audit in Markdown: counts, findings by rule, known errors, what could not be checked."""
    functions = {rule.__name__: rule for rule in (*RULES, *SUITE_RULES)}
    meaning = {name: (function.__doc__ or "").strip().split("\n")[0] for name, function in functions.items()}
    meaning |= {
        "spread_unknown": "A +/- whose meaning the document does not state.",
        "spread_absent": "No +/- at all for a document's own numbers.",
        "spreads_differ": "Two documents with common tasks whose +/- means different things.",
    }
    memory = int((reported["confidence"] == "from_memory").sum())
    lines = [
        "# Audit of the reported numbers",
        "",
        f"{len(reported)} numbers of {reported['document'].nunique()} documents; {memory} of them are "
        f"unverified (noted from memory) and support no verdict. {len(findings)} findings:",
        "",
        "| grade | findings |",
        "|---|---|",
    ]
    lines += [
        f"| {grade.replace('_', ' ')} | {int((findings['grade'] == grade).sum())} |" for grade in GRADES
    ]
    for grade in GRADES:
        part = findings[findings["grade"] == grade]
        if part.empty:
            continue
        lines += ["", f"## {grade.replace('_', ' ').capitalize()}"]
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
