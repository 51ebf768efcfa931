"""Our runs against runs of released code on the same files: scores by the verdict rule, and training curves.

A run of ours is compared with a reference run of the same method, task, number of updates (the horizon of
its learning rate; a checkpoint of a longer run has another rate and is not comparable) and of the variant
that ``reported/reference_runs/reference_runs.yaml`` names. Scores: our last checkpoint against the
reference's final evaluation, one number per seed; near the random policy on both sides a cell is
``uninformative``, with one seed on a side ``inconclusive``. Curves: each loss at each recorded checkpoint as
a ratio of means over seeds, margin 10% (``paper_tables.verdicts.loss_ratio``). Diffusion-QL's reference
losses are means over the last 1,000 updates, like ours; IQL's are single batches, which is noise on their
side.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from recheck.errors import TablesError

from paper_tables import frames, literature
from paper_tables.rendering import table as table_module
from paper_tables.rendering.table import Cell, Table
from paper_tables.rendering.text import NOTHING, cells_csv, signed
from paper_tables.rendering.verdicts import counted, mark_notes_of_verdicts, verdict_marks, verdict_notes

if TYPE_CHECKING:
    from paper_tables.verdicts.looks import SequentialRuns

SETTINGS = literature.FOLDER / "reference_runs" / "reference_runs.yaml"
SAME, DIFFERENT = "same settings", "different settings"
CURVES = ("noise_loss", "value_loss", "critic_loss")


def read_settings(path: Path = SETTINGS) -> list[dict[str, Any]]:
    """Our variants with the settings of reference runs: ``reference_run_settings.schema.json``.

    Raises:
        TablesError: the file breaks its schema.
    """
    found: list[dict[str, Any]] = frames.read_yaml(path, "reference_run_settings")
    return found


def _ours_of(
    runs: pd.DataFrame, settings: dict[str, Any], variant: str, task: str, horizon: int
) -> pd.DataFrame:
    """Our runs (rule ``last``) of one variant on one task with the same number of updates."""
    last = runs[runs["selection"] == "last"]
    result: pd.DataFrame = last[
        (last["method"] == settings["method"])
        & (last["variant"] == variant)
        & (last["diffusion_steps"] == settings["diffusion_steps"])
        & (last["task"] == task)
        & (last["update"] == horizon)
        & (last["sampling"].str.replace(r"-[0-9a-f]{8}$", "", regex=True) == settings["sampling"])
    ].sort_values("seed")
    return result


def _pairs(
    runs: pd.DataFrame, reference: pd.DataFrame
) -> list[tuple[dict[str, Any], str, str, int, pd.DataFrame]]:
    """Every (settings, variant, task, horizon, our runs) that can be compared."""
    pairs = []
    for settings in read_settings():
        theirs = reference[
            (reference["code"] == settings["code"]) & (reference["method"] == settings["method"])
        ]
        for task, horizon in sorted(set(zip(theirs["task"], theirs["horizon_updates"]))):
            for variant in (settings["variant"], *settings["other_variants"]):
                ours = _ours_of(runs, settings, variant, task, int(horizon))
                digests = sorted(set(zip(ours["digest"], ours["sampling"])))
                if len(digests) > 1:
                    listed = ", ".join(f"{digest} ({sampling})" for digest, sampling in digests)
                    raise TablesError(
                        f"Several runs of {settings['method']} {variant} on {task} can be compared with one "
                        f"reference run: {listed}."
                    )
                if len(ours):
                    pairs.append((settings, variant, task, int(horizon), ours))
    return pairs


def compare_scores(
    runs: pd.DataFrame,
    reference: pd.DataFrame | None = None,
    sequential: SequentialRuns | None = None,
) -> pd.DataFrame:
    """Final scores of runs with equal settings by the verdict rule, adjusted within each released code.

    Args:
        runs: rows of the schema ``scores``.
        reference: rows of the schema ``reference_runs``; those of the package by default.
        sequential: the runs that are judged by a sequential design.

    Returns:
        One row per variant and task, ours and the reference's scores per seed, and the columns of a verdict.
    """
    from paper_tables.config import load_margins
    from paper_tables.verdicts import background
    from paper_tables.verdicts.table import judge_table

    reference = literature.read_reference_runs() if reference is None else reference
    margins = load_margins()
    rows: list[dict[str, Any]] = []
    for settings, variant, task, horizon, ours in _pairs(runs, reference):
        final = reference[
            (reference["code"] == settings["code"])
            & (reference["task"] == task)
            & (reference["horizon_updates"] == horizon)
            & (reference["kind"] == "final")
        ].sort_values("seed")
        if final.empty:
            continue
        theirs = tuple(final["score_percent"])
        reasons = []
        if set(ours["score_unit"]) != {"percent"}:
            reasons.append("our score is a raw return")
        versions = {str(value) for value in ours["mujoco_version"].dropna()} - {settings["mujoco_version"]}
        if versions:
            reasons.append(
                f"ours ran on mujoco {', '.join(sorted(versions))}, theirs on {settings['mujoco_version']}"
            )
        rows.append(
            {
                "table": literature.REFERENCE_TABLE,
                "task": task,
                "column": f"{settings['method']} {variant}",
                "comparison": SAME if variant == settings["variant"] else DIFFERENT,
                "code": settings["code"],
                "family": f"released code {settings['code']}",
                "num_updates": horizon,
                "reported_mean": float(final["score_percent"].mean()),
                "reported_spread": float(final["score_percent"].std(ddof=1)) if len(final) > 1 else None,
                "spread_kind": "standard_deviation_over_seeds" if len(final) > 1 else "none",
                "reported_seeds": len(final),
                "reported_episodes_per_seed": None,
                "margin_percent": margins.of_suite(None),
                "not_judged_reason": "; ".join(reasons) or None,
                "other_settings": variant != settings["variant"],
                "units_confirmed": True,
                "our_digest": str(ours["digest"].iloc[0]),
                "our_scores_percent": tuple(ours["score_percent"]),
                "reference_scores_percent": theirs,
            }
        )
    if not rows:
        return pd.DataFrame()
    return judge_table(pd.DataFrame(rows), background.of_the_literature().bands, sequential)


def compare_curves(
    runs: pd.DataFrame, losses: pd.DataFrame, reference: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Losses of runs with equal settings at the checkpoints that both have recorded, as ratios of means.

    Args:
        runs: rows of the schema ``scores``.
        losses: rows of the schema ``losses``.
        reference: rows of the schema ``reference_runs``; those of the package by default.

    Returns:
        One row per variant, task, loss and checkpoint: seeds and means of both sides, ratio, interval,
        verdict.
    """
    from paper_tables.config import load_margins
    from paper_tables.verdicts.loss_ratio import judge_ratio

    reference = literature.read_reference_runs() if reference is None else reference
    margin = load_margins().curve_ratio
    rows = []
    for settings, variant, task, horizon, ours in _pairs(runs, reference):
        curve = reference[
            (reference["code"] == settings["code"])
            & (reference["task"] == task)
            & (reference["horizon_updates"] == horizon)
            & (reference["kind"] == "checkpoint")
        ]
        own = losses[
            (losses["method"] == settings["method"])
            & (losses["task"] == task)
            & (losses["digest"] == ours["digest"].iloc[0])
            & losses["seed"].isin(set(ours["seed"]))
        ]
        for loss in CURVES:
            for update, theirs in curve[curve[loss].notna()].groupby("update", sort=True):
                here = own[(own["loss"] == loss) & (own["update"] == update) & own["value"].notna()]
                if here.empty:
                    continue
                verdict = judge_ratio(here["value"].to_numpy(), theirs[loss].to_numpy(), margin)
                rows.append(
                    {
                        "task": task,
                        "column": f"{settings['method']} {variant}",
                        "comparison": SAME if variant == settings["variant"] else DIFFERENT,
                        "code": settings["code"],
                        "num_updates": horizon,
                        "recorded_losses": settings["recorded_losses"],
                        "loss": loss,
                        "update": update,
                        "our_seeds": len(here),
                        "reference_seeds": len(theirs),
                        "our_mean": float(here["value"].mean()),
                        "reference_mean": float(theirs[loss].mean()),
                        **asdict(verdict),
                    }
                )
    return pd.DataFrame(rows)


