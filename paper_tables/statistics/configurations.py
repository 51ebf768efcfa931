"""Which runs are compared with which: configurations, designs, what is left out."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

CONFIGURATION = ["method", "variant", "diffusion_steps", "sampling"]


# From tables to matrices.
def with_labels(table: pd.DataFrame, updates: pd.DataFrame | None = None) -> pd.DataFrame:
    """Add `num_updates` and `label`, the shortest name that tells a configuration from the others.

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
    result = table.merge(updates[[*run, "num_updates"]], on=run, how="left")
    several = updates.groupby([*CONFIGURATION, "task"])["num_updates"].nunique()
    split = {tuple(key)[: len(CONFIGURATION)] for key in several[several > 1].index}
    identity = result[CONFIGURATION].apply(tuple, axis=1)
    result["_updates"] = np.where(identity.isin(split), result["num_updates"], 0)
    names: dict[tuple[object, ...], str] = {}
    keys = result[[*CONFIGURATION, "_updates"]].drop_duplicates()
    for method, rows in keys.groupby("method", sort=True):
        short = rows["sampling"].str.replace(r"-[0-9a-f]{8}$", "", regex=True)
        sampling = short if len(rows[["sampling"]].drop_duplicates()) == short.nunique() else rows["sampling"]
        for place, (_, row) in enumerate(rows.iterrows()):
            parts = [str(method)]
            if rows["variant"].nunique() > 1:
                parts.append(str(row["variant"]))
            if rows["diffusion_steps"].nunique() > 1:
                parts.append(f"N={row['diffusion_steps']}")
            if rows["sampling"].nunique() > 1 and sampling.iloc[place] != "default":
                parts.append(str(sampling.iloc[place]))
            if rows["_updates"].nunique() > 1 and row["_updates"]:
                parts.append(f"{updates_text(int(row['_updates']))} updates")
            names[(*row[CONFIGURATION], row["_updates"])] = " ".join(parts)
    result["label"] = [
        names[tuple(key)] for key in result[[*CONFIGURATION, "_updates"]].itertuples(index=False, name=None)
    ]
    return result.drop(columns="_updates")


def updates_text(updates: int) -> str:
    """A number of updates in few letters: 50k, 1M."""
    for size, letter in ((1_000_000, "M"), (1000, "k")):
        if updates >= size and updates % (size // 10) == 0:
            return f"{updates / size:g}{letter}"
    return str(updates)


@dataclass
class Design:
    """The scores of one configuration as a matrix.

    Attributes:
        label: short name of the configuration.
        tasks: `[tasks]`, sorted.
        seeds: `[seeds]`, those that every task has.
        matrix: `[seeds, tasks]` in percent.
        updates: updates of training per task.
    """

    label: str
    tasks: list[str]
    seeds: list[int]
    matrix: np.ndarray
    updates: list[int]

    @property
    def task_set(self) -> tuple[tuple[str, int], ...]:
        """Tasks with their updates: aggregates are ranked only where these are equal."""
        return tuple(zip(self.tasks, self.updates))


@dataclass
class LeftOut:
    """What could not be computed, and why; one sentence each."""

    rows: list[tuple[str, str]] = field(default_factory=list)

    def add(self, what: str, reason: str) -> None:
        """Note one thing left out."""
        if (what, reason) not in self.rows:
            self.rows.append((what, reason))

    def table(self) -> pd.DataFrame:
        """Columns `what`, `reason`."""
        return pd.DataFrame(self.rows, columns=["what", "reason"])


def designs(labelled: pd.DataFrame, selection: str, left_out: LeftOut | None = None) -> list[Design]:
    """Score matrices of all configurations under one selection rule.

    Args:
        labelled: `scores` rows with labels, see `with_labels`.
        selection: the rule.
        left_out: is told of tasks and seeds that do not enter.

    Returns:
        One design per configuration with a task on the normalised scale, sorted by label.
    """
    notes = LeftOut() if left_out is None else left_out
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
        table = group.pivot(index="seed", columns="task", values="score_percent").sort_index(axis=1)
        complete = table.dropna()
        if complete.empty:
            notes.add(f"{label}, {selection}: aggregates", "No seed was run on every task.")
            continue
        if len(complete) < len(table):
            fewest = ", ".join(str(seed) for seed in table.index.difference(complete.index))
            notes.add(
                f"{label}, {selection}: seeds {fewest} in aggregates",
                "They are missing on some task; a seed enters an aggregate with all tasks or not at all.",
            )
        updates = group.groupby("task")["num_updates"].max()
        result.append(
            Design(
                label=str(label),
                tasks=[str(task) for task in complete.columns],
                seeds=[int(seed) for seed in complete.index],
                matrix=complete.to_numpy(dtype=float),
                updates=[int(updates[task]) for task in complete.columns],
            )
        )
    return result
