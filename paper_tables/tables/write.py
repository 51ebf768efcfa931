"""Write the tables of a call: layouts with verdicts, an experiment's tables, all verdicts in one file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from recheck import files

from paper_tables import frames
from paper_tables.rendering import table as table_module
from paper_tables.rendering.text import cells_csv
from paper_tables.scores import tables
from paper_tables.tables import effects, layout_files, paper_table, verdict_summary
from paper_tables.tables import experiment as experiment_module
from paper_tables.tables.user_columns import with_user_methods
from paper_tables.verdicts.looks import SequentialRuns, looks_of, sentences
from paper_tables.verdicts.table import adjust_together
from paper_tables.verdicts.verdict import VERDICT_COLUMNS

PLACE_COLUMNS = ("table", "task", "column")
REPORTED_COLUMNS = (
    "reported_mean",
    "reported_spread",
    "spread_kind",
    "reported_seeds",
    "number",
    "judged_at",
)
VERDICT_FILE_COLUMNS = (*PLACE_COLUMNS, *REPORTED_COLUMNS, *VERDICT_COLUMNS)


def judge_layouts(
    names: Sequence[str],
    runs: pd.DataFrame | None,
    allowed: Sequence[str] = (),
    sequential: SequentialRuns | None = None,
) -> list[tuple[dict[str, Any], pd.DataFrame, pd.DataFrame]]:
    """Layout, judged cells and shown runs of several layouts, each reported number in one family once."""
    found = []
    for name in names:
        layout = with_user_methods(layout_files.read_layout(name), runs)
        found.append((layout, *paper_table.layout_cells(layout, runs, allowed, sequential)))
    if len(found) < 2:
        return found
    adjusted = adjust_together([cells for _, cells, _ in found])
    return [(layout, cells, shown) for (layout, _, shown), cells in zip(found, adjusted)]


def write_layout(
    layout: dict[str, Any],
    cells: pd.DataFrame,
    shown: pd.DataFrame,
    folder: Path,
    all_runs: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Write a layout's table and cells; returns the judged cells that have runs of ours."""
    table = paper_table.layout_table(layout, cells, shown, all_runs)
    table_module.write(table, folder, layout["name"])
    frames.write_text(cells_csv(cells), folder / f"{layout['name']}_cells.csv")
    return cells[[len(scores) > 0 for scores in cells["our_scores_percent"]]]


def write_experiment(
    score_folder: Path,
    experiment: str,
    folder: Path,
    allowed: Sequence[str] = (),
    sequential: SequentialRuns | None = None,
) -> pd.DataFrame:
    """Write an experiment's tables; returns the judged cells of its comparison with reference runs."""
    from paper_tables.tables import reference_runs

    runs = tables.read_runs(score_folder)
    table, cells = experiment_module.score_tables(
        runs, experiment, (*experiment_module.ALLOWED_IN_EXPERIMENTS, *allowed)
    )
    table_module.write(table, folder, "scores")
    frames.write_text(cells_csv(cells), folder / "scores_cells.csv")
    losses_path = score_folder / "losses.parquet"
    losses = tables.read(score_folder, "losses") if losses_path.is_file() else None
    selection = experiment_module.selection_table(runs, experiment)
    selection.notes += experiment_module.loss_notes(losses)
    table_module.write(selection, folder, "selection")
    if (score_folder / "cost.parquet").is_file():
        cost = tables.read(score_folder, "cost")
        table_module.write(experiment_module.cost_table(runs, cost, experiment), folder, "cost")
    variation = effects.read_variation(score_folder)
    if variation is not None:
        found = effects.effects(runs, variation)
        frames.write_text(cells_csv(found), folder / "effects_cells.csv")
        table_module.write(effects.effects_table(found, experiment), folder, "effects")
    return reference_runs.write(runs, losses, experiment, folder, sequential)


def write_verdicts(
    judged: Sequence[pd.DataFrame], folder: Path, sequential: SequentialRuns | None = None
) -> None:
    """Write ``verdicts.csv`` and ``verdict_summary.*`` of all judged cells of a call.

    A sequential experiment also has ``looks.json``: which runs continue.
    """
    gathered = _gathered(judged)
    frames.write_text(cells_csv(gathered), folder / "verdicts.csv")
    summary = verdict_summary.verdict_summary(gathered)
    if sequential is not None:
        looks = looks_of(_gathered(judged, ("our_digest",)), sequential)
        files.write_json(folder / "looks.json", looks)
        summary.lead += sentences(looks)
    table_module.write(summary, folder, "verdict_summary")


def _gathered(judged: Sequence[pd.DataFrame], more_columns: Sequence[str] = ()) -> pd.DataFrame:
    """All judged cells of a call; no row where there are none."""
    columns = [*VERDICT_FILE_COLUMNS, *more_columns]
    parts = [part.reindex(columns=columns) for part in judged if len(part)]
    if not parts:
        return pd.DataFrame(columns=columns)
    return pd.concat([part.astype("object") for part in parts], ignore_index=True).infer_objects()