def score_table(cells: pd.DataFrame, experiment: str) -> Table:
    """The score comparison, ready to be written."""
    table = Table(
        f"{experiment}: scores against runs of released code",
        [
            "Task",
            "Method",
            "Updates",
            "Released code",
            "Ours",
            "Difference",
            "90% interval",
            "Margin",
            "Typical runs",
            "Margin needed",
        ],
        text_columns=2,
    )
    for row in frames.records(cells):
        table.rows.append(
            [
                Cell(row["task"]),
                Cell(row["column"] + ("" if row["comparison"] == SAME else f" ({DIFFERENT})")),
                Cell(f"{row['num_updates']:,}"),
                Cell(_per_seed(row["reference_scores_percent"])),
                Cell(_per_seed(row["our_scores_percent"]), False, row["verdict"], verdict_marks(row)),
                Cell(_signed(row["difference_percent"])),
                Cell(_interval(row["interval_low"], row["interval_high"], 1)),
                Cell(f"{row['margin_percent']:g}"),
                Cell(row["typical_verdict"] or NOTHING),
                Cell(
                    NOTHING
                    if pd.isna(row["smallest_margin_percent"])
                    else f"{row['smallest_margin_percent']:.1f}"
                ),
            ]
        )
    notes = [
        f"{row['column']} on {row['task']}: {row['reason']}" for row in frames.records(cells) if row["reason"]
    ]
    used = {mark for row in frames.records(cells) for mark in verdict_marks(row)}
    collapses = [
        f"{row['column']} on {row['task']}: collapsed are {row['our_collapsed']} of ours and "
        f"{row['reported_collapsed']} of theirs (equal rates: p = {row['collapse_p_value']:.2g})."
        for row in frames.records(cells)
        if (row["our_collapsed"] and not row["our_collapsed"].startswith("0"))
        or (row["reported_collapsed"] and not row["reported_collapsed"].startswith("0"))
    ]
    typical_notes = [
        f"{row['column']} on {row['task']}, typical runs: {row['typical_note']}"
        for row in frames.records(cells)
        if row["typical_note"]
    ]
    table.notes = [
        "Mean over seeds, in brackets the score of every seed; last checkpoint, normalised percent.",
        *verdict_notes(cells),
        "Typical runs: the verdict without collapsed seeds, those more than four margins below the median of "
        "both sides.",
        "Margin needed: the smallest margin at which the number would be reproduced.",
        *_different_settings(cells),
        *mark_notes_of_verdicts(used),
        *collapses,
        *typical_notes,
        *notes,
        f"Released code: {', '.join(sorted(set(cells['code'])))}.",
    ]
    return table


