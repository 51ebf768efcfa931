"""The processes of a job: signals that arrive, the command, and what it leaves running."""

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from types import FrameType

STATE_SAVED = 75
"""Exit code of a trainer that has stopped on a signal and written its state (EX_TEMPFAIL)."""

_PR_SET_CHILD_SUBREAPER = 36
_PAUSE_SECONDS = 0.02

# Once the state is saved, other processes of the job get this long.
_SECONDS_FOR_OTHERS = 2.0


class Signals:
    """The signals that the wrapper has received."""

    def __init__(self) -> None:
        """Start without any."""
        self.seen: list[int] = []
        self._forward_to: int | None = None

    def install(self, where: str) -> None:
        """Receive SIGTERM and SIGUSR2, on this machine (``local``) SIGINT too."""
        wanted = [signal.SIGTERM, signal.SIGUSR2]
        if where == "local":
            wanted.append(signal.SIGINT)
        for number in wanted:
            signal.signal(number, self._receive)

    def forward_to(self, group: int) -> None:
        """Send every signal on to a process group, also those that have come already.

        SLURM signals every process of a job; submitit's local controller signals the wrapper alone.
        """
        self._forward_to = group
        for number in list(self.seen):
            os.killpg(group, number)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.seen.append(number)
        if self._forward_to is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._forward_to, signal.SIGKILL if number == signal.SIGINT else number)


def start_command(command: str, environment: Mapping[str, str], new_session: bool) -> subprocess.Popen[bytes]:
    """Start a shell command.

    Orphans of the command become children of this process (Linux), so that :func:`wait_for_all` sees their
    exit codes. Without that, a changed state alone shows that it was saved.

    Args:
        command: for ``/bin/bash -c``.
        environment: all variables of the command.
        new_session: whether the command gets a process group to which signals are sent on. Under SLURM it
            stays in the job's: some sites track processes by it.

    Returns:
        The process. Keep it until the command has ended: Python takes the exit code of a forgotten one.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    return subprocess.Popen(
        ["/bin/bash", "-c", command],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        start_new_session=new_session,
    )


def wait_for_all(child: int, signals: Signals, longest_seconds: float) -> tuple[int, bool]:
    """Wait for the command and, after a signal, for every process that it has left running.

    Args:
        child: process id of the command.
        signals: those received.
        longest_seconds: how long other processes get after the command's end, if no state is saved yet.

    Returns:
        The command's return code (negative: killed by that signal), and whether a process exited with 75.
    """
    code: int | None = None
    saved = False
    deadline: float | None = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return (1 if code is None else code), saved
        if pid:
            ended = os.waitstatus_to_exitcode(status)
            saved = saved or ended == STATE_SAVED
            if pid == child:
                code = ended
            continue
        if code is not None:
            if not signals.seen:
                return code, saved
            limit = _SECONDS_FOR_OTHERS if saved else longest_seconds
            until = time.monotonic() + limit
            deadline = until if deadline is None else min(deadline, until)
            if time.monotonic() > deadline:
                return code, saved
        time.sleep(_PAUSE_SECONDS)
