"""Folders, text and JSON by the one writer. The contract of a file: tests of the plugin's `test_files.py`."""

import errno
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from recheck import files
from recheck.errors import ConfigError, FileError, RecheckError


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A folder of an earlier result."""
    folder = tmp_path / "result"
    folder.mkdir()
    (folder / "old.txt").write_text("old")
    return folder


# --- Folders ---


def test_a_folder_is_replaced_whole(target: Path) -> None:
    with files.atomic_folder(target) as temporary:
        assert temporary.parent == target.parent
        assert list(temporary.iterdir()) == []
        (temporary / "inner").mkdir()
        (temporary / "inner" / "new.txt").write_text("new")
        assert contents(target) == {"old.txt": "old"}
    assert contents(target) == {"inner/new.txt": "new"}
    assert list(target.parent.iterdir()) == [target]


def test_a_folder_is_made_with_its_parents(tmp_path: Path) -> None:
    with files.atomic_folder(tmp_path / "a" / "b") as temporary:
        (temporary / "x").write_text("x")
    assert contents(tmp_path) == {"a/b/x": "x"}


@pytest.mark.parametrize(
    "problem",
    [ValueError("x"), KeyboardInterrupt(), SystemExit(1)],
    ids=lambda problem: type(problem).__name__,
)
@pytest.mark.parametrize("place", ["inside", "fsync"])
def test_after_any_exception_the_old_folder_is_there_alone(
    place: str, problem: BaseException, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise problem

    if place == "fsync":
        monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(type(problem)), files.atomic_folder(target) as temporary:  # noqa: PT012
        (temporary / "new.txt").write_text("new")
        if place == "inside":
            raise problem
    assert contents(target) == {"old.txt": "old"}
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("fails_at", [0, 1], ids=["the old one is moved", "the new one is moved"])
def test_a_rename_that_fails_leaves_the_old_folder(
    fails_at: int, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, calls = os.replace, []

    def failing(source: Path, destination: Path) -> None:
        calls.append(source)
        if len(calls) == fails_at + 1:
            raise OSError(errno.EACCES, "Permission denied")
        replace(source, destination)

    monkeypatch.setattr(os, "replace", failing)
    words = "result cannot be written: Permission denied"
    with pytest.raises(FileError, match=words), files.atomic_folder(target) as temporary:
        (temporary / "new.txt").write_text("new")
    assert contents(target) == {"old.txt": "old"}
    assert list(target.parent.iterdir()) == [target]


def interrupted_after(count: int, replace: Callable[[Path, Path], None]) -> Callable[[Path, Path], None]:
    """`os.replace`, with Ctrl-C right after its call number `count`."""
    calls: list[Path] = []

    def interrupted(source: Path, destination: Path) -> None:
        replace(source, destination)
        calls.append(source)
        if len(calls) == count:
            raise KeyboardInterrupt

    return interrupted


@pytest.mark.parametrize(("count", "kept"), [(1, {"old.txt": "old"}), (2, {"new.txt": "new"})])
def test_an_interrupt_between_the_renames_leaves_a_whole_folder(
    count: int, kept: dict[str, str], target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old one where it was moved already, the new one where that is in its place."""
    monkeypatch.setattr(os, "replace", interrupted_after(count, os.replace))
    with pytest.raises(KeyboardInterrupt), files.atomic_folder(target) as temporary:
        (temporary / "new.txt").write_text("new")
    assert contents(target) == kept
    assert list(target.parent.iterdir()) == [target]


