"""The executor: takes ready jobs from Snakemake, has them run as SLURM arrays, and tells how they end.

Two threads share the work. Snakemake's own calls :meth:`Executor.run_jobs`, which only writes jobs down.
The polling thread does everything that talks to SLURM: submitting, adopting what an earlier Snakemake has
left, asking, resubmitting. Ctrl-C is raised in the first thread only, so it cannot come between an sbatch
and the record of it.

A job goes through the phases ``waiting`` (to be submitted), ``clearing`` (a forerunner of it is being
cancelled), ``running`` (SLURM has it) and ``explaining`` (it has ended badly and SLURM is asked why).
"""

import asyncio
import contextlib
import dataclasses
import os
import shutil
import threading
import time
import uuid
from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snakemake_interface_common.exceptions import WorkflowError
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
from snakemake_interface_executor_plugins.jobs import JobExecutorInterface

from .errors import CommandError
from .reasons import TAKEN_STATES, error_message, explain, state_of
from .records import (
    JobFiles,
    JobRecord,
    Records,
    Submission,
    append_jobs_csv,
    digest_of,
    format_wildcards,
    prepare_folder,
    read_json,
    write_json,
)
from .resources import Request, refusal, request_of, unknown_resources
from .slurm import HOPELESS_REASONS, Ending, QueuedJob, is_busy, is_submit_limit
from .wrapper import Interruption, Task, describe_progress, read_progress, reason_to_fail

if TYPE_CHECKING:
    from .backends import Backend

_TICK_SECONDS = 0.25  # between two looks at the result files: one directory listing, no SLURM command
_GATHER_SECONDS = 0.15  # jobs that become ready together share an array
_HOPELESS_SECONDS = 60.0
_REASON_SECONDS = 20.0  # how long sacct may lag behind the end of a job
_RETRY_SECONDS = (10.0, 20.0, 40.0, 60.0)
_MEMORY_GROWTH = 2


@dataclass
class _Tracked:
    """One Snakemake job in our hands."""

    job: JobExecutorInterface
    info: SubmittedJobInfo
    record: JobRecord
    request: Request
    command: str
    title: str
    is_group: bool
    forced: bool
    phase: str = "waiting"
    ready_at: float = 0.0
    refusals: int = 0
    forerunners: list[JobRecord] = field(default_factory=list)
    submitted_at: float = 0.0
    missing_since: float | None = None
    pending_reason: str = ""
    pending_since: float = 0.0
    told_interruptions: int = 0
    result: dict[str, Any] | None = None
    explain_until: float = 0.0
    progress_before: int | str | None = None


