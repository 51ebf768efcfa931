"""Checksums of files that are read back: written with a file, compared whenever it is read.

The SHA-256 of ``<name>`` is in ``<name>.sha256`` in the same folder, in the form of the command `sha256sum`:
``sha256sum --check <name>.sha256`` repeats the check. A file that an earlier version wrote has none: its
checksum is computed when the file is first read, written next to it, and said.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from recheck import files
from recheck.errors import FileError, RecheckError

SUFFIX = ".sha256"
_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)\n?")


def sidecar(path: Path) -> Path:
    """The file that holds the checksum of `path`."""
    return path.with_name(path.name + SUFFIX)


def write(path: Path, error: type[RecheckError] = FileError) -> str:
    """Write the checksum of a file that has just been written.

    Args:
        path: the file.
        error: the class of the error of a file that cannot be read or written.

    Returns:
        The SHA-256 as 64 hex digits.
    """
    found = files.sha256(path, error)
    files.write_text(sidecar(path), f"{found}  {path.name}\n", error)
    return found


def check(path: Path, advice: str, error: type[RecheckError] = FileError) -> str:
    """Compare a file with its checksum; take in a file that has none.

    Args:
        path: the file.
        advice: what to do about a damaged file.
        error: the class of the error.

    Returns:
        The SHA-256 as 64 hex digits.

    Raises:
        RecheckError: of class `error`, if the file cannot be read or is not what was written.
    """
    if not path.exists():
        raise error(f"There is no file {path}. {advice}")
    found = files.sha256(path, error)
    known = _read(path, advice, error)
    if known is None:
        _adopt(path, found)
    elif known != found:
        raise error(
            f"{path} is damaged: its SHA-256 is {found[:12]}..., but {known[:12]}... was written "
            f"({sidecar(path).name}). {advice}"
        )
    return found


def compare(path: Path, advice: str, error: type[RecheckError] = FileError) -> None:
    """As `check`, for a reader that takes no file in: one without a checksum is left as it is.

    Raises:
        RecheckError: of class `error`, if the file cannot be read or is not what was written.
    """
    if sidecar(path).exists():
        check(path, advice, error)


def _read(path: Path, advice: str, error: type[RecheckError]) -> str | None:
    try:
        text = sidecar(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as problem:
        raise error(f"{sidecar(path)} cannot be read ({problem}). {advice}") from None
    line = _LINE.fullmatch(text)
    if line is None or line[2] != path.name:
        raise error(f"{sidecar(path)} is damaged: it does not hold the SHA-256 of {path.name}. {advice}")
    return line[1]


def _adopt(path: Path, found: str) -> None:
    try:
        files.write_text(sidecar(path), f"{found}  {path.name}\n")
    except RecheckError as problem:
        print(f"{path} has no checksum, and none can be kept: {problem}", file=sys.stderr)
        return
    print(
        f"{path} is of an earlier version and has no checksum: it is taken as it is, and its SHA-256 "
        f"is kept in {sidecar(path).name}.",
        file=sys.stderr,
    )
