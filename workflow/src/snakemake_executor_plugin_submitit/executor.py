"""The executor: what Snakemake calls, and the look at all jobs that is repeated until they have ended.

Two threads share the work. Snakemake's own calls :meth:`Executor.run_jobs`, which only notes jobs in the
ledger. The polling thread does everything that talks to SLURM: submitting, adopting jobs of an earlier run,
asking, resubmitting. Ctrl-C is raised in the first thread only, so it cannot come between an sbatch and its
record.
"""

import asyncio
import shutil
import threading
import time
import uuid
from collections.abc import AsyncGenerator, Iterable, Sequence
from pathlib import Path
from typing import Any

from snakemake_interface_common.exceptions import WorkflowError

from .errors import CommandError
from .job_endings import JobEndings
from .ledger import Ledger, State, TrackedJob
from .profiles import check_profiles
from .records import JobRecord, Records, prepare_folder
from .recovery import Recovery
from .resources import refusal, request_of, unknown_resources
from .slurm_queue import SlurmQueue
from .snakemake_api import RemoteExecutor, SubmittedJobInfo
from .snakemake_job import (
    members_of,
    name_of,
    state_folder_of,
    target_of,
    title_of,
    wildcards_of,
)
from .sources import sources_of
from .submission import Submitter

_TICK_SECONDS = 0.25  # between two looks at the result files: one directory listing, no SLURM command
_GATHER_SECONDS = 0.15  # jobs that become ready together share an array


