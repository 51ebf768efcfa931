"""Progress of long work: one line that rewrites itself on a terminal, plain lines in a log."""

from __future__ import annotations

import sys
import time
from typing import TextIO

LOG_INTERVAL_SECONDS = 60.0
TERMINAL_INTERVAL_SECONDS = 0.5
BAR_WIDTH = 24


class Progress:
    """Report how far work of known length has come.

    Args:
        total: number of steps.
        label: what is being done, in two or three words.
        done: steps already done when reporting begins (a resumed run).
        stream: standard error unless given; a bar is drawn only where it is a terminal.
    """

    def __init__(self, total: int, label: str, done: int = 0, stream: TextIO | None = None) -> None:
        """Begin to report."""
        self.total = total
        self.label = label
        self.stream = stream or sys.stderr
        self.start_done = done
        self.started = time.monotonic()
        self.reported = -float("inf")
        self.terminal = self.stream.isatty()

    def update(self, done: int, note: str = "") -> None:
        """Say that `done` steps are finished; `note` is shown behind the figures."""
        now = time.monotonic()
        interval = TERMINAL_INTERVAL_SECONDS if self.terminal else LOG_INTERVAL_SECONDS
        if done < self.total and now - self.reported < interval:
            return
        self.reported = now
        rate = (done - self.start_done) / max(now - self.started, 1e-9)
        left = (self.total - done) / rate if rate > 0 else float("inf")
        figures = f"{done:,}/{self.total:,}, {rate:,.1f}/s, {format_seconds(left)} left"
        text = f"{self.label}: {figures}{'; ' + note if note else ''}"
        if self.terminal:
            filled = int(BAR_WIDTH * done / max(self.total, 1))
            bar = "#" * filled + "." * (BAR_WIDTH - filled)
            self.stream.write(f"\r[{bar}] {text}\x1b[K" + ("\n" if done >= self.total else ""))
        else:
            self.stream.write(text + "\n")
        self.stream.flush()


def format_seconds(seconds: float) -> str:
    """For people: 42 s, 3 min 05 s, 2 h 07 min."""
    if seconds == float("inf"):
        return "unknown time"
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
