"""The files in the plugin's folder, by which no job is lost and none runs twice.

The folder (mode 0700, because submitit reads pickles from it) contains:

- ``jobs.csv``: one line per submitted job, for people.
- ``records/<submission>.json``: the jobs of one sbatch call whose end has not been reported to Snakemake yet.
  It is written before sbatch is called, so that a kill of Snakemake leaves no job unrecorded.
- ``results/<key>.json``: how a job ended, written by the job itself.
- ``requeues/<key>.json``: each interruption of a job, written by the job itself.
- ``cancelled/<key>``: a mark that Snakemake cancels the job, set before ``scancel``.
- ``<rule>/``: submitit's files of a rule's jobs: script, pickles, logs.

A key names one attempt of one Snakemake job; requeues keep it.
"""

import contextlib
import csv
import io
import os
import re
import stat
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .errors import SubmititError
from .files import read_json, write_json
from .snakemake_job import format_wildcards

JOBS_CSV_COLUMNS = ("job_id", "array_index", "rule", "wildcards", "attempt", "log")

# The record of an ended job is dropped after this time if no run has asked for the job.
_KEEP_ENDED_SECONDS = 30 * 24 * 3600


def prepare_folder(folder: Path) -> Path:
    """Make the folder with mode 0700, or refuse one that others can write to.

    Returns:
        The folder's absolute path.

    Raises:
        SubmititError: it is not a folder, it belongs to another user, or others can write to it.
    """
    folder = Path(os.path.abspath(folder.expanduser()))
    try:
        folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        found = folder.stat()
    except OSError as error:
        raise SubmititError(
            f"The submitit folder {folder} cannot be made ({error.strerror}); set another with "
            f"--submitit-folder."
        ) from None
    if found.st_uid != os.geteuid():
        raise SubmititError(
            f"The submitit folder {folder} belongs to another user; jobs read pickles from it, and a pickle "
            f"can run any code. Choose a folder that is yours with --submitit-folder."
        )
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise SubmititError(
            f"The submitit folder {folder} can be written to by others (mode {found.st_mode & 0o777:04o}); "
            f"jobs read pickles from it, and a pickle can run any code. If you trust its content, run "
            f"chmod 700 {folder}; otherwise choose another folder with --submitit-folder."
        )
    try:
        os.chmod(folder, 0o700)
        for name in ("records", "results", "requeues", "cancelled"):
            (folder / name).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise SubmititError(
            f"The submitit folder {folder} cannot be written ({error.strerror}); free some space, or set "
            "another with --submitit-folder."
        ) from None
    return folder


class JobFiles:
    """The paths of one job's files, for the plugin and for the job itself."""

    def __init__(self, folder: Path, key: str) -> None:
        """Name the files of one key.

        Raises:
            ValueError: the key is not 8 to 64 hexadecimal digits, so it could name a path elsewhere.
        """
        if not re.fullmatch(r"[0-9a-f]{8,64}", key):
            raise ValueError(f"{key!r} is not a job's key")
        self.folder = folder
        self.key = key

    @property
    def result(self) -> Path:
        """How the job ended."""
        return self.folder / "results" / f"{self.key}.json"

    @property
    def requeues(self) -> Path:
        """The interruptions so far."""
        return self.folder / "requeues" / f"{self.key}.json"

    @property
    def cancel_mark(self) -> Path:
        """Present when Snakemake itself cancels the job."""
        return self.folder / "cancelled" / self.key

    def interruptions(self) -> list[dict[str, Any]]:
        """Each interruption so far: why, and the progress at that time."""
        return list((read_json(self.requeues) or {}).get("interruptions", []))

    def remove(self) -> None:
        """Remove the files, once the job's end has been reported."""
        for path in (self.result, self.requeues, self.cancel_mark):
            with contextlib.suppress(OSError):
                path.unlink()


@dataclass
class JobRecord:
    """One job of a submission.

    Attributes:
        key: names this attempt; see the module.
        rule: rule name, or the group's.
        wildcards: its wildcards; empty for a group.
        target: rule and outputs, a line for each member of a group: equal for the same job in a later run.
        digest, parameters, code_digest, inputs: what the job's result follows from, see
            :class:`~.sources.Sources`; records of earlier versions have the digest alone.
        attempt: Snakemake's attempt, counted from 1.
        pickle: path of submitit's pickle until the job id is known.
        job_id: ``12`` or ``12_3``; empty before sbatch has answered.
        log: the job's log.
        state_folder: folder of the job's resumable state, or None.
        submitted: seconds since 1970.
        memory_factor: by how much the rule's memory is multiplied, after OUT_OF_MEMORY.
        logs_before: date (ns) and size (bytes) of the rule's log files when the job was submitted: a log that
            has not changed since is not this job's. None in records of earlier versions.
    """

    key: str
    rule: str
    wildcards: dict[str, str]
    target: str
    digest: str
    attempt: int
    pickle: str = ""
    job_id: str = ""
    log: str = ""
    state_folder: str | None = None
    submitted: float = 0.0
    memory_factor: int = 1
    parameters: str = ""
    code_digest: str = ""
    inputs: dict[str, str] | None = None
    logs_before: dict[str, list[int]] | None = None


