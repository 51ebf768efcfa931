"""What the plugin reads of a Snakemake job: members, name in a later run, state folder, logs."""

import contextlib
import os
from collections.abc import Iterable, Mapping
from typing import Any


def members_of(job: Any) -> list[Any]:
    """The jobs of a group, or the job alone."""
    return list(job.jobs) if job.is_group() else [job]


def name_of(job: Any) -> str:
    """The rule's name; of a group, its rules' names: Snakemake's own name of a group is a number."""
    if not job.is_group():
        return str(job.name)
    rules = sorted({str(member.rule.name) for member in members_of(job)})
    return f"group_{'_'.join(rules)}"[:80]


def wildcards_of(job: Any) -> dict[str, str]:
    """The job's wildcards as text; a group has none of its own."""
    if job.is_group():
        return {}
    return {key: str(value) for key, value in (job.wildcards_dict or {}).items()}


def format_wildcards(wildcards: Mapping[str, str]) -> str:
    """``method=iql, task=hopper-medium-v2``."""
    return ", ".join(f"{name}={value}" for name, value in wildcards.items())


def title_of(name: str, wildcards: Mapping[str, str]) -> str:
    """Rule and wildcards, for messages."""
    return f"{name}, {format_wildcards(wildcards)}" if wildcards else name


def target_of_member(member: Any) -> str:
    """What names one job in the next run of Snakemake: its rule and its outputs."""
    outputs = sorted(str(path) for path in member.output)
    wildcards = sorted((member.wildcards_dict or {}).items())
    return f"{member.rule.name}|{'|'.join(outputs) or wildcards}"


def target_of(members: Iterable[Any]) -> str:
    """What names a job or a group in the next run of Snakemake: a line for each member."""
    return "\n".join(sorted(target_of_member(member) for member in members))


def state_folder_of(job: Any) -> str | None:
    """The folder that ``params.state`` names; None for a rule that cannot resume, and for a group."""
    if job.is_group():
        return None
    state = dict(job.params.items()).get("state")
    return os.path.abspath(state) if isinstance(state, str) and state else None


def log_stamps(paths: Iterable[str]) -> dict[str, list[int]]:
    """Date (ns) and size (bytes) of log files that exist, by which a log that was not written is known."""
    stamps = {}
    for path in paths:
        with contextlib.suppress(OSError):
            found = os.stat(path)
            stamps[os.path.abspath(path)] = [found.st_mtime_ns, found.st_size]
    return stamps
