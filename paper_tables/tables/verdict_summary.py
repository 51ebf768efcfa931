"""All verdicts of a call in one table, led by how many are inconclusive and what would decide them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from paper_tables import frames
from paper_tables.rendering.table import Cell, Table
from paper_tables.rendering.text import FLAG_MARKS, NOT_KEPT, NOTHING, number, signed, with_spread
from paper_tables.rendering.verdicts import (
    by_reason,
    counted,
    differs_under_adjustment,
    numbers_once,
    place_of,
    verdict_marks,
)
from paper_tables.verdicts import decision_rule

ORDER = (
    decision_rule.INCONCLUSIVE,
    decision_rule.REPRODUCED,
    decision_rule.DIFFERENT_LOWER,
    decision_rule.DIFFERENT_HIGHER,
    decision_rule.UNINFORMATIVE,
    decision_rule.NOT_JUDGED,
)
FEW_SEEDS = 10
"""What a study of one laboratory can train."""


def verdict_summary(cells: pd.DataFrame) -> Table:
    """Every judged cell, the inconclusive ones first.

    Args:
        cells: the columns of ``verdicts.csv``; only rows with a verdict are shown.
    """
    shown = cells[cells["verdict"].isin(list(ORDER))]
    judged = numbers_once(shown)
    place = {name: position for position, name in enumerate(ORDER)}
    judged = judged.sort_values("verdict", key=lambda values: values.map(place), kind="stable")
    table = Table(
        "Verdicts",
        [
            "Table",
            "Task",
            "Method",
            "Ours",
            "Reported",
            "Difference",
            "90% interval",
            "Against re-runs",
            "Margin needed",
            "Seeds needed",
        ],
        text_columns=3,
    )
    previous = None
    for row in frames.records(judged):
        if previous not in (None, row["verdict"]):
            table.rows.append(None)
        previous = row["verdict"]
        table.rows.append(_row(row))
    table.lead = lead(judged)
    if judged.empty:
        return table
    if len(shown) > len(judged):
        table.lead.append(
            f"These numbers are shown at {len(shown)} places: a copied number is judged once, at its origin."
        )
    table.notes = [
        "Ours: mean ± sample standard deviation over seeds (number of seeds). Reported: as printed.",
        "Interval of our mean minus the reported one, the widest over all interpretations of the paper; it "
        "decides the verdict. d: detectable, it does not hold 0, which is not a verdict.",
        "Against re-runs: whether the interval is within or outside the spread of independent re-runs in "
        "this domain (in brackets its half-width, points), which is larger than that of seeds; open: it "
        "reaches over the border; –: not known for this domain.",
        "Margin needed: the margin above which the number would be reproduced. Seeds needed: ours, for an "
        "80% chance of reproduced if nothing differs. In brackets, where another: under adjustment, the "
        "other numbers of the family held at their present p values.",
        f"{NOT_KEPT}: the claim is not kept by Benjamini and Hochberg at 5% in its family, the numbers of "
        "one document for one method and selection rule.",
        *_flag_notes(judged),
        *_typical_notes(judged),
        *_reason_notes(judged),
    ]
    return table


def _flag_notes(judged: pd.DataFrame) -> list[str]:
    used = {flag for flags in judged["flags"].dropna() for flag in str(flags).split("; ") if flag}
    return [f"{FLAG_MARKS[flag][0]}: {FLAG_MARKS[flag][1]}." for flag in FLAG_MARKS if flag in used]


def _typical_notes(judged: pd.DataFrame) -> list[str]:
    """Typical runs where some seed has collapsed."""
    if "typical_verdict" not in judged.columns:
        return []
    notes = []
    for row in frames.records(judged):
        collapsed = [row["our_collapsed"], row["reported_collapsed"]]
        if any(isinstance(text, str) and text and not text.startswith("0 of") for text in collapsed):
            notes.append(
                f"{row['column']} on {row['task']}: typical runs {row['typical_verdict']}; collapsed are "
                f"{collapsed[0]} of ours and {collapsed[1]} of theirs (equal rates: p = "
                f"{row['collapse_p_value']:.2g}). {row['typical_note'] or ''}".strip()
            )
    return notes


def _reason_notes(judged: pd.DataFrame) -> list[str]:
    """Why numbers are not judged, what a conditional claim assumes, what the second line says."""
    conditional = judged["flags"].fillna("").astype(str).str.contains(decision_rule.CONDITIONAL)
    explained = judged["verdict"].isin(
        [decision_rule.NOT_JUDGED, decision_rule.DIFFERENT_LOWER, decision_rule.DIFFERENT_HIGHER]
    )
    explained |= conditional & judged["verdict"].isin(list(decision_rule.CLAIMS))
    return by_reason(judged[explained], judged)


def lead(judged: pd.DataFrame) -> list[str]:
    """The verdicts counted, and what would decide the inconclusive ones, in sentences.

    Args:
        judged: cells with a verdict.
    """
    if judged.empty:
        return ["No reported number has a run of ours."]
    lines = [f"Of {len(judged)} numbers with runs of ours: {counted(judged['verdict'], ORDER)}."]
    conditional = judged["flags"].fillna("").astype(str).str.contains(decision_rule.CONDITIONAL)
    claims = judged["verdict"].isin(list(decision_rule.CLAIMS))
    if (conditional & claims).any():
        lines.append(
            f"{int((conditional & claims).sum())} of the {int(claims.sum())} claims are conditional: the "
            "paper prints no spread."
        )
    open_cells = judged[judged["verdict"] == decision_rule.INCONCLUSIVE]
    if not open_cells.empty:
        needed = [_decided_by(row) for row in frames.records(open_cells)]
        parts = [f"{needed.count(way)} by {way}" for way in WAYS[:3] if way in needed]
        parts += [f"{needed.count(way)} not: {way}" for way in WAYS[3:] if way in needed]
        lines.append(f"What would decide the {len(open_cells)} inconclusive: {'; '.join(parts)}.")
    changed = [row for row in frames.records(judged) if differs_under_adjustment(row)]
    if changed:
        places = ", ".join(place_of(row, judged) for row in changed)
        lines.append(f"Not kept by Benjamini and Hochberg in their families: {len(changed)} ({places}).")
    return lines


WAYS = (
    f"at most {FEW_SEEDS} seeds of ours",
    f"{FEW_SEEDS + 1} to 100 seeds of ours",
    "more than 100 seeds of ours",
    "the paper's own error, printed or assumed, is as wide as the margin, or nothing bounds it",
    "one seed on a side",
)
"""What decides a number, if its true difference is 0; the last two do not."""


def _decided_by(row: dict[str, Any]) -> str:
    text = _seeds_text(row["seeds_needed"])
    if text == "never":
        return WAYS[3]
    if text.startswith(">"):
        return WAYS[2]
    if text.isdigit():
        return WAYS[0] if int(text) <= FEW_SEEDS else WAYS[1]
    return WAYS[4]


def _seeds_text(value: Any) -> str:
    return "" if pd.isna(value) else str(value).removesuffix(".0")


def _row(row: dict[str, Any]) -> list[Cell]:
    difference = NOTHING
    if pd.notna(row["difference_percent"]):
        difference = signed(row["difference_percent"])
    ours = with_spread(row["our_mean_percent"], row["our_sd_percent"], 1) + f" ({int(row['our_seeds'])})"
    interval = (
        NOTHING
        if pd.isna(row["interval_low"])
        else f"[{number(row['interval_low'], 1)}, {number(row['interval_high'], 1)}]"
    )
    return [
        Cell(str(row["table"])),
        Cell(str(row["task"])),
        Cell(str(row["column"])),
        Cell(ours, False, str(row["verdict"]), verdict_marks(row)),
        Cell(with_spread(row["reported_mean"], row["reported_spread"], 1)),
        Cell(difference),
        Cell(interval),
        Cell(_against_reruns(row)),
        Cell(
            _also(
                _margin_text(row["smallest_margin_percent"]),
                _margin_text(row["adjusted_smallest_margin_percent"]),
            )
        ),
        Cell(_also(_seeds_text(row["seeds_needed"]), _seeds_text(row["adjusted_seeds_needed"]))),
    ]


def _margin_text(value: Any) -> str:
    return "" if pd.isna(value) else number(value, 1)


def _also(raw: str, adjusted: str) -> str:
    """The raw figure, and the adjusted one in brackets where it is another."""
    if not raw:
        return NOTHING
    return raw if adjusted in ("", raw) else f"{raw} ({adjusted})"


def _against_reruns(row: dict[str, Any]) -> str:
    place = row["implementation_spread"]
    if pd.isna(place) or not place:
        return NOTHING
    return f"{place} ({number(row['implementation_band_percent'], 1)})"
