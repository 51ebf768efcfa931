"""From the count that was known before to the table of evidence, step by step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from paper_tables.evidence.direct import INDEPENDENT, SAME_CODE
from paper_tables.evidence.judgement import NumberEvidence
from paper_tables.evidence.tables import DIFFERENT
from paper_tables.rendering.table import Cell, Table
from paper_tables.rendering.text import NOTHING
from paper_tables.verdicts import rule
from paper_tables.verdicts.verdict import Verdict

BRIDGE = Path(__file__).with_name("bridge.yaml")
Pair = tuple[NumberEvidence, str, Verdict]


def read_bridge(path: Path = BRIDGE) -> dict[str, Any]:
    """The count that was known before: `commit`, `documents`, and counts by verdict."""
    known: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return known


def pairs_of(found: Sequence[NumberEvidence]) -> list[Pair]:
    """Every reported number with every implementation that has runs of it: number, class, verdict."""
    return [
        (entry, kind, verdict)
        for entry in found
        for kind, judged in entry.direct.judged.items()
        for verdict in judged.single.values()
    ]


def bridge_table(found: Sequence[NumberEvidence], known: dict[str, Any]) -> Table:
    """The steps from the earlier count to the independent, unconditional verdicts.

    Args:
        found: the evidence of every number.
        known: as `read_bridge` gives it.
    """
    table = Table(
        "From the earlier count to this table",
        ["Step", "Pairs", "Numbers", "Reproduced", "Different", "Inconclusive", "Uninformative"],
        notes=[
            "A pair is a reported number and an implementation with runs of its method, task and version. "
            "The earlier count judged by one interval, had no verdict uninformative and counted no copy.",
            "146 of its pairs are CORL's table, 113 of them against its code; the others print no spread.",
            "Each step keeps what its line says of the pairs of the line above it.",
        ],
    )
    before = [known[name] for name in ("pairs", "numbers", "reproduced", "different", "inconclusive")]
    table.rows.append([Cell(f"Known before (commit {known['commit']})"), *map(_count, before), Cell(NOTHING)])
    pairs = pairs_of(found)
    steps: list[tuple[str, Callable[[Pair], bool]]] = [
        ("All pairs now", lambda pair: True),
        ("Copies only at their origin", lambda pair: not pair[0].is_copy),
        ("Runs of the same selection rule", lambda pair: rule.OTHER_SELECTION not in pair[2].flags),
        ("Not tuned for each task", lambda pair: pair[1] in (INDEPENDENT, SAME_CODE)),
        ("Other code than the document's", lambda pair: pair[1] == INDEPENDENT),
        ("More than random on a side", lambda pair: pair[2].verdict != rule.UNINFORMATIVE),
        ("Of documents known before", lambda pair: pair[0].number["document"] in known["documents"]),
        ("With a printed spread (not conditional)", lambda pair: rule.CONDITIONAL not in pair[2].flags),
    ]
    for name, keeps in steps:
        pairs = [pair for pair in pairs if keeps(pair)]
        verdicts = [pair[2].verdict for pair in pairs]
        counts = (
            len(pairs),
            len({pair[0].number["id"] for pair in pairs}),
            verdicts.count(rule.REPRODUCED),
            sum(verdicts.count(different) for different in DIFFERENT),
            verdicts.count(rule.INCONCLUSIVE),
            verdicts.count(rule.UNINFORMATIVE),
        )
        table.rows.append([Cell(name), *map(_count, counts)])
    return table


def _count(value: int) -> Cell:
    return Cell(f"{value:,}")
