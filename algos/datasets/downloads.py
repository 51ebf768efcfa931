"""Files from the network: resumed where they stopped, tried at every mirror, kept only if they are right."""

from __future__ import annotations

import errno
import http.client
import json
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from recheck.errors import DatasetError
from recheck.files import explained, put_in_place, write_json
from recheck.files import sha256 as file_sha256

from algos.datasets import file_lock

CHUNK_BYTES = 1 << 20
TIMEOUT_SECONDS = 30.0
SCHEMES = ("http", "https", "file")


def host_of(url: str) -> str:
    """The host of an address, or its scheme where it has none."""
    parts = urllib.parse.urlsplit(url)
    return parts.hostname or f"{parts.scheme}:"


class _Wrong(Exception):
    """This address does not give the file; the message says why."""


def download(
    urls: Sequence[str],
    destination: Path,
    *,
    sha256: str | None = None,
    size_bytes: int | None = None,
    check: Callable[[Path], object] | None = None,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Path:
    """Fetch a file from the first address that gives the right one.

    What arrives is appended to `<destination>.part`, continued there after an interruption (HTTP Range, only
    while the server's validator is the same, so two versions of a file are never mixed), checked, and renamed
    to `destination` when size, hash and `check` agree. A file that is there and has the hash is not fetched.

    Raises:
        DatasetError: no address gives the file; the message says what each host answered and how to continue
            without it. Or the file cannot be written.
    """
    # Not a unique temporary name: the next call has to find the part, to continue it. A lock keeps it to one
    # process.
    part = destination.with_name(destination.name + ".part")
    if _is_right(destination, sha256):
        return destination
    reasons: list[str] = []
    with file_lock.held(part, f"{part} is being downloaded by another process; wait for it."):
        if _is_right(destination, sha256):  # another process was faster
            return destination
        for url in urls:
            try:
                with explained(destination, DatasetError), _discarded_on_a_full_disk(part):
                    _fetch(url, part, timeout_seconds)
                    _check(part, sha256, size_bytes, check)
                    put_in_place(part, destination, DatasetError)
                    _source_file(part).unlink(missing_ok=True)
                    return destination
            except _Wrong as wrong:
                reasons.append(f"{host_of(url)}: {wrong}")
    raise DatasetError(
        f"{destination.name} could not be downloaded ({'; '.join(reasons) or 'no address is known'}); "
        "download it another way and give its path, or the folder that holds it as data_folder."
    )


def _is_right(destination: Path, sha256: str | None) -> bool:
    return destination.is_file() and (sha256 is None or file_sha256(destination, DatasetError) == sha256)


@contextmanager
def _discarded_on_a_full_disk(part: Path) -> Iterator[None]:
    """Free the space of a part that does not fit on the disk."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            discard(part)
        raise


def _source_file(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def discard(part: Path) -> None:
    """Forget what was downloaded so far; the name stays, since it is locked."""
    os.truncate(part, 0)
    _source_file(part).unlink(missing_ok=True)


def _fetch(url: str, part: Path, timeout_seconds: float) -> None:
    """Bring `part` to the whole file of `url`; what it holds of the same file already is kept."""
    if urllib.parse.urlsplit(url).scheme not in SCHEMES:
        raise _Wrong(f"{url} is not an address of the kind {', '.join(SCHEMES)}")
    have = part.stat().st_size if part.exists() else 0
    validator = _known_validator(part, url) if have else None
    request = urllib.request.Request(url, headers={"User-Agent": "recheck"})
    if have and validator:
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", validator)
    try:
        with urllib.request.urlopen(request, timeout=timeout_seconds) as answer:
            start = _start_of(answer, have if validator else 0)
            _write_source(part, url, answer)
            _copy(answer, part, start)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # nothing left to send, or another file: start again next time
            discard(part)
        raise _Wrong(f"it answered {error.code} {error.reason}") from None
    except urllib.error.URLError as error:
        raise _Wrong(f"it cannot be reached ({error.reason})") from None
    except (TimeoutError, ConnectionError, http.client.HTTPException) as error:
        raise _Wrong(f"the connection broke off ({error or type(error).__name__})") from None


def _start_of(answer: Any, asked: int) -> int:
    """Where the answer's bytes belong: behind those we have for 206, at the beginning for 200."""
    if getattr(answer, "status", 200) == 206:
        given = answer.headers.get("Content-Range", "")
        if not given.startswith(f"bytes {asked}-"):
            raise _Wrong(f"it sent another part of the file than was asked for ({given or 'unknown'})")
        return asked
    return 0


def _known_validator(part: Path, url: str) -> str | None:
    try:
        source = json.loads(_source_file(part).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return source.get("validator") if source.get("url") == url else None


def _write_source(part: Path, url: str, answer: Any) -> None:
    etag = answer.headers.get("ETag")
    strong = etag if etag and not etag.startswith("W/") else None
    source = {"url": url, "validator": strong or answer.headers.get("Last-Modified")}
    write_json(_source_file(part), source, DatasetError)


def _copy(answer: Any, part: Path, start: int) -> None:
    length = answer.headers.get("Content-Length")
    file: IO[bytes]
    with part.open("r+b") as file:
        file.truncate(start)
        file.seek(start)
        received = 0
        while chunk := answer.read(CHUNK_BYTES):
            file.write(chunk)
            received += len(chunk)
    if length is not None and received < int(length):
        raise _Wrong(
            f"the connection broke off after {received:,} of {int(length):,} bytes; run again to continue"
        )


def _check(
    part: Path, sha256: str | None, size_bytes: int | None, check: Callable[[Path], object] | None
) -> None:
    """Size, content and hash; a wrong file is removed, since it cannot be continued."""
    size = part.stat().st_size
    try:
        if check is not None:
            check(part)
        if size_bytes is not None and size != size_bytes:
            raise _Wrong(f"its file has {size:,} bytes, not {size_bytes:,}")
        if sha256 is not None and (found := file_sha256(part)) != sha256:
            raise _Wrong(f"its file has the SHA-256 {found}, not {sha256}")
    except DatasetError as error:
        discard(part)
        raise _Wrong(str(error).removeprefix(str(part)).strip(" .")) from None
    except _Wrong:
        discard(part)
        raise
