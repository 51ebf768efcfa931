"""What runs in the job: it starts the job's command, and stands between SLURM's signals and the result.

submitit unpickles one command line and hands it to :func:`run`. The command is an inner Snakemake, which
runs the rule. SLURM signals every process of a job, so at a preemption or shortly before the time limit
the inner Snakemake may die while the trainer below it still writes its state. The wrapper therefore

- adopts orphans (as a "subreaper"), so that it can wait for the trainer and see its exit code;
- then finds out why the signal came, and puts the job back into the queue, or does not;
- writes ``results/<key>.json`` last, by which Snakemake learns how the job ended.

A rule that can resume names the folder of its state in ``params.state``, stops on SIGTERM and SIGUSR2,
and exits with 75 once its state is written.
"""

import argparse
import contextlib
import ctypes
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any

from .errors import CommandError
from .records import JobFiles, read_json, write_json
from .slurm import Slurm

STATE_SAVED = 75
"""Exit code of a trainer that has stopped on a signal and written its state (EX_TEMPFAIL)."""

_LOCAL_REQUEUE = 144  # submitit.local.local.LOCAL_REQUEUE_RETURN_CODE, without importing submitit here
_PR_SET_CHILD_SUBREAPER = 36

# A preempted job that ran shorter than this may never have come to its first save: not its fault.
_SECONDS_TO_PROGRESS = 300.0

# Once the state is saved, other orphans get this long.
_SECONDS_FOR_STRAGGLERS = 2.0


@dataclass(frozen=True)
class Task:
    """The wrapper's command line, parsed.

    Attributes:
        folder: the plugin's folder.
        key: names the job's files in it.
        command: shell line of the inner Snakemake.
        cpus: cores of the job, for OMP and MKL.
        where: ``slurm``, ``local`` or ``debug``.
        max_requeues: how often the job may be put back.
        may_requeue: False where the user has switched requeueing off.
        state: folder of the resumable state, None for a rule that cannot resume.
        minutes: time limit, None if the partition's default holds.
        signal_seconds: how long before the time limit SIGUSR2 comes (or up to 60 s earlier).
    """

    folder: Path
    key: str
    command: str
    cpus: int
    where: str
    max_requeues: int
    may_requeue: bool
    state: Path | None
    minutes: int | None
    signal_seconds: int

    def command_line(self) -> str:
        """The one command line that is pickled."""
        words = [
            f"--folder={self.folder}",
            f"--key={self.key}",
            f"--cpus={self.cpus}",
            f"--where={self.where}",
            f"--max-requeues={self.max_requeues}",
            f"--signal-seconds={self.signal_seconds}",
        ]
        if not self.may_requeue:
            words.append("--no-requeue")
        if self.state is not None:
            words.append(f"--state={self.state}")
        if self.minutes is not None:
            words.append(f"--minutes={self.minutes}")
        return shlex.join([*words, "--", self.command])

    @classmethod
    def parse(cls, command_line: str) -> "Task":
        """Inverse of :meth:`command_line`."""
        parser = argparse.ArgumentParser(prog="submitit wrapper", allow_abbrev=False)
        parser.add_argument("--folder", type=Path, required=True)
        parser.add_argument("--key", required=True)
        parser.add_argument("--cpus", type=int, default=1)
        parser.add_argument("--where", choices=["slurm", "local", "debug"], default="slurm")
        parser.add_argument("--max-requeues", type=int, default=0)
        parser.add_argument("--no-requeue", action="store_true")
        parser.add_argument("--state", type=Path)
        parser.add_argument("--minutes", type=int)
        parser.add_argument("--signal-seconds", type=int, default=0)
        parser.add_argument("command")
        read = parser.parse_args(shlex.split(command_line))
        return cls(
            folder=read.folder,
            key=read.key,
            command=read.command,
            cpus=read.cpus,
            where=read.where,
            max_requeues=read.max_requeues,
            may_requeue=not read.no_requeue,
            state=read.state,
            minutes=read.minutes,
            signal_seconds=read.signal_seconds,
        )


def read_progress(folder: Path | None) -> int | str | None:
    """How far a resumable state has come.

    Returns:
        The largest ``update`` that a JSON file of the folder holds; without one, a text that changes
        when the folder's files do; None if there is no state.
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
            if path.suffix == ".json" and found.st_size < 1_000_000:
                update = json.loads(path.read_text(encoding="utf-8")).get("update")
                if isinstance(update, int):
                    updates.append(update)
        except (OSError, ValueError, AttributeError):
            continue  # being moved or removed at this moment, or no JSON object
    if updates:
        return max(updates)
    return "; ".join(files) or None


def describe_progress(progress: int | str | None) -> str:
    """In words, for messages."""
    if isinstance(progress, int):
        return f"at update {progress}"
    return "with a saved state" if progress else "without a saved state"


@dataclass(frozen=True)
class Interruption:
    """What is known when a job has been stopped by a signal.

    Attributes:
        why: ``preempted``, ``time limit`` or ``signal``.
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


