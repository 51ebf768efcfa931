"""The three kinds of evidence put together: one verdict for each reported number, with its basis.

The basis is the first of these that has runs: independent runs, runs of the document's own code, other
documents' reports (three or more), runs selected by another rule, runs with other settings. The others are
shown next to it and never mixed into it. Arithmetic does not change a verdict; it is named in the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from paper_tables import literature
from paper_tables.audit.rules import audit
from paper_tables.documents import Document, read_documents
from paper_tables.evidence.direct import (
    INDEPENDENT,
    SAME_CODE,
    DirectEvidence,
    DirectRuns,
    judge_number,
)
from paper_tables.evidence.numbers import Number, by_place, place_of, with_ids
from paper_tables.evidence.printed_digits import Arithmetic, arithmetic_of
from paper_tables.evidence.rereports import Literature, ReportedAgain, judge_by_reports
from paper_tables.public_runs.reader import read_runs
from paper_tables.verdicts import decision_rule
from paper_tables.verdicts.background import Background
from paper_tables.verdicts.multiplicity import adjust, family_of
from paper_tables.verdicts.verdict import Verdict

RE_REPORTED = "re_reported"
NO_BASIS = "none"
BASES = (
    INDEPENDENT,
    SAME_CODE,
    RE_REPORTED,
    decision_rule.OTHER_SELECTION,
    decision_rule.OTHER_SETTINGS,
    NO_BASIS,
)
NOT_A_CELL = "A mean or total over tasks: the number of each task is judged for itself"
UNVERIFIED = "The reported number was noted from memory and could not be looked up"


@dataclass(frozen=True)
class NumberEvidence:
    """All evidence for one reported number, and its verdict.

    Attributes:
        number: the row of the reported numbers, with `id`.
        origin: the number that is judged: itself, the one that it copies, or the earliest copy of the same
            value where the original is in no listed document.
        document: what prints it.
        basis: one of `BASES`: what the verdict rests on.
        verdict: the verdict.
        direct: runs.
        again: other documents' reports.
        arithmetic: what the digits say of the number itself.
        would_decide: what would decide it, one sentence.
    """

    number: Number
    origin: Number
    document: Document
    basis: str
    verdict: Verdict
    direct: DirectEvidence
    again: ReportedAgain
    arithmetic: Arithmetic
    would_decide: str

    @property
    def is_copy(self) -> bool:
        """Whether the number is judged at another place."""
        return bool(self.origin["id"] != self.number["id"])


@dataclass(frozen=True)
class Inputs:
    """What the evidence is made from; the repository's own data by default."""

    numbers: pd.DataFrame
    runs: pd.DataFrame
    documents: Mapping[str, Document]
    suites: pd.DataFrame

    @classmethod
    def read(cls) -> Inputs:
        """The repository's own data.

        Raises:
            TablesError: a file breaks its schema; the message names file and line.
        """
        return cls(literature.read_all(), read_runs(), read_documents(), literature.read_suites())


def judge_all(inputs: Inputs) -> list[NumberEvidence]:
    """The evidence of every reported number, in the order of the reported numbers."""
    known = Background.of(inputs.numbers)
    numbers = with_ids(inputs.numbers)
    places = by_place(numbers)
    runs = DirectRuns(inputs.runs, inputs.numbers, inputs.documents)
    reports = Literature(numbers, inputs.numbers, inputs.runs)
    digits = arithmetic_of(numbers, inputs.numbers, audit(inputs.numbers, inputs.suites), inputs.suites)
    judged: dict[str, tuple[DirectEvidence, ReportedAgain]] = {}
    found = []
    first_copies = _first_copies(numbers, inputs.documents)
    for number in numbers:
        origin = _origin(number, known, places)
        if origin["origin"] == "copied":
            origin = first_copies[_copied_value(origin)]
        if origin["id"] not in judged:
            judged[origin["id"]] = _evidence(origin, runs, reports, known)
        direct, again = judged[origin["id"]]
        basis, verdict = _put_together(origin, direct, again)
        found.append(
            NumberEvidence(
                number,
                origin,
                inputs.documents[str(number["document"])],
                basis,
                _with_arithmetic(verdict, digits[number["id"]]),
                direct,
                again,
                digits[number["id"]],
                _would_decide(origin, basis, verdict, direct),
            )
        )
    return _adjusted(found)


