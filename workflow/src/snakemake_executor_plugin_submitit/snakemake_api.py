"""The base classes that Snakemake's plugin interface gives, with types.

The interface package has no type information (``py.typed``), so a type checker sees its classes as ``Any``.
The declarations below name what this plugin uses of them.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import logging
    import threading

    class SubmittedJobInfo:
        """A job in the executor's hands, as Snakemake reports about it."""

        job: Any
        external_jobid: str | None

        def __init__(self, job: Any) -> None:
            """Name the job."""

    class RemoteExecutor:
        """Base class of executors whose jobs run an inner Snakemake elsewhere."""

        workflow: Any
        logger: logging.Logger
        lock: threading.Lock
        wait: bool
        wait_thread: threading.Thread

        @property
        def cores(self) -> int | str:
            """``--cores`` of the inner Snakemake."""

        @property
        def tmpdir(self) -> str:
            """A folder for files that the jobs read."""

        def run_job_pre(self, job: Any) -> None:
            """Print the job."""

        def format_job_exec(self, job: Any) -> str:
            """The shell command of the inner Snakemake."""

        def report_job_submission(self, job_info: SubmittedJobInfo) -> None:
            """Mark the job's outputs as incomplete and poll the job."""

        def report_job_success(self, job_info: SubmittedJobInfo) -> None:
            """Have the scheduler check the outputs."""

        def report_job_error(self, job_info: SubmittedJobInfo, msg: str | None = None) -> None:
            """Print the error and have the scheduler try again or give up."""

    class ExecutorSettingsBase:
        """Base class of the dataclass that holds a plugin's settings."""

else:
    from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
    from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
    from snakemake_interface_executor_plugins.settings import ExecutorSettingsBase

__all__ = ["ExecutorSettingsBase", "RemoteExecutor", "SubmittedJobInfo"]
