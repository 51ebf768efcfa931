"""The plugin as a whole: a real Snakemake on the fake scheduler."""

import csv
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

from tests.snakemake_executor_plugin_submitit.workflows import wait_until

SLOW = """
rule train:
    output: "policy"
    params: steps=config.get("steps", 1), state="state"
    resources: runtime=60
    shell:
        "PYTHON 'TRAINER' --updates 40 --seconds 0.1 --state {params.state} --output {output} "
        "--journal journal"
"""


def test_a_dry_run_calls_no_slurm_command(workflow: Any, fake_slurm: Any) -> None:
    workflow.write(SLOW)
    code, printed = workflow.run("--dry-run")
    assert code == 0
    assert "train" in printed
    assert not (fake_slurm.folder / "calls").exists()
    assert not (workflow.folder / ".snakemake/submitit").exists()


def test_unknown_resources_and_open_folders_are_refused_before_anything_starts(
    workflow: Any, fake_slurm: Any
) -> None:
    workflow.write(
        """
        rule all:
            input: "a", "b"
        rule fine:
            output: "a"
            shell: "touch {output}"
        rule wrong:
            output: "b"
            resources: partition="gpu"
            shell: "touch {output}"
        """
    )
    code, printed = workflow.run()
    assert code != 0
    assert "Rule wrong asks for the resource partition, which the submitit executor does not know" in printed
    assert "slurm_partition, slurm_account" in printed
    assert "Traceback" not in printed
    folder = workflow.folder / "open"
    folder.mkdir()
    folder.chmod(0o777)
    code, printed = workflow.run("--submitit-folder", "open", "a")
    assert code != 0
    assert "can be written to by others (mode 0777)" in printed
    assert not fake_slurm.jobs()


def test_arrays_failures_and_what_is_written_down(workflow: Any, fake_slurm: Any) -> None:
    """One run with everything that can end: an array, a group, a failure, a refusal, too little memory."""
    fake_slurm.switch("state_of_starving", "OUT_OF_MEMORY|0:125")
    fake_slurm.switch("max_array_size", "3")
    workflow.write(
        """
        localrules: all, chosen
        rule all:
            input: expand("{i}.txt", i=range(4)), "joined", "failed", "refused", "starved", "chosen"
        rule chosen:
            output: "chosen"
            shell: "touch {output}"
        rule many:
            output: "{i}.txt"
            threads: 2
            shell: "echo $OMP_NUM_THREADS $MKL_NUM_THREADS > {output}"
        rule first:
            output: "half"
            group: "together"
            shell: "echo $SLURM_JOB_ID > {output}"
        rule second:
            input: "half"
            output: "joined"
            group: "together"
            shell: "cat {input} > {output}; echo $SLURM_JOB_ID >> {output}"
        rule failing:
            output: "failed"
            log: "failing.log"
            shell: "echo the reason &> {log}; exit 3"
        rule refused:
            output: "refused"
            resources: gpu=lambda wildcards: -1
            shell: "touch {output}"
        rule starving:
            output: "starved"
            resources: mem_mb=300
            shell: "[ -e seen ] || {{ touch seen; exit 137; }}; touch {output}"
        """
    )
    workflow.environment.update(SLURM_JOB_NAME="outer", SLURM_JOB_ID="1", SLURM_ARRAY_TASK_ID="9")
    code, printed = workflow.run("--keep-going", "--retries", "1", "--group-components", "together=1")
    assert code != 0

    # Arrays of one rule, cut at MaxArraySize; the group alone; nothing of the outer allocation.
    jobs = fake_slurm.jobs()
    by_rule: dict[str, list[str]] = {}
    for job_id, job in jobs.items():
        by_rule.setdefault(job["options"]["job-name"], []).append(job_id)
        assert "SLURM_JOB_NAME" not in job["environment"]
        assert job["options"]["requeue"] == ""
        assert "signal" not in job["options"]  # none of these rules can resume
    arrays = {job_id.split("_")[0] for job_id in by_rule["many"]}
    assert len(by_rule["many"]) == 4
    assert len(arrays) == 2
    assert all("_" not in job_id for job_id in by_rule["group_first_second"])
    threads = [(workflow.folder / f"{i}.txt").read_text().split()[:2] for i in range(4)]
    assert threads == [["2", "2"]] * 4
    assert len(set((workflow.folder / "joined").read_text().split())) == 1

    # What the user reads.
    assert "FAILED on fakenode with exit code 3" in printed
    assert "| the reason" in printed
    assert "resource gpu=-1 must be a whole number of at least 0" in printed
    for job_id in jobs:
        assert f"is {job_id}, log: {workflow.folder}/.snakemake/submitit/" in printed
    assert "Traceback (most recent call last)" not in printed

    # Retries count failures only; memory grows after OUT_OF_MEMORY and not otherwise.
    assert [jobs[job_id]["options"]["mem"] for job_id in sorted(by_rule["failing"])] == ["500M", "500M"]
    starved = [jobs[job_id] for job_id in sorted(by_rule["starving"])]
    assert [job["options"]["mem"] for job in starved] == ["300M", "600M"]
    assert "OUT_OF_MEMORY on fakenode: it needed more than mem_mb=300" in printed
    assert "A next attempt (--retries) asks for 600 MB" in printed

    # jobs.csv has every job; nothing is left in the records.
    with (workflow.folder / ".snakemake/submitit/jobs.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["job_id"] + ("_" + row["array_index"] if row["array_index"] else "") for row in rows} == set(
        jobs
    )
    assert all(Path(row["log"]).exists() for row in rows)
    assert sorted(row["wildcards"] for row in rows if row["rule"] == "many") == [f"i={i}" for i in range(4)]
    assert sorted(row["attempt"] for row in rows if row["rule"] == "failing") == ["1", "2"]
    assert workflow.records == []
    assert list((workflow.folder / ".snakemake/submitit/results").iterdir()) == []
    assert list((workflow.folder / ".snakemake/submitit").rglob("*.pkl")) == []


