"""Tables: a paper's own table with ours beside it, and the plain tables of an experiment.

    python -m paper_tables.tables [--scores <folder>] [--layout <name> ...] [--experiment <name>]
                                  --output <folder>

``--layout`` names a file of ``layouts/`` (``all`` for every one) or a path; each gives
``<name>.{md,csv,tex}`` and ``<name>_cells.csv``, one row per cell with its verdict. Without ``--scores``
the paper's side stands alone. ``--experiment`` gives ``scores.{md,csv,tex}`` and ``scores_cells.csv`` (mean
and interval per method and task), ``selection.*`` (the selection rules side by side), ``cost.*`` (time of an
update and of an action) and, where an experiment has twins of the reference runs, ``reference_runs.*`` and
``reference_curves.*``.
``verdicts.csv`` gathers every judged cell of the call, for the figures; ``verdict_summary.{md,csv,tex}`` is
the same to read, and begins with how many numbers are inconclusive and what would decide them.

The same scores give the same bytes: outputs carry no clock, host or path, and numbers are rounded before
they are written. Runs of one row must share their provenance (`paper_tables.provenance`) unless that is
allowed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from recheck import files
from recheck.errors import TablesError

from paper_tables import frames
from paper_tables.rendering import table as table_module
from paper_tables.rendering.text import cells_csv
from paper_tables.scores import provenance, tables
from paper_tables.tables import experiment as experiment_module
from paper_tables.tables import layout as layout_module
from paper_tables.tables import paper_table, verdict_summary
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
        layout = layout_module.read_layout(name)
        found.append((layout, *paper_table.layout_cells(layout, runs, allowed, sequential)))
    if len(found) < 2:
        return found
    adjusted = adjust_together([cells for _, cells, _ in found])
    return [(layout, cells, shown) for (layout, _, shown), cells in zip(found, adjusted)]


def write_layout(
    layout: dict[str, Any], cells: pd.DataFrame, shown: pd.DataFrame, folder: Path
) -> pd.DataFrame:
    """Write a layout's table and cells; returns the judged cells that have runs of ours."""
    table_module.write(paper_table.layout_table(layout, cells, shown), folder, layout["name"])
    frames.write_text(cells_csv(cells), folder / f"{layout['name']}_cells.csv")
    return cells[[len(scores) > 0 for scores in cells["our_scores_percent"]]]


def write_experiment(
    score_folder: Path,
    experiment: str,
    folder: Path,
    allowed: Sequence[str] = (),
    sequential: SequentialRuns | None = None,
) -> pd.DataFrame:
    """Write an experiment's tables; returns the judged cells of its twins of reference runs."""
    from paper_tables.tables import reference_runs

    runs = tables.read(score_folder, "scores")
    table, cells = experiment_module.score_tables(
        runs, experiment, (*experiment_module.ALLOWED_IN_EXPERIMENTS, *allowed)
    )
    table_module.write(table, folder, "scores")
    frames.write_text(cells_csv(cells), folder / "scores_cells.csv")
    table_module.write(experiment_module.selection_table(runs, experiment), folder, "selection")
    if (score_folder / "cost.parquet").is_file():
        cost = tables.read(score_folder, "cost")
        table_module.write(experiment_module.cost_table(runs, cost, experiment), folder, "cost")
    losses_path = score_folder / "losses.parquet"
    losses = tables.read(score_folder, "losses") if losses_path.is_file() else None
    return reference_runs.write(runs, losses, experiment, folder, sequential)


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the top of this file."""
    parser = argparse.ArgumentParser(prog="python -m paper_tables.tables", description="Write tables.")
    parser.add_argument("--scores", type=Path, help="folder of scores.parquet (results/scores/<experiment>)")
    parser.add_argument(
        "--layout", action="append", default=[], help="paper table, repeatable; 'all' for all"
    )
    parser.add_argument("--experiment", help="name of the experiment, for its own tables")
    parser.add_argument("--output", type=Path, required=True, help="folder of the tables")
    parser.add_argument(
        "--allow-mixed-provenance",
        action="append",
        default=[],
        metavar="FIELD",
        help=f"runs of one row may differ in this field ({', '.join(provenance.FIELDS)}); repeatable",
    )
    parser.add_argument(
        "--sequential",
        metavar="JSON",
        help="design of a sequential experiment and its runs' digests; also writes looks.json",
    )
    options = parser.parse_args(arguments)
    layouts = layout_module.layout_names() if "all" in options.layout else options.layout
    if not layouts and not options.experiment:
        parser.error("give --layout, --experiment or both")
    if options.experiment and options.scores is None:
        parser.error("--experiment needs --scores")
    try:
        sequential = None if options.sequential is None else SequentialRuns.read(options.sequential)
        runs = None if options.scores is None else tables.read(options.scores, "scores")
        judged = [
            write_layout(*parts, options.output)
            for parts in judge_layouts(layouts, runs, options.allow_mixed_provenance, sequential)
        ]
        if options.experiment:
            judged.append(
                write_experiment(
                    options.scores,
                    options.experiment,
                    options.output,
                    options.allow_mixed_provenance,
                    sequential,
                )
            )
        gathered = _gathered(judged)
        frames.write_text(cells_csv(gathered), options.output / "verdicts.csv")
        summary = verdict_summary.verdict_summary(gathered)
        if sequential is not None:
            looks = looks_of(_gathered(judged, ("our_digest",)), sequential)
            files.write_json(options.output / "looks.json", looks)
            summary.lead += sentences(looks)
        table_module.write(summary, options.output, "verdict_summary")
    except TablesError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _gathered(judged: Sequence[pd.DataFrame], more_columns: Sequence[str] = ()) -> pd.DataFrame:
    """All judged cells of a call; no row where there are none."""
    columns = [*VERDICT_FILE_COLUMNS, *more_columns]
    parts = [part.reindex(columns=columns) for part in judged if len(part)]
    if not parts:
        return pd.DataFrame(columns=columns)
    return pd.concat([part.astype("object") for part in parts], ignore_index=True).infer_objects()


if __name__ == "__main__":
    sys.exit(main())
