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
import re
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
            _rename_flushed(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path: Path, error: type[RecheckError] = FileError) -> Iterator[Path]:
    """Yield an empty temporary folder that replaces the folder `path` when the block ends well.

    The old folder, if there is one, is renamed first and removed last: it is whole until the new one is.
    Where `path` is a link, the folder that it names is replaced. Otherwise as `atomic`.

    Args:
        path: the target folder.
        error: the class of the error that a failed write becomes.

    Yields:
        The folder to write into.

    Raises:
        RecheckError: of class `error`, if the folder cannot be written. The target is unchanged.
    """
    path = path.resolve() if path.is_symlink() else path
    old = temporary_name(path, suffix="old")
    try:
        with temporary_folder(path, error) as temporary:
            yield temporary
            _flush_all(temporary)
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


@contextlib.contextmanager
def temporary_folder(path: Path, error: type[RecheckError] = FileError) -> Iterator[Path]:
    """Yield a new empty folder with a unique name in the folder of `path`; it is removed at the end.

    Args:
        path: what is made with its help; its folder is made.
        error: the class of the error that a failed write becomes.

    Yields:
        The folder to write into.

    Raises:
        RecheckError: of class `error`, if the folder cannot be written. After any exception it is removed.
    """
    temporary = temporary_name(path)
    try:
        with explained(path, error):
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.mkdir()
            yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def put_in_place(written: Path, path: Path, error: type[RecheckError] = FileError) -> None:
    """Rename a finished file or folder to `path`, flushed and with the umask's permissions.

    For what the block of `atomic` cannot write: a download that grows over several calls, a folder that a
    library makes. A file replaces a file. A folder replaces at most an empty one.

    Args:
        written: what becomes `path`; on the same file system.
        path: the target; its folder exists.
        error: the class of the error that a failed rename becomes.

    Raises:
        RecheckError: of class `error`, if it cannot be renamed. Both are then as they were.
    """
    with explained(path, error):
        _rename_flushed(written, path)


def remove_leftovers(path: Path) -> None:
    """Remove the temporary files and folders of `path` that killed processes left.

    Only for a caller that holds a lock against all other writers of `path`. A folder that was renamed and not
    yet replaced is renamed back.
    """
    pattern = re.compile(rf"\.{re.escape(path.name)}\.\d+-[0-9a-f]{{8}}\.(part|old)")
    names = sorted(path.parent.iterdir()) if path.parent.is_dir() else []
    for left in names:
        found = pattern.fullmatch(left.name)
        if found is None:
            continue
        if found[1] == "old" and not path.exists():
            os.replace(left, path)
        elif left.is_dir() and not left.is_symlink():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


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
        raise error(f"{path} is not valid JSON ({problem}); it is damaged or a different file.") from None


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


def _rename_flushed(written: Path, path: Path) -> None:
    _flush_all(written)
    os.replace(written, path)
    _flush(path.parent)


def _flush_all(written: Path) -> None:
    """Give a file, or everything in a folder, the umask's permissions and flush it to the disk."""
    inside = sorted(written.rglob("*")) if written.is_dir() and not written.is_symlink() else []
    for item in (*inside, written):
        if not item.is_symlink():
            os.chmod(item, (0o777 if item.is_dir() else 0o666) & ~_umask())
        _flush(item)


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
