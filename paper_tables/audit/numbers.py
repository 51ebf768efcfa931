"""Printed numbers and findings: the two kinds of things that the audit handles."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd
from recheck.errors import TablesError
from recheck.words import named

from paper_tables import frames

KNOWN_ERRORS = Path(__file__).parents[1] / "reported" / "known_errors.yaml"
EPSILON = 1e-9
SEVERITIES = ("impossible", "contradiction", "not_the_sum_of_the_printed_rows", "doubt", "remark")
# How sure a finding is. certain: by arithmetic or by a stated origin; likely: by the known order of the
# documents; possible: something is wrong, but which of the two is a guess.
CERTAINTIES = ("certain", "likely", "possible")
_VERSION = re.compile(r"^(?P<base>.+)-v(?P<version>\d+)$")


@dataclass(frozen=True)
class PrintedNumber:
    """One number as a document prints it; the fields are the columns of the schema ``reported``."""

    document: str
    document_kind: str
    paper: str
    table: str
    method: str
    method_key: str
    origin: str
    reported_by: str
    suite: str
    task: str
    aggregate: str
    score_percent: float
    decimals: int
    spread_kind: str
    selection: str
    selection_inferred: bool
    source: str
    confidence: str
    arxiv: str | None = None
    copied_from: str | None = None
    group: str | None = None
    num_rows: int | None = None
    spread_percent: float | None = None
    num_seeds: str | None = None
    seeds_stated: str | None = None
    episodes_per_seed: int | None = None
    selection_stated: str | None = None
    note: str | None = None

    @property
    def text(self) -> str:
        """The number with the decimals that are printed."""
        return number_text(self.score_percent, self.decimals)

    @property
    def place(self) -> str:
        """Document and table."""
        return f"{self.document}, {self.table}"

    @property
    def column(self) -> tuple[str, str, str, str]:
        """Document, table, method and suite: the numbers that were written down in one go."""
        return self.document, self.table, self.method, self.suite

    @property
    def base_and_version(self) -> tuple[str, str] | None:
        """`hopper-medium`, `2` of `hopper-medium-v2`; None for a task without a version."""
        match = _VERSION.match(self.task)
        return (match["base"], match["version"]) if match else None

    @property
    def is_superseded(self) -> bool:
        """Whether it is of an earlier version of the document."""
        return "earlier version" in self.table

    def finding(self, rule: str, severity: str, explanation: str, **details: Any) -> Finding:
        """A finding about this number; `details` are the fields that differ from the number's own."""
        own: dict[str, Any] = {
            "document": self.document,
            "suite": self.suite,
            "task": self.task,
            "method": self.method,
            "source": self.place,
            "value": self.text,
            "read_in": self.source,
        }
        return Finding(rule=rule, severity=severity, explanation=explanation, **(own | details))


@dataclass(frozen=True)
class Finding:
    """One error, doubt or gap, about one document; the fields are the columns of the schema ``findings``.

    Attributes:
        document: the document that the finding is about, never the one that it copied from.
        other_source: what the number is compared with; other_value: what is printed there.
        certainty: one of `CERTAINTIES`.
    """

    rule: str
    severity: str
    document: str
    suite: str
    task: str
    method: str
    source: str
    value: str
    other_source: str
    other_value: str
    explanation: str
    read_in: str
    certainty: str = "certain"


def number_text(value: float, decimals: int) -> str:
    """A number with a fixed number of decimals."""
    return f"{value:.{int(decimals)}f}"


def places_of(numbers: Iterable[PrintedNumber]) -> str:
    """Where numbers are printed, each place once, with the column heading."""
    return "; ".join(sorted({f"{number.place} ({number.method})" for number in numbers}))


def read_in(*numbers: PrintedNumber) -> str:
    """Where the numbers were read, each place once."""
    return " | ".join(dict.fromkeys(number.source for number in numbers))


def agree(first: PrintedNumber, second: PrintedNumber) -> bool:
    """Whether two printed numbers can be roundings of one: equal to half a last digit of the coarser one."""
    return equal_scores(first.score_percent, first.decimals, second.score_percent, second.decimals)


def equal_scores(first: float, first_decimals: int, second: float, second_decimals: int) -> bool:
    """`agree` for values and numbers of decimals."""
    coarser = min(first_decimals, second_decimals)
    tolerance = 0.0 if first_decimals == second_decimals else 0.5 * 10.0**-coarser
    return abs(first - second) <= tolerance + EPSILON


def grouped_by(numbers: Iterable[PrintedNumber], *columns: str) -> dict[tuple[Any, ...], list[PrintedNumber]]:
    """The numbers by their values of some fields."""
    groups: dict[tuple[Any, ...], list[PrintedNumber]] = defaultdict(list)
    for number in numbers:
        groups[tuple(getattr(number, column) for column in columns)].append(number)
    return groups


def same_selection(first: PrintedNumber, second: PrintedNumber) -> bool:
    """Whether two numbers can be of one selection rule (an unstated one can be any)."""
    return len({first.selection, second.selection} - {"unknown"}) <= 1


def numbers_of(reported: pd.DataFrame) -> list[PrintedNumber]:
    """The rows of a table of reported numbers, in its order; missing values and columns are None.

    Raises:
        TablesError: a column that the schema requires is missing.
    """
    columns = {str(name): values.tolist() for name, values in reported.items()}
    absent = {str(name): values.isna().tolist() for name, values in reported.items()}
    required = frames.load_schema("reported")["items"]["required"]
    missing = [name for name in required if name not in columns]
    if missing:
        raise TablesError(f"The reported numbers lack the {named('column', missing)}.")
    names = [field.name for field in fields(PrintedNumber) if field.name in columns]
    rows: list[dict[str, Any]] = [
        {name: None if absent[name][row] else columns[name][row] for name in names}
        for row in range(len(reported))
    ]
    return [PrintedNumber(**row) for row in rows]
