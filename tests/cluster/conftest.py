"""Fixtures of the tests on a real SLURM."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.snakemake_executor_plugin_submitit.workflows import Workflow


@pytest.fixture(scope="session")
def workflow_in() -> Callable[[Path, list[str]], Workflow]:
    """Make a workflow in a folder, with options for every call of Snakemake."""
    return lambda folder, options: Workflow(folder, dict(os.environ), options)


def _cluster_missing() -> str | None:
    """Why there is no one-box SLURM here, or None if there is."""
    if os.environ.get("RECHECK_TEST_CLUSTER") != "1":
        return "needs the one-box SLURM: make test-cluster"
    if shutil.which("scontrol") is None or not os.environ.get("SLURM_CONF"):
        return "SLURM is not installed or not started: tests/cluster/slurm_up.sh"
    ping = subprocess.run(["scontrol", "ping"], capture_output=True, text=True)
    return None if "UP" in ping.stdout else f"SLURM does not answer: {ping.stdout or ping.stderr}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests marked `cluster` where there is no cluster; with RECHECK_TEST_CLUSTER=1 they fail."""
    if os.environ.get("RECHECK_TEST_CLUSTER") == "1":
        return
    for item in items:
        if item.get_closest_marker("cluster"):
            item.add_marker(pytest.mark.skip(reason="needs the one-box SLURM: make test-cluster"))


@pytest.fixture(scope="session")
def cluster() -> None:
    """The one-box SLURM; a missing one is a failure, because RECHECK_TEST_CLUSTER=1 asks for it."""
    missing = _cluster_missing()
    if missing is not None:
        pytest.fail(missing)
