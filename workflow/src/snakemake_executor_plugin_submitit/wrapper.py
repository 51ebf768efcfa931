"""The program of a job: it starts the job's command, receives SLURM's signals and writes the result.

submitit unpickles one command line and calls :func:`run` with it. The command is an inner Snakemake, which
runs the rule. SLURM signals every process of a job, so at a preemption or shortly before the time limit
the inner Snakemake may end while the trainer below it still writes its state. The wrapper therefore

- adopts orphans, so that it can wait for the trainer and see its exit code;
- then finds out why the signal came, and requeues the job or does not;
- writes ``results/<key>.json`` last, by which Snakemake learns how the job ended.

A rule that can resume names the folder of its state in ``params.state``, stops on SIGTERM and SIGUSR2,
and exits with 75 once its state is written.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from .errors import CommandError
from .files import read_json, write_json
from .interruptions import Interruption, describe_progress, read_progress, reason_to_fail, why_stopped
from .job_logs import log_mark
from .processes import STATE_SAVED, Signals, start_command, wait_for_all
from .records import JobFiles
from .slurm import Slurm
from .task import Task

_LOCAL_REQUEUE = 144  # submitit.local.local.LOCAL_REQUEUE_RETURN_CODE, without importing submitit here


def run(command_line: str) -> int:
    """Run the job that one command line describes: the function in submitit's pickle.

    Raises:
        SystemExit: with the job's exit code if it is not 0, so that SLURM records it.
    """
    task = Task.parse(command_line)
    code = execute(task)
    if code and task.where != "debug":
        sys.stdout.flush()
        sys.stderr.flush()
        # No exception and no result of submitit's: the result file has all of it.
        os._exit(code)
    return code


def execute(task: Task, slurm: Slurm | None = None) -> int:
    """Run the job, write its result file and return the exit code of this process."""
    job = _Job(task, slurm or Slurm())
    try:
        return job.run()
    except OSError as error:  # a full disk, for example
        _log(f"the job's files in {task.folder} cannot be written: {error.strerror or error}")
        return 1


def _own_job_id(environment: Mapping[str, str]) -> str:
    """``12_3`` for a task of an array: its plain number may be that of the whole array."""
    array, index = environment.get("SLURM_ARRAY_JOB_ID"), environment.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{index}" if array and index else environment.get("SLURM_JOB_ID", "")


def _log(text: str) -> None:
    """One line into the job's log."""
    print(f"[submitit executor {datetime.now():%Y-%m-%d %H:%M:%S}] {text}", file=sys.stderr, flush=True)


