"""Which runs are compared with which: configurations, designs, what is left out."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from recheck import shipped
from recheck.methods import hyperparameters

from paper_tables.statistics.samples import equal_length

CONFIGURATION = ["method", "variant", "diffusion_steps", "sampling"]
_DIGEST = r"-[0-9a-f]{8}$"
MOST_NAMED = 8
OWN_LENGTHS, EQUAL_LENGTHS = "own", "equal"


def with_labels(table: pd.DataFrame, updates: pd.DataFrame | None = None) -> pd.DataFrame:
    """Add `num_updates` and `label`, the shortest name that separates a configuration from the others.

    A label says what was asked for: method, variant, diffusion steps, the name of the sampling setting. The
    digest in a sampling setting covers the environment and the number of episodes too, so it differs from
    task to task; it is part of the label only where one task has two settings of one name.

    Args:
        table: rows with the columns `CONFIGURATION`, `task` and `digest`.
        updates: columns `CONFIGURATION`, `task`, `digest`, `num_updates`; by default the largest
            `update` of each run in `table`.

    Returns:
        A copy. The number of updates is part of the label only where a task was trained for several.
    """
    run = [*CONFIGURATION, "task", "digest"]
    if updates is None:
        updates = table.groupby(run)["update"].max().rename("num_updates").reset_index()
    known = updates[[*run, "num_updates"]].drop_duplicates()
    return table.merge(known, on=run, how="left").merge(_labels(known), on=[*run, "num_updates"], how="left")


def labelled_cost(labelled: pd.DataFrame, cost: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The cost of the runs that have scores, with their labels, and what is not used.

    Args:
        labelled: rows of the schema `scores` with labels, see `with_labels`.
        cost: rows of the schema `cost`.

    Returns:
        The rows of `cost` whose run has a score, with `label`; and a sentence about the others, or empty.
    """
    run = [*CONFIGURATION, "task", "digest"]
    rows = cost.merge(labelled[[*run, "label"]].drop_duplicates(), on=run, how="left")
    strangers = rows["label"].isna()
    if not strangers.any():
        return rows, ""
    counts = rows[strangers].groupby(["method", "task"], sort=True).size().reset_index(name="count")
    first = counts.head(MOST_NAMED).itertuples(index=False, name=None)
    named = [f"{method} on {task} ({count})" for method, task, count in first]
    more = f" and {len(counts) - MOST_NAMED} more" if len(counts) > MOST_NAMED else ""
    return (
        rows[~strangers].reset_index(drop=True),
        f"{int(strangers.sum()):,} rows of the cost not used, since their runs have no scores: "
        f"{', '.join(named)}{more}.",
    )


def _labels(runs: pd.DataFrame) -> pd.DataFrame:
    """The label of every run.

    Args:
        runs: `CONFIGURATION`, `task`, `digest`, `num_updates`, each run once.
    """
    named = runs.copy()
    named["_sampling"] = named["sampling"].str.replace(_DIGEST, "", regex=True)
    asked = ["method", "variant", "diffusion_steps", "_sampling"]
    # One task, one name, two settings: the name does not separate them, whatever the other tasks have.
    settings = named.groupby([*asked, "task", "num_updates"])["sampling"].nunique()
    ambiguous = {tuple(key)[: len(asked)] for key in settings[settings > 1].index}
    unclear = named[asked].apply(tuple, axis=1).isin(ambiguous)
    named.loc[unclear, "_sampling"] = named.loc[unclear, "sampling"]
    several = named.groupby([*asked, "task"])["num_updates"].nunique()
    split = {tuple(key)[: len(asked)] for key in several[several > 1].index}
    named["_updates"] = np.where(named[asked].apply(tuple, axis=1).isin(split), named["num_updates"], 0)
    names: dict[tuple[object, ...], str] = {}
    keys = named[[*asked, "_updates"]].drop_duplicates()
    for method, rows in keys.groupby("method", sort=True):
        for row in rows.to_dict("records"):
            parts = [str(method)]
            if rows["variant"].nunique() > 1:
                parts.append(str(row["variant"]))
            if rows["diffusion_steps"].nunique() > 1:
                parts.append(f"N={row['diffusion_steps']}")
            if rows["_sampling"].nunique() > 1 and row["_sampling"] != "default":
                parts.append(str(row["_sampling"]))
            if rows["_updates"].nunique() > 1 and row["_updates"]:
                parts.append(f"{updates_text(int(row['_updates']))} updates")
            names[tuple(row[column] for column in (*asked, "_updates"))] = " ".join(parts)
    named["label"] = [names[key] for key in named[[*asked, "_updates"]].itertuples(index=False, name=None)]
    return named.drop(columns=["_sampling", "_updates"])


