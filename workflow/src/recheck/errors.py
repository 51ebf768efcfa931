"""The errors of a user's mistake: one family, so that every command can end in one message.

A message says what is wrong, where, and what is allowed. Commands print it without a stack trace
(`recheck.cli.run`); any other exception is a fault of the program and keeps its trace.
"""


class RecheckError(ValueError):
    """Something that the user can put right; the message is for people."""


class ConfigError(RecheckError):
    """The configuration cannot be run."""


class DatasetError(RecheckError):
    """A dataset, its file or its task cannot be used."""


class MethodError(RecheckError):
    """A method was asked for something that it does not know or cannot do."""


class TrainingError(RecheckError):
    """A run cannot start or continue."""


class StateError(RecheckError):
    """The resumable state of a run cannot be used or written."""


class EvaluationError(RecheckError):
    """A policy cannot be evaluated."""


class BanditError(RecheckError):
    """The two-dimensional bandit was asked for something that it cannot do."""


class TablesError(RecheckError):
    """A table, a reported number or a score file cannot be used."""


class FileError(RecheckError):
    """A file cannot be read or written."""


class Preempted(Exception):
    """The process was asked to stop and has written its state; the same command resumes it."""
