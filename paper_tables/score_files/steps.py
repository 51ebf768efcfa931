"""Which steps of a run count: its selected step as its score, and all of them as its curve."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import pandas as pd
from recheck.errors import TablesError

from paper_tables import frames
from paper_tables.score_files.names import Runs
from paper_tables.score_files.options import ScoreOptions, selection_of
from paper_tables.scores import tables
from paper_tables.scores.tables import STATED

MOST_CHECKPOINTS = 200
"""Steps of a run that its learning curve shows."""


@dataclass(frozen=True)
class Steps:
    """The rows of each run in the order of their steps.

    Attributes:
        order: rows by run and step.
        starts: where each run begins in `order`.
        ends: where it ends.
    """

    order: np.ndarray
    starts: np.ndarray
    ends: np.ndarray

    @classmethod
    def of(cls, rows: Runs) -> Steps:
        """Sort the rows; those of a run without a step are in the order of the file."""
        order = np.argsort(rows.run, kind="stable").astype(np.uint32)
        ends = np.cumsum(np.bincount(rows.run, minlength=len(rows.runs)))
        starts = np.concatenate([[0], ends[:-1]])
        for start, end in zip(starts, ends):
            own = order[start:end]
            step = np.nan_to_num(rows.step[own], nan=-1.0)
            if (step[1:] < step[:-1]).any():
                order[start:end] = own[np.argsort(step, kind="stable")]
        return cls(order, starts, ends)

    def of_run(self, number: int) -> np.ndarray:
        """The rows of a run by step."""
        return self.order[self.starts[number] : self.ends[number]]

    def first_repeated(self, rows: Runs) -> int | None:
        """The first row of the file whose run has a row with the same step above it."""
        found = []
        for number in range(len(self.ends)):
            own = self.of_run(number)
            step = np.nan_to_num(rows.step[own], nan=-1.0)
            same = step[1:] == step[:-1]
            if same.any():
                found.append(int(own[1:][same].min()))
        return min(found, default=None)


def selected(
    rows: Runs, steps: Steps, raw: np.ndarray, options: ScoreOptions, messages: list[str]
) -> pd.DataFrame:
    """One row for each run (and stated selection rule).

    Args:
        rows: all rows, their values in percent.
        steps: the order of their steps.
        raw: the runs whose values are raw returns.
        options: what the user states.
        messages: what is guessed is added.

    Raises:
        TablesError: several rows of a run have no step, or a stated selection rule is unknown.
    """
    stated = (rows.runs["selection"] != "").to_numpy()
    if stated.any():
        if not stated.all():
            first = int(np.flatnonzero(~stated[rows.run])[0])
            raise TablesError(
                f"{rows.place(first)} has no selection rule, while other rows have one; fill it in."
            )
        if options.select is not None:
            messages.append("The column of the selection is used; select is not.")
        chosen = _chosen(rows, steps, "last", 1)
        return _score_rows(chosen.assign(selection=_rules_of(chosen["selection"])), raw)
    rule, count = selection_of(options.select or "last")
    if int((steps.ends - steps.starts).max()) > 1:
        if options.select is None:
            messages.append("Runs have several steps: the last is taken (select=last, mean_last_K or best).")
        _refuse_unknown_steps(rows, steps)
        if ends := _unequal_ends(rows, steps):
            messages.append(ends)
    chosen = _chosen(rows, steps, rule, count)
    if rule == "average_last_k" and (short := int((chosen["num_checkpoints"] < count).sum())):
        messages.append(f"{short} runs have fewer than {count} steps: the mean of all is taken.")
    if rule == "best_online":
        messages.append(
            "The best step of each run by its own evaluation: optimistic, higher than a new evaluation."
        )
    return _score_rows(chosen.assign(selection=rule), raw)


def _refuse_unknown_steps(rows: Runs, steps: Steps) -> None:
    """Refuse a run of several rows of which one has no step: nothing says which is its last."""
    several = (steps.ends - steps.starts > 1)[rows.run]
    unknown = np.isnan(rows.step) & several
    if np.isnan(rows.step).all():
        raise TablesError("Runs have several rows and no column has the step; give columns=step:COLUMN.")
    if unknown.any():
        first = int(np.flatnonzero(unknown)[0])
        raise TablesError(
            f"{rows.place(first)} has no step, while its run has other rows; fill it in, or leave the row "
            "out."
        )


def _rules_of(column: pd.Series) -> pd.Series:
    """Stated selection rules by the schema's names."""
    allowed = frames.load_schema("scores")["items"]["properties"]["selection"]["enum"]
    rules = {"average": "average_last_k", "best": "best_online", "final": "last"}
    result = column.map(lambda text: rules.get(text, text))
    unknown = sorted(set(result) - set(allowed))
    if unknown:
        raise TablesError(f"The selection '{unknown[0]}' is unknown; allowed are {', '.join(allowed)}.")
    return result