def test_limits_silence_and_a_lost_answer(workflow: Any, fake_slurm: Any, tmp_path: Path) -> None:
    """A limit, no answer, an sbatch that does not answer: nothing fails, nothing runs twice."""
    workflow.write(
        """
        rule all:
            input: expand("{i}.txt", i=range(3)), "single"
        rule many:
            output: "{i}.txt"
            shell: "echo x >> ran; touch {output}"
        rule single:
            output: "single"
            resources: mem_mb=700
            shell: "echo x >> ran; sleep 2; touch {output}"
        """
    )
    fake_slurm.switch("submit_limit", "3")
    fake_slurm.switch("sbatch_is_lost")
    fake_slurm.switch("sacct_fails", "You are not running a supported accounting_storage plugin")
    process = workflow.start()
    workflow.wait_for("is tried again later", 180)
    fake_slurm.switch("squeue_fails", "Unable to contact slurm controller (connect failure)")
    workflow.wait_for("none is given up", 180)
    fake_slurm.clear("squeue_fails")
    assert process.wait(180) == 0
    printed = workflow.printed()
    assert "a limit on submitted jobs" in printed
    assert "SLURM answers again" in printed or "Finished jobid" in printed
    assert (workflow.folder / "ran").read_text().count("x") == 4
    assert len(fake_slurm.jobs()) == 4


def test_interrupted_where_requeueing_is_forbidden(workflow: Any, fake_slurm: Any) -> None:
    """The plugin submits the job again, as the same attempt; then SLURM requeues; the bytes are the same."""
    workflow.write(SLOW)
    fake_slurm.switch("requeue_forbidden")
    fake_slurm.switch("preempt_time", "2026-11-20T07:50:20")
    process = workflow.start("--retries", "0")
    deadline = time.monotonic() + 180

    def reached(update: int) -> None:
        while update not in workflow.updates():
            assert time.monotonic() < deadline, workflow.printed()
            time.sleep(0.05)

    reached(5)
    (first,) = fake_slurm.jobs()
    assert fake_slurm.jobs()[first]["options"]["signal"] == "USR2@120"
    fake_slurm.send(first, signal.SIGTERM)
    workflow.wait_for("submitted again, as the same attempt")
    fake_slurm.clear("requeue_forbidden")
    reached(15)
    second = max(fake_slurm.jobs())
    assert second != first
    fake_slurm.send(second, signal.SIGTERM)
    workflow.wait_for("requeued by the job (2 of at most 50)")
    assert process.wait(180) == 0, workflow.printed()
    assert workflow.updates() == list(range(1, 41))
    assert fake_slurm.jobs()[second]["restarts"] == 1
    assert "Error" not in workflow.printed()
    with (workflow.folder / ".snakemake/submitit/jobs.csv").open(newline="") as file:
        assert [row["attempt"] for row in csv.DictReader(file)] == ["1", "1"]