class Executor(RemoteExecutor):
    """Snakemake executor that submits through submitit."""

    _ready = False  # the base class starts the polling thread before __post_init__ is called

    def __post_init__(self) -> None:
        """Check settings and resources, and read what an earlier run has left.

        Raises:
            SubmititError: the folder, a setting, a profile or a rule's resources are not usable.
        """
        settings = self.workflow.executor_settings
        check_profiles()
        folder = prepare_folder(Path(settings.folder))
        self._allowed_resources = set(getattr(self.workflow, "global_resources", {}).keys())
        self._refuse_unknown_resources()
        from .backends import make_backend  # submitit is imported only where jobs are submitted

        self.backend = make_backend(settings.cluster, settings.job_prefix or "", self._submits())
        self.ledger = Ledger(Records(folder), self, settings.cluster)
        self.queue = SlurmQueue(self.backend, self.ledger, self.logger, float(settings.poll_interval))
        self.submitter = Submitter(self.ledger, self.backend, settings, self.logger)
        self.endings = JobEndings(self.ledger, self.queue, self.backend, self.logger)
        self.endings.latency_wait = float(self.workflow.execution_settings.latency_wait)
        self.endings.max_requeues = int(settings.max_requeues)
        self.recovery = Recovery(self.ledger, self.queue, self.backend, self.logger)
        self.recovery.code_counts = any(
            trigger.name.lower() == "code" for trigger in self.workflow.dag_settings.rerun_triggers
        )
        self.recovery.review(self.workflow)
        self._refuse_unknown_resources()
        self._work = threading.RLock()
        self._wake = threading.Event()
        self._stopping = False
        self._job_cores: int | None = None
        self._ready = True

    def _submits(self) -> bool:
        """Whether some job is for the cluster; `snakemake cost` has none, and works on a laptop."""
        jobs = getattr(self.workflow.dag, "needrun_jobs", lambda: None)()
        return jobs is None or any(not job.is_local for job in jobs)

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

    def run_jobs(self, jobs: Sequence[Any]) -> None:
        """Take ready jobs; the polling thread submits them."""
        taken = []
        for job in jobs:
            self.run_job_pre(job)
            tracked = self._prepare(job)
            if tracked is not None:
                taken.append(tracked)
        with self._work:
            for tracked in taken:
                self.ledger.take(tracked)
        self._wake.set()

    def run_job(self, job: Any) -> None:
        """Take one ready job."""
        self.run_jobs([job])

    def _prepare(self, job: Any) -> TrackedJob | None:
        """Describe one job; None if its resources are refused, which is reported as its error."""
        info = SubmittedJobInfo(job=job)
        # Outputs are marked incomplete before sbatch is called: after a kill at any later moment,
        # half-written files must not be taken for complete ones.
        self.report_job_submission(info)
        name, wildcards = name_of(job), wildcards_of(job)
        try:
            request = request_of(name, dict(job.resources.items()), job.threads, self._allowed_resources)
            self._job_cores = max(int(job.threads), request.cpus)
            command = self.format_job_exec(job)
        except WorkflowError as error:
            self.report_job_error(info, msg=f"{error}\n    ")
            return None
        finally:
            self._job_cores = None
        target = target_of(members_of(job))
        sources = sources_of(members_of(job))
        record = JobRecord(
            key=uuid.uuid4().hex[:16],
            rule=name,
            wildcards=wildcards,
            target=target,
            **sources.as_record(),
            attempt=int(job.attempt),
            state_folder=state_folder_of(job),
            memory_factor=self.ledger.memory_factors.get(target, 1),
        )
        return TrackedJob(
            info=info,
            record=record,
            request=request,
            command=command,
            title=title_of(name, wildcards),
            sources=sources,
            forced=self._is_forced(job),
            ready_at=time.monotonic() + _GATHER_SECONDS,
        )

    def _is_forced(self, job: Any) -> bool:
        """Whether the user has asked for this job to run again, whatever there is of it."""
        settings = self.workflow.dag_settings
        if settings.forceall:
            return True
        forced = {str(item) for item in settings.forcerun}
        for member in members_of(job):
            if member.rule.name in forced or any(str(path) in forced for path in member.output):
                return True
            if settings.forcetargets and member in self.workflow.dag.targetjobs:
                return True
        return False

    def cancel_jobs(self, active_jobs: Iterable[SubmittedJobInfo]) -> None:
        """Cancel jobs, after the marks by which they know not to requeue themselves."""
        wanted = {id(info) for info in active_jobs}
        with self._work:
            self._cancel([tracked for tracked in self.ledger if id(tracked.info) in wanted])

    def cancel(self) -> None:
        """Ctrl-C: cancel all jobs, those being submitted at this moment too."""
        self._stopping = True
        self._wake.set()
        if self._ready:
            with self._work:  # the polling thread may be between sbatch and its record
                self._cancel(list(self.ledger))
        self.shutdown()

    def _cancel(self, jobs: Sequence[TrackedJob]) -> None:
        running = [tracked for tracked in jobs if tracked.state is State.RUNNING]
        for tracked in running:
            self.ledger.files(tracked).cancel_mark.touch(mode=0o600)
        if not running:
            return
        first = ", ".join(tracked.job_id for tracked in running[:20])
        try:
            self.backend.cancel([tracked.job_id for tracked in running])
        except CommandError as error:
            self.logger.error(
                f"{len(running)} jobs could not be cancelled ({error}) and may still run: {first}. The same "
                f"command waits for their end before it starts their work again."
            )
            return
        self.logger.info(
            f"Cancelled {len(running)} job{'s' if len(running) > 1 else ''}: {first}"
            f"{' ...' if len(running) > 20 else ''}"
        )

    def shutdown(self) -> None:
        """Stop the polling thread. Files that running jobs still need stay."""
        with self.lock:
            self.wait = False
        if self._ready:
            self._wake.set()
        self.wait_thread.join()
        if self._ready:
            self.ledger.drop_reported(lambda tracked: True)
            self.ledger.records.flush()
            if any(tracked.job_id for tracked in self.ledger) and not self._stopping:
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
        """Look at all jobs once; yields those that have not ended."""
        if self._ready and not self._stopping:
            with self._work:
                try:
                    self._tick()
                except OSError as error:  # a full disk, for example
                    raise WorkflowError(
                        f"The submitit folder {self.ledger.records.folder} cannot be written: "
                        f"{error.strerror or error}. Jobs that SLURM has run on; correct this and give the "
                        "same command again, which adopts them."
                    ) from None
        for info in active_jobs:
            if not self._ready or info in self.ledger:
                yield info

    def _tick(self) -> None:
        self.ledger.drop_reported(self._is_recorded)
        if not self._stopping and (len(self.ledger) or not self.recovery.swept):
            now = time.monotonic()
            results = self.endings.names_in("results")
            hurry = any(self.recovery.concerns(tracked) for tracked in self.ledger)
            self.queue.ask_if_due(now, hurry, watch=not self.recovery.swept)
            self.recovery.place_new_jobs(now)
            self.recovery.clear()
            if getattr(self.workflow.scheduler, "_user_kill", None):
                self.submitter.refuse_waiting(now)
            else:
                self.submitter.submit_waiting(now, lambda: self._stopping)
            self.endings.look(results, now)
        self.ledger.records.flush()

    def _is_recorded(self, tracked: TrackedJob) -> bool:
        """Whether Snakemake has recorded what a job's outputs were made from."""
        return all(self.workflow.dag.finished(member) for member in members_of(tracked.job))
