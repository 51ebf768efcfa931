"""Arithmetic evidence: what the audit proves from the printed digits, number by number."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from paper_tables.audit.arithmetic import chance_that_a_mean_fits
from paper_tables.audit.digits import design_of, impossible_mean
from paper_tables.audit.numbers import SEVERITIES, numbers_of
from paper_tables.evidence.numbers import Number

FITS = "fits"
NOT_TESTED = "not_tested"
INFORMATIVE_CHANCE = 0.5
"""A test that a wrong number would pass in half of the cases or more says nothing."""
_COLUMN = re.compile(r"^\d+( of \d+)? (rows|numbers)$")
_METHOD_OF_PLACE = re.compile(r"^(?P<place>.*?)( \((?P<method>.*)\))?$")


@dataclass(frozen=True)
class Arithmetic:
    """What the digits and the audit say about one number.

    Attributes:
        result: the gravest severity of a finding, else `fits` where a test that could fail was passed, else
            `not_tested`.
        sentences: one for each finding or passed test.
    """

    result: str
    sentences: tuple[str, ...]


def arithmetic_of(
    numbers: Sequence[Number], table: pd.DataFrame, findings: pd.DataFrame, suites: pd.DataFrame
) -> dict[str, Arithmetic]:
    """The arithmetic evidence of every number, by id.

    Args:
        numbers: the reported numbers with `id`, in the order of `table`.
        table: the same as rows of the schema ``reported``.
        findings: the audit's, rows of the schema ``findings``.
        suites: ranges of scores by suite.
    """
    found = _findings_by_number(numbers, findings)
    result = {}
    for number, printed in zip(numbers, numbers_of(table), strict=True):
        graded = found.get(number["id"], [])
        sentences = [sentence for _, sentence in graded]
        outcome = min((severity for severity, _ in graded), key=SEVERITIES.index, default=NOT_TESTED)
        design = design_of(printed, suites)
        if design is not None and not any(True for _ in impossible_mean([printed], suites)):
            chance = chance_that_a_mean_fits(int(printed.decimals), design.total, design.step)
            if chance < INFORMATIVE_CHANCE:
                sentences.append(
                    f"The mean is a whole number of successes over {design.groups} seeds x "
                    f"{design.episodes} episodes (GRIM; a wrong number would pass in {chance:.0%} of cases)."
                )
                outcome = FITS if outcome == NOT_TESTED else outcome
        result[number["id"]] = Arithmetic(outcome, tuple(dict.fromkeys(sentences)))
    return result


def _findings_by_number(
    numbers: Sequence[Number], findings: pd.DataFrame
) -> dict[str, list[tuple[str, str]]]:
    """Severity and explanation of the findings that name a number, or its whole column."""
    cells: dict[tuple[str, str, str], list[str]] = {}
    columns: dict[tuple[str, str], list[str]] = {}
    for number in numbers:
        place = f"{number['document']}, {number['table']}"
        cells.setdefault((place, number["method"], number["task"]), []).append(number["id"])
        columns.setdefault((place, number["method"]), []).append(number["id"])
    result: dict[str, list[tuple[str, str]]] = {}
    for finding in findings.to_dict("records"):
        if finding["severity"] == "remark":
            continue
        graded = (
            str(finding["severity"]),
            f"{finding['severity'].replace('_', ' ')}: {finding['explanation']}",
        )
        for source in str(finding["source"]).split("; "):
            parsed = _METHOD_OF_PLACE.match(source)
            place = parsed["place"] if parsed else source
            method = (parsed and parsed["method"]) or finding["method"]
            if _COLUMN.match(str(finding["task"])):
                named = [
                    name for one in str(method).split(", ") for name in columns.get((place, one), ())
                ] or columns.get((place, str(method)), [])
            else:
                named = cells.get((place, str(method), str(finding["task"])), [])
            for name in named:
                result.setdefault(name, []).append(graded)
    return result
