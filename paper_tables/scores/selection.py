"""Which checkpoint is reported: the selection rules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from paper_tables.scores.tables import OFFLINE_LOSS


def offline_described(losses: np.ndarray, top_k: int) -> int:
    """The checkpoint with ``top_k`` smaller losses.

    Args:
        losses: [checkpoints], mean training noise loss of each evaluation interval.
        top_k: how many smaller ones are passed over; at most checkpoints - 1.

    Returns:
        Index of the checkpoint.
    """
    return int(np.argsort(losses, kind="stable")[min(top_k, len(losses) - 1)])


def offline_released(losses: np.ndarray, top_k: int) -> int:
    """The checkpoint that Diffusion-QL's release takes (main.py, ``where_k``).

    ``np.argsort(losses) == k`` is true at position j where the j-th smallest loss is that of checkpoint k:
    it returns the rank of checkpoint k as if that were a checkpoint.
    """
    return int(np.flatnonzero(np.argsort(losses, kind="stable") == min(top_k, len(losses) - 1))[0])


def early_stop(losses: np.ndarray) -> int:
    """How many checkpoints exist if training ends at the first rise of the loss (the rise is kept)."""
    rises = np.flatnonzero(np.diff(losses) > 0)
    return int(rises[0]) + 2 if len(rises) else len(losses)


def best_online(means: np.ndarray) -> int:
    """The checkpoint with the highest mean; the earliest of equals, as ``np.argmax``."""
    return int(np.argmax(means))


def select(
    episodes: pd.DataFrame, losses: pd.DataFrame, average_last_k: int, offline_top_k: int
) -> list[dict[str, Any]]:
    """Score one run under one sampling setting by every selection rule that it allows.

    Args:
        episodes: rows of one seed: update, purpose, episode, score_percent.
        losses: rows of the same seed: update, loss, value_since_checkpoint.
        average_last_k: checkpoints in ``average_last_k``.
        offline_top_k: losses passed over by the offline rules.

    Returns:
        One dictionary per rule: selection, update, score_percent, num_episodes, num_checkpoints.
    """
    evaluated = episodes[episodes["purpose"] == "checkpoint"].sort_values(["update", "episode"])
    updates = sorted(set(evaluated["update"].astype(int)))
    by_update = {
        update: evaluated.loc[evaluated["update"] == update, "score_percent"].to_numpy(dtype=float)
        for update in updates
    }
    means = {update: float(scores.mean()) for update, scores in by_update.items()}
    last = updates[-1]
    rows = [_row("last", last, means[last], len(by_update[last]))]

    averaged = updates[-average_last_k:]
    rows.append(
        _row(
            "average_last_k",
            last,
            float(np.mean([means[update] for update in averaged])),
            sum(len(by_update[update]) for update in averaged),
            len(averaged),
        )
    )

    judged = min(len(scores) for scores in by_update.values())
    online = np.array([by_update[update][:judged].mean() for update in updates])
    best = best_online(online)
    rows.append(_row("best_online", updates[best], float(online[best]), judged))

    fresh = episodes[episodes["purpose"] == "best_reevaluated"]
    if len(fresh):
        chosen = int(fresh["update"].iloc[0])
        rows.append(_row("best_reevaluated", chosen, float(fresh["score_percent"].mean()), len(fresh)))

    noise = losses[losses["loss"] == OFFLINE_LOSS].set_index("update")["value_since_checkpoint"]
    if set(updates) <= set(noise.index) and noise.loc[updates].notna().all():
        curve = noise.loc[updates].to_numpy(dtype=float)
        stopped = curve[: early_stop(curve)]
        for rule, choice in (
            ("offline_described", offline_described(curve, offline_top_k)),
            ("offline_described_early_stop", offline_described(stopped, offline_top_k)),
            ("offline_released", offline_released(curve, offline_top_k)),
            ("offline_released_early_stop", offline_released(stopped, offline_top_k)),
        ):
            update = updates[choice]
            rows.append(_row(rule, update, means[update], len(by_update[update])))
    return rows


def _row(
    selection: str, update: int, score: float, num_episodes: int, num_checkpoints: int = 1
) -> dict[str, Any]:
    return {
        "selection": selection,
        "update": update,
        "score_percent": score,
        "num_episodes": num_episodes,
        "num_checkpoints": num_checkpoints,
    }