def reason_to_fail(stop: Interruption, max_requeues: int) -> str | None:
    """Why an interrupted job must not go on, in one sentence, or None if it may."""
    if stop.why == "time limit" and not stop.saved and stop.progress == stop.progress_before:
        return (
            "TIMEOUT: it reached its time limit and saved no state, so running it again under the same "
            "limit would end the same way; raise runtime"
        )
    no_progress = stop.progress is not None and stop.progress == stop.progress_before
    blamed = stop.why == "time limit" or (stop.earlier > 0 and stop.ran_seconds >= _SECONDS_TO_PROGRESS)
    if no_progress and blamed:
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


@dataclass
class _Signals:
    """Signals that the wrapper itself has seen."""

    seen: list[int] = field(default_factory=list)
    forward_to: int | None = None

    def install(self, where: str) -> None:
        wanted = [signal.SIGTERM, signal.SIGUSR2]
        if where == "local":
            wanted.append(signal.SIGINT)
        for number in wanted:
            signal.signal(number, self._receive)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.seen.append(number)
        # SLURM signals every process of a job. submitit's local controller signals only this one.
        if self.forward_to is not None:
            target = signal.SIGKILL if number == signal.SIGINT else number
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.forward_to, target)


def _become_subreaper() -> None:
    """Orphaned descendants become our children, so that we can wait for them (Linux)."""
    # Without it the state's change alone tells that it was saved.
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _wait(child: int, signals: _Signals, longest_seconds: float) -> tuple[int, bool]:
    """Wait for the command and, after a signal, for all that it has left behind.

    Returns:
        The command's return code (negative: killed by that signal) and whether some process exited with
        75.
    """
    code: int | None = None
    saved = False
    deadline: float | None = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return (1 if code is None else code), saved
        if pid:
            ended = os.waitstatus_to_exitcode(status)
            saved = saved or ended == STATE_SAVED
            if pid == child:
                code = ended
            continue
        if code is not None:
            if not signals.seen:
                return code, saved
            limit = _SECONDS_FOR_STRAGGLERS if saved else longest_seconds
            if deadline is None or time.monotonic() + limit < deadline:
                deadline = time.monotonic() + limit
            if time.monotonic() > deadline:
                return code, saved
        time.sleep(0.02)


def _own_job_id(environment: Mapping[str, str]) -> str:
    """``12_3`` for a task of an array: its plain number may be that of the whole array."""
    array, index = environment.get("SLURM_ARRAY_JOB_ID"), environment.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{index}" if array and index else environment.get("SLURM_JOB_ID", "")


def why_stopped(fields: Mapping[str, str], seen: Sequence[int], task: Task, ran_seconds: float) -> str | None:
    """Why SLURM has sent a signal.

    Args:
        fields: of ``scontrol show job``; empty if the controller does not answer.
        seen: signal numbers.
        task: the job.
        ran_seconds: how long it has run.

    Returns:
        ``preempted``, ``time limit`` or ``signal`` when the job is still ours to put back; None when SLURM
        is already ending it (a user's scancel, preemption without grace, the limit itself) and knows
        better than we do what comes next.
    """
    if fields and fields.get("JobState") != "RUNNING":
        return None
    if fields.get("PreemptTime", "None") not in ("None", "N/A", "Unknown", ""):
        return "preempted"
    near_limit = task.minutes is None or ran_seconds >= task.minutes * 60 - task.signal_seconds - 75
    if signal.SIGUSR2 in seen and near_limit:
        return "time limit"
    return "signal" if fields else None


def _finish(files: JobFiles, outcome: str, code: int, **details: Any) -> int:
    write_json(
        files.result,
        {"outcome": outcome, "exit_code": code, "job_id": _own_job_id(os.environ), **details},
    )
    return code


def _say(text: str) -> None:
    print(f"[submitit executor {datetime.now():%Y-%m-%d %H:%M:%S}] {text}", file=sys.stderr, flush=True)


def _note_interruption(files: JobFiles, **details: Any) -> int:
    """Add one interruption to the job's list and return how many there are."""
    interruptions = [*files.interruptions(), {"job_id": _own_job_id(os.environ), **details}]
    write_json(files.requeues, {"interruptions": interruptions})
    return len(interruptions)