def curve_table(curves: pd.DataFrame, experiment: str) -> Table:
    """The comparison of training curves, ready to be written."""
    table = Table(
        f"{experiment}: training curves against runs of released code",
        ["Task", "Method", "Loss", "Update", "Released code", "Ours", "Ratio", "90% interval"],
        text_columns=3,
    )
    previous = None
    for row in frames.records(curves):
        place = (row["task"], row["column"], row["loss"])
        if previous not in (None, place):
            table.rows.append(None)
        previous = place
        ratio = NOTHING if pd.isna(row["ratio"]) else f"{row['ratio']:.3f}"
        table.rows.append(
            [
                Cell(row["task"]),
                Cell(row["column"] + ("" if row["comparison"] == SAME else f" ({DIFFERENT})")),
                Cell(row["loss"].replace("_", " ")),
                Cell(f"{row['update']:,}"),
                Cell(f"{row['reference_mean']:.4g} ({row['reference_seeds']})"),
                Cell(f"{row['our_mean']:.4g} ({row['our_seeds']})"),
                Cell(ratio, False, row["verdict"]),
                Cell(_interval(row["interval_low"], row["interval_high"], 3)),
            ]
        )
    notes = [f"No interval: {note}" for note in sorted({str(note) for note in curves["note"] if note})]
    table.notes = [
        "Mean over seeds (number of seeds) of the loss at the checkpoint; ours over the last log interval.",
        f"Ratio of means, margin {curves['margin_ratio'].iloc[0]:.0%}: {counted(curves['verdict'])}.",
        *[
            f"{code}: its losses are {recorded}."
            for code, recorded in sorted(set(zip(curves["code"], curves["recorded_losses"])))
        ],
        *_different_settings(curves),
        *notes,
    ]
    return table


def _different_settings(rows: pd.DataFrame) -> list[str]:
    """What the words in brackets mean, where they are used."""
    if set(rows["comparison"]) == {SAME}:
        return []
    return [
        "Different settings: a variant of ours with other settings than the released code had, by the same "
        "rule."
    ]


def _per_seed(found: tuple[float, ...]) -> str:
    return f"{sum(found) / len(found):.1f} ({', '.join(f'{value:.1f}' for value in found)})"


def _signed(value: float | None) -> str:
    return NOTHING if value is None or pd.isna(value) else signed(value)


def _interval(low: float | None, high: float | None, digits: int) -> str:
    if low is None or high is None or pd.isna(low) or pd.isna(high):
        return NOTHING
    return f"[{low:.{digits}f}, {high:.{digits}f}]"


def write(
    runs: pd.DataFrame,
    losses: pd.DataFrame | None,
    experiment: str,
    folder: Path,
    sequential: SequentialRuns | None = None,
) -> pd.DataFrame:
    """Write ``reference_runs.*`` and ``reference_curves.*`` where an experiment has runs to compare.

    Returns:
        The judged score cells; empty where there are none.
    """
    cells = compare_scores(runs, sequential=sequential)
    if len(cells):
        table_module.write(score_table(cells, experiment), folder, literature.REFERENCE_TABLE)
        frames.write_text(cells_csv(cells), folder / "reference_runs_cells.csv")
    curves = compare_curves(runs, losses) if losses is not None else pd.DataFrame()
    if len(curves):
        table_module.write(curve_table(curves, experiment), folder, "reference_curves")
        frames.write_text(cells_csv(curves), folder / "reference_curves_cells.csv")
    return cells
