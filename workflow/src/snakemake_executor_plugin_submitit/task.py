"""The description of one job that the plugin hands to the wrapper, as a command line.

submitit pickles the arguments of the function that it calls. One command line is all that the pickle
contains, so a pickle written by one version of the plugin can be read by another.
"""

import argparse
import shlex
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Task:
    """One job.

    Attributes:
        folder: the plugin's folder.
        key: names the job's files in it.
        command: shell command of the inner Snakemake.
        cpus: CPU cores of the job, for OMP_NUM_THREADS and MKL_NUM_THREADS.
        where: ``slurm``, ``local`` or ``debug``.
        max_requeues: how often the job may be requeued.
        may_requeue: False where the user has switched requeueing off.
        state: folder of the resumable state, None for a rule that cannot resume.
        minutes: time limit, None for the partition's default.
        signal_seconds: how long before the time limit SIGUSR2 comes (or up to 60 s earlier).
    """

    folder: Path
    key: str
    command: str
    cpus: int
    where: str
    max_requeues: int
    may_requeue: bool
    state: Path | None
    minutes: int | None
    signal_seconds: int

    def command_line(self) -> str:
        """All of it in one line, which :meth:`parse` reads."""
        words = [f"--folder={self.folder}", f"--key={self.key}", f"--cpus={self.cpus}"]
        words += [f"--where={self.where}", f"--max-requeues={self.max_requeues}"]
        words += [f"--signal-seconds={self.signal_seconds}"]
        if not self.may_requeue:
            words.append("--no-requeue")
        if self.state is not None:
            words.append(f"--state={self.state}")
        if self.minutes is not None:
            words.append(f"--minutes={self.minutes}")
        return shlex.join([*words, "--", self.command])

    @classmethod
    def parse(cls, command_line: str) -> "Task":
        """Read a line of :meth:`command_line`."""
        parser = argparse.ArgumentParser(prog="submitit wrapper", allow_abbrev=False)
        parser.add_argument("--folder", type=Path, required=True)
        parser.add_argument("--key", required=True)
        parser.add_argument("--cpus", type=int, default=1)
        parser.add_argument("--where", choices=["slurm", "local", "debug"], default="slurm")
        parser.add_argument("--max-requeues", type=int, default=0)
        parser.add_argument("--no-requeue", action="store_true")
        parser.add_argument("--state", type=Path)
        parser.add_argument("--minutes", type=int)
        parser.add_argument("--signal-seconds", type=int, default=0)
        parser.add_argument("command")
        read = parser.parse_args(shlex.split(command_line))
        return cls(
            folder=read.folder,
            key=read.key,
            command=read.command,
            cpus=read.cpus,
            where=read.where,
            max_requeues=read.max_requeues,
            may_requeue=not read.no_requeue,
            state=read.state,
            minutes=read.minutes,
            signal_seconds=read.signal_seconds,
        )
