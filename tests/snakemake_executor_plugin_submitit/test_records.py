"""The folder: who may write to it, and what is recorded in it."""

import csv
import os
import time
from pathlib import Path

import pytest
from snakemake_executor_plugin_submitit.errors import SubmititError
from snakemake_executor_plugin_submitit.files import write_json
from snakemake_executor_plugin_submitit.records import (
    JobRecord,
    Records,
    Submission,
    append_jobs_csv,
    prepare_folder,
)


def test_the_folder_is_private(tmp_path: Path) -> None:
    folder = prepare_folder(tmp_path / "new" / "folder")
    assert folder.stat().st_mode & 0o777 == 0o700
    readable = tmp_path / "readable"
    readable.mkdir(mode=0o755)
    assert prepare_folder(readable).stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_folder_that_others_can_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(SubmititError, match=f"can be written to by others .mode {mode:04o}.*pickles"):
        prepare_folder(folder)
    assert list(folder.iterdir()) == []


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SubmititError, match="cannot be made"):
        prepare_folder(tmp_path / "file")


def test_a_strangers_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = prepare_folder(tmp_path / "theirs")
    monkeypatch.setattr(os, "geteuid", lambda: folder.stat().st_uid + 1)
    with pytest.raises(SubmititError, match="belongs to another user"):
        prepare_folder(folder)


def record(key: str, **fields: object) -> JobRecord:
    made = JobRecord(key=key, rule="train", wildcards={"seed": "1"}, target="t", digest="d", attempt=1)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def test_records_survive_and_are_removed_when_accounted_for(tmp_path: Path) -> None:
    folder = prepare_folder(tmp_path / "folder")
    first, second = record("a" * 16), record("b" * 16)
    submission = Submission("token", "x", True, [first, second], {first.key: 0, second.key: 1})
    records = Records(folder)
    records.add(submission)

    again = Records(folder)
    (loaded,) = again.load()
    assert loaded == submission
    again.account_for(first.key)
    again.flush()
    (loaded,) = Records(folder).load()
    assert [job.key for job in loaded.jobs] == [second.key]
    again.account_for(second.key)
    again.account_for(second.key)
    again.flush()
    assert Records(folder).load() == []
    assert list((folder / "records").iterdir()) == []


def test_a_record_of_another_version_is_left_alone(tmp_path: Path) -> None:
    folder = prepare_folder(tmp_path / "folder")
    (folder / "records" / "later.json").write_text('{"jobs": [], "novelty": 1}')
    (folder / "records" / "torn.json").write_text('{"jobs": [')
    assert Records(folder).load() == []
    assert len(list((folder / "records").iterdir())) == 2


def test_old_ended_jobs_are_forgotten_and_live_ones_are_not(tmp_path: Path) -> None:
    folder = prepare_folder(tmp_path / "folder")
    records = Records(folder)
    old = time.time() - 40 * 24 * 3600
    ended, alive = record("a" * 16, job_id="1", submitted=old), record("b" * 16, job_id="2", submitted=old)
    recent = record("c" * 16, job_id="3", submitted=time.time())
    records.add(Submission("token", "x", False, [ended, alive, recent]))
    write_json(records.files(ended.key).result, {"outcome": "success"})
    records.prune(alive=["2"])
    (loaded,) = Records(folder).load()
    assert [job.job_id for job in loaded.jobs] == ["2", "3"]
    assert not records.files(ended.key).result.exists()


def test_a_key_cannot_leave_the_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not a job's key"):
        Records(tmp_path).files("../../etc/passwd")


def test_jobs_csv(tmp_path: Path) -> None:
    append_jobs_csv(tmp_path, [("12", "3", "train", {"task": 'a,"b"', "seed": "1"}, 1, "/x/12_3.out")])
    append_jobs_csv(tmp_path, [("13", "", "evaluate", {}, 2, "/x/13.out")])
    with (tmp_path / "jobs.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows == [
        {
            "job_id": "12",
            "array_index": "3",
            "rule": "train",
            "wildcards": 'task=a,"b", seed=1',
            "attempt": "1",
            "log": "/x/12_3.out",
        },
        {
            "job_id": "13",
            "array_index": "",
            "rule": "evaluate",
            "wildcards": "",
            "attempt": "2",
            "log": "/x/13.out",
        },
    ]
