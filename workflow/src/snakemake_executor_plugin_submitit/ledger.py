r"""The ledger of jobs: what the plugin tracks, in which state each job is, and every change of a state.

    waiting --submit--> running --succeed-----------------------------------> done
      ^  ^ \             |   \--explain--> explaining --succeed--> done
      |  |  \--adopt-----/                     |   \--fail--> failed
      |  |                                     \--resubmit--> waiting
      |  +--cleared-- clearing <--clear-- waiting
      +--postpone-- waiting --fail--> failed

Only the methods of :class:`Ledger` change a state. Each is one event, logs one line and keeps the
records up to date; an event that :data:`TRANSITIONS` does not have for the job's state raises.
"""

import contextlib
import dataclasses
import enum
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from .errors import TransitionError
from .interruptions import Interruption, describe_progress
from .job_logs import JobLog, log_mark, log_of_rule
from .reasons import error_message
from .records import JobFiles, JobRecord, Records
from .resources import Request
from .snakemake_api import SubmittedJobInfo
from .sources import Sources

_RETRY_SECONDS = (10.0, 20.0, 40.0, 60.0)


class State(enum.Enum):
    """Where a job is."""

    WAITING = "waiting"  # to be submitted
    CLEARING = "clearing"  # a job of an earlier run with the same outputs is being cancelled
    RUNNING = "running"  # SLURM has it, pending or running
    EXPLAINING = "explaining"  # it ended without a good result, and SLURM is asked why
    DONE = "done"
    FAILED = "failed"


class Event(enum.Enum):
    """What happens to a job."""

    SUBMIT = "submit"  # sbatch has accepted it
    POSTPONE = "postpone"  # sbatch has refused it for a limit, or not answered
    ADOPT = "adopt"  # a job of an earlier run does its work
    CLEAR = "clear"  # a job of an earlier run is in its way
    CLEARED = "cleared"  # that job is gone
    EXPLAIN = "explain"  # it is gone from the queue, or its result is not good
    SUCCEED = "succeed"
    FAIL = "fail"
    RESUBMIT = "resubmit"  # it was interrupted


TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.WAITING, Event.SUBMIT): State.RUNNING,
    (State.WAITING, Event.POSTPONE): State.WAITING,
    (State.WAITING, Event.ADOPT): State.RUNNING,
    (State.WAITING, Event.CLEAR): State.CLEARING,
    (State.WAITING, Event.FAIL): State.FAILED,
    (State.CLEARING, Event.CLEARED): State.WAITING,
    (State.RUNNING, Event.SUCCEED): State.DONE,
    (State.RUNNING, Event.EXPLAIN): State.EXPLAINING,
    (State.EXPLAINING, Event.SUCCEED): State.DONE,
    (State.EXPLAINING, Event.FAIL): State.FAILED,
    (State.EXPLAINING, Event.RESUBMIT): State.WAITING,
}


@dataclass
class TrackedJob:
    """One Snakemake job in the plugin's hands.

    Attributes:
        info: the job as Snakemake reports about it; ``info.job`` is the job.
        record: what is written down of it.
        request: what it asks of SLURM, before memory grows.
        command: shell command of the inner Snakemake.
        title: rule and wildcards, for messages.
        sources: what its result follows from.
        forced: whether the user has asked for it to run again in any case.
        ready_at: when it may be submitted, in seconds of the monotonic clock.
        refusals: how often it has been postponed since its last submission.
        previous_jobs: records of an earlier run's jobs that are being cancelled.
        submitted_at: when it was submitted or adopted, in seconds of the monotonic clock.
        missing_since: since when squeue does not list it, in seconds of the monotonic clock.
        reported_interruptions: how many interruptions the user has read of.
        result: the content of its result file, once it has ended.
        explain_until: until when SLURM is asked why it ended, in seconds of the monotonic clock.
        progress_before: progress of its state when it was submitted.
    """

    info: SubmittedJobInfo
    record: JobRecord
    request: Request
    command: str
    title: str
    sources: Sources
    forced: bool = False
    ready_at: float = 0.0
    refusals: int = 0
    previous_jobs: list[JobRecord] = field(default_factory=list)
    submitted_at: float = 0.0
    missing_since: float | None = None
    reported_interruptions: int = 0
    result: dict[str, Any] | None = None
    explain_until: float = 0.0
    progress_before: int | str | None = None
    _state: State = State.WAITING

    @property
    def state(self) -> State:
        """Where the job is; changed by the ledger alone."""
        return self._state

    @property
    def job(self) -> Any:
        """Snakemake's job."""
        return self.info.job

    @property
    def job_id(self) -> str:
        """SLURM's job id, ``12`` or ``12_3``; empty before sbatch has answered."""
        return self.record.job_id

    @property
    def state_folder(self) -> Path | None:
        """Folder of the job's resumable state."""
        return Path(self.record.state_folder) if self.record.state_folder else None

    @property
    def log(self) -> JobLog:
        """The log that submitit names after the job id."""
        return JobLog(self.record.log, mark=log_mark(self.record.key), submitted=self.record.submitted)


