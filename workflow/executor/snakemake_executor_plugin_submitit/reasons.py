"""How a job ended, in the words that the user reads in Snakemake's error message."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .resources import Request
from .slurm import Ending, log_tells_out_of_memory

_TAIL_LINES = 12
_TAIL_BYTES = 16_384

# SLURM took the machine away; the job did nothing wrong.
TAKEN_STATES = frozenset({"PREEMPTED", "NODE_FAIL", "BOOT_FAIL"})


def log_tail(path: str, lines: int = _TAIL_LINES) -> str:
    """The last lines of a log, empty if it cannot be read."""
    try:
        with Path(path).open("rb") as file:
            file.seek(0, 2)
            file.seek(max(file.tell() - _TAIL_BYTES, 0))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join([line.rstrip() for line in text.splitlines() if line.strip()][-lines:])


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
    if state in ("FAILED", "") and killed and log_tells_out_of_memory(log_tail(log, 40)):
        return "OUT_OF_MEMORY"
    return state


def explain(state: str, result: Mapping[str, Any] | None, ending: Ending | None, request: Request) -> str:
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
    if state:
        return f"{state}{node} with exit code {code}" if code is not None else f"{state}{node}"
    return "it left the queue without a result, and SLURM tells no reason (no accounting, or it lags behind)"


def error_message(title: str, what: str, log: str, further: str = "") -> str:
    """The whole message: job, reason, log path, last lines of the log."""
    lines = [f"{title}: {what}."]
    if further:
        lines.append(f"    {further}")
    tail = log_tail(log)
    if tail:
        lines.append(f"    Log: {log}, which ends with:")
        lines.extend(f"      | {line}" for line in tail.splitlines())
    else:
        lines.append(f"    Log: {log} (empty or not written)")
    return "\n".join(lines) + "\n    "
