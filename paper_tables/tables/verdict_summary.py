"""All verdicts of a call in one table, led by how many cells are not settled and what would settle them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from paper_tables import frames
from paper_tables.rendering.table import MARKS, Cell, Table
from paper_tables.rendering.text import NOTHING, number, with_spread
from paper_tables.verdicts import rule

ORDER = (
    rule.INCONCLUSIVE,
    rule.REPRODUCED,
    rule.DIFFERENT_LOWER,
    rule.DIFFERENT_HIGHER,
    rule.UNINFORMATIVE,
    rule.NOT_COMPARABLE,
)
FEW_SEEDS = 10
"""What a study of one laboratory can train."""


def verdict_summary(cells: pd.DataFrame) -> Table:
    """Every judged cell, those that are not settled first.

    Args:
        cells: the columns of ``verdicts.csv``; only rows with a verdict are shown.
    """
    judged = cells[cells["adjusted_verdict"].isin(list(ORDER))]
    place = {name: position for position, name in enumerate(ORDER)}
    judged = judged.sort_values("adjusted_verdict", key=lambda values: values.map(place), kind="stable")
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
            "Holds as printed",
            "Settles at margin",
            "Seeds needed",
        ],
        text_columns=3,
    )
    previous = None
    for row in frames.records(judged):
        if previous not in (None, row["adjusted_verdict"]):
            table.rows.append(None)
        previous = row["adjusted_verdict"]
        table.rows.append(_row(row))
    table.lead = lead(judged)
    if judged.empty:
        return table
    table.notes = [
        "Ours: mean ± sample standard deviation over seeds (number of seeds). Reported: as printed.",
        "Interval of our mean minus the reported one, the widest over all readings of the paper; d: "
        "detectable, it does not hold 0, which is no verdict.",
        "Holds as printed: the printed number taken as exact. Settles at margin: the margin above which the "
        "cell would be reproduced. Seeds needed: ours, for an 80% chance of reproduced if nothing differs.",
    ]
    return table


def lead(judged: pd.DataFrame) -> list[str]:
    """The verdicts counted, and what would settle the cells that are not, in sentences.

    Args:
        judged: cells with a verdict.
    """
    if judged.empty:
        return ["No reported number has a run of ours beside it."]
    counts = judged["adjusted_verdict"].value_counts()
    counted = [f"{counts[name]} {name} ({MARKS[name][0]})" for name in ORDER if name in counts]
    lines = [f"Of {len(judged)} cells with runs of ours: {', '.join(counted)}."]
    open_cells = judged[judged["adjusted_verdict"] == rule.INCONCLUSIVE]
    if not open_cells.empty:
        needed = [_settled_by(row) for row in frames.records(open_cells)]
        parts = [f"{needed.count(way)} by {way}" for way in WAYS[:3] if way in needed]
        parts += [f"{needed.count(way)} not: {way}" for way in WAYS[3:] if way in needed]
        lines.append(f"What would settle the {len(open_cells)} inconclusive: {'; '.join(parts)}.")
    alone = judged[(judged["verdict"] != judged["adjusted_verdict"]) & (judged["verdict"] != "")]
    if not alone.empty:
        lines.append(f"{len(alone)} of them would be settled if judged alone, without Holm's adjustment.")
    return lines


WAYS = (
    f"at most {FEW_SEEDS} seeds of ours",
    f"{FEW_SEEDS + 1} to 100 seeds of ours",
    "more than 100 seeds of ours",
    "the paper's error, printed or assumed, fills the margin, or nothing bounds it",
    "one seed on a side",
)
"""What settles a cell, if its true difference is 0; the last two do not."""


def _settled_by(row: dict[str, Any]) -> str:
    text = "" if pd.isna(row["power"]) else str(row["power"]).removesuffix(".0")
    if text == "never":
        return WAYS[3]
    if text.startswith(">"):
        return WAYS[2]
    if text.isdigit():
        return WAYS[0] if int(text) <= FEW_SEEDS else WAYS[1]
    return WAYS[4]


def _row(row: dict[str, Any]) -> list[Cell]:
    difference = round(float(row["difference_percent"]), 1) + 0.0  # no negative zero
    ours = with_spread(row["our_mean_percent"], row["our_sd_percent"], 1) + f" ({int(row['our_seeds'])})"
    interval = (
        NOTHING
        if pd.isna(row["interval_low"])
        else f"[{number(row['interval_low'], 1)}, {number(row['interval_high'], 1)}]"
    )
    margin = row["smallest_margin_percent"]
    power = "" if pd.isna(row["power"]) else str(row["power"]).removesuffix(".0")
    return [
        Cell(str(row["table"])),
        Cell(str(row["task"])),
        Cell(str(row["column"])),
        Cell(ours, False, str(row["adjusted_verdict"]), ("d",) if row["detectable"] is True else ()),
        Cell(with_spread(row["reported_mean"], row["reported_spread"], 1)),
        Cell(f"{difference:+.1f}"),
        Cell(interval),
        Cell(str(row["holds_as_printed"]) if row["holds_as_printed"] else NOTHING),
        Cell(NOTHING if pd.isna(margin) else number(margin, 1)),
        Cell(power or NOTHING),
    ]
