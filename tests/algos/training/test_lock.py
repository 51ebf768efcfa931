"""One writer at a time, also between machines."""

import os
import socket
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


def test_a_full_disk_is_one_message_and_leaves_no_lock(tmp_path, full_disk):
    path = tmp_path / "runs" / "a.lock"
    with full_disk(), pytest.raises(StateError) as caught, Lock(path, "the run").held():
        pass
    assert str(caught.value) == f"{path} cannot be written: the disk is full; free some space and run again."
    assert list(path.parent.iterdir()) == []
    with Lock(path, "the run").held(0.0) as lock:  # nobody's lock holds it up
        lock.check()


@pytest.mark.parametrize("name", ["link", "file", "file/below"])
def test_a_folder_that_cannot_be_made_is_one_message(tmp_path, name):
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    (tmp_path / "file").write_text("x")
    path = tmp_path / name / "a.lock"
    with pytest.raises(StateError, match=r"a\.lock cannot be written: "), Lock(path, "the run").held():
        pass


# Names, not numbers: the ids of tests have to be the same in every process that collects them.
@pytest.mark.parametrize(
    ("holder", "age_seconds", "abandoned"),
    [
        ("HERE OWN x", 1.0, False),
        ("HERE PARENT x", 1.0, False),
        ("HERE 1 x", 1.0, False),  # another user's, alive
        ("HERE 999999999 x", 1.0, True),
        ("elsewhere 999999999 x", 119.0, False),  # there it may live
        ("elsewhere 999999999 x", 121.0, True),
        ("HERE OWN x", 121.0, True),
        ("", 1.0, False),  # its writer may be filling it
        ("", 11.0, True),
        ("HERE pid x", 11.0, True),
    ],
)
def test_whose_lock_is_abandoned(holder, age_seconds, abandoned):
    for name, value in (("HERE", socket.gethostname()), ("OWN", os.getpid()), ("PARENT", os.getppid())):
        holder = holder.replace(name, str(value))
    assert lock_module._is_abandoned(holder, age_seconds) is abandoned


def test_a_holder_that_lives_is_named_once_and_waited_for(tmp_path, monkeypatch, capsys):
    path = tmp_path / "a.lock"
    path.write_text("elsewhere 17 abc")
    naps = []

    def nap(seconds):
        naps.append(seconds)
        if len(naps) == 3:
            path.unlink()

    monkeypatch.setattr(lock_module.time, "sleep", nap)
    with Lock(path, "the run").held() as lock:
        assert lock.waited
        assert path.read_text() == lock.text
    assert len(naps) == 3
    said = capsys.readouterr().err
    assert said == "the run is being written by another process (elsewhere 17); waiting for it.\n"
    assert not path.exists()


def test_the_heartbeat_keeps_the_lock_young(tmp_path, monkeypatch):
    monkeypatch.setattr(lock_module, "HEARTBEAT_SECONDS", 0.01)
    path = tmp_path / "a.lock"
    with Lock(path, "the run").held():
        os.utime(path, (1, 1))
        deadline = time.monotonic() + 10
        while path.stat().st_mtime < 1000:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_a_lock_that_is_gone_is_not_ones_own(tmp_path):
    path = tmp_path / "a.lock"
    with Lock(path, "the run").held() as lock:
        lock.check()
        path.unlink()
        with pytest.raises(StateError, match=r"the run was taken over by another process \(nobody\)"):
            lock.check()
