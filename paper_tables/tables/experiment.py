"""An experiment's own tables, for any methods and tasks: scores, and the selection rules side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from paper_tables import frames
from paper_tables.rendering.table import Cell, Table
from paper_tables.rendering.text import (
    NOTHING,
    in_order,
    mark_notes,
    marks_of_run,
    number,
    our_text,
    with_spread,
)
from paper_tables.scores import collect, provenance, tables
from paper_tables.statistics.estimators import LEAST_COVERAGE, LEAST_SEEDS
from paper_tables.statistics.summary import LOW_COVERAGE
from paper_tables.verdicts.simulated_studies import coverage_of_one_mean

INTERVAL_LEVEL = 0.95
# More tasks than this are rows, fewer are columns.
MOST_TASKS_ABREAST = 5
# An experiment's table is not a comparison with a paper: code may move between its runs, the data may not.
ALLOWED_IN_EXPERIMENTS = ("git_commit", "torch_version")


def score_tables(
    runs: pd.DataFrame, experiment: str, allowed: Sequence[str] = ALLOWED_IN_EXPERIMENTS
) -> tuple[Table, pd.DataFrame]:
    """Mean and interval per method and task, by the rule ``last``.

    Args:
        runs: rows of the schema ``scores``.
        experiment: its name, for the title.
        allowed: provenance fields in which the runs of a task may differ.

    Returns:
        The table, and its cells in the long form of ``statistics.cell_table`` for every selection rule.
    """
    from paper_tables.statistics import aggregates

    labelled = _labelled(runs)
    cells = aggregates.cell_table(labelled)
    last = labelled[labelled["selection"] == "last"]
    for task, rows in last.groupby("task", sort=True):
        provenance.refuse_mixed(rows, f"Task {task} of {experiment}", allowed)
    labels, tasks = in_order(last["label"]), sorted(set(last["task"]))
    place = {(c["label"], c["task"]): c for c in frames.records(cells[cells["selection"] == "last"])}
    across = len(tasks) <= MOST_TASKS_ABREAST
    trained = {key: int(rows["num_updates"].iloc[0]) for key, rows in last.groupby(["label", "task"])}
    lengths = sorted(set(trained.values()))
    # Methods are ranked only at equal updates: where these differ, they are a column next to the method.
    updates_column = ["Updates"] if across and len(lengths) > 1 else []
    table = Table(
        f"{experiment}: scores",
        ["Method", *updates_column, *tasks] if across else ["Task", *labels],
        text_columns=1,
    )
    first = {key: rows.iloc[0] for key, rows in last.groupby(["label", "task"])}
    marks_of = {
        key: marks_of_run(run, run["task"], 0, None)
        + (("raw",) if run["score_unit"] == "return" else ())
        + coverage_marks(place[(key[0], key[1])])
        for key, run in first.items()
    }
    used = set().union(*marks_of.values())
    # A mark that every cell carries says nothing in a cell; it is noted once, below.
    everywhere = {mark for mark in used if all(mark in marks for marks in marks_of.values())}

    def cell(label: str, task: str) -> Cell:
        if (label, task) not in place:
            return Cell(NOTHING)
        marks = tuple(mark for mark in marks_of[(label, task)] if mark not in everywhere)
        return Cell(_interval_text(place[(label, task)]), False, "", marks)

    def updates(label: str) -> Cell:
        found = [trained[(label, task)] for task in tasks if (label, task) in trained]
        return Cell(
            " / ".join(
                f"{value:,}" if value else NOTHING for value in (found if len(set(found)) > 1 else found[:1])
            )
        )

    if across:
        table.rows = [
            [Cell(label), *[updates(label) for _ in updates_column], *[cell(label, task) for task in tasks]]
            for label in labels
        ]
    else:
        table.rows = [[Cell(task), *[cell(label, task) for label in labels]] for task in tasks]
    table.notes = [
        f"Mean over training seeds with its {INTERVAL_LEVEL:.0%} interval (Student's t over seeds); in round "
        "brackets the number of seeds. Last checkpoint.",
        "Updates of training: in the order of the tasks where they differ. Only methods of equal updates are "
        "ranked against each other."
        if updates_column
        else f"Updates of training: {', '.join(map(_updates_text, lengths))}.",
    ]
    table.notes += coverage_note(cells[cells["selection"] == "last"])
    table.notes += [note.replace("our ", "") for note in mark_notes(used, last, everywhere)]
    table.notes += provenance.footnote(last)
    return table, cells


def _updates_text(updates: int) -> str:
    """A length of training; a file of scores need not have steps."""
    return f"{updates:,}" if updates else "not stated"


def coverage_marks(cell: dict[str, Any]) -> tuple[str, ...]:
    """The mark of an interval that covers too little of real runs with this number of seeds.

    Args:
        cell: of one method and task; `num_seeds` and `low_percent`.
    """
    if pd.isna(cell["low_percent"]):
        return ()
    covered = coverage_of_one_mean(int(cell["num_seeds"]), INTERVAL_LEVEL)
    return (LOW_COVERAGE,) if covered < LEAST_COVERAGE else ()


def coverage_note(cells: pd.DataFrame) -> list[str]:
    """What the intervals of single cells cover of real runs, by number of seeds; nothing without intervals.

    Args:
        cells: `num_seeds` and `low_percent` of each.
    """
    numbers = sorted({int(n) for n in cells.loc[cells["low_percent"].notna(), "num_seeds"]})
    covered = ", ".join(
        f"{100 * coverage_of_one_mean(n, INTERVAL_LEVEL):.0f}% with {n} seeds" for n in numbers
    )
    if not covered:
        return []
    return [
        f"Simulated coverage of one interval, on the residuals of 141 real cells: {covered}. Fewer than "
        f"{LEAST_SEEDS} seeds have no interval."
    ]


def selection_table(runs: pd.DataFrame, experiment: str) -> Table:
    """The selection rules side by side, from the same runs, with the optimism of "best"."""
    labelled = _labelled(runs)
    rules = [rule for rule in _rules() if rule in set(labelled["selection"])]
    table = Table(
        f"{experiment}: selection rules",
        ["Task", "Method", *[rule.replace("_", " ") for rule in rules], "optimism of best"],
        text_columns=2,
    )
    optimism = collect.best_optimism(labelled)
    run = [*tables.RUN_COLUMNS, "sampling"]
    known = {tuple(row[column] for column in run): row for row in frames.records(optimism)}
    previous = None
    place = {label: position for position, label in enumerate(in_order(labelled["label"]))}
    ordered = labelled.assign(_place=labelled["label"].map(place))
    for (task, _), rows in ordered.groupby(["task", "_place"], sort=True):
        label = rows["label"].iloc[0]
        if previous not in (None, task):
            table.rows.append(None)
        previous = task
        digits = 0 if set(rows["score_unit"]) == {"return"} else 1
        row = [Cell(str(task)), Cell(str(label))]
        for rule in rules:
            found = rows.loc[rows["selection"] == rule].sort_values("seed")["score_percent"]
            row.append(Cell(our_text(list(found), digits) if len(found) else NOTHING))
        gain = known.get(tuple(rows.iloc[0][column] for column in run))
        row.append(Cell(NOTHING) if gain is None else Cell(_optimism_text(gain, digits)))
        table.rows.append(row)
    table.notes = [
        "Mean ± sample standard deviation over seeds (number of seeds). Every rule scores the same runs.",
        "best online is the highest checkpoint by its own evaluation; best re-evaluated the same one on "
        "new episodes; the optimism of best is their difference, mean ± standard error over seeds.",
        *_last_k_note(runs),
        "The offline rules exist where a noise loss is logged; paper_tables/scores/selection.py has each.",
    ]
    return table


def loss_notes(losses: pd.DataFrame | None) -> list[str]:
    """A note where a loss at a checkpoint is NaN or infinite for some runs only."""
    if losses is None or losses.empty:
        return []
    key = ["method", "task", "loss", "update"]
    absent = losses.assign(_absent=losses["value"].isna()).groupby(key)["_absent"].agg(["sum", "count"])
    partly = absent[(absent["sum"] > 0) & (absent["sum"] < absent["count"])]
    if partly.empty:
        return []
    places = partly.groupby(level=["method", "task", "loss"])["sum"].sum()
    rows = frames.records(places.rename("count").reset_index())
    named = ", ".join(f"{row['loss']} of {row['method']} on {row['task']} ({row['count']})" for row in rows)
    return [f"Losses that are NaN or infinite at a checkpoint, by number of values: {named}."]


def cost_table(runs: pd.DataFrame, cost: pd.DataFrame, experiment: str) -> Table:
    """What an update and an action cost, per configuration and device: N-steps-against-cost as numbers.

    Args:
        runs: rows of the schema ``scores``.
        cost: rows of the schema ``cost``.
        experiment: its name, for the title.
    """
    from paper_tables.prices import training_blocks
    from paper_tables.statistics import configurations

    rows, not_used = configurations.labelled_cost(_labelled(runs), cost)
    rows["device"] = rows["device"].fillna("unknown device")
    table = Table(
        f"{experiment}: cost",
        [
            "Method",
            "Device",
            "N",
            "Updates",
            "Runs",
            "Training, ms per update",
            "Hours per run",
            "Action of 1 state, ms",
            "of 10 states, ms",
        ],
        text_columns=2,
    )
    for label in in_order(rows["label"]):
        for device, own in rows[rows["label"] == label].groupby("device", sort=True):
            blocks = training_blocks(own)
            milliseconds = 1000 * blocks["seconds_per_update"] / blocks["num_seeds"]
            latency = {n: own.loc[own["num_states"] == n, "action_latency_ms"] for n in (1, 10)}
            steps = int(own["diffusion_steps"].iloc[0])
            table.rows.append(
                [
                    Cell(label),
                    Cell(str(device)),
                    Cell(str(steps) if steps else NOTHING),
                    Cell(" / ".join(f"{updates:,}" for updates in sorted(set(own["num_updates"])))),
                    Cell(str(int(blocks["num_seeds"].sum()))),
                    _median_cell(milliseconds, 2),
                    _median_cell(blocks["per_seed_hours"], 3),
                    _median_cell(latency[1], 2),
                    _median_cell(latency[10], 2),
                ]
            )
    table.notes = [
        "Medians over runs and tasks. An update is one seed's; seeds that were trained as one program share "
        "its time. Hours are wall time, whatever else the machine did at the time.",
        "An action is the whole policy call of one seed with its candidates. Training happens once for all "
        "sampling settings of a method.",
        *([not_used] if not_used else []),
    ]
    return table


def _median_cell(values: pd.Series, decimals: int) -> Cell:
    known = values.dropna()
    return Cell(number(float(known.median()), decimals) if len(known) else NOTHING)


def _labelled(runs: pd.DataFrame) -> pd.DataFrame:
    """Runs with a `label` that no two runs of a task share."""
    from paper_tables.statistics import configurations

    labelled = configurations.with_labels(runs)
    digests = labelled.groupby(["label", "task"])["digest"].nunique()
    ambiguous = set(digests[digests > 1].index.get_level_values("label"))
    apart = labelled["label"].isin(ambiguous)
    labelled.loc[apart, "label"] = labelled["label"] + " " + labelled["digest"]
    return labelled


def _interval_text(cell: dict[str, Any]) -> str:
    decimals = 0 if cell["score_unit"] == "return" else 1
    text = number(cell["mean_percent"], decimals)
    if pd.notna(cell["low_percent"]):
        text += f" [{number(cell['low_percent'], decimals)}, {number(cell['high_percent'], decimals)}]"
    return f"{text} ({cell['num_seeds']})"


def _last_k_note(runs: pd.DataFrame) -> list[str]:
    averaged = sorted(set(runs.loc[runs["selection"] == "average_last_k", "num_checkpoints"]))
    named = " or ".join(str(number) for number in averaged)
    return [f"average last k: the mean of the last {named} checkpoints."] if averaged else []


def _rules() -> list[str]:
    rules: list[str] = frames.load_schema("scores")["items"]["properties"]["selection"]["enum"]
    return rules


def _optimism_text(gain: dict[str, Any], digits: int) -> str:
    error = gain["standard_error_percent"]
    return f"{with_spread(gain['optimism_percent'], error, digits)} ({gain['num_seeds']})"