@dataclass
class Submission:
    """The jobs of one sbatch call.

    Attributes:
        token: names the submission; also the SLURM comment of its jobs, by which they are found again.
        script_folder: submitit's folder of these jobs.
        is_array: whether the job ids end in ``_<index>``.
        jobs: those whose end has not been reported yet.
        indices: array index of each key.
        cluster: ``slurm``, ``local`` or ``debug``.
    """

    token: str
    script_folder: str
    is_array: bool
    jobs: list[JobRecord]
    indices: dict[str, int] = field(default_factory=dict)
    cluster: str = "slurm"


class Records:
    """The records of a folder, the same in memory and on disk."""

    def __init__(self, folder: Path) -> None:
        """Start without records; :meth:`load` reads those of earlier runs."""
        self.folder = folder
        self.unreadable: list[Path] = []
        self._submissions: dict[str, Submission] = {}
        self._token_of: dict[str, str] = {}
        self._changed: set[str] = set()

    def files(self, key: str) -> JobFiles:
        """Paths of one job."""
        return JobFiles(self.folder, key)

    def load(self) -> list[Submission]:
        """Read the records of earlier runs of Snakemake.

        Files that this version cannot read stay, and are named in ``unreadable``.
        """
        found = []
        for path in sorted((self.folder / "records").glob("*.json")):
            content = read_json(path)
            if content is None:
                self.unreadable.append(path)
                continue
            try:
                content["jobs"] = [JobRecord(**job) for job in content["jobs"]]
                submission = Submission(**content)
            except (KeyError, TypeError):
                self.unreadable.append(path)  # written by a later version of the plugin, which can read it
                continue
            found.append(submission)
            self._remember(submission)
        return found

    def _remember(self, submission: Submission) -> None:
        self._submissions[submission.token] = submission
        for job in submission.jobs:
            self._token_of[job.key] = submission.token

    def _path(self, token: str) -> Path:
        return self.folder / "records" / f"{token}.json"

    def add(self, submission: Submission) -> None:
        """Record a submission, before sbatch is called and again when the job ids are known."""
        self._remember(submission)
        write_json(self._path(submission.token), asdict(submission))
        self._changed.discard(submission.token)

    def forget(self, submission: Submission) -> None:
        """Drop a submission that sbatch has refused."""
        for job in submission.jobs:
            self._token_of.pop(job.key, None)
        self._submissions.pop(submission.token, None)
        self._changed.discard(submission.token)
        with contextlib.suppress(OSError):
            self._path(submission.token).unlink()

    def account_for(self, key: str) -> None:
        """Drop a job whose end has been reported from its record, on disk at the next :meth:`flush`."""
        token = self._token_of.pop(key, None)
        if token is None:
            return
        submission = self._submissions[token]
        submission.jobs = [job for job in submission.jobs if job.key != key]
        self._changed.add(token)

    def flush(self) -> None:
        """Write the changed records, one write per sbatch call however many jobs have ended."""
        for token in list(self._changed):
            submission = self._submissions[token]
            if submission.jobs:
                write_json(self._path(token), asdict(submission))
            else:
                self._submissions.pop(token)
                with contextlib.suppress(OSError):
                    self._path(token).unlink()
            self._changed.discard(token)

    def prune(self, alive: Iterable[str], now: float | None = None) -> None:
        """Drop ended jobs that no run has asked for in a month.

        Args:
            alive: job ids that SLURM has in its queue.
            now: seconds since 1970; the present if None.
        """
        queued = set(alive)
        oldest = (now or time.time()) - _KEEP_ENDED_SECONDS
        for submission in list(self._submissions.values()):
            for job in list(submission.jobs):
                if job.job_id not in queued and job.submitted < oldest:
                    self.files(job.key).remove()
                    self.account_for(job.key)
        self.flush()


def append_jobs_csv(folder: Path, rows: Iterable[tuple[str, str, str, Mapping[str, str], int, str]]) -> None:
    """Add lines (job id, array index, rule, wildcards, attempt, log) to ``jobs.csv`` in one write."""
    path = folder / "jobs.csv"
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if not path.exists() or path.stat().st_size == 0:
        writer.writerow(JOBS_CSV_COLUMNS)
    for job_id, index, rule, wildcards, attempt, log in rows:
        writer.writerow((job_id, index, rule, format_wildcards(wildcards), attempt, log))
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(handle, text.getvalue().encode())
    finally:
        os.close(handle)
