"""The plugin's own errors: each carries one sentence for the user."""

from snakemake_interface_common.exceptions import WorkflowError


class SubmititError(WorkflowError):
    """Bad input to the plugin: a setting, a resource or the folder."""


class CommandError(Exception):
    """A SLURM command that failed or did not answer.

    Attributes:
        command: name of the command, such as ``squeue``.
        detail: what it wrote to stderr, or why there is no answer.
        answered: False when it timed out or could not be started, so that nothing is known.
    """

    def __init__(self, command: str, detail: str, answered: bool = True) -> None:
        super().__init__(f"{command}: {detail}")
        self.command = command
        self.detail = detail
        self.answered = answered
