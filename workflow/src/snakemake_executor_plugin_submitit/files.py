"""Atomic writes of the plugin's files: a reader sees the old file or the new one, never half of it.

The plugin has this module, with mode 0600, because it must install alone and its folder is private.
"""

import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_MODE = 0o600
_LONGEST_NAME = 200  # bytes of the file's name in the temporary name; file systems take 255 in all


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Write a file under a temporary name in the same folder and rename it when the block has ended well.

    The content is on the disk (``fsync`` of file and folder) before the function returns. After any
    exception, also KeyboardInterrupt, the temporary file is gone and ``path`` is what it was.

    Args:
        path: the file to write; its folder must exist.

    Yields:
        The temporary path. It exists, is empty and has mode 0600.

    Raises:
        OSError: the folder does not exist or the file cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(_temporary_name(path.name))
    try:
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE))
        yield temporary
        os.chmod(temporary, _MODE)  # the block may have replaced the file
        _sync(temporary)
        os.replace(temporary, path)
    except BaseException:
        _remove(temporary)
        raise
    _sync(path.parent)


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, atomically."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file, atomically.

    Raises:
        TypeError: the content has something that JSON has no form for.
        ValueError: the content has NaN or an infinity.
    """
    write_text(path, json.dumps(content, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any] | None:
    """Read a file of :func:`write_json`; None if it is missing or (on a failing disk) unreadable."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _temporary_name(name: str) -> str:
    start = os.fsdecode(os.fsencode(name)[:_LONGEST_NAME])
    return f".{start}.{os.getpid()}-{secrets.token_hex(6)}.part"


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
        return
    with contextlib.suppress(OSError):
        path.unlink()
