"""Fixtures: a fake scheduler in front of PATH, and small workflows."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.snakemake_executor_plugin_submitit.workflows import FakeSlurm, Workflow

HERE = Path(__file__).parent


@pytest.fixture
def fake_slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSlurm]:
    """The fake scheduler's commands in front of PATH."""
    folder = tmp_path / "fake slurm"
    (folder / "jobs").mkdir(parents=True)
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sbatch", "srun", "squeue", "sacct", "scancel", "scontrol"):
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -S -E "{HERE / "fake_slurm.py"}" {name} "$@"\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_SLURM", str(folder))
    fake = FakeSlurm(folder)
    yield fake
    fake.kill_all()


@pytest.fixture
def workflow(tmp_path: Path, fake_slurm: FakeSlurm) -> Iterator[Workflow]:
    """An empty folder (a blank, an accent and brackets in its name) whose jobs go to the fake scheduler."""
    folder = tmp_path / "a wörkflow [1]"
    folder.mkdir()
    options = ["--executor", "submitit", "--jobs", "50", "--latency-wait", "2", "--scheduler", "greedy"]
    options += ["--submitit-poll-interval", "1", "--rerun-incomplete", "--default-resources", "mem_mb=500"]
    made = Workflow(folder, dict(os.environ), options)
    yield made
    made.stop()
