"""Reported numbers and findings, and the words for them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
from recheck.errors import TablesError

from paper_tables import frames

Claim = dict[str, Any]
Finding = dict[str, Any]
KNOWN_ERRORS = Path(__file__).parents[1] / "reported" / "known_errors.yaml"
EPSILON = 1e-9
# Fewer different numbers than this, repeated, may be chance or a table of zeros; whole numbers repeat sooner.
LEAST_REPEATED_NUMBERS = 3
LEAST_REPEATED_WHOLE_NUMBERS = 4
GRADES = ("impossible", "contradiction", "not_the_sum_of_the_printed_rows", "doubt", "remark")
STATED_SELECTIONS = ("last", "average_last_k", "best_online", "offline")
SELECTIONS_BELOW_BEST = ("last", "average_last_k", "offline")
_VERSION = re.compile(r"^(?P<base>.+)-v(?P<version>\d+)$")


def number_text(value: float, decimals: int) -> str:
    return f"{value:.{int(decimals)}f}"


def value_text(claim: Claim) -> str:
    return number_text(claim["score_percent"], claim["decimals"])


def place_of(claim: Claim) -> str:
    return f"{claim['document']}, {claim['table']}"


def places_of(claims: Iterable[Claim]) -> str:
    return "; ".join(sorted({f"{place_of(claim)} ({claim['method']})" for claim in claims}))


def stated_in(*claims: Claim) -> str:
    return " | ".join(dict.fromkeys(claim["source"] for claim in claims))


def make_finding(
    rule: str,
    grade: str,
    claim: Claim,
    value: str,
    other_source: str,
    other_value: str,
    explanation: str,
    *,
    task: str | None = None,
    method: str | None = None,
    source: str | None = None,
    read_in: str | None = None,
) -> Finding:
    return {
        "rule": rule,
        "grade": grade,
        "suite": claim["suite"],
        "task": claim["task"] if task is None else task,
        "method": claim["method"] if method is None else method,
        "source": place_of(claim) if source is None else source,
        "value": value,
        "other_source": other_source,
        "other_value": other_value,
        "explanation": explanation,
        "read_in": stated_in(claim) if read_in is None else read_in,
    }


def agree(first: Claim, second: Claim) -> bool:
    """Whether two printed numbers can be roundings of one: equal to half a last digit of the coarser one."""
    coarser = min(first["decimals"], second["decimals"])
    difference = abs(first["score_percent"] - second["score_percent"])
    tolerance = 0.0 if first["decimals"] == second["decimals"] else 0.5 * 10.0**-coarser
    return difference <= tolerance + EPSILON


def grouped_by(claims: Iterable[Claim], *columns: str) -> dict[tuple[Any, ...], list[Claim]]:
    groups: dict[tuple[Any, ...], list[Claim]] = defaultdict(list)
    for claim in claims:
        groups[tuple(claim[column] for column in columns)].append(claim)
    return groups


def same_selection(first: Claim, second: Claim) -> bool:
    """Whether two claims can be of one selection rule (an unstated one can be any)."""
    rules = {first["selection"], second["selection"]} - {"unknown"}
    return len(rules) <= 1


def version_of(task: str) -> tuple[str, str] | None:
    match = _VERSION.match(task)
    return (match["base"], match["version"]) if match else None


def claims_of(reported: pd.DataFrame) -> list[Claim]:
    """Rows as dictionaries, missing values and columns as None."""
    columns = {str(name): values.tolist() for name, values in reported.items()}
    absent = {str(name): values.isna().tolist() for name, values in reported.items()}
    required = frames.load_schema("reported")["items"]["required"]
    missing = [name for name in required if name not in columns]
    if missing:
        raise TablesError(f"The reported numbers lack the column(s) {', '.join(missing)}.")
    for name in frames.columns("reported"):
        if name not in columns:
            columns[name], absent[name] = [None] * len(reported), [True] * len(reported)
    return [
        {name: None if absent[name][row] else values[row] for name, values in columns.items()}
        for row in range(len(reported))
    ]
