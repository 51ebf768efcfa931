"""Reading what SLURM prints, on recorded text."""

import pytest
from snakemake_executor_plugin_submitit.reasons import explain, log_tail, state_of
from snakemake_executor_plugin_submitit.resources import request_of
from snakemake_executor_plugin_submitit.slurm import (
    Ending,
    ending_from_scontrol,
    is_busy,
    is_submit_limit,
    log_tells_out_of_memory,
    parse_limits,
    parse_sacct,
    parse_scontrol_job,
    parse_squeue,
)

REQUEST = request_of("train", {"mem_mb": 500, "runtime": 5}, 1)


def test_squeue() -> None:
    jobs = parse_squeue(
        "12_0|RUNNING|None|9f3c\n12_1|PENDING|Resources|9f3c\n13|COMPLETING|None|(null)\n"
        "14|PENDING|ReqNodeNotAvail, UnavailableNodes:n1|a|b\n"
    )
    assert sorted(jobs) == ["12_0", "12_1", "13", "14"]
    assert jobs["12_1"].state == "PENDING"
    assert jobs["12_1"].reason == "Resources"
    assert jobs["12_0"].comment == "9f3c"
    assert jobs["13"].comment == ""
    assert jobs["14"].comment == "a|b"


def test_squeue_that_packs_pending_tasks() -> None:
    assert sorted(parse_squeue("7_[0-2,5%3]|PENDING|Priority|x\n")) == ["7_0", "7_1", "7_2", "7_5"]


def test_sacct_with_states_of_jobs_and_steps() -> None:
    endings = parse_sacct(
        "6|OUT_OF_MEMORY|0:125|main\n6.batch|OUT_OF_MEMORY|0:125|main\n"
        "7|TIMEOUT|0:0|main\n8|CANCELLED by 1000|0:15|None assigned\n9_3|NODE_FAIL|1:0|n7\n"
        "10|FAILED|1:0|main\n10.0|OUT_OF_MEMORY|0:125|main\n11|COMPLETED|0:0|main\n12|CANCELLED+|0:0|main\n"
    )
    assert endings["6"] == Ending("OUT_OF_MEMORY", "0:125", "main")
    assert endings["8"] == Ending("CANCELLED", "0:15", "None assigned", "by 1000")
    assert endings["9_3"].state == "NODE_FAIL"
    assert endings["10"].state == "OUT_OF_MEMORY"  # some versions tell of it on the step only
    assert endings["12"].state == "CANCELLED"
    assert parse_sacct("") == {}


SCONTROL = (
    "JobId=31 ArrayJobId=30 ArrayTaskId=1 JobName=train UserId=root(0) GroupId=root(0) MCS_label=N/A "
    "Priority=4294901757 Nice=0 Account=lab QOS=normal JobState=RUNNING Reason=None Dependency=(null) "
    "Requeue=1 Restarts=2 BatchFlag=1 Reboot=0 ExitCode=0:0 RunTime=00:01:09 TimeLimit=00:05:00 "
    "PreemptEligibleTime=2026-11-20T07:49:13 PreemptTime=2026-11-20T07:50:20 BatchHost=node1 "
    "Command=/a folder/x.sh WorkDir=/a folder Comment=9f3c"
)


def test_scontrol_show_job() -> None:
    fields = parse_scontrol_job(SCONTROL)
    assert fields["JobState"] == "RUNNING"
    assert fields["PreemptTime"] == "2026-11-20T07:50:20"
    assert fields["WorkDir"] == "/a folder"
    assert fields["Restarts"] == "2"
    assert ending_from_scontrol(fields) is None
    ended = {**fields, "JobState": "OUT_OF_MEMORY", "ExitCode": "0:125", "Reason": "OutOfMemory"}
    assert ending_from_scontrol(ended) == Ending("OUT_OF_MEMORY", "0:125", "node1", "OutOfMemory")
    assert ending_from_scontrol({}) is None


def test_the_largest_array() -> None:
    text = "MaxArraySize            = 1001\nSchedulerParameters     = bf_interval=2,max_array_tasks=64,x\n"
    assert parse_limits(text).max_array_tasks == 64
    assert parse_limits("MaxArraySize            = 33\n").max_array_tasks == 33
    assert parse_limits("MaxArraySize            = 0\n").max_array_tasks == 1
    assert parse_limits("").max_array_tasks == 1001


