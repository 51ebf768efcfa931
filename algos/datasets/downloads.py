"""Files from the network: resumed where they stopped, tried at every mirror, kept only when right."""

from __future__ import annotations

import errno
import fcntl
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
from recheck.files import sha256 as file_sha256
from recheck.files import write_json

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

    What arrives is written to `<destination>.part`, continued there after an interruption (HTTP Range, held
    to the server's validator, so two versions of a file are never mixed), checked, and moved to
    `destination` when size, hash and `check` agree. A file that is there and has the hash is not fetched.

    Raises DatasetError, naming what each host answered and how to go on without it.
    """
    if destination.is_file() and (sha256 is None or file_sha256(destination) == sha256):
        return destination
    destination.parent.mkdir(parents=True, exist_ok=True)
    part = destination.with_name(destination.name + ".part")
    reasons: list[str] = []
    with _locked(part):
        for url in urls:
            try:
                _fetch(url, part, timeout_seconds)
                _check(part, sha256, size_bytes, check)
                os.replace(part, destination)
            except _Wrong as wrong:
                reasons.append(f"{host_of(url)}: {wrong}")
                continue
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                    discard(part)
                raise DatasetError(f"{destination} cannot be written: {error.strerror or error}.") from None
            _source_file(part).unlink(missing_ok=True)
            return destination
    raise DatasetError(
        f"{destination.name} could not be downloaded ({'; '.join(reasons) or 'no address is known'}); "
        "fetch it by other means and give its path, or the folder that holds it as data_folder."
    )


@contextmanager
def _locked(part: Path) -> Iterator[None]:
    with part.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DatasetError(f"{part} is being downloaded by another process; wait for it.") from None
        try:
            yield
        finally:
            if part.exists() and part.stat().st_size == 0:
                part.unlink()


def _source_file(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def discard(part: Path) -> None:
    """Forget what was downloaded so far; the name stays, since it is locked."""
    os.truncate(part, 0)
    _source_file(part).unlink(missing_ok=True)


def _fetch(url: str, part: Path, timeout_seconds: float) -> None:
    """Bring `part` to the whole file of `url`; what it holds of the same file already is kept."""
    if urllib.parse.urlsplit(url).scheme not in SCHEMES:
        raise _Wrong(f"{url} is no address of the kind {', '.join(SCHEMES)}")
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
    except (TimeoutError, ConnectionError) as error:
        raise _Wrong(f"the connection broke off ({error})") from None


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
            f"the connection broke off after {received:,} of {int(length):,} bytes; run again to go on"
        )


def _check(
    part: Path, sha256: str | None, size_bytes: int | None, check: Callable[[Path], object] | None
) -> None:
    """Size, content and hash; a wrong file is removed, since going on with it would be in vain."""
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
