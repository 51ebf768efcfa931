"""The summary for readers."""

from __future__ import annotations

import pandas as pd

from paper_tables.rendering.table import Cell, Table
from paper_tables.rendering.text import number
from paper_tables.statistics.configurations import updates_text
from paper_tables.statistics.estimators import LEAST_COVERAGE, LEVEL

LOW_COVERAGE = "low"
"""The mark of an interval that covers less than it should."""


def summary_table(tables: dict[str, pd.DataFrame]) -> Table:
    """Aggregates with their small-sample intervals, and what both intervals cover in this design.

    Args:
        tables: as `all_tables` gives them.
    """
    metrics = {"iqm": "IQM", "mean": "Mean", "median": "Median", "optimality_gap": "Optimality gap"}
    aggregates = tables["aggregates"]
    rules = list(dict.fromkeys(aggregates["selection"]))
    rule = "last" if "last" in rules else next(iter(rules), "")
    chosen = aggregates[aggregates["selection"] == rule]
    headings = ["Method", "Tasks", "Seeds", *metrics.values()]
    if chosen.empty:
        lead = ["No method has scores on the normalised scale of every task; left_out.csv says why."]
        return Table("Aggregates", headings, lead=lead)
    table = Table(f"Aggregates, checkpoint rule {rule}", headings)
    low_coverage = _low_coverage(tables.get("coverage"))
    for task_set, rows in chosen.groupby("task_set", sort=True):
        if table.rows:
            table.rows.append(None)
        best = rows[rows["metric"] == "iqm"].sort_values(
            ["estimate_percent", "label"], ascending=[False, True]
        )
        for label in best["label"]:
            own = rows[rows["label"] == label].set_index("metric")
            cells = [Cell(str(label)), Cell(f"{own['num_tasks'].iloc[0]} ({task_set})")]
            cells.append(Cell(_range(own["num_seeds"].iloc[0], own["most_seeds"].iloc[0])))
            for metric in metrics:
                text = number(own.at[metric, "estimate_percent"], 1)
                ends = [own.at[metric, f"small_sample_{end}_percent"] for end in ("low", "high")]
                if not pd.isna(ends[0]):
                    text += f" [{number(ends[0], 1)}, {number(ends[1], 1)}]"
                key = str(task_set), int(own["num_seeds"].iloc[0]), metric
                marked = "[" in text and key in low_coverage
                cells.append(Cell(text, False, "", (LOW_COVERAGE,) if marked else ()))
            table.rows.append(cells)
    table.notes = [
        f"Point estimates by rliable, in percent; in square brackets the {LEVEL:.0%} small-sample interval "
        "over training seeds. A small optimality gap is good.",
        "In round brackets the set of tasks (task_sets.csv); only methods of one set are ranked.",
    ]
    table.notes += _unequal_notes(tables, rule)
    if any(cell.marks for row in table.rows if row for cell in row):
        shown = ", ".join(
            f"{metrics[metric]} of set {letter} with {seeds} seeds {100 * share:.0f}%"
            for (letter, seeds, metric), share in sorted(low_coverage.items())
        )
        table.notes.append(
            f"{LOW_COVERAGE}: the simulated coverage of this interval is below {LEAST_COVERAGE:.0%} in this "
            f"design, though it says {LEVEL:.0%}: {shown}."
        )
    coverage = tables.get("coverage")
    if coverage is not None and not coverage.empty:  # empty for one seed, which has no interval
        actual = coverage[coverage["actual_design"]]
        for (letter, seeds), rows in actual.groupby(["task_set", "num_seeds"], sort=True):
            simulated = rows.set_index(["metric", "interval"])["simulated"]
            covered = [
                f"{name} {100 * simulated[metric, 'small_sample']:.0f} "
                f"({100 * simulated[metric, 'percentile']:.0f})"
                for metric, name in metrics.items()
            ]
            table.notes.append(
                f"Set {letter}, {seeds} seeds: nominal {LEVEL:.0%}, simulated coverage of the small-sample "
                f"interval in percent (of the percentile interval): {', '.join(covered)}; Monte Carlo error "
                f"at most {100 * rows['monte_carlo_error'].max():.1f} points."
            )
    return table


def _low_coverage(coverage: pd.DataFrame | None) -> dict[tuple[str, int, str], float]:
    """(task set, seeds, metric) -> simulated coverage of the small-sample interval, where it is too low."""
    if coverage is None or coverage.empty:
        return {}
    low = coverage[
        coverage["actual_design"]
        & (coverage["interval"] == "small_sample")
        & (coverage["simulated"] < LEAST_COVERAGE)
    ]
    return {
        (str(row["task_set"]), int(row["num_seeds"]), str(row["metric"])): float(row["simulated"])
        for row in low.to_dict("records")
    }


def _range(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}–{high}"


def _unequal_notes(tables: dict[str, pd.DataFrame], rule: str) -> list[str]:
    """What a reader must know where tasks have other numbers of seeds, or methods other lengths."""
    notes = []
    chosen = tables["aggregates"][tables["aggregates"]["selection"] == rule]
    if (chosen["num_seeds"] != chosen["most_seeds"]).any():
        notes.append(
            "Seeds: the fewest and the most of a task (cells.csv has each). Every task has equal weight; "
            "seeds are resampled within their task. The simulated coverage is that of the fewest seeds."
        )
    cells = tables["cells"][tables["cells"]["selection"] == rule]
    lengths = {
        str(label): " and ".join(updates_text(int(value)) for value in sorted(set(rows["num_updates"])))
        for label, rows in cells.groupby("label", sort=True)
    }
    sets = tables["task_sets"]
    if sets.duplicated(["task_set", "task"]).any():
        named = ", ".join(f"{label} {text}" for label, text in lengths.items())
        notes.append(f"Each method at its own length of training: {named} updates.")
    return notes
