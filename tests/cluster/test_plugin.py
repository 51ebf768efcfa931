"""The plugin as a whole: a real Snakemake on the fake scheduler."""

import csv
import json
import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from snakemake_executor_plugin_submitit.settings import CLUSTERS, ExecutorSettings, parse_boolean
from snakemake_interface_common.exceptions import WorkflowError
from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry

SLOW = """
rule train:
    output: "policy"
    params: steps=config.get("steps", 1), state="state"
    resources: runtime=60
    shell:
        "PYTHON 'TRAINER' --updates 40 --seconds 0.1 --state {params.state} --output {output} "
        "--journal journal"
"""


def settings_of(**words: str) -> Any:
    """Settings as Snakemake makes them from words of the command line or a profile."""
    import argparse

    plugin = ExecutorPluginRegistry().get_plugin("submitit")
    parser = argparse.ArgumentParser()
    plugin.register_cli_args(parser, "executor")
    line = [f"--submitit-{name.replace('_', '-')}={value}" for name, value in words.items()]
    return plugin.get_settings(parser.parse_args(line))


def test_every_setting_has_a_help_text_and_a_name() -> None:
    infos = {
        info["cliarg"]: info["help"]
        for info in ExecutorPluginRegistry().get_plugin("submitit").get_settings_info()
    }
    assert set(infos) == {
        f"--submitit-{name}"
        for name in (
            *(
                "folder",
                "cluster",
                "array-limit",
                "poll-interval",
                "max-requeues",
                "requeue",
                "signal-seconds",
            ),
            "job-prefix",
        )
    }
    assert all(len(text) > 40 for text in infos.values())
    assert CLUSTERS == ("slurm", "local", "debug")


def test_settings_are_parsed_by_us() -> None:
    assert settings_of() == ExecutorSettings()
    made = settings_of(requeue="false", array_limit="7", cluster="Local", folder="x y")
    assert (made.requeue, made.array_limit, made.cluster, made.folder) == (False, 7, "local", "x y")
    assert parse_boolean("True") is True
    assert parse_boolean(" off ") is False


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("requeue", "perhaps", "no boolean"),
        ("array_limit", "0", "at least 1"),
        ("poll_interval", "often", "whole number"),
        ("max_requeues", "-1", "at least 0"),
        ("cluster", "pbs", "one of slurm, local, debug"),
    ],
)
def test_wrong_settings_are_refused(name: str, value: str, sentence: str) -> None:
    with pytest.raises(WorkflowError, match=sentence):
        settings_of(**{name: value})


def test_a_dry_run_calls_no_slurm_command(workflow: Any, fake_slurm: Any) -> None:
    workflow.write(SLOW)
    code, told = workflow.run("--dry-run")
    assert code == 0
    assert "train" in told
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
    code, told = workflow.run()
    assert code != 0
    assert "Rule wrong asks for the resource partition, which the submitit executor does not know" in told
    assert "slurm_partition, slurm_account" in told
    assert "Traceback" not in told
    folder = workflow.folder / "open"
    folder.mkdir()
    folder.chmod(0o777)
    code, told = workflow.run("--submitit-folder", "open", "a")
    assert code != 0
    assert "can be written to by others (mode 0777)" in told
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
    code, told = workflow.run("--keep-going", "--retries", "1", "--group-components", "together=1")
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

    # What the user is told.
    assert "FAILED on fakenode with exit code 3" in told
    assert "| the reason" in told
    assert "resource gpu=-1 must be a whole number of at least 0" in told
    for job_id in jobs:
        assert f"is {job_id}, log: {workflow.folder}/.snakemake/submitit/" in told
    assert "Traceback (most recent call last)" not in told

    # Retries count failures only; memory grows after OUT_OF_MEMORY and not otherwise.
    assert [jobs[job_id]["options"]["mem"] for job_id in sorted(by_rule["failing"])] == ["500M", "500M"]
    starved = [jobs[job_id] for job_id in sorted(by_rule["starving"])]
    assert [job["options"]["mem"] for job in starved] == ["300M", "600M"]
    assert "OUT_OF_MEMORY on fakenode: it needed more than mem_mb=300" in told
    assert "A next attempt (--retries) asks for 600 MB" in told

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
    """A limit, no answer, an sbatch that does not tell: nothing fails, nothing runs twice."""
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
    workflow.wait_for("is tried again later", 60)
    fake_slurm.switch("squeue_fails", "Unable to contact slurm controller (connect failure)")
    workflow.wait_for("none is given up", 30)
    fake_slurm.clear("squeue_fails")
    assert process.wait(90) == 0
    told = workflow.told()
    assert "a limit on submitted jobs" in told
    assert "SLURM answers again" in told or "Finished jobid" in told
    assert (workflow.folder / "ran").read_text().count("x") == 4
    assert len(fake_slurm.jobs()) == 4


