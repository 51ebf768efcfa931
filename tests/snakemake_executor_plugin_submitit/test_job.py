"""The entry point of a SLURM job: submitit's, without numpy."""

import os
import pickle
import subprocess
import sys

from submitit.core.utils import DelayedSubmission


def run(folder, function, *arguments):
    """What a job runs, as SLURM would start it: the outcome and its value."""
    DelayedSubmission(function, *arguments).dump(folder / "17_submitted.pkl")
    slurm = {"SLURM_JOB_ID": "17", "SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NTASKS": "1"}
    subprocess.run(
        [sys.executable, "-m", "snakemake_executor_plugin_submitit.job", str(folder)],
        env={**os.environ, **slurm, "SUBMITIT_EXECUTOR": "slurm"},
        check=False,
        capture_output=True,
        timeout=60,
    )
    return pickle.loads((folder / "17_0_result.pkl").read_bytes())


def test_a_job_runs_what_was_pickled_without_numpy(tmp_path):
    look = "[__import__('sys').modules.get('numpy', 'not asked for'), 6 * 7]"
    assert run(tmp_path, eval, look) == ("success", [None, 42])


def test_a_job_that_fails_says_why(tmp_path):
    outcome, trace = run(tmp_path, eval, "1 / 0")
    assert outcome == "error"
    assert "ZeroDivisionError: division by zero" in trace
