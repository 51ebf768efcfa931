"""Every figure that the data of an experiment allow, as PDF and PNG at column width.

    python -m paper_tables.figures --scores results/scores/<name> --output results/figures/<name>
        [--statistics results/statistics/<name>] [--verdicts <judged cells>.csv] [--selection last]

``intervals``        aggregates with both 95% intervals, and what these cover
``profiles``         performance profiles
``improvement``      probability of improvement, each pair of methods
``sample_efficiency``  IQM over the course of training
``learning_curves``  mean score over the course of training, per task
``forest``           our mean minus the reported one, with 90% interval and the margin band
``steps``            diffusion steps against score, training cost and action latency, with the Pareto front
``cost``             training in device hours, energy and money

Where methods cover different tasks, or equal tasks for different numbers of updates, the aggregates are
drawn apart: ``intervals_B`` and so on, named in ``statistics/task_sets.csv``. Beside the figures stand
``index.csv`` (figure, caption) and ``left_out.csv`` (what the data did not allow, and why). Colours are
those of Okabe and Ito, safe for the colour-blind, and never carry a meaning alone. No file holds a date,
so bytes repeat under the pinned versions.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from recheck.errors import TablesError

from paper_tables import frames
from paper_tables import prices as prices_module
from paper_tables.figures.aggregates import draw_improvement, draw_intervals, draw_profiles, range_text
from paper_tables.figures.cost import draw_cost
from paper_tables.figures.forest import forest_figures, forest_rows
from paper_tables.figures.learning_curves import curve_figures
from paper_tables.figures.steps import draw_steps, steps_points
from paper_tables.figures.style import Figures, house_style
from paper_tables.scores import tables as tables_module
from paper_tables.statistics import configurations
from paper_tables.statistics import experiment as statistics_experiment

if TYPE_CHECKING:
    pass


"""Cells in one forest plot; more go to a second one."""
"""Curves in one panel; where there are more, runs of another length stand in another panel."""
"""Okabe and Ito's palette without yellow, which is too pale on white."""
"""Colour, marker, filled."""


def read_statistics(folder: Path) -> dict[str, pd.DataFrame]:
    """The CSV files of `paper_tables.statistics`.

    Raises:
        TablesError: the folder lacks `aggregates.csv`.
    """
    if not (folder / "aggregates.csv").is_file():
        raise TablesError(
            f"{folder} holds no aggregates.csv; --statistics takes results/statistics/<experiment>."
        )
    tables = {path.stem: pd.read_csv(path) for path in sorted(folder.glob("*.csv"))}
    return {name: table for name, table in tables.items() if name != "left_out"}


def draw_all(
    score_folder: Path,
    output: Path,
    statistics_folder: Path | None = None,
    verdicts_file: Path | None = None,
    selection: str = "last",
    prices_file: Path | None = None,
) -> Figures:
    """Draw every figure that the data allow.

    Args:
        score_folder: `results/scores/<experiment>`.
        output: folder of the figures.
        statistics_folder: tables written before; computed where absent.
        verdicts_file: judged cells for the forest plot.
        selection: rule that picks the checkpoint.
        prices_file: a cost table in place of `config/cost.yaml`.

    Raises:
        TablesError: an input is absent or breaks its schema, or no score has this selection rule.
    """
    score_rows, episode_rows = statistics_experiment.read_experiment(score_folder)
    rules = sorted(set(score_rows["selection"]))
    if selection not in rules:
        raise TablesError(f"No score was selected by '{selection}'; {score_folder} has {', '.join(rules)}.")
    prices = prices_module.load_prices(prices_file)
    judged = None if verdicts_file is None else forest_rows(verdicts_file)
    if statistics_folder is None:
        tables = statistics_experiment.all_tables(score_rows, episode_rows)
    else:
        tables = read_statistics(statistics_folder)
    done = Figures(output)
    with house_style():
        _aggregate_figures(done, tables, selection)
        curve_figures(done, tables, selection)
        forest_figures(done, judged)
        _cost_figures(done, tables, score_folder, score_rows, prices, selection)
    index = pd.DataFrame(sorted(done.captions.items()), columns=["figure", "caption"])
    frames.write_text(index.to_csv(index=False, lineterminator="\n"), output / "index.csv")
    frames.write_text(done.left_out.table().to_csv(index=False, lineterminator="\n"), output / "left_out.csv")
    return done


