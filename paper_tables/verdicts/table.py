"""Verdicts of a table of cells: one row for each place where a number is shown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from recheck.errors import TablesError
from recheck.words import named

from paper_tables.verdicts import decision_rule
from paper_tables.verdicts.implementations import Band, domain_of
from paper_tables.verdicts.judge import Comparison, ReportedNumber, interpretations_of, judge
from paper_tables.verdicts.looks import SequentialRuns
from paper_tables.verdicts.multiplicity import adjust
from paper_tables.verdicts.power import seeds_needed_by_all
from paper_tables.verdicts.verdict import VERDICT_COLUMNS, Verdict

if TYPE_CHECKING:
    import pandas as pd

REQUIRED_COLUMNS = (
    "our_scores_percent",
    "reported_mean",
    "reported_spread",
    "spread_kind",
    "reported_seeds",
    "reported_episodes_per_seed",
    "margin_percent",
)


def judge_table(
    cells: pd.DataFrame,
    bands: Mapping[str, Band] | None = None,
    sequential: SequentialRuns | None = None,
) -> pd.DataFrame:
    """Judge one row per cell and adjust within families.

    Args:
        cells: the columns `REQUIRED_COLUMNS`; `our_scores_percent` is a sequence with one score per training
            seed, empty or None where there are no runs. Optional columns:
            `task`, for the band of its domain;
            `reference_scores_percent`, every seed of the reported side, where they are known;
            `not_judged_reason`, `other_settings`, `other_selection`, `units_confirmed`,
            `random_policy_percent` and `largest_known_sd_percent`, as in `judge.Comparison`;
            `number`, an identity: rows with the same one show one number and count as one test;
            `family`, whose numbers are judged together. Without it the rows of one `table` are a family, or
            all rows. Flags part families further. Other columns are kept.
        bands: domain -> spread between independent re-runs.
        sequential: the runs, by the column `our_digest`, that are judged by a sequential design.

    Returns:
        The rows in their order with the columns `VERDICT_COLUMNS` added.

    Raises:
        TablesError: a column is missing, or a cell cannot be judged; the message names the row.
    """
    return adjust_table(judge_rows(cells, bands, sequential))


def judge_rows(
    cells: pd.DataFrame,
    bands: Mapping[str, Band] | None = None,
    sequential: SequentialRuns | None = None,
) -> pd.DataFrame:
    """The same without adjustment: every row for itself."""
    missing = [column for column in REQUIRED_COLUMNS if column not in cells.columns]
    if missing:
        raise TablesError(f"The table of cells lacks the {named('column', missing)}.")
    judged: list[Verdict] = []
    for place, row in enumerate(cells.to_dict("records"), start=1):
        try:
            reported, runs, comparison = _question(row, bands or {})
            if sequential is not None and row.get("our_digest") in sequential.digests:
                judged.append(sequential.judge(reported, runs.tolist(), comparison))
            else:
                judged.append(judge(reported, runs, comparison))
        except TablesError as error:
            raise TablesError(f"Row {place} of the table of cells: {error}") from error
    return _with_columns(cells, judged)


def adjust_table(judged: pd.DataFrame) -> pd.DataFrame:
    """Adjust judged rows within families, each number once.

    Args:
        judged: as `judge_rows` gives them, of one or several tables.
    """
    rows = judged.to_dict("records")
    verdicts = [_without_adjustment(_verdict_of(row)) for row in rows]
    numbers = [_text(row.get("number")) or f"row {place}" for place, row in enumerate(rows)]
    first_place: dict[tuple[str, str], int] = {}
    families = []
    for place, (row, verdict, number) in enumerate(zip(rows, verdicts, numbers)):
        family = _family(row, verdict)
        first = first_place.setdefault((family, number), place)
        # The same number shown a second time is not a second test.
        families.append(family if first == place else "")
    adjusted = adjust(verdicts, families, lambda place, level: _replan(rows[place], verdicts[place], level))
    for place, (row, number) in enumerate(zip(rows, numbers)):
        first = first_place[(_family(row, verdicts[place]), number)]
        if first != place and verdicts[first] == verdicts[place]:
            adjusted[place] = adjusted[first]
    return _with_columns(judged, adjusted)


def adjust_together(tables: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
    """Adjust several judged tables as one, so that a number shown in two of them is one test.

    Args:
        tables: as `judge_rows` or `judge_table` gives them; rows without a verdict are left as they are.
    """
    import pandas as pd

    together = pd.concat(
        [table.assign(_table=place).astype("object") for place, table in enumerate(tables)],
        ignore_index=True,
    )
    judged = together["verdict"].notna()
    adjusted = adjust_table(together[judged])
    columns = list(VERDICT_COLUMNS)
    values = together[columns].astype("object")
    values.loc[judged] = adjusted[columns].astype("object")
    result = []
    for place, table in enumerate(tables):
        mine = values[together["_table"] == place].set_axis(table.index)
        # Types as before: a column of numbers that was all absent is one of numbers still.
        parts = {name: mine[name].infer_objects() for name in columns}
        result.append(table.assign(**parts))
    return result


def _family(row: Mapping[Any, Any], verdict: Verdict) -> str:
    name = _text(row.get("family")) or _text(row.get("table")) or "all"
    parting = [flag for flag in verdict.flags if flag != decision_rule.WITHIN_IMPLEMENTATION_SPREAD]
    return " | ".join([name, *parting])


def _replan(row: Mapping[Any, Any], verdict: Verdict, level: float) -> tuple[float | None, str]:
    """Smallest margin and seeds needed at the level that a number has in its family."""
    if verdict.our_sd_percent is None or verdict.difference_percent is None or verdict.look:
        return None, ""
    reported, _, comparison = _question(row, {})
    interpretations, _ = interpretations_of(
        reported, verdict.our_sd_percent, comparison.largest_known_sd_percent
    )
    margin = comparison.margin_percent
    bounds = decision_rule.bounds_of_difference(
        verdict.difference_percent,
        verdict.our_sd_percent,
        verdict.our_seeds,
        interpretations,
        margin,
        decision_rule.Strictness(level, decision_rule.CAUTION_BELOW_LEVEL),
    )
    half = float(bounds.half_width_percent)
    smallest = None if math.isinf(half) else abs(verdict.difference_percent) + half
    return smallest, seeds_needed_by_all(verdict.our_sd_percent, interpretations, margin, level)


def _question(
    row: Mapping[Any, Any], bands: Mapping[str, Band]
) -> tuple[ReportedNumber, np.ndarray, Comparison]:
    """The reported number, our scores and the comparison of one row."""
    theirs = row.get("reference_scores_percent")
    if theirs is not None and np.size(theirs) > 0 and np.ndim(theirs) > 0:
        reported = ReportedNumber.of_runs(np.asarray(theirs, dtype=float))
    else:
        reported = ReportedNumber(
            float(row["reported_mean"]),
            _optional(row["reported_spread"]),
            str(row["spread_kind"]),
            whole_or_none(row["reported_seeds"]),
            whole_or_none(row["reported_episodes_per_seed"]),
        )
    scores = row["our_scores_percent"]
    absent = scores is None or (np.ndim(scores) == 0 and _optional(scores) is None)
    known_sd = _optional(row.get("largest_known_sd_percent"))
    return (
        reported,
        np.asarray([] if absent else scores, dtype=float),
        Comparison(
            margin_percent=float(row["margin_percent"]),
            not_judged_reason=_text(row.get("not_judged_reason")) or None,
            other_settings=bool(_optional(row.get("other_settings")) or False),
            other_selection=bool(_optional(row.get("other_selection")) or False),
            random_policy_percent=float(_optional(row.get("random_policy_percent")) or 0.0),
            band=bands.get(domain_of(_text(row.get("task")))),
            largest_known_sd_percent=None if known_sd is None else float(known_sd),
            units_confirmed=bool(_optional(row.get("units_confirmed")) or False),
        ),
    )


def _with_columns(cells: pd.DataFrame, verdicts: list[Verdict]) -> pd.DataFrame:
    import pandas as pd

    added = pd.DataFrame(
        [{**asdict(verdict), "flags": "; ".join(verdict.flags)} for verdict in verdicts],
        columns=list(VERDICT_COLUMNS),
        index=cells.index,
    )
    # The margin is in both, and a table judged before has them all: the new ones are kept.
    kept = cells.drop(columns=[column for column in added.columns if column in cells.columns])
    return pd.concat([kept, added], axis=1)


def _verdict_of(row: Mapping[Any, Any]) -> Verdict:
    """The verdict that `_with_columns` has written into a row."""
    values: dict[str, Any] = {}
    for name in VERDICT_COLUMNS:
        values[name] = _optional(row.get(name))
    values["flags"] = tuple(part for part in (values["flags"] or "").split("; ") if part)
    for name in ("our_seeds", "interpretations", "family_size"):
        values[name] = int(values[name] or 0)
    if values["next_seeds"] is not None:
        values["next_seeds"] = int(values["next_seeds"])
    return Verdict(**values)


def _without_adjustment(verdict: Verdict) -> Verdict:
    return replace(
        verdict,
        adjusted_family="",
        family_size=0,
        adjusted_p=None,
        adjusted_verdict=verdict.verdict,
        adjusted_smallest_margin_percent=None,
        adjusted_seeds_needed="",
    )


def _text(value: Any) -> str:
    value = _optional(value)
    return "" if value is None else str(value)


def _optional(value: Any) -> Any:
    """None for every way a table says that nothing is there."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    return None if type(value).__name__ in ("NAType", "NaTType") else value


def whole_or_none(value: Any) -> Any:
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
