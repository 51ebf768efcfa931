"""Which steps of a run count: its selected step as its score, and all of them as its curve."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
from recheck.errors import TablesError

from paper_tables import frames
from paper_tables.score_files.options import ScoreOptions, selection_of
from paper_tables.score_files.records import renamed
from paper_tables.scores import tables
from paper_tables.scores.tables import STATED

RUN = ["method", "task", "seed"]
MOST_CHECKPOINTS = 200
"""Steps of a run that its learning curve shows."""


def in_order(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows by run (and selection rule) and step: their order, the run of each row, the step of each row."""
    key = [*RUN, "selection"]
    run = table.groupby(key, sort=True, observed=True).ngroup().to_numpy(dtype=np.int32)
    step = table["step"].fillna(-1).to_numpy()
    return np.lexsort((step, run)), run, step


def selected(table: pd.DataFrame, options: ScoreOptions, messages: list[str]) -> pd.DataFrame:
    """One row for each run (and stated selection rule)."""
    stated = table["selection"] != ""
    if stated.any() and not stated.all():
        line = table.loc[~stated, "line"].iloc[0]
        raise TablesError(f"Row or line {line} has no selection rule, while other rows have one; fill it in.")
    if stated.all():
        if options.select is not None:
            messages.append("The column of the selection is used; select is not.")
        table["selection"] = _rules_of(table["selection"])
        return _score_rows(_chosen(table, "last", 1))
    rule, count = selection_of(options.select or "last")
    _, run, _ = in_order(table)
    if int(np.bincount(run).max()) > 1:
        if options.select is None:
            messages.append("Runs have several steps: the last is taken (select=last, mean_last_K or best).")
        if table["step"].isna().any():
            raise TablesError("Runs have several rows and no column has the step; say columns=step:COLUMN.")
        if ends := _unequal_ends(table):
            messages.append(ends)
    chosen = _chosen(table, rule, count)
    if rule == "average_last_k" and (short := int((chosen["num_checkpoints"] < count).sum())):
        messages.append(f"{short} runs have fewer than {count} steps: the mean of all is taken.")
    if rule == "best_online":
        messages.append(
            "The best step of each run by its own evaluation: optimistic, higher than a new evaluation."
        )
    return _score_rows(chosen.assign(selection=rule))


def _rules_of(column: pd.Series) -> pd.Series:
    """Stated selection rules by the schema's names."""
    allowed = frames.load_schema("scores")["items"]["properties"]["selection"]["enum"]
    rules = {"average": "average_last_k", "best": "best_online", "final": "last"}
    result = renamed(column, lambda text: rules.get(text, text))
    unknown = sorted(set(result.cat.categories) - set(allowed))
    if unknown:
        raise TablesError(f"The selection '{unknown[0]}' is unknown; allowed are {', '.join(allowed)}.")
    return result


def _chosen(table: pd.DataFrame, rule: str, count: int) -> pd.DataFrame:
    """One row for each run: its last step, its best, or the mean of its last `count` steps."""
    order, run, _ = in_order(table)
    ends = np.flatnonzero(np.diff(run[order], append=-1)) + 1
    starts = np.concatenate([[0], ends[:-1]])
    scores = table["score_percent"].to_numpy()[order]
    if rule == "best_online":
        places = [start + int(np.argmax(scores[start:end])) for start, end in zip(starts, ends)]
        return table.iloc[order[places]].assign(num_checkpoints=1)
    chosen = table.iloc[order[ends - 1]].assign(num_checkpoints=1)
    if rule == "average_last_k":
        taken = [scores[max(start, end - count) : end] for start, end in zip(starts, ends)]
        chosen["score_percent"] = [float(np.mean(part)) for part in taken]
        chosen["num_checkpoints"] = [len(part) for part in taken]
    return chosen


def checkpoints_of(table: pd.DataFrame) -> pd.DataFrame:
    """The scores at the steps of each run, at most `MOST_CHECKPOINTS`, the last among them; for curves."""
    order, run, _ = in_order(table)
    counts = np.bincount(run)
    if counts.max() < 2 or table["step"].isna().any():
        return pd.DataFrame()
    ends = np.cumsum(counts)
    kept = [
        order[np.unique(np.linspace(end - count, end - 1, min(count, MOST_CHECKPOINTS)).round().astype(int))]
        for end, count in zip(ends, counts)
    ]
    rows = table.iloc[np.concatenate(kept)].assign(num_checkpoints=1)
    rows = _score_rows(rows.drop(columns="selection").assign(selection="last"))
    rows = rows[frames.columns(tables.CHECKPOINTS)]
    return frames.check(rows.drop_duplicates(rows.columns[:8].tolist()), tables.CHECKPOINTS, "the steps")


def _unequal_ends(table: pd.DataFrame) -> str:
    """A message where runs of one method and task end at different steps."""
    ends = (
        table.groupby(RUN, observed=True)["step"]
        .max()
        .groupby(level=["method", "task"], observed=True)
        .agg(["min", "max"])
    )
    unequal = ends[ends["min"] < ends["max"]]
    if unequal.empty:
        return ""
    row = frames.records(unequal.reset_index())[0]
    return (
        f"Runs end at different steps: {row['method']} on {row['task']} between {row['min']:g} and "
        f"{row['max']:g}{f' and {len(unequal) - 1} more' if len(unequal) > 1 else ''}; did some stop early?"
    )


def _score_rows(chosen: pd.DataFrame) -> pd.DataFrame:
    """Chosen records in the columns of the schema ``scores``."""
    chosen = chosen.astype(dict.fromkeys(("method", "task", "selection", "score_unit"), object))
    step = chosen["step"].fillna(0).clip(lower=0).round()
    methods = {name: hashlib.sha256(str(name).encode()).hexdigest()[:8] for name in chosen["method"].unique()}
    return pd.DataFrame(
        {
            "method": chosen["method"].to_numpy(),
            "task": chosen["task"].to_numpy(),
            "variant": STATED,
            "digest": chosen["method"].map(methods).to_numpy(),
            "diffusion_steps": 0,
            "sampling": "default",
            "seed": chosen["seed"].to_numpy(),
            "selection": chosen["selection"].to_numpy(),
            "update": step.astype("int64").to_numpy(),
            "score_percent": chosen["score_percent"].to_numpy(),
            "comparability": STATED,
            "score_unit": chosen["score_unit"].to_numpy(),
            "num_checkpoints": chosen["num_checkpoints"].to_numpy(),
        }
    )
