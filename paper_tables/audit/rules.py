"""The list of the audit's rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pandas as pd

from paper_tables import frames, literature
from paper_tables.audit.claims import GRADES, Claim, Finding, claims_of
from paper_tables.audit.copies import (
    column_equals_another,
    columns_that_repeat,
    copy_is_not_the_original,
    reported_differently,
    sub_task_for_the_group,
    value_of_another_column,
)
from paper_tables.audit.digits import impossible_mean, impossible_spread, kind_of_spread_proven
from paper_tables.audit.protocol import (
    best_below_its_average,
    out_of_range,
    seeds_unclear,
    selections_mixed,
    spreads,
    unverified,
)
from paper_tables.audit.totals import totals
from paper_tables.audit.versions import versions_differ, versions_mixed

RULES: tuple[Callable[[list[Claim]], Iterator[Finding]], ...] = (
    totals,
    reported_differently,
    copy_is_not_the_original,
    value_of_another_column,
    columns_that_repeat,
    column_equals_another,
    best_below_its_average,
    sub_task_for_the_group,
    versions_mixed,
    versions_differ,
    selections_mixed,
    spreads,
    seeds_unclear,
    unverified,
)

SUITE_RULES: tuple[Callable[[list[Claim], pd.DataFrame], Iterator[Finding]], ...] = (
    out_of_range,
    impossible_mean,
    impossible_spread,
    kind_of_spread_proven,
)
"""Rules that need the ranges of the suites as well."""


def audit(reported: pd.DataFrame, suites: pd.DataFrame | None = None) -> pd.DataFrame:
    """All findings in a table of reported numbers.

    Args:
        reported: rows of the schema ``reported``.
        suites: ranges of scores by suite; those of ``reported/suites.csv`` by default.

    Returns:
        Rows of the schema ``findings``, the gravest first, in an order that depends on the numbers alone.

    Raises:
        TablesError: a column that the schema requires is missing.
    """
    claims = sorted(claims_of(reported), key=lambda claim: [str(value) for value in claim.values()])
    findings = [finding for rule in RULES for finding in rule(claims)]
    ranges = literature.read_suites() if suites is None else suites
    findings += [finding for rule in SUITE_RULES for finding in rule(claims, ranges)]
    columns = frames.columns("findings")
    findings.sort(
        key=lambda finding: (GRADES.index(finding["grade"]), *(str(finding[column]) for column in columns))
    )
    return pd.DataFrame(findings, columns=columns)
