"""How a job ended, in words."""

from pathlib import Path

import pytest
from snakemake_executor_plugin_submitit.job_logs import JobLog
from snakemake_executor_plugin_submitit.reasons import error_message, explain, state_of
from snakemake_executor_plugin_submitit.resources import request_of
from snakemake_executor_plugin_submitit.slurm import Ending, log_shows_out_of_memory

REQUEST = request_of("train", {"mem_mb": 500, "runtime": 5}, 1)


def test_out_of_memory_with_and_without_cgroups(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = JobLog(str(path))
    failed = {"outcome": "failed", "exit_code": 1}
    path.write_text("fine\n")
    assert state_of(failed, Ending("OUT_OF_MEMORY", "0:125"), log) == "OUT_OF_MEMORY"
    assert state_of(failed, Ending("FAILED", "1:0"), log) == "FAILED"
    path.write_text(
        "slurmstepd: error: Detected 1 oom-kill event(s) in StepId=2.0. Some of your processes may\n"
    )
    assert state_of(failed, Ending("FAILED", "9:0"), log) == "OUT_OF_MEMORY"
    path.write_text("slurmstepd: error: Step 2.0 exceeded memory limit (612400 > 512000), being killed\n")
    assert state_of(None, Ending("FAILED", "9:0"), log) == "OUT_OF_MEMORY"
    assert state_of(failed, None, log) == "OUT_OF_MEMORY"
    assert log_shows_out_of_memory("slurmstepd: error: Exceeded job memory limit")
    assert not log_shows_out_of_memory("MemoryError: Unable to allocate 3 GiB")


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
        (
            "CANCELLED",
            Ending("CANCELLED", "0:0", "n1", vanished=True),
            "it vanished from SLURM on n1 without a result: accounting closed it as CANCELLED",
        ),
        ("FAILED", Ending("FAILED", "3:0", "n1"), "FAILED on n1 with exit code 3"),
        ("FAILED", Ending("FAILED", "0:9", "n1"), "FAILED on n1 with exit code 0 (signal 9)"),
        ("", None, "left the queue without a result, and SLURM reports no reason"),
    ],
)
def test_reasons_in_words(state: str, ending: Ending | None, words: str) -> None:
    assert words in explain(state, None, ending, REQUEST)


def test_a_job_that_left_only_a_result_is_not_called_missing() -> None:
    assert explain("", {"outcome": "cancelled"}, None, REQUEST) == "it was cancelled by Snakemake"
    assert explain("", {"outcome": "interrupted"}, None, REQUEST).startswith("SLURM stopped it")
    assert (
        explain("FAILED", {"outcome": "failed", "exit_code": 3}, None, REQUEST) == "FAILED with exit code 3"
    )


def test_the_message_shows_the_logs_that_the_job_has_written(tmp_path: Path) -> None:
    (tmp_path / "rule.log").write_text("of an earlier attempt\n")
    found = (tmp_path / "rule.log").stat()
    (tmp_path / "job.log").write_text("the reason\n")
    old = JobLog(str(tmp_path / "rule.log"), before=(found.st_mtime_ns, found.st_size))
    own = JobLog(str(tmp_path / "job.log"))
    assert error_message("Job 7", "FAILED", [old, own], "Try more.").splitlines() == [
        "Job 7: FAILED.",
        "    Try more.",
        f"    Log: {tmp_path}/job.log, which ends with:",
        "      | the reason",
        "    ",
    ]
    assert "(empty, or not written by this job)" in error_message("Job 7", "FAILED", [old])
