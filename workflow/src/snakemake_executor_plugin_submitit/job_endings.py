"""How running jobs end: results are read, missing jobs noticed, reasons asked for, and consequences drawn."""

import logging
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .files import read_json, write_json
from .interruptions import Interruption, describe_progress, read_progress, reason_to_fail
from .ledger import Ledger, State, TrackedJob
from .reasons import TAKEN_STATES, explain, state_of
from .slurm import Ending
from .slurm_queue import SlurmQueue

if TYPE_CHECKING:
    from .backends import Backend

_REASON_SECONDS = 20.0  # how long sacct may lag behind the end of a job
_MEMORY_GROWTH = 2


class JobEndings:
    """Watches the running jobs of the ledger and acts on their ends."""

    def __init__(self, ledger: Ledger, queue: SlurmQueue, backend: "Backend", logger: logging.Logger) -> None:
        """Watch a ledger's jobs. ``latency_wait`` and ``max_requeues`` are set by the executor."""
        self.latency_wait = 5.0  # seconds until a file that a node has written must be seen here
        self.max_requeues = 50
        self._ledger = ledger
        self._queue = queue
        self._backend = backend
        self._logger = logger

    def names_in(self, folder: str) -> set[str]:
        """Keys of the jobs that have a file in a folder; listing a folder also makes NFS look again."""
        try:
            names = os.listdir(self._ledger.records.folder / folder)
        except OSError:
            return set()
        return {name.split(".")[0] for name in names if name[0] != "."}

    def look(self, results: set[str], now: float) -> None:
        """Look at all running and ended jobs once.

        Args:
            results: :meth:`names_in` of the folder ``results`` before squeue was asked, so that a job whose
                result is missing has been running when squeue was called, or has ended without one.
            now: in seconds of the monotonic clock.
        """
        self._report_interruptions()
        for tracked in self._ledger.in_state(State.RUNNING):
            self._look_at_running(tracked, results, now)
        self._explain_ended(now)

    def _report_interruptions(self) -> None:
        names = self.names_in("requeues")
        for tracked in self._ledger.in_state(State.RUNNING):
            if tracked.record.key not in names:
                continue
            stops = self._ledger.files(tracked).interruptions()
            for number, stop in enumerate(stops[tracked.reported_interruptions :]):
                self._logger.info(
                    f"SLURM job {tracked.job_id} ({tracked.title}) was interrupted: {stop['why']}, "
                    f"{describe_progress(stop.get('progress'))}; requeued {stop.get('requeued', '')} "
                    f"({tracked.reported_interruptions + number + 1} of at most {self.max_requeues})."
                )
            tracked.reported_interruptions = len(stops)

    def _look_at_running(self, tracked: TrackedJob, results: set[str], now: float) -> None:
        if tracked.record.key in results:
            result = read_json(self._ledger.files(tracked).result)
            if result is not None and self._take_result(tracked, result, now):
                return
        if self._queue.answered <= tracked.submitted_at:
            return  # squeue has not been asked since: nothing is known
        if tracked.record in self._queue:
            tracked.missing_since = None
        elif tracked.missing_since is None:
            tracked.missing_since = now
        elif now - tracked.missing_since >= self.latency_wait:
            self._ledger.explain(tracked, None, now + _REASON_SECONDS)

    def _take_result(self, tracked: TrackedJob, result: dict[str, Any], now: float) -> bool:
        """Act on a result file. False if SLURM's queue has to be asked first."""
        outcome = result.get("outcome")
        if outcome == "success":
            self._ledger.succeed(tracked)
            return True
        noted = bool(result.get("noted"))
        if outcome == "interrupted" and not noted:
            # SLURM decides what follows; its queue must have been asked after the job wrote this.
            if tracked.record in self._queue or self._queue.answered <= tracked.submitted_at:
                return False
            if tracked.missing_since is None:
                tracked.missing_since = now
        complete = noted or bool(result.get("message"))  # SLURM has nothing to add
        self._ledger.explain(tracked, result, now if complete else now + _REASON_SECONDS)
        return True

    def _explain_ended(self, now: float) -> None:
        ended = self._ledger.in_state(State.EXPLAINING)
        asking = [tracked for tracked in ended if now < tracked.explain_until or tracked.result is None]
        endings: Mapping[str, Ending] = {}
        if asking:
            endings = self._backend.endings({tracked.job_id: tracked.record.submitted for tracked in asking})
        for tracked in ended:
            ending = endings.get(tracked.job_id)
            if ending is None and now < tracked.explain_until and self._ledger.cluster == "slurm":
                continue
            self._conclude(tracked, ending)

    def _conclude(self, tracked: TrackedJob, ending: Ending | None) -> None:
        """A job has ended without a good result: it succeeds, is submitted again, or fails."""
        result = tracked.result
        state = state_of(result, ending, tracked.log)
        if result is None and state == "COMPLETED":
            self._ledger.succeed(tracked)  # its result file is late; Snakemake checks the outputs itself
        elif result is not None and result.get("message"):
            self._ledger.fail(tracked, str(result["message"]))
        elif self._was_interrupted(tracked, state):
            self._after_interruption(tracked, state, ending)
        else:
            self._fail(tracked, state, ending)

    def _was_interrupted(self, tracked: TrackedJob, state: str) -> bool:
        """Whether the job was stopped and did not fail."""
        noted = tracked.result is not None and bool(tracked.result.get("noted"))
        resumes = tracked.record.state_folder is not None
        return noted or state in TAKEN_STATES or (state == "TIMEOUT" and resumes)

    def _after_interruption(self, tracked: TrackedJob, state: str, ending: Ending | None) -> None:
        """Submit an interrupted job again, or fail it where that would not help."""
        result = tracked.result or {}
        noted = bool(result.get("noted"))
        files = self._ledger.files(tracked)
        stops = files.interruptions()
        progress = read_progress(tracked.state_folder)
        stop = Interruption(
            why="time limit" if state == "TIMEOUT" else state or str(result.get("why", "signal")),
            saved=progress != tracked.progress_before or bool(result.get("saved")),
            progress_before=tracked.progress_before,
            progress=progress,
            earlier=len(stops) - (1 if noted else 0),
            ran_seconds=0.0,
        )
        refusal = None if noted else reason_to_fail(stop, self.max_requeues)
        if refusal is not None:
            what = explain(state, tracked.result, ending, tracked.request, tracked.log)
            self._ledger.fail(tracked, what if refusal.startswith(state or "-") else f"{what}; {refusal}")
            return
        if not noted:
            content = {"why": stop.why, "progress": progress, "saved": stop.saved, "requeued": "by Snakemake"}
            write_json(files.requeues, {"interruptions": [*stops, content]})
        self._ledger.resubmit(tracked, stop)

    def _fail(self, tracked: TrackedJob, state: str, ending: Ending | None) -> None:
        record = tracked.record
        further = ""
        if state == "OUT_OF_MEMORY":
            factors = self._ledger.memory_factors
            factor = factors[record.target] = factors.get(record.target, 1) * _MEMORY_GROWTH
            grown = tracked.request.with_memory_factor(factor).memory_mb
            if grown is not None:
                further = f"A next attempt (--retries) asks for {grown} MB."
        request = tracked.request.with_memory_factor(record.memory_factor)
        what = explain(state, tracked.result, ending, request, tracked.log)
        if not state and tracked.result is None and self._ledger.cluster != "slurm":
            what = "its process ended without a result"
        # A job that somebody has cancelled stays cancelled; one that SLURM has lost may be tried again.
        cancelled = state == "CANCELLED" and not (ending is not None and ending.vanished)
        self._ledger.fail(tracked, what, further, retry=not cancelled)
