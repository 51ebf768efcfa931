"""Where jobs run: a SLURM cluster, this machine, or this process. All three go through submitit."""

import contextlib
import os
import shlex
import shutil
import signal
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from submitit.core.core import Job
from submitit.core.utils import DelayedSubmission, JobPaths
from submitit.local.debug import DebugExecutor
from submitit.local.local import LocalExecutor
from submitit.slurm.slurm import SlurmExecutor

from .errors import CommandError, SubmititError, UnknownSubmissionError
from .files import write_text
from .records import Records, Submission
from .resources import Request
from .slurm import Ending, QueuedJob, Slurm
from .task import Task
from .wrapper import run


class Backend(Protocol):
    """What the executor asks of a place where jobs run. Job ids are texts such as ``12_3``."""

    def max_array_tasks(self) -> int:
        """The largest array taken; 1 where there are none."""

    def submit(
        self, submission: Submission, tasks: Sequence[Task], request: Request, records: Records
    ) -> None:
        """Submit jobs of one rule and equal requests; they are recorded before and after.

        Raises:
            CommandError: refused, or no answer and no job in the queue.
            UnknownSubmissionError: no answer, so that nothing is known.
        """

    def find(self, submission: Submission) -> str | None:
        """The job id of a submission that has not been answered; None if SLURM does not have it.

        Raises:
            CommandError: no answer, so that nothing is known.
        """

    def discard(self, submission: Submission, records: Records) -> None:
        """Remove the files of a submission that SLURM does not have."""

    def complete(self, submission: Submission, job_id: str, records: Records) -> None:
        """Record the job ids and rename the pickles to where the jobs look for them; may be repeated."""

    def alive(self) -> dict[str, QueuedJob]:
        """Jobs that have not ended.

        Raises:
            CommandError: no answer, so that nothing is known.
        """

    def endings(self, submitted: Mapping[str, float]) -> dict[str, Ending]:
        """How jobs ended, as far as it is known.

        Args:
            submitted: job id to the time of its submission, in seconds since 1970.
        """

    def cancel(self, job_ids: Iterable[str]) -> None:
        """Cancel jobs; those that have ended are not errors.

        Raises:
            CommandError: no answer.
        """


class _SlurmSubmitter(SlurmExecutor):
    """submitit's SLURM executor with sbatch called through :class:`Slurm`.

    submitit writes the script and the pickles and runs them in the job. The difference to submitit: the
    pickles are written before sbatch is called, so that a kill at any moment leaves a submission that can
    be completed; and sbatch is out of reach of Ctrl-C.
    """

    def __init__(self, folder: Path, slurm: Slurm) -> None:
        """Write into a folder and call SLURM's commands through ``slurm``."""
        super().__init__(folder=folder, max_num_timeout=0)
        self.slurm = slurm
        self.warns_before_limit = True

    @property
    def _submitit_command_str(self) -> str:
        package = __name__.rpartition(".")[0]
        return f"{self.python} -u -m {package}.job {shlex.quote(str(self.folder))}"

    def _make_submission_file_text(self, command: str, uid: str) -> str:
        text: str = super()._make_submission_file_text(command, uid)
        if self.warns_before_limit:
            return text
        # submitit always asks for SIGUSR2 before the limit; it would kill a job that cannot resume.
        return "\n".join(line for line in text.split("\n") if not line.startswith("#SBATCH --signal="))

    def write_pickle(self, command_line: str) -> Path:
        """Pickle one command line under a temporary name."""
        path = Path(self.folder) / f"{uuid.uuid4().hex}.pkl"
        DelayedSubmission(run, command_line).dump(path)
        return path

    def write_script(self, token: str) -> Path:
        """Write the batch script."""
        path = Path(self.folder) / _script_name(token)
        write_text(path, self._make_submission_file_text(self._submitit_command_str, token))
        return path


def _script_name(token: str) -> str:
    return f".submission_{token}.sh"


def _script_of(submission: Submission) -> Path:
    """The batch script until the job id is known."""
    return Path(submission.script_folder) / _script_name(submission.token)


