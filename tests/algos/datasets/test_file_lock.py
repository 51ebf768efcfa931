"""A lock that ends with its process."""

import fcntl
import os
from pathlib import Path
from typing import Any

import pytest
from recheck.errors import DatasetError

from algos.datasets.file_lock import held


def test_one_at_a_time(tmp_path: Path) -> None:
    lock = tmp_path / "new" / ".a.lock"
    with held(lock, "busy"), pytest.raises(DatasetError, match="busy"), held(lock, "busy"):
        pytest.fail("both hold the lock")
    with held(lock, "busy"):
        assert lock.is_file()


@pytest.mark.parametrize(("content", "kept"), [("", False), ("part", True)])
def test_only_an_empty_file_is_removed(content: str, kept: bool, tmp_path: Path) -> None:
    lock = tmp_path / "a.part"
    lock.write_text(content)
    with pytest.raises(KeyboardInterrupt), held(lock, "busy"):
        raise KeyboardInterrupt
    assert lock.exists() is kept


def test_a_renamed_file_is_left(tmp_path: Path) -> None:
    lock = tmp_path / "a.part"
    with held(lock, "busy"):
        os.replace(lock, tmp_path / "a")
        lock.write_text("")  # another process's
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "a.part"]


def test_a_file_that_was_renamed_before_the_lock_is_not_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The holder before renames the file after it was opened here: the lock is taken on the new one."""
    lock = tmp_path / "a.part"
    lock.write_text("whole")
    flock, calls = fcntl.flock, []

    def late(handle: int, operation: int) -> Any:
        if not calls:
            os.replace(lock, tmp_path / "a")
        calls.append(handle)
        return flock(handle, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    with held(lock, "busy"):
        assert lock.read_text() == ""
    assert len(calls) == 2
    assert (tmp_path / "a").read_text() == "whole"


def test_a_folder_that_cannot_be_made_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    with pytest.raises(DatasetError, match="cannot be written"), held(tmp_path / "a" / "b", "busy"):
        pytest.fail("there is no such lock")
