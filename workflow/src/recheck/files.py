"""The one writer: every file and folder of results is written here, whole or not at all.

A file is written under a temporary name in the folder of its target and then renamed. So a reader sees the
old content or the new one, never a part, and a full disk or a kill leaves the old file as it was.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recheck.errors import FileError, RecheckError

# Errors of a disk or quota that is full; safetensors and Arrow put the reason into their text.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_CHUNK_BYTES = 1 << 20


@contextlib.contextmanager
def atomic(path: Path, error: type[RecheckError] = FileError) -> Iterator[Path]:
    """Yield a temporary path that replaces `path` when the block ends without an exception.

    The temporary name is unique and in the target's folder, which is made. The content is flushed to the disk
    before the rename, and the folder after it. The permissions are those that the umask gives a new file.

    Args:
        path: the target.
        error: the class of the error that a failed write becomes.

    Yields:
        The path to write to.

    Raises:
        RecheckError: of class `error`, if the file cannot be written. The target is unchanged, and after any
            exception no temporary file is left.
    """
    temporary = temporary_name(path)
    try:
        with explained(path, error):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            os.chmod(temporary, 0o666 & ~_umask())
            _flush(temporary)
            os.replace(temporary, path)
            _flush(path.parent)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path: Path, error: type[RecheckError] = FileError) -> Iterator[Path]:
    """Yield an empty temporary folder that replaces the folder `path` when the block ends well.

    The old folder, if there is one, is renamed first and removed last: it is whole until the new one is.
    Otherwise as `atomic`.

    Args:
        path: the target folder.
        error: the class of the error that a failed write becomes.

    Yields:
        The folder to write into.

    Raises:
        RecheckError: of class `error`, if the folder cannot be written. The target is unchanged.
    """
    temporary = temporary_name(path)
    old = temporary_name(path, suffix="old")
    try:
        with explained(path, error):
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.mkdir()
            yield temporary
            for item in sorted(temporary.rglob("*")):
                _flush(item)
            _flush(temporary)
            if path.exists():
                os.replace(path, old)
            os.replace(temporary, path)
            _flush(path.parent)
    finally:
        # Whatever came in between, an interrupt too: the old folder goes when a whole one is in its place.
        if old.exists() and not path.exists():
            with contextlib.suppress(OSError):
                os.replace(old, path)
        if path.exists():
            shutil.rmtree(old, ignore_errors=True)
        shutil.rmtree(temporary, ignore_errors=True)


def write_text(path: Path, text: str, error: type[RecheckError] = FileError) -> None:
    """Write a text file as UTF-8 with its line ends as given.

    Raises:
        RecheckError: of class `error`, if the file cannot be written; the target is unchanged.
    """
    with atomic(path, error) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def write_json(path: Path, document: Any, error: type[RecheckError] = FileError) -> None:
    """Write canonical JSON: UTF-8, sorted keys, an indent of 1, no NaN, a newline at the end.

    Raises:
        ValueError: the document holds NaN or an infinity.
        RecheckError: of class `error`, if the file cannot be written; the target is unchanged.
    """
    write_text(path, json_text(document), error)


def json_text(document: Any) -> str:
    """The text of `write_json`."""
    return json.dumps(document, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def read_json(path: Path, error: type[RecheckError] = FileError) -> Any:
    """The document of a JSON file.

    Raises:
        RecheckError: of class `error`, if the file is absent, unreadable or no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise error(f"There is no file {path}.") from None
    except OSError as problem:
        raise error(f"{path} cannot be read: {problem.strerror or problem}.") from None
    except ValueError as problem:
        raise error(f"{path} is no JSON ({problem}); it is damaged or another file.") from None


def sha256(path: Path, error: type[RecheckError] = FileError) -> str:
    """The SHA-256 of a file's bytes, as 64 hex digits.

    Raises:
        RecheckError: of class `error`, if the file cannot be read.
    """
    found = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                found.update(chunk)
    except FileNotFoundError:
        raise error(f"There is no file {path}.") from None
    except OSError as problem:
        raise error(f"{path} cannot be read: {problem.strerror or problem}.") from None
    return found.hexdigest()


def temporary_name(path: Path, suffix: str = "part") -> Path:
    """A name in the target's folder that no other writer has."""
    return path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.{suffix}")


@contextlib.contextmanager
def explained(path: Path, error: type[RecheckError] = FileError) -> Iterator[None]:
    """Turn what a full or read-only disk raises into one message.

    safetensors and Arrow raise errors of their own for a full disk, without a number: they are known by their
    text.

    Args:
        path: what is written, for the message.
        error: the class of the error that a failed write becomes.

    Raises:
        RecheckError: of class `error`, if the block raises such an error.
    """
    try:
        yield
    except OSError as problem:
        raise error(_reason(path, problem)) from None
    except Exception as problem:
        if type(problem).__name__ == "SafetensorError" and "I/O error" in str(problem):
            raise error(_reason(path, problem)) from None
        raise


def _reason(path: Path, problem: Exception) -> str:
    number = getattr(problem, "errno", None)
    text = getattr(problem, "strerror", None) or " ".join(str(problem).split())
    if number in _FULL or "No space left" in text or "os error 28" in text:
        return f"{path} cannot be written: the disk is full; free some space and run again."
    # What fails may be another file, which the block reads: the message names it.
    other = getattr(problem, "filename", None)
    own = (path, path.parent, *path.parent.parents)
    if isinstance(other, str) and Path(other) not in own and f"/.{path.name}." not in other:
        text = f"{other}: {text}"
    return f"{path} cannot be written: {text}."


def _flush(path: Path) -> None:
    """Flush a file or folder to the disk."""
    if path.is_symlink():
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as problem:
        # Some network file systems cannot sync a folder.
        if not path.is_dir() or problem.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(handle)


@functools.cache
def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