@pytest.mark.parametrize(
    "text",
    [
        "sbatch: error: QOSMaxSubmitJobPerUserLimit sbatch: error: Batch job submission failed: Job violates "
        "accounting/QOS policy (job submit limit, user's size and/or time limits)",
        "sbatch: error: AssocGrpSubmitJobsLimit",
        "sbatch: error: AssocMaxSubmitJobLimit",
        "sbatch: error: QOSMaxSubmitJob",
        "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit limit, "
        "user's size and/or time limits)",
    ],
)
def test_refusals_that_waiting_cures(text: str) -> None:
    assert is_submit_limit(text)


@pytest.mark.parametrize(
    "text",
    [
        "sbatch: error: invalid partition specified: gpuu",
        "sbatch: error: Invalid account or account/partition combination specified",
        "sbatch: error: QOSMaxWallDurationPerJobLimit sbatch: error: Batch job submission failed: Job "
        "violates accounting/QOS policy (job submit limit, user's size and/or time limits)",
        "sbatch: error: Batch job submission failed: Requested node configuration is not available",
        "sbatch: error: Batch job submission failed: Invalid qos specification",
    ],
)
def test_refusals_that_it_does_not(text: str) -> None:
    assert not is_submit_limit(text)
    assert not is_busy(text)


def test_no_answer() -> None:
    assert is_busy("sbatch: error: Batch job submission failed: Socket timed out on send/recv operation")
    assert is_busy(
        "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)"
    )


def test_out_of_memory_with_and_without_cgroups(tmp_path) -> None:
    log = tmp_path / "log"
    failed = {"outcome": "failed", "exit_code": 1}
    log.write_text("fine\n")
    assert state_of(failed, Ending("OUT_OF_MEMORY", "0:125"), str(log)) == "OUT_OF_MEMORY"
    assert state_of(failed, Ending("FAILED", "1:0"), str(log)) == "FAILED"
    log.write_text(
        "slurmstepd: error: Detected 1 oom-kill event(s) in StepId=2.0. Some of your processes may\n"
    )
    assert state_of(failed, Ending("FAILED", "9:0"), str(log)) == "OUT_OF_MEMORY"
    log.write_text("slurmstepd: error: Step 2.0 exceeded memory limit (612400 > 512000), being killed\n")
    assert state_of(None, Ending("FAILED", "9:0"), str(log)) == "OUT_OF_MEMORY"
    assert state_of(failed, None, str(log)) == "OUT_OF_MEMORY"
    assert log_tells_out_of_memory("slurmstepd: error: Exceeded job memory limit")
    assert not log_tells_out_of_memory("MemoryError: Unable to allocate 3 GiB")


@pytest.mark.parametrize(
    ("state", "ending", "words"),
    [
        (
            "OUT_OF_MEMORY",
            Ending("OUT_OF_MEMORY", "0:125", "n1"),
            "OUT_OF_MEMORY on n1: it needed more than mem_mb=500",
        ),
        ("TIMEOUT", Ending("TIMEOUT", "0:0", "n1"), "TIMEOUT on n1: it reached runtime=5 minutes"),
        ("NODE_FAIL", Ending("NODE_FAIL", "1:0", "n1"), "NODE_FAIL: its node n1 failed"),
        (
            "CANCELLED",
            Ending("CANCELLED", "0:15", "n1", "by 7"),
            "CANCELLED by 7 on n1, not by this Snakemake",
        ),
        ("FAILED", Ending("FAILED", "3:0", "n1"), "FAILED on n1 with exit code 3"),
        ("FAILED", Ending("FAILED", "0:9", "n1"), "FAILED on n1 with exit code 0 (signal 9)"),
        ("", None, "SLURM tells no reason"),
    ],
)
def test_reasons_in_words(state: str, ending: Ending | None, words: str) -> None:
    assert words in explain(state, None, ending, REQUEST)


def test_the_log_tail_keeps_the_reason(tmp_path) -> None:
    log = tmp_path / "log"
    log.write_text(
        "".join(f"line {number}\n" for number in range(50))
        + "Command 'set -euo pipefail;  false' returned non-zero exit status 3.\n"
        + "\nShutting down, this might take some time.\nElapsed time: 0:00:01\nWorkflowError:\n"
        + "At least one job did not complete successfully.\n"
    )
    tail = log_tail(str(log), 3)
    assert tail.splitlines() == [
        "line 48",
        "line 49",
        "Command 'set -euo pipefail;  false' returned non-zero exit status 3.",
    ]
    failed = {"outcome": "failed", "exit_code": 1}
    assert "exit code 3" in explain("FAILED", failed, None, REQUEST, str(log))
    assert log_tail(str(tmp_path / "none")) == ""
