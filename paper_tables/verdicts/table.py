"""Verdicts of a table of cells."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from recheck.errors import TablesError

from paper_tables.verdicts.judge import judge_cell
from paper_tables.verdicts.multiplicity import adjust
from paper_tables.verdicts.rule import VERDICT_COLUMNS, Verdict

if TYPE_CHECKING:
    import pandas as pd


def judge_table(cells: pd.DataFrame) -> pd.DataFrame:
    """Judge one row per cell and adjust for the number of cells.

    Args:
        cells: columns `our_scores_percent` (a sequence of scores per training seed; empty or None where
            there are no runs of ours), `reported_mean`, `reported_spread`, `spread_kind`,
            `reported_seeds`, `reported_episodes_per_seed`, `margin_percent`; optional
            `not_comparable_reason`, `against_reference_runs`, `random_policy_percent`, and `table`: Holm runs
            within each of its values, over all rows where it is absent. Other columns are kept.

    Returns:
        The rows in their order with the columns `VERDICT_COLUMNS` added; a cell without runs of ours
        has an empty verdict.

    Raises:
        TablesError: a column is missing, or a cell cannot be judged; the message names the row.
    """
    import pandas as pd

    required = (
        "our_scores_percent",
        "reported_mean",
        "reported_spread",
        "spread_kind",
        "reported_seeds",
        "reported_episodes_per_seed",
        "margin_percent",
    )
    missing = [column for column in required if column not in cells.columns]
    if missing:
        raise TablesError(f"The table of cells lacks the column(s) {', '.join(missing)}.")
    judged: list[Verdict] = []
    for place, row in enumerate(cells.to_dict("records")):
        scores = row["our_scores_percent"]
        if scores is None or np.size(scores) == 0 or (np.ndim(scores) == 0 and pd.isna(scores)):
            judged.append(
                Verdict(
                    verdict="",
                    adjusted_verdict="",
                    holds_as_printed="",
                    margin_percent=float(row["margin_percent"]),
                    note="No runs of ours.",
                )
            )
            continue
        reason = _optional(row.get("not_comparable_reason"))
        try:
            judged.append(
                judge_cell(
                    scores,
                    float(row["reported_mean"]),
                    _optional(row["reported_spread"]),
                    str(row["spread_kind"]),
                    _whole(row["reported_seeds"]),
                    _whole(row["reported_episodes_per_seed"]),
                    float(row["margin_percent"]),
                    not_comparable_reason=str(reason) if reason else None,
                    against_reference_runs=bool(_optional(row.get("against_reference_runs")) or False),
                    random_policy_percent=float(_optional(row.get("random_policy_percent")) or 0.0),
                )
            )
        except TablesError as error:
            raise TablesError(f"Row {place} of the table of cells: {error}") from error
    groups = cells["table"].tolist() if "table" in cells.columns else [""] * len(cells)
    for group in dict.fromkeys(groups):
        places = [i for i, name in enumerate(groups) if name == group]
        for i, verdict in zip(places, adjust([judged[i] for i in places])):
            judged[i] = verdict
    added = pd.DataFrame(
        [asdict(verdict) for verdict in judged], columns=list(VERDICT_COLUMNS), index=cells.index
    )
    # The margin stands in both; the cells' own column keeps its place.
    kept = cells.drop(columns=[column for column in VERDICT_COLUMNS if column in cells.columns])
    return pd.concat([kept, added], axis=1)


def _optional(value: Any) -> Any:
    """None for every way a table says that nothing is there."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    return None if type(value).__name__ in ("NAType", "NaTType") else value


def _whole(value: Any) -> Any:
    """A number of seeds or episodes: None, an int, or a list of ints (written `5|6` in a CSV)."""
    value = _optional(value)
    if isinstance(value, str):
        parts = [part.strip() for part in value.split("|") if part.strip()]
        if not parts:
            return None
        if not all(part.isdigit() for part in parts):
            raise TablesError(
                f"'{value}' is not a number of seeds; write 5, or 5|6 where the paper contradicts itself."
            )
        return [int(part) for part in parts] if len(parts) > 1 else int(parts[0])
    if value is None or isinstance(value, list | tuple):
        return value
    return int(value)
