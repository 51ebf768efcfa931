"""Progress of the stages: bars on a terminal, one line for each finished stage elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text


def duration(seconds: float) -> str:
    """Write a duration with the two units that matter: "8 s", "3 min 20 s", "2 h 5 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


@dataclass
class Stage:
    """One rule's jobs.

    Attributes:
        name: Name of the rule.
        total: Jobs in all.
        started: When the first job began, in seconds of `clock`.
        done: Finished jobs.
    """

    name: str
    total: int
    started: float
    done: int = 0

    def seconds_left(self, now: float) -> float | None:
        """Time that the other jobs take at the pace so far; None before one has finished."""
        if self.done == 0:
            return None
        return (now - self.started) / self.done * (self.total - self.done)


class _Left(ProgressColumn):
    """Time left, or the time that a finished stage took."""

    def __init__(self, screen: Screen) -> None:
        super().__init__()
        self._screen = screen
        self.max_refresh = 0.5

    def render(self, task: Task) -> Text:
        """Write the time of one stage."""
        return Text(self._screen.time_of(self._screen.stages[task.description]))


@dataclass
class Screen:
    """Writes stages and messages to a stream.

    Attributes:
        stream: Where to; bars are drawn where it is a terminal.
        clock: Seconds that only grow.
    """

    stream: TextIO
    clock: Callable[[], float] = time.monotonic
    stages: dict[str, Stage] = field(default_factory=dict, init=False)
    _took: dict[str, float] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        # No markup and no highlighting: a path in brackets is a path.
        self._console = Console(file=self.stream, markup=False, highlight=False, emoji=False, soft_wrap=True)
        columns = (
            TextColumn("{task.description:<18}", markup=False),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            _Left(self),
        )
        self._progress = Progress(*columns, console=self._console) if self._console.is_terminal else None
        self._bars: dict[str, TaskID | None] = {}

    def _bar(self, stage: Stage) -> TaskID | None:
        if self._progress is None:
            return None
        self._progress.start()
        return self._progress.add_task(stage.name, total=stage.total, completed=stage.done)

    def begin(self, name: str, total: int) -> None:
        """Show a stage whose first job begins; one that is shown stays as it is."""
        if name not in self.stages:
            self.stages[name] = Stage(name, total, self.clock())
            self._bars[name] = self._bar(self.stages[name])

    def advance(self, name: str) -> None:
        """Count one finished job."""
        stage = self.stages[name]
        stage.done += 1
        # A job that is found to be needed only on the way was not counted at the start.
        stage.total = max(stage.total, stage.done)
        if stage.done == stage.total:
            self._took[name] = self.clock() - stage.started
        bar = self._bars[name]
        if self._progress is not None and bar is not None:
            self._progress.update(bar, completed=stage.done, total=stage.total)
        elif stage.done == stage.total:
            self.say(f"{name:<18} {stage.done}/{stage.total}  {self.time_of(stage)}")

    def time_of(self, stage: Stage) -> str:
        """What is said of a stage's time."""
        if stage.name in self._took:
            return duration(self._took[stage.name])
        left = stage.seconds_left(self.clock())
        return "running" if left is None else f"about {duration(left)} left"

    def say(self, text: str) -> None:
        """Print a message, above the bars."""
        self._console.print(text)

    def close(self) -> None:
        """Stop drawing; what is drawn stays."""
        if self._progress is not None:
            self._progress.stop()
