"""Jobs of an earlier run of Snakemake: which are adopted, cancelled, run again, or counted as done.

A Snakemake that is killed leaves its jobs. They end without it, and the inner Snakemake of each removes the
mark "incomplete" from its outputs, so the next Snakemake would take them for complete, and would know
neither the parameters nor the inputs that they were made with: those are recorded by the outer Snakemake
alone, when a job's end is reported to it. So at its start the plugin compares what each recorded job was made
from with what it would be made from now (:meth:`Recovery.review`):

- ended well, from the same: Snakemake's record is written, and the job counts as done;
- ended, from others, or without a good result: the job is put on Snakemake's list of jobs to run.

Jobs that Snakemake wants to run meet the records when they are submitted (:meth:`Recovery.place_new_jobs`).
"""

import contextlib
import logging
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .errors import CommandError
from .files import read_json
from .ledger import Ledger, State, TrackedJob
from .records import JobRecord, Submission
from .slurm_queue import SlurmQueue
from .snakemake_job import format_wildcards, target_of_member
from .sources import sources_of

if TYPE_CHECKING:
    from .backends import Backend


class Recovery:
    """The records that an earlier run has left."""

    def __init__(self, ledger: Ledger, queue: SlurmQueue, backend: "Backend", logger: logging.Logger) -> None:
        """Read the records.

        Args:
            ledger: of the jobs of this run.
            queue: SLURM's queue.
            backend: where jobs are cancelled and half-recorded submissions completed.
            logger: for the user.
        """
        self.code_counts = False  # whether --rerun-triggers has code
        self._ledger = ledger
        self._queue = queue
        self._backend = backend
        self._logger = logger
        self._left: dict[str, tuple[Submission, JobRecord]] = {}
        self._keys_of: dict[str, set[str]] = {}
        for submission in ledger.records.load():
            for record in submission.jobs:
                self._left[record.key] = (submission, record)
                for target in record.target.split("\n"):
                    self._keys_of.setdefault(target, set()).add(record.key)
        for path in ledger.records.unreadable:
            self._logger.error(
                f"The record {path} of submitted jobs cannot be read, perhaps because a later version wrote "
                f"it: its jobs are not adopted. Remove the file when they have ended."
            )
        self.swept = not self._left

    def concerns(self, tracked: TrackedJob) -> bool:
        """Whether an earlier run has left a record of a job that waits to be submitted."""
        return tracked.state is State.WAITING and bool(self._keys_with(tracked.record.target))

    # --- at the start ---

    def review(self, workflow: Any) -> None:
        """Compare the records with the jobs that Snakemake takes for complete.

        Args:
            workflow: Snakemake's workflow, whose DAG is built.
        """
        if not self._left:
            return
        jobs = {target_of_member(job): job for job in workflow.dag.jobs}
        wanted = set(workflow.dag.needrun_jobs())
        again: list[Any] = []
        for _, record in list(self._left.values()):
            members = [jobs.get(target) for target in record.target.split("\n")]
            if None in members:
                continue  # of other targets: kept for the run that asks for them
            complete = [member for member in members if member not in wanted and self._is_there(member)]
            complete = [member for member in complete if not _recorded_since(workflow, member, record)]
            if not complete:
                continue
            title = _title(record)
            result = read_json(self._ledger.records.files(record.key).result) or {}
            same = sources_of(members).are_those_of(record, self.code_counts)
            if same and result.get("outcome") == "success":
                for member in complete:
                    workflow.async_run(workflow.persistence.finished(member))
                self._logger.info(f"{title} ended well while Snakemake was away and counts as done.")
                if len(complete) == len(members):
                    self._forget(record)
                    self._ledger.drop(record)
                continue
            self._logger.info(f"{title} ran while Snakemake was away{_why_again(same, result)}")
            again.extend(complete)
        if again:
            _run_again(workflow, again)

    @staticmethod
    def _is_there(member: Any) -> bool:
        return all(os.path.exists(str(path)) for path in member.output)

    # --- while Snakemake runs ---

    def place_new_jobs(self, now: float) -> None:
        """Decide for new jobs whether a record of them is adopted, cancelled or dropped.

        Args:
            now: in seconds of the monotonic clock.
        """
        new = [tracked for tracked in self._ledger if self.concerns(tracked)]
        if self.swept and not new:
            return
        if not self._queue.is_fresh(now):
            # Unknown whether the earlier jobs live: submit nothing that might run twice.
            for tracked in new:
                tracked.ready_at = now + 1.0
            return
        self._complete_submissions()
        for tracked in new:
            self._decide(tracked)
        if not self.swept:
            self._sweep()
            self.swept = True

    def clear(self) -> None:
        """Release jobs whose previous jobs are gone from the queue; cancel the others once more."""
        if self._queue.silent_since is not None:
            return
        for tracked in self._ledger.in_state(State.CLEARING):
            alive = [record for record in tracked.previous_jobs if record in self._queue]
            for record in tracked.previous_jobs:
                if record not in alive:
                    self._ledger.drop(record)
            tracked.previous_jobs = alive
            if not alive:
                self._ledger.cleared(tracked)
            elif self._queue.answered == self._queue.asked:
                self._cancel(alive)

    def _complete_submissions(self) -> None:
        """Record the job ids of submissions that a kill has cut off between sbatch and its answer."""
        ids = {job.comment: job.job_id.split("_")[0] for job in self._queue.jobs.values() if job.comment}
        unfinished = {
            submission.token: submission
            for submission, record in self._left.values()
            if not record.job_id and submission.token in ids
        }
        for token, submission in unfinished.items():
            self._backend.complete(submission, ids[token], self._ledger.records)

    def _decide(self, tracked: TrackedJob) -> None:
        """Adopt, cancel or drop what an earlier run has left of a job."""
        alive: list[tuple[JobRecord, str | None]] = []
        ended: list[tuple[JobRecord, str | None]] = []
        for key in sorted(self._keys_with(tracked.record.target)):
            submission, record = self._left[key]
            self._forget(record)
            in_queue = submission.cluster == self._ledger.cluster and record in self._queue
            (alive if in_queue else ended).append((record, self._why_not_adopted(tracked, record)))
        if len(alive) == 1 and alive[0][1] is None:
            record = alive[0][0]
            self._ledger.adopt(tracked, record, f"it is {self._queue.jobs[record.job_id].state.lower()}")
        elif alive:
            self._ledger.clear(tracked, [(record, why or "runs more than once") for record, why in alive])
            self._cancel(tracked.previous_jobs)
        for record, why in ended:
            if (
                why is not None
                or tracked.state is not State.WAITING
                or not self._adopt_ended(tracked, record)
            ):
                self._say_why_dropped(tracked, record, why)
                self._ledger.drop(record)

    def _why_not_adopted(self, tracked: TrackedJob, record: JobRecord) -> str | None:
        """Why an earlier run's job may not do the work of a job, as a clause; None if it may."""
        if tracked.forced:
            return "is forced to run again"
        if self._ledger.records.files(record.key).cancel_mark.exists():
            return "was being cancelled"
        if record.target != tracked.record.target:
            return "makes other outputs too"
        if not tracked.sources.are_those_of(record, self.code_counts):
            return "has other parameters or inputs now"
        return None

    def _adopt_ended(self, tracked: TrackedJob, record: JobRecord) -> bool:
        """Adopt a job that will be resumed, or has ended well with its outputs there; False if neither."""
        outcome = (read_json(self._ledger.records.files(record.key).result) or {}).get("outcome")
        if outcome == "interrupted":
            self._ledger.adopt(tracked, record, "")
        elif outcome == "success" and self._is_there(tracked.job):
            self._ledger.adopt(tracked, record, "it has ended well meanwhile")
        else:
            return False
        return True

    def _say_why_dropped(self, tracked: TrackedJob, record: JobRecord, why: str | None) -> None:
        result = read_json(self._ledger.records.files(record.key).result)
        if result is None or tracked.state is not State.WAITING:
            return
        ended_well = result.get("outcome") == "success"
        if why is not None:
            what = f"ended {'well ' if ended_well else ''}meanwhile, but {why}"
        else:
            what = "ended well, but its outputs are gone" if ended_well else "failed meanwhile"
        self._logger.info(
            f"SLURM job {record.job_id} of an earlier run ({tracked.title}) {what}: submitted again."
        )

    def _cancel(self, records: Iterable[JobRecord]) -> None:
        """Cancel an earlier run's jobs, the cancel marks first, so that none of them requeues itself."""
        job_ids = []
        for record in records:
            self._ledger.records.files(record.key).cancel_mark.touch(mode=0o600)
            job_ids.append(record.job_id)
        with contextlib.suppress(CommandError):  # asked again while they are in the queue
            self._backend.cancel(job_ids)

    def _sweep(self) -> None:
        """Remove records of jobs that were being cancelled and are gone, and of jobs that ended long ago."""
        for _, record in list(self._left.values()):
            if record not in self._queue and self._ledger.records.files(record.key).cancel_mark.exists():
                self._forget(record)
                self._ledger.drop(record)
        self._ledger.records.prune(self._queue.jobs.keys())

    def _keys_with(self, target: str) -> set[str]:
        """Keys of the records that share an output with a target."""
        return set().union(*(self._keys_of.get(line, set()) for line in target.split("\n")))

    def _forget(self, record: JobRecord) -> None:
        """Look at a record no more."""
        self._left.pop(record.key, None)
        for target in record.target.split("\n"):
            keys = self._keys_of.get(target, set())
            keys.discard(record.key)
            if not keys:
                self._keys_of.pop(target, None)


def _why_again(same: bool, result: dict[str, Any]) -> str:
    """The end of the message on a job that does not count as done."""
    if not same:
        return ", but its parameters, inputs or code have changed since: it is run again."
    if result:
        return ", but it ended without a good result: it is run again."
    return " and has left no result: it is adopted if SLURM still has it, and otherwise run again."


def _title(record: JobRecord) -> str:
    wildcards = format_wildcards(record.wildcards)
    return f"SLURM job {record.job_id} ({record.rule}{', ' if wildcards else ''}{wildcards})"


def _recorded_since(workflow: Any, member: Any, record: JobRecord) -> bool:
    """Whether a later run of Snakemake has finished this job and recorded what it was made from."""
    found = [workflow.persistence.metadata(path) for path in member.output]
    return bool(found) and all(
        entry is not None and (entry.starttime or 0.0) > record.submitted for entry in found
    )


def _run_again(workflow: Any, jobs: Iterable[Any]) -> None:
    """Have Snakemake run jobs whose outputs it takes for complete, and what depends on them."""
    for job in jobs:
        workflow.persistence.started(job)  # marks the outputs as incomplete, for later runs too
        workflow.dag.forcefiles.update(job.output)
    workflow.async_run(workflow.dag.postprocess())
