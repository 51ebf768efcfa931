"""How a command ends: one place for all of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from recheck.errors import Preempted, RecheckError

EXIT_MISTAKE = 2
# EX_TEMPFAIL of sysexits.h: nothing was lost, the same command resumes.
EXIT_PREEMPTED = 75
# What a shell reports of a program that SIGPIPE ended (128 + 13): the reader, `head`, had enough.
EXIT_CLOSED_PIPE = 141


def run(command: Callable[[], int | None]) -> int:
    """Call `command` and turn a user's mistake into one line on standard error.

    Args:
        command: does the work; None counts as 0.

    Returns:
        The exit status: the command's own, 2 for a mistake of the user, 75 for a process that was asked to
        stop, 141 where the reader of standard output closed it.
    """
    try:
        status = command() or 0
        # A short text is still in the buffer; written at exit, a closed pipe would be a trace again.
        sys.stdout.flush()
        return status
    except RecheckError as error:
        print(error, file=sys.stderr)
        return EXIT_MISTAKE
    except Preempted as error:
        if str(error):
            print(error, file=sys.stderr)
        return EXIT_PREEMPTED
    except BrokenPipeError:
        # Python flushes standard output once more at exit, which would raise again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_CLOSED_PIPE