def test_kill_and_the_same_command_again(workflow: Any, fake_slurm: Any) -> None:
    """Live jobs are adopted, ended ones count as done, changed ones are cancelled first."""
    workflow.write(
        """
        rule all:
            input: "slow", "quick", "changed"
        rule slow:
            output: "slow"
            shell:
                "echo x >> slow.ran; touch {output}; while [ ! -e go ]; do sleep 0.1; done; "
                "echo done > {output}"
        rule quick:
            output: "quick"
            shell: "echo x >> quick.ran; while [ ! -e finish ]; do sleep 0.1; done; echo done > {output}"
        rule changed:
            output: "changed"
            params: value=config.get("value", 1)
            shell:
                "echo {params.value} >> changed.ran; [ {params.value} = 2 ] || sleep 100; "
                "echo {params.value} > {output}"
        """
    )
    folder = workflow.folder
    process = workflow.start()
    deadline = time.monotonic() + 60
    while not all((folder / f"{name}.ran").exists() for name in ("slow", "quick", "changed")):
        assert time.monotonic() < deadline, workflow.told()
        time.sleep(0.1)
    process.kill()
    process.wait()
    (folder / "finish").touch()
    assert len(workflow.records) == 3
    # As after a kill between sbatch and its answer: the job is found again by its comment.
    for path in workflow.records:
        record = json.loads(path.read_text())
        if record["jobs"][0]["rule"] == "slow":
            record["jobs"][0].update(job_id="", log="")
            path.write_text(json.dumps(record))
    while not (folder / "quick").exists() or "COMPLETED" not in {
        job["state"] for job in fake_slurm.jobs().values()
    }:
        assert time.monotonic() < deadline
        time.sleep(0.1)

    assert workflow.run("--unlock")[0] == 0
    before = set(fake_slurm.jobs())
    process = workflow.start("--config", "value=2", name="again")
    workflow.wait_for("Adopted SLURM job", name="again")
    workflow.wait_for("has other parameters or inputs now: it is cancelled first", name="again")
    assert (folder / "slow").exists()  # adopted before anything deletes its output
    (folder / "go").touch()
    assert process.wait(60) == 0
    told = workflow.told("again")
    assert "it is running" in told
    assert "ended well while Snakemake was away and counts as done" in told or "ended well meanwhile" in told
    assert (folder / "slow.ran").read_text() == "x\n"
    assert (folder / "quick.ran").read_text() == "x\n"
    assert (folder / "changed.ran").read_text() == "1\n2\n"
    assert (folder / "changed").read_text() == "2\n"
    assert len(set(fake_slurm.jobs()) - before) == 1
    cancelled = [job for job in fake_slurm.jobs().values() if job["state"] == "CANCELLED"]
    assert len(cancelled) == 1
    assert workflow.records == []


def test_forcerun_adopts_nothing(workflow: Any, fake_slurm: Any) -> None:
    workflow.write(
        """
        rule train:
            output: "policy"
            shell: "echo x >> ran; [ $(wc -l < ran) = 2 ] || sleep 100; touch {output}"
        """
    )
    process = workflow.start()
    deadline = time.monotonic() + 60
    while not (workflow.folder / "ran").exists():
        assert time.monotonic() < deadline, workflow.told()
        time.sleep(0.1)
    process.kill()
    process.wait()
    workflow.run("--unlock")
    code, told = workflow.run("--forcerun", "train")
    assert code == 0, told
    assert "is forced to run anew: it is cancelled first" in told
    assert "Adopted" not in told
    states = sorted(job["state"] for job in fake_slurm.jobs().values())
    assert states == ["CANCELLED", "COMPLETED"]


def test_interrupted_where_requeueing_is_forbidden(workflow: Any, fake_slurm: Any) -> None:
    """The plugin submits anew, as the same attempt; then SLURM itself requeues; the bytes are the same."""
    workflow.write(SLOW)
    fake_slurm.switch("requeue_forbidden")
    fake_slurm.switch("preempt_time", "2026-11-20T07:50:20")
    process = workflow.start("--retries", "0")
    deadline = time.monotonic() + 90

    def reached(update: int) -> None:
        while update not in workflow.updates():
            assert time.monotonic() < deadline, workflow.told()
            time.sleep(0.05)

    reached(5)
    (first,) = fake_slurm.jobs()
    assert fake_slurm.jobs()[first]["options"]["signal"] == "USR2@120"
    fake_slurm.send(first, signal.SIGTERM)
    workflow.wait_for("submitted anew, as the same attempt")
    fake_slurm.clear("requeue_forbidden")
    reached(15)
    second = max(fake_slurm.jobs())
    assert second != first
    fake_slurm.send(second, signal.SIGTERM)
    workflow.wait_for("requeued by the job (2 of at most 50)")
    assert process.wait(60) == 0, workflow.told()
    assert workflow.updates() == list(range(1, 41))
    assert fake_slurm.jobs()[second]["restarts"] == 1
    assert "Error" not in workflow.told()
    with (workflow.folder / ".snakemake/submitit/jobs.csv").open(newline="") as file:
        assert [row["attempt"] for row in csv.DictReader(file)] == ["1", "1"]


