"""Every SLURM command that the plugin calls, and the reading of what they print.

The commands are called in one place (:class:`Slurm`); the parsers are functions on text, so that they are
tested on recorded output without a cluster.
"""

import os
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from .errors import CommandError

# Variables of an outer allocation (salloc, sbatch) would bind the new jobs to it. These name the
# configuration and the format of times, and are not part of an allocation.
_KEPT_VARIABLES = frozenset({"SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_TIME_FORMAT", "SLURM_CLUSTERS"})

# How far the clocks of the controller and of this machine may differ (munge allows 300 s).
_CLOCK_SECONDS = 300.0

# Reasons for pending that waiting does not fix, each with what to look at.
LASTING_REASONS: Mapping[str, str] = {
    "InvalidAccount": "check slurm_account",
    "InvalidQOS": "check qos",
    "AccountNotAllowed": "check slurm_account for this partition",
    "QOSNotAllowed": "check qos for this account or partition",
    "BadConstraints": "check constraint, gpu, gpu_model, mem_mb and cpus_per_task: no node has all of them",
    "PartitionTimeLimit": "runtime is above the partition's limit",
    "PartitionNodeLimit": "more nodes are asked for than the partition has",
    "PartitionDown": "the partition is down: choose another slurm_partition or ask the site",
    "PartitionInactive": "the partition is inactive: choose another slurm_partition or ask the site",
    "QOSMaxWallDurationPerJobLimit": "runtime is above the qos's limit",
    "AssocMaxWallDurationPerJobLimit": "runtime is above the account's limit",
    "QOSMaxCpuPerJobLimit": "cpus_per_task is above the qos's limit",
    "QOSMaxMemoryPerJob": "mem_mb is above the qos's limit",
    "QOSMaxGRESPerJob": "gpu is above the qos's limit",
    "AssocMaxCpuPerJobLimit": "cpus_per_task is above the account's limit",
    "AssocMaxMemPerJob": "mem_mb is above the account's limit",
    "AssocMaxGRESPerJob": "gpu is above the account's limit",
    "MaxMemPerLimit": "mem_mb is above the limit of the partition",
    "JobHeldUser": "the job is held: scontrol release JOBID",
    "JobHeldAdmin": "the job is held by the site: ask there",
    "launch failed requeued held": "the job could not be launched and is held: scontrol release JOBID",
    "ReqNodeNotAvail": "the nodes that could run it are down or reserved",
    "DependencyNeverSatisfied": "it depends on a job that failed: check slurm_extra",
    "AssociationJobLimit": "the account allows no more jobs of this kind",
    "InvalidBBSpec": "check the burst buffer options in slurm_extra",
    "Licenses": "check the licences asked for in slurm_extra",
}

# The name of a violated limit, such as QOSMaxSubmitJobPerUserLimit.
_LIMIT_NAME = re.compile(r"\b(?:QOS|Assoc|Partition)(?:Max|Grp|Min)\w+")
_SUBMIT_LIMIT = re.compile(r"Submit|MaxJobCount|job submit limit|[Tt]oo many jobs")
_BUSY_PATTERN = re.compile(
    r"[Uu]nable to contact slurm controller|Socket timed out|[Cc]onnection (refused|reset|timed out)"
    r"|temporarily unable to accept|Resource temporarily unavailable|Zero Bytes were transmitted"
    r"|Transport endpoint|Unexpected message received|[Bb]ackup controller|did not answer",
)


def is_submit_limit(text: str) -> bool:
    """Whether sbatch refused because of a limit on submitted jobs, so that waiting helps.

    The words "job submit limit, user's size and/or time limits" follow any violated limit; only the name
    before them says which. Old versions print no name.
    """
    names = _LIMIT_NAME.findall(text)
    return any(bool(_SUBMIT_LIMIT.search(part)) for part in (names or [text]))


