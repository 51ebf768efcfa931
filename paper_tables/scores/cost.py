"""What a seed block cost: time of an update, latency of an action, memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from paper_tables.scores.block_files import check_numbers, read_plain_parquet, read_provenance
from paper_tables.scores.read_runs import Block, text_or_none
from paper_tables.scores.tables import RUN_COLUMNS


def training_seconds(timing: pd.DataFrame) -> float:
    """Wall seconds of training of a block: the last cumulative value.

    Args:
        timing: rows update, wall_seconds (seconds since the start of training, resumptions added).
    """
    return float(timing.sort_values("update")["wall_seconds"].iloc[-1])


def block_cost(block: Block, config: dict[str, Any], sampling: str) -> pd.DataFrame:
    """[policy calls measured (at least one row), columns of the schema ``cost``]."""
    timing = read_plain_parquet(block.run_dir / "timing.parquet", ("update", "wall_seconds"))
    check_numbers(timing, ("update", "wall_seconds"), block.run_dir / "timing.parquet")
    record = read_provenance(block.run_dir)
    seeds = sorted(
        {int(seed) for seed in read_plain_parquet(block.run_dir / "train.parquet", ("seed",))["seed"]}
    )
    num_updates = int(config["num_updates"])
    seconds = training_seconds(timing) if len(timing) else None
    fixed = {
        **{column: config[column] for column in RUN_COLUMNS},
        "sampling": sampling,
        "seeds": f"{seeds[0]}-{seeds[-1]}",
        "device": text_or_none(record.get("devices")),
        "num_updates": num_updates,
        "seconds_per_update": None if seconds is None or not num_updates else seconds / num_updates,
        "peak_memory_bytes": record.get("peak_memory_bytes"),
        "num_seeds": len(seeds),
        "train_wall_seconds": seconds,
        "train_cpu_seconds": record.get("cpu_seconds"),
    }
    calls = _latencies(block.timing) if block.timing is not None else []
    return pd.DataFrame([{**fixed, **call} for call in calls] or [fixed])


def _latencies(path: Path) -> list[dict[str, Any]]:
    """Action latencies of the evaluation job: one dictionary per number of states measured."""
    table = read_plain_parquet(path, ("num_states", "action_latency_ms"))
    # Files of earlier versions do not have it.
    cpu_seconds = table["cpu_seconds"] if "cpu_seconds" in table else [None] * len(table)
    return [
        {
            "num_states": int(states),
            "action_latency_ms": float(latency),
            "evaluation_cpu_seconds": None if pd.isna(seconds) else float(seconds),
        }
        for states, latency, seconds in zip(
            table["num_states"], table["action_latency_ms"], cpu_seconds, strict=True
        )
    ]
