"""Checksums: written, compared, taken in once, and readable by sha256sum."""

import hashlib
import subprocess

import pytest
from recheck import checksums
from recheck.errors import FileError, StateError


def test_a_checksum_is_written_as_sha256sum_reads_it(tmp_path):
    path = tmp_path / "a file.bin"
    path.write_bytes(b"abc")
    expected = hashlib.sha256(b"abc").hexdigest()
    assert checksums.write(path) == hashlib.sha256(b"abc").hexdigest()
    assert (
        tmp_path / "a file.bin.sha256"
    ).read_text() == f"{hashlib.sha256(b'abc').hexdigest()}  a file.bin\n"
    done = subprocess.run(
        ["sha256sum", "--check", "a file.bin.sha256"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0
    assert checksums.check(path, "Make it again.") == expected


@pytest.mark.parametrize("content", [b"abd", b"ab", b""])
def test_another_content_is_refused_with_the_advice(tmp_path, content):
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    checksums.write(path)
    path.write_bytes(content)
    with pytest.raises(StateError, match=r"x is damaged: its SHA-256 is .*\. Make it again\."):
        checksums.check(path, "Make it again.", StateError)


@pytest.mark.parametrize("text", ["", "abc", f"{'0' * 64}  other\n", f"{'g' * 64}  x\n"])
def test_a_damaged_checksum_is_refused(tmp_path, text):
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    checksums.sidecar(path).write_text(text)
    with pytest.raises(FileError, match="does not hold the SHA-256 of x"):
        checksums.check(path, "Make it again.")


def test_a_file_without_a_checksum_is_taken_once(tmp_path, capsys):
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    checksums.check(path, "Make it again.")
    assert "x is of an earlier version and has no checksum" in capsys.readouterr().err
    checksums.check(path, "Make it again.")
    assert capsys.readouterr().err == ""
    path.write_bytes(b"abd")
    with pytest.raises(FileError, match="damaged"):
        checksums.check(path, "Make it again.")


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(FileError, match="There is no file"):
        checksums.check(tmp_path / "x", "Make it again.")
