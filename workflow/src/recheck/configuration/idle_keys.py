"""Keys of the command line that change nothing of what is asked for: refused, so that nothing is ignored.

Keys of a configuration file are for every command, and are left alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from recheck import paths, schema
from recheck.configuration import score_file
from recheck.errors import ConfigError

# Keys that only this target reads.
READ_BY_ONE = {"budget_hours": "cost", "gpus": "cost", "margin": "power", "reported_seeds": "power"}
_WHERE = ("train_on", "machines", "site")
_PLAYED = ("evaluation_workers", "evaluation_device", "evaluation_memory_mb", "evaluation_runtime")
# Targets that make the same for every experiment, and the keys that they read.
WITHOUT_EXPERIMENT: dict[str, tuple[str, ...]] = {
    "audit": (),
    "evidence": (),
    "evidence_figures": (),
    "bandit": ("site",),
    "benchmark": (*_WHERE, "compile"),
    "probe": (*_WHERE, *_PLAYED),
    "reevaluate": ("site", *_PLAYED),
}
# What is read where scores exist and nothing is trained.
WITH_SCORES = ("scores", *score_file.KEYS, "margin", "reported_seeds", "site", *_PLAYED)


def refuse(
    given: Mapping[str, Any], arguments: Sequence[str], parser: Callable[[], argparse.ArgumentParser]
) -> None:
    """Refuse keys that no target reads.

    Args:
        given: keys and values of `--config`.
        arguments: of the process, its program first. Snakemake hands on its targets only after it has read
            the Snakefile.
        parser: makes Snakemake's parser of them, which takes a third of a second: asked only where the
            targets decide.

    Raises:
        ConfigError: naming the keys, and what reads them.
    """
    decide = any(key in READ_BY_ONE for key in given) or any(
        _rule(word) in WITHOUT_EXPERIMENT for word in arguments[1:]
    )
    asked = _asked(arguments, parser) if decide else ()
    for key, target in READ_BY_ONE.items():
        if key in given and asked and target not in asked:
            raise ConfigError(
                f"--config {key}= is read by `snakemake {target}` alone, and {schema.listed(asked)} is asked "
                f"for; ask for {target}, or leave {key} out."
            )
    if asked and all(target in WITHOUT_EXPERIMENT for target in asked):
        read = {key for target in asked for key in WITHOUT_EXPERIMENT[target]}
        _refuse_others(given, read, f"`snakemake {' '.join(asked)}` is the same for every experiment")
    elif "scores" in given:
        _refuse_others(given, WITH_SCORES, f"scores={given['scores']} reads scores that exist")


def _refuse_others(given: Iterable[str], read: Collection[str], why: str) -> None:
    idle = [key for key in given if key not in read]
    if idle:
        reads = f"it reads {schema.listed(sorted(read))}" if read else "it reads no key"
        raise ConfigError(
            f"--config gives {schema.listed(idle)}, but {why}: {reads}; leave {schema.listed(idle)} out."
        )


def refuse_repeated(entries: Sequence[str] | None) -> None:
    """Refuse a key that is given twice: Snakemake would take the last one.

    Args:
        entries: of `--config`, each `key=value`.

    Raises:
        ConfigError: naming the key and its values.
    """
    values: dict[str, list[str]] = {}
    for entry in entries or ():
        key, _, value = entry.partition("=")
        values.setdefault(key, []).append(value)
    for key, found in values.items():
        if len(found) > 1:
            raise ConfigError(
                f"--config gives {key} {len(found)} times ({', '.join(found)}); give it once, several values "
                "comma separated."
            )


def _asked(arguments: Sequence[str], parser: Callable[[], argparse.ArgumentParser]) -> tuple[str, ...]:
    """The rules of the targets; none where another program runs Snakemake."""
    program = Path(arguments[0])
    if "snakemake" not in (program.name, program.parent.name):
        return ()
    targets = parser().parse_args(arguments[1:]).targets
    return tuple(dict.fromkeys(map(_rule, targets))) or ("all",)


def _rule(target: str) -> str:
    """The rule that a target names; that of a file by its folder of results."""
    parts = Path(target).parts
    return parts[1] if len(parts) > 1 and parts[0] == paths.RESULTS else target
