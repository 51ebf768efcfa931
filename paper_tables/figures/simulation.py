"""Tables and figures of the simulated error and power of the verdicts, for ``docs/statistics.md``.

    python -m paper_tables.figures.simulation --simulation results/simulation/simulation.csv
        --output results/simulation

Written next to ``simulation.csv``: ``verdict_error.{md,csv,tex,pdf,png}``, the largest one-sided error by
distribution and numbers of seeds, before and after; ``verdict_power.*``, the chance of a claim where it is
true; ``verdict_printed.*``, what a paper leaves out; ``verdict_families.*``, many numbers at once;
``verdict_implementations.*``, correct re-implementations.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from recheck import cli
from recheck.errors import TablesError

from paper_tables.figures.style import COLOURS, Figures, house_style, legend_below, new_figure
from paper_tables.rendering import table as table_module
from paper_tables.rendering.table import Cell, Table
from paper_tables.rendering.text import NOTHING
from paper_tables.verdicts.simulated_studies import MARGIN_PERCENT, RULE, WELCH

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GROUPS = {
    "normal, sds 1:8 to 8:1": ("made-up laws", "normal"),
    "collapse 5 to 50%": ("made-up laws", "collapse"),
    "exponential": ("made-up laws", "exponential"),
    "Student's t, 3 df": ("made-up laws", "t, 3 df"),
    "real, mean of cells": ("real runs", "real, mean"),
    "real, worst cell": ("real runs", "real, worst"),
    "public, worst group": ("public runs", "public, worst"),
    "typical runs": ("typical runs", "collapse"),
}
"""Row of the table -> family and a part of the law's name."""

LARGEST_SHOWN_PERCENT = 20


def error_by_group(table: pd.DataFrame, variant: str) -> pd.DataFrame:
    """The largest one-sided error at the margin, `[group, pair of seeds]`; a pair is for both orders."""
    at_margin = table[
        (table["true_difference_percent"] == MARGIN_PERCENT) & (table["variant"] == variant)
    ].copy()
    pairs = [sorted(pair) for pair in zip(at_margin["our_seeds"], at_margin["reported_seeds"])]
    at_margin["pair"] = [f"{int(low)} v {int(high)}" for low, high in pairs]
    rows = {}
    for name, (family, law) in GROUPS.items():
        found = at_margin[(at_margin["family"] == family) & at_margin["law"].str.contains(law, regex=False)]
        rows[name] = found.groupby("pair")["worst_claim"].max()
    order = sorted(set(at_margin["pair"]), key=lambda pair: [int(part) for part in pair.split(" v ")])
    return pd.DataFrame(rows).T.reindex(columns=order)


def error_table(table: pd.DataFrame) -> Table:
    """Before and after, by distribution and numbers of seeds."""
    after, before = error_by_group(table, RULE), error_by_group(table, WELCH)
    found = Table("Largest one-sided error at the margin, percent", ["Seeds of", *map(str, after.columns)])
    for name in GROUPS:
        found.rows.append([Cell(name), *[_both(before, after, name, pair) for pair in after.columns]])
    error = 100 * table["monte_carlo_error"].min()
    found.notes = [
        "Welch's interval alone, which the rule replaces → the rule. The truth differs by exactly the "
        f"margin, where a claim errs most often. {int(table['studies'].max()):,} studies a cell; Monte Carlo "
        f"error of a rate near 5% {error:.2f} points, and each figure is the largest of several cells.",
    ]
    return found


def _value(frame: pd.DataFrame, name: str, pair: Any) -> float:
    return float(frame[pair].to_dict().get(name, np.nan)) if pair in frame.columns else float("nan")


def _both(before: pd.DataFrame, after: pd.DataFrame, name: str, pair: Any) -> Cell:
    values = [_value(frame, name, pair) for frame in (before, after)]
    texts = [NOTHING if pd.isna(value) else f"{100 * float(value):.1f}" for value in values]
    return Cell(texts[1] if texts[0] == NOTHING else f"{texts[0]} → {texts[1]}")