def test_a_cancelled_job_stays_cancelled(workflow: Any, fake_slurm: Any) -> None:
    workflow.write(SLOW)
    process = workflow.start("--retries", "3")
    deadline = time.monotonic() + 180
    while len(workflow.updates()) < 3:
        assert time.monotonic() < deadline, workflow.printed()
        time.sleep(0.1)
    (job_id,) = fake_slurm.jobs()
    fake_slurm.end(job_id, "CANCELLED", signal.SIGTERM)
    assert process.wait(180) != 0
    printed = workflow.printed()
    assert "CANCELLED by 1000 on fakenode, not by this Snakemake; it stays cancelled" in printed
    assert len(fake_slurm.jobs()) == 1
    assert "Trying to restart" not in printed


def test_ctrl_c_cancels_and_sigterm_lets_jobs_go_on(workflow: Any, fake_slurm: Any) -> None:
    """Ctrl-C while sbatch has taken the job and not answered yet: the job is cancelled."""
    # A shell starts what runs in the background deaf to Ctrl-C, and children would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    workflow.write(SLOW)
    fake_slurm.switch("sbatch_is_slow", "2")
    process = workflow.start()
    deadline = time.monotonic() + 180
    while not fake_slurm.jobs():
        assert time.monotonic() < deadline, workflow.printed()
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)  # a terminal signals the whole group
    assert process.wait(180) != 0
    fake_slurm.clear("sbatch_is_slow")
    (job_id,) = fake_slurm.jobs()
    assert f"Cancelled 1 job: {job_id}" in workflow.printed()
    assert fake_slurm.jobs()[job_id]["state"] == "CANCELLED"
    assert len(list((workflow.folder / ".snakemake/submitit/cancelled").iterdir())) == 1

    process = workflow.start(name="again")
    while len(fake_slurm.jobs()) < 2 or len(workflow.updates()) < 10:
        assert time.monotonic() < deadline, workflow.printed("again")
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    workflow.wait_for("Will exit after finishing currently running jobs", name="again")
    assert process.wait(180) == 0 or "Finished jobid" in workflow.printed("again")
    assert (workflow.folder / "policy").exists()
    assert not fake_slurm.calls("scancel")[1:]
    assert json.loads(json.dumps(workflow.updates())) == sorted(workflow.updates())


def test_on_this_machine_and_in_this_process(workflow: Any, fake_slurm: Any) -> None:
    workflow.write(
        """
        rule all:
            input: "a", "b"
        rule good:
            output: "a"
            shell: "echo $OMP_NUM_THREADS > {output}"
        rule bad:
            output: "b"
            shell: "echo a local reason; exit 4"
        """
    )
    code, printed = workflow.run("--keep-going", "--submitit-cluster", "local")
    assert code != 0
    assert (workflow.folder / "a").read_text() == "1\n"
    assert "FAILED with exit code 4" in printed
    (workflow.folder / "a").unlink()
    code, printed = workflow.run("--submitit-cluster", "debug", "a")
    assert code == 0, printed
    assert (workflow.folder / "a").exists()
    assert not fake_slurm.jobs()


def test_a_folder_that_cannot_be_written_is_one_message(workflow: Any, fake_slurm: Any) -> None:
    """The records' folder becomes a file, so that every write fails; the job itself runs on."""
    workflow.write(
        """
        rule slow:
            output: "slow"
            shell: "touch started; while [ ! -e go ]; do sleep 0.1; done; touch {output}"
        rule next:
            input: "slow"
            output: "next"
            shell: "touch {output}"
        """
    )
    process = workflow.start("--nocolor", "next")
    wait_until(lambda: (workflow.folder / "started").exists(), 180, "the job runs")
    records = workflow.folder / ".snakemake/submitit/records"
    records.rename(records.with_name("moved"))
    records.touch()
    (workflow.folder / "go").touch()
    assert process.wait(180) != 0
    printed = workflow.printed()
    assert f"The submitit folder {records.parent} cannot be written: Not a directory" in printed
    assert "Traceback" not in printed
