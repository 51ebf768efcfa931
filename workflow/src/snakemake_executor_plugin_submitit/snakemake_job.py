"""What the plugin reads of a Snakemake job: members, name in a later run, digest, state folder."""

import contextlib
import hashlib
import json
import os
import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

_SMALL_BYTES = 1_000_000  # as in Snakemake's own decision, smaller inputs count by content


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


def digest_of_members(members: Iterable[Any]) -> str:
    """Digest of the parameters and inputs of a job, or of all jobs of a group together."""
    params: list[Any] = []
    inputs: list[tuple[str, bool]] = []
    for member in members:
        # Parameters that are only derived from inputs and outputs do not count, as in Snakemake.
        params.extend(
            (member.rule.name, repr(key), value) for key, value in enumerate(member.non_derived_params)
        )
        inputs.extend((str(path), bool(getattr(path, "is_ancient", False))) for path in member.input)
    return digest_of(sorted(params, key=repr), inputs)


def code_digest_of_members(members: Iterable[Any]) -> str:
    """Digest of what the rules of a job, or of all jobs of a group, run."""
    return digest_of(sorted((member.rule.name, _code_of(member.rule)) for member in members), [])


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


def digest_of(
    params: Mapping[str, Any] | Iterable[Any],
    inputs: Iterable[tuple[str, bool]],
    small_bytes: int = _SMALL_BYTES,
) -> str:
    """Digest of a job's parameters and inputs: equal digests mean the same result.

    As in Snakemake's own decision to rerun, small files count by content and larger ones by date.

    Args:
        params: parameter values, named or not.
        inputs: (path, whether it is ``ancient``: then its content and date do not count).
        small_bytes: files up to this size are read.
    """
    items = sorted(params.items()) if isinstance(params, Mapping) else list(params)
    hasher = hashlib.sha256(json.dumps(items, sort_keys=True, default=_stable_repr).encode())
    for path, is_ancient in sorted(set(inputs)):
        hasher.update(f"\0{path}\0".encode())
        if not is_ancient:
            hasher.update(_input_stamp(path, small_bytes))
    return hasher.hexdigest()[:16]


def _input_stamp(path: str, small_bytes: int) -> bytes:
    """The content's hash of a small file, size and date of anything else."""
    try:
        found = os.stat(path)
    except OSError:
        return b"missing"
    if stat.S_ISREG(found.st_mode) and found.st_size <= small_bytes:
        with contextlib.suppress(OSError):
            return hashlib.sha256(Path(path).read_bytes()).digest()
    return f"{found.st_size} {found.st_mtime_ns}".encode()


def _code_of(rule: Any) -> str:
    """What a rule runs: its shell command or ``run:`` block, or the content of its script or notebook."""
    code = getattr(rule, "shellcmd", None) or getattr(rule, "run_func_src", None) or ""
    for path in (getattr(rule, "script", None), getattr(rule, "notebook", None)):
        if isinstance(path, str):
            with contextlib.suppress(OSError):
                code = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    return str(code)


def _stable_repr(value: Any) -> str:
    """A repr that is the same in the next process: no addresses, sets in order."""
    if isinstance(value, (set, frozenset)):
        return repr(sorted(map(repr, value)))
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))
