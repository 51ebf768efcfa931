"""One writer at a time, also between machines."""

import os
import subprocess
import sys
import time

import pytest
import torch
from recheck.errors import StateError

from algos.training import lock as lock_module
from algos.training.checkpoints import RunState
from algos.training.lock import Lock


def test_one_writer_at_a_time(tmp_path):
    state = RunState(tmp_path / "state", {})
    with (
        state.locked(),
        pytest.raises(StateError, match="being written by another process"),
        RunState(tmp_path / "state", {}).locked(patience_seconds=0.1),
    ):
        pass
    with RunState(tmp_path / "state", {}).locked(patience_seconds=0.1):
        pass


def test_a_dead_writers_lock_is_taken(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait()
    folder = tmp_path / "state"
    folder.mkdir()
    (tmp_path / "state.lock").write_text(f"{os.uname().nodename} {process.pid}")
    with RunState(folder, {}).locked(patience_seconds=0.1):
        pass


def test_a_lock_without_a_heartbeat_is_taken_and_its_holder_writes_no_more(tmp_path):
    """As behind a machine that was declared dead and is not."""
    state = RunState(tmp_path / "state", {})
    with state.locked():
        state.save(5, {"x": torch.ones(1)}, {})
        (tmp_path / "state.lock").write_text("elsewhere 17 abc")
        with pytest.raises(StateError, match=r"was taken over by another process \(elsewhere 17\)"):
            state.save(10, {"x": torch.ones(1)}, {})
    assert (tmp_path / "state.lock").read_text() == "elsewhere 17 abc"
    long_ago = time.time() - 2 * lock_module.STALE_SECONDS
    os.utime(tmp_path / "state.lock", (long_ago, long_ago))
    with RunState(tmp_path / "state", {}).locked(patience_seconds=0.1):
        pass


def test_a_waiter_does_not_remove_the_lock_of_another_waiter(tmp_path, monkeypatch):
    """Between reading an abandoned lock and removing it another waiter may have taken it."""
    path = tmp_path / "x.lock"
    path.write_text("elsewhere 1 old")
    waiter = Lock(path, "x")

    def slow(holder, age):
        path.write_text("elsewhere 2 new")
        return holder.endswith("old")

    monkeypatch.setattr(lock_module, "_is_abandoned", slow)
    waiter._take_abandoned()
    assert path.read_text() == "elsewhere 2 new"


def test_a_full_disk_is_one_sentence_and_leaves_no_lock(tmp_path, full_disk):
    path = tmp_path / "runs" / "a.lock"
    with full_disk(), pytest.raises(StateError) as caught, Lock(path, "the run").held():
        pass
    assert str(caught.value) == f"{path} cannot be written: the disk is full; free some space and run again."
    assert list(path.parent.iterdir()) == []
    with Lock(path, "the run").held(0.0) as lock:  # nobody's lock holds it up
        lock.check()


@pytest.mark.parametrize("name", ["link", "file", "file/below"])
def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path, name):
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    (tmp_path / "file").write_text("x")
    path = tmp_path / name / "a.lock"
    with pytest.raises(StateError, match=r"a\.lock cannot be written: "), Lock(path, "the run").held():
        pass