def _origin(number: Number, known: Background, places: Mapping[Any, list[Number]]) -> Number:
    row = known.origins.of({key: value for key, value in number.items() if key != "id"})
    if place_of(row) == place_of(number):
        return number
    return places[place_of(row)][0]


def _copied_value(number: Number) -> tuple[str, str, str, float]:
    return number["method_key"], number["suite"], number["task"], float(number["score_percent"])


def _first_copies(
    numbers: Sequence[Number], documents: Mapping[str, Document]
) -> dict[tuple[str, str, str, float], Number]:
    """The earliest copy of each value whose original is not among the documents: all its copies are one."""
    copies = [number for number in numbers if number["origin"] == "copied"]
    by_year = sorted(copies, key=lambda number: (documents[number["document"]].year or 9999, number["id"]))
    first: dict[tuple[str, str, str, float], Number] = {}
    for number in by_year:
        first.setdefault(_copied_value(number), number)
    return first


def _evidence(
    number: Number, runs: DirectRuns, reports: Literature, known: Background
) -> tuple[DirectEvidence, ReportedAgain]:
    if number["aggregate"] != "cell":
        return DirectEvidence((), {}), ReportedAgain((), None, None, None, "")
    refusal = None if number["confidence"] == "seen" else UNVERIFIED
    return judge_number(number, runs, known), judge_by_reports(number, reports, known, refusal)


def _put_together(number: Number, direct: DirectEvidence, again: ReportedAgain) -> tuple[str, Verdict]:
    """The basis and the verdict on it."""
    if number["aggregate"] != "cell":
        return NO_BASIS, _none(decision_rule.NOT_JUDGED, NOT_A_CELL)
    if number["confidence"] != "seen":
        return NO_BASIS, _none(decision_rule.NOT_JUDGED, UNVERIFIED)
    for basis in BASES:
        if basis in direct.judged:
            return basis, _with_interval(direct.judged[basis].verdict)
        if basis == RE_REPORTED and again.verdict is not None:
            verdict = _with_interval(again.verdict)
            return basis, replace(verdict, reason=f"{again.words} {verdict.reason}".strip())
    reason = again.words or "No public run of this method on this task and version, and no other report"
    if direct.same_runs:
        reason = f"The number is the mean of the public runs of {', '.join(direct.same_runs)}. {reason}"
    return NO_BASIS, _none(decision_rule.NO_EVIDENCE, reason)


def _with_interval(verdict: Verdict) -> Verdict:
    """The verdict with what its interval says at the head of its reason.

    Where implementations disagree or both sides are near random, the interval does not decide, and the
    reason is there already.
    """
    low, high, margin = verdict.interval_low, verdict.interval_high, verdict.margin_percent
    if low is None or high is None or margin is None:
        return verdict
    if decision_rule.verdict_of_interval(low, high, margin) != verdict.verdict:
        return verdict
    place = {decision_rule.REPRODUCED: "is within", decision_rule.INCONCLUSIVE: "reaches over"}
    words = (
        f"The 90% interval of the difference, [{low:.1f}, {high:.1f}], "
        f"{place.get(verdict.verdict, 'is beyond')} the margin of {margin:g} points."
    )
    return replace(verdict, reason=f"{words} {verdict.reason}".strip())


def _none(verdict: str, reason: str) -> Verdict:
    text = reason if reason.endswith(".") else reason + "."
    return Verdict(verdict, (), text, adjusted_verdict=verdict)


