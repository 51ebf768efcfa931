"""What was run and where it comes from, as tables."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from paper_tables import frames, prices
from paper_tables.rendering.table import Cell, Table
from paper_tables.rendering.text import NOTHING, number
from paper_tables.scores import tables as tables_module


def _values(table: pd.DataFrame, column: str) -> list[str]:
    return sorted({str(value) for value in table[column].dropna()})


def _joined(found: Sequence[str]) -> str:
    return ", ".join(found) or "not recorded"


def provenance_table(tables: dict[str, pd.DataFrame], experiments: Sequence[str]) -> Table:
    """Experiment, code, versions and devices of all published rows."""
    runs = tables["scores"]
    changed = runs["git_dirty"].fillna(False).astype(bool)
    dirty = set(_values(runs[changed], "git_commit"))
    commits = [
        f"`{commit}`" + (" with uncommitted changes" if commit in dirty else "")
        for commit in _values(runs, "git_commit")
    ]
    rows = [
        ("Experiment", _joined([f"`{name}`" for name in dict.fromkeys(experiments)])),
        ("Commits that trained", _joined(commits)),
        ("Devices that trained", _joined(_values(runs, "device"))),
        ("torch", _joined(_values(runs, "torch_version"))),
        ("gymnasium", _joined(_values(runs, "gymnasium_version"))),
        ("mujoco", _joined(_values(runs, "mujoco_version"))),
    ]
    return Table("", ["What", "Recorded"], [[Cell(what), Cell(text)] for what, text in rows], text_columns=2)


def dataset_table(runs: pd.DataFrame) -> Table:
    """The datasets that were trained on, with their hash and comparability.

    Args:
        runs: rows of the schema ``scores``.
    """
    columns = {
        "task": "Dataset",
        "comparability": "Comparability",
        "environment_id": "Environment",
        "environment_match": "Environment match",
        "hyperparameters_like": "Hyperparameters of",
        "content_sha256": "SHA-256 over the arrays",
    }
    rows = runs[list(columns)].drop_duplicates().sort_values(list(columns))
    table = Table("", list(columns.values()), text_columns=len(columns))
    for row in frames.records(rows):
        table.rows.append([Cell(NOTHING if pd.isna(value) else str(value)) for value in row.values()])
    return table


def runs_table(tables: dict[str, pd.DataFrame]) -> Table:
    """What was run: one row per dataset, configuration and sampling setting."""
    table = Table(
        "",
        [
            "Dataset",
            "Method",
            "Variant",
            "N",
            "Sampling",
            "Updates",
            "Seeds",
            "Checkpoints",
            "Episodes at each",
            "Episodes at the last",
            "Minutes of training per run",
        ],
        text_columns=5,
    )
    key = [*tables_module.RUN_COLUMNS, "sampling"]
    last = tables["scores"][tables["scores"]["selection"] == "last"]
    runs = last.groupby(key).agg(num_updates=("update", "max"), num_seeds=("seed", "nunique"))
    episodes = tables["episodes"][tables["episodes"]["purpose"] == "checkpoint"]
    counts = episodes.groupby([*key, "seed", "update"]).size().rename("episodes").reset_index()
    hours = (
        prices.training_blocks(tables["cost"])
        .groupby(tables_module.RUN_COLUMNS)["per_seed_hours"]
        .mean()
        .to_dict()
    )
    order = ["task", "method", "variant", "diffusion_steps", "num_updates", "sampling"]
    for run, own in counts.merge(runs.reset_index(), on=key).sort_values(order).groupby(key, sort=False):
        method, task, variant, _, steps, sampling = map(str, run)
        at_last = own["update"] == own["update"].max()
        minutes = 60 * hours[run[:-1]]
        table.rows.append(
            [
                Cell(task),
                Cell(method),
                Cell(variant),
                Cell(NOTHING if steps == "0" else steps),
                Cell(sampling.rsplit("-", 1)[0]),
                Cell(f"{own['num_updates'].iloc[0]:,}"),
                Cell(str(own["num_seeds"].iloc[0])),
                Cell(str(own["update"].nunique())),
                Cell(_range(own.loc[~at_last, "episodes"])),
                Cell(_range(own.loc[at_last, "episodes"])),
                Cell(NOTHING if pd.isna(minutes) else number(minutes, 1)),
            ]
        )
    return table


def _range(counts: pd.Series) -> str:
    if counts.empty:
        return NOTHING
    low, high = int(counts.min()), int(counts.max())
    return str(low) if low == high else f"{low} to {high}"