def is_busy(text: str) -> bool:
    """Whether sbatch failed because the controller did not answer in time.

    The job may have been accepted, so look for it before submitting again.
    """
    return bool(_BUSY_PATTERN.search(text))


@dataclass(frozen=True)
class QueuedJob:
    """One line of squeue: a job, or one task of an array, that has not ended."""

    job_id: str
    state: str
    reason: str
    comment: str


@dataclass(frozen=True)
class Ending:
    """How a job ended, as SLURM reports it.

    Attributes:
        state: the first word of SLURM's state, such as ``OUT_OF_MEMORY``, ``TIMEOUT``, ``FAILED``.
        exit_code: as SLURM prints it, ``code:signal``.
        node: where it ran, empty if not reported.
        detail: the rest of the state ("by 1000") or SLURM's reason, empty when there is none.
        vanished: whether nobody cancelled it although the state is CANCELLED: sacct names the user behind a
            cancellation, and the accounting also closes jobs that the controller has lost as CANCELLED.
        submitted: seconds since 1970, None if not reported.
    """

    state: str
    exit_code: str = ""
    node: str = ""
    detail: str = ""
    vanished: bool = False
    submitted: float | None = None

    def is_of_job_submitted_at(self, seconds: float) -> bool:
        """False if this is an older job of the same id: ids start again when a controller loses its state."""
        return self.submitted is None or self.submitted >= seconds - _CLOCK_SECONDS


def parse_squeue(text: str) -> dict[str, QueuedJob]:
    """Read ``squeue -h -r --me -o '%i|%T|%r|%k'``: job id (``12`` or ``12_3``) to its line."""
    jobs = {}
    for line in text.splitlines():
        parts = line.strip().split("|", 3)
        if len(parts) < 3 or not parts[0]:
            continue
        comment = parts[3] if len(parts) == 4 else ""
        for job_id in _expand_array(parts[0]):
            jobs[job_id] = QueuedJob(job_id, parts[1], parts[2], "" if comment == "(null)" else comment)
    return jobs


def _expand_array(job_id: str) -> list[str]:
    """``12_[0-2,5%3]`` to its tasks: very old squeue versions pack pending tasks in spite of -r."""
    match = re.fullmatch(r"(\d+)_\[([\d,\-]+)(?:%\d+)?\]", job_id)
    if not match:
        return [job_id]
    tasks: list[str] = []
    for part in match.group(2).split(","):
        first, _, last = part.partition("-")
        tasks.extend(f"{match.group(1)}_{index}" for index in range(int(first), int(last or first) + 1))
    return tasks


def parse_sacct(text: str) -> dict[str, Ending]:
    """Read ``sacct -n -P -o JobID,State,ExitCode,NodeList,Submit``: job id to how it ended.

    A line for a step (``12.batch``) is read only for OUT_OF_MEMORY, which some versions record on the
    step and not on the job.
    """
    endings: dict[str, Ending] = {}
    out_of_memory: set[str] = set()
    for line in text.splitlines():
        parts = line.strip().split("|")
        if len(parts) < 3 or not parts[0]:
            continue
        if "." in parts[0]:
            if parts[1].strip() == "OUT_OF_MEMORY":
                out_of_memory.add(parts[0].split(".")[0])
            continue
        for job_id in _expand_array(parts[0]):
            endings[job_id] = _ending_from_sacct(parts)
    for job_id in out_of_memory & endings.keys():
        if endings[job_id].state == "FAILED":
            endings[job_id] = replace(endings[job_id], state="OUT_OF_MEMORY")
    return endings


def _ending_from_sacct(parts: Sequence[str]) -> Ending:
    words = parts[1].strip()
    state, _, detail = words.rstrip("+").partition(" ")
    return Ending(
        state=state,
        exit_code=parts[2],
        node=parts[3] if len(parts) > 3 else "",
        detail=detail,
        vanished=words == "CANCELLED",  # "CANCELLED+" is cut off: a user may follow
        submitted=_seconds(parts[4]) if len(parts) > 4 else None,
    )


