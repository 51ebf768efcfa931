"""Tables: a paper's own table with our scores, or a user's, and the plain tables of an experiment.

    python -m paper_tables.tables [--scores <folder>] [--layout <name> ...] [--experiment <name>]
                                  --output <folder>

``--layout`` names a file of ``layouts/`` (``all`` for every one) or a path; each gives
``<name>.{md,csv,tex}`` and ``<name>_cells.csv``, one row per cell with its verdict. Without ``--scores``
only the paper's own table is written. ``--experiment`` gives ``scores.{md,csv,tex}`` and ``scores_cells.csv``
(mean and interval per method and task), ``selection.*`` (the selection rules in columns), ``cost.*``
(time of an update and of an action) and, where an experiment has reference runs, ``reference_runs.*`` and
``reference_curves.*``; an ablation (``vary`` in the scores' ``index.json``) has ``effects.*`` and
``effects_cells.csv``.
``verdicts.csv`` gathers every judged cell of the call, for the figures; ``verdict_summary.{md,csv,tex}`` is
the same to read, and begins with how many numbers are inconclusive and what would decide them.

The same scores give the same bytes: outputs carry no clock, host or path, and numbers are rounded before
they are written. Runs of one row must share their provenance (`paper_tables.provenance`) unless that is
allowed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from recheck import cli

from paper_tables.scores import provenance, spellings, tables
from paper_tables.tables import layout_files, not_used, write
from paper_tables.verdicts.looks import SequentialRuns


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
    if not options.layout and not options.experiment:
        parser.error("give --layout, --experiment or both")
    if options.experiment and options.scores is None:
        parser.error("--experiment needs --scores")
    return cli.run(lambda: _run(options))


def _run(options: argparse.Namespace) -> None:
    layouts = options.layout
    if "all" in layouts:
        layouts = list(dict.fromkeys([*layout_files.layout_names(), *layouts]))
        layouts.remove("all")
    runs = None if options.scores is None else tables.read_runs(options.scores)
    sequential = None if options.sequential is None else SequentialRuns.read(options.sequential)
    judged = []
    for layout, cells, shown in write.judge_layouts(
        layouts, runs, options.allow_mixed_provenance, sequential
    ):
        judged.append(write.write_layout(layout, cells, shown, options.output, runs))
        if runs is not None and (note := not_used.not_used_note(layout, runs, shown)):
            print(f"{layout['name']}: {note}")
    if options.experiment:
        judged.append(
            write.write_experiment(
                options.scores,
                options.experiment,
                options.output,
                options.allow_mixed_provenance,
                sequential,
            )
        )
    write.write_verdicts(judged, options.output, sequential)
    for message in [] if runs is None else spellings.slips(runs, "It is compared with nothing."):
        print(message)


if __name__ == "__main__":
    sys.exit(main())