class Snakemake(Protocol):
    """What the ledger reports to: the executor."""

    logger: logging.Logger

    def report_job_success(self, job_info: SubmittedJobInfo) -> None:
        """The job's outputs are there."""

    def report_job_error(self, job_info: SubmittedJobInfo, msg: str | None = None) -> None:
        """The job has failed for the reason in ``msg``."""


class Ledger:
    """The tracked jobs. Jobs that are done or failed leave it."""

    def __init__(self, records: Records, snakemake: Snakemake, cluster: str = "slurm") -> None:
        """Start without jobs.

        Args:
            records: of the plugin's folder.
            snakemake: where ends are reported.
            cluster: ``slurm``, ``local`` or ``debug``.
        """
        self.records = records
        self.cluster = cluster
        self.memory_factors: dict[str, int] = {}
        self._snakemake = snakemake
        self._jobs: dict[int, TrackedJob] = {}
        self._reported: list[TrackedJob] = []

    def __iter__(self) -> Iterator[TrackedJob]:
        """All jobs; the ledger may change meanwhile."""
        return iter(list(self._jobs.values()))

    def __len__(self) -> int:
        """How many jobs are tracked."""
        return len(self._jobs)

    def __contains__(self, info: object) -> bool:
        """Whether a job, given as Snakemake's ``SubmittedJobInfo``, is tracked."""
        return id(info) in self._jobs

    def in_state(self, *states: State) -> list[TrackedJob]:
        """The jobs in one of these states."""
        return [tracked for tracked in self._jobs.values() if tracked.state in states]

    def files(self, tracked: TrackedJob) -> JobFiles:
        """Paths of a job's small files."""
        return self.records.files(tracked.record.key)

    # --- events ---

    def take(self, tracked: TrackedJob) -> None:
        """Start to track a job that is to be submitted."""
        target = tracked.record.target
        self.drop_reported(lambda earlier: earlier.record.target == target)
        self._jobs[id(tracked.info)] = tracked
        self._snakemake.logger.debug(f"Job {tracked.job.jobid} ({tracked.title}) waits to be submitted.")

    def submit(self, tracked: TrackedJob, now: float) -> None:
        """SLURM has accepted a job; its record holds the job id already."""
        self._move(tracked, Event.SUBMIT)
        tracked.submitted_at = now
        tracked.missing_since = None
        tracked.refusals = 0
        self._register(tracked)
        self._snakemake.logger.info(
            f"Job {tracked.job.jobid} ({tracked.title}) is {tracked.job_id}, log: {tracked.record.log}"
        )

    def postpone(self, tracked: TrackedJob, now: float) -> None:
        """Submit a job later: after 10, 20, 40, then every 60 seconds."""
        self._move(tracked, Event.POSTPONE)
        wait = _RETRY_SECONDS[min(tracked.refusals, len(_RETRY_SECONDS) - 1)]
        tracked.refusals += 1
        tracked.ready_at = now + wait
        self._snakemake.logger.debug(f"Job {tracked.title} is submitted in {wait:.0f} s.")

    def adopt(self, tracked: TrackedJob, record: JobRecord, why: str) -> None:
        """Let an earlier run's job do the work of a job that waits.

        Args:
            tracked: the job that waits.
            record: of the earlier run's job.
            why: a clause for the message, or nothing.
        """
        self._move(tracked, Event.ADOPT)
        tracked.record = record
        tracked.submitted_at = time.monotonic()
        tracked.reported_interruptions = len(self.files(tracked).interruptions())
        self._register(tracked)
        self._snakemake.logger.info(
            f"Adopted SLURM job {record.job_id} of an earlier run ({tracked.title})"
            f"{': ' + why if why else ''}. Log: {record.log}"
        )

    def clear(self, tracked: TrackedJob, previous: Iterable[tuple[JobRecord, str]]) -> None:
        """Hold a job back until an earlier run's jobs with the same outputs are cancelled.

        Args:
            tracked: the job.
            previous: records of those jobs, each with the reason, a clause.
        """
        self._move(tracked, Event.CLEAR)
        for record, why in previous:
            tracked.previous_jobs.append(record)
            self._snakemake.logger.info(
                f"SLURM job {record.job_id} of an earlier run ({tracked.title}) {why}: it is cancelled first."
            )

    def cleared(self, tracked: TrackedJob) -> None:
        """All of the earlier run's jobs are gone: the job can be submitted."""
        self._move(tracked, Event.CLEARED)
        tracked.previous_jobs = []
        self._snakemake.logger.debug(f"Nothing is in the way of job {tracked.title} any more.")

    def explain(self, tracked: TrackedJob, result: dict[str, Any] | None, until: float) -> None:
        """A job has ended without a good result.

        Args:
            tracked: the job.
            result: content of its result file; None if it is gone from the queue without one.
            until: until when SLURM is asked why, in seconds of the monotonic clock.
        """
        self._move(tracked, Event.EXPLAIN)
        tracked.result = result
        tracked.explain_until = until
        self._snakemake.logger.debug(f"SLURM job {tracked.job_id} ({tracked.title}) has ended; asking why.")

    def resubmit(self, tracked: TrackedJob, stop: Interruption) -> None:
        """Submit an interrupted job again, as the same attempt of Snakemake."""
        self._move(tracked, Event.RESUBMIT)
        files, old = self.files(tracked), tracked.record
        files.result.unlink(missing_ok=True)
        self.records.account_for(old.key)
        tracked.reported_interruptions = len(files.interruptions())
        tracked.record = dataclasses.replace(old, job_id="", pickle="", log="")
        tracked.result = None
        tracked.missing_since = None
        tracked.ready_at = time.monotonic()
        self._snakemake.logger.info(
            f"SLURM job {old.job_id} ({tracked.title}) was interrupted: {stop.why}, "
            f"{describe_progress(stop.progress)}; submitted again, as the same attempt."
        )

    def succeed(self, tracked: TrackedJob) -> None:
        """A job has ended well; Snakemake checks its outputs.

        The record stays until Snakemake has recorded the job's parameters and inputs
        (:meth:`drop_reported`): a kill in between must not leave outputs of which nobody knows how they
        were made.
        """
        self._move(tracked, Event.SUCCEED)
        self._jobs.pop(id(tracked.info), None)
        self._reported.append(tracked)
        self._snakemake.logger.debug(f"SLURM job {tracked.job_id} ({tracked.title}) has ended well.")
        self._snakemake.report_job_success(tracked.info)

    def fail(self, tracked: TrackedJob, what: str, further: str = "", retry: bool = True) -> None:
        """A job has failed.

        Args:
            tracked: the job.
            what: how it ended, a clause.
            further: more for the user, or nothing.
            retry: False if Snakemake must not start it again, whatever ``--retries`` says.
        """
        self._move(tracked, Event.FAIL)
        self._jobs.pop(id(tracked.info), None)
        self._release(tracked)
        if not retry:
            with contextlib.suppress(AttributeError):  # Snakemake has no other way to say so
                tracked.job.attempt = tracked.job.restart_times + 1
        self._snakemake.report_job_error(tracked.info, msg=self._error_message(tracked, what, further))

    def drop_reported(self, is_over: Callable[[TrackedJob], bool]) -> None:
        """Remove the records of jobs that have ended well, where Snakemake needs them no more.

        Args:
            is_over: whether it needs the record of a job no more.
        """
        for tracked in [tracked for tracked in self._reported if is_over(tracked)]:
            self._reported.remove(tracked)
            self._release(tracked)

    def drop(self, record: JobRecord) -> None:
        """Forget a job of an earlier run."""
        self.records.files(record.key).remove()
        self.records.account_for(record.key)

    # --- details ---

    def _move(self, tracked: TrackedJob, event: Event) -> None:
        state = TRANSITIONS.get((tracked.state, event))
        if state is None:
            raise TransitionError(
                f"job {tracked.title} is {tracked.state.value}; the event {event.value} is not possible then"
            )
        tracked._state = state

    def _register(self, tracked: TrackedJob) -> None:
        tracked.info.external_jobid = tracked.job_id
        with contextlib.suppress(OSError):
            tracked.job.register(external_jobid=tracked.job_id)

    def _release(self, tracked: TrackedJob) -> None:
        """Remove the record and the small files of a job; its log stays."""
        self.drop(tracked.record)
        if tracked.job_id and tracked.record.log:
            for name in ("submitted", "0_result"):
                with contextlib.suppress(OSError):
                    (Path(tracked.record.log).parent / f"{tracked.job_id}_{name}.pkl").unlink()

    def _error_message(self, tracked: TrackedJob, what: str, further: str) -> str:
        record = tracked.record
        if not record.job_id:
            return f"Job {tracked.title}: {what}.\n    "
        kind = "SLURM" if self.cluster == "slurm" else self.cluster.capitalize()
        logs = [log_of_rule(str(path), record.logs_before) for path in tracked.job.log]
        title = f"{kind} job {record.job_id} ({tracked.title})"
        return error_message(title, what, [*logs, tracked.log], further)