def _seconds(text: str) -> float | None:
    """A time as ``SLURM_TIME_FORMAT=%s`` prints it, or None."""
    return float(text) if re.fullmatch(r"\d{9,12}", text.strip()) else None


def parse_scontrol_job(text: str) -> dict[str, str]:
    """Read one line of ``scontrol show job -o``: key to value. Values with blanks end at the next key."""
    lines = text.strip().splitlines()
    if not lines:
        return {}
    return {
        match.group(1): match.group(2).strip()
        for match in re.finditer(r"(?:^|\s)([A-Za-z][\w/:]*)=(.*?)(?=\s[A-Za-z][\w/:]*=|$)", lines[0])
    }


def ending_from_scontrol(fields: Mapping[str, str]) -> Ending | None:
    """How a job ended from ``scontrol show job``, which knows it for MinJobAge seconds.

    None if it has not ended, or the controller does not know it.
    """
    state = fields.get("JobState", "")
    if not state or state in ALIVE_STATES:
        return None
    reason = fields.get("Reason", "")
    return Ending(
        state,
        fields.get("ExitCode", ""),
        fields.get("BatchHost", fields.get("NodeList", "")),
        "" if reason == "None" else reason,
        submitted=_seconds(fields.get("SubmitTime", "")),
    )


# States of a job that has not ended; a requeued job is among them.
ALIVE_STATES = frozenset(
    (
        *("PENDING", "RUNNING", "COMPLETING", "CONFIGURING", "SUSPENDED", "STOPPED", "RESIZING", "SIGNALING"),
        *("REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT", "STAGE_OUT", "RESV_DEL_HOLD"),
    )
)

_OOM_LOG_PATTERN = re.compile(
    r"oom[-_ ]?kill|Out Of Memory|Exceeded job memory limit|exceeded memory limit",
    re.IGNORECASE,
)


def log_shows_out_of_memory(text: str) -> bool:
    """Whether a log has slurmstepd's line that the job ran out of memory.

    Without cgroups the state reads FAILED with exit code 9:0 or 0:9, and this line is all there is.
    """
    return bool(_OOM_LOG_PATTERN.search(text))


@dataclass(frozen=True)
class ClusterLimits:
    """What the controller allows: the most tasks of an array; 1 where there are no arrays."""

    max_array_tasks: int


def parse_limits(text: str) -> ClusterLimits:
    """Read MaxArraySize and max_array_tasks from ``scontrol show config``."""
    size = re.search(r"^MaxArraySize\s*=\s*(\d+)", text, re.MULTILINE)
    tasks = re.search(r"max_array_tasks=(\d+)", text)
    # SLURM's default is 1001; the largest index is MaxArraySize - 1, so as many tasks fit.
    limit = int(size.group(1)) if size else 1001
    if tasks:
        limit = min(limit, int(tasks.group(1)))
    return ClusterLimits(max(limit, 1))