def power_table(table: pd.DataFrame) -> Table:
    """The chance of a claim where it is true, before and after, and with sequential seeds."""
    real = table[table["law"] == "real, mean of cells"]
    normal = table[(table["family"] == "power") & table["law"].str.startswith("normal, sd")]
    found = Table(
        "Chance of a claim where it is true, percent",
        [
            "Seeds",
            "reproduced, sd 2",
            "reproduced, sd 3",
            "reproduced, real",
            "different, real",
            "seeds used",
        ],
    )
    for n, m in ((3, 3), (3, 5), (3, 10), (5, 5), (5, 10), (10, 10)):
        cells = [Cell(f"{n} v {m}")]
        for law in ("normal, sd 2", "normal, sd 3"):
            cells.append(_claim(normal[normal["law"] == law], n, m, "reproduced"))
        power = real[real["family"] == "power"]
        same, far = (power[power["true_difference_percent"] == true] for true in (0.0, 2 * MARGIN_PERCENT))
        cells += [_claim(same, n, m, "reproduced"), _claim(far, n, m, "different"), Cell(str(n))]
        found.rows.append(cells)
    found.rows.append(None)
    for m in (3, 5, 10):
        looks = real[(real["family"] == "sequential") & (real["reported_seeds"] == m)]
        no_difference, twice = (
            looks[looks["true_difference_percent"] == true].to_dict("records")
            for true in (0.0, 2 * MARGIN_PERCENT)
        )
        if no_difference and twice:
            found.rows.append(
                [
                    Cell(f"looks at 3, 5, 10 v {m}"),
                    Cell(NOTHING),
                    Cell(NOTHING),
                    Cell(f"{100 * no_difference[0]['reproduced']:.0f}"),
                    Cell(f"{100 * twice[0]['different']:.0f}"),
                    Cell(f"{no_difference[0]['mean_seeds']:.1f} / {twice[0]['mean_seeds']:.1f}"),
                ]
            )
    found.notes = [
        "Welch's interval alone → the rule. Reproduced: the true difference is 0. Different: it is twice the "
        "margin. Real: mean over the residuals of 141 methods and tasks. Seeds used: ours; with looks the "
        "mean, for the two columns before it."
    ]
    return found


def _claim(rows: pd.DataFrame, n: int, m: int, claim: str) -> Cell:
    here = rows[(rows["our_seeds"] == n) & (rows["reported_seeds"] == m)].set_index("variant")[claim]
    texts = [f"{100 * here[variant]:.0f}" if variant in here else NOTHING for variant in (WELCH, RULE)]
    return Cell(f"{texts[0]} → {texts[1]}")


def printed_table(table: pd.DataFrame) -> Table:
    """The largest error by what the paper prints."""
    rows = table[
        table["family"].isin(["printed", "no spread", "one side"])
        & (table["true_difference_percent"] == MARGIN_PERCENT)
    ]
    found = Table(
        "Largest one-sided error by what the paper prints, percent",
        ["The paper prints", "Distributions", "Welch alone", "Rule"],
        text_columns=2,
    )
    names = {"printed": "as above", "no spread": "normal, theirs 1/3 to 3 times ours"}
    names["one side"] = "collapses on their side only"
    for (family, printed), group in rows.groupby(["family", "printed"], sort=False):
        worst = group.groupby("variant")["worst_claim"].max()
        found.rows.append(
            [Cell(str(printed)), Cell(names[str(family)])]
            + [Cell(f"{100 * worst[variant]:.1f}") for variant in (WELCH, RULE)]
        )
    return found


def families_table(table: pd.DataFrame) -> Table:
    """Many numbers at once; the other sizes of families are in ``simulation.csv``."""
    rows = table[table["family"] == "many numbers"]
    rows = rows[~rows["law"].str.contains(" 9 numbers| 63 numbers") & (rows["variant"] != "Holm")]
    found = Table(
        "Families of numbers, percent",
        ["Family", "Seeds", "Procedure", "reproduced", "different", "false of all claims", "any false claim"],
        text_columns=3,
    )
    for row in rows.to_dict("records"):
        figures = [row[name] for name in ("reproduced", "different", "false_share", "any_false")]
        found.rows.append(
            [
                Cell(str(row["law"])),
                Cell(f"{row['our_seeds']} v {row['reported_seeds']}"),
                Cell(str(row["variant"])),
                *[Cell(NOTHING if pd.isna(value) else f"{100 * value:.1f}") for value in figures],
            ]
        )
    found.notes = [
        "Real runs: 60% of the numbers have no true difference, 20% one of the margin, 20% of twice the "
        "margin. Reproduced and different: shares of the numbers of which it is true. Any false claim: "
        "share of families, for the claim that errs more often."
    ]
    return found


def implementations_table(table: pd.DataFrame) -> Table:
    """Correct re-implementations."""
    rows = table[table["family"] == "implementations"]
    found = Table(
        "Correct re-implementations, percent", ["Seeds", "reproduced", "different", "and beyond the band"]
    )
    for row in rows.to_dict("records"):
        found.rows.append(
            [
                Cell(f"{row['our_seeds']} v {row['reported_seeds']}"),
                *[Cell(f"{100 * row[name]:.0f}") for name in ("reproduced", "different", "beyond_band")],
            ]
        )
    return found


