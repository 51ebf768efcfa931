"""How a job ended, in the words that the user reads in Snakemake's error message."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .resources import Request
from .slurm import Ending, log_tells_out_of_memory

_TAIL_LINES = 12
_TAIL_BYTES = 32_768
_LINE_LENGTH = 300

# SLURM took the machine away; the job did nothing wrong.
TAKEN_STATES = frozenset({"PREEMPTED", "NODE_FAIL", "BOOT_FAIL"})


# What the inner Snakemake says after every failure; it would push the reason out of sight.
_BOILERPLATE = (
    "Shutting down, this might take some time.",
    "Exiting because a job execution failed.",
    "Storing output in storage.",
    "Elapsed time:",
    "WorkflowError:",
    "At least one job did not complete successfully.",
    "Removing output files of failed job",
    "submitit INFO",
    "message: None",
)


def _end_of(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            file.seek(0, 2)
            file.seek(max(file.tell() - _TAIL_BYTES, 0))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def log_tail(path: str, lines: int = _TAIL_LINES) -> str:
    """The last lines of a log without the inner Snakemake's closing words; empty if it cannot be read."""
    kept = [line.rstrip() for line in _end_of(path).splitlines() if line.strip()]
    told = [line for line in kept if not line.strip().startswith(_BOILERPLATE)][-lines:]
    return "\n".join(line if len(line) <= _LINE_LENGTH else line[:_LINE_LENGTH] + " ..." for line in told)


def exit_status_in(log: str) -> int | None:
    """The exit status of the rule's own command; the inner Snakemake ends with 1 whatever it was."""
    found = re.findall(r"returned non-zero exit status (\d+)", _end_of(log))
    return int(found[-1]) if found else None


def state_of(result: Mapping[str, Any] | None, ending: Ending | None, log: str) -> str:
    """SLURM's state of an ended job, with OUT_OF_MEMORY recognised also where SLURM says FAILED.

    Returns:
        A state such as ``OUT_OF_MEMORY``, ``TIMEOUT``, ``FAILED``; empty if nobody tells.
    """
    state = ending.state if ending is not None else ""
    if state in ("", "FAILED", "COMPLETED") and result is not None and result.get("outcome") == "failed":
        state = "FAILED"
    killed = ending is not None and ending.exit_code in ("9:0", "0:9", "0:125", "137:0")
    killed = killed or (result is not None and result.get("exit_code") in (1, 9, 125, 137))
    if state in ("FAILED", "") and killed and log_tells_out_of_memory(_end_of(log)):
        return "OUT_OF_MEMORY"
    return state


def explain(
    state: str, result: Mapping[str, Any] | None, ending: Ending | None, request: Request, log: str = ""
) -> str:
    """One clause: how the job ended and what it had. It begins with SLURM's own word."""
    if result is not None and result.get("message"):
        return str(result["message"])
    node = f" on {ending.node}" if ending is not None and ending.node not in ("", "None assigned") else ""
    if state == "OUT_OF_MEMORY":
        per = "mem_mb_per_cpu" if request.memory_is_per_cpu else "mem_mb"
        return f"OUT_OF_MEMORY{node}: it needed more than {per}={request.memory_mb}"
    if state == "TIMEOUT":
        limit = (
            f"runtime={request.minutes} minutes" if request.minutes else "the partition's default time limit"
        )
        return f"TIMEOUT{node}: it reached {limit}"
    if state == "NODE_FAIL":
        return f"NODE_FAIL: its node{node.replace(' on', '')} failed"
    if state == "PREEMPTED":
        return f"PREEMPTED{node}: a job of higher priority took its place"
    if state == "CANCELLED":
        by = f" {ending.detail}" if ending is not None and ending.detail.startswith("by") else ""
        return f"CANCELLED{by}{node}, not by this Snakemake; it stays cancelled"
    code = result.get("exit_code") if result is not None else None
    if code is None and ending is not None and ending.exit_code:
        code, _, number = ending.exit_code.partition(":")
        if number not in ("", "0"):
            code = f"{code} (signal {number})"
    if code == 1:
        code = exit_status_in(log) or code
    if state:
        return f"{state}{node} with exit code {code}" if code is not None else f"{state}{node}"
    return "it left the queue without a result, and SLURM tells no reason (no accounting, or it lags behind)"


def error_message(title: str, what: str, logs: Sequence[str], further: str = "") -> str:
    """The whole message: job, reason, and of each log its path and last lines.

    Args:
        title: names the job.
        what: how it ended, a clause.
        logs: the rule's own logs, and last the job's.
        further: a sentence, or nothing.
    """
    lines = [f"{title}: {what}."]
    if further:
        lines.append(f"    {further}")
    for number, log in enumerate(logs):
        tail = log_tail(log)
        if tail:
            lines.append(f"    Log: {log}, which ends with:")
            lines.extend(f"      | {line}" for line in tail.splitlines())
        elif number == len(logs) - 1:
            lines.append(f"    Log: {log} (empty or not written)")
    return "\n".join(lines) + "\n    "
