"""What is prepared, downloaded or fetched from Minari: each by the contract of the one writer."""

import errno
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from recheck import files
from recheck.errors import DatasetError

from algos.datasets.downloads import download
from algos.datasets.minari_remote import fetch
from algos.datasets.prepare import prepare


@dataclass
class Place:
    """One place that writes: the call, what it writes, and what an exception at its end may leave."""

    write: Callable[[], object]
    target: Path
    kept: set[str]


@pytest.fixture(params=["prepare", "download", "minari"])
def place(
    request: pytest.FixtureRequest, make_rows: Any, write_rows: Any, hopper_task: Any, tmp_path: Path
) -> Place:
    task = hopper_task(write_rows(make_rows()))
    folder = tmp_path / "out"
    folder.mkdir()
    if request.param == "prepare":
        return Place(lambda: prepare(task, folder / "tiny-v0"), folder / "tiny-v0", set())
    if request.param == "download":
        path = folder / "rows.hdf5"
        # The part is kept: the next call continues it.
        kept = {"rows.hdf5.part", "rows.hdf5.part.json"}
        return Place(lambda: download([Path(task.path).as_uri()], path), path, kept)
    prepare(task, tmp_path / "made")
    address = (tmp_path / "made" / "minari").as_uri()
    (folder / "recheck").mkdir()
    target = folder / "recheck" / "tiny-v0"
    return Place(lambda: fetch("recheck/tiny-v0", folder, [address]), target, set())


def parts(target: Path) -> list[Path]:
    """The files and folders of a result."""
    return [target, *sorted(target.rglob("*"))] if target.is_dir() else [target]


def test_it_is_renamed_from_the_same_folder_once_all_is_flushed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[int] = []
    renamed: list[Path] = []
    fsync, replace = os.fsync, os.replace

    def noted_fsync(handle: int) -> None:
        fsync(handle)
        flushed.append(os.fstat(handle).st_ino)

    def noted_replace(source: Path, destination: Path) -> None:
        if destination == place.target:
            assert {path.stat().st_ino for path in parts(source)} <= set(flushed)
            assert place.target.parent in source.parents
            renamed.append(source)
            flushed.clear()
        replace(source, destination)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "replace", noted_replace)
    place.write()
    assert len(renamed) == 1
    assert flushed == [place.target.parent.stat().st_ino]
    assert list(place.target.parent.iterdir()) == [place.target]


@pytest.mark.parametrize("mask", [0o077, 0o022, 0o002])
def test_permissions_are_the_umasks(place: Place, mask: int, umask: Callable[[int], int]) -> None:
    umask(mask)
    files._umask.cache_clear()  # read once in a process
    place.write()
    for path in parts(place.target):
        expected = (0o777 if path.is_dir() else 0o666) & ~mask
        assert stat.S_IMODE(path.stat().st_mode) == expected, path


@pytest.mark.parametrize(
    "problem",
    [ValueError("x"), KeyboardInterrupt(), SystemExit(1), OSError(errno.EACCES, "Permission denied")],
    ids=lambda problem: type(problem).__name__,
)
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_after_any_exception_nothing_is_left(
    place: Place, call: str, problem: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a download its part, with which the next call ends well."""
    real = getattr(os, call)

    def fail(*arguments: Any) -> None:
        at_the_end = arguments[-1] == place.target if call == "replace" else is_large(arguments[0])
        if at_the_end:
            raise problem
        real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises((type(problem), DatasetError)):
            place.write()
    assert {path.name for path in place.target.parent.iterdir()} == place.kept
    place.write()
    assert list(place.target.parent.iterdir()) == [place.target]


def is_large(handle: int) -> bool:
    """Whether an open file holds the rows, and not a description."""
    found = os.fstat(handle)
    return stat.S_ISREG(found.st_mode) and found.st_size > 2000


def test_a_full_disk_is_one_message(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DatasetError, match="cannot be written: the disk is full; free some space and run"):
        place.write()
    assert {path.name for path in place.target.parent.iterdir()} <= place.kept


@pytest.mark.parametrize("place", ["prepare"], indirect=True)
def test_a_new_preparation_replaces_the_folder_whole(place: Place) -> None:
    place.write()
    (place.target / "of_an_earlier_version").write_text("x")
    place.write()
    assert not (place.target / "of_an_earlier_version").exists()
