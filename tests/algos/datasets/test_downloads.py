"""Downloads against a server on this machine: resumed, mirrored, checked, renamed only if right."""

import errno
import fcntl
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from recheck.errors import DatasetError

from algos.datasets import downloads
from algos.datasets.downloads import download

CONTENT = bytes(range(256)) * 4096  # 1 MiB
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server:
    """A file server whose behaviour each test sets."""

    def __init__(self) -> None:
        self.content = CONTENT
        self.etag: str | None = '"first"'
        self.ranges = True
        self.break_after: int | None = None
        self.status = 200
        self.requests: list[dict[str, str]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.requests.append(dict(self.headers))
                server.answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.http.server_port}/data/file.hdf5"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        if self.status != 200:
            handler.send_error(self.status)
            return
        start = 0
        asked = handler.headers.get("Range")
        if asked and self.ranges and handler.headers.get("If-Range") == self.etag:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            handler.send_response(206)
            handler.send_header("Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        else:
            handler.send_response(200)
        body = self.content[start:]
        handler.send_header("Content-Length", str(len(body)))
        if self.etag:
            handler.send_header("ETag", self.etag)
        handler.end_headers()
        if self.break_after is not None:
            body = body[: self.break_after]
        handler.wfile.write(body)
        if self.break_after is not None:
            handler.wfile.flush()
            handler.close_connection = True

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


@pytest.fixture
def mirror() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_arrives_whole_and_alone(server: Server, tmp_path: Path) -> None:
    path = download([server.url], tmp_path / "file.hdf5", sha256=SHA256, size_bytes=len(CONTENT))
    assert path.read_bytes() == CONTENT
    assert files(tmp_path) == ["file.hdf5"]


def test_a_file_that_is_there_is_not_fetched(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.hdf5").write_bytes(CONTENT)
    download([server.url], tmp_path / "file.hdf5", sha256=SHA256)
    assert server.requests == []


def test_a_damaged_file_that_is_there_is_fetched_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.hdf5").write_bytes(CONTENT[:-1])
    assert download([server.url], tmp_path / "file.hdf5", sha256=SHA256).read_bytes() == CONTENT


def test_a_broken_download_is_continued(server: Server, tmp_path: Path) -> None:
    server.break_after = 300_000
    with pytest.raises(DatasetError, match="broke off after 300,000 of 1,048,576 bytes"):
        download([server.url], tmp_path / "file.hdf5", sha256=SHA256)
    assert not (tmp_path / "file.hdf5").exists()
    server.break_after = None
    download([server.url], tmp_path / "file.hdf5", sha256=SHA256)
    assert server.requests[1]["Range"] == "bytes=300000-"
    assert (tmp_path / "file.hdf5").read_bytes() == CONTENT
    assert files(tmp_path) == ["file.hdf5"]


def test_a_file_that_changed_in_between_is_fetched_from_the_start(server: Server, tmp_path: Path) -> None:
    """Two versions of a file are never joined: the server's ETag differs, so it sends all of the new one."""
    server.break_after = 300_000
    with pytest.raises(DatasetError):
        download([server.url], tmp_path / "file.hdf5")
    server.break_after, server.content, server.etag = None, CONTENT[::-1], '"second"'
    assert download([server.url], tmp_path / "file.hdf5").read_bytes() == CONTENT[::-1]


def test_a_server_without_ranges_sends_all_again(server: Server, tmp_path: Path) -> None:
    server.break_after = 300_000
    with pytest.raises(DatasetError):
        download([server.url], tmp_path / "file.hdf5", sha256=SHA256)
    server.break_after, server.ranges = None, False
    assert download([server.url], tmp_path / "file.hdf5", sha256=SHA256).read_bytes() == CONTENT


def test_without_a_validator_nothing_is_continued(server: Server, tmp_path: Path) -> None:
    server.etag, server.break_after = None, 300_000
    with pytest.raises(DatasetError):
        download([server.url], tmp_path / "file.hdf5", sha256=SHA256)
    server.break_after = None
    download([server.url], tmp_path / "file.hdf5", sha256=SHA256)
    assert "Range" not in server.requests[1]


def test_the_mirror_is_taken_where_the_first_host_is_down(
    server: Server, mirror: Server, tmp_path: Path
) -> None:
    server.status = 503
    path = download([server.url, mirror.url], tmp_path / "file.hdf5", sha256=SHA256)
    assert path.read_bytes() == CONTENT


def test_a_wrong_hash_at_one_host_leads_to_the_next(server: Server, mirror: Server, tmp_path: Path) -> None:
    server.content = CONTENT[:-1] + b"x"
    path = download([server.url, mirror.url], tmp_path / "file.hdf5", sha256=SHA256)
    assert path.read_bytes() == CONTENT
    assert files(tmp_path) == ["file.hdf5"]


def test_every_host_is_named_with_its_answer(server: Server, tmp_path: Path) -> None:
    server.status = 503
    urls = [server.url, "http://127.0.0.1:9/file.hdf5", "ftp://example.org/file.hdf5"]
    with pytest.raises(DatasetError) as caught:
        download(urls, tmp_path / "file.hdf5", sha256=SHA256)
    message = str(caught.value)
    assert "127.0.0.1: it answered 503" in message
    assert "cannot be reached" in message
    assert "example.org: ftp://example.org/file.hdf5 is not an address of the kind" in message
    assert "give its path" in message
    assert "data_folder" in message
    assert "\n" not in message
    assert not (tmp_path / "file.hdf5").exists()


@pytest.mark.parametrize("change", ["sha256", "size"])
def test_a_wrong_file_is_not_kept(server: Server, tmp_path: Path, change: str) -> None:
    wanted: dict[str, Any] = {"sha256": "0" * 64} if change == "sha256" else {"size_bytes": 5}
    with pytest.raises(DatasetError, match="SHA-256" if change == "sha256" else "bytes, not 5"):
        download([server.url], tmp_path / "file.hdf5", **wanted)
    assert files(tmp_path) == []


def test_an_error_page_is_recognised(server: Server, tmp_path: Path) -> None:
    from algos.datasets.hdf5 import check_signature

    server.content = b"<!DOCTYPE html><title>Moved</title>"
    with pytest.raises(DatasetError, match="web page"):
        download([server.url], tmp_path / "file.hdf5", check=check_signature)
    assert not (tmp_path / "file.hdf5").exists()


def test_a_full_disk_is_reported_and_nothing_kept(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(downloads, "_copy", full)
    with pytest.raises(DatasetError, match="the disk is full; free some space"):
        download([server.url], tmp_path / "file.hdf5", sha256=SHA256)
    assert files(tmp_path) == []


def test_two_at_once_do_not_write_into_each_other(server: Server, tmp_path: Path) -> None:
    with (tmp_path / "file.hdf5.part").open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(DatasetError, match="is being downloaded by another process; wait for it"):
            download([server.url], tmp_path / "file.hdf5")
    assert server.requests == []


def test_what_another_process_has_just_downloaded_is_taken(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one renames its part after this one looked for the file, and before it has the lock."""
    path, flock = tmp_path / "file.hdf5", fcntl.flock

    def late(handle: Any, operation: int) -> Any:
        path.write_bytes(CONTENT)
        return flock(handle, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    assert download([server.url], path, sha256=SHA256) == path
    assert server.requests == []
    assert files(tmp_path) == ["file.hdf5"]


def test_an_answer_that_is_no_http_is_one_message(server: Server, tmp_path: Path) -> None:
    server.answer = lambda handler: handler.wfile.write(b"220 ready\r\n")  # type: ignore[method-assign]
    with pytest.raises(DatasetError, match=r"127\.0\.0\.1: the connection broke off \(220 ready"):
        download([server.url], tmp_path / "file.hdf5")
    assert files(tmp_path) == []