def draw_error(table: pd.DataFrame) -> Figure:
    """Largest one-sided error by distribution, before and after, one panel for each pair of seeds."""
    after, before = error_by_group(table, RULE), error_by_group(table, WELCH)
    pairs = list(after.columns)
    figure = new_figure(3.2)
    axes = figure.subplots(2, 3, sharex=True, sharey=True).ravel()
    heights = np.arange(len(GROUPS))[::-1]
    for axis, pair in zip(axes, pairs):
        axis.axvline(5, color="#555555", linewidth=0.6)
        for height, name in zip(heights, GROUPS):
            ends = [100 * _value(frame, name, pair) for frame in (before, after)]
            if not np.isnan(ends).any():
                axis.plot(ends, [height, height], color="#BBBBBB", linewidth=1.0, zorder=1)
            axis.plot(ends[0], height, "s", color=COLOURS[1], markerfacecolor="white", markersize=3.5)
            axis.plot(ends[1], height, "o", color=COLOURS[0], markersize=3.5)
        axis.set_title(f"{pair} seeds")
        axis.set_yticks(heights, list(GROUPS))
        axis.set_xlim(0, LARGEST_SHOWN_PERCENT)
        axis.set_xticks([0, 5, 10, 15, 20])
    axes[4].set_xlabel("largest one-sided error, percent")
    _legend(figure)
    return figure


def draw_power(table: pd.DataFrame) -> Figure:
    """Chance of a claim where it is true, on real runs, by numbers of seeds."""
    real = table[table["law"] == "real, mean of cells"]
    pairs = ((3, 3), (3, 5), (3, 10), (5, 5), (5, 10), (10, 10))
    figure = new_figure(2.2)
    axes = figure.subplots(1, 2, sharey=True)
    panels = (("reproduced", 0.0, "same"), ("different", 2 * MARGIN_PERCENT, "2 margins off"))
    for axis, (claim, true, title) in zip(axes, panels):
        rows = real[(real["family"] == "power") & (real["true_difference_percent"] == true)]
        for variant, colour, marker, face in (
            (WELCH, COLOURS[1], "s", "white"),
            (RULE, COLOURS[0], "o", COLOURS[0]),
        ):
            values = [
                100
                * float(
                    rows.loc[
                        (rows["our_seeds"] == n)
                        & (rows["reported_seeds"] == m)
                        & (rows["variant"] == variant),
                        claim,
                    ].iloc[0]
                )
                for n, m in pairs
            ]
            axis.plot(range(len(pairs)), values, marker, color=colour, markerfacecolor=face, markersize=4)
        axis.set_xticks(range(len(pairs)), [f"{n}/{m}" for n, m in pairs], fontsize=5.5)
        axis.set_ylim(0, 100)
        axis.set_title(f"{claim} ({title})")
        axis.set_xlabel("seeds, ours/reported")
    axes[0].set_ylabel("chance, percent")
    _legend(figure)
    return figure


def _legend(figure: Figure) -> None:
    from matplotlib.lines import Line2D

    handles: list[Any] = [
        Line2D([], [], color=COLOURS[1], marker="s", markerfacecolor="white", linewidth=0, markersize=4),
        Line2D([], [], color=COLOURS[0], marker="o", linewidth=0, markersize=4),
    ]
    legend_below(figure, handles, ["Welch's interval alone (before)", "the rule"])


def write(table: pd.DataFrame, folder: Path) -> list[str]:
    """Write every table and figure; returns their names."""
    tables = {
        "verdict_error": error_table(table),
        "verdict_power": power_table(table),
        "verdict_printed": printed_table(table),
        "verdict_families": families_table(table),
        "verdict_implementations": implementations_table(table),
    }
    for name, found in tables.items():
        table_module.write(found, folder, name)
    figures = Figures(folder)
    with house_style():
        figures.save(draw_error(table), "verdict_error", "Largest one-sided error by distribution and seeds.")
        figures.save(draw_power(table), "verdict_power", "Chance of a claim where it is true.")
    return [*tables, *figures.captions]


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; see the top of this file."""
    parser = argparse.ArgumentParser(prog="python -m paper_tables.figures.simulation")
    parser.add_argument("--simulation", type=Path, required=True, help="simulation.csv")
    parser.add_argument("--output", type=Path, required=True, help="folder of the tables and figures")
    options = parser.parse_args(arguments)

    def command() -> int:
        if not options.simulation.is_file():
            raise TablesError(
                f"There is no file {options.simulation}; `python -m paper_tables.verdicts.simulation` "
                "writes it."
            )
        write(pd.read_csv(options.simulation), options.output)
        return 0

    return cli.run(command)


if __name__ == "__main__":
    sys.exit(main())
