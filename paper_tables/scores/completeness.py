"""Whether a block's episodes are those that the plan asks for: number, seeds, checkpoints, purposes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from recheck.errors import TablesError

CHECKPOINT, REEVALUATED = "checkpoint", "best_reevaluated"


def check_episodes(
    episodes: pd.DataFrame,
    seeds: tuple[int, ...],
    checkpoints: list[int],
    evaluation: Mapping[str, int] | None,
    where: str,
) -> None:
    """Compare the episodes of the seeds asked for with the plan.

    Args:
        episodes: columns `seed`, `update`, `purpose`, `episode` and, where known, `episode_seed`.
        seeds: those asked for.
        checkpoints: updates of the kept policies, ascending.
        evaluation: `episodes`, `episodes_last`, `episodes_reevaluated`, `first_episode_seed`, `seed_stride`,
            `reevaluated_offset`; None where the plan is not known: then all seeds must have the same.
        where: the file, for the message.

    Raises:
        TablesError: an episode is missing, appears twice, is one too many or has another seed, or a purpose
            is missing.
    """
    unknown = sorted(set(episodes["update"]) - set(checkpoints))
    if unknown:
        raise TablesError(
            f"{where} has episodes at update {', '.join(map(str, unknown))}; the run's checkpoints are "
            f"{', '.join(map(str, checkpoints))}."
        )
    repeated = episodes[episodes.duplicated(["seed", "update", "purpose", "episode"])]
    if len(repeated):
        row = repeated.iloc[0]
        raise TablesError(
            f"{where} has episode {row['episode']} of seed {row['seed']} at update {row['update']} "
            f"({row['purpose']}) more than once."
        )
    held_out = episodes[episodes["purpose"] == REEVALUATED]
    at = episodes[episodes["purpose"] == CHECKPOINT]
    present = {key: set(own["episode"]) for key, own in at.groupby(["seed", "update"])}
    for seed in seeds:
        for update in checkpoints:
            if (seed, update) not in present:
                raise TablesError(f"{where} has no episodes of seed {seed} at update {update}.")
    for update in checkpoints:
        most = max(len(present[(seed, update)]) for seed in seeds)
        count = most if evaluation is None else _planned(evaluation, update == checkpoints[-1])
        for seed in seeds:
            _compare(present[(seed, update)], count, f"{where}: seed {seed} at update {update}")
    _check_held_out(held_out, at, seeds, evaluation, where)
    if evaluation is not None and "episode_seed" in episodes.columns:
        _check_seeds(episodes, evaluation, where)


def _planned(evaluation: Mapping[str, int], last: bool) -> int:
    return int(evaluation["episodes_last" if last else "episodes"])


def _compare(found: set[int], count: int, where: str) -> None:
    missing = sorted(set(range(count)) - set(map(int, found)))
    if missing:
        raise TablesError(
            f"{where} has {len(found)} of {count} episodes; missing: {', '.join(map(str, missing[:8]))}"
            f"{', ...' if len(missing) > 8 else ''}."
        )
    if len(found) > count:
        raise TablesError(f"{where} has {len(found)} episodes, the plan asks for {count}.")


def _check_held_out(
    held_out: pd.DataFrame,
    at: pd.DataFrame,
    seeds: tuple[int, ...],
    evaluation: Mapping[str, int] | None,
    where: str,
) -> None:
    """The episodes of the best checkpoint that took no part in its choice."""
    counts = held_out.groupby("seed")["episode"].nunique().to_dict()
    wanted = (
        max(counts.values(), default=0) if evaluation is None else int(evaluation["episodes_reevaluated"])
    )
    for seed in seeds:
        own = held_out[held_out["seed"] == seed]
        if not wanted and own.empty:
            continue
        _compare(set(own["episode"]), wanted, f"{where}: seed {seed}, new episodes of the best checkpoint,")
        updates = sorted(set(map(int, own["update"])))
        best = _best_checkpoint(at[at["seed"] == seed])
        if updates != [best]:
            raise TablesError(
                f"{where}: seed {seed} has new episodes at update {', '.join(map(str, updates))}, but its "
                f"best checkpoint is {best}; evaluate the run again."
            )


def _best_checkpoint(at: pd.DataFrame) -> int:
    """The checkpoint with the highest mean over the episodes that all have; the earliest of equals."""
    judged = at.groupby("update")["episode"].nunique().min()
    means = at[at["episode"] < judged].groupby("update")["raw_return"].mean()
    return int(means.index[int(np.argmax(means.to_numpy()))])


def _check_seeds(episodes: pd.DataFrame, evaluation: Mapping[str, int], where: str) -> None:
    offset = (episodes["purpose"] == REEVALUATED) * int(evaluation["reevaluated_offset"])
    planned = (
        int(evaluation["first_episode_seed"])
        + int(evaluation["seed_stride"]) * episodes["seed"]
        + offset
        + episodes["episode"]
    )
    other = episodes.assign(planned=planned)[episodes["episode_seed"] != planned]
    if len(other):
        row = other.iloc[0]
        raise TablesError(
            f"{where}: {len(other)} episodes began with other seeds than the plan's; the first is episode "
            f"{row['episode']} of seed {row['seed']} at update {row['update']}, with {row['episode_seed']} "
            f"for {row['planned']}."
        )


def not_finite(losses: pd.DataFrame, where: str) -> list[str]:
    """Messages about losses that are NaN or infinite; empty where all are finite.

    Args:
        losses: columns `seed`, `update` and one per loss.
        where: the file.
    """
    messages = []
    for name in losses.columns.difference(["seed", "update"], sort=False):
        values = pd.to_numeric(losses[name], errors="coerce").to_numpy(dtype=float)
        bad = losses[~np.isfinite(values)]
        # A loss that is logged at some updates only, as an actor's that is updated less often, is absent
        # there for every seed alike; what is not finite for some seeds only, or is infinite, is a fault.
        if bad.empty:
            continue
        infinite = np.isinf(values).any()
        absent = bad.groupby("update")["seed"].nunique().eq(losses["seed"].nunique()).all()
        if absent and not infinite and len(bad) < len(losses):
            everywhere = set(bad["update"]) == set(losses["update"])
            if not everywhere and not _ends_not_finite(losses, bad):
                continue
        seeds = ", ".join(map(str, sorted(set(bad["seed"]))))
        messages.append(
            f"{where}: {name} is NaN or infinite in {len(bad)} of {len(losses)} rows (seeds {seeds}, first "
            f"at update {int(bad['update'].min())}); its value there is left empty."
        )
    return messages


def _ends_not_finite(losses: pd.DataFrame, bad: pd.DataFrame) -> bool:
    """Whether a loss is not finite from some update on to the end: training diverged."""
    later = losses[losses["update"] >= bad["update"].min()]
    return len(later) == len(bad)
