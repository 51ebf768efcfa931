"""Interruptions of a job: how far its state has come, why SLURM stopped it, and whether it may run again.

The job itself decides by these functions when it gets a signal, and the plugin when a job ends without
having been able to.
"""

import json
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .task import Task

# A preempted job that ran for a shorter time may not have come to its first saved state.
_SECONDS_TO_PROGRESS = 300.0

# SLURM may send the signal before the time limit up to 60 s early; 15 s for a slow start of the job.
_EARLY_SECONDS = 75

_LARGEST_STATE_JSON_BYTES = 1_000_000


@dataclass(frozen=True)
class Interruption:
    """What is known when a job has been stopped and has not failed.

    Attributes:
        why: ``preempted``, ``time limit``, ``signal``, or SLURM's state such as ``NODE_FAIL``.
        saved: whether the state was written after the signal.
        progress_before: progress when this run of the job started.
        progress: progress now.
        earlier: number of interruptions before this one.
        ran_seconds: how long this run of the job lasted.
    """

    why: str
    saved: bool
    progress_before: int | str | None
    progress: int | str | None
    earlier: int
    ran_seconds: float


def read_progress(folder: Path | None) -> int | str | None:
    """How far a resumable state has come.

    Returns:
        The largest ``update`` in a JSON file of the folder; without one, a text that changes when the
        folder's files do; None if there is no state.
    """
    if folder is None or not folder.is_dir():
        return None
    updates: list[int] = []
    files: list[str] = []
    for path in sorted(folder.rglob("*")):
        try:
            if not path.is_file() or "lock" in path.name or path.name.startswith("."):
                continue
            found = path.stat()
            files.append(f"{path.relative_to(folder)} {found.st_size} {found.st_mtime_ns}")
            if path.suffix == ".json" and found.st_size < _LARGEST_STATE_JSON_BYTES:
                update = json.loads(path.read_text(encoding="utf-8")).get("update")
                if isinstance(update, int):
                    updates.append(update)
        except (OSError, ValueError, AttributeError):
            continue  # being renamed or removed at this moment, or not a JSON object
    if updates:
        return max(updates)
    return "; ".join(files) or None


def describe_progress(progress: int | str | None) -> str:
    """The progress in words, for messages."""
    if isinstance(progress, int):
        return f"at update {progress}"
    return "with a saved state" if progress else "without a saved state"


def reason_to_fail(stop: Interruption, max_requeues: int) -> str | None:
    """Why an interrupted job must not run again, as a message; None if it may."""
    if stop.why == "time limit" and not stop.saved and stop.progress == stop.progress_before:
        return (
            "TIMEOUT: it reached its time limit and saved no state, so running it again under the same "
            "limit would end the same way; raise runtime"
        )
    no_progress = stop.progress is not None and stop.progress == stop.progress_before
    long_enough = stop.earlier > 0 and stop.ran_seconds >= _SECONDS_TO_PROGRESS
    if no_progress and (stop.why == "time limit" or long_enough):
        return (
            f"it made no progress since its last requeue: it is still {describe_progress(stop.progress)} "
            f"(stopped by: {stop.why})"
        )
    if stop.earlier >= max_requeues:
        return (
            f"it was stopped {stop.earlier + 1} times (last by: {stop.why}), more often than "
            f"max-requeues={max_requeues} allows"
        )
    return None


def why_stopped(fields: Mapping[str, str], seen: Sequence[int], task: Task, ran_seconds: float) -> str | None:
    """Why SLURM has sent a signal.

    Args:
        fields: of ``scontrol show job``; empty if the controller does not answer.
        seen: signal numbers.
        task: the job.
        ran_seconds: how long it has run.

    Returns:
        ``preempted``, ``time limit`` or ``signal`` when the job may requeue itself; None when SLURM is
        already ending it (a user's scancel, preemption without grace, the limit itself), so that SLURM
        decides what follows.
    """
    if fields and fields.get("JobState") != "RUNNING":
        return None
    if fields.get("PreemptTime", "None") not in ("None", "N/A", "Unknown", ""):
        return "preempted"
    warned_after = None if task.minutes is None else task.minutes * 60 - task.signal_seconds - _EARLY_SECONDS
    if signal.SIGUSR2 in seen and (warned_after is None or ran_seconds >= warned_after):
        return "time limit"
    return "signal" if fields else None
