"""How jobs end: a job that vanished, a cancelled one, and whose log is shown."""

import os
import time
from pathlib import Path
from typing import Any

import pytest
from snakemake_executor_plugin_submitit.ledger import State, TrackedJob

from tests.snakemake_executor_plugin_submitit.parts import Parts
from tests.snakemake_executor_plugin_submitit.workflows import wait_until


@pytest.fixture
def parts(tmp_path: Path, fake_slurm: Any) -> Parts:
    return Parts(tmp_path / "folder")


def running(parts: Parts, fake_slurm: Any, **changes: Any) -> TrackedJob:
    tracked = parts.take("sleep 100", **changes)
    parts.submit(tracked)
    wait_until(lambda: fake_slurm.jobs()[tracked.job_id]["state"] == "RUNNING", 180, "the job runs")
    return tracked


def test_a_job_that_slurm_has_lost_is_not_called_cancelled(parts: Parts, fake_slurm: Any) -> None:
    """Accounting closes it as CANCELLED and names no user; --retries may start it again."""
    tracked = running(parts, fake_slurm)
    fake_slurm.lose(tracked.job_id)
    parts.look_until(State.FAILED, tracked=tracked)
    (message,) = parts.errors
    assert "it vanished from SLURM on fakenode without a result" in message
    assert "not by this Snakemake" not in message
    assert tracked.job.attempt == 1


def test_a_job_that_a_user_has_cancelled_stays_cancelled(parts: Parts, fake_slurm: Any) -> None:
    tracked = running(parts, fake_slurm)
    fake_slurm.end(tracked.job_id, "CANCELLED")
    parts.look_until(State.FAILED, tracked=tracked)
    (message,) = parts.errors
    assert "CANCELLED by 1000 on fakenode, not by this Snakemake; it stays cancelled" in message
    assert tracked.job.attempt == 4


def test_a_job_of_which_nothing_is_known_left_the_queue(
    parts: Parts, fake_slurm: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("snakemake_executor_plugin_submitit.job_endings._REASON_SECONDS", 0.5)
    tracked = running(parts, fake_slurm)
    group = fake_slurm.jobs()[tracked.job_id]["group"]
    (fake_slurm.folder / "jobs" / f"{tracked.job_id}.json").unlink()
    os.killpg(group, 9)
    parts.look_until(State.FAILED, tracked=tracked)
    assert "it left the queue without a result, and SLURM reports no reason" in parts.errors[0]


def test_after_a_controller_lost_its_state_old_jobs_with_the_same_id_do_not_count(
    parts: Parts, fake_slurm: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Job 101 was cancelled and its log is there; the new job 101 vanishes before it has written a line."""
    monkeypatch.setattr("snakemake_executor_plugin_submitit.job_endings._REASON_SECONDS", 0.5)
    old = running(parts, fake_slurm)
    wait_until(lambda: Path(old.record.log).exists(), 180, "the log is there")
    with Path(old.record.log).open("a") as file:
        print("the old job's last line", file=file)
    fake_slurm.end(old.job_id, "CANCELLED")
    parts.look_until(State.FAILED, tracked=old)
    assert "the old job's last line" in parts.errors.pop()
    long_ago = time.time() - 3600
    os.utime(old.record.log, (long_ago, long_ago))
    (tmp_path / "rule.log").write_text("of an earlier attempt\n")

    fake_slurm.switch("first_job_id", "100")
    fake_slurm.switch("hold", "Priority")
    new = parts.take("true", logs=[str(tmp_path / "rule.log")])
    parts.submit(new)
    assert new.job_id == old.job_id
    path = fake_slurm.folder / "jobs" / f"{new.job_id}.json"
    path.write_text(
        path.read_text()
        .replace('"PENDING"', '"CANCELLED"')
        .replace(
            f'"submitted": {fake_slurm.jobs()[new.job_id]["submitted"]}', f'"submitted": {int(long_ago)}'
        )
    )
    parts.look_until(State.FAILED, tracked=new)
    (message,) = parts.errors
    assert "it left the queue without a result" in message  # not "CANCELLED by 1000", which was the old job
    assert "the old job's last line" not in message
    assert "of an earlier attempt" not in message
    assert f"Log: {new.record.log} (empty, or not written by this job)" in message
