"""The atomic writer: the plugin's and the project's fulfil the same contract, but for the permissions."""

import errno
import os
import stat
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import recheck.files
from recheck.errors import RecheckError
from snakemake_executor_plugin_submitit import files

Writer = Callable[[Path], AbstractContextManager[Path]]

WRITERS = {"plugin": files.atomic, "recheck": recheck.files.atomic}


@pytest.fixture(params=WRITERS, ids=str)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def atomic(name: str) -> Writer:
    return WRITERS[name]


def test_the_temporary_name_is_in_the_same_folder_and_unique(atomic: Writer, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with atomic(path) as first, atomic(path) as second:
        for temporary in (first, second):
            assert temporary.parent == tmp_path
            assert temporary.name.startswith(".a.json.")
            assert temporary.name.endswith(".part")
        assert first != second
        first.write_text("first")
        second.write_text("second")
    assert path.read_text() == "first"  # the block that ended last
    assert list(tmp_path.iterdir()) == [path]


def test_a_long_name_has_room_for_the_temporary_one(tmp_path: Path) -> None:
    path = tmp_path / ("ä" * 120)
    with files.atomic(path) as temporary:
        temporary.write_text("x")
    assert path.read_text() == "x"


def test_content_then_rename_then_folder_are_flushed(
    atomic: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    events: list[str] = []
    fsync, replace = os.fsync, os.replace

    def noted_fsync(handle: int) -> None:
        fsync(handle)
        found = os.fstat(handle)
        events.append("folder" if stat.S_ISDIR(found.st_mode) else f"file of {found.st_size} bytes")

    def noted_replace(source: Path, target: Path) -> None:
        replace(source, target)
        events.append("rename")

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "replace", noted_replace)
    with atomic(path) as temporary:
        temporary.write_text("four")
        assert not path.exists()
    assert events == ["file of 4 bytes", "rename", "folder"]


@pytest.mark.parametrize("mask", [0o077, 0o022, 0o002])
def test_permissions(
    name: str, atomic: Writer, mask: int, tmp_path: Path, umask: Callable[[int], int]
) -> None:
    umask(mask)
    recheck.files._umask.cache_clear()  # read once in a process
    path = tmp_path / "a.json"
    path.write_text("old")
    path.chmod(0o640)
    with atomic(path) as temporary:
        temporary.unlink(missing_ok=True)  # a library may replace the file
        temporary.write_text("new")
    expected = 0o600 if name == "plugin" else 0o666 & ~mask
    assert stat.S_IMODE(path.stat().st_mode) == expected


def test_the_plugins_file_is_private_from_the_start(tmp_path: Path, umask: Callable[[int], int]) -> None:
    umask(0)
    with files.atomic(tmp_path / "a") as temporary:
        assert stat.S_IMODE(temporary.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "problem",
    [ValueError("x"), KeyboardInterrupt(), SystemExit(1), GeneratorExit(), OSError(errno.ENOSPC, "full")],
    ids=lambda problem: type(problem).__name__,
)
@pytest.mark.parametrize("place", ["before", "after", "fsync", "replace"])
def test_after_any_exception_nothing_is_left(
    atomic: Writer, place: str, problem: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")

    def fail(*arguments: object) -> None:
        raise problem

    if place in ("fsync", "replace"):
        monkeypatch.setattr(os, place, fail)
    with pytest.raises((type(problem), RecheckError)), atomic(path) as temporary:  # noqa: PT012
        if place == "before":
            raise problem
        temporary.write_text("new")
        if place == "after":
            raise problem
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_json_of_the_plugin(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    files.write_json(path, {"b": "ä", "a": 1})
    for content in ({"a": object()}, {"a": float("nan")}):
        with pytest.raises((TypeError, ValueError)):
            files.write_json(path, content)
    assert files.read_json(path) == {"a": 1, "b": "ä"}
    assert list(tmp_path.iterdir()) == [path]
    path.write_text("[1")
    assert files.read_json(path) is None
    path.write_text("[1]")
    assert files.read_json(path) is None
    assert files.read_json(tmp_path / "none") is None
