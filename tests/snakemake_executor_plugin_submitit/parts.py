"""The plugin's parts around one ledger, with the fake scheduler below and stand-ins for Snakemake's jobs."""

import logging
import time
import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from snakemake_executor_plugin_submitit.backends import SlurmBackend
from snakemake_executor_plugin_submitit.job_endings import JobEndings
from snakemake_executor_plugin_submitit.ledger import Ledger, TrackedJob
from snakemake_executor_plugin_submitit.records import JobRecord, Records, prepare_folder
from snakemake_executor_plugin_submitit.recovery import Recovery
from snakemake_executor_plugin_submitit.resources import request_of
from snakemake_executor_plugin_submitit.settings import ExecutorSettings
from snakemake_executor_plugin_submitit.slurm_queue import SlurmQueue
from snakemake_executor_plugin_submitit.sources import Sources
from snakemake_executor_plugin_submitit.submission import Submitter

from tests.snakemake_executor_plugin_submitit.workflows import wait_until


class Job(SimpleNamespace):
    """A Snakemake job."""

    def __init__(self, outputs: list[str], logs: list[str]) -> None:
        super().__init__(jobid=1, attempt=1, restart_times=3, output=outputs, log=logs)

    def is_group(self) -> bool:
        return False

    def register(self, external_jobid: str) -> None:
        self.external_jobid = external_jobid


class Parts:
    """One run of the plugin in a folder; a second one finds what the first has left."""

    def __init__(self, folder: Path) -> None:
        self.logger = logging.getLogger("plugin")
        self.succeeded: list[Any] = []
        self.errors: list[str] = []
        self.moves: list[tuple[Any, Any]] = []
        backend = SlurmBackend()
        self.ledger = Ledger(Records(prepare_folder(folder)), self)
        self.settings = ExecutorSettings()
        self.queue = SlurmQueue(backend, self.ledger, self.logger, 10.0)
        self.submitter = Submitter(self.ledger, backend, self.settings, self.logger)
        self.endings = JobEndings(self.ledger, self.queue, backend, self.logger)
        self.endings.latency_wait = 0.0
        self.recovery = Recovery(self.ledger, self.queue, backend, self.logger)
        move = self.ledger._move

        def noted(tracked: TrackedJob, event: Any) -> None:
            before = tracked.state
            move(tracked, event)
            self.moves.append((before, event))

        self.ledger._move = noted  # type: ignore[method-assign]

    def report_job_success(self, job_info: Any) -> None:
        self.succeeded.append(job_info)

    def report_job_error(self, job_info: Any, msg: str | None = None) -> None:
        self.errors.append(str(msg))

    def take(self, command: str, digest: str = "d", **changes: Any) -> TrackedJob:
        """Put a job into the ledger."""
        tracked = self.job(command, digest, **changes)
        self.ledger.take(tracked)
        return tracked

    def job(self, command: str, digest: str = "d", **changes: Any) -> TrackedJob:
        """A job with the output ``policy``, not in the ledger yet."""
        info: Any = SimpleNamespace(
            job=Job(changes.pop("outputs", []), changes.pop("logs", [])), external_jobid=""
        )
        sources = Sources(digest, digest, "", {}, frozenset())
        record = JobRecord(
            key=uuid.uuid4().hex[:16],
            rule="train",
            wildcards={},
            target="train|policy",
            attempt=1,
            **{**sources.as_record(), **changes},
        )
        request = request_of("train", {"mem_mb": 500, "runtime": 5}, 1)
        return TrackedJob(info, record, request, command, "train", sources)

    def submit(self, tracked: TrackedJob) -> None:
        """Submit what is ready, of which a job is a part."""
        self.submitter.submit_waiting(max(time.monotonic(), tracked.ready_at), lambda: False)

    def look(self) -> None:
        """Ask squeue and look at the running jobs."""
        results = self.endings.names_in("results")
        self.queue.ask(time.monotonic())
        self.endings.look(results, time.monotonic())
        self.ledger.records.flush()

    def look_until(self, *states: Any, tracked: TrackedJob) -> None:
        """Look until a job is in one of these states."""

        def reached() -> bool:
            self.look()
            return tracked.state in states

        wait_until(reached, 180, f"{states} is reached")

    def recorded(self) -> list[JobRecord]:
        """The records on disk."""
        self.ledger.records.flush()
        submissions = Records(self.ledger.records.folder).load()
        return [record for submission in submissions for record in submission.jobs]