def _with_arithmetic(verdict: Verdict, arithmetic: Arithmetic) -> Verdict:
    if arithmetic.result != "impossible":
        return verdict
    finding = next(text for text in arithmetic.sentences if text.startswith("impossible"))
    return replace(verdict, reason=f"{verdict.reason} By its digits {finding}".strip())


def _adjusted(found: Sequence[NumberEvidence]) -> list[NumberEvidence]:
    """Benjamini and Hochberg within each document's numbers for one method, every number once."""
    families, seen = [], set()
    for entry in found:
        origin = entry.origin
        family = ""
        if entry.basis != NO_BASIS and origin["id"] not in seen:
            seen.add(origin["id"])
            family = family_of(
                str(origin["document"]), str(origin["method"]), str(origin["selection"]), entry.verdict
            )
            family = f"{family} | {entry.basis}"
        families.append(family)
    adjusted = adjust([entry.verdict for entry in found], families)
    of_origin = {
        entry.origin["id"]: verdict for entry, verdict, family in zip(found, adjusted, families) if family
    }
    result = []
    for entry, verdict in zip(found, adjusted):
        first = of_origin.get(entry.origin["id"], verdict)
        kept = replace(
            verdict,
            adjusted_family=first.adjusted_family,
            family_size=first.family_size,
            adjusted_p=first.adjusted_p,
            adjusted_verdict=first.adjusted_verdict,
        )
        result.append(replace(entry, verdict=kept))
    return result


def _would_decide(number: Number, basis: str, verdict: Verdict, direct: DirectEvidence) -> str:
    """What would decide the number, one sentence; empty where it is decided or cannot be asked."""
    where = f"{number['method']} on {number['task']}"
    if number["aggregate"] != "cell":
        return ""
    if number["confidence"] != "seen":
        return "The printed table, so that the number can be looked up."
    missing = {
        decision_rule.NO_EVIDENCE: f"Runs of {where}, at least three seeds, or three other documents "
        "that ran it.",
        decision_rule.UNINFORMATIVE: "A task on which the method learns more than the random policy.",
        decision_rule.NOT_JUDGED: f"Runs of {where} whose seeds differ, and the spread of the "
        "reported number.",
    }
    if verdict.verdict != decision_rule.INCONCLUSIVE:
        return missing.get(verdict.verdict, "") or _plain_runs(where, verdict)
    single = direct.judged[basis].single if basis in direct.judged else {}
    if len(single) > 1 and len({item.verdict for item in single.values()}) > 1:
        return "What the implementations do differently; more seeds do not help."
    if str(number["num_seeds"]) in ("1", "1.0"):
        return "More training seeds of the reported number itself."
    return _more_seeds(verdict)


def _more_seeds(verdict: Verdict) -> str:
    """What would decide an inconclusive number: spread, seeds or implementations."""
    parts = []
    if decision_rule.CONDITIONAL in verdict.flags:
        parts.append("the spread between seeds of the reported number")
    if verdict.seeds_needed.isdigit():
        parts.append(f"{verdict.seeds_needed} seeds of one implementation if there is no difference")
    elif verdict.seeds_needed == "never" and decision_rule.CONDITIONAL not in verdict.flags:
        parts.append("more seeds of the reported number itself; no number of other runs is enough")
    text = ", or ".join(parts) or "more independent implementations, and more seeds of the reported number"
    return text[0].upper() + text[1:] + "."


def _plain_runs(where: str, verdict: Verdict) -> str:
    """What would make a claim with a flag a plain one."""
    needed: dict[str, str] = {
        decision_rule.OTHER_SETTINGS: f"runs of {where} with the document's own hyperparameters",
        decision_rule.OTHER_SELECTION: f"runs of {where} with the document's own selection rule",
        decision_rule.CONDITIONAL: "the spread between seeds of the reported number",
    }
    parts = [needed[flag] for flag in needed if flag in verdict.flags]
    return f"For a verdict without a flag: {', and '.join(parts)}." if parts else ""
