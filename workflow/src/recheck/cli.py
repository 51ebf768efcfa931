"""How a command ends: one place for all of them."""

from __future__ import annotations

import sys
from collections.abc import Callable

from recheck.errors import Preempted, RecheckError

EXIT_MISTAKE = 2
# EX_TEMPFAIL of sysexits.h: nothing was lost, the same command resumes.
EXIT_PREEMPTED = 75


def run(command: Callable[[], int | None]) -> int:
    """Call `command` and turn a user's mistake into one line on standard error.

    Args:
        command: does the work; None counts as 0.

    Returns:
        The exit status: the command's own, 2 for a mistake of the user, 75 for a process that was asked to
        stop.
    """
    try:
        return command() or 0
    except RecheckError as error:
        print(error, file=sys.stderr)
        return EXIT_MISTAKE
    except Preempted as error:
        if str(error):
            print(error, file=sys.stderr)
        return EXIT_PREEMPTED
