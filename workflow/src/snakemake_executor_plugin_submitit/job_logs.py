"""The log files of a job: which of their lines the job itself has written, and the last of them.

A log file may be another job's: the rule's log is that of an earlier attempt until the job starts, and a
controller that has lost its state gives the same job ids, and so the same file names, again.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_TAIL_LINES = 12
_TAIL_BYTES = 32_768
_LINE_LENGTH = 300
_CLOCK_SECONDS = 60.0  # by which the clocks of this machine and of the file server may differ

# What the inner Snakemake prints after every failure; it would push the reason out of sight.
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


def log_mark(key: str) -> str:
    """What the wrapper writes into the job's log before all else."""
    return f"job {key} starts"


@dataclass(frozen=True)
class JobLog:
    """A log file, and how to know what a job has written to it.

    Attributes:
        path: the file.
        before: date (ns) and size (bytes) of the file when the job was submitted; None if it was not there,
            or for the log that submitit names after the job id.
        mark: text that is in the log before the job's lines, empty if there is none.
        submitted: seconds since 1970; without the mark, an older file is another job's. 0 accepts any.
    """

    path: str
    before: tuple[int, int] | None = None
    mark: str = ""
    submitted: float = 0.0

    def text(self) -> str:
        """The end of what the job has written; empty if that is nothing or the file cannot be read."""
        try:
            with Path(self.path).open("rb") as file:
                found = os.fstat(file.fileno())
                file.seek(max(found.st_size - _TAIL_BYTES, 0))
                text = file.read().decode(errors="replace")
        except OSError:
            return ""
        if self.before == (found.st_mtime_ns, found.st_size):
            return ""
        if self.mark and self.mark in text:
            return text.split(self.mark, 1)[1]
        return text if found.st_mtime >= self.submitted - _CLOCK_SECONDS else ""

    def tail(self, lines: int = _TAIL_LINES) -> str:
        """The last lines, without the closing lines of the inner Snakemake."""
        filled = [line.rstrip() for line in self.text().splitlines() if line.strip()]
        kept = [line for line in filled if not line.strip().startswith(_BOILERPLATE)][-lines:]
        return "\n".join(line if len(line) <= _LINE_LENGTH else line[:_LINE_LENGTH] + " ..." for line in kept)

    def exit_status(self) -> int | None:
        """The exit status of the rule's command; the inner Snakemake ends with 1 whatever it was."""
        found = re.findall(r"returned non-zero exit status (\d+)", self.text())
        return int(found[-1]) if found else None


def log_of_rule(path: str, before: Mapping[str, list[int]] | None) -> JobLog:
    """The log file that the rule names.

    Args:
        path: the file.
        before: ``JobRecord.logs_before``.
    """
    path = os.path.abspath(path)
    stamp = (before or {}).get(path)
    return JobLog(path, before=(stamp[0], stamp[1]) if stamp else None)
