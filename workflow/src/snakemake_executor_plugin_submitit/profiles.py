"""Values of a Snakemake profile that YAML reads as something else than what is written.

YAML 1.1 reads an unquoted ``0123`` as the octal number 83, ``12:30:00`` as the base-60 number 45000 and
``no`` as false, and Snakemake passes these on. The account, the partition or the time limit would silently
be others, so such values are refused, with the file, the line and how to write them.
"""

import argparse
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from .errors import SubmititError
from .resources import TEXT_RESOURCES

_PLAIN_NUMBER = re.compile(r"[-+]?(0|[1-9][0-9_]*)(\.[0-9]*)?([eE][-+]?[0-9]+)?")
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_TEXT = ("tag:yaml.org,2002:str", "tag:yaml.org,2002:null")


def check_profiles(arguments: Sequence[str] | None = None) -> None:
    """Check the profiles of this call of Snakemake.

    Args:
        arguments: of Snakemake's command line; those of this process if None.

    Raises:
        SubmititError: a value is read as something else than what is written.
    """
    for path in profile_files(sys.argv[1:] if arguments is None else arguments):
        problems = list(misread_values(path))
        if problems:
            raise SubmititError("\n".join(problems))


def profile_files(arguments: Sequence[str]) -> list[Path]:
    """The profile files that Snakemake reads for a command line, found as Snakemake finds them."""
    from snakemake.cli import get_profile_dir

    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--profile", action="append")
    parser.add_argument("--workflow-profile")
    parser.add_argument("--snakefile", "-s")
    known, _ = parser.parse_known_args([word for word in arguments if word != "--"])
    names = known.profile or [name for name in [os.environ.get("SNAKEMAKE_PROFILE")] if name]
    names = [name for name in names if name != "none"]
    if known.workflow_profile != "none":
        name = known.workflow_profile or "default"
        folder = Path(known.snakefile).parent if known.snakefile else Path()
        candidates = [Path(name), Path("profiles") / name, folder / "profiles" / name]
        names += [str(path) for path in candidates if path.exists()][:1]
    found = [get_profile_dir(name) for name in names]
    return [Path(place[1]) for place in found if place is not None]


def misread_values(path: Path) -> Iterator[str]:
    """One message for each value of a profile that is not read as it is written."""
    import yaml

    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (OSError, yaml.YAMLError):
        return  # Snakemake has read it by its template language
    for key, node in _scalars(root, ""):
        name = key.rpartition(".")[2]
        if node.style is not None or not _is_misread(name, node.tag, node.value):
            continue
        read = yaml.safe_load(node.value)
        yield (
            f"{path}, line {node.start_mark.line + 1}: YAML reads {key}: {node.value} as {read!r}. "
            f"{_how_to_write(name, node.value)}"
        )


def _scalars(node: Any, key: str) -> Iterator[tuple[str, Any]]:
    """Key, with dots, and node of each scalar below a YAML node."""
    import yaml

    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            yield from _scalars(value, f"{key}.{name.value}" if key else str(name.value))
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _scalars(value, key)
    elif isinstance(node, yaml.ScalarNode):
        yield key, node


def _is_misread(name: str, tag: str, written: str) -> bool:
    if name in TEXT_RESOURCES:
        return tag not in _TEXT
    return tag in _NUMBERS and not _PLAIN_NUMBER.fullmatch(written)


def _how_to_write(name: str, written: str) -> str:
    if name == "runtime":
        return "Write the time limit in minutes, as in runtime: 750, or with a unit, as in runtime: 12h."
    if name in TEXT_RESOURCES or not written[:1].isdigit():
        return f'Write it in quotes: {name}: "{written}".'
    return "Write a plain decimal number without a leading zero, or put text in quotes."
