"""The list of the audit's rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import asdict

import pandas as pd

from paper_tables import documents, frames, literature
from paper_tables.audit.columns import column_equals_another, columns_that_repeat
from paper_tables.audit.copies import Copies
from paper_tables.audit.digits import impossible_mean, impossible_spread, kind_of_spread_proven
from paper_tables.audit.numbers import SEVERITIES, Finding, PrintedNumber, numbers_of
from paper_tables.audit.protocol import (
    best_below_its_average,
    out_of_range,
    seeds_unclear,
    selections_mixed,
    spreads,
    unknown_names,
    unverified,
)
from paper_tables.audit.same_document import printed_twice, revised, sub_task_for_the_group
from paper_tables.audit.totals import totals
from paper_tables.audit.versions import versions_differ, versions_mixed

Rule = Callable[[list[PrintedNumber]], Iterator[Finding]]
COPY_RULES: tuple[Callable[[list[PrintedNumber], Copies], Iterator[Finding]], ...] = (
    totals,
    printed_twice,
    columns_that_repeat,
)
"""Rules that are silent where a wrong copy explains what they see."""

RULES: tuple[Rule, ...] = (
    column_equals_another,
    best_below_its_average,
    sub_task_for_the_group,
    versions_mixed,
    versions_differ,
    selections_mixed,
    revised,
    spreads,
    seeds_unclear,
    unverified,
    unknown_names,
)
SUITE_RULES: tuple[Callable[[list[PrintedNumber], pd.DataFrame], Iterator[Finding]], ...] = (
    out_of_range,
    impossible_mean,
    impossible_spread,
    kind_of_spread_proven,
)
"""Rules that need the ranges of the suites as well."""


def find_errors(
    reported: pd.DataFrame,
    suites: pd.DataFrame | None = None,
    years: Mapping[str, int | None] | None = None,
) -> list[Finding]:
    """All findings in a table of reported numbers.

    Args:
        reported: rows of the schema ``reported``.
        suites: ranges of scores by suite; those of ``reported/suites.csv`` by default.
        years: document -> year in which it came out; by default those of ``reported/documents.yaml``. A
            document that is not named has the year of its arXiv number, or none.

    Returns:
        One finding for each error, the gravest first, in an order that depends on the numbers alone.

    Raises:
        TablesError: a column that the schema requires is missing.
    """
    return _examined(reported, suites, years)[0]


def _examined(
    reported: pd.DataFrame,
    suites: pd.DataFrame | None = None,
    years: Mapping[str, int | None] | None = None,
    followed: Set[str] = frozenset(),
) -> tuple[list[Finding], Copies]:
    """The findings, and the copied numbers that are not their originals."""
    numbers = sorted(
        numbers_of(reported), key=lambda number: [str(value) for value in asdict(number).values()]
    )
    known = {name: document.year for name, document in documents.read_documents().items()}
    of_arxiv = {number.document: 2000 + int(number.arxiv[:2]) for number in numbers if number.arxiv}
    copies = Copies(numbers, of_arxiv | (known if years is None else dict(years)), followed)
    findings = [finding for rule in RULES for finding in rule(numbers)]
    findings += [finding for copy_rule in COPY_RULES for finding in copy_rule(numbers, copies)]
    ranges = literature.read_suites() if suites is None else suites
    findings += [finding for suite_rule in SUITE_RULES for finding in suite_rule(numbers, ranges)]
    groups = {(found.document, found.method, found.task) for found in findings if found.rule in _OF_MEANS}
    findings += [
        found for found in copies.findings() if (found.document, found.method, found.task) not in groups
    ]
    columns = frames.columns("findings")
    ordered = sorted(
        findings,
        key=lambda found: (
            SEVERITIES.index(found.severity),
            *(str(getattr(found, name)) for name in columns),
        ),
    )
    return ordered, copies


# A mean that one of these explains is not a wrong copy as well.
_OF_MEANS = ("sub_task_for_the_group",)


def audit(
    reported: pd.DataFrame,
    suites: pd.DataFrame | None = None,
    years: Mapping[str, int | None] | None = None,
    document: str | None = None,
) -> pd.DataFrame:
    """`find_errors` as rows of the schema ``findings``.

    Args:
        reported: as for `find_errors`.
        suites: as for `find_errors`.
        years: as for `find_errors`.
        document: findings about this document alone.

    Raises:
        TablesError: a required column is missing, or no number is of the document.
    """
    if document is not None:
        literature.check_document(document, sorted(set(reported["document"])))
    found = find_errors(reported, suites, years)
    if document is not None:
        found = [finding for finding in found if document in finding.document.split(", ")]
    return pd.DataFrame([asdict(finding) for finding in found], columns=frames.columns("findings"))


def audit_table(
    table: pd.DataFrame, reported: pd.DataFrame
) -> tuple[list[Finding], dict[tuple[str, str], float]]:
    """The errors of a user's own table: findings about its documents, none about those it copied from.

    Args:
        table: rows of the schema ``reported``; its documents must not be among those of `reported`.
        reported: the numbers that it is compared with.

    Returns:
        The findings, and (method, task) -> right number of the copied cells that are wrong.
    """
    mine = frozenset(table["document"])
    both = pd.concat([reported, table], ignore_index=True)
    findings, copies = _examined(both, followed=mine)
    corrected = {
        (number.method, number.task): mismatch.original.score_percent
        for number, mismatch in copies.wrong.items()
        if number.document in mine
    }
    return [finding for finding in findings if mine & set(finding.document.split(", "))], corrected
