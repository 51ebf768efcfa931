"""The queue of SLURM as squeue last listed it, and jobs that wait in it for something that does not come."""

import logging
from typing import TYPE_CHECKING

from .errors import CommandError
from .ledger import Ledger, State, TrackedJob
from .records import JobRecord
from .slurm import LASTING_REASONS, QueuedJob

if TYPE_CHECKING:
    from .backends import Backend

_SECONDS_TO_WARN = 60.0
_OLDEST_ANSWER_SECONDS = 5.0
_SECONDS_IN_A_HURRY = 2.0


class SlurmQueue:
    """The last answer of squeue, which is asked once for all jobs together.

    Attributes:
        jobs: job id to its line.
        asked: when squeue was last called, in seconds of the monotonic clock.
        answered: when it last answered.
        silent_since: since when it does not answer; None while it does.
    """

    def __init__(self, backend: "Backend", ledger: Ledger, logger: logging.Logger, interval: float) -> None:
        """Start without an answer.

        Args:
            backend: where squeue is called.
            ledger: the jobs to watch.
            logger: for the user.
            interval: seconds between two calls.
        """
        self.jobs: dict[str, QueuedJob] = {}
        self.asked = float("-inf")
        self.answered = float("-inf")
        self.silent_since: float | None = None
        self._backend = backend
        self._ledger = ledger
        self._logger = logger
        self._interval = interval
        self._pending: dict[str, tuple[str, float]] = {}
        self._warned: set[tuple[str, str]] = set()

    def __contains__(self, record: JobRecord) -> bool:
        """Whether the last answer lists a job."""
        return record.job_id in self.jobs

    def is_fresh(self, now: float) -> bool:
        """Whether the last call was answered, less than five seconds ago."""
        return self.answered >= self.asked and now - self.answered <= _OLDEST_ANSWER_SECONDS

    def ask_if_due(self, now: float, hurry: bool, watch: bool) -> None:
        """Call squeue unless it was called a moment ago.

        Args:
            now: in seconds of the monotonic clock.
            hurry: whether a job waits for the answer.
            watch: whether there is anything to watch apart from the tracked jobs.
        """
        since = now - self.asked
        if hurry or self._ledger.in_state(State.CLEARING):
            due = since >= _SECONDS_IN_A_HURRY
        else:
            watch = watch or bool(self._ledger.in_state(State.RUNNING, State.EXPLAINING))
            due = watch and since >= self._interval
        if due:
            self.ask(now)

    def ask(self, now: float) -> None:
        """Call squeue. No answer means that nothing is known, not that the jobs are gone."""
        self.asked = now
        try:
            self.jobs = self._backend.alive()
        except CommandError as error:
            if self.silent_since is None:
                self.silent_since = now
                self._logger.info(
                    f"{error}. The state of {len(self._ledger)} jobs is unknown; none is given up, SLURM is "
                    f"asked again."
                )
            return
        if self.silent_since is not None:
            self._logger.info(f"SLURM answers again after {now - self.silent_since:.0f} s.")
            self.silent_since = None
        self.answered = now
        self.warn_of_lasting_reasons(now)

    def warn_of_lasting_reasons(self, now: float) -> None:
        """Name once, after a minute, jobs that are pending for a reason that waiting does not fix."""
        found: dict[tuple[str, str], list[TrackedJob]] = {}
        for tracked in self._ledger:
            reason = self._pending_reason(tracked)
            seen, since = self._pending.get(tracked.record.key, ("", now))
            if reason != seen:
                since = now
            self._pending[tracked.record.key] = (reason, since)
            if reason in LASTING_REASONS and now - since >= _SECONDS_TO_WARN:
                found.setdefault((tracked.job_id.split("_")[0], reason), []).append(tracked)
        for (job_id, reason), jobs in found.items():
            if (job_id, reason) in self._warned:
                continue
            self._warned.add((job_id, reason))
            self._logger.error(
                f"SLURM job {job_id} (rule {jobs[0].record.rule}, {len(jobs)} pending) has waited for a "
                f"minute for {reason}, which does not pass by waiting: {LASTING_REASONS[reason]}."
            )

    def _pending_reason(self, tracked: TrackedJob) -> str:
        queued = self.jobs.get(tracked.job_id)
        if queued is None or queued.state != "PENDING":
            return ""
        # squeue prints "(ReqNodeNotAvail, UnavailableNodes:n1)" for some reasons.
        return queued.reason.strip("()").split(",")[0].strip()
