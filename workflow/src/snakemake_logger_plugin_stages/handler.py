"""What of Snakemake's log reaches the screen."""

from __future__ import annotations

import logging
import os
import re
import sys
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import snakemake

from .snakemake_api import ColorizingTextHandler, LogEvent, LogHandlerBase

if TYPE_CHECKING:
    from .screen import Screen

# Lines of a failed job's log that are printed.
TAIL = 12
# Snakemake's own code: its remarks go to the log file only. What the workflow and other plugins say is
# printed.
_SNAKEMAKE = str(Path(snakemake.__file__).parent)
# What Snakemake itself says and a person has to know.
_LOG_FILES = "Complete log(s): "
_SAID_BY_SNAKEMAKE = ("Nothing to be done", "Full log: ")
# What says nothing to a person: the record of the failed job, which follows, says more; where nothing was
# made before there is nothing to restore; that unfinished files stay is what every profile here sets.
_LEFT_TO_THE_LOG = ("RuleException:\nCalledProcessError", "Cannot restore ", "--keep-incomplete mode is set")
# What Snakemake puts behind what an executor says.
_ELSEWHERE = "For further error details see "
# What Snakemake puts behind the name of a flagged output: "table.csv (update)".
_FLAGS = re.compile(r" \([a-z, ]+\)$")
# 'WorkflowError in file "Snakefile", line 3:' before the message that says what is wrong, and where it was
# raised behind it.
_PLACE = re.compile(r'^\w+ in (rule \S+ in )?file "?.*"?, line \d+:?\s*\n|\n  File ".*", line \d+, in .*')


def asked_for_everything() -> bool:
    """Whether VERBOSE in the environment says so."""
    return os.environ.get("VERBOSE", "") not in ("", "0")


def last_lines(path: Path, count: int = TAIL) -> list[str]:
    """The last lines of a log that are not blank; none where it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return [line.rstrip() for line in text.splitlines() if line.strip()][-count:]


class LogHandler(LogHandlerBase):
    """One line for each stage, warnings, and what went wrong in few words."""

    writes_to_stream = True
    writes_to_file = False
    # Snakemake adds its own: what --quiet hides stays hidden.
    has_filter = False
    has_formatter = False
    needs_rulegraph = False

    def __post_init__(self) -> None:
        """Choose between the stages and all that Snakemake says."""
        self._stream = stream = sys.stdout if self.common_settings.stdout else sys.stderr
        self._everything = None
        if asked_for_everything() or self.common_settings.dryrun:
            self._everything = ColorizingTextHandler(self.common_settings.nocolor, stream)
        self._counts: dict[str, int] = {}
        self._rules: dict[int, str] = {}
        self._failed: set[int] = set()

    @cached_property
    def _screen(self) -> Screen:
        from .screen import Screen  # and with it rich, which a dry run does without

        return Screen(self._stream)

    def emit(self, record: logging.LogRecord) -> None:
        """Show one record, or what is worth showing of it."""
        try:
            if self._everything is not None:
                self._everything.setFormatter(self.formatter)
                self._everything.emit(record)
            else:
                self._show(record)
        except Exception:  # a handler never breaks the run
            self.handleError(record)

    def _show(self, record: logging.LogRecord) -> None:
        event = getattr(record, "event", None)
        values = record.__dict__
        if event == LogEvent.RUN_INFO:
            self._counts = {name: int(count) for name, count in values["stats"].items() if name != "total"}
        elif event == LogEvent.JOB_INFO:
            self._start(values["jobid"], values["rule_name"])
        elif event == LogEvent.JOB_FINISHED:
            self._finish(values["job_id"])
        elif event == LogEvent.JOB_ERROR:
            self._fail(record)
        elif record.levelno >= logging.WARNING:
            self._remark(record)
        elif event is None and self._concerns_a_person(record):
            self._screen.say(self._words(record))

    def _start(self, job: int, rule: str) -> None:
        # By Snakemake's custom, `all` only collects the others.
        if rule != "all":
            self._rules[job] = rule
            self._screen.begin(rule, self._counts.get(rule, 1))

    def _finish(self, job: int) -> None:
        rule = self._rules.pop(job, None)
        if rule is not None:
            self._screen.advance(rule)

    def _fail(self, record: logging.LogRecord) -> None:
        values = record.__dict__
        self._failed.add(values["jobid"])
        made = [_FLAGS.sub("", str(name)) for name in values["output"]] or ["its result"]
        others = f" and {len(made) - 1} more are" if len(made) > 1 else " is"
        self._screen.say(f"Error: {values['rule_name']} failed, and {made[0]}{others} not made.")
        # What the executor says: that the cluster refused the job, or ended it. Then its log may be empty.
        said = [line for line in str(values.get("rule_msg") or "").splitlines() if line.strip()]
        for line in said:
            if not line.startswith(_ELSEWHERE):
                self._screen.say(f"    {line}")
        for path in (Path(str(name)) for name in values["log"]):
            lines = last_lines(path)
            if lines or not said:
                self._screen.say(f"The last lines of {path}:")
            for line in lines or ([] if said else ["(empty)"]):
                self._screen.say(f"    {line}")

    def _remark(self, record: logging.LogRecord) -> None:
        said = self._words(record)
        # After a failed job Snakemake says once more, in general words, that one has failed.
        repeated = self._failed and record.levelno >= logging.ERROR and self._is_snakemakes_own(record)
        if repeated or said.startswith(_LEFT_TO_THE_LOG):
            return
        kind = "Error" if record.levelno >= logging.ERROR else "Warning"
        self._screen.say(f"{kind}: {_PLACE.sub('', said).strip()}")

    def _concerns_a_person(self, record: logging.LogRecord) -> bool:
        said = self._words(record)
        return bool(said) and (not self._is_snakemakes_own(record) or said.startswith(_SAID_BY_SNAKEMAKE))

    @staticmethod
    def _is_snakemakes_own(record: logging.LogRecord) -> bool:
        return record.pathname.startswith(_SNAKEMAKE + os.sep)

    @staticmethod
    def _words(record: logging.LogRecord) -> str:
        said = record.getMessage() if record.msg is not None else ""
        if said.startswith(_LOG_FILES):
            return "Full log: " + os.path.relpath(said.removeprefix(_LOG_FILES))
        return said

    def close(self) -> None:
        """Leave the last state of the bars on the screen."""
        if "_screen" in self.__dict__:
            self._screen.close()
        super().close()
