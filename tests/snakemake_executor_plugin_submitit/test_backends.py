"""Where jobs run: what is written before a job is submitted, and what is removed when it is refused."""

import logging
import stat
import time
from pathlib import Path
from typing import Any

import pytest
from snakemake_executor_plugin_submitit.backends import LocalBackend, SlurmBackend, make_backend
from snakemake_executor_plugin_submitit.errors import CommandError, SubmititError
from snakemake_executor_plugin_submitit.records import JobRecord, Records, Submission, prepare_folder
from snakemake_executor_plugin_submitit.resources import request_of
from snakemake_executor_plugin_submitit.task import Task

from tests.snakemake_executor_plugin_submitit.workflows import wait_until

REQUEST = request_of("train", {"mem_mb": 500, "runtime": 5, "slurm_partition": "long"}, 2)


class Case:
    """A submission of some jobs."""

    def __init__(self, folder: Path, jobs: int, cluster: str = "slurm", state: Path | None = None) -> None:
        self.records = Records(prepare_folder(folder))
        keys = [f"{number:016x}" for number in range(jobs)]
        made = [JobRecord(key, "train", {}, f"train|{key}", "d", 1) for key in keys]
        self.submission = Submission(
            token="cafe",
            script_folder=str(self.records.folder / "train"),
            is_array=jobs > 1,
            jobs=made,
            indices={key: index for index, key in enumerate(keys)},
            cluster=cluster,
        )
        self.tasks = [
            Task(self.records.folder, key, "sleep 100", 2, cluster, 5, True, state, 5, 30) for key in keys
        ]

    def submit(self, backend: Any) -> None:
        backend.submit(self.submission, self.tasks, REQUEST, self.records)


def test_an_array_and_its_files(tmp_path: Path, fake_slurm: Any) -> None:
    case = Case(tmp_path / "folder", 2)
    case.submit(SlurmBackend("prefix-"))
    assert sorted(fake_slurm.jobs()) == [job.job_id for job in case.submission.jobs] == ["101_0", "101_1"]
    options = fake_slurm.jobs()["101_0"]["options"]
    assert options["job-name"] == "prefix-train"
    assert (options["comment"], options["partition"], options["mem"]) == ("cafe", "long", "500M")
    assert (options["cpus-per-task"], options["time"], options["requeue"]) == ("2", "5", "")
    assert "signal" not in options  # SIGUSR2 would kill a job that cannot resume
    folder = tmp_path / "folder/train"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    names = {path.name for path in folder.iterdir() if path.suffix in (".pkl", ".sh")}
    assert names == {"101_submission.sh", "101_0_submitted.pkl", "101_1_submitted.pkl"}
    assert [job.log for job in case.submission.jobs] == [f"{folder}/101_{i}_0_log.out" for i in range(2)]
    (loaded,) = Records(tmp_path / "folder").load()
    assert loaded == case.submission
    case.records.flush()
    backend = SlurmBackend()
    assert set(backend.alive()) == {"101_0", "101_1"}
    backend.complete(case.submission, "101", case.records)  # once more, as after a kill
    assert {path.name for path in folder.iterdir() if path.suffix in (".pkl", ".sh")} == names
    backend.cancel(["101_0", "101_1"])
    assert backend.alive() == {}
    assert {ending.detail for ending in backend.endings({"101_0": time.time()}).values()} == {"by 1000"}


def test_a_kill_before_the_job_ids_are_recorded(
    tmp_path: Path, fake_slurm: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pickles are in their places by then, and the record without job ids is completed later."""
    case = Case(tmp_path / "folder", 2)
    add = Records.add

    def killed(records: Records, submission: Submission) -> None:
        if submission.jobs[0].job_id:
            raise KeyboardInterrupt
        add(records, submission)

    with monkeypatch.context() as patch:
        patch.setattr(Records, "add", killed)
        with pytest.raises(KeyboardInterrupt):
            case.submit(SlurmBackend())
    folder = tmp_path / "folder/train"
    assert sorted(path.name for path in folder.glob("*.pkl")) == [
        "101_0_submitted.pkl",
        "101_1_submitted.pkl",
    ]
    (loaded,) = Records(tmp_path / "folder").load()
    assert [job.job_id for job in loaded.jobs] == ["", ""]
    SlurmBackend().complete(loaded, "101", case.records)
    (loaded,) = Records(tmp_path / "folder").load()
    assert [job.job_id for job in loaded.jobs] == ["101_0", "101_1"]


def test_a_job_that_can_resume_is_warned_before_its_limit(tmp_path: Path, fake_slurm: Any) -> None:
    Case(tmp_path / "folder", 1, state=tmp_path / "state").submit(SlurmBackend())
    assert fake_slurm.jobs()["101"]["options"]["signal"] == "USR2@30"


def test_after_a_refusal_no_file_is_left(tmp_path: Path, fake_slurm: Any) -> None:
    fake_slurm.switch("sbatch_refuses", "Invalid qos specification")
    case = Case(tmp_path / "folder", 2)
    with pytest.raises(CommandError, match="Invalid qos specification"):
        case.submit(SlurmBackend())
    assert list((tmp_path / "folder/train").iterdir()) == []
    assert Records(tmp_path / "folder").load() == []


def test_the_limit_of_arrays_is_asked_for_until_it_is_known(tmp_path: Path, fake_slurm: Any) -> None:
    fake_slurm.switch("max_array_size", "7")
    backend = SlurmBackend()
    assert [backend.max_array_tasks() for _ in range(3)] == [7, 7, 7]
    assert len(fake_slurm.calls("scontrol")) == 1


def test_without_slurm_the_message_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SubmititError, match=r"sbatch, squeue, scancel, srun cannot be found.*login node"):
        make_backend("slurm")


def test_a_job_of_this_machine(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    case = Case(tmp_path / "folder", 1, cluster="local")
    backend = LocalBackend()
    case.submit(backend)
    (job,) = case.submission.jobs
    assert job.job_id.isdigit()
    wait_until(lambda: job.job_id in backend.alive(), 180, "the job runs")
    # A later Snakemake finds it too, though it has not started it.
    assert job.job_id in LocalBackend().alive()
    backend.cancel([job.job_id])
    wait_until(lambda: job.job_id not in backend.alive(), 180, "the job is gone")
    assert backend.endings({job.job_id: 0.0}) == {}
