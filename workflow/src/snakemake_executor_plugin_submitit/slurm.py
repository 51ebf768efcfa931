"""Every SLURM command the plugin calls, and the reading of what they print.

The commands are wrapped once (:class:`Slurm`), so that tests fake them once; the parsers are plain
functions on text, so that they are tested on recorded output without a cluster.
"""

import os
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .errors import CommandError

# Variables of an outer allocation (salloc, sbatch) would bind the new jobs to it. Where the
# configuration lies and how times are printed are no part of an allocation.
_KEPT_VARIABLES = frozenset({"SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_TIME_FORMAT", "SLURM_CLUSTERS"})

# Pending reasons that waiting cannot cure. Each with what to look at.
HOPELESS_REASONS: Mapping[str, str] = {
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

# The name of a violated limit, such as QOSMaxSubmitJobPerUserLimit; those on submitted jobs pass with time.
_LIMIT_NAME = re.compile(r"\b(?:QOS|Assoc|Partition)(?:Max|Grp|Min)\w+")
_SUBMIT_LIMIT = re.compile(r"Submit|MaxJobCount|job submit limit|[Tt]oo many jobs")
_BUSY_PATTERN = re.compile(
    r"[Uu]nable to contact slurm controller|Socket timed out|[Cc]onnection (refused|reset|timed out)"
    r"|temporarily unable to accept|Resource temporarily unavailable|Zero Bytes were transmitted"
    r"|Transport endpoint|Unexpected message received|[Bb]ackup controller|did not answer",
)


def is_submit_limit(text: str) -> bool:
    """Whether sbatch refused for a limit on submitted jobs, so that waiting helps.

    The sentence "job submit limit, user's size and/or time limits" follows any violated limit; only the name
    before it tells which. Old versions give no name.
    """
    names = _LIMIT_NAME.findall(text)
    return any(bool(_SUBMIT_LIMIT.search(part)) for part in (names or [text]))


def is_busy(text: str) -> bool:
    """Whether sbatch failed because the controller did not answer in time.

    The job may have been accepted all the same, so look for it before submitting again.
    """
    return bool(_BUSY_PATTERN.search(text))


@dataclass(frozen=True)
class QueuedJob:
    """One line of squeue: a job, or one task of an array, that SLURM still holds."""

    job_id: str
    state: str
    reason: str
    comment: str


@dataclass(frozen=True)
class Ending:
    """How a job ended, as SLURM tells it.

    Attributes:
        state: the first word of SLURM's state, such as ``OUT_OF_MEMORY``, ``TIMEOUT``, ``FAILED``.
        exit_code: as SLURM prints it, ``code:signal``.
        node: where it ran, empty when not told.
        detail: the rest of the state ("by 1000") or SLURM's reason, empty when there is none.
    """

    state: str
    exit_code: str = ""
    node: str = ""
    detail: str = ""


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
    """Read ``sacct -X -n -P -o JobID,State,ExitCode,NodeList``: job id to how it ended.

    A line for steps (``12.batch``) is read only for OUT_OF_MEMORY, which some versions record on the
    step and not on the job.
    """
    endings: dict[str, Ending] = {}
    starved: set[str] = set()
    for line in text.splitlines():
        parts = line.strip().split("|")
        if len(parts) < 3 or not parts[0]:
            continue
        state, _, detail = parts[1].strip().rstrip("+").partition(" ")
        if "." in parts[0]:
            if state == "OUT_OF_MEMORY":
                starved.add(parts[0].split(".")[0])
            continue
        for job_id in _expand_array(parts[0]):
            endings[job_id] = Ending(state, parts[2], parts[3] if len(parts) > 3 else "", detail)
    for job_id in starved & endings.keys():
        if endings[job_id].state == "FAILED":
            endings[job_id] = Ending("OUT_OF_MEMORY", endings[job_id].exit_code, endings[job_id].node)
    return endings


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
    """How a job ended from ``scontrol show job``, which knows it for MinJobAge seconds; None if alive."""
    state = fields.get("JobState", "")
    if not state or state in ALIVE_STATES:
        return None
    reason = fields.get("Reason", "")
    return Ending(
        state,
        fields.get("ExitCode", ""),
        fields.get("BatchHost", fields.get("NodeList", "")),
        "" if reason == "None" else reason,
    )


# States of a job that SLURM still holds or has put back; everything else has ended.
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


def log_tells_out_of_memory(text: str) -> bool:
    """Whether a log holds slurmstepd's word that the job ran out of memory.

    Without cgroups the state reads FAILED with exit code 9:0 or 0:9, and this line is all there is.
    """
    return bool(_OOM_LOG_PATTERN.search(text))


@dataclass(frozen=True)
class ClusterLimits:
    """What the controller allows: the largest array (tasks), and whether arrays are allowed at all."""

    max_array_tasks: int


def parse_limits(text: str) -> ClusterLimits:
    """Read MaxArraySize and max_array_tasks from ``scontrol show config``; 1 means no arrays."""
    size = re.search(r"^MaxArraySize\s*=\s*(\d+)", text, re.MULTILINE)
    tasks = re.search(r"max_array_tasks=(\d+)", text)
    # SLURM's default is 1001; the largest index is MaxArraySize - 1, so as many tasks fit.
    limit = int(size.group(1)) if size else 1001
    if tasks:
        limit = min(limit, int(tasks.group(1)))
    return ClusterLimits(max(limit, 1))


class Slurm:
    """SLURM's commands, each in a session of its own, without variables of an outer allocation.

    A session of its own, because a Ctrl-C in the terminal reaches every process of the foreground
    group: an sbatch killed half-way may leave a job that nobody has written down.
    """

    def __init__(self, timeout_seconds: float = 60.0) -> None:
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
                env=clean_environment(os.environ),
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
            raise CommandError("sbatch", f"printed {output.strip()!r} in place of a job id")
        return job_id

    def queue(self) -> dict[str, QueuedJob]:
        """All of this user's jobs that SLURM still holds, in one call.

        Raises:
            CommandError: no answer, so that nothing is known of any job.
        """
        return parse_squeue(self.call(["squeue", "-h", "-r", "--me", "-o", "%i|%T|%r|%k"]))

    def endings(self, job_ids: Sequence[str]) -> dict[str, Ending]:
        """How jobs ended: from sacct, and for those it does not tell, from the controller's memory.

        Jobs that neither knows, or that are not over, are absent from the answer.
        """
        endings: dict[str, Ending] = {}
        try:
            for some in _chunks(sorted(job_ids), 200):
                text = self.call(
                    ["sacct", "-n", "-P", "-o", "JobID,State,ExitCode,NodeList", "-j", ",".join(some)]
                )
                endings.update(parse_sacct(text))
        except CommandError:
            pass  # no accounting on this cluster, or it does not answer
        known = {
            job_id: endings[job_id]
            for job_id in job_ids
            if job_id in endings and endings[job_id].state not in ALIVE_STATES
        }
        # One call a job, so only for a few at a time.
        for job_id in [job_id for job_id in job_ids if job_id not in known][:20]:
            ending = ending_from_scontrol(self.show_job(job_id))
            if ending is not None:
                known[job_id] = ending
        return known

    def show_job(self, job_id: str) -> dict[str, str]:
        """The controller's fields of one job, empty if it knows nothing or does not answer."""
        try:
            return parse_scontrol_job(self.call(["scontrol", "show", "job", "-o", job_id]))
        except CommandError:
            return {}

    def limits(self) -> ClusterLimits:
        """The largest array this cluster takes.

        Raises:
            CommandError: no answer.
        """
        return parse_limits(self.call(["scontrol", "show", "config"]))

    def cancel(self, job_ids: Iterable[str]) -> None:
        """Cancel jobs. Jobs that are already gone are no error.

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
        """Put a running job back into the queue.

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
