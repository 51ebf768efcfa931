"""The ten most surprising findings, each with its figures, chosen by size and not by hand.

Of each kind the largest are taken, at most once for a method and task: numbers that independent runs
contradict, implementations that differ most, a method's drift in later documents, a document's own code that
gives another number, and digits that cannot be.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from paper_tables import frames
from paper_tables.evidence.direct import INDEPENDENT, SAME_CODE
from paper_tables.evidence.field import contradicted
from paper_tables.evidence.tables import DIFFERENT, distinct, interval_text, signed
from paper_tables.rendering.table import Cell, Table
from paper_tables.rendering.text import with_spread
from paper_tables.verdicts import decision_rule

FINDINGS = 10
CONTRADICTED, BETWEEN, DRIFT, OWN_CODE, DIGITS = (
    "independent runs",
    "implementations",
    "later documents",
    "the document's own code",
    "arithmetic",
)
QUOTAS = {CONTRADICTED: 3, BETWEEN: 2, DRIFT: 2, OWN_CODE: 2, DIGITS: 1}
"""How many of each kind, in the order of the table; together `FINDINGS`."""
A_METHOD = 2
"""How often one method may be named by one kind."""


@dataclass(frozen=True)
class LargeFinding:
    """One finding.

    Attributes:
        kind: a key of `QUOTAS`.
        method: method.
        place: what it is found at; named once over all kinds.
        what: one sentence.
        figures: the figures behind it.
    """

    kind: str
    method: str
    place: str
    what: str
    figures: str


def largest_findings(frame: pd.DataFrame, spread: pd.DataFrame, drifted: pd.DataFrame) -> list[LargeFinding]:
    """The largest findings of each kind, in the order of `QUOTAS`.

    Args:
        frame: as `evidence_frame` gives it.
        spread: as `field.implementation_spread` gives it.
        drifted: as `field.drift` gives it.
    """
    candidates = {
        CONTRADICTED: _by_runs(frame, CONTRADICTED, INDEPENDENT),
        BETWEEN: _between(spread),
        DRIFT: _drifts(drifted),
        OWN_CODE: _by_runs(frame, OWN_CODE, SAME_CODE),
        DIGITS: _digits(frame),
    }
    chosen: list[LargeFinding] = []
    for kind, found in candidates.items():
        of_kind: list[LargeFinding] = []
        for one in found:
            places = {other.place for other in [*chosen, *of_kind]}
            methods = [other.method for other in of_kind]
            if one.place not in places and methods.count(one.method) < A_METHOD:
                of_kind.append(one)
            if len(of_kind) == QUOTAS[kind]:
                break
        chosen += of_kind
    return chosen


def findings_table(findings: list[LargeFinding]) -> Table:
    """The findings, one row each."""
    table = Table(
        "The most surprising findings",
        ["Evidence", "Finding", "Figures"],
        text_columns=3,
        notes=[
            "The largest of each kind, a method and task once. In brackets the difference's 90% interval.",
            "A difference is between implementations and settings as they are published; it does not say "
            "which of them is right.",
        ],
    )
    for finding in findings:
        table.rows.append([Cell(finding.kind), Cell(finding.what), Cell(finding.figures)])
    return table


def _by_runs(frame: pd.DataFrame, kind: str, basis: str) -> Iterator[LargeFinding]:
    """Numbers that runs of one class contradict, the largest difference first."""
    rows = contradicted(frame)
    rows = rows[(rows["basis"] == basis) & rows["verdict"].isin(DIFFERENT)]
    for row in frames.records(rows):
        printed = with_spread(
            row["score_percent"],
            None if row["spread_kind"] == "none" else row["spread_percent"],
            int(row["decimals"]),
        )
        assumed = ", spread assumed" if decision_rule.CONDITIONAL in str(row["flags"]).split("; ") else ""
        yield LargeFinding(
            kind,
            str(row["method_key"]),
            f"{row['method_key']} {row['task']}",
            f"{row['method']} on {row['task']} in {row['document']} ({row['table']}): "
            f"{row[f'{basis}_implementations']} gives another number",
            f"{printed} in print, {row[f'{basis}_mean_percent']:.1f} over {row[f'{basis}_seeds']} seeds; "
            f"{signed(row['difference_percent'])} {interval_text(row)}{assumed}",
        )


def _between(spread: pd.DataFrame) -> Iterator[LargeFinding]:
    """Methods and tasks whose implementations differ most."""
    for row in frames.records(spread.sort_values("gap", ascending=False, kind="stable")):
        yield LargeFinding(
            BETWEEN,
            str(row["method"]),
            f"{row['method']} {row['task']}",
            f"{row['method']} on {row['task']}: public implementations differ",
            f"{row['means']}; {row['gap']:.1f} points apart, seeds' standard deviation {row['seed_sd']:.1f}",
        )


def _drifts(drifted: pd.DataFrame) -> Iterator[LargeFinding]:
    """Methods whose numbers in a later document differ most, in the mean over tasks, from their authors'."""
    order = drifted["mean_difference"].abs().sort_values(ascending=False, kind="stable").index
    for row in frames.records(drifted.loc[order]):
        yield LargeFinding(
            DRIFT,
            str(row["method_key"]),
            f"{row['method_key']} in {row['document']}",
            f"{row['method_key']} in {row['document']}: other numbers than its authors'",
            f"{signed(row['mean_difference'])} in the mean over {row['tasks']} tasks, "
            f"{signed(row['largest_difference'])} on {row['largest_task']}",
        )


def _digits(frame: pd.DataFrame) -> Iterator[LargeFinding]:
    """Documents with the most numbers whose digits cannot be."""
    impossible = distinct(frame)
    impossible = impossible[impossible["arithmetic"] == "impossible"]
    counts = impossible.groupby(["document", "table"], sort=True).size().reset_index(name="count")
    for row in frames.records(counts.sort_values("count", ascending=False, kind="stable")):
        place = f"{row['document']} ({row['table']})"
        of_table = (impossible["document"] == row["document"]) & (impossible["table"] == row["table"])
        first = frames.records(impossible[of_table])[0]
        why = str(first["arithmetic_sentences"]).split(". ")[0].removeprefix("impossible: ").rstrip(".")
        yield LargeFinding(
            DIGITS,
            "",
            f"digits of {place}",
            f"{place}: {row['count']} printed numbers are impossible",
            f"{first['method']} on {first['task']}, {first['score_percent']:g}: {why}",
        )