def updates_text(updates: int) -> str:
    """A number of updates in few letters: 50k, 1M."""
    for size, letter in ((1_000_000, "M"), (1000, "k")):
        if updates >= size and updates % (size // 10) == 0:
            return f"{updates / size:g}{letter}"
    return str(updates)


def lengths_asked(labelled: pd.DataFrame) -> str:
    """Whether methods are compared at their own lengths of training, or only at equal ones.

    Where every method has one length on every task, that length is what was asked of it, as each paper has
    its own. Where a method was trained for several lengths, these are what is studied; where one was trained
    for other updates than its hyperparameter file has for the task, the length is the experiment's choice and
    not the method's. Then only equal lengths are compared.

    Args:
        labelled: rows with labels, see `with_labels`.

    Returns:
        `own` or `equal`.
    """
    asked = labelled["sampling"].str.replace(_DIGEST, "", regex=True)
    key = ["method", "variant", "diffusion_steps", asked, "task"]
    several = labelled.groupby(key)["num_updates"].nunique() > 1
    return EQUAL_LENGTHS if several.any() or _of_other_lengths(labelled) else OWN_LENGTHS


def _of_other_lengths(labelled: pd.DataFrame) -> bool:
    """Whether a run's updates are not those that its method's hyperparameter file has for its task."""
    rows = labelled.assign(values_of=labelled["task"])
    if "hyperparameters_like" in rows:
        rows["values_of"] = rows["hyperparameters_like"].fillna(rows["task"])
    runs = rows[["method", "variant", "values_of", "num_updates"]].drop_duplicates()
    for method, variant, task, num_updates in runs.itertuples(index=False, name=None):
        own = hyperparameters.own_num_updates(shipped.ROOT, str(method), str(variant), str(task))
        if own not in (None, num_updates):
            return True
    return False


@dataclass
class Design:
    """The scores of one configuration, by task.

    Attributes:
        label: short name of the configuration.
        tasks: `[tasks]`, sorted.
        seeds: the seeds of each task, sorted; labels of different tasks pair nothing.
        scores_percent: one vector `[seeds of the task]` per task.
        updates: updates of training per task.
        lengths: `own` where methods are compared at their own lengths, else `equal`.
    """

    label: str
    tasks: list[str]
    seeds: list[list[int]]
    scores_percent: list[np.ndarray]
    updates: list[int]
    lengths: str = EQUAL_LENGTHS

    @property
    def task_set(self) -> tuple[tuple[str, int], ...]:
        """Tasks, with their updates where only equal ones are compared: what an aggregate spans."""
        updates = self.updates if self.lengths == EQUAL_LENGTHS else [0] * len(self.tasks)
        return tuple(zip(self.tasks, updates))

    @property
    def fewest_seeds(self) -> int:
        """Seeds of the task that has the fewest."""
        return min(map(len, self.seeds))

    @property
    def most_seeds(self) -> int:
        """Seeds of the task that has the most."""
        return max(map(len, self.seeds))

    @property
    def matrix(self) -> np.ndarray:
        """`[seeds, tasks]`; only where every task has equally many seeds."""
        found = equal_length(self.scores_percent)
        if found is None:
            raise ValueError(f"{self.label}: the tasks have different numbers of seeds.")
        return found


@dataclass
class LeftOut:
    """What could not be computed, and why; one message each."""

    rows: list[tuple[str, str]] = field(default_factory=list)

    def add(self, what: str, reason: str) -> None:
        """Note one thing left out."""
        if (what, reason) not in self.rows:
            self.rows.append((what, reason))

    def table(self) -> pd.DataFrame:
        """Columns `what`, `reason`."""
        return pd.DataFrame(self.rows, columns=["what", "reason"])


def designs(
    labelled: pd.DataFrame, selection: str, left_out: LeftOut | None = None, lengths: str | None = None
) -> list[Design]:
    """Scores by task of all configurations under one selection rule.

    Args:
        labelled: `scores` rows with labels, see `with_labels`.
        selection: the rule.
        left_out: collects the tasks that do not enter, and tasks with fewer seeds than others.
        lengths: `own` or `equal`, see `lengths_asked`, which is the default.

    Returns:
        One design per configuration with a task on the normalised scale, sorted by label.
    """
    notes = LeftOut() if left_out is None else left_out
    compared = lengths_asked(labelled) if lengths is None else lengths
    rows = labelled[labelled["selection"] == selection]
    result = []
    for label, group in rows.groupby("label", sort=True):
        raw = sorted(set(group.loc[group["score_unit"] != "percent", "task"]))
        if raw:
            notes.add(
                f"{label}, {selection}: aggregates of {', '.join(raw)}",
                "The task has no reference scores, so its raw returns cannot be averaged with others.",
            )
        group = group[group["score_unit"] == "percent"]
        if group.empty:
            continue
        if group.duplicated(["seed", "task"]).any():
            notes.add(
                f"{label}, {selection}: aggregates",
                "A seed and task occur under several digests with equal updates; which one is meant is open.",
            )
            continue
        by_task = {str(task): own.sort_values("seed") for task, own in group.groupby("task", sort=True)}
        most = max(map(len, by_task.values()))
        fewer = [f"{task} ({len(own)})" for task, own in by_task.items() if len(own) < most]
        if fewer:
            notes.add(
                f"{label}, {selection}: seeds of {', '.join(fewer)}",
                f"Other tasks have {most}. Aggregates take every run; every task has equal weight.",
            )
        result.append(
            Design(
                label=str(label),
                tasks=list(by_task),
                seeds=[[int(seed) for seed in own["seed"]] for own in by_task.values()],
                scores_percent=[own["score_percent"].to_numpy(dtype=float) for own in by_task.values()],
                updates=[int(own["num_updates"].max()) for own in by_task.values()],
                lengths=compared,
            )
        )
    return result
