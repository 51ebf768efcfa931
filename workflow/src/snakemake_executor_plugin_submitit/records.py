"""What the plugin writes down in its folder, so that nothing is lost and nothing runs twice.

The folder (0700, because submitit reads pickles from it) holds:

- ``jobs.csv``: one line per submitted job, for people.
- ``records/<submission>.json``: the jobs of one sbatch call that have not been accounted for yet. It is
  written before sbatch is called, so that no kill of Snakemake leaves a job unrecorded.
- ``results/<key>.json``: how a job ended, written by the job itself.
- ``requeues/<key>.json``: each interruption of a job, written by the job itself.
- ``cancelled/<key>``: a mark that we cancel the job, set before ``scancel``.
- ``<rule>/``: submitit's own files of a rule's jobs: script, pickles, logs.

A key names one attempt of one Snakemake job; requeues keep it.
"""

import contextlib
import csv
import hashlib
import io
import json
import os
import re
import stat
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .errors import SubmititError

JOBS_CSV_COLUMNS = ("job_id", "array_index", "rule", "wildcards", "attempt", "log")

# Ended jobs nobody has asked for since: their records are dropped at the next start.
_KEEP_ENDED_SECONDS = 30 * 24 * 3600


def prepare_folder(folder: Path) -> Path:
    """Make the folder with mode 0700, or refuse one into which others could write.

    Raises:
        SubmititError: it is no folder, belongs to somebody else, or others can write to it.
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
            f"The submitit folder {folder} belongs to another user; jobs read pickles from it, which can "
            f"run anything, so choose a folder of your own with --submitit-folder."
        )
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise SubmititError(
            f"The submitit folder {folder} can be written to by others (mode {found.st_mode & 0o777:04o}); "
            f"jobs read pickles from it, which can run anything. If you trust what is in it, run "
            f"chmod 700 {folder}; otherwise choose another with --submitit-folder."
        )
    os.chmod(folder, 0o700)
    for name in ("records", "results", "requeues", "cancelled"):
        (folder / name).mkdir(mode=0o700, exist_ok=True)
    return folder


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write aside and move, so that a reader sees the old file or the new one, never half of it."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(content, file, sort_keys=True)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def read_json(path: Path) -> dict[str, Any] | None:
    """A file of :func:`write_json`, None if it is missing or (on a failing disk) unreadable."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


class JobFiles:
    """The paths of one job, known both to the plugin and to the job itself."""

    def __init__(self, folder: Path, key: str) -> None:
        if not re.fullmatch(r"[0-9a-f]{8,64}", key):
            raise ValueError(f"{key!r} is no key of a job")
        self.folder = folder
        self.key = key

    @property
    def result(self) -> Path:
        """How the job ended."""
        return self.folder / "results" / f"{self.key}.json"

    @property
    def requeues(self) -> Path:
        """Its interruptions so far."""
        return self.folder / "requeues" / f"{self.key}.json"

    @property
    def cancel_mark(self) -> Path:
        """Present when we cancel the job ourselves."""
        return self.folder / "cancelled" / self.key

    def interruptions(self) -> list[dict[str, Any]]:
        """Each interruption: why, when, how far the job had come."""
        return list((read_json(self.requeues) or {}).get("interruptions", []))

    def remove(self) -> None:
        """Remove all of them, once the job is accounted for."""
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
        target: what the job makes, in one text: equal for the same job in a later Snakemake run.
        digest: digest of parameters and inputs.
        attempt: Snakemake's attempt, counted from 1.
        pickle: where submitit's pickle waits until the job id is known.
        job_id: ``12`` or ``12_3``; empty before sbatch has answered.
        log: the job's log.
        state_folder: where the job keeps its resumable state, or None.
        submitted: seconds since 1970.
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


@dataclass
class Submission:
    """The jobs of one sbatch call.

    Attributes:
        token: also the SLURM comment of its jobs, by which they are found again.
        jobs: those not yet accounted for.
        script_folder: submitit's folder of these jobs.
        is_array: whether the job ids end in ``_<index>``.
        indices: array index of each key.
    """

    token: str
    script_folder: str
    is_array: bool
    jobs: list[JobRecord]
    indices: dict[str, int] = field(default_factory=dict)
    cluster: str = "slurm"


class Records:
    """The folder's records, kept in memory and on disk alike."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._submissions: dict[str, Submission] = {}
        self._token_of: dict[str, str] = {}
        self._changed: set[str] = set()

    def files(self, key: str) -> JobFiles:
        """Paths of one job."""
        return JobFiles(self.folder, key)

    def load(self) -> list[Submission]:
        """Read what earlier runs of Snakemake have left."""
        found = []
        for path in sorted((self.folder / "records").glob("*.json")):
            content = read_json(path)
            if content is None:
                continue
            try:
                content["jobs"] = [JobRecord(**job) for job in content["jobs"]]
                submission = Submission(**content)
            except (KeyError, TypeError):
                # A later version's record: leave it to that version.
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
        """A job has been dealt with: drop it from its record at the next :meth:`flush`."""
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
        """Forget ended jobs that no run has asked for in a month."""
        held = set(alive)
        oldest = (now or time.time()) - _KEEP_ENDED_SECONDS
        for submission in list(self._submissions.values()):
            for job in list(submission.jobs):
                if job.job_id not in held and job.submitted < oldest:
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


def format_wildcards(wildcards: Mapping[str, str]) -> str:
    """``method=iql, task=hopper-medium-v2``."""
    return ", ".join(f"{name}={value}" for name, value in wildcards.items())


def digest_of(
    params: Mapping[str, Any] | Iterable[Any],
    inputs: Iterable[tuple[str, bool]],
    small_bytes: int = 1_000_000,
) -> str:
    """Digest of a job's parameters and inputs: equal digests mean the same result.

    As in Snakemake's own decision to rerun, small files count by content and larger ones by date.

    Args:
        params: parameter values, named or not.
        inputs: (path, whether it is ``ancient``: then its content and date do not count).
        small_bytes: files up to this size are read.
    """
    items = sorted(params.items()) if isinstance(params, Mapping) else list(params)
    hasher = hashlib.sha256(json.dumps(items, sort_keys=True, default=_stable_repr).encode())
    for path, is_ancient in sorted(set(inputs)):
        hasher.update(f"\0{path}\0".encode())
        if is_ancient:
            continue
        try:
            found = os.stat(path)
        except OSError:
            hasher.update(b"missing")
            continue
        if stat.S_ISREG(found.st_mode) and found.st_size <= small_bytes:
            try:
                hasher.update(hashlib.sha256(Path(path).read_bytes()).digest())
                continue
            except OSError:
                pass
        hasher.update(f"{found.st_size} {found.st_mtime_ns}".encode())
    return hasher.hexdigest()[:16]


def _stable_repr(value: Any) -> str:
    """A repr that is the same in the next process: no addresses, sets in order."""
    if isinstance(value, (set, frozenset)):
        return repr(sorted(map(repr, value)))
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))