class Executor(RemoteExecutor):
    """Snakemake executor that submits through submitit."""

    _ready = False  # the base class starts the polling thread before __post_init__ is called

    def __post_init__(self) -> None:
        """Check settings and resources, and read what an earlier run has left.

        Raises:
            SubmititError: the folder, a setting or a rule's resources are not usable.
        """
        settings = self.workflow.executor_settings
        self.folder = prepare_folder(Path(settings.folder))
        self._allowed_resources = set(getattr(self.workflow, "global_resources", {}).keys())
        self._refuse_unknown_resources()
        self._cluster: str = settings.cluster
        from .backends import make_backend  # submitit is imported only where jobs are submitted

        self.backend: Backend = make_backend(self._cluster, settings.job_prefix or "")
        self.latency_wait = float(self.workflow.execution_settings.latency_wait)
        self.records = Records(self.folder)
        self._left: dict[str, list[tuple[Submission, JobRecord]]] = {}
        for submission in self.records.load():
            for record in submission.jobs:
                self._left.setdefault(record.target, []).append((submission, record))
        self._tracked: dict[int, _Tracked] = {}
        self._arrived: list[_Tracked] = []
        self._memory_factor: dict[str, int] = {}
        self._queue: dict[str, QueuedJob] = {}
        self._queue_asked = float("-inf")
        self._queue_answered = float("-inf")
        self._silent_since: float | None = None
        self._hopeless_told: set[tuple[str, str]] = set()
        self._work = threading.RLock()
        self._wake = threading.Event()
        self._stopping = False
        self._job_cores: int | None = None
        self._swept = not self._left
        self._ready = True

    def _refuse_unknown_resources(self) -> None:
        rules = {
            job.rule.name: job.rule
            for job in getattr(self.workflow.dag, "needrun_jobs", lambda: ())()
            if not job.is_local
        }
        for name, rule in sorted(rules.items()):
            unknown = unknown_resources(
                (key for key in rule.resources if isinstance(key, str)), self._allowed_resources
            )
            if unknown:
                raise WorkflowError(refusal(name, unknown))

    # --- Snakemake's thread ---

    @property
    def cores(self) -> int | str:
        """``--cores`` of the inner Snakemake: what the job has, not what the node has."""
        return self._job_cores if self._job_cores is not None else super().cores

    def run_jobs(self, jobs: Sequence[JobExecutorInterface]) -> None:
        """Take ready jobs; the polling thread submits them."""
        taken = []
        for job in jobs:
            self.run_job_pre(job)
            tracked = self._take(job)
            if tracked is not None:
                taken.append(tracked)
        with self._work:
            for tracked in taken:
                self._tracked[id(tracked.info)] = tracked
        self._wake.set()

    def run_job(self, job: JobExecutorInterface) -> None:
        """Take one ready job."""
        self.run_jobs([job])

    def _take(self, job: JobExecutorInterface) -> _Tracked | None:
        """Prepare one job; None if its resources are refused, which is reported as its error."""
        info = SubmittedJobInfo(job=job)
        # Outputs are marked incomplete before sbatch is called: a kill at any later moment must not let
        # half-written files pass for complete ones.
        self.report_job_submission(info)
        is_group = bool(job.is_group())
        # Snakemake's own name of a group is a number that means nothing to a reader.
        members = sorted({str(member.rule.name) for member in _members(job)})
        name = f"group_{'_'.join(members)}"[:80] if is_group else str(job.name)
        wildcards = {} if is_group else {key: str(value) for key, value in (job.wildcards_dict or {}).items()}
        title = name if not wildcards else f"{name}, {format_wildcards(wildcards)}"
        try:
            request = request_of(name, dict(job.resources.items()), job.threads, self._allowed_resources)
            self._job_cores = max(int(job.threads), request.cpus)
            command = self.format_job_exec(job)
        except WorkflowError as error:
            self.report_job_error(info, msg=f"{error}\n    ")
            return None
        finally:
            self._job_cores = None
        target = _target_of(job)
        record = JobRecord(
            key=uuid.uuid4().hex[:16],
            rule=name,
            wildcards=wildcards,
            target=target,
            digest=_digest_of_job(job),
            attempt=int(job.attempt),
            state_folder=_state_folder(job),
            memory_factor=self._memory_factor.get(target, 1),
        )
        return _Tracked(
            job=job,
            info=info,
            record=record,
            request=request,
            command=command,
            title=title,
            is_group=is_group,
            forced=self._is_forced(job),
            ready_at=time.monotonic() + _GATHER_SECONDS,
        )

    def _is_forced(self, job: JobExecutorInterface) -> bool:
        """Whether the user has asked for this job to run anew, whatever there is of it."""
        settings = self.workflow.dag_settings
        if settings.forceall:
            return True
        forced = {str(item) for item in settings.forcerun}
        for member in _members(job):
            if member.rule.name in forced or any(str(path) in forced for path in member.output):
                return True
            if settings.forcetargets and member in self.workflow.dag.targetjobs:
                return True
        return False

    def cancel_jobs(self, active_jobs: Iterable[SubmittedJobInfo]) -> None:
        """Cancel jobs, leaving our mark first, so that none of them requeues itself."""
        wanted = {id(info) for info in active_jobs}
        with self._work:
            self._cancel([tracked for number, tracked in self._tracked.items() if number in wanted])

    def cancel(self) -> None:
        """Ctrl-C: cancel all jobs, those being submitted at this moment too."""
        self._stopping = True
        self._wake.set()
        if self._ready:
            with self._work:  # the polling thread may be between sbatch and its record
                self._cancel(list(self._tracked.values()))
        self.shutdown()

    def _cancel(self, jobs: Sequence[_Tracked]) -> None:
        known = [tracked for tracked in jobs if tracked.record.job_id and tracked.phase == "running"]
        for tracked in known:
            self._files(tracked).cancel_mark.touch(mode=0o600)
        if not known:
            return
        try:
            self.backend.cancel([tracked.record.job_id for tracked in known])
        except CommandError as error:
            self.logger.error(
                f"{len(known)} jobs could not be cancelled ({error}); they may go on: "
                f"{', '.join(tracked.record.job_id for tracked in known[:20])}. The same command waits for "
                f"them to go before it starts their work again."
            )
            return
        self.logger.info(
            f"Cancelled {len(known)} job{'s' if len(known) > 1 else ''}: "
            f"{', '.join(tracked.record.job_id for tracked in known[:20])}"
            f"{' ...' if len(known) > 20 else ''}"
        )

    def shutdown(self) -> None:
        """Stop the polling thread. Files that waiting jobs still need stay."""
        with self.lock:
            self.wait = False
        if self._ready:
            self._wake.set()
        self.wait_thread.join()
        if self._ready:
            self.records.flush()
            if any(tracked.record.job_id for tracked in self._tracked.values()) and not self._stopping:
                return
        shutil.rmtree(self.tmpdir, ignore_errors=True)

    # --- the polling thread ---

    async def sleep(self) -> None:
        """Wait for the next look at the jobs, less if there is something to do."""
        if not self._ready:
            await asyncio.sleep(0.05)
            return
        await asyncio.get_running_loop().run_in_executor(None, self._wake.wait, _TICK_SECONDS)
        if self._wake.is_set():
            self._wake.clear()
            await asyncio.sleep(_GATHER_SECONDS)

    async def check_active_jobs(
        self, active_jobs: list[SubmittedJobInfo]
    ) -> AsyncGenerator[SubmittedJobInfo, None]:
        """One look at all jobs."""
        if self._ready and not self._stopping:
            with self._work:
                self._tick()
        for info in active_jobs:
            if not self._ready or id(info) in self._tracked:
                yield info

    def _tick(self) -> None:
        if self._stopping or not (self._tracked or not self._swept):
            return
        now = time.monotonic()
        results = self._names_in("results")
        if self._needs_queue(now):
            self._ask_queue(now)
        self._place_arrivals()
        self._clear_forerunners()
        self._submit_waiting(now)
        self._tell_interruptions()
        self._look_at_running(results, now)
        self._explain_ended(now)
        self.records.flush()

    def _names_in(self, folder: str) -> set[str]:
        """File names without ending; listing the folder also makes NFS look again."""
        try:
            return {name.split(".")[0] for name in os.listdir(self.folder / folder) if name[0] != "."}
        except OSError:
            return set()

    def _files(self, tracked: _Tracked) -> JobFiles:
        return self.records.files(tracked.record.key)

    # --- squeue ---

    def _needs_queue(self, now: float) -> bool:
        since = now - self._queue_asked
        tracked_jobs = self._tracked.values()
        if any(tracked.phase == "clearing" or self._is_left(tracked) for tracked in tracked_jobs):
            return since >= 2.0
        watched = any(tracked.phase in ("running", "explaining") for tracked in tracked_jobs)
        return (watched or not self._swept) and since >= float(self.workflow.executor_settings.poll_interval)

    def _is_left(self, tracked: _Tracked) -> bool:
        """Whether an earlier run has left a record of a job that is about to be submitted."""
        return tracked.phase == "waiting" and tracked.record.target in self._left

    def _ask_queue(self, now: float) -> None:
        self._queue_asked = now
        try:
            self._queue = self.backend.alive()
        except CommandError as error:
            if self._silent_since is None:
                self._silent_since = now
                self.logger.info(
                    f"{error}. The state of {len(self._tracked)} jobs is unknown; none is given up, SLURM is "
                    f"asked again."
                )
            return
        if self._silent_since is not None:
            self.logger.info(f"SLURM answers again after {now - self._silent_since:.0f} s.")
            self._silent_since = None
        self._queue_answered = now
        self._name_hopeless(now)

    def _name_hopeless(self, now: float) -> None:
        """Tell, once, of jobs pending for a reason that does not pass."""
        found: dict[tuple[str, str], list[_Tracked]] = {}
        for tracked in self._tracked.values():
            queued = self._queue.get(tracked.record.job_id)
            reason = queued.reason if queued is not None and queued.state == "PENDING" else ""
            # squeue prints "(ReqNodeNotAvail, UnavailableNodes:n1)" for some reasons.
            reason = reason.strip("()").split(",")[0].strip()
            if reason != tracked.pending_reason:
                tracked.pending_reason, tracked.pending_since = reason, now
            if reason in HOPELESS_REASONS and now - tracked.pending_since >= _HOPELESS_SECONDS:
                found.setdefault((tracked.record.job_id.split("_")[0], reason), []).append(tracked)
        for (job_id, reason), jobs in found.items():
            if (job_id, reason) in self._hopeless_told:
                continue
            self._hopeless_told.add((job_id, reason))
            self.logger.error(
                f"SLURM job {job_id} (rule {jobs[0].record.rule}, {len(jobs)} pending) has waited for a "
                f"minute for {reason}, which does not pass by waiting: {HOPELESS_REASONS[reason]}."
            )

    # --- what an earlier Snakemake has left ---

    def _place_arrivals(self) -> None:
        """Decide for new jobs whether a record of them is adopted, cancelled or dropped."""
        if self._swept:
            return
        if self._queue_answered < self._queue_asked or time.monotonic() - self._queue_answered > 5.0:
            # Unknown whether they live: submit nothing that might run twice.
            for tracked in self._tracked.values():
                if self._is_left(tracked):
                    tracked.ready_at = time.monotonic() + 1.0
            return
        self._complete_submissions()
        for tracked in list(self._tracked.values()):
            if self._is_left(tracked):
                self._decide(tracked, self._left.pop(tracked.record.target))
        self._sweep()
        self._swept = not self._left

    def _complete_submissions(self) -> None:
        """Finish what a kill between sbatch and its record has left half-done."""
        tokens = {job.comment: job.job_id.split("_")[0] for job in self._queue.values() if job.comment}
        seen: set[str] = set()
        for pairs in self._left.values():
            for submission, record in pairs:
                if not record.job_id and submission.token in tokens and submission.token not in seen:
                    seen.add(submission.token)
                    self.backend.complete(submission, tokens[submission.token], self.records)

    def _decide(self, tracked: _Tracked, left: list[tuple[Submission, JobRecord]]) -> None:
        for submission, record in left:
            files = self.records.files(record.key)
            alive = submission.cluster == self._cluster and record.job_id in self._queue
            result = read_json(files.result) or {}
            ended_well = result.get("outcome") == "success"
            resumable = result.get("outcome") == "interrupted"
            cancelled = files.cancel_mark.exists()
            same = record.digest == tracked.record.digest
            free = tracked.phase == "waiting" and not tracked.forerunners
            if tracked.forced or cancelled or not same or not free:
                if alive:
                    why = (
                        "is forced to run anew"
                        if tracked.forced
                        else "was being cancelled"
                        if cancelled
                        else "has other parameters or inputs now"
                        if not same
                        else "runs already"
                    )
                    self.logger.info(
                        f"SLURM job {record.job_id} of an earlier run ({tracked.title}) {why}: it is "
                        f"cancelled first."
                    )
                    tracked.forerunners.append(record)
                    tracked.phase = "clearing"
                else:
                    self._drop(record)
            elif alive or resumable:
                self._adopt(
                    tracked, record, f"it is {self._queue[record.job_id].state.lower()}" if alive else ""
                )
            elif ended_well and all(os.path.exists(str(path)) for path in tracked.job.output):
                self._adopt(tracked, record, "it has ended well meanwhile")
            else:
                if result:
                    what = "ended well, but its outputs are gone" if ended_well else "failed meanwhile"
                    self.logger.info(
                        f"SLURM job {record.job_id} of an earlier run ({tracked.title}) {what}: submitted "
                        f"again."
                    )
                self._drop(record)
        self._cancel_forerunners(tracked)

    def _adopt(self, tracked: _Tracked, record: JobRecord, why: str) -> None:
        tracked.record = record
        tracked.phase = "running"
        tracked.submitted_at = time.monotonic()
        tracked.told_interruptions = len(self._files(tracked).interruptions())
        self._register(tracked)
        self.logger.info(
            f"Adopted SLURM job {record.job_id} of an earlier run ({tracked.title})"
            f"{': ' + why if why else ''}. Log: {record.log}"
        )

    def _drop(self, record: JobRecord) -> None:
        self.records.files(record.key).remove()
        self.records.account_for(record.key)

    def _cancel_forerunners(self, tracked: _Tracked) -> None:
        for record in tracked.forerunners:
            self.records.files(record.key).cancel_mark.touch(mode=0o600)
        if tracked.forerunners:
            with contextlib.suppress(CommandError):  # asked again while it is in the queue
                self.backend.cancel([record.job_id for record in tracked.forerunners])

    def _clear_forerunners(self) -> None:
        for tracked in self._tracked.values():
            if tracked.phase != "clearing" or self._silent_since is not None:
                continue
            alive = [record for record in tracked.forerunners if record.job_id in self._queue]
            for record in tracked.forerunners:
                if record not in alive:
                    self._drop(record)
            tracked.forerunners = alive
            if alive:
                if self._queue_answered == self._queue_asked:
                    self._cancel_forerunners(tracked)
            else:
                tracked.phase = "waiting"

    def _sweep(self) -> None:
        """Records nobody asks for: ended well and complete in Snakemake's eyes, so they are removed."""
        wanted = {_target_of(job) for job in self.workflow.dag.needrun_jobs() if not job.is_local}
        jobs_by_target: dict[str, JobExecutorInterface] | None = None
        for target in list(self._left):
            if target in wanted:
                continue
            kept = []
            for submission, record in self._left[target]:
                files = self.records.files(record.key)
                result = read_json(files.result) or {}
                if record.job_id in self._queue or result.get("outcome") != "success":
                    if files.cancel_mark.exists() and record.job_id not in self._queue:
                        self._drop(record)
                        continue
                    kept.append((submission, record))
                    continue
                if jobs_by_target is None:
                    jobs_by_target = {_target_of(job): job for job in self.workflow.dag.jobs}
                job = jobs_by_target.get(target)
                title = f"SLURM job {record.job_id} ({record.rule}, {format_wildcards(record.wildcards)})"
                if job is not None and _digest_of_job(job) != record.digest:
                    self.logger.error(
                        f"{title} ended well while Snakemake was away, but its parameters or inputs are "
                        f"others now; to run it anew: --forcerun {' '.join(str(path) for path in job.output)}"
                    )
                else:
                    self.logger.info(f"{title} ended well while Snakemake was away and counts as done.")
                self._drop(record)
            # Of other targets of this workflow: kept on disk for the run that asks for them.
            self._left.pop(target)
            del kept
        self.records.prune(self._queue.keys())

    # --- submitting ---

    def _submit_waiting(self, now: float) -> None:
        waiting = [
            tracked
            for tracked in self._tracked.values()
            if tracked.phase == "waiting" and tracked.ready_at <= now
        ]
        if not waiting:
            return
        if getattr(self.workflow.scheduler, "_user_kill", None):
            for tracked in waiting:
                self._fail(
                    tracked, "it was not submitted, because Snakemake has been asked to stop", retry=False
                )
            return
        batches: dict[tuple[Any, ...], list[_Tracked]] = {}
        for tracked in waiting:
            alone = tracked.record.key if tracked.is_group else ""
            resumes = tracked.record.state_folder is not None
            request = tracked.request.with_memory_factor(tracked.record.memory_factor)
            batches.setdefault((tracked.record.rule, request, resumes, alone), []).append(tracked)
        for (_, request, _, _), batch in batches.items():
            limit = min(int(self.workflow.executor_settings.array_limit), self.backend.max_array_tasks())
            start = 0
            while start < len(batch) and not self._stopping:
                some = batch[start : start + limit]
                accepted = self._submit(some, request)
                if accepted is None:  # a limit: try with fewer, later if even one is too many
                    if len(some) == 1:
                        self._later(batch[start:])
                        break
                    limit = max(len(some) // 2, 1)
                    continue
                start += len(some)

    def _later(self, batch: Sequence[_Tracked]) -> None:
        for tracked in batch:
            wait = _RETRY_SECONDS[min(tracked.refusals, len(_RETRY_SECONDS) - 1)]
            tracked.refusals += 1
            tracked.ready_at = time.monotonic() + wait

    def _submit(self, batch: Sequence[_Tracked], request: Request) -> bool | None:
        """Submit jobs as one array. True: done or reported; None: refused for a limit, or no answer."""
        token = uuid.uuid4().hex[:16]
        rule = batch[0].record.rule
        for tracked in batch:
            tracked.record.submitted = time.time()
            tracked.progress_before = read_progress(_path_or_none(tracked.record.state_folder))
        submission = Submission(
            token=token,
            script_folder=str(self.folder / "".join(c if c.isalnum() or c in "_-." else "_" for c in rule)),
            is_array=len(batch) > 1,
            jobs=[tracked.record for tracked in batch],
            indices={tracked.record.key: index for index, tracked in enumerate(batch)},
            cluster=self._cluster,
        )
        tasks = [self._task(tracked, request) for tracked in batch]
        try:
            self.backend.submit(submission, tasks, request, self.records)
        except CommandError as error:
            return self._refused(batch, error)
        now = time.monotonic()
        for tracked in batch:
            tracked.phase = "running"
            tracked.submitted_at = now
            tracked.missing_since = None
            tracked.refusals = 0
            self._register(tracked)
        array = batch[0].record.job_id.split("_")[0]
        self.logger.info(
            f"Submitted {len(batch)} jobs of rule {rule} as SLURM array {array}."
            if len(batch) > 1
            else f"Submitted rule {rule} as {self._cluster} job {array}."
        )
        rows = []
        for tracked in batch:
            record = tracked.record
            self.logger.info(
                f"Job {tracked.job.jobid} ({tracked.title}) is {record.job_id}, log: {record.log}"
            )
            job_id, _, index = record.job_id.partition("_")
            rows.append((job_id, index, record.rule, record.wildcards, record.attempt, record.log))
        append_jobs_csv(self.folder, rows)
        return True

    def _task(self, tracked: _Tracked, request: Request) -> Task:
        settings = self.workflow.executor_settings
        seconds = int(settings.signal_seconds)
        if request.minutes is not None:
            # The signal may come up to 60 s early; a short job must not be warned at its start.
            seconds = max(min(seconds, request.minutes * 15), 1)
        return Task(
            folder=self.folder,
            key=tracked.record.key,
            command=tracked.command,
            cpus=request.cpus,
            where=self._cluster,
            max_requeues=int(settings.max_requeues),
            may_requeue=bool(settings.requeue),
            state=_path_or_none(tracked.record.state_folder),
            minutes=request.minutes,
            signal_seconds=seconds,
        )

    def _refused(self, batch: Sequence[_Tracked], error: CommandError) -> bool | None:
        detail = error.detail
        if is_submit_limit(detail) or not error.answered or is_busy(detail):
            if batch[0].refusals == 0 and len(batch) == 1:
                kind = "a limit on submitted jobs" if is_submit_limit(detail) else "no answer"
                self.logger.info(
                    f"SLURM does not take rule {batch[0].record.rule} now ({kind}: {detail}); it is tried "
                    f"again later."
                )
            return None
        for tracked in batch:
            self._fail(
                tracked,
                f"SLURM refused it: {detail}. Check slurm_partition, slurm_account, qos, gpu, gpu_model, "
                f"mem_mb, cpus_per_task and runtime of the rule or the profile",
            )
        return True

    def _register(self, tracked: _Tracked) -> None:
        tracked.info.external_jobid = tracked.record.job_id
        with contextlib.suppress(OSError):
            tracked.job.register(external_jobid=tracked.record.job_id)

    # --- watching ---

    def _tell_interruptions(self) -> None:
        names = self._names_in("requeues")
        for tracked in self._tracked.values():
            if tracked.phase != "running" or tracked.record.key not in names:
                continue
            stops = self._files(tracked).interruptions()
            for stop in stops[tracked.told_interruptions :]:
                self.logger.info(
                    f"SLURM job {tracked.record.job_id} ({tracked.title}) was interrupted: {stop['why']}, "
                    f"{describe_progress(stop.get('progress'))}; requeued {stop.get('requeued', '')} "
                    f"({stops.index(stop) + 1} of at most {self.workflow.executor_settings.max_requeues})."
                )
            tracked.told_interruptions = len(stops)

    def _look_at_running(self, results: set[str], now: float) -> None:
        for tracked in list(self._tracked.values()):
            if tracked.phase != "running":
                continue
            if tracked.record.key in results:
                result = read_json(self._files(tracked).result)
                if result is not None and self._take_result(tracked, result, now):
                    continue
            if self._queue_answered <= tracked.submitted_at:
                continue  # squeue has not been asked since: nothing is known
            if tracked.record.job_id in self._queue:
                tracked.missing_since = None
            elif tracked.missing_since is None:
                tracked.missing_since = now
            elif now - tracked.missing_since >= self.latency_wait:
                self._start_explaining(tracked, None, now)

    def _take_result(self, tracked: _Tracked, result: dict[str, Any], now: float) -> bool:
        """Act on a job's own word. True if that ends the matter."""
        outcome = result.get("outcome")
        if outcome == "success":
            self._succeed(tracked)
            return True
        if outcome == "interrupted":
            # SLURM decides what comes next; its queue must have been asked after the job wrote this.
            if not result.get("noted") and (
                tracked.record.job_id in self._queue or self._queue_answered <= tracked.submitted_at
            ):
                return False
            if not result.get("noted") and tracked.missing_since is None:
                tracked.missing_since = now
        self._start_explaining(tracked, result, now)
        return True

    def _start_explaining(self, tracked: _Tracked, result: dict[str, Any] | None, now: float) -> None:
        tracked.phase = "explaining"
        tracked.result = result
        tracked.explain_until = now + _REASON_SECONDS
        if result is not None and (result.get("message") or result.get("noted")):
            tracked.explain_until = now  # it has said all that there is

    def _explain_ended(self, now: float) -> None:
        ended = [tracked for tracked in self._tracked.values() if tracked.phase == "explaining"]
        asking = [tracked for tracked in ended if now < tracked.explain_until or tracked.result is None]
        endings: dict[str, Ending] = {}
        if asking:
            endings = self.backend.endings([tracked.record.job_id for tracked in asking])
        for tracked in ended:
            ending = endings.get(tracked.record.job_id)
            if ending is None and now < tracked.explain_until and self._cluster == "slurm":
                continue
            self._settle(tracked, ending)

    def _settle(self, tracked: _Tracked, ending: Ending | None) -> None:
        """A job has ended, and not with a good result: succeed, submit it anew, or fail."""
        result, record = tracked.result, tracked.record
        state = state_of(result, ending, record.log)
        if result is None and state == "COMPLETED":
            self._succeed(tracked)  # its result file is late; Snakemake checks the outputs itself
            return
        if result is not None and result.get("message"):
            self._fail(tracked, explain(state, result, ending, tracked.request, record.log))
            return
        progress = read_progress(_path_or_none(record.state_folder))
        noted = result is not None and bool(result.get("noted"))
        saved = progress != tracked.progress_before or (result is not None and bool(result.get("saved")))
        interrupted = noted or state in TAKEN_STATES
        if state == "TIMEOUT" and record.state_folder is not None:
            interrupted = True
        if interrupted:
            stops = self._files(tracked).interruptions()
            stop = Interruption(
                why="time limit" if state == "TIMEOUT" else state or str((result or {}).get("why", "signal")),
                saved=saved,
                progress_before=tracked.progress_before,
                progress=progress,
                earlier=len(stops) - (1 if noted else 0),
                ran_seconds=0.0,
            )
            message = (
                None if noted else reason_to_fail(stop, int(self.workflow.executor_settings.max_requeues))
            )
            if message is None:
                if not noted:
                    content = {
                        "why": stop.why,
                        "progress": progress,
                        "saved": saved,
                        "requeued": "by Snakemake",
                    }
                    write_json(self._files(tracked).requeues, {"interruptions": [*stops, content]})
                self._submit_anew(tracked, stop)
                return
            what = explain(state, result, ending, tracked.request, record.log)
            self._fail(tracked, what if message.startswith(state or "-") else f"{what}; {message}")
            return
        if state == "CANCELLED":
            self._fail(tracked, explain(state, result, ending, tracked.request, record.log), retry=False)
            return
        further = ""
        if state == "OUT_OF_MEMORY":
            factor = self._memory_factor.get(record.target, 1) * _MEMORY_GROWTH
            self._memory_factor[record.target] = factor
            grown = tracked.request.with_memory_factor(factor).memory_mb
            further = f"A next attempt (--retries) asks for {grown} MB."
        request = tracked.request.with_memory_factor(record.memory_factor)
        self._fail(tracked, explain(state, result, ending, request, record.log), further)

    def _submit_anew(self, tracked: _Tracked, stop: Interruption) -> None:
        files, old = self._files(tracked), tracked.record
        files.result.unlink(missing_ok=True)
        self.records.account_for(old.key)
        self.logger.info(
            f"SLURM job {old.job_id} ({tracked.title}) was interrupted: {stop.why}, "
            f"{describe_progress(stop.progress)}; submitted anew, as the same attempt."
        )
        tracked.told_interruptions = len(files.interruptions())
        tracked.record = dataclasses.replace(old, job_id="", pickle="", log="")
        tracked.result = None
        tracked.missing_since = None
        tracked.phase = "waiting"
        tracked.ready_at = time.monotonic()

    def _succeed(self, tracked: _Tracked) -> None:
        self._release(tracked)
        self.report_job_success(tracked.info)

    def _fail(self, tracked: _Tracked, what: str, further: str = "", retry: bool = True) -> None:
        record = tracked.record
        self._release(tracked)
        if not retry:
            # Snakemake would start it again under --retries; a cancelled job stays cancelled.
            with contextlib.suppress(AttributeError):
                tracked.job.attempt = tracked.job.restart_times + 1
        kind = "SLURM" if self._cluster == "slurm" else self._cluster.capitalize()
        title = f"{kind} job {record.job_id} ({tracked.title})" if record.job_id else f"Job {tracked.title}"
        if record.job_id:
            own = [os.path.abspath(str(path)) for path in tracked.job.log]
            message = error_message(title, what, [*own, record.log], further)
        else:
            message = f"{title}: {what}.\n    "
        self.report_job_error(tracked.info, msg=message)

    def _release(self, tracked: _Tracked) -> None:
        """The job is accounted for: its record and small files go, its log stays."""
        self._tracked.pop(id(tracked.info), None)
        self._files(tracked).remove()
        self.records.account_for(tracked.record.key)
        if tracked.record.job_id and tracked.record.log:
            for name in ("submitted", "0_result"):
                with contextlib.suppress(OSError):
                    (Path(tracked.record.log).parent / f"{tracked.record.job_id}_{name}.pkl").unlink()


def _path_or_none(path: str | None) -> Path | None:
    return Path(path) if path else None


def _members(job: JobExecutorInterface) -> list[Any]:
    return list(job.jobs) if job.is_group() else [job]


def _target_of(job: JobExecutorInterface) -> str:
    """What names the same job in the next run of Snakemake: its rule and its outputs."""
    parts = []
    for member in _members(job):
        made = sorted(str(path) for path in member.output)
        wildcards = sorted((member.wildcards_dict or {}).items())
        parts.append(f"{member.rule.name}|{'|'.join(made) or wildcards}")
    return "\n".join(sorted(parts))


def _digest_of_job(job: JobExecutorInterface) -> str:
    """Digest of parameters and inputs, of all members for a group."""
    params: list[Any] = []
    inputs: list[tuple[str, bool]] = []
    for member in _members(job):
        params.extend((member.rule.name, repr(key), value) for key, value in _params(member))
        inputs.extend((str(path), bool(getattr(path, "is_ancient", False))) for path in member.input)
    return digest_of(sorted(params, key=repr), inputs)


def _params(job: Any) -> list[tuple[Any, Any]]:
    """Parameters that are not merely derived from inputs and outputs, as Snakemake compares them."""
    return list(enumerate(job.non_derived_params))


def _state_folder(job: JobExecutorInterface) -> str | None:
    """``params.state`` of a rule that can resume."""
    if job.is_group():
        return None
    state = dict(job.params.items()).get("state")
    return os.path.abspath(state) if isinstance(state, str) and state else None