def _chosen(rows: Runs, steps: Steps, rule: str, count: int) -> pd.DataFrame:
    """One row for each run: its last step, its best, or the mean of its last `count` steps."""
    chosen: list[tuple[float, float, int]] = []
    for number in range(len(rows.runs)):
        own = steps.of_run(number)
        scores, last = rows.value[own], own[-1]
        if rule == "best_online":
            best = own[int(np.argmax(scores))]
            chosen.append((rows.step[best], rows.value[best], 1))
        elif rule == "average_last_k":
            chosen.append((rows.step[last], float(np.mean(scores[-count:])), len(scores[-count:])))
        else:
            chosen.append((rows.step[last], rows.value[last], 1))
    found = pd.DataFrame(chosen, columns=["step", "score_percent", "num_checkpoints"])
    return rows.runs.join(found).assign(run=np.arange(len(found)))


def checkpoints_of(rows: Runs, steps: Steps, raw: np.ndarray) -> pd.DataFrame:
    """The scores at the steps of each run, at most `MOST_CHECKPOINTS`, the last among them; for curves."""
    counts = steps.ends - steps.starts
    if counts.max() < 2 or np.isnan(rows.step).any():
        return pd.DataFrame()
    kept = np.concatenate([steps.order[_spread(*ends)] for ends in zip(steps.starts, steps.ends)])
    run = rows.run[kept]
    table = rows.runs.iloc[run].reset_index(drop=True)
    table = table.assign(
        step=rows.step[kept], score_percent=rows.value[kept], num_checkpoints=1, run=run, selection="last"
    )
    found = _score_rows(table, raw)[frames.columns(tables.CHECKPOINTS)]
    return frames.check(found.drop_duplicates(found.columns[:8].tolist()), tables.CHECKPOINTS, "the steps")


def _spread(start: int, end: int) -> np.ndarray:
    """At most `MOST_CHECKPOINTS` places of a run, the first and the last among them."""
    places = np.linspace(start, end - 1, min(end - start, MOST_CHECKPOINTS))
    return np.unique(places.round().astype(int))


def _unequal_ends(rows: Runs, steps: Steps) -> str:
    """A message where runs of one method and task end at different steps."""
    last = rows.runs.assign(step=rows.step[steps.order[steps.ends - 1]])
    ends = last.groupby(["method", "task"])["step"].agg(["min", "max"])
    unequal = ends[ends["min"] < ends["max"]]
    if unequal.empty:
        return ""
    row = frames.records(unequal.reset_index())[0]
    return (
        f"Runs end at different steps: {row['method']} on {row['task']} between {row['min']:g} and "
        f"{row['max']:g}{f' and {len(unequal) - 1} more' if len(unequal) > 1 else ''}; did some stop early?"
    )


def _score_rows(chosen: pd.DataFrame, raw: np.ndarray) -> pd.DataFrame:
    """Chosen rows in the columns of the schema ``scores``."""
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
            "score_unit": np.where(raw[chosen["run"]], "return", "percent"),
            "num_checkpoints": chosen["num_checkpoints"].to_numpy(),
        }
    )