def execute(task: Task, slurm: Slurm | None = None) -> int:
    """Run the job and return the exit code of the process; the result file is written on the way."""
    files = JobFiles(task.folder, task.key)
    slurm = slurm or Slurm()
    started = time.monotonic()
    earlier_result = read_json(files.result)
    if earlier_result is not None:
        if earlier_result.get("outcome") == "success":
            _say("SLURM has started this job again although it had ended well; nothing to do")
            return 0
        files.result.unlink(missing_ok=True)  # of the run that was interrupted
    if files.cancel_mark.exists():
        return _finish(files, "cancelled", 1)
    threads = str(task.cpus)
    environment = {**os.environ, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
    if task.where == "debug":
        code = subprocess.call(["/bin/bash", "-c", task.command], env=environment)
        return _finish(files, "success" if code == 0 else "failed", code)

    signals = _Signals()
    signals.install(task.where)
    restarts = int(os.environ.get("SLURM_RESTART_COUNT", "0") or 0)
    earlier = len(files.interruptions())
    progress_before = read_progress(task.state)
    own = sum(1 for stop in files.interruptions() if stop.get("job_id") == _own_job_id(os.environ))
    if restarts > own:
        # Not by us: a failed node, or preemption without a grace period.
        earlier = _note_interruption(
            files, why="requeued by SLURM", progress=progress_before, saved=False, requeued="by SLURM"
        )
        if earlier > task.max_requeues:
            message = (
                f"SLURM has started it {earlier + 1} times, more often than "
                f"max-requeues={task.max_requeues} allows"
            )
            _say(message)
            return _finish(files, "failed", 1, message=message)

    _become_subreaper()
    child = subprocess.Popen(
        ["/bin/bash", "-c", task.command],
        env=environment,
        stdin=subprocess.DEVNULL,
        # A group of its own where we forward signals ourselves. Under SLURM the group stays: some sites
        # track processes by it.
        start_new_session=task.where == "local",
    )
    if task.where == "local":
        signals.forward_to = child.pid
        for number in list(signals.seen):
            os.killpg(child.pid, number)
    code, saved = _wait(child.pid, signals, float(max(task.signal_seconds, 60)))
    ran_seconds = time.monotonic() - started

    if code == 0:
        return _finish(files, "success", 0)
    exit_code = code if code > 0 else 128 - code
    if files.cancel_mark.exists():
        _say("cancelled by Snakemake")
        return _finish(files, "cancelled", exit_code)
    if not signals.seen or (task.where == "local" and signal.SIGINT in signals.seen):
        return _finish(files, "failed", exit_code, seconds=round(ran_seconds))

    progress = read_progress(task.state)
    saved = saved or progress != progress_before
    fields = _ask_why(slurm, task)
    why = why_stopped(fields, signals.seen, task, ran_seconds)
    if why is None:
        # Cancelled by the user, preempted without grace, over the limit: SLURM has decided already.
        state = fields.get("JobState", "unknown")
        _say(f"stopped by SLURM (state {state}), {describe_progress(progress)}")
        return _finish(
            files,
            "interrupted",
            exit_code,
            why="ended by SLURM",
            saved=saved,
            progress=progress,
            before=progress_before,
        )
    stop = Interruption(why, saved, progress_before, progress, earlier, ran_seconds)
    hopeless = reason_to_fail(stop, task.max_requeues)
    if hopeless is not None:
        _say(hopeless)
        return _finish(files, "failed", exit_code, message=hopeless)
    return _put_back(files, task, slurm, stop)


def _ask_why(slurm: Slurm, task: Task) -> dict[str, str]:
    """The controller's view of this job, asked for a short while if it does not answer."""
    if task.where != "slurm":
        return {"JobState": "RUNNING"}
    for attempt in range(3):
        fields = slurm.show_job(_own_job_id(os.environ))
        if fields:
            return fields
        time.sleep(1 + attempt)
    return {}


def _put_back(files: JobFiles, task: Task, slurm: Slurm, stop: Interruption) -> int:
    """Requeue this job: SLURM starts it again under the same id. Where that is forbidden, leave word."""
    details: dict[str, Any] = {"why": stop.why, "progress": stop.progress, "saved": stop.saved}
    if task.where == "local":
        _note_interruption(files, requeued="by the job", **details)
        return _LOCAL_REQUEUE
    refusal = "switched off by --submitit-requeue false"
    if task.may_requeue:
        # Noted first: SLURM kills this process as soon as it has accepted.
        _note_interruption(files, requeued="by the job", **details)
        try:
            slurm.requeue(_own_job_id(os.environ))
        except CommandError as error:
            # SLURM may have come first: at the end of the grace period it requeues by itself.
            state = slurm.show_job(_own_job_id(os.environ)).get("JobState", "")
            if state in ("PENDING", "REQUEUED", "REQUEUE_HOLD", "COMPLETING"):
                return STATE_SAVED
            refusal = error.detail
        else:
            _say(f"{stop.why}, {describe_progress(stop.progress)}: requeued")
            return STATE_SAVED
    else:
        _note_interruption(files, requeued="by Snakemake", **details)
    _say(f"{stop.why}, {describe_progress(stop.progress)}; not requeued ({refusal}): submitted anew")
    return _finish(files, "interrupted", STATE_SAVED, refused=refusal, noted=True, **details)


def run(command_line: str) -> int:
    """Entry point of the pickle: run the job described by one command line.

    Raises:
        SystemExit: with the job's exit code if it is not 0, so that SLURM records it.
    """
    task = Task.parse(command_line)
    code = execute(task)
    if code and task.where != "debug":
        sys.stdout.flush()
        sys.stderr.flush()
        # No exception, no submitit result: the result file has it all, and a requeued job has none.
        os._exit(code)
    return code