class Slurm:
    """SLURM's commands, each in a new session, without variables of an outer allocation.

    A new session, because a Ctrl-C in the terminal reaches every process of the foreground group: an
    sbatch killed half-way may leave a job without a record.
    """

    def __init__(self, timeout_seconds: float = 60.0) -> None:
        """Set how long a command may take, in seconds."""
        self.timeout_seconds = timeout_seconds

    def call(self, command: Sequence[str], timeout_seconds: float | None = None) -> str:
        """Run a command and return its stdout.

        Raises:
            CommandError: it failed (``answered``), timed out or is not installed (not ``answered``).
        """
        timeout = timeout_seconds or self.timeout_seconds
        try:
            done = subprocess.run(
                list(command),
                capture_output=True,
                stdin=subprocess.DEVNULL,
                text=True,
                errors="replace",
                timeout=timeout,
                # Times as seconds since 1970; how the user's commands print them does not matter here.
                env={**clean_environment(os.environ), "SLURM_TIME_FORMAT": "%s"},
                start_new_session=True,
            )
        except subprocess.TimeoutExpired:
            raise CommandError(command[0], f"did not answer within {timeout:.0f} s", False) from None
        except OSError as error:
            raise CommandError(command[0], f"cannot be run ({error.strerror})", False) from None
        if done.returncode != 0:
            detail = " ".join((done.stderr.strip() or done.stdout.strip() or "no message").split())
            raise CommandError(command[0], detail, not is_busy(detail))
        return done.stdout

    def submit(self, script: str) -> str:
        """Submit a batch script and return the job id.

        Raises:
            CommandError: refused, or no answer.
        """
        output = self.call(["sbatch", "--parsable", script])
        job_id = output.strip().splitlines()[-1].split(";")[0] if output.strip() else ""
        if not job_id.isdigit():
            raise CommandError("sbatch", f"printed {output.strip()!r} instead of a job id")
        return job_id

    def queue(self) -> dict[str, QueuedJob]:
        """All of this user's jobs that have not ended, in one call.

        Raises:
            CommandError: no answer, so that nothing is known of any job.
        """
        return parse_squeue(self.call(["squeue", "-h", "-r", "--me", "-o", "%i|%T|%r|%k"]))

    def endings(self, submitted: Mapping[str, float]) -> dict[str, Ending]:
        """How jobs ended: from sacct, and for those that it does not know, from the controller's memory.

        Args:
            submitted: job id to the time of its submission, in seconds since 1970.

        Returns:
            Job id to its ending. Jobs that neither knows, or that have not ended, are absent, and so is what
            is known of an older job with the same id.
        """
        endings: dict[str, Ending] = {}
        columns = "JobID,State,ExitCode,NodeList,Submit"
        try:
            for some in _chunks(sorted(submitted), 200):
                endings.update(
                    parse_sacct(self.call(["sacct", "-n", "-P", "-o", columns, "-j", ",".join(some)]))
                )
        except CommandError:
            pass  # no accounting on this cluster, or it does not answer
        known = {
            job_id: endings[job_id]
            for job_id, seconds in submitted.items()
            if job_id in endings
            and endings[job_id].state not in ALIVE_STATES
            and endings[job_id].is_of_job_submitted_at(seconds)
        }
        # One call a job, so only for a few at a time.
        for job_id in [job_id for job_id in submitted if job_id not in known][:20]:
            ending = ending_from_scontrol(self.show_job(job_id))
            if ending is not None and ending.is_of_job_submitted_at(submitted[job_id]):
                known[job_id] = ending
        return known

    def show_job(self, job_id: str) -> dict[str, str]:
        """The controller's fields of one job, empty if it does not know the job or does not answer."""
        try:
            return parse_scontrol_job(self.call(["scontrol", "show", "job", "-o", job_id]))
        except CommandError:
            return {}

    def limits(self) -> ClusterLimits:
        """The largest array that this cluster takes.

        Raises:
            CommandError: no answer.
        """
        return parse_limits(self.call(["scontrol", "show", "config"]))

    def cancel(self, job_ids: Iterable[str]) -> None:
        """Cancel jobs. Jobs that are already gone are not errors.

        Raises:
            CommandError: the controller did not answer.
        """
        for some in _chunks(sorted(set(job_ids)), 100):
            try:
                self.call(["scancel", *some])
            except CommandError as error:
                if not error.answered:
                    raise

    def requeue(self, job_id: str) -> None:
        """Requeue a running job.

        Raises:
            CommandError: not allowed here, already done, or no answer.
        """
        self.call(["scontrol", "requeue", job_id], timeout_seconds=20)


def clean_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables without those of an outer allocation."""
    return {
        name: value
        for name, value in variables.items()
        if not name.startswith(("SLURM_", "SLURMD_", "SRUN_")) or name in _KEPT_VARIABLES
    }


def _chunks(items: Sequence[str], size: int) -> list[Sequence[str]]:
    return [items[start : start + size] for start in range(0, len(items), size)]
