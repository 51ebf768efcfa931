"""A lock that ends with its process: one at a time prepares a dataset or downloads a file."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recheck.errors import DatasetError
from recheck.files import explained


@contextmanager
def held(lock: Path, message: str) -> Iterator[None]:
    """Hold the lock on the file `lock` while the block runs.

    The file is made if it is absent, and removed at the end if it is empty. The block may rename it.

    Args:
        lock: the file; its folder is made.
        message: of the error if another process holds the lock.

    Raises:
        DatasetError: another process holds it, or the file cannot be made.
    """
    handle = _locked(lock, message)
    try:
        yield
    finally:
        try:
            if _is_at(handle, lock) and os.fstat(handle).st_size == 0:
                lock.unlink()
        finally:
            os.close(handle)


def _locked(lock: Path, message: str) -> int:
    with explained(lock, DatasetError):
        lock.parent.mkdir(parents=True, exist_ok=True)
        while True:
            handle = os.open(lock, os.O_WRONLY | os.O_CREAT, 0o666)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # The holder before may have removed or renamed the file after it was opened here.
                if _is_at(handle, lock):
                    return handle
            except BlockingIOError:
                os.close(handle)
                raise DatasetError(message) from None
            except BaseException:
                os.close(handle)
                raise
            os.close(handle)


def _is_at(handle: int, path: Path) -> bool:
    """Whether `path` is the file that is open as `handle`."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
