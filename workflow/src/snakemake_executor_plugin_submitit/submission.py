"""Submission of waiting jobs: batches of one rule and equal requests, each one array."""

import logging
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .errors import CommandError, UnknownSubmissionError
from .interruptions import read_progress
from .ledger import Ledger, State, TrackedJob
from .records import Submission, append_jobs_csv
from .resources import Request
from .slurm import is_busy, is_submit_limit
from .snakemake_job import log_stamps, members_of
from .task import Task

if TYPE_CHECKING:
    from .backends import Backend
    from .settings import ExecutorSettings

# The signal before the time limit may come up to 60 s early; a short job must not be warned at its start,
# so it comes at most a quarter of the limit before the end.
_SIGNAL_SECONDS_PER_MINUTE = 15


@dataclass
class _Unknown:
    """An sbatch call that was not answered, while squeue was silent too."""

    submission: Submission
    batch: list[TrackedJob]


class Submitter:
    """Submits what waits in the ledger."""

    def __init__(
        self, ledger: Ledger, backend: "Backend", settings: "ExecutorSettings", logger: logging.Logger
    ) -> None:
        """Submit through a backend, with the plugin's settings."""
        self._ledger = ledger
        self._backend = backend
        self._settings = settings
        self._logger = logger
        self._unknown: list[_Unknown] = []

    def submit_waiting(self, now: float, stopping: Callable[[], bool]) -> None:
        """Submit the jobs that are ready.

        Args:
            now: in seconds of the monotonic clock.
            stopping: whether Ctrl-C has come meanwhile, so that nothing more is submitted.
        """
        self._resolve_unknown(now)
        batches: dict[tuple[Any, ...], list[TrackedJob]] = {}
        for tracked in self._ready(now):
            batches.setdefault(_batch_key(tracked), []).append(tracked)
        for batch in batches.values():
            self._submit_in_arrays(batch, stopping)

    def refuse_waiting(self, now: float) -> None:
        """Fail the jobs that are ready, because Snakemake has been asked to stop."""
        self._resolve_unknown(now)
        for tracked in self._ready(now):
            what = "it was not submitted, because Snakemake has been asked to stop"
            self._ledger.fail(tracked, what, retry=False)

    def _ready(self, now: float) -> list[TrackedJob]:
        """The waiting jobs whose time has come, without those that SLURM may have already."""
        unknown = {id(tracked) for entry in self._unknown for tracked in entry.batch}
        return [
            tracked
            for tracked in self._ledger.in_state(State.WAITING)
            if tracked.ready_at <= now and id(tracked) not in unknown
        ]

    def _submit_in_arrays(self, batch: Sequence[TrackedJob], stopping: Callable[[], bool]) -> None:
        """Submit jobs of one request as arrays, smaller ones where the cluster takes no large one now."""
        limit = min(int(self._settings.array_limit), self._backend.max_array_tasks())
        start = 0
        while start < len(batch) and not stopping():
            some = batch[start : start + limit]
            try:
                self._submit(some)
            except UnknownSubmissionError as error:
                self._unknown.append(_Unknown(error.submission, list(some)))
                self._postpone(some, error)
            except CommandError as error:
                if is_submit_limit(error.detail) and len(some) > 1:
                    limit = max(len(some) // 2, 1)  # try with fewer
                    continue
                if is_submit_limit(error.detail) or not error.answered or is_busy(error.detail):
                    self._postpone(batch[start:], error)
                    return
                self._refuse(some, error)
            start += len(some)

    def _submit(self, batch: Sequence[TrackedJob]) -> None:
        """Submit jobs as one array.

        Raises:
            CommandError: refused, or no answer.
        """
        rule = batch[0].record.rule
        request = _request_of(batch[0])
        for tracked in batch:
            logs = (str(path) for member in members_of(tracked.job) for path in member.log)
            tracked.record.logs_before = log_stamps(logs)
            tracked.record.submitted = time.time()
            tracked.progress_before = read_progress(tracked.state_folder)
        script_folder = "".join(char if char.isalnum() or char in "_-." else "_" for char in rule)
        submission = Submission(
            token=uuid.uuid4().hex[:16],
            script_folder=str(self._ledger.records.folder / script_folder),
            is_array=len(batch) > 1,
            jobs=[tracked.record for tracked in batch],
            indices={tracked.record.key: index for index, tracked in enumerate(batch)},
            cluster=self._ledger.cluster,
        )
        tasks = [self._task(tracked, request) for tracked in batch]
        self._backend.submit(submission, tasks, request, self._ledger.records)
        self._accepted(batch)

    def _accepted(self, batch: Sequence[TrackedJob]) -> None:
        """Note a submission whose job ids are recorded."""
        rule = batch[0].record.rule
        array = batch[0].job_id.split("_")[0]
        self._logger.info(
            f"Submitted {len(batch)} jobs of rule {rule} as SLURM array {array}."
            if len(batch) > 1
            else f"Submitted rule {rule} as {self._ledger.cluster} job {array}."
        )
        now = time.monotonic()
        rows = []
        for tracked in batch:
            self._ledger.submit(tracked, now)
            record = tracked.record
            job_id, _, index = record.job_id.partition("_")
            rows.append((job_id, index, record.rule, record.wildcards, record.attempt, record.log))
        append_jobs_csv(self._ledger.records.folder, rows)

    def _resolve_unknown(self, now: float) -> None:
        """Look again for jobs of which it is not known whether SLURM has taken them."""
        for entry in list(self._unknown):
            if any(tracked.ready_at > now for tracked in entry.batch):
                continue
            try:
                job_id = self._backend.find(entry.submission)
            except CommandError as error:
                self._postpone(entry.batch, error)
                continue
            self._unknown.remove(entry)
            if job_id is None:
                self._backend.discard(entry.submission, self._ledger.records)
            else:
                self._backend.complete(entry.submission, job_id, self._ledger.records)
                self._accepted(entry.batch)

    def _task(self, tracked: TrackedJob, request: Request) -> Task:
        settings = self._settings
        seconds = int(settings.signal_seconds)
        if request.minutes is not None:
            seconds = max(min(seconds, request.minutes * _SIGNAL_SECONDS_PER_MINUTE), 1)
        return Task(
            folder=self._ledger.records.folder,
            key=tracked.record.key,
            command=tracked.command,
            cpus=request.cpus,
            where=self._ledger.cluster,
            max_requeues=int(settings.max_requeues),
            may_requeue=bool(settings.requeue),
            state=tracked.state_folder,
            minutes=request.minutes,
            signal_seconds=seconds,
        )

    def _postpone(self, batch: Sequence[TrackedJob], error: CommandError) -> None:
        """Try again later: a limit on submitted jobs, or no answer."""
        if batch[0].refusals == 0:
            kind = "a limit on submitted jobs" if is_submit_limit(error.detail) else "no answer"
            self._logger.info(
                f"SLURM does not take rule {batch[0].record.rule} now ({kind}: {error.detail}); it is tried "
                f"again later."
            )
        now = time.monotonic()
        for tracked in batch:
            self._ledger.postpone(tracked, now)

    def _refuse(self, batch: Sequence[TrackedJob], error: CommandError) -> None:
        """Report a refusal that waiting does not fix."""
        for tracked in batch:
            self._ledger.fail(
                tracked,
                f"SLURM refused it: {error.detail}. Check slurm_partition, slurm_account, qos, gpu, "
                f"gpu_model, mem_mb, cpus_per_task and runtime of the rule or the profile",
            )


def _request_of(tracked: TrackedJob) -> Request:
    return tracked.request.with_memory_factor(tracked.record.memory_factor)


def _batch_key(tracked: TrackedJob) -> tuple[Any, ...]:
    """Jobs with equal keys share an array; a group job goes alone."""
    alone = tracked.record.key if tracked.job.is_group() else ""
    resumes = tracked.record.state_folder is not None
    return tracked.record.rule, _request_of(tracked), resumes, alone
