"""From the count that was known before to the table of evidence, step by step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from recheck import schema
from recheck.errors import TablesError

from paper_tables import frames
from paper_tables.evidence.direct import INDEPENDENT, named_groups
from paper_tables.evidence.judgement import NumberEvidence
from paper_tables.evidence.tables import DIFFERENT
from paper_tables.rendering.table import Cell, Table
from paper_tables.rendering.text import NOTHING
from paper_tables.verdicts import decision_rule
from paper_tables.verdicts.verdict import Verdict

BRIDGE = Path(__file__).with_name("bridge.yaml")
EARLIER_PAIRS = Path(__file__).with_name("bridge_pairs.csv")


@dataclass(frozen=True)
class Pair:
    """A reported number and one implementation with runs of its method, task and version.

    Attributes:
        entry: the number's evidence.
        kind: class of the runs, one of `direct.CLASSES`.
        sources: names of the runs' sources.
        verdict: of this implementation alone.
    """

    entry: NumberEvidence
    kind: str
    sources: tuple[str, ...]
    verdict: Verdict


def read_bridge(path: Path = BRIDGE) -> dict[str, Any]:
    """The count that was known before: `commit`, and counts of pairs, numbers and verdicts."""
    known: dict[str, Any] = schema.read_yaml(path, TablesError)
    return known


def read_earlier_pairs(path: Path = EARLIER_PAIRS) -> pd.DataFrame:
    """The pairs of that count: `number` (its stable name), `source` of the runs, `verdict` of that rule."""
    return frames.read_csv(path, "bridge_pairs")


def pairs_of(found: Sequence[NumberEvidence]) -> list[Pair]:
    """Every reported number with every implementation that has runs of it."""
    pairs = []
    for entry in found:
        for kind, judged in entry.direct.judged.items():
            groups = named_groups([group for group in entry.direct.groups if group.kind == kind])
            pairs += [
                Pair(entry, kind, groups[name].sources, verdict) for name, verdict in judged.single.items()
            ]
    return pairs


def followed(pairs: Sequence[Pair], earlier: pd.DataFrame) -> list[Pair]:
    """The earlier pairs as they are today, in their order; one that is not a pair today is left out.

    Args:
        pairs: as `pairs_of` gives them.
        earlier: as `read_earlier_pairs` gives them.
    """
    today = {(pair.entry.number["id"], source): pair for pair in pairs for source in pair.sources}
    keys = zip(earlier["number"], earlier["source"])
    return [today[key] for key in keys if key in today]


Steps = Sequence[tuple[str, Callable[[Pair], bool]]]
STEPS: Steps = (
    ("not tuned for each task", lambda pair: pair.kind != decision_rule.OTHER_SETTINGS),
    ("of the same selection rule", lambda pair: decision_rule.OTHER_SELECTION not in pair.verdict.flags),
    ("copies only at their origin", lambda pair: not pair.entry.is_copy),
    ("of other code than the document's", lambda pair: pair.kind == INDEPENDENT),
    ("more than random on a side", lambda pair: pair.verdict.verdict != decision_rule.UNINFORMATIVE),
    (
        "with a printed spread (not conditional)",
        lambda pair: decision_rule.CONDITIONAL not in pair.verdict.flags,
    ),
)


def bridge_table(found: Sequence[NumberEvidence], known: dict[str, Any], earlier: pd.DataFrame) -> Table:
    """The steps from the earlier count to the independent, unconditional verdicts of today.

    Args:
        found: the evidence of every number.
        known: as `read_bridge` gives it.
        earlier: as `read_earlier_pairs` gives it.
    """
    commit = known["commit"]
    table = Table(
        "From the earlier count to this table",
        [
            "Step",
            "Pairs",
            "Numbers",
            "Reproduced",
            "Different",
            "Inconclusive",
            "Uninformative",
            "Not judged",
        ],
        notes=[
            "A pair is a reported number and an implementation with runs of its method, task and version; "
            "each is judged alone.",
            f"The record of the earlier count and the rule of commit {commit} agree in pairs, numbers and "
            "parts: 146 pairs of CORL's table, 113 of them against CORL's code or runs made with it. "
            "They differ in verdicts by 2, 4 and 2. If a spread that is not printed is once the runs', and "
            "the 6 pairs without any spread are left open, that rule gives 72, 35 and 118: one pair from "
            "the record.",
            "A step that begins with a dash keeps what it says of the pairs of the line above it.",
            "The earlier rule had no verdict uninformative, and took 1 and 2 times the runs' spread where "
            "none is printed; today's takes up to 3 times, or the largest that any document prints.",
        ],
    )
    before = [known[name] for name in ("pairs", "numbers", "reproduced", "different", "inconclusive")]
    nothing = [Cell(NOTHING), Cell(NOTHING)]
    table.rows.append([Cell(f"Recorded before (commit {commit})"), *map(_count, before), *nothing])
    verdicts = list(earlier["verdict"])
    table.rows.append(
        [Cell("The same, computed again"), *_counts(list(earlier["number"]), verdicts)[:-2], *nothing]
    )
    pairs = pairs_of(found)
    for start, rows in (
        ("These pairs by today's rule and tables", followed(pairs, earlier)),
        ("All pairs of today", pairs),
    ):
        table.rows.append(None)
        table.rows.append([Cell(start), *_counts_of(rows)])
        for name, keeps in STEPS:
            rows = [pair for pair in rows if keeps(pair)]
            table.rows.append([Cell(f"– {name}"), *_counts_of(rows)])
    return table


def _counts_of(pairs: Sequence[Pair]) -> list[Cell]:
    return _counts([pair.entry.number["id"] for pair in pairs], [pair.verdict.verdict for pair in pairs])


def _counts(numbers: Sequence[str], verdicts: Sequence[str]) -> list[Cell]:
    """Pairs, numbers, and pairs by verdict."""
    counts = [
        len(verdicts),
        len(set(numbers)),
        verdicts.count(decision_rule.REPRODUCED),
        sum(verdicts.count(different) for different in DIFFERENT),
        *(
            verdicts.count(name)
            for name in (decision_rule.INCONCLUSIVE, decision_rule.UNINFORMATIVE, decision_rule.NOT_JUDGED)
        ),
    ]
    return list(map(_count, counts))


def _count(value: int) -> Cell:
    return Cell(f"{value:,}")
