"""Every figure that the data of an experiment allow, as PDF and PNG, one or two columns wide.

    python -m paper_tables.figures --scores results/scores/<name> --output results/figures/<name>
        [--statistics results/statistics/<name>] [--verdicts <judged cells>.csv] [--selection last]

``intervals``        aggregates with both 95% intervals, and what these cover
``profiles``         performance profiles
``improvement``      probability of improvement, each pair of methods
``sample_efficiency``  IQM over the course of training
``learning_curves``  mean score over the course of training, per task
``forest``           our mean minus the reported one, with 90% interval and the margin band
``steps``            diffusion steps against score, training cost and action latency, with the Pareto front
``effects``          an ablation: the effect of each value of one hyperparameter (``--effects``)
``cost``             training in device hours, energy and money

Where methods cover different tasks, or equal tasks for different numbers of updates, the aggregates are
drawn apart: ``intervals``, ``intervals_2`` and so on. A comparison of fewer than two methods with three seeds
is not drawn. The same folder holds ``index.csv`` (figure, whether it is drawn, caption or reason) and
``left_out.csv`` (what the data did not allow, and why). Names and styles are in ``config/names.yaml``.
Colours are those of Okabe and Ito, safe for the colour-blind, and never carry a meaning alone. No file holds
a date, so bytes repeat under the pinned versions.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from recheck import cli

from paper_tables.figures.draw import FigureInputs, draw_all


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the top of this file."""
    parser = argparse.ArgumentParser(prog="python -m paper_tables.figures", description="Draw every figure.")
    parser.add_argument("--scores", type=Path, required=True, help="folder of scores.parquet")
    parser.add_argument("--output", type=Path, required=True, help="folder of the figures")
    parser.add_argument("--statistics", type=Path, help="folder of tables written by paper_tables.statistics")
    parser.add_argument("--verdicts", type=Path, help="judged cells as CSV, for the forest plot")
    parser.add_argument("--selection", default="last", help="checkpoint rule of the aggregates")
    parser.add_argument("--cost-table", type=Path, help="a table in place of paper_tables/config/cost.yaml")
    parser.add_argument("--effects", type=Path, help="effects_cells.csv of an ablation, by tables")
    options = parser.parse_args(arguments)
    return cli.run(lambda: _run(options))


def _run(options: argparse.Namespace) -> None:
    inputs = FigureInputs(
        options.scores,
        options.statistics,
        options.verdicts,
        options.selection,
        options.cost_table,
        options.effects,
    )
    done = draw_all(inputs, options.output)
    for name in sorted(done.captions):
        print(f"Drawn: {name}.")
    for what, reason in done.left_out.rows:
        print(f"Left out: {what}. {reason}")


if __name__ == "__main__":
    sys.exit(main())
