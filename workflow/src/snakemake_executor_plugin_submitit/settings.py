"""The plugin's settings, with their help texts and how they are read."""

# Annotations of the settings are read at run time: no "from __future__ import annotations" here.
from collections.abc import Callable
from dataclasses import dataclass, field

from snakemake_interface_common.exceptions import WorkflowError
from snakemake_interface_executor_plugins.settings import CommonSettings

from .snakemake_api import ExecutorSettingsBase

CLUSTERS = ("slurm", "local", "debug")


def parse_boolean(text: object) -> bool:
    """Read ``true``, ``false``, ``yes``, ``no``, ``on``, ``off``, ``1``, ``0``, in upper or lower case.

    A profile's ``false`` reaches a plugin as the text "false", which Python takes for true.

    Raises:
        WorkflowError: the text is none of them.
    """
    word = str(text).strip().lower()
    if word in ("true", "yes", "on", "1"):
        return True
    if word in ("false", "no", "off", "0"):
        return False
    raise WorkflowError(f"{text!r} is not a boolean: write true or false.")


def _whole_number(name: str, least: int) -> Callable[[object], int]:
    def parse(text: object) -> int:
        try:
            number = int(str(text).strip())
        except ValueError:
            number = least - 1
        if number < least:
            raise WorkflowError(f"--submitit-{name} {text}: write a whole number of at least {least}.")
        return number

    return parse


def _cluster(text: object) -> str:
    name = str(text).strip().lower()
    if name not in CLUSTERS:
        raise WorkflowError(f"--submitit-cluster {text}: write one of {', '.join(CLUSTERS)}.")
    return name


@dataclass
class ExecutorSettings(ExecutorSettingsBase):
    """Settings of the plugin, on the command line as ``--submitit-<name>``."""

    folder: str = field(
        default=".snakemake/submitit",
        metadata={
            "help": "Folder for logs, records and submitit's files, on a file system that all nodes share. "
            "It is made with mode 0700, and refused if others can write to it. Default: .snakemake/submitit"
        },
    )
    cluster: str = field(
        default="slurm",
        metadata={
            "help": "Where jobs run: slurm, local (this machine, at once) or debug (in this process, one "
            "after the other). Default: slurm",
            "parse_func": _cluster,
            "unparse_func": str,
        },
    )
    array_limit: int = field(
        default=1000,
        metadata={
            "help": "Most jobs in one SLURM array; 1 submits each job alone. An array is never larger than "
            "the cluster's MaxArraySize. Default: 1000",
            "parse_func": _whole_number("array-limit", 1),
            "unparse_func": str,
        },
    )
    poll_interval: int = field(
        default=10,
        metadata={
            "help": "Seconds between two calls of squeue, each for all jobs together. The end of a job is "
            "noticed sooner, by its result file. Default: 10",
            "parse_func": _whole_number("poll-interval", 1),
            "unparse_func": str,
        },
    )
    max_requeues: int = field(
        default=50,
        metadata={
            "help": "How often one job may be requeued after preemption, time limit or a node's failure, "
            "within one Snakemake attempt. Default: 50",
            "parse_func": _whole_number("max-requeues", 0),
            "unparse_func": str,
        },
    )
    requeue: bool | None = field(
        default=True,
        metadata={
            "help": "true: interrupted jobs are requeued under their job id. false, for sites that forbid "
            "it: Snakemake submits them again. Default: true",
            "parse_func": parse_boolean,
            "unparse_func": lambda value: str(value).lower(),
        },
    )
    signal_seconds: int = field(
        default=120,
        metadata={
            "help": "Seconds before the time limit at which a job that can resume gets SIGUSR2 to save its "
            "state; at most a quarter of its runtime. SLURM may send it up to 60 s earlier. Default: 120",
            "parse_func": _whole_number("signal-seconds", 1),
            "unparse_func": str,
        },
    )
    job_prefix: str = field(
        default="",
        metadata={"help": "Text in front of the rule's name in the names of SLURM jobs. Default: none"},
    )


common_settings = CommonSettings(
    non_local_exec=True,
    implies_no_shared_fs=False,
    job_deploy_sources=False,
    pass_default_storage_provider_args=True,
    pass_default_resources_args=True,
    pass_envvar_declarations_to_cmd=True,
    auto_deploy_default_storage_provider=False,
    init_seconds_before_status_checks=0,
    pass_group_args=True,
)
