"""The manifest of a prepared dataset, and how comparable the dataset is with D4RL's."""

from __future__ import annotations

from typing import Any

import numpy as np
from recheck.tasks import Task

from algos.datasets.d4rl_rows import (
    return_ranges,
    return_statistics,
)
from algos.datasets.published import STATISTICS_TOLERANCE
from algos.datasets.sources import Source
from algos.datasets.trajectories import official_ends
from algos.datasets.transitions import (
    FORMAT,
)


def manifest_document(task: Task, source: Source, content: str) -> dict[str, Any]:
    """What manifest.json says of a dataset.

    Args:
        task: what was read, with the widths and horizon of its environment.
        source: what was found.
        content: the content hash of the rows.
    """
    arrays = source.filtered.as_played()
    comparability, reason = _comparability(task, source)
    ends = official_ends(arrays["observations"], arrays["next_observations"], arrays["terminals"])
    notes = [note for note in (task.notes, *source.notes) if note]
    return {
        "format": FORMAT,
        "task": task.task,
        "suite": task.suite,
        "source": {"kind": task.source_kind, "name": source.name},
        "source_sha256": source.sha256,
        "content_sha256": content,
        "num_transitions": len(arrays["rewards"]),
        "num_episodes": len(np.unique(arrays["episodes"])),
        "num_official_trajectories": len(ends),
        "num_dropped": source.filtered.num_dropped,
        "observation_dim": int(arrays["observations"].shape[1]),
        "action_dim": int(arrays["actions"].shape[1]),
        "return_statistics": return_statistics(source.filtered),
        "return_ranges": return_ranges(source.filtered),
        "max_abs_action": round(float(np.abs(arrays["actions"]).max()), 6),
        "action_clip": task.action_clip,
        "num_clipped_action_entries": source.num_clipped,
        "maze_jumps": source.maze_jumps,
        "fix_timeouts": task.fix_timeouts,
        "reward_check": source.reward_check,
        "episode_ends": source.ends.counts,
        "next_states": source.following.counts,
        "environment_id": task.environment_id,
        "adapter": task.adapter,
        "environment_match": task.environment_match if task.environment_id else "none",
        "horizon": task.horizon,
        "reference_min_score": task.reference_min_score,
        "reference_max_score": task.reference_max_score,
        "comparability": comparability,
        "comparability_reason": reason,
        "hyperparameters_like": task.hyperparameters_like,
        "notes": notes,
    }


def _comparability(task: Task, source: Source) -> tuple[str, str]:
    """What may be said of the data, and why: `original` has to be shown, not claimed."""
    if task.comparability == "original":
        if task.fix_timeouts:
            return "unverified", "the time-outs were changed, so these are not the rows of the papers"
        if task.sha256 is not None and source.sha256 == task.sha256:
            return "original", "SHA-256 equal to the published one"
        count = task.expected_transitions is not None
        if count and all(
            getattr(task, f"expected_return_{name}") is not None for name in STATISTICS_TOLERANCE
        ):
            return "original", "transition count and return statistics equal to the published ones"
        if count:
            return (
                "unverified",
                "transition count equal to the published one; nothing else is published",
            )
        return "unverified", "claims to be the D4RL file; nothing is published to compare it with"
    reasons = {
        "unverified": "a file of unknown origin",
        "recollected": "collected again, with other policies or another simulator; not the papers' file",
        "toy": "made for tests",
    }
    return task.comparability, reasons[task.comparability]
