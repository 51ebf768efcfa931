"""How a command ends: one place for all of them."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from recheck.errors import Preempted, RecheckError

EXIT_MISTAKE = 2
# EX_TEMPFAIL of sysexits.h: nothing was lost, the same command resumes.
EXIT_PREEMPTED = 75
# 128 + SIGINT, as a shell counts a command that Ctrl-C ended.
EXIT_INTERRUPTED = 130
# 128 + SIGPIPE, as a shell counts a command whose reader has gone.
EXIT_CLOSED_PIPE = 141


def run(command: Callable[[], int | None]) -> int:
    """Call `command` and turn a user's mistake into one line on standard error.

    Args:
        command: does the work; None counts as 0.

    Returns:
        The exit status: the command's own, 2 for a mistake of the user, 75 for a process that was asked to
        stop, 130 after Ctrl-C, 141 where whoever reads the output has gone (`recheck ... | head`).
    """
    try:
        status = _ended(command)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        closed = [stream for stream in (sys.stdout, sys.stderr) if _is_closed(stream)]
        if not closed:
            # Another pipe: of a process that this one had started.
            raise
        for stream in closed:
            # Python flushes once more at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return EXIT_CLOSED_PIPE


@contextmanager
def mistakes_end(say: Callable[[str], object]) -> Iterator[None]:
    """End the process with one message and status 2 where the block meets a mistake of the user.

    For a Snakefile: what is raised in one ends Snakemake with status 1 and two messages.

    Args:
        say: shows the message.
    """
    try:
        yield
    except RecheckError as error:
        say(str(error))
        raise SystemExit(EXIT_MISTAKE) from None


def _is_closed(stream: TextIO) -> bool:
    """Whether a stream is a pipe that nobody reads any more."""
    poll = select.poll()
    try:
        poll.register(stream.fileno(), 0)
    except (OSError, ValueError):
        return False
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _ended(command: Callable[[], int | None]) -> int:
    try:
        return command() or 0
    except RecheckError as error:
        print(error, file=sys.stderr)
        return EXIT_MISTAKE
    except Preempted as error:
        if str(error):
            print(error, file=sys.stderr)
        return EXIT_PREEMPTED
    except KeyboardInterrupt:
        print("Stopped by Ctrl-C.", file=sys.stderr)
        return EXIT_INTERRUPTED
