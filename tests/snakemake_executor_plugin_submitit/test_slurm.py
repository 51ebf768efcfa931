"""Reading what SLURM prints, on recorded text."""

import pytest
from snakemake_executor_plugin_submitit.slurm import (
    Ending,
    Slurm,
    ending_from_scontrol,
    is_busy,
    is_submit_limit,
    parse_limits,
    parse_sacct,
    parse_scontrol_job,
    parse_squeue,
)


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
    assert endings["10"].state == "OUT_OF_MEMORY"  # some versions report it on the step only
    assert endings["12"].state == "CANCELLED"
    assert not any(ending.vanished for ending in endings.values())
    assert parse_sacct("") == {}


def test_a_cancellation_without_a_user_is_a_job_that_vanished() -> None:
    endings = parse_sacct("1|CANCELLED|0:0|n1|1764160000\n2|CANCELLED by 0|0:0|n1|Unknown\n")
    assert endings["1"] == Ending("CANCELLED", "0:0", "n1", vanished=True, submitted=1764160000.0)
    assert endings["2"] == Ending("CANCELLED", "0:0", "n1", "by 0")


def test_the_ending_of_an_older_job_with_the_same_id_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {
        "sacct": "7|CANCELLED by 0|0:0|n1|1764160000\n8|FAILED|1:0|n1|1764170000\n9|FAILED|1:0|n1|Unknown\n",
        "scontrol": "JobId=7 JobState=FAILED Reason=None SubmitTime=1764160000 ExitCode=2:0",
    }
    monkeypatch.setattr(Slurm, "call", lambda self, command, timeout_seconds=None: answers[command[0]])
    endings = Slurm().endings({"7": 1764170001.0, "8": 1764170001.0, "9": 1764170001.0})
    assert sorted(endings) == ["8", "9"]  # 8 by a clock one second behind, 9 where the time is unknown
    assert Slurm().endings({"7": 1764160001.0})["7"].detail == "by 0"


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
