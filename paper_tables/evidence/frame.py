"""The evidence as one flat table: a row for each reported number."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import pandas as pd

from paper_tables.evidence.direct import CLASSES, INDEPENDENT, SAME_CODE
from paper_tables.evidence.judgement import NumberEvidence
from paper_tables.rendering.text import cells_csv

FORMAT = 1
_NUMBER_COLUMNS = (
    "id",
    "document",
    "table",
    "method",
    "method_key",
    "suite",
    "task",
    "aggregate",
    "origin",
    "score_percent",
    "decimals",
    "spread_percent",
    "spread_kind",
    "num_seeds",
    "selection",
    "confidence",
    "source",
)
_VERDICT_COLUMNS = (
    "verdict",
    "adjusted_verdict",
    "reason",
    "difference_percent",
    "interval_low",
    "interval_high",
    "margin_percent",
    "smallest_margin_percent",
    "seeds_needed",
    "detectable",
    "ranks",
    "implementation_spread",
    "implementation_band_percent",
    "adjusted_family",
    "adjusted_p",
)


def evidence_frame(found: Sequence[NumberEvidence]) -> pd.DataFrame:
    """One row for each reported number, in the order of the reported numbers.

    The columns are described in ``docs/evidence.md``.
    """
    return pd.DataFrame([_row(entry) for entry in found])


def _row(entry: NumberEvidence) -> dict[str, Any]:
    row: dict[str, Any] = {name: entry.number[name] for name in _NUMBER_COLUMNS}
    row["year"] = entry.document.year
    row["judged_at"] = entry.origin["id"] if entry.is_copy else ""
    row["basis"] = entry.basis
    row |= {name: getattr(entry.verdict, name) for name in _VERDICT_COLUMNS}
    row["flags"] = "; ".join(entry.verdict.flags)
    row["would_decide"] = entry.would_decide
    for kind in CLASSES:
        row |= _of_class(entry, kind)
    for kind in (INDEPENDENT, SAME_CODE):
        judged = entry.direct.judged.get(kind)
        pooled = judged.pooled if judged else None
        row[f"{kind}_between_sd"] = pooled.between_sd_percent if pooled else None
        row[f"{kind}_prediction_low"] = pooled.prediction_low if pooled else None
        row[f"{kind}_prediction_high"] = pooled.prediction_high if pooled else None
    row |= _reports(entry)
    row["arithmetic"] = entry.arithmetic.result
    row["arithmetic_sentences"] = " ".join(entry.arithmetic.sentences)
    return row


def _of_class(entry: NumberEvidence, kind: str) -> dict[str, Any]:
    judged = entry.direct.judged.get(kind)
    groups = [group for group in entry.direct.groups if group.kind == kind]
    return {
        f"{kind}_verdict": judged.verdict.verdict if judged else "",
        f"{kind}_mean_percent": judged.verdict.our_mean_percent if judged else None,
        f"{kind}_seeds": sum(len(group.scores_percent) for group in groups),
        f"{kind}_implementations": "; ".join(group.implementation for group in groups),
        f"{kind}_sources": "; ".join(sorted({name for group in groups for name in group.sources})),
    }


def _reports(entry: NumberEvidence) -> dict[str, Any]:
    again, pooled = entry.again, entry.again.pooled
    inside = "" if again.inside is None else "inside" if again.inside else "outside"
    return {
        "reports": "; ".join(report.id for report in again.reports),
        "reports_pooled": pooled.implementations if pooled else 0,
        "reports_mean_percent": pooled.mean_percent if pooled else None,
        "reports_between_sd": pooled.between_sd_percent if pooled else None,
        "reports_prediction_low": pooled.prediction_low if pooled else None,
        "reports_prediction_high": pooled.prediction_high if pooled else None,
        "reports_place": inside,
        "reports_verdict": again.verdict.verdict if again.verdict else "",
        "reports_words": again.words,
    }


def frame_csv(frame: pd.DataFrame) -> str:
    """The table as CSV, numbers rounded to six digits."""
    return cells_csv(frame)


def version_of(csv_text: str) -> str:
    """The version of a table of evidence: its format and the first digits of its content's SHA-256."""
    return f"{FORMAT}.{hashlib.sha256(csv_text.encode()).hexdigest()[:10]}"
