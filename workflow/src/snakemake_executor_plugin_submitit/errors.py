"""The plugin's errors: each carries one message for the user."""

from typing import TYPE_CHECKING

from snakemake_interface_common.exceptions import WorkflowError

if TYPE_CHECKING:
    from .records import Submission


class SubmititError(WorkflowError):
    """Bad input to the plugin: a setting, a resource, a profile or the folder."""


class TransitionError(Exception):
    """A change of a job's state that the ledger's table does not have: a fault of the plugin."""


class CommandError(Exception):
    """A SLURM command that failed or did not answer.

    Attributes:
        command: name of the command, such as ``squeue``.
        detail: what it wrote to stderr, or why there is no answer.
        answered: False when it timed out or could not be started, so that nothing is known.
    """

    def __init__(self, command: str, detail: str, answered: bool = True) -> None:
        """Keep what is known of the failure; see the attributes."""
        super().__init__(f"{command}: {detail}")
        self.command = command
        self.detail = detail
        self.answered = answered


class UnknownSubmissionError(CommandError):
    """An sbatch that gave no answer, while squeue gives none either: the jobs may be there or not.

    Attributes:
        submission: the submission, whose token names its jobs in the queue.
    """

    def __init__(self, error: CommandError, submission: "Submission") -> None:
        """Keep sbatch's error and the submission."""
        super().__init__(error.command, error.detail, answered=False)
        self.submission = submission
