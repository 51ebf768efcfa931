"""The page of evidence: one file that works from disk and without network.

The table is DataTables' (``page/vendor``, with its licence), embedded with the data; the forest plot of a
number is drawn in the page from the embedded data.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from paper_tables.documents import Document
from paper_tables.evidence.claims import ProseClaim
from paper_tables.evidence.field import agreement
from paper_tables.evidence.judgement import NumberEvidence
from paper_tables.evidence.tables import BASIS_WORDS, first_screen
from paper_tables.rendering.names import document_name
from paper_tables.rendering.table import MARKS
from paper_tables.rendering.text import with_spread
from paper_tables.statistics import intervals

FOLDER = Path(__file__).parent / "page"
DIGITS = 3


def evidence_page(content: Mapping[str, Any]) -> str:
    """The page as HTML; content as `page_data` gives it."""
    parts = {
        "library_css": _read("vendor/dataTables.dataTables.min.css"),
        "page_css": _read("page.css"),
        "data": _embedded(content),
        "library_js": _read("vendor/dataTables.min.js"),
        "page_js": _read("page.js"),
    }
    page = _read("template.html")
    for name, text in parts.items():
        page = page.replace(f"/*{{{name}}}*/", text)
    return page


def _read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _embedded(content: Mapping[str, Any]) -> str:
    """JSON that cannot end its script element."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def page_data(
    found: Sequence[NumberEvidence],
    frame: pd.DataFrame,
    documents: Mapping[str, Document],
    claims: Sequence[ProseClaim],
    sources: pd.DataFrame,
    version: str,
) -> dict[str, Any]:
    """What the page shows, as data.

    Args:
        found: the evidence of every number.
        frame: the same as `evidence_frame` gives it.
        documents: by short name.
        claims: claims in prose.
        sources: of the public runs.
        version: of the table of evidence.
    """
    table = first_screen(frame)
    copies = sum(entry.is_copy for entry in found)
    return {
        "version": version,
        "lead": (
            f"{len(found):,} numbers that {len({entry.number['document'] for entry in found})} documents "
            "report, each with the public evidence for and against it: training runs of others seed by seed, "
            "other documents that ran the same method again, and the arithmetic of the printed digits. "
            f"{copies:,} of them are copied from another document; each is judged where it was first "
            "printed, and the first table counts it there alone. Nothing was trained for this page."
        ),
        "found": {
            "header": table.header,
            "rows": [[cell.text for cell in row] for row in table.rows if row is not None],
        },
        "bases": list(BASIS_WORDS.values()),
        "documents": {name: document.title for name, document in documents.items()},
        "short_names": {name: document_name(name) for name in documents},
        "numbers": [_number(entry) for entry in found],
        "evidence": {
            entry.origin["id"]: _evidence(entry)
            for entry in found
            if entry.direct.groups or entry.again.reports
        },
        "claims": [_claim(claim) for claim in claims],
        "sources": [
            {
                name: None if pd.isna(value) else value
                for name, value in row.items()
                if name in ("source", "repository", "commit", "licence", "num_rows")
            }
            for row in sources.astype("object").to_dict("records")
        ],
    }


def _number(entry: NumberEvidence) -> dict[str, Any]:
    number, verdict = entry.number, entry.verdict
    spread = None if number["spread_kind"] == "none" else number["spread_percent"]
    low, high = verdict.interval_low, verdict.interval_high
    return {
        "id": number["id"],
        "document": number["document"],
        "table": number["table"],
        "method": number["method"],
        "task": number["task"],
        "score": _rounded(number["score_percent"]),
        "spread": _rounded(spread),
        "printed": with_spread(number["score_percent"], spread, int(number["decimals"])),
        "verdict": verdict.verdict,
        "verdict_text": f"{MARKS[verdict.verdict][0]} {verdict.verdict}",
        "basis_text": BASIS_WORDS[entry.basis],
        "flags": ", ".join(flag.replace("_", " ") for flag in verdict.flags),
        "implementations": agreement(entry),
        "reason": verdict.reason,
        "ranks": verdict.ranks,
        "difference": _rounded(verdict.difference_percent),
        "interval": None if low is None or high is None else [_rounded(low), _rounded(high)],
        "margin": verdict.margin_percent or 5,
        "would_decide": entry.would_decide,
        "judged_at": entry.origin["id"] if entry.is_copy else "",
        "arithmetic": list(entry.arithmetic.sentences),
        "source": number["source"],
    }


def _evidence(entry: NumberEvidence) -> dict[str, Any]:
    groups = []
    for group in entry.direct.groups:
        scores = np.asarray(group.scores_percent)
        single = entry.direct.judged[group.kind].single
        low, high = mean_interval(scores)
        groups.append(
            {
                "implementation": group.implementation,
                "kind": group.kind,
                "scores": [_rounded(score) for score in scores],
                "mean": _rounded(scores.mean()),
                "low": _rounded(low),
                "high": _rounded(high),
                "verdict": next(
                    (judged.verdict for name, judged in single.items() if group.implementation in name), ""
                ),
                "selection": group.selection,
                "settings": group.settings,
                "addresses": list(group.addresses),
                "licences": list(group.licences),
            }
        )
    pooled = entry.again.pooled
    return {
        "groups": groups,
        "reports": [
            {
                "id": report.id,
                "document": report.document,
                "score": _rounded(report.score_percent),
                "error": _rounded(report.error_percent),
                "left_out": report.left_out,
            }
            for report in entry.again.reports
        ],
        "reports_words": entry.again.words,
        "reports_pooled": pooled
        and {
            "mean": _rounded(pooled.mean_percent),
            "low": _rounded(pooled.prediction_low),
            "high": _rounded(pooled.prediction_high),
        },
    }


def mean_interval(scores: np.ndarray) -> tuple[float | None, float | None]:
    """Student's 95% interval of the mean, `[seeds]`; none with fewer than three seeds."""
    if len(scores) < 3:
        return None, None
    found = intervals.mean_interval(scores)
    return found.low, found.high


def _claim(claim: ProseClaim) -> dict[str, Any]:
    shown = claim.shown()
    return {
        "who": f"{claim.claimed_by}, {claim.where}",
        "claim": claim.claim,
        "verdict": claim.verdict,
        "evidence": [
            {"source": one.source, "place": one.place, "says": one.says, "address": one.address}
            for one in claim.evidence
        ],
        "shown": "" if shown is None else shown.sentence,
    }


def _rounded(value: Any) -> float | None:
    if value is None or pd.isna(value) or not math.isfinite(value):
        return None
    return round(float(value), DIGITS) + 0.0
