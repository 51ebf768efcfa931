"""What a job's result follows from: parameters, inputs and code, and whether they are still the same.

This distinguishes a job of an earlier run of Snakemake from one that is wanted now.
"""

import contextlib
import hashlib
import json
import os
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SMALL_BYTES = 1_000_000  # as in Snakemake's own decision, smaller inputs count by content
_MOST_STAMPS = 500  # of a job with more inputs only the digest of all is recorded


@dataclass(frozen=True)
class Sources:
    """What a job's result follows from.

    Attributes:
        digest: digest of parameters and inputs together, without the content of ``ancient`` inputs.
        parameters: digest of the parameters alone.
        code: digest of what the rules run.
        inputs: a stamp of each input, by path, also of ``ancient`` ones; None if there are very many.
        ancient: inputs whose content and date do not count now.
    """

    digest: str
    parameters: str
    code: str
    inputs: Mapping[str, str] | None
    ancient: frozenset[str]

    def as_record(self) -> dict[str, Any]:
        """The fields of :class:`~.records.JobRecord` that keep it."""
        return {
            "digest": self.digest,
            "parameters": self.parameters,
            "code_digest": self.code,
            "inputs": None if self.inputs is None else dict(self.inputs),
        }

    def are_those_of(self, record: Any, code_counts: bool) -> bool:
        """Whether a recorded job was made from the same.

        An input may be ``ancient`` now and not have been when the job was submitted, for example because a
        workflow marks the inputs of finished results so. As for Snakemake, what counts is what it is now.

        Args:
            record: a :class:`~.records.JobRecord`; those of earlier versions have the digest alone.
            code_counts: whether a changed rule is another job, as ``--rerun-triggers code`` says.
        """
        if code_counts and record.code_digest not in ("", self.code):
            return False
        if record.inputs is None or self.inputs is None:
            return bool(record.digest == self.digest)
        return (
            record.parameters == self.parameters
            and record.inputs.keys() == self.inputs.keys()
            and all(
                record.inputs[path] == stamp
                for path, stamp in self.inputs.items()
                if path not in self.ancient
            )
        )


def sources_of(members: Iterable[Any]) -> Sources:
    """What the result of a job, or of all jobs of a group together, follows from."""
    params: list[Any] = []
    code: list[tuple[str, str]] = []
    stamps: dict[str, bytes] = {}
    flags: set[tuple[str, bool]] = set()
    for member in members:
        # Parameters that are only derived from inputs and outputs do not count, as in Snakemake.
        params.extend(
            (member.rule.name, repr(key), value) for key, value in enumerate(member.non_derived_params)
        )
        code.append((member.rule.name, _code_of(member.rule)))
        for path in member.input:
            flags.add((str(path), bool(getattr(path, "is_ancient", False))))
            stamps.setdefault(str(path), _stamp(str(path)))
    params.sort(key=repr)
    counted = {path for path, is_ancient in flags if not is_ancient}
    return Sources(
        digest=_digest(params, [(path, None if is_ancient else stamps[path]) for path, is_ancient in flags]),
        parameters=_digest(params, []),
        code=_digest(sorted(code), []),
        inputs={path: stamp.hex()[:32] for path, stamp in stamps.items()}
        if len(stamps) <= _MOST_STAMPS
        else None,
        ancient=frozenset(stamps.keys() - counted),
    )


def _digest(items: list[Any], inputs: Iterable[tuple[str, bytes | None]]) -> str:
    """Digest of values and of inputs with their stamps; None is an input whose content does not count."""
    hasher = hashlib.sha256(json.dumps(items, sort_keys=True, default=_stable_repr).encode())
    for path, stamp in sorted(inputs, key=lambda item: (item[0], item[1] is None)):
        hasher.update(f"\0{path}\0".encode())
        if stamp is not None:
            hasher.update(stamp)
    return hasher.hexdigest()[:16]


def _stamp(path: str) -> bytes:
    """The content's hash of a small file, size and date of anything else."""
    try:
        found = os.stat(path)
    except OSError:
        return b"missing"
    if stat.S_ISREG(found.st_mode) and found.st_size <= _SMALL_BYTES:
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
