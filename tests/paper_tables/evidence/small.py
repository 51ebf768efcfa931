"""A few reported numbers and public runs in the columns of their schemas."""

from __future__ import annotations

from typing import Any

import pandas as pd

from paper_tables import frames
from paper_tables.documents import Document

TASK = "hopper-medium-v2"
DOCUMENTS = {name: Document(name, f"Title of {name}", 2020, {None: (f"{name}/code",)}) for name in "abcde"}


def reported(*rows: dict[str, Any]) -> pd.DataFrame:
    """Rows of the schema ``reported``: document `a` prints its own method `m` on `TASK`, unless changed."""
    found = []
    for changes in rows:
        document = str(changes.get("document", "a"))
        usual = {
            "document": document,
            "document_kind": "paper",
            "paper": document,
            "table": "Table 1",
            "method": "M",
            "method_key": "m",
            "origin": "own" if document == "a" else "rerun",
            "reported_by": document,
            "suite": "gym-locomotion",
            "task": TASK,
            "aggregate": "cell",
            "score_percent": 50.0,
            "decimals": 1,
            "spread_percent": 2.0,
            "spread_kind": "standard_deviation_over_seeds",
            "num_seeds": "4",
            "episodes_per_seed": 10,
            "selection": "last",
            "selection_inferred": False,
            "source": f"{document}, page 1",
            "confidence": "seen",
        }
        found.append(usual | changes)
    table = pd.DataFrame(found, columns=frames.columns("reported"))
    return frames.check(table, "reported", "small")


def public_runs(scores: list[float], **changes: Any) -> pd.DataFrame:
    """Rows of the schema ``public_runs``: one run for each score, of another code than the documents'."""
    usual = {
        "source": "somebody",
        "repository": "somebody/runs",
        "commit": "abc1234",
        "licence": "MIT",
        "datasets": "d4rl",
        "printed_in": None,
        "implementation": "somebody/code",
        "method": "m",
        "method_name": "M",
        "variant": "usual",
        "settings": "usual",
        "task": TASK,
        "selection": "last",
        "file": "scores.csv",
    }
    rows = [usual | {"seed": seed, "score_percent": score} | changes for seed, score in enumerate(scores)]
    return pd.DataFrame(rows, columns=frames.columns("public_runs"))
