"""The log files of a job: which lines it has written, and the last of them."""

import os
import time
from pathlib import Path

from snakemake_executor_plugin_submitit.job_logs import JobLog, log_mark, log_of_rule
from snakemake_executor_plugin_submitit.snakemake_job import log_stamps


def test_the_tail_keeps_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(
        "".join(f"line {number}\n" for number in range(50))
        + "Command 'set -euo pipefail;  false' returned non-zero exit status 3.\n"
        + "\nShutting down, this might take some time.\nElapsed time: 0:00:01\nWorkflowError:\n"
        + "At least one job did not complete successfully.\n"
    )
    log = JobLog(str(path))
    assert log.tail(3).splitlines() == [
        "line 48",
        "line 49",
        "Command 'set -euo pipefail;  false' returned non-zero exit status 3.",
    ]
    assert log.exit_status() == 3
    missing = JobLog(str(tmp_path / "none"))
    assert (missing.text(), missing.tail(), missing.exit_status()) == ("", "", None)


def test_long_lines_are_cut(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("x" * 1000 + "\n")
    assert JobLog(str(tmp_path / "log")).tail() == "x" * 300 + " ..."


def test_a_rules_log_counts_once_the_job_has_written_it(tmp_path: Path) -> None:
    path = tmp_path / "rule.log"
    assert log_stamps([str(path)]) == {}
    path.write_text("attempt 1\n")
    before = log_stamps([str(path)])
    assert log_of_rule(str(path), before).text() == ""
    assert log_of_rule(str(path), {}).text() == "attempt 1\n"  # not there when the job was submitted
    assert log_of_rule(str(path), None).text() == "attempt 1\n"  # a record of an earlier version
    path.write_text("attempt 22\n")
    assert log_of_rule(str(path), before).text() == "attempt 22\n"


def test_a_log_of_a_reused_job_id_begins_at_the_jobs_mark(tmp_path: Path) -> None:
    """The controller has lost its state, and job ids start again: the file holds the old job's lines."""
    path = tmp_path / "7_0_log.out"
    path.write_text("the old job failed: returned non-zero exit status 9.\n")
    submitted = time.time()
    os.utime(path, (submitted - 3600, submitted - 3600))
    log = JobLog(str(path), mark=log_mark("a" * 16), submitted=submitted)
    assert (log.text(), log.exit_status()) == ("", None)
    with path.open("a") as file:
        print("slurmstepd: error: cannot be launched", file=file)
    assert "cannot be launched" in log.tail()  # written since, but not by the wrapper
    with path.open("a") as file:
        print(f"[submitit executor] {log_mark('a' * 16)}\nnew line\n", file=file)
    assert log.tail() == "new line"
    assert log.exit_status() is None