def _aggregate_figures(done: Figures, tables: dict[str, pd.DataFrame], selection: str) -> None:
    aggregates = tables["aggregates"][tables["aggregates"]["selection"] == selection]
    profiles = tables["profiles"][tables["profiles"]["selection"] == selection]
    coverage = tables.get("coverage")
    if aggregates.empty:
        for name in ("intervals", "profiles"):
            done.left_out.add(name, "No method has scores on the normalised scale of every task.")
    for letter, rows in aggregates.groupby("task_set", sort=True):
        ending = "" if letter == min(aggregates["task_set"]) else f"_{letter}"
        seeds = range_text(rows["num_seeds"].min(), rows["num_seeds"].max())
        num_tasks = int(rows["num_tasks"].iloc[0])
        told = f"{num_tasks} task(s), {seeds} seeds each, checkpoint rule '{selection}'"
        own = None if coverage is None else coverage[coverage["task_set"] == letter]
        done.save(
            draw_intervals(rows, own),
            f"intervals{ending}",
            f"Aggregates over {told}. Tick: estimate (rliable). Pale bar: 95% percentile interval of the "
            "stratified bootstrap over seeds. Dark line: 95% small-sample interval. A small optimality gap "
            "is good. The coverage is simulated in this very design.",
        )
        done.save(
            draw_profiles(profiles[profiles["task_set"] == letter]),
            f"profiles{ending}",
            f"Performance profiles over {told}: share of runs above each score; bands are pointwise 95% "
            "percentile intervals over seeds.",
        )
    improvement = tables["improvement"][tables["improvement"]["selection"] == selection]
    if improvement.empty:
        done.left_out.add("improvement", "No two methods share a task at equal numbers of updates.")
    else:
        for place, group in enumerate(_compared_groups(improvement)):
            done.save(
                draw_improvement(improvement[improvement["label"].isin(group)]),
                "improvement" if place == 0 else f"improvement_{place + 1}",
                "Probability that a run of the row's method scores higher than one of the column's, in "
                "percent, averaged over the tasks that both have, at each method's length of training or only "
                "at equal ones (task_sets.csv); ties count one half. Bold: the 95% interval over seeds leaves "
                "out 50.",
            )


def _compared_groups(improvement: pd.DataFrame) -> list[set[str]]:
    """Methods that are linked by comparisons, the largest group first."""
    groups: list[set[str]] = []
    for label, other in zip(improvement["label"], improvement["other"]):
        linked = [group for group in groups if label in group or other in group]
        groups = [group for group in groups if group not in linked]
        groups.append({str(label), str(other)}.union(*linked))
    return sorted(groups, key=lambda group: (-len(group), sorted(group)))


def _cost_figures(
    done: Figures,
    tables: dict[str, pd.DataFrame],
    score_folder: Path,
    score_rows: pd.DataFrame,
    prices: prices_module.Prices,
    selection: str,
) -> None:
    if not (score_folder / "cost.parquet").is_file():
        done.left_out.add("cost, steps", "There is no cost.parquet beside the scores.")
        return
    labelled = configurations.with_labels(score_rows)
    key = [*configurations.CONFIGURATION, "task", "digest"]
    cost = tables_module.read(score_folder, "cost").merge(
        labelled[[*key, "label"]].drop_duplicates(), on=key, how="inner"
    )
    # A block that was evaluated under several sampling settings was trained once: its own setting names it.
    by_setting = cost.sort_values(
        "sampling", key=lambda names: ~names.str.startswith("default-"), kind="stable"
    )
    table, missing = prices_module.cost_table(by_setting, prices)
    for sentence in missing:
        done.left_out.add("cost: part of it", sentence)
    if table.empty:
        done.left_out.add("cost", "No block has a training time.")
    else:
        done.save(
            draw_cost(table, prices.currency),
            "cost",
            "Training cost of all runs of each method, from measured wall time and the prices and powers of "
            "paper_tables/config/cost.yaml; evaluation is not counted.",
        )
    points, tasks, device = steps_points(tables["cells"], tables["aggregates"], cost, selection)
    if points.empty:
        done.left_out.add(
            "steps", "No method was trained with two numbers of diffusion steps on the same tasks."
        )
        return
    if points["action_latency_ms"].isna().all():
        done.left_out.add("steps: action latency", "No policy call was timed.")
    if points["ms_per_update"].isna().all():
        done.left_out.add("steps: training cost", "No block has a training time.")
    where = f" ({device})" if device else ""
    lengths = [f"{updates:,}" for updates in sorted(set(points["num_updates"]))]
    done.save(
        draw_steps(points),
        "steps",
        f"Number of diffusion steps N against score, training time of one seed's update{where} and median "
        f"action latency of one state, on {', '.join(tasks)}, after {' or '.join(lengths)} updates; bars are "
        "95% t intervals over seeds. Lower right: the front of those that no other configuration of equal "
        "updates beats in both score and latency.",
    )


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the top of this file."""
    parser = argparse.ArgumentParser(prog="python -m paper_tables.figures", description="Draw every figure.")
    parser.add_argument("--scores", type=Path, required=True, help="folder of scores.parquet")
    parser.add_argument("--output", type=Path, required=True, help="folder of the figures")
    parser.add_argument("--statistics", type=Path, help="folder of tables written by paper_tables.statistics")
    parser.add_argument("--verdicts", type=Path, help="judged cells as CSV, for the forest plot")
    parser.add_argument("--selection", default="last", help="checkpoint rule of the aggregates")
    parser.add_argument("--cost-table", type=Path, help="a table in place of paper_tables/config/cost.yaml")
    options = parser.parse_args(arguments)
    try:
        done = draw_all(
            options.scores,
            options.output,
            options.statistics,
            options.verdicts,
            options.selection,
            options.cost_table,
        )
    except TablesError as error:
        print(error, file=sys.stderr)
        return 2
    for name in sorted(done.captions):
        print(f"Drawn: {name}.")
    for what, reason in done.left_out.rows:
        print(f"Left out: {what}. {reason}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
