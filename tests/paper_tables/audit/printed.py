"""Printed numbers for the tests of single rules."""

from __future__ import annotations

from typing import Any

from paper_tables.audit.numbers import PrintedNumber


def printed(task: str = "hopper-medium-v2", score: float = 50.0, **changes: Any) -> PrintedNumber:
    """A cell that paper `a` prints of its own method."""
    values: dict[str, Any] = {
        "document": "a",
        "document_kind": "paper",
        "paper": "a",
        "table": "Table 1",
        "method": "Alpha",
        "method_key": "alpha",
        "origin": "own",
        "reported_by": "a",
        "suite": "gym-locomotion",
        "task": task,
        "aggregate": "cell",
        "score_percent": score,
        "decimals": 1,
        "spread_kind": "none",
        "selection": "last",
        "selection_inferred": False,
        "source": "a, page 1",
        "confidence": "seen",
    }
    return PrintedNumber(**(values | changes))


def column(scores: list[float], **changes: Any) -> list[PrintedNumber]:
    """Cells on the tasks t0-v2, t1-v2, ..."""
    return [printed(f"t{place}-v2", score, **changes) for place, score in enumerate(scores)]