class SlurmBackend:
    """Jobs of a SLURM cluster."""

    def __init__(self, job_prefix: str = "", slurm: Slurm | None = None) -> None:
        """Ask nothing of SLURM yet: commands that submit no job run where there is none."""
        self.slurm = slurm or Slurm()
        self.job_prefix = job_prefix
        self._limit: int | None = None

    def check(self) -> None:
        """Check that this machine can submit.

        Raises:
            SubmititError: SLURM's commands are missing.
        """
        missing = [name for name in ("sbatch", "squeue", "scancel", "srun") if shutil.which(name) is None]
        if missing:
            raise SubmititError(
                f"SLURM's {', '.join(missing)} cannot be found here: run Snakemake on a login node of the "
                f"cluster, or use --submitit-cluster local."
            )

    def max_array_tasks(self) -> int:
        """The controller's limit, asked for once."""
        if self._limit is None:
            try:
                self._limit = self.slurm.limits().max_array_tasks
            except CommandError:
                return 1001  # SLURM's default; asked again next time
        return self._limit

    def submit(
        self, submission: Submission, tasks: Sequence[Task], request: Request, records: Records
    ) -> None:
        """Submit one job or one array by sbatch; see :class:`Backend`."""
        folder = Path(submission.script_folder)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        submitter = _SlurmSubmitter(folder, self.slurm)
        resumes = any(task.state is not None for task in tasks)
        submitter.warns_before_limit = resumes
        options: dict[str, Any] = dict(request.sbatch_options())
        options["comment"] = submission.token
        options["requeue" if all(task.may_requeue for task in tasks) else "no-requeue"] = True
        submitter.parameters = {
            "job_name": f"{self.job_prefix}{submission.jobs[0].rule}",
            "time": None,  # in the options where the rule has a runtime; else the partition's default
            "nodes": None,
            "wckey": None,
            "signal_delay_s": max(task.signal_seconds for task in tasks),
            "stderr_to_stdout": True,
            "array_parallelism": len(tasks),
            "additional_parameters": options,
            # Since 22.05 a step does not inherit the cores of its job.
            "srun_args": ["--cpus-per-task", str(request.cpus)],
        }
        if submission.is_array:
            submitter.parameters["map_count"] = len(tasks)
        for record, task in zip(submission.jobs, tasks, strict=True):
            record.pickle = str(submitter.write_pickle(task.command_line()))
        script = submitter.write_script(submission.token)
        records.add(submission)
        try:
            job_id = self.slurm.submit(str(script))
        except CommandError as error:
            if error.answered:
                self.discard(submission, records)
                raise
            try:
                found = self.find(submission)
            except CommandError:
                raise UnknownSubmissionError(error, submission) from None
            if found is None:
                self.discard(submission, records)
                raise
            job_id = found
        self.complete(submission, job_id, records)

    def find(self, submission: Submission) -> str | None:
        """The job id of a submission, from the comment of its jobs; None if no job in the queue has it.

        Raises:
            CommandError: squeue does not answer.
        """
        for job in self.slurm.queue().values():
            if job.comment == submission.token:
                return job.job_id.split("_")[0]
        return None

    def discard(self, submission: Submission, records: Records) -> None:
        """Remove the record, the script and the pickles of a submission that SLURM does not have."""
        records.forget(submission)
        script = _script_of(submission)
        for path in (script, *(Path(record.pickle) for record in submission.jobs)):
            with contextlib.suppress(OSError):
                path.unlink()

    def complete(self, submission: Submission, job_id: str, records: Records) -> None:
        """See :class:`Backend`."""
        folder = Path(submission.script_folder)
        # The record comes last: one without job ids is completed by the next Snakemake, after a kill here.
        for record in submission.jobs:
            index = submission.indices[record.key]
            record.job_id = f"{job_id}_{index}" if submission.is_array else job_id
            paths = JobPaths(folder, job_id=record.job_id)
            record.log = str(paths.stdout)
            with contextlib.suppress(FileNotFoundError):
                os.rename(record.pickle, paths.submitted_pickle)
        with contextlib.suppress(FileNotFoundError):
            os.rename(_script_of(submission), folder / f"{job_id}_submission.sh")
        records.add(submission)

    def alive(self) -> dict[str, QueuedJob]:
        """What squeue lists."""
        return self.slurm.queue()

    def endings(self, submitted: Mapping[str, float]) -> dict[str, Ending]:
        """See :class:`Backend`."""
        return self.slurm.endings(submitted)

    def cancel(self, job_ids: Iterable[str]) -> None:
        """Cancel by scancel; see :class:`Backend`."""
        self.slurm.cancel(job_ids)


