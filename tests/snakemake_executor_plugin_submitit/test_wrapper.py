"""The wrapper in the job: signals, orphans, requeueing, and what it leaves for Snakemake to read."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from snakemake_executor_plugin_submitit.files import read_json, write_json
from snakemake_executor_plugin_submitit.records import JobFiles, prepare_folder
from snakemake_executor_plugin_submitit.task import Task
from snakemake_executor_plugin_submitit.wrapper import execute

from tests.snakemake_executor_plugin_submitit.workflows import wait_until

TRAINER = Path(__file__).with_name("toy_trainer.py")


KEY = "0123456789abcdef"


def task_in(folder: Path, command: str, **changes: Any) -> Task:
    values: dict[str, Any] = {
        "folder": folder,
        "key": KEY,
        "command": command,
        "cpus": 3,
        "where": "slurm",
        "max_requeues": 5,
        "may_requeue": True,
        "state": None,
        "minutes": None,
        "signal_seconds": 30,
    }
    return Task(**{**values, **changes})


class Job:
    """A wrapper in a new process, as SLURM runs it, with the toy trainer below a shell."""

    def __init__(self, tmp_path: Path, fake_slurm: Any) -> None:
        self.fake = fake_slurm
        tmp_path.mkdir(exist_ok=True)
        self.root = tmp_path
        self.folder = prepare_folder(tmp_path / "folder")
        self.files = JobFiles(self.folder, KEY)
        self.state = tmp_path / "state"
        self.journal = tmp_path / "journal"
        self.output = tmp_path / "policy"
        self.set_state("RUNNING")

    def set_state(self, state: str) -> None:
        (self.fake.folder / "jobs" / "7.json").write_text(
            json.dumps({"id": "7", "state": state, "restarts": 0, "exit": "0:0", "options": {}})
        )

    def command(self, *options: str) -> str:
        # Not the last command of the shell, so that bash stays between the wrapper and the trainer.
        words = [sys.executable, str(TRAINER), "--updates=30", "--seconds=0.03", *options]
        words += [f"--state={self.state}", f"--output={self.output}", f"--journal={self.journal}"]
        return " ".join(f"'{word}'" for word in words) + "; code=$?; exit $code"

    def start(self, command: str | None = None, restarts: int = 0, **changes: Any) -> subprocess.Popen[str]:
        line = task_in(self.folder, command or self.command(), state=self.state, **changes).command_line()
        code = f"from snakemake_executor_plugin_submitit.wrapper import run; run({line!r})"
        with (self.root / "stderr").open("w") as stderr:
            return subprocess.Popen(
                [sys.executable, "-c", code],
                env={**os.environ, "SLURM_JOB_ID": "7", "SLURM_RESTART_COUNT": str(restarts)},
                stderr=stderr,
                text=True,
                start_new_session=True,
            )

    def wait_for_updates(self, number: int) -> None:
        until = time.monotonic() + 180
        while not self.journal.exists() or f"update {number}\n" not in self.journal.read_text():
            assert time.monotonic() < until, "the trainer does not get on"
            time.sleep(0.02)

    def stop(self, process: subprocess.Popen[str], number: int) -> tuple[int, str]:
        """Signal every process of the job, and wait."""
        os.killpg(process.pid, number)
        return process.wait(180), (self.root / "stderr").read_text()

    def computed(self) -> list[int]:
        lines = self.journal.read_text().splitlines()
        return [int(line.split()[1]) for line in lines if line.startswith("update")]

    def result(self) -> dict[str, Any] | None:
        return read_json(self.files.result)


@pytest.fixture
def job(tmp_path: Path, fake_slurm: Any) -> Job:
    return Job(tmp_path, fake_slurm)


def test_success_and_threads(job: Job) -> None:
    process = job.start(job.command("--updates=2"))
    assert process.wait(180) == 0
    result = job.result()
    assert result is not None
    assert result["outcome"] == "success"
    assert "threads=3" in job.journal.read_text()


def test_failure_keeps_the_exit_code(job: Job) -> None:
    process = job.start("exit 3")
    assert process.wait(180) == 3
    result = job.result()
    assert result is not None
    assert (result["outcome"], result["exit_code"]) == ("failed", 3)
    assert not job.fake.calls("scontrol")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR2])
def test_a_preempted_job_waits_for_the_state_and_requeues_itself(job: Job, number: int) -> None:
    """The shell between dies of the signal at once; the trainer takes a second to save."""
    job.fake.switch("preempt_time", "2026-11-20T07:50:20")
    process = job.start(job.command("--save-seconds=1"))
    job.wait_for_updates(12)
    code, printed = job.stop(process, number)
    assert code == 75
    assert "preempted, at update" in printed
    assert job.result() is None  # it is requeued: nothing has ended
    assert job.fake.calls("scontrol") == ["scontrol show job -o 7", "scontrol requeue 7"]
    (stop,) = job.files.interruptions()
    assert stop["why"] == "preempted"
    assert stop["progress"] == job.computed()[-1]

    job.fake.clear("preempt_time")
    process = job.start(restarts=1)
    assert process.wait(180) == 0
    assert job.computed() == list(range(1, 31))
    undisturbed = Job(job.root / "other", job.fake)
    assert undisturbed.start().wait(180) == 0
    assert undisturbed.output.read_bytes() == job.output.read_bytes()


def test_the_time_limit_requeues_as_long_as_there_is_progress(job: Job) -> None:
    process = job.start(minutes=1)
    job.wait_for_updates(5)
    code, printed = job.stop(process, signal.SIGUSR2)
    assert code == 75
    assert "time limit, at update" in printed
    stuck = job.computed()[-1]

    job.set_state("RUNNING")
    process = job.start(job.command(f"--stuck-at={stuck}"), restarts=1, minutes=1)
    wait_until(lambda: job.journal.read_text().count("start") == 2, 180, "the trainer runs again")
    code, printed = job.stop(process, signal.SIGUSR2)
    assert code != 0
    result = job.result()
    assert result is not None
    assert result["outcome"] == "failed"
    assert f"made no progress since its last requeue: it is still at update {stuck}" in result["message"]
    assert len(job.fake.calls("scontrol")) == 3  # show, requeue; show


def test_a_time_limit_without_a_state_fails(job: Job) -> None:
    started = job.root / "started"
    process = job.start(f"touch '{started}'; sleep 20", minutes=1)
    wait_until(started.exists, 180, "the command runs")
    job.stop(process, signal.SIGUSR2)
    result = job.result()
    assert result is not None
    assert "saved no state" in result["message"]


def test_our_own_cancel_is_not_requeued(job: Job) -> None:
    process = job.start()
    job.wait_for_updates(3)
    job.files.cancel_mark.touch()
    code, _ = job.stop(process, signal.SIGTERM)
    assert code != 0
    result = job.result()
    assert result is not None
    assert result["outcome"] == "cancelled"
    assert not job.fake.calls("scontrol")


@pytest.mark.parametrize("state", ["CANCELLED", "COMPLETING"])
def test_a_users_scancel_is_not_requeued(job: Job, state: str) -> None:
    process = job.start()
    job.wait_for_updates(3)
    job.set_state(state)
    job.stop(process, signal.SIGTERM)
    assert job.fake.calls("scontrol") == ["scontrol show job -o 7"]
    result = job.result()
    assert result is not None
    assert (result["outcome"], result["why"], result["saved"]) == ("interrupted", "ended by SLURM", True)


def test_where_requeueing_is_forbidden_it_leaves_word(job: Job) -> None:
    job.fake.switch("preempt_time", "2026-11-20T07:50:20")
    job.fake.switch("requeue_forbidden")
    process = job.start()
    job.wait_for_updates(3)
    job.stop(process, signal.SIGTERM)
    result = job.result()
    assert result is not None
    assert (result["outcome"], result["noted"], result["why"]) == ("interrupted", True, "preempted")
    assert "presently disabled" in result["refused"]


def test_where_the_user_forbids_it_scontrol_is_not_asked(job: Job) -> None:
    job.fake.switch("preempt_time", "2026-11-20T07:50:20")
    process = job.start(may_requeue=False)
    job.wait_for_updates(3)
    job.stop(process, signal.SIGTERM)
    assert job.fake.calls("scontrol") == ["scontrol show job -o 7"]
    result = job.result()
    assert result is not None
    assert result["noted"]


def test_a_job_that_ended_well_is_not_run_again(job: Job) -> None:
    write_json(job.files.result, {"outcome": "success"})
    assert job.start(restarts=1).wait(180) == 0
    assert not job.journal.exists()


def test_a_cancelled_job_that_slurm_starts_again_stays_cancelled(job: Job) -> None:
    job.files.cancel_mark.touch()
    assert job.start(restarts=1).wait(180) == 1
    assert not job.journal.exists()


def test_slurms_own_requeues_are_noted_and_limited(job: Job) -> None:
    assert job.start(job.command("--updates=1"), restarts=1).wait(180) == 0
    (stop,) = job.files.interruptions()
    assert stop["why"] == "requeued by SLURM"
    job.files.result.unlink()
    assert job.start(restarts=2, max_requeues=1).wait(180) == 1
    result = job.result()
    assert result is not None
    assert "more often than max-requeues=1 allows" in result["message"]


def test_a_full_disk_is_one_line_in_the_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder that is gone refuses writes as a full disk does."""
    folder = prepare_folder(tmp_path / "folder")
    (folder / "results").rmdir()
    task = Task(folder, KEY, "true", 1, "debug", 0, True, None, None, 0)
    assert execute(task) == 1
    assert (
        f"the job's files in {folder} cannot be written: No such file or directory" in capsys.readouterr().err
    )
