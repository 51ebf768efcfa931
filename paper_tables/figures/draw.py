"""Which figures an experiment's data allow, and the files that hold them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from recheck import files
from recheck.errors import TablesError
from recheck.words import how_many

from paper_tables import prices as prices_module
from paper_tables.figures.aggregates import draw_improvement, draw_intervals, draw_profiles, range_text
from paper_tables.figures.cost import draw_cost
from paper_tables.figures.effects import effect_figure
from paper_tables.figures.forest import forest_figures, forest_rows
from paper_tables.figures.learning_curves import curve_figures
from paper_tables.figures.steps import draw_steps, steps_points
from paper_tables.figures.style import LEAST_SEEDS_FOR_BAND, Figures, house_style, nearly_empty, records
from paper_tables.rendering.names import display_name
from paper_tables.rendering.table import csv_frame
from paper_tables.rendering.text import in_order
from paper_tables.scores import tables as tables_module
from paper_tables.statistics import configurations
from paper_tables.statistics import experiment as statistics_experiment
from paper_tables.statistics.curves import checkpoint_scores


@dataclass(frozen=True)
class FigureInputs:
    """What the figures of one experiment are drawn from.

    Attributes:
        scores: `results/scores/<experiment>`.
        statistics: tables written before; computed where None.
        verdicts: judged cells for the forest plot, or None.
        selection: rule that selects the checkpoint.
        cost_table: a cost table in place of `config/cost.yaml`, or None.
        effects: ``effects_cells.csv`` of an ablation, or None.
    """

    scores: Path
    statistics: Path | None = None
    verdicts: Path | None = None
    selection: str = "last"
    cost_table: Path | None = None
    effects: Path | None = None


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


def draw_all(inputs: FigureInputs, output: Path) -> Figures:
    """Draw every figure that the data allow.

    Args:
        inputs: the files to read.
        output: folder of the figures.

    Returns:
        The captions of what was drawn, and what was left out.

    Raises:
        TablesError: an input is absent or breaks its schema, or no score has this selection rule.
    """
    score_rows, episode_rows = statistics_experiment.read_experiment(inputs.scores)
    rules = sorted(set(score_rows["selection"]))
    if inputs.selection not in rules:
        raise TablesError(
            f"No score was selected by '{inputs.selection}'; {inputs.scores} has {', '.join(rules)}."
        )
    prices = prices_module.load_prices(inputs.cost_table)
    judged = None if inputs.verdicts is None else forest_rows(inputs.verdicts)
    if inputs.statistics is None:
        tables = statistics_experiment.all_tables(score_rows, episode_rows)
    else:
        tables = read_statistics(inputs.statistics)
    done = Figures(output)
    with house_style(sorted(set(tables["cells"]["label"]))):
        _aggregate_figures(done, tables, inputs.selection)
        curve_figures(done, tables, inputs.selection, _checkpoints(score_rows, episode_rows))
        forest_figures(done, judged)
        effect_figure(done, inputs.effects)
        cost_figures(done, tables, inputs, score_rows, prices)
    for name, table in (("index", done.index()), ("left_out", done.left_out.table())):
        files.write_text(output / f"{name}.csv", csv_frame(table), TablesError)
    return done


def _checkpoints(score_rows: pd.DataFrame, episode_rows: pd.DataFrame | None) -> pd.DataFrame | None:
    """The score of every run at every checkpoint, with labels; None without episodes."""
    if episode_rows is None or episode_rows.empty:
        return None
    labelled = configurations.with_labels(score_rows)
    updates = labelled[[*configurations.CONFIGURATION, "task", "digest", "num_updates"]].drop_duplicates()
    return checkpoint_scores(configurations.with_labels(episode_rows, updates))


def _aggregate_figures(done: Figures, tables: dict[str, pd.DataFrame], selection: str) -> None:
    aggregates = tables["aggregates"][tables["aggregates"]["selection"] == selection]
    profiles = tables["profiles"][tables["profiles"]["selection"] == selection]
    coverage = tables.get("coverage")
    if aggregates.empty:
        for name in ("intervals", "profiles"):
            done.left_out.add(name, "No method has scores on the normalised scale of every task.")
    for letter, rows in aggregates.groupby("task_set", sort=True):
        if reason := nearly_empty(rows):
            for name in ("intervals", "profiles"):
                done.suppress(f"{name}, task set {letter}", reason)
            continue
        seeds = range_text(rows["num_seeds"].min(), rows["num_seeds"].max())
        num_tasks = int(rows["num_tasks"].iloc[0])
        tasks = f"{how_many(num_tasks, 'task')} (set {letter} of task_sets.csv)"
        data = f"{tasks}, {seeds} seeds each, checkpoint rule '{selection}'"
        own = None if coverage is None else coverage[coverage["task_set"] == letter]
        done.save(
            draw_intervals(rows, own),
            done.free_name("intervals"),
            f"Aggregates over {data}. Marker: estimate (rliable). Pale bar: 95% percentile interval of the "
            "stratified bootstrap over seeds. Thin line: 95% small-sample interval, of three seeds or more. "
            "A small optimality gap is good. The coverage is simulated for this design.",
        )
        done.save(
            draw_profiles(
                profiles[profiles["task_set"] == letter],
                {str(row["label"]): int(row["num_seeds"] * row["num_tasks"]) for row in records(rows)},
            ),
            done.free_name("profiles"),
            f"Performance profiles over {data}: share of runs above each score; bands are pointwise 95% "
            f"percentile intervals over seeds, of {LEAST_SEEDS_FOR_BAND} runs or more.",
        )
    improvement = tables["improvement"][tables["improvement"]["selection"] == selection]
    if improvement.empty:
        done.left_out.add("improvement", "No two methods share a task at equal numbers of updates.")
    else:
        for group in _compared_groups(improvement):
            rows = improvement[improvement["label"].isin(group)]
            if reason := nearly_empty(rows):
                done.suppress(f"improvement among {_listed(group)}", reason)
                continue
            done.save(
                draw_improvement(rows),
                done.free_name("improvement"),
                f"Among {_listed(group)}: probability that a run of the row's method scores higher than one "
                "of the column's, in percent, averaged over the tasks that both have, at each method's "
                "length of training or only at equal ones (task_sets.csv); ties count one half. Bold: the "
                "95% interval excludes 50. Grey: not compared.",
            )


def _listed(group: set[str]) -> str:
    return ", ".join(display_name(label) for label in in_order(group))


def _compared_groups(improvement: pd.DataFrame) -> list[set[str]]:
    """Methods that are linked by comparisons, the largest group first."""
    groups: list[set[str]] = []
    for label, other in zip(improvement["label"], improvement["other"]):
        linked = [group for group in groups if label in group or other in group]
        groups = [group for group in groups if group not in linked]
        groups.append({str(label), str(other)}.union(*linked))
    return sorted(groups, key=lambda group: (-len(group), sorted(group)))


def cost_figures(
    done: Figures,
    tables: dict[str, pd.DataFrame],
    inputs: FigureInputs,
    score_rows: pd.DataFrame,
    prices: prices_module.Prices,
) -> None:
    """Draw the training cost, and score and cost against the number of diffusion steps.

    Args:
        done: takes the figures.
        tables: see `read_statistics`.
        inputs: the folder of the scores and the selection rule.
        score_rows: rows of the schema `scores`.
        prices: of `config/cost.yaml` or the user's own table.
    """
    selection = inputs.selection
    if not (inputs.scores / "cost.parquet").is_file():
        done.left_out.add("cost, steps", "There is no cost.parquet in the folder of the scores.")
        return
    labelled = configurations.with_labels(score_rows)
    cost, not_used = configurations.labelled_cost(labelled, tables_module.read(inputs.scores, "cost"))
    if not_used:
        done.left_out.add("cost of runs without scores", not_used)
    # A block that was evaluated under several sampling settings was trained once: its own setting names it.
    by_setting = cost.sort_values(
        "sampling", key=lambda names: ~names.str.startswith("default-"), kind="stable"
    )
    table, missing = prices_module.cost_table(by_setting, prices)
    for message in missing:
        done.left_out.add("cost: part of it", message)
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
        "95% t intervals over three or more seeds. Lower right: N and the legend's letter at each "
        "point; the front of those that no other configuration of equal updates beats in both score and "
        "latency.",
    )