class _OneMachine:
    """What the backends without a scheduler share: one job a submission, answered at once."""

    def max_array_tasks(self) -> int:
        """There are no arrays."""
        return 1

    def find(self, submission: Submission) -> str | None:
        """None: a submission is answered at once."""
        return None

    def discard(self, submission: Submission, records: Records) -> None:
        """Remove the record."""
        records.forget(submission)

    def complete(self, submission: Submission, job_id: str, records: Records) -> None:
        """Record the job id: that of the controller's process, or submitit's own."""
        for record in submission.jobs:
            record.job_id = job_id
            record.log = str(JobPaths(Path(submission.script_folder), job_id=job_id).stdout)
        records.add(submission)

    def endings(self, submitted: Mapping[str, float]) -> dict[str, Ending]:
        """Nothing is known beyond the jobs' result files."""
        return {}


class LocalBackend(_OneMachine):
    """Jobs of this machine: submitit's local controllers, which outlive Snakemake as SLURM jobs do."""

    def __init__(self) -> None:
        """Start without jobs."""
        self._jobs: dict[str, Job[int]] = {}

    def submit(
        self, submission: Submission, tasks: Sequence[Task], request: Request, records: Records
    ) -> None:
        """Start one job under submitit's local controller."""
        folder = Path(submission.script_folder)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        executor = LocalExecutor(folder, max_num_timeout=0)
        (task,) = tasks
        gres = str(dict(request.options).get("gres", ""))
        gpus = sum(int(part.rsplit(":", 1)[1]) for part in gres.split(",") if part.startswith("gpu:"))
        executor.update_parameters(
            timeout_min=request.minutes or 30 * 24 * 60,
            signal_delay_s=task.signal_seconds if task.state is not None else 0,
            stderr_to_stdout=True,
            gpus_per_node=gpus,
        )
        records.add(submission)
        job = executor.submit(run, task.command_line())
        self._jobs[job.job_id] = job
        self.complete(submission, job.job_id, records)

    def alive(self) -> dict[str, QueuedJob]:
        """The controllers that run, also those of an earlier Snakemake (Linux)."""
        alive = {job_id for job_id, job in self._jobs.items() if job.state == "RUNNING"}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and entry.name not in self._jobs:
                with contextlib.suppress(OSError):
                    if b"submitit.local._local" in (entry / "cmdline").read_bytes():
                        alive.add(entry.name)
        return {job_id: QueuedJob(job_id, "RUNNING", "None", "") for job_id in alive}

    def cancel(self, job_ids: Iterable[str]) -> None:
        """Interrupt the controllers."""
        alive = self.alive()
        for job_id in job_ids:
            if job_id in alive:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(job_id), signal.SIGINT)


class DebugBackend(_OneMachine):
    """Jobs one after the other in this process, to look into a rule with a debugger."""

    def submit(
        self, submission: Submission, tasks: Sequence[Task], request: Request, records: Records
    ) -> None:
        """Run one job to its end."""
        folder = Path(submission.script_folder)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (task,) = tasks
        job = DebugExecutor(folder).submit(run, task.command_line())
        self.complete(submission, job.job_id, records)
        job.results()

    def alive(self) -> dict[str, QueuedJob]:
        """None: a job has ended when it is submitted."""
        return {}

    def cancel(self, job_ids: Iterable[str]) -> None:
        """There is nothing to cancel."""


def make_backend(cluster: str, job_prefix: str = "", submits: bool = True) -> Backend:
    """The backend of a ``--submitit-cluster`` value.

    Args:
        cluster: slurm, local or debug.
        job_prefix: of the jobs' names.
        submits: whether there is a job to submit; if not, SLURM may be absent.

    Raises:
        SubmititError: SLURM is asked for and its commands are missing.
    """
    makers: Mapping[str, Any] = {
        "slurm": lambda: SlurmBackend(job_prefix),
        "local": LocalBackend,
        "debug": DebugBackend,
    }
    backend: Backend = makers[cluster]()
    if submits and isinstance(backend, SlurmBackend):
        backend.check()
    return backend
