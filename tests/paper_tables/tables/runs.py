"""Runs of ours as score rows."""

import pandas as pd

from paper_tables import frames


def some_runs(
    means: dict[str, list[float]],
    *,
    method: str = "diffusion_ql",
    selection: str = "offline_described",
    update: int = 2_000_000,
    **other: object,
) -> pd.DataFrame:
    """Runs of one method: task -> score of every seed, scored by `last` and another rule."""
    rows = []
    for task, found in means.items():
        for seed, score in enumerate(found):
            for rule in sorted({"last", selection}):
                row = {
                    "method": method,
                    "task": task,
                    "variant": "paper",
                    "digest": "0123abcd",
                    "diffusion_steps": 5 if method.startswith("diffusion") else 0,
                    "sampling": "default-89abcdef",
                    "seed": seed,
                    "selection": rule,
                    "update": update,
                    "score_percent": score,
                    "num_episodes": 10,
                    "comparability": "original",
                    "score_unit": "percent",
                    "num_checkpoints": 1,
                    "environment_id": "Hopper-v4",
                    "environment_match": "same",
                    "hyperparameters_like": None,
                    "content_sha256": "ab" * 32,
                    "git_commit": "c0ffee",
                    "git_dirty": False,
                    "device": "CPU: one",
                    "torch_version": "2.11.0",
                    "gymnasium_version": "1.3.0",
                    "mujoco_version": "3.11.0",
                }
                rows.append(row | other)
    return frames.check(pd.DataFrame(rows), "scores", "made-up runs")