def test_a_cancelled_job_stays_cancelled(workflow: Any, fake_slurm: Any) -> None:
    workflow.write(SLOW)
    process = workflow.start("--retries", "3")
    deadline = time.monotonic() + 60
    while len(workflow.updates()) < 3:
        assert time.monotonic() < deadline, workflow.told()
        time.sleep(0.1)
    (job_id,) = fake_slurm.jobs()
    fake_slurm.end(job_id, "CANCELLED", signal.SIGTERM)
    assert process.wait(60) != 0
    told = workflow.told()
    assert "CANCELLED by 1000 on fakenode, not by this Snakemake; it stays cancelled" in told
    assert len(fake_slurm.jobs()) == 1
    assert "Trying to restart" not in told


def test_ctrl_c_cancels_and_sigterm_lets_jobs_go_on(workflow: Any, fake_slurm: Any) -> None:
    """Ctrl-C while sbatch has taken the job and not yet told: it is cancelled all the same."""
    # A shell starts what runs in the background deaf to Ctrl-C, and children would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    workflow.write(SLOW)
    fake_slurm.switch("sbatch_is_slow", "2")
    process = workflow.start()
    deadline = time.monotonic() + 60
    while not fake_slurm.jobs():
        assert time.monotonic() < deadline, workflow.told()
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)  # a terminal signals the whole group
    assert process.wait(60) != 0
    fake_slurm.clear("sbatch_is_slow")
    (job_id,) = fake_slurm.jobs()
    assert f"Cancelled 1 job: {job_id}" in workflow.told()
    assert fake_slurm.jobs()[job_id]["state"] == "CANCELLED"
    assert len(list((workflow.folder / ".snakemake/submitit/cancelled").iterdir())) == 1

    process = workflow.start(name="again")
    while len(fake_slurm.jobs()) < 2 or len(workflow.updates()) < 10:
        assert time.monotonic() < deadline, workflow.told("again")
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    workflow.wait_for("Will exit after finishing currently running jobs", name="again")
    assert process.wait(60) == 0 or "Finished jobid" in workflow.told("again")
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
    code, told = workflow.run("--keep-going", "--submitit-cluster", "local")
    assert code != 0
    assert (workflow.folder / "a").read_text() == "1\n"
    assert "FAILED with exit code 4" in told
    (workflow.folder / "a").unlink()
    code, told = workflow.run("--submitit-cluster", "debug", "a")
    assert code == 0, told
    assert (workflow.folder / "a").exists()
    assert not fake_slurm.jobs()


def test_jobs_that_wait_in_vain_are_named_after_a_minute() -> None:
    from snakemake_executor_plugin_submitit.executor import Executor, _Tracked
    from snakemake_executor_plugin_submitit.slurm import QueuedJob

    told: list[str] = []
    executor = Executor.__new__(Executor)
    executor.logger = SimpleNamespace(error=told.append)
    executor._hopeless_told = set()
    executor._tracked = {}
    for index in range(2):
        record = SimpleNamespace(job_id=f"7_{index}", rule="train")
        executor._tracked[index] = _Tracked(
            job=None,
            info=None,
            record=record,
            request=None,
            command="",
            title="",
            is_group=False,
            forced=False,
        )

    def squeue(reason: str, now: float) -> list[str]:
        executor._queue = {f"7_{index}": QueuedJob(f"7_{index}", "PENDING", reason, "") for index in range(2)}
        executor._name_hopeless(now)
        return told

    assert squeue("Resources", 0.0) == []
    assert squeue("Resources", 500.0) == []
    assert squeue("InvalidAccount", 501.0) == []
    assert squeue("InvalidAccount", 540.0) == []
    assert len(squeue("InvalidAccount", 562.0)) == 1
    assert "SLURM job 7 (rule train, 2 pending)" in told[0]
    assert "InvalidAccount, which does not pass by waiting: check slurm_account" in told[0]
    assert len(squeue("InvalidAccount", 700.0)) == 1
    assert len(squeue("(ReqNodeNotAvail, UnavailableNodes:n1)", 701.0)) == 1
    assert len(squeue("(ReqNodeNotAvail, UnavailableNodes:n1)", 800.0)) == 2
