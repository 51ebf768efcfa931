"""Interruptions: progress, why a signal came, whether a job may run again."""

import json
import signal
from pathlib import Path
from typing import Any

from snakemake_executor_plugin_submitit.interruptions import (
    Interruption,
    read_progress,
    reason_to_fail,
    why_stopped,
)
from snakemake_executor_plugin_submitit.task import Task


def interruption(**changes: Any) -> Interruption:
    values: dict[str, Any] = {
        "why": "time limit",
        "saved": True,
        "progress_before": 100,
        "progress": 200,
        "earlier": 1,
        "ran_seconds": 3600.0,
    }
    return Interruption(**{**values, **changes})


def test_which_interrupted_jobs_may_run_again() -> None:
    assert reason_to_fail(interruption(), 5) is None
    assert "no progress" in str(reason_to_fail(interruption(progress=100), 5))
    assert "max-requeues=5" in str(reason_to_fail(interruption(earlier=5), 5))
    assert "max-requeues=0" in str(reason_to_fail(interruption(earlier=0), 0))
    # Preempted before it could save for the first time: not its fault, unless it had enough time.
    early = interruption(why="preempted", progress=100, ran_seconds=20.0)
    assert reason_to_fail(early, 5) is None
    assert "no progress" in str(reason_to_fail(interruption(why="preempted", progress=100), 5))
    unknown = interruption(why="preempted", progress=None, progress_before=None, saved=False)
    assert reason_to_fail(unknown, 5) is None


def test_why_a_signal_came(tmp_path: Path) -> None:
    task = Task(tmp_path, "0" * 16, "x", 1, "slurm", 5, True, None, minutes=10, signal_seconds=120)
    running = {"JobState": "RUNNING", "PreemptTime": "None"}
    term, usr2 = [int(signal.SIGTERM)], [int(signal.SIGUSR2)]
    assert why_stopped({**running, "PreemptTime": "2026-11-20T07:50:20"}, term, task, 30) == "preempted"
    assert why_stopped(running, usr2, task, 8 * 60 - 50) == "time limit"  # up to a minute early
    assert why_stopped(running, usr2, task, 30) == "signal"
    assert why_stopped(running, term, task, 30) == "signal"
    assert why_stopped({"JobState": "CANCELLED"}, term, task, 30) is None
    assert why_stopped({"JobState": "COMPLETING"}, term, task, 30) is None
    assert why_stopped({}, term, task, 30) is None
    assert why_stopped({}, usr2, task, 600) == "time limit"


def test_progress_is_the_newest_update(tmp_path: Path) -> None:
    assert read_progress(None) is None
    assert read_progress(tmp_path / "none") is None
    folder = tmp_path / "state"
    folder.mkdir()
    assert read_progress(folder) is None
    (folder / "weights.bin").write_bytes(b"1")
    first = read_progress(folder)
    (folder / "weights.bin").write_bytes(b"22")
    assert read_progress(folder) != first
    (folder / "lock.json").write_text('{"update": 99999}')
    for update in (1000, 2000):
        (folder / f"{update}").mkdir()
        (folder / f"{update}" / "state.json").write_text(json.dumps({"update": update}))
    assert read_progress(folder) == 2000
