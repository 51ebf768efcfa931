"""How a job ended, in the words of Snakemake's error message."""

from collections.abc import Mapping, Sequence
from typing import Any

from .job_logs import JobLog
from .resources import Request
from .slurm import Ending, log_shows_out_of_memory

# SLURM took the machine away; the job did nothing wrong.
TAKEN_STATES = frozenset({"PREEMPTED", "NODE_FAIL", "BOOT_FAIL"})

# Exit codes of a job that the kernel killed: SLURM's own text, and the wrapper's.
_KILLED = ("9:0", "0:9", "0:125", "137:0")
_KILLED_CODES = (1, 9, 125, 137)

NO_LOG = JobLog("")


def state_of(result: Mapping[str, Any] | None, ending: Ending | None, log: JobLog) -> str:
    """SLURM's state of an ended job, with OUT_OF_MEMORY recognised also where SLURM says FAILED.

    Args:
        result: the job's result file, None if there is none.
        ending: what SLURM reports, None if nothing.
        log: the job's log.

    Returns:
        A state such as ``OUT_OF_MEMORY``, ``TIMEOUT``, ``FAILED``; empty if nothing is known.
    """
    state = ending.state if ending is not None else ""
    if state in ("", "FAILED", "COMPLETED") and result is not None and result.get("outcome") == "failed":
        state = "FAILED"
    killed = ending is not None and ending.exit_code in _KILLED
    killed = killed or (result is not None and result.get("exit_code") in _KILLED_CODES)
    if state in ("FAILED", "") and killed and log_shows_out_of_memory(log.text()):
        return "OUT_OF_MEMORY"
    return state


def explain(
    state: str,
    result: Mapping[str, Any] | None,
    ending: Ending | None,
    request: Request,
    log: JobLog = NO_LOG,
) -> str:
    """How the job ended and what it was given, as a clause that begins with SLURM's state.

    Args:
        state: of :func:`state_of`.
        result: the job's result file, None if there is none.
        ending: what SLURM reports, None if nothing.
        request: what the job asked of SLURM.
        log: the job's log, for the exit status of the rule's command.
    """
    if result is not None and result.get("message"):
        return str(result["message"])
    node = f" on {ending.node}" if ending is not None and ending.node not in ("", "None assigned") else ""
    if state == "OUT_OF_MEMORY":
        per = "mem_mb_per_cpu" if request.memory_is_per_cpu else "mem_mb"
        return f"OUT_OF_MEMORY{node}: it needed more than {per}={request.memory_mb}"
    if state == "TIMEOUT":
        limit = f"runtime={request.minutes} minutes" if request.minutes else "the partition's time limit"
        return f"TIMEOUT{node}: it reached {limit}"
    if state == "NODE_FAIL":
        return f"NODE_FAIL: its node{node.replace(' on', '')} failed"
    if state == "PREEMPTED":
        return f"PREEMPTED{node}: a job of higher priority took its place"
    if state == "CANCELLED" and ending is not None and ending.vanished:
        return (
            f"it vanished from SLURM{node} without a result: accounting closed it as CANCELLED and names no "
            f"user who did that, as for jobs that the controller has lost"
        )
    if state == "CANCELLED":
        by = f" {ending.detail}" if ending is not None and ending.detail.startswith("by") else ""
        return f"CANCELLED{by}{node}, not by this Snakemake; it stays cancelled"
    if not state:
        return _without_state(result)
    code = _exit_code(result, ending, log)
    return f"{state}{node} with exit code {code}" if code else f"{state}{node}"


def _without_state(result: Mapping[str, Any] | None) -> str:
    outcome = result.get("outcome") if result is not None else None
    if outcome == "cancelled":
        return "it was cancelled by Snakemake"
    if outcome == "interrupted":
        return "SLURM stopped it and reports no reason (no accounting, or it lags behind)"
    return (
        "it left the queue without a result, and SLURM reports no reason (no accounting, or it lags behind)"
    )


def _exit_code(result: Mapping[str, Any] | None, ending: Ending | None, log: JobLog) -> str:
    code = result.get("exit_code") if result is not None else None
    if code is None and ending is not None and ending.exit_code:
        code, _, number = ending.exit_code.partition(":")
        if number not in ("", "0"):
            code = f"{code} (signal {number})"
    if code == 1:
        code = log.exit_status() or code
    return "" if code is None else str(code)


def error_message(title: str, what: str, logs: Sequence[JobLog], further: str = "") -> str:
    """The whole message: job, reason, and of each log its path and last lines.

    Args:
        title: names the job.
        what: how it ended, a clause.
        logs: the rule's logs, and last the job's.
        further: more for the user, or nothing.
    """
    lines = [f"{title}: {what}."]
    if further:
        lines.append(f"    {further}")
    for number, log in enumerate(logs):
        tail = log.tail()
        if tail:
            lines.append(f"    Log: {log.path}, which ends with:")
            lines.extend(f"      | {line}" for line in tail.splitlines())
        elif number == len(logs) - 1:
            lines.append(f"    Log: {log.path} (empty, or not written by this job)")
    return "\n".join(lines) + "\n    "