class _Job:
    """One run of a job, from its start to its result file or its requeue."""

    def __init__(self, task: Task, slurm: Slurm) -> None:
        self.task = task
        self.slurm = slurm
        self.files = JobFiles(task.folder, task.key)
        self.job_id = _own_job_id(os.environ)
        self.signals = Signals()
        self.started = time.monotonic()

    def run(self) -> int:
        """Run the command, unless the job has ended before or is to be cancelled; returns the exit code."""
        task = self.task
        if task.where != "debug":
            _log(log_mark(task.key))
        result = read_json(self.files.result)
        if result is not None:
            if result.get("outcome") == "success":
                _log("SLURM has started this job again although it had ended well; nothing to do")
                return 0
            self.files.result.unlink(missing_ok=True)  # of the run that was interrupted
        if self.files.cancel_mark.exists():
            return self._finish("cancelled", 1)
        threads = str(task.cpus)
        environment = {**os.environ, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
        if task.where == "debug":
            code = subprocess.call(["/bin/bash", "-c", task.command], env=environment)
            return self._finish("success" if code == 0 else "failed", code)

        self.signals.install(task.where)
        refusal = self._note_slurms_requeues()
        if refusal is not None:
            _log(refusal)
            return self._finish("failed", 1, message=refusal)
        earlier = len(self.files.interruptions())
        before = read_progress(task.state)
        child = start_command(task.command, environment, new_session=task.where == "local")
        if task.where == "local":
            self.signals.forward_to(child.pid)
        code, saved = wait_for_all(child.pid, self.signals, float(max(task.signal_seconds, 60)))
        return self._ended(code, saved, before, earlier)

    def _note_slurms_requeues(self) -> str | None:
        """Note a requeue that was not the job's own: a failed node, or preemption without a grace period.

        Returns:
            Why the job must not run again, or None.
        """
        noted = sum(1 for stop in self.files.interruptions() if stop.get("job_id") == self.job_id)
        if int(os.environ.get("SLURM_RESTART_COUNT", "0") or 0) <= noted:
            return None
        count = self._note_interruption(
            why="requeued by SLURM",
            progress=read_progress(self.task.state),
            saved=False,
            requeued="by SLURM",
        )
        if count <= self.task.max_requeues:
            return None
        return (
            f"SLURM has started it {count + 1} times, more often than "
            f"max-requeues={self.task.max_requeues} allows"
        )

    def _ended(self, code: int, saved: bool, before: int | str | None, earlier: int) -> int:
        """Write the result of a command that has ended, or requeue the job."""
        task, seen = self.task, self.signals.seen
        ran_seconds = time.monotonic() - self.started
        if code == 0:
            return self._finish("success", 0)
        exit_code = code if code > 0 else 128 - code
        if self.files.cancel_mark.exists():
            _log("cancelled by Snakemake")
            return self._finish("cancelled", exit_code)
        if not seen or (task.where == "local" and signal.SIGINT in seen):
            return self._finish("failed", exit_code, seconds=round(ran_seconds))

        progress = read_progress(task.state)
        saved = saved or progress != before
        fields = self._ask_slurm()
        why = why_stopped(fields, seen, task, ran_seconds)
        if why is None:
            # Cancelled by the user, preempted without grace, over the limit: SLURM has decided already.
            _log(
                f"stopped by SLURM (state {fields.get('JobState', 'unknown')}), {describe_progress(progress)}"
            )
            details = {"why": "ended by SLURM", "saved": saved, "progress": progress, "before": before}
            return self._finish("interrupted", exit_code, **details)
        stop = Interruption(why, saved, before, progress, earlier, ran_seconds)
        refusal = reason_to_fail(stop, task.max_requeues)
        if refusal is not None:
            _log(refusal)
            return self._finish("failed", exit_code, message=refusal)
        return self._requeue(stop)

    def _ask_slurm(self) -> dict[str, str]:
        """The controller's fields of this job; asked three times, empty if it does not answer."""
        if self.task.where != "slurm":
            return {"JobState": "RUNNING"}
        for attempt in range(3):
            fields = self.slurm.show_job(self.job_id)
            if fields:
                return fields
            time.sleep(1 + attempt)
        return {}

    def _requeue(self, stop: Interruption) -> int:
        """Requeue this job under its id. Where that is forbidden, Snakemake submits it again."""
        details: dict[str, Any] = {"why": stop.why, "progress": stop.progress, "saved": stop.saved}
        if self.task.where == "local":
            self._note_interruption(requeued="by the job", **details)
            return _LOCAL_REQUEUE
        refusal = "switched off by --submitit-requeue false"
        if self.task.may_requeue:
            # Noted first: SLURM kills this process as soon as it has accepted.
            self._note_interruption(requeued="by the job", **details)
            try:
                self.slurm.requeue(self.job_id)
            except CommandError as error:
                # At the end of the grace period SLURM requeues by itself, which may have happened by now.
                state = self.slurm.show_job(self.job_id).get("JobState", "")
                if state in ("PENDING", "REQUEUED", "REQUEUE_HOLD", "COMPLETING"):
                    return STATE_SAVED
                refusal = error.detail
            else:
                _log(f"{stop.why}, {describe_progress(stop.progress)}: requeued")
                return STATE_SAVED
        else:
            self._note_interruption(requeued="by Snakemake", **details)
        _log(
            f"{stop.why}, {describe_progress(stop.progress)}; not requeued ({refusal}): Snakemake submits it "
            f"again"
        )
        return self._finish("interrupted", STATE_SAVED, refused=refusal, noted=True, **details)

    def _note_interruption(self, **details: Any) -> int:
        """Add one interruption to the job's list and return how many there are."""
        interruptions = [*self.files.interruptions(), {"job_id": self.job_id, **details}]
        write_json(self.files.requeues, {"interruptions": interruptions})
        return len(interruptions)

    def _finish(self, outcome: str, code: int, **details: Any) -> int:
        """Write the result file and return the exit code."""
        content = {"outcome": outcome, "exit_code": code, "job_id": self.job_id, **details}
        write_json(self.files.result, content)
        return code
