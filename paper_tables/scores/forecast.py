"""The forecast of an experiment, and what it took.

    python -m paper_tables.scores.forecast results/cost/<name>.json
        --measured results/scores/<name>/cost.parquet

Nothing is printed where the experiment has no scores yet. Training: seconds of a block's job. Evaluation:
processor seconds, where they were measured. Training is without the start of the job; evaluation has that of
several processes that play, not that of the one that waits for them, as the measurement does.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from recheck import cli, files
from recheck.errors import TablesError

from paper_tables.scores.block_files import read_plain_parquet

RUN = ["method", "task", "variant", "digest", "diffusion_steps", "seeds"]
MEASURED = {
    "train": ("train_cpu_seconds", "train_wall_seconds"),
    "evaluate": ("evaluation_cpu_seconds",),
}


def _measured(cost: pd.DataFrame, stage: str) -> pd.DataFrame:
    """One row for each job of a stage: `RUN`, sampling, seconds and what they are."""
    keys = RUN if stage == "train" else [*RUN, "sampling"]
    rows = cost.drop_duplicates(keys).copy()
    rows["measured"], rows["kind"] = float("nan"), ""
    for column in MEASURED[stage]:
        if column not in rows:
            continue
        seconds = pd.to_numeric(rows[column])
        free = rows["measured"].isna() & seconds.notna()
        # On a GPU the processor waits: there wall time is what it took.
        if column == "train_cpu_seconds":
            free &= rows["device"].fillna("").str.startswith("CPU")
        rows.loc[free, "measured"] = seconds[free]
        rows.loc[free, "kind"] = "processor" if "cpu" in column else "wall"
    return rows[[*keys, "measured", "kind"]].dropna(subset=["measured"])


def comparison(jobs: Iterable[Mapping[str, Any]], cost: pd.DataFrame) -> pd.DataFrame:
    """One row for each stage, method, N and kind of seconds, and one for each stage and kind together.

    Args:
        jobs: of `snakemake cost`: the keys of a run, stage, work_seconds and recorded_seconds.
        cost: rows of the schema ``cost``.

    Returns:
        Columns stage, method, diffusion_steps, jobs, low, forecast, high, measured (seconds), kind, ratio of
        measured to forecast. Jobs without either are left out.
    """
    known = pd.DataFrame([job for job in jobs if job["work_seconds"][1] is not None])
    parts = []
    for stage in MEASURED if len(known) else ():
        took = _measured(cost, stage)
        keys = [column for column in took.columns if column not in ("measured", "kind")]
        parts.append(known[known["stage"] == stage].merge(took, on=keys))
    both = pd.concat(parts) if parts else pd.DataFrame()
    if both.empty:
        return pd.DataFrame()
    for index, name in enumerate(("low", "forecast", "high")):
        both[name] = [seconds[index] for seconds in both["recorded_seconds"]]
    both["jobs"] = 1
    sums = ["jobs", "low", "forecast", "high", "measured"]
    by_method = both.groupby(["stage", "method", "diffusion_steps", "kind"], as_index=False)[sums].sum()
    together = both.groupby(["stage", "kind"], as_index=False)[sums].sum()
    rows = pd.concat([by_method, together.assign(method="together", diffusion_steps=0)], ignore_index=True)
    rows["ratio"] = rows["measured"] / rows["forecast"]
    order = {stage: place for place, stage in enumerate(MEASURED)}
    return rows.sort_values("stage", key=lambda column: column.map(order), kind="stable").reset_index(
        drop=True
    )


def markdown(rows: pd.DataFrame) -> str:
    """The comparison as a Markdown table."""
    lines = [
        "| stage | method | N | jobs | forecast, s | range | took, s | seconds of | took / forecast |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['stage']} | {row['method']} | {row['diffusion_steps'] or '-'} | {row['jobs']} | "
        f"{row['forecast']:,.0f} | {row['low']:,.0f} to {row['high']:,.0f} | {row['measured']:,.0f} | "
        f"{row['kind']} | {row['ratio']:.2f} |"
        for row in rows.to_dict("records")
    ]
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the top of this file."""
    parser = argparse.ArgumentParser(
        prog="python -m paper_tables.scores.forecast", description="The forecast, and what it took."
    )
    parser.add_argument("cost", type=Path, help="file of snakemake cost")
    parser.add_argument("--measured", type=Path, required=True, help="cost.parquet of the experiment")
    options = parser.parse_args(arguments)

    def command() -> None:
        if not options.measured.is_file():
            return
        jobs = files.read_json(options.cost, TablesError)["jobs"]
        rows = comparison(
            jobs, read_plain_parquet(options.measured, (*RUN, "sampling", "train_wall_seconds"))
        )
        if len(rows):
            print("\nForecast and what it took, finished jobs:\n\n" + markdown(rows), end="")

    return cli.run(command)


if __name__ == "__main__":
    sys.exit(main())