def test_a_failed_restore_keeps_the_old_folder(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing can be renamed any more after the first: the old content is under its temporary name."""
    replace, calls = os.replace, []

    def failing(source: Path, destination: Path) -> None:
        calls.append(source)
        if len(calls) > 1:
            raise OSError(errno.EIO, "Input/output error")
        replace(source, destination)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(FileError), files.atomic_folder(target) as temporary:
        (temporary / "new.txt").write_text("new")
    (kept,) = target.parent.iterdir()
    assert contents(kept) == {"old.txt": "old"}


def test_every_file_of_a_folder_is_flushed_before_the_rename(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    fsync, replace = os.fsync, os.replace

    def noted_fsync(handle: int) -> None:
        fsync(handle)
        found = os.fstat(handle)
        events.append("folder" if stat.S_ISDIR(found.st_mode) else f"{found.st_size} bytes")

    def noted_replace(source: Path, destination: Path) -> None:
        replace(source, destination)
        events.append("rename")

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "replace", noted_replace)
    with files.atomic_folder(tmp_path / "new") as temporary:
        (temporary / "a").write_text("1")
        (temporary / "b").write_text("22")
    assert events == ["1 bytes", "2 bytes", "folder", "rename", "folder"]


@pytest.mark.parametrize("mask", [0o077, 0o022])
def test_permissions_of_a_folder_are_the_umasks(mask: int, tmp_path: Path) -> None:
    before = os.umask(mask)
    files._umask.cache_clear()  # read once in a process
    try:
        with files.atomic_folder(tmp_path / "new") as temporary:
            (temporary / "inner").mkdir(mode=0o700)
            (temporary / "inner" / "a").touch(mode=0o600)
    finally:
        os.umask(before)
        files._umask.cache_clear()
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("new", "new/inner", "new/inner/a")]
    assert modes == [0o777 & ~mask, 0o777 & ~mask, 0o666 & ~mask]


def test_a_link_to_a_folder_stays_a_link(target: Path) -> None:
    link = target.with_name("link")
    link.symlink_to(target.name)
    with files.atomic_folder(link) as temporary:
        (temporary / "new.txt").write_text("new")
    assert link.is_symlink()
    assert contents(target) == {"new.txt": "new"}
    assert sorted(target.parent.iterdir()) == [link, target]


def test_a_link_is_replaced_and_what_it_names_untouched(target: Path) -> None:
    link = target.with_name("link")
    link.symlink_to("gone")
    target.chmod(0o700)
    with files.atomic(link) as temporary:
        temporary.symlink_to(target.name)
    assert link.resolve() == target
    assert stat.S_IMODE(target.stat().st_mode) == 0o700


# --- What is written elsewhere, and what is left ---


def test_a_temporary_folder_is_unique_and_removed(tmp_path: Path) -> None:
    with (
        files.temporary_folder(tmp_path / "a" / "b") as first,
        files.temporary_folder(tmp_path / "a" / "b") as second,
    ):
        assert first.parent == second.parent == tmp_path / "a"
        assert first != second
        (first / "inner").mkdir()
    assert list((tmp_path / "a").iterdir()) == []
    with pytest.raises(KeyboardInterrupt), files.temporary_folder(tmp_path / "c") as third:  # noqa: PT012
        (third / "x").write_text("x")
        raise KeyboardInterrupt
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a"]


def test_what_is_put_in_place_is_flushed_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda handle: events.append(f"{os.fstat(handle).st_size} bytes"))
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda *paths: (events.append("rename"), replace(*paths)))
    part, path = tmp_path / "a.part", tmp_path / "a"
    path.write_text("old")
    part.write_text("four")
    part.chmod(0o600)
    files.put_in_place(part, path)
    assert events[:2] == ["4 bytes", "rename"]
    assert len(events) == 3
    assert path.read_text() == "four"
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~files._umask()


def test_what_cannot_be_put_in_place_stays(target: Path) -> None:
    """A folder replaces no folder that holds something: that is `atomic_folder`."""
    new = target.with_name("new")
    new.mkdir()
    (new / "new.txt").write_text("new")
    with pytest.raises(ConfigError, match=r"result cannot be written: .*Directory not empty"):
        files.put_in_place(new, target, ConfigError)
    assert contents(target.parent) == {"new/new.txt": "new", "result/old.txt": "old"}


def test_leftovers_of_killed_processes_are_removed(target: Path) -> None:
    folder = target.parent
    (folder / ".result.123-0123abcd.part").mkdir()
    (folder / ".result.123-0123abcd.part" / "x").write_text("x")
    (folder / ".result.124-0123abcd.old").mkdir()
    (folder / ".result.9-00000000.part").write_text("x")
    others = [".result.v2.123-0123abcd.part", ".result.lock", "result.part", ".other.1-00000000.part"]
    for name in others:
        (folder / name).write_text("x")
    files.remove_leftovers(target)
    assert {path.name for path in folder.iterdir()} == {"result", *others}
    files.remove_leftovers(folder / "none" / "result")  # a folder that is not there


def test_a_folder_between_the_two_renames_is_renamed_back(target: Path) -> None:
    target.rename(target.with_name(".result.123-0123abcd.old"))
    files.remove_leftovers(target)
    assert contents(target.parent) == {"result/old.txt": "old"}


# --- Messages ---


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full; free some space and run again"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "the disk is full; free some space and run again"),
        (OSError(errno.EROFS, "Read-only file system"), "cannot be written: Read-only file system"),
        (OSError("[Errno 28] error writing: No space left on device"), "the disk is full"),
    ],
)
def test_what_a_disk_says_is_one_message_of_the_callers_class(
    problem: OSError, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.parquet"
    with pytest.raises(ConfigError) as caught, files.atomic(path, ConfigError):
        raise problem
    message = str(caught.value)
    assert message.startswith(f"{path} cannot be written: ")
    assert words in message
    assert "\n" not in message


def test_a_file_that_the_block_reads_is_named(tmp_path: Path) -> None:
    source, path = tmp_path / "source.csv", tmp_path / "a.csv"
    with pytest.raises(RecheckError, match=r"source\.csv: No such file"), files.atomic(path) as temporary:
        shutil.copy(source, temporary)


def test_a_file_in_place_of_the_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    with pytest.raises(FileError, match="cannot be written"):
        files.write_text(tmp_path / "a" / "b.txt", "x")


# --- Text and JSON ---


def test_line_ends_are_kept(tmp_path: Path) -> None:
    files.write_text(tmp_path / "a.tex", "one\r\ntwo\n")
    assert (tmp_path / "a.tex").read_bytes() == b"one\r\ntwo\n"


def test_json_is_canonical(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    files.write_json(path, {"b": "ä", "a": [1, 2.5]})
    assert path.read_bytes() == '{\n "a": [\n  1,\n  2.5\n ],\n "b": "ä"\n}\n'.encode()
    assert files.read_json(path) == {"a": [1, 2.5], "b": "ä"}
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(path, {"a": float("nan")})
    assert files.read_json(path) == {"a": [1, 2.5], "b": "ä"}


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda path: None, "There is no file"),
        (lambda path: path.mkdir(), "cannot be read: Is a directory"),
        (lambda path: path.write_text('{"a": 1'), "is not valid JSON"),
        (lambda path: path.write_bytes(b"\xff"), "is not valid JSON"),
    ],
)
def test_json_that_cannot_be_read_is_one_message(prepare, words, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    prepare(path)
    with pytest.raises(ConfigError, match=words):
        files.read_json(path, ConfigError)


def test_a_hash_is_that_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    # FIPS 180-2, appendix B.1.
    assert files.sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    with pytest.raises(FileError, match="There is no file"):
        files.sha256(tmp_path / "b")
